//! The trail of one message to one recipient through the mail log: fed with lines, it knows the queue id, the attempts for
//! this recipient, and what the same process said just before. What a line is worth depends on who can have written it:
//! a file of a syslog daemon, or of postlogd(8), has lines of any local user, and these count only as far as the queue,
//! which is Postfix's alone, bears them out.

mod confirm;
mod word;

use std::collections::{BTreeSet, VecDeque};

use crate::model::log::line::Line;
use crate::model::log::witness::{ON_THE_WAY, Witness};
use crate::model::log::{Attempt, Event, Status, parse_event, parse_line};
pub use word::{Gone, Standing, Whereabouts, Word};

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
    /// Another end of the message as a whole, which cannot be as well.
    gone_otherwise: Option<Gone>,
    /// What an administrator did to many messages, ours perhaps: took them out of the queue, or requeued them.
    cleared: Option<Gone>,
    /// The process of cleanup(8) that had our message, and the line that told the end of it as a whole.
    cleanup: Option<u32>,
    end_line: Option<String>,
    /// The same as `gone` of before the queue id was known, with theirs.
    early_gone: VecDeque<(String, Gone, String)>,
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
            gone_otherwise: None,
            cleared: None,
            cleanup: None,
            end_line: None,
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
                    self.cleanup = Some(line.pid);
                    for (queue_id, gone, text) in std::mem::take(&mut self.early_gone) {
                        self.gone(queue_id, gone, &text);
                    }
                }
                Some(ours) if *ours != queue_id && self.others.len() < ONWARD => {
                    self.others.insert(queue_id);
                }
                Some(_) => {}
            },
            Event::Queued { .. } => {}
            Event::Expired { queue_id } => self.gone(queue_id, Gone::Expired, line.text),
            Event::Deleted { queue_id } => self.gone(queue_id, Gone::Deleted, line.text),
            Event::Discarded { queue_id } => self.gone(queue_id, Gone::Discarded, line.text),
            Event::Returned { queue_id } => self.gone(queue_id, Gone::Returned, line.text),
            Event::GivenBack { queue_id } => self.gone(queue_id, Gone::GivenBack, line.text),
            Event::Requeued { queue_id } => self.gone(queue_id, Gone::Requeued, line.text),
            Event::Refused { queue_id } => {
                self.gone(queue_id, Gone::Refused, line.text);
                // A bounce that follows has less to say.
                self.witness.hear(0, &line);
            }
            Event::Attempt(attempt) => self.attempt(attempt),
            // `postsuper -d ALL` names no queue ids (postsuper.c).
            Event::Other if line.daemon == "postsuper" => {
                let is = |word: &str| line.text.starts_with(word);
                let what = is("Deleted: ").then_some(Gone::Deleted);
                self.cleared = what.or_else(|| is("Requeued: ").then_some(Gone::Requeued)).or(self.cleared);
            }
            Event::Other => self.witness.hear(0, &line),
        }
    }

    fn gone(&mut self, queue_id: String, gone: Gone, text: &str) {
        match &self.queue_id {
            None => {
                if self.early_gone.len() == ATTEMPTS {
                    self.early_gone.pop_front();
                }
                self.early_gone.push_back((queue_id, gone, text.to_owned()));
            }
            // The sender is told of what expired, too: that it expired says more. And why it was given back, likewise.
            Some(ours)
                if *ours == queue_id
                    && self.gone.is_none_or(|known| matches!(known, Gone::Returned | Gone::GivenBack)) =>
            {
                self.gone = Some(gone);
                self.end_line = Some(text.to_owned());
            }
            Some(ours) if *ours == queue_id && self.gone != Some(gone) => {
                let follows = matches!(gone, Gone::Returned | Gone::GivenBack);
                self.gone_otherwise = self.gone_otherwise.or((!follows).then_some(gone));
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

    /// What explains an end that is no attempt: the line that tells it, and what cleanup(8) said of the message.
    pub fn end_evidence(&self) -> Vec<&str> {
        let queue_id = self.queue_id.as_deref().unwrap_or_default();
        let said = self.cleanup.into_iter().flat_map(|pid| self.witness.said(0, pid, queue_id));
        let line = self.end_line.as_deref();
        let known = said.filter(|text| Some(*text) != line);
        line.into_iter().chain(known).chain(self.witness.deaths(0)).collect()
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
mod forgery;
#[cfg(test)]
mod tests;
