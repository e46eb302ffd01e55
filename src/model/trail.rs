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

/// An end of the message as a whole, which no line of a recipient tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gone {
    /// It was in the queue for too long, or an administrator had it expire.
    Expired,
    /// An administrator took it out of the queue.
    Deleted,
    /// A rule or a milter threw it away.
    Discarded,
    /// Its sender was told that it did not arrive.
    Returned,
}

impl Gone {
    fn words(self) -> &'static str {
        match self {
            Self::Expired => "expired, returned to sender",
            Self::Deleted => "taken out of the queue by postsuper",
            Self::Discarded => "discarded by a rule",
            Self::Returned => "returned to sender",
        }
    }
}

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
    gone: Option<Gone>,
    /// Whether an administrator took messages out of the queue, ours perhaps.
    cleared: bool,
    /// The same as `gone` of before the queue id was known, with theirs.
    early_gone: VecDeque<(String, Gone)>,
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
    /// They agree that it is gone, and no attempt was its end.
    Gone(Gone),
    /// They do not, in words. One of them may be late; if that stays so, somebody else has written to the log.
    Doubt(String),
}

impl Word {
    /// The attempt that it is of, if it is of one.
    pub fn attempt(&self) -> Option<&Attempt> {
        match self {
            Self::Said(found) => Some(found.attempt()),
            Self::Open | Self::Gone(_) | Self::Doubt(_) => None,
        }
    }
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
            gone: None,
            cleared: false,
            early_gone: VecDeque::new(),
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
                    for (queue_id, gone) in std::mem::take(&mut self.early_gone) {
                        self.gone(queue_id, gone);
                    }
                }
                Some(ours) if *ours != queue_id && self.others.len() < ONWARD => {
                    self.others.insert(queue_id);
                }
                Some(_) => {}
            },
            Event::Queued { .. } => {}
            Event::Expired { queue_id } => self.gone(queue_id, Gone::Expired),
            Event::Deleted { queue_id } => self.gone(queue_id, Gone::Deleted),
            Event::Discarded { queue_id } => self.gone(queue_id, Gone::Discarded),
            Event::Returned { queue_id } => self.gone(queue_id, Gone::Returned),
            Event::Attempt(attempt) => self.attempt(attempt),
            // `postsuper -d ALL` names no queue ids, and `postsuper -r` gives new ones (postsuper.c).
            Event::Other if line.daemon == "postsuper" => {
                self.cleared |= ["Deleted: ", "Requeued: "].iter().any(|word| line.text.starts_with(word));
            }
            Event::Other => self.witness.hear(0, &line),
        }
    }

    fn gone(&mut self, queue_id: String, gone: Gone) {
        match &self.queue_id {
            None => {
                if self.early_gone.len() == ATTEMPTS {
                    self.early_gone.pop_front();
                }
                self.early_gone.push_back((queue_id, gone));
            }
            // The sender is told of what expired, too: that it expired says more.
            Some(ours) if *ours == queue_id && self.gone.is_none_or(|known| known == Gone::Returned) => {
                self.gone = Some(gone);
            }
            Some(_) => {}
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
        if let Some(word) = self.end_of_all().and_then(|gone| self.word_of_all(gone, standing)) {
            return word;
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
                Ok(Some(attempt)) => match whereabouts(&attempt, &is_relay) {
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

    /// The end of the message as a whole, if the log may have one.
    fn end_of_all(&self) -> Option<Gone> {
        let is_deleted = self.cleared && self.queue_id.is_some() && self.author == Author::Anybody;
        self.gone.or(is_deleted.then_some(Gone::Deleted))
    }

    /// What an end of the message as a whole comes to; `None` if the attempts are to be asked.
    fn word_of_all(&self, gone: Gone, standing: &Standing) -> Option<Word> {
        let ends = || self.attempts.iter().filter(|attempt| attempt.status != Status::Deferred);
        let bounced = || ends().any(|attempt| attempt.status == Status::Bounced);
        match (self.author, ends().next()) {
            (_, None) if standing.is_done() => Some(Word::Gone(gone)),
            // Postfix itself says both of a message whose recipients ended differently; and what was deleted were others.
            (Author::Postfix, _) => None,
            (_, None) if self.gone.is_none() => None,
            (_, Some(_)) if gone == Gone::Returned && bounced() => None,
            (_, Some(one)) => {
                Some(Word::Doubt(format!("the log has two ends of it: {}, and {}", end(one), gone.words())))
            }
            (_, None) => Some(Word::Doubt(format!(
                "the log says of the message: {}, and the queue still has it to do",
                gone.words()
            ))),
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
    fn word_of(&self, address: &str, standing: &Standing) -> Result<Option<Attempt>, String> {
        let of_it: Vec<&Attempt> =
            self.attempts.iter().filter(|attempt| plain(&attempt.to) == address).collect();
        if self.author == Author::Postfix {
            return Ok(of_it.last().copied().cloned());
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
            (Some((_, one)), None, None) => Ok(Some((*one).clone())),
            // Under way, for the first time or again.
            (None, _, Some(waits)) if waits.reason.is_empty() => Ok(None),
            (None, _, Some(waits)) => deferred(&of_it, address, &waits.reason),
            (None, _, None) => Err(format!("the queue is done with {address}, and the log does not say how")),
        }
    }

    /// A daemon that master(8) has given up starting for now, by the log. qmgr(8) tells of it a minute later.
    pub fn throttled(&self) -> Option<&'static str> {
        let says = |name: &str| {
            let words = format!("/{name}: bad command startup");
            self.witness.deaths(0).any(|line| line.contains(&words))
        };
        ON_THE_WAY.into_iter().find(|name| says(name))
    }

    /// Whether the reasons that the queue shows are needed.
    pub fn needs_reasons(&self) -> bool {
        self.author == Author::Anybody
            && self.attempts.iter().any(|attempt| attempt.status == Status::Deferred)
    }

    /// How much the log has of what became of the message: attempts for our recipient, and an end of the whole.
    pub fn news(&self) -> usize {
        self.attempts.len() + usize::from(self.end_of_all().is_some())
    }

    /// What explains an attempt: its reason, what its process said before, and which daemons died meanwhile; and what
    /// explains that there was none. The reason comes first.
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

/// The attempt that has the reason that the queue shows; of several the last one. Its words are the queue's, which only
/// Postfix can write: a line may differ from them in what is not compared.
fn deferred(of_it: &[&Attempt], address: &str, reason: &str) -> Result<Option<Attempt>, String> {
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
    Ok(Some(Attempt { reason: reason.to_owned(), ..(*last).clone() }))
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
