//! The facts that the mail log has shown so far about one relay: the last message that it took, the last that it did not.
//! Each look folds in the lines that are new to it; lines that come twice change nothing.
//!
//! A line of a file can be anybody's (SECURITY.md). So a failure that the queue has shown, or that ended a message, is
//! ended by certain words alone: of the journal, of a test message, or of a message that an earlier look saw waiting and
//! that has left the queue since, with no line that it was given up.

use std::collections::{BTreeMap, BTreeSet};

use memchr::memmem;
use serde::{Deserialize, Serialize};

use super::alerts::{Alerts, Alike};
use super::around::{said, sender_of};
use super::relay::Relay;
use super::tally::{Judged, Tallies};
use crate::model::log::fold::soft;
use crate::model::log::hosts::is_one_of;
use crate::model::log::stamp::{Calendar, Seconds};
use crate::model::log::wrap::unwrap;
use crate::model::log::{Attempt, Event, Status, parse_event, parse_line};
use crate::model::text::{clipped, masked};

/// Bytes that are kept of a reply or a reason, and of an address.
const WORDS: usize = 500;
const ADDRESS: usize = 320;
/// Waiting messages that are remembered.
pub const WAITED: usize = 64;
/// Most failures of one look that are kept apart.
const KINDS: usize = 256;
/// Messages whose failures are remembered during one look.
const TOLD: usize = 4096;

/// A place in a log that is a file, up to which it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The file's path.
    pub path: String,
    /// Its inode number.
    pub inode: u64,
    /// Bytes that were read.
    pub offset: u64,
    /// Digest of the last of them, so that another file of the same name or number is not taken for it.
    pub before: String,
}

/// What the log said of one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Word {
    /// Its place in the order of all that was read.
    pub order: u64,
    /// The time of the line; of a line that has none, the time of the look.
    pub time: Seconds,
    /// Queue id.
    pub queue_id: String,
    /// Recipient.
    pub to: String,
    /// The relay's reply, or Postfix's reason.
    pub text: String,
    /// What the same process said of the relays before, in the same attempt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<String>,
}

/// A message that another relay than the first took, in the same attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fallen {
    /// The message.
    pub word: Word,
    /// Who took it, as main.cf names it.
    pub relay: String,
    /// What smtp(8) said of the first relay before; empty: nothing was found.
    pub why: String,
}

/// The facts about one relay, and the places in the log up to which they are known.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The time of the last look.
    pub looked: Seconds,
    /// The time from which on the log is known.
    pub since: Option<Seconds>,
    /// The time from which on the configuration is in force: what was at a fallback relay before may have been at the first one
    /// of then.
    #[serde(default)]
    pub begun: Option<Seconds>,
    /// The time of a look that found lines missing: the log was turned over too often, or has grown by too much; or it was the
    /// first, of a log that is longer than a first look reads.
    pub missed: Option<Seconds>,
    /// Number of the last word before those lines.
    #[serde(default)]
    pub before_missed: u64,
    /// The place in the file.
    pub file: Option<Mark>,
    /// The last entry of the journal.
    pub cursor: Option<String>,
    /// Number of the last word.
    pub order: u64,
    /// The last message that the relay took, as the log says.
    pub taken: Option<Word>,
    /// The last that it took for certain.
    pub certain: Option<Word>,
    /// The last that another relay took, which is tried after this one.
    #[serde(default)]
    pub fallen: Option<Fallen>,
    /// The last failure of any kind.
    pub refused: Option<Word>,
    /// The last failure that is not about one message or one recipient alone.
    pub failed: Option<Word>,
    /// The last of those that ended its message, or that the queue has shown.
    pub proven: Option<Word>,
    /// Messages that were seen waiting for this relay after such a failure.
    pub waited: BTreeSet<String>,
    /// Those of them that the relay has taken since, if the log is right.
    pub claimed: BTreeMap<String, Word>,
    /// What was told of each way.
    #[serde(default)]
    pub counted: Tallies,
    /// Messages whose failures this look has found in the log, or an earlier one.
    #[serde(skip)]
    pub told: BTreeSet<String>,
}

/// A message that waits for the relay after a failure that stops all mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stuck {
    /// Queue id.
    pub queue_id: String,
    /// Postfix's reason.
    pub reason: String,
    /// When it came.
    pub arrived: Seconds,
}

/// A source of lines.
pub struct Source<'a> {
    /// The relay that is asked about.
    pub relay: &'a Relay,
    /// Names of this host: a log may have lines of others.
    pub names: &'a [String],
    /// The times of its lines.
    pub calendar: &'a Calendar,
    /// The time of the look.
    pub now: Seconds,
    /// Whether only Postfix and root can have written the lines.
    pub certain: bool,
    /// The alerts: a failure that is about one sender or one recipient counts if it is about theirs.
    pub alerts: &'a Alerts<'a>,
}

