//! The trail of one message to one recipient through the mail log: fed with lines, it knows the queue id, the attempts for
//! this recipient, and what the same process said just before. What a line is worth depends on who can have written it:
//! a file of a syslog daemon, or of postlogd(8), has lines of any local user, and these count only as far as the queue,
//! which is Postfix's alone, bears them out.

use std::collections::{BTreeSet, VecDeque};

use super::log::event::plain;
use super::log::line::Line;
use super::log::witness::{ON_THE_WAY, Witness};
use super::log::{Attempt, Event, Hop, Status, parse_event, parse_line};
use super::queue::{Addressee, Recipient};

/// Attempts that are kept. For one recipient there are a few; more than that somebody else has written.
const ATTEMPTS: usize = 200;
/// Queue ids to which the message went on that are kept.
const ONWARD: usize = 50;

/// Who can have written what a log says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Author {
    /// Postfix and root alone: the journal, which records who sent a record.
    Postfix,
    /// Every local user, by logger(1) or postlog(1): a file.
    Anybody,
}

/// What is known of one message on its way to one recipient.
#[derive(Debug)]
pub struct Trail {
    message_id: String,
    to: String,
    author: Author,
    queue_id: Option<String>,
    /// Other queue ids that had our Message-ID.
    others: BTreeSet<String>,
    /// Ids under which a daemon of ours said that it handed the message on.
    onward: Vec<String>,
    attempts: Vec<Attempt>,
    /// Attempts for our recipient of before the queue id was known: syslog may bring the lines of two daemons in the
    /// wrong order.
    early: VecDeque<Attempt>,
    witness: Witness,
    /// What the log says of lines that it has lost.
    lost: Option<String>,
}

/// Where the message is, by one attempt.
#[derive(Debug, Clone, PartialEq)]
pub enum Whereabouts {
    /// The relay accepted it.
    Accepted(Attempt),
    /// It was delivered on this host, or discarded.
    StayedHere(Attempt),
    /// Another host than the relay accepted it.
    WentElsewhere(Attempt),
    /// Postfix keeps it and will try again.
    Deferred(Attempt),
    /// Postfix gave up.
    Bounced(Attempt),
}

impl Whereabouts {
    /// The attempt that says so.
    pub fn attempt(&self) -> &Attempt {
        match self {
            Self::Accepted(attempt)
            | Self::StayedHere(attempt)
            | Self::WentElsewhere(attempt)
            | Self::Deferred(attempt)
            | Self::Bounced(attempt) => attempt,
        }
    }
}

/// What log and queue come to.
#[derive(Debug, Clone, PartialEq)]
pub enum Word {
    /// Nothing yet: not tried, or an attempt is under way.
    Open,
    /// Log and queue agree.
    Said(Whereabouts),
    /// They do not, in words. One of them may be late; if that stays so, somebody else has written to the log.
    Doubt(String),
}

/// Those of our recipients that are still to do, by the queue: one, or several where an alias stands for them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    waiting: Vec<Recipient>,
}

impl Standing {
    /// Of the recipients in the message's queue file (none: it is not in the queue any more) those that `to` stands for,
    /// with the reasons that the queue shows.
    pub fn new(to: &str, envelope: &[Addressee], shown: &[Recipient]) -> Self {
        let to = plain(to);
        let ours = envelope
            .iter()
            .filter(|one| !one.done && [&one.address, &one.original].iter().any(|it| plain(it) == to));
        let reason = |address: &str| {
            let shown = shown.iter().find(|shown| plain(&shown.address) == plain(address));
            shown.map(|shown| shown.reason.clone()).unwrap_or_default()
        };
        let waiting =
            ours.map(|one| Recipient { address: one.address.clone(), reason: reason(&one.address) });
        Self { waiting: waiting.collect() }
    }

    /// Whether nothing is to be done any more.
    pub fn is_done(&self) -> bool {
        self.waiting.is_empty()
    }
}

impl Trail {
    /// Follows the message with this Message-ID, written without angle brackets, to the recipient as it was given to
    /// Postfix.
    pub fn new(message_id: &str, to: &str, author: Author) -> Self {
        Self {
            message_id: message_id.to_owned(),
            to: to.to_owned(),
            author,
            queue_id: None,
            others: BTreeSet::new(),
            onward: Vec::new(),
            attempts: Vec::new(),
            early: VecDeque::new(),
            witness: Witness::default(),
            lost: None,
        }
    }

    /// The queue id, once cleanup(8) has logged it with our Message-ID. The first one: nobody knows the Message-ID
    /// before that.
    pub fn queue_id(&self) -> Option<&str> {
        self.queue_id.as_deref()
    }

    /// Who can have written what this trail was fed with.
    pub fn author(&self) -> Author {
        self.author
    }

