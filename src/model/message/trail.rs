//! The trail of one message to one recipient through the mail log: fed with lines, it knows the queue id, the attempts for
//! this recipient, and what the same process said just before. What a line is worth depends on who can have written it:
//! a file of a syslog daemon, or of postlogd(8), has lines of any local user, and these count only as far as the queue,
//! which is Postfix's alone, bears them out.

mod word;

use std::collections::{BTreeSet, VecDeque};

use crate::model::log::event::plain;
use crate::model::log::line::Line;
use crate::model::log::witness::{ON_THE_WAY, Witness};
use crate::model::log::{Attempt, Event, Status, parse_event, parse_line};
pub use word::{Gone, Standing, Whereabouts, Word};
use word::{deferred, end, whereabouts};

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
    gone: Option<Gone>,
    /// Whether an administrator took messages out of the queue, ours perhaps.
    cleared: bool,
    /// The same as `gone` of before the queue id was known, with theirs.
    early_gone: VecDeque<(String, Gone)>,
    witness: Witness,
    /// What the log says of lines that it has lost.
    lost: Option<String>,
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

/// A line of journald or rsyslog that says that lines were dropped.
fn loss(raw: &str) -> Option<String> {
    let line = Line::of_system(raw)?;
    let is_loss = line.text.starts_with("Suppressed ") || line.text.contains("rate-limiting");
    is_loss.then(|| line.text.to_owned())
}

#[cfg(test)]
mod tests;