impl Record {
    /// Whether lines are missing since the last message that the relay took: any failure may be among them. `proved`: the time
    /// of the last test message that it took.
    pub fn hides_failures(&self, proved: Option<Seconds>) -> bool {
        let is_seen = self.taken.as_ref().is_some_and(|taken| taken.order > self.before_missed);
        self.missed.is_some() && !is_seen && proved < self.missed
    }

    /// Folds in a block of whole lines.
    pub fn fold(&mut self, block: &[u8], source: &Source) {
        let (mut failures, mut judged) = (Failures::default(), Judged::default());
        for bytes in telling(block) {
            let text = String::from_utf8_lossy(bytes);
            let text = unwrap(&text);
            let Some(line) = parse_line(&text) else { continue };
            let (time, host) = line.when_and_where(source.calendar);
            if host.is_some_and(|host| !is_one_of(host, source.names)) {
                continue;
            }
            let time = time.unwrap_or(source.now);
            let event = parse_event(&line);
            let is_former = Some(time) < self.begun;
            if let Event::Attempt(attempt) = &event
                && self.tell_elsewhere(attempt, time, (bytes, block), source, &mut judged)
            {
                continue;
            }
            match event {
                Event::Attempt(attempt) if attempt.status == Status::Sent => {
                    self.sent(&attempt, time, (bytes, block), source);
                }
                Event::Attempt(attempt)
                    if attempt.status != Status::Undeliverable
                        && matches!(attempt.agent.as_str(), "smtp" | "error")
                        && source.relay.is_missed_by(&attempt)
                        && (!is_former || source.relay.is_itself_tried(&attempt)) =>
                {
                    let ended = attempt.status == Status::Bounced;
                    let word = self.refused(&attempt, time, (bytes, block), source.relay);
                    let from = sender_of(&attempt.queue_id, bytes, block);
                    let alike = source.alerts.alike(from.as_deref(), &word.to, &word.text);
                    failures.add(word, ended, alike);
                }
                Event::Gone { queue_id, .. } => self.gone(&queue_id),
                // Of `postsuper -d ALL` and `-r ALL` this line is all that is logged: no message can be told from another. What is
                // still in the queue failed before, and is no news.
                Event::Other
                    if line.daemon == "postsuper"
                        && ["Deleted: ", "Requeued: "].iter().any(|head| line.text.starts_with(head)) =>
                {
                    self.told.append(&mut self.waited);
                    self.claimed.clear();
                }
                Event::Attempt(_) | Event::Queued { .. } | Event::Other => {}
            }
        }
        self.fail(failures);
    }

    /// Notes a message that left. `line` is a part of `block`.
    fn sent(&mut self, attempt: &Attempt, time: Seconds, (line, block): (&[u8], &[u8]), source: &Source) {
        let target = attempt.target().filter(|_| attempt.agent == "smtp");
        self.count_fallback(attempt, time, source);
        match target {
            // A notice of Postfix's own: it has no sender that the relay could refuse, so it shows nothing of an alert.
            Some(_) if sender_of(&attempt.queue_id, line, block).as_deref() == Some("") => {
                self.gone(&attempt.queue_id);
            }
            Some(target) if source.relay.is(&target) => {
                if let Some(first) = source.alerts.ways.first() {
                    self.counted.of(first).took(&attempt.queue_id, time, None);
                }
                let word = self.word(attempt, time, Vec::new());
                self.took(word, source.certain);
            }
            Some(target) if source.relay.has_fallback(&target) && Some(time) >= self.begun => {
                let relay = format!("[{}]:{}", target.0, target.2);
                let word =
                    self.word(attempt, time, said(attempt.pid, &attempt.queue_id, line, block, source.relay));
                let why = source.relay.of_first(&word.beside).last().cloned().unwrap_or_default();
                let from = sender_of(&attempt.queue_id, line, block);
                if !source.alerts.alike(from.as_deref(), &attempt.to, &why).is_turned_away_by(&why) {
                    // The first relay said something of this message alone, so this says nothing of it.
                    return self.gone(&attempt.queue_id);
                }
                self.took(word.clone(), source.certain);
                self.fallen = Some(Fallen { word, relay, why });
            }
            // It left another way, whatever else is said of it.
            _ => self.gone(&attempt.queue_id),
        }
    }

    /// Notes the failures of a block that stop more than one message.
    fn fail(&mut self, failures: Failures) {
        let Failures { last, untold } = failures;
        let stopping = last.into_iter().filter(|((_, alike), (word, _))| alike.is_stopped_by(&word.text));
        for (_, (word, ended)) in stopping {
            if ended {
                advance(&mut self.proven, word.clone());
            }
            advance(&mut self.failed, word);
        }
        if let Some(word) = untold {
            advance(&mut self.failed, word);
        }
    }