    /// Takes one line of the log. The same line twice does no harm.
    pub fn feed(&mut self, raw: &str) {
        let Some(line) = parse_line(raw) else {
            self.lost = self.lost.take().or_else(|| loss(raw));
            return;
        };
        match parse_event(&line) {
            Event::Queued { queue_id, message_id } if message_id == self.message_id => match &self.queue_id {
                None => {
                    self.queue_id = Some(queue_id);
                    for attempt in std::mem::take(&mut self.early) {
                        self.attempt(attempt);
                    }
                }
                Some(ours) if *ours != queue_id && self.others.len() < ONWARD => {
                    self.others.insert(queue_id);
                }
                Some(_) => {}
            },
            Event::Queued { .. } | Event::Expired { .. } | Event::Deleted { .. } => {}
            Event::Attempt(attempt) => self.attempt(attempt),
            Event::Other => self.witness.hear(0, &line),
        }
    }

    fn attempt(&mut self, attempt: Attempt) {
        let is_known = |id: &String| *id == attempt.queue_id;
        if self.queue_id.as_ref().is_some_and(is_known) || self.others.iter().any(is_known) {
            // `forwarded as ID` of local(8), `250 2.0.0 Ok: queued as ID` of a content filter
            let onward = attempt.reason.rsplit_once(" as ").map(|(_, id)| id);
            if let Some(id) = onward.filter(|_| attempt.status == Status::Sent && self.onward.len() < ONWARD)
            {
                self.onward.push(id.to_owned());
            }
        }
        if !attempt.is_for(&self.to) {
            return;
        }
        match &self.queue_id {
            None => {
                if self.early.len() == ATTEMPTS {
                    self.early.pop_front();
                }
                self.early.push_back(attempt);
            }
            Some(ours) if *ours == attempt.queue_id => {
                if self.attempts.len() <= ATTEMPTS && !self.attempts.contains(&attempt) {
                    self.attempts.push(attempt);
                }
            }
            Some(_) => {}
        }
    }

    /// What log and queue come to. `is_relay` tells whether a host is the relay of the answers. Where an alias stands for
    /// several recipients the relay has to accept all of them, and the first that it does not decides.
    pub fn word(&self, standing: &Standing, is_relay: impl Fn(&str, &str, u16) -> bool) -> Word {
        if let Some(doubt) = self.doubt() {
            return Word::Doubt(doubt);
        }
        let mut all: Vec<String> = Vec::new();
        let waiting = standing.waiting.iter().map(|one| &one.address);
        for address in self.attempts.iter().map(|attempt| &attempt.to).chain(waiting).map(|to| plain(to)) {
            if !all.contains(&address) {
                all.push(address);
            }
        }
        let (mut good, mut bad, mut open) = (None, None, false);
        for address in all {
            match self.word_of(&address, standing) {
                Err(doubt) => return Word::Doubt(doubt),
                Ok(None) => open = true,
                Ok(Some(attempt)) => match whereabouts(attempt, &is_relay) {
                    accepted @ Whereabouts::Accepted(_) => good = Some(accepted),
                    other => bad = bad.or(Some(other)),
                },
            }
        }
        match bad.or_else(|| good.filter(|_| !open)) {
            Some(found) => Word::Said(found),
            None => Word::Open,
        }
    }

    /// What makes a log that anybody can write to worthless, whatever the queue says.
    fn doubt(&self) -> Option<String> {
        if self.author == Author::Postfix {
            return None;
        }
        if self.attempts.len() > ATTEMPTS {
            return Some(format!("the log has more than {ATTEMPTS} attempts for one recipient"));
        }
        if let Some(lost) = self.lost.as_ref().filter(|lost| lost.contains("postfix")) {
            return Some(format!("the log has lost lines of Postfix: {lost}"));
        }
        let foreign = self.others.iter().find(|id| !self.onward.contains(id));
        foreign.map(|id| {
            let ours = self.queue_id.as_deref().unwrap_or_default();
            format!("the log has the message under two queue ids, {ours} and {id}")
        })
    }

    /// The attempt that counts for one recipient, if one does; or why the log cannot be believed.
    fn word_of(&self, address: &str, standing: &Standing) -> Result<Option<&Attempt>, String> {
        let of_it: Vec<&Attempt> =
            self.attempts.iter().filter(|attempt| plain(&attempt.to) == address).collect();
        if self.author == Author::Postfix {
            return Ok(of_it.last().copied());
        }
        let waits = standing.waiting.iter().find(|one| plain(&one.address) == address);
        let mut ends = of_it.iter().enumerate().filter(|(_, attempt)| attempt.status != Status::Deferred);
        match (ends.next(), ends.next(), waits) {
            (Some((_, one)), Some((_, other)), _) => {
                Err(format!("the log has two ends of {address}: {}, and {}", end(one), end(other)))
            }
            (Some((at, one)), None, _) if at + 1 < of_it.len() => {
                Err(format!("the log has attempts for {address} after its end: {}", end(one)))
            }
            (Some((_, one)), None, Some(_)) => {
                Err(format!("the log says of {address}: {}; the queue says: still waiting", end(one)))
            }
            (Some((_, one)), None, None) => Ok(Some(one)),
            // Under way, for the first time or again.
            (None, _, Some(waits)) if waits.reason.is_empty() => Ok(None),
            (None, _, Some(waits)) => deferred(&of_it, address, &waits.reason),
            (None, _, None) => Err(format!("the queue is done with {address}, and the log does not say how")),
        }
    }

