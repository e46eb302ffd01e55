//! The trail of one message to one recipient through the mail log. It is fed with lines, and knows the queue id, the
//! attempts for this recipient, and the lines that the same process logged just before. Whether a line counts depends on
//! who can have written it: any local user can write to a file of a syslog daemon, or of postlogd(8), so lines there
//! count only as far as the queue, which Postfix alone writes, confirms them.

mod confirm;
mod word;

use std::collections::{BTreeSet, VecDeque};

use serde::Serialize;

use crate::model::log::line::Line;
use crate::model::log::witness::{ON_THE_WAY, Witness};
use crate::model::log::{Attempt, Event, Gone, Status, parse_event, parse_line};
use crate::model::message::gap::Gap;
pub use word::{Standing, Whereabouts, Word};

/// Attempts that are kept. One recipient has a few; if there are more, somebody other than Postfix has written them.
const ATTEMPTS: usize = 200;
/// Queue ids that are kept of those under which the message went on.
const ONWARD: usize = 50;

/// Who can have written the lines of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Author {
    /// Postfix and root alone: the journal, which records the sender of each record.
    Postfix,
    /// Every local user, by logger(1) or postlog(1): a file.
    Anybody,
}

/// One message on its way to one recipient, as far as the log tells.
#[derive(Debug)]
pub struct Trail {
    message_id: String,
    to: String,
    author: Author,
    queue_id: Option<String>,
    /// Other queue ids that were logged with this Message-ID.
    others: BTreeSet<String>,
    /// Queue ids under which the message went on, by the records of its attempts.
    onward: Vec<String>,
    attempts: Vec<Attempt>,
    /// Attempts for this recipient that came before the queue id was known: syslog may bring the lines of two daemons in
    /// the wrong order.
    early: VecDeque<Attempt>,
    gone: Option<Gone>,
    /// A second end of the message as a whole, which contradicts the first.
    gone_otherwise: Option<Gone>,
    /// End that an administrator gave many messages, perhaps also this one: out of the queue, or requeued.
    cleared: Option<Gone>,
    /// The process of cleanup(8) that had the message; then the line that reported the end of the message as a whole.
    cleanup: Option<u32>,
    end_line: Option<String>,
    /// Ends that came before the queue id was known, each with its queue id and line.
    early_gone: VecDeque<(String, Gone, String)>,
    witness: Witness,
    /// The log's line about lines that it has lost.
    lost: Option<String>,
    /// Another reason why lines may be missing.
    gap: Option<Gap>,
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
            gap: None,
        }
    }

    /// Follows a message whose queue id is known: local(8) has made it of another one, with the same Message-ID.
    pub fn of_queued(message_id: &str, to: &str, author: Author, queue_id: &str) -> Self {
        Self { queue_id: Some(queue_id.to_owned()), ..Self::new(message_id, to, author) }
    }

    /// Other queue ids that were logged with its Message-ID.
    pub fn others(&self) -> impl Iterator<Item = &str> {
        self.others.iter().map(String::as_str)
    }

    /// The queue id, once cleanup(8) has logged it with this Message-ID. The first such line counts: nobody knows the
    /// Message-ID before it.
    pub fn queue_id(&self) -> Option<&str> {
        self.queue_id.as_deref()
    }

    /// Who can have written the lines of this trail.
    pub fn author(&self) -> Author {
        self.author
    }

    /// Takes one line of the log. The same line twice does no harm.
    pub fn feed(&mut self, raw: &str) {
        let Some(line) = parse_line(raw) else {
            // The first that tells of Postfix's lines, else the last: anybody can have lines of his own dropped before.
            if self.lost.as_ref().is_none_or(|known| !known.contains("postfix")) {
                self.lost = loss(raw).or_else(|| self.lost.take());
            }
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
            Event::Gone { queue_id, gone } => {
                self.gone(queue_id, gone, line.text);
                if gone == Gone::Refused {
                    // A bounce that follows says less.
                    self.witness.hear(0, &line);
                }
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

    /// Takes note that lines of Postfix may be missing from now on.
    pub fn miss(&mut self, gap: &Gap) {
        self.gap.get_or_insert_with(|| gap.clone());
    }

    fn gone(&mut self, queue_id: String, gone: Gone, text: &str) {
        match &self.queue_id {
            None => {
                if self.early_gone.len() == ATTEMPTS {
                    self.early_gone.pop_front();
                }
                self.early_gone.push_back((queue_id, gone, text.to_owned()));
            }
            // Postfix also tells the sender of a message that expired, but its expiry says more. So does the reason why
            // a message was given back.
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

    /// A daemon that master(8) has stopped starting for now, by the log. qmgr(8) reports that a minute later.
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

    /// Number of records in the log of the message's fate: attempts for this recipient, and an end of the message as a
    /// whole.
    pub fn news(&self) -> usize {
        self.attempts.len() + usize::from(self.end_of_all().is_some())
    }

    /// Lines that explain why no daemon has taken the message out of the maildrop.
    pub fn intake_evidence(&self) -> Vec<&str> {
        let mut lines: Vec<&str> = self.witness.intake(0).collect();
        lines.dedup();
        lines.into_iter().chain(self.witness.deaths(0)).collect()
    }

    /// Lines that explain an end without an attempt: the line that reports it, those of cleanup(8) about the message,
    /// and the last words of daemons that died.
    pub fn end_evidence(&self) -> Vec<&str> {
        let queue_id = self.queue_id.as_deref().unwrap_or_default();
        let said = self.cleanup.into_iter().flat_map(|pid| self.witness.said(0, pid, queue_id));
        let line = self.end_line.as_deref();
        let known = said.filter(|text| Some(*text) != line);
        line.into_iter().chain(known).chain(self.witness.deaths(0)).collect()
    }

    /// Lines that explain an attempt, or why there was none: its reason first, then the earlier lines of its process,
    /// and the last words of daemons that died meanwhile.
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
mod forgery_tests;
#[cfg(test)]
mod tests;