    fn word(&mut self, attempt: &Attempt, time: Seconds, beside: Vec<String>) -> Word {
        self.order += 1;
        Word {
            order: self.order,
            time,
            queue_id: attempt.queue_id.clone(),
            to: clipped(&attempt.to, ADDRESS).to_owned(),
            text: masked(clipped(attempt.words(), WORDS)).into_owned(),
            beside,
        }
    }

    /// Notes a failure. `line` is a part of `block`.
    fn refused(
        &mut self,
        attempt: &Attempt,
        time: Seconds,
        (line, block): (&[u8], &[u8]),
        relay: &Relay,
    ) -> Word {
        let word = self.word(attempt, time, said(attempt.pid, &attempt.queue_id, line, block, relay));
        if attempt.status == Status::Bounced {
            self.gone(&attempt.queue_id);
        }
        self.refused = Some(word.clone());
        if self.told.len() < TOLD {
            self.told.insert(word.queue_id.clone());
        }
        word
    }

    fn took(&mut self, word: Word, certain: bool) {
        if certain {
            self.certain = Some(word.clone());
        } else if self.waited.contains(&word.queue_id) {
            self.claimed.insert(word.queue_id.clone(), word.clone());
        }
        self.taken = Some(word);
    }

    /// Forgets a message that waited.
    pub(super) fn gone(&mut self, queue_id: &str) {
        self.waited.remove(queue_id);
        self.claimed.remove(queue_id);
    }

    /// Compares with the queue, which was listed before the log was read: `ids` are all messages in it, if it was listed to
    /// its end, and `stuck` those that wait for this relay after a failure that stops all, with its reason.
    pub fn compare(&mut self, ids: Option<&BTreeSet<String>>, stuck: &[Stuck], now: Seconds) {
        if let Some(ids) = ids {
            let left: Vec<String> = self.claimed.keys().filter(|id| !ids.contains(*id)).cloned().collect();
            for id in left {
                self.waited.remove(&id);
                if let Some(word) = self.claimed.remove(&id) {
                    advance(&mut self.certain, word);
                }
            }
            self.waited.retain(|id| ids.contains(id));
        }
        let last = self.certain.as_ref().map_or(Seconds::MIN, |word| word.time);
        for Stuck { queue_id, reason, arrived } in stuck {
            let is_known = self.waited.contains(queue_id) || self.told.contains(queue_id);
            if self.waited.len() < WAITED {
                self.waited.insert(queue_id.clone());
            }
            // Without its line in the log the queue is the only witness: of a failure since the message came.
            if self.failed.is_none() || (!is_known && *arrived > last) {
                self.order += 1;
                let (order, text) = (self.order, masked(clipped(reason, WORDS)).into_owned());
                let time = if self.failed.is_none() { now } else { *arrived };
                let (to, beside) = (String::new(), Vec::new());
                let word = Word { order, time, queue_id: queue_id.clone(), to, text, beside };
                self.refused = Some(word.clone());
                self.failed = Some(word);
            }
        }
        self.told.clear();
        if let (Some(failed), false) = (&self.failed, stuck.is_empty()) {
            advance(&mut self.proven, failed.clone());
        }
    }
}

/// The failures of one block.
#[derive(Default)]
struct Failures {
    /// By their texts: the last of each, and whether it ended its message.
    last: BTreeMap<(String, Alike), (Word, bool)>,
    /// The last of more kinds than are kept apart: it may be one that stops all.
    untold: Option<Word>,
}

impl Failures {
    fn add(&mut self, word: Word, ended: bool, alike: Alike) {
        let mut text = if ended { "!" } else { "" }.to_owned();
        soft(&word.text, &mut text);
        let kind = (text, alike);
        if self.last.len() < KINDS || self.last.contains_key(&kind) {
            self.last.insert(kind, (word, ended));
        } else {
            self.untold = Some(word);
        }
    }
}

/// Puts a word in the place of an earlier one.
fn advance(last: &mut Option<Word>, word: Word) {
    if last.as_ref().is_none_or(|last| last.order < word.order) {
        *last = Some(word);
    }
}

/// The lines that may be about the end of an attempt or of a message. Most lines are not, and need not be parsed.
fn telling(block: &[u8]) -> impl Iterator<Item = &[u8]> {
    block.split(|byte| *byte == b'\n').filter(|line| {
        [&b"status="[..], b"postsuper[", b": sender non-delivery"]
            .into_iter()
            .any(|text| memmem::find(line, text).is_some())
    })
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