    /// Whether master(8) has given up starting a daemon for now. qmgr(8) tells of it a minute later.
    pub fn is_throttled(&self) -> bool {
        let ends = |line: &str| {
            ON_THE_WAY.iter().any(|name| line.contains(&format!("/{name}: bad command startup")))
        };
        self.witness.deaths(0).any(ends)
    }

    /// Whether the reasons that the queue shows are needed.
    pub fn needs_reasons(&self) -> bool {
        self.author == Author::Anybody
            && self.attempts.iter().any(|attempt| attempt.status == Status::Deferred)
    }

    /// How many attempts for our recipient the log has.
    pub fn attempts(&self) -> usize {
        self.attempts.len()
    }

    /// What explains an attempt: its reason, what its process said before, and which daemons died meanwhile; and what
    /// explains that there was none.
    pub fn evidence<'a>(&'a self, attempt: Option<&'a Attempt>) -> Vec<&'a str> {
        let queue_id = self.queue_id.as_deref().unwrap_or_default();
        let said = attempt.map(|attempt| self.witness.said(0, attempt.pid, queue_id));
        let lost = self.lost.as_deref().filter(|_| attempt.is_none());
        let reason = attempt.map(Attempt::words);
        reason
            .into_iter()
            .chain(said.into_iter().flatten())
            .chain(self.witness.deaths(0))
            .chain(lost)
            .collect()
    }
}

fn whereabouts(attempt: &Attempt, is_relay: impl Fn(&str, &str, u16) -> bool) -> Whereabouts {
    let found = attempt.clone();
    match (attempt.status, &attempt.relay) {
        (Status::Deferred, _) => Whereabouts::Deferred(found),
        (Status::Bounced, _) => Whereabouts::Bounced(found),
        (Status::Sent, Hop::Host { name, address, port }) if is_relay(name, address, *port) => {
            Whereabouts::Accepted(found)
        }
        (Status::Sent, Hop::Host { .. }) => Whereabouts::WentElsewhere(found),
        (Status::Sent, Hop::None | Hop::Here(_)) => Whereabouts::StayedHere(found),
    }
}

/// The attempt that has the reason that the queue shows; of several the last one.
fn deferred<'a>(of_it: &[&'a Attempt], address: &str, reason: &str) -> Result<Option<&'a Attempt>, String> {
    let mut fitting = of_it.iter().rev().filter(|attempt| is_same_reason(&attempt.reason, reason));
    let (Some(last), others) = (fitting.next(), fitting) else {
        return match of_it.last() {
            // The line is not there yet.
            None => Ok(None),
            Some(last) => Err(format!("the log says of {address}: {}; the queue says: {reason}", end(last))),
        };
    };
    let hop = |attempt: &Attempt| match &attempt.relay {
        Hop::Host { name, port, .. } => format!("{name}:{port}"),
        Hop::None => "nobody".into(),
        Hop::Here(agent) => agent.clone(),
    };
    for other in others {
        if hop(other) != hop(last) {
            return Err(format!(
                "the log says of {address} that both {} and {} put it off",
                hop(other),
                hop(last)
            ));
        }
    }
    Ok(Some(last))
}

/// Whether the reason in the log is the one that the queue shows. Both have it from one text, in which each has masked
/// in its own way what is not printable ASCII; and Postfix cuts a line of the log at 2000 bytes (`msg_syslog.c`).
fn is_same_reason(logged: &str, shown: &str) -> bool {
    const LONG: usize = 1500;
    let bare =
        |text: &str| -> String { text.chars().filter(|c| c.is_ascii_graphic() && *c != '?').collect() };
    let (logged, shown) = (bare(logged), bare(shown));
    logged == shown || logged.len() >= LONG && shown.starts_with(&logged)
}

/// How an attempt ended, in words.
fn end(attempt: &Attempt) -> String {
    let status = match attempt.status {
        Status::Sent => "delivered",
        Status::Deferred => "put off",
        Status::Bounced => "bounced",
    };
    format!("{status} ({})", attempt.reason)
}

/// A line of journald or rsyslog that says that lines were dropped.
fn loss(raw: &str) -> Option<String> {
    let line = Line::of_system(raw)?;
    let is_loss = line.text.starts_with("Suppressed ") || line.text.contains("rate-limiting");
    is_loss.then(|| line.text.to_owned())
}

#[cfg(test)]
#[path = "trail_tests.rs"]
mod tests;
