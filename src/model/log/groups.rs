//! Groups the failures of a log by host, and by the cause that the catalogue names, or the folded words where it names
//! none. Memory is bounded: a fixed number of groups, and a few examples of each.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::event::Attempt;
use super::fold::hard;
use super::messages::{earlier, later};
use super::reached::stage_of;
use super::stamp::Seconds;
use crate::model::causes::catalogue::{Stage, Verdict};
use crate::model::causes::{Basis, Cause};
use crate::model::text::{clipped, masked};

/// Groups of causes. If there are more, the rest is counted without a host.
const KNOWN: usize = 3000;
/// Groups of words that the catalogue does not know. If there are more, the rest is one group.
const UNKNOWN: usize = 1000;
/// Examples of a group: the newest ones.
const EXAMPLES: usize = 3;
/// Bytes of a group's or an example's words.
const WORDS: usize = 600;
/// Relays of a group that are named.
const RELAYS: usize = 5;

/// One message of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Example {
    key: u64,
    /// Queue id.
    pub queue_id: String,
    /// Recipient.
    pub to: String,
    /// The log's words.
    pub words: String,
}

/// Failures of one host for one reason.
#[derive(Debug)]
pub struct Group {
    /// Number of the host.
    pub host: u16,
    /// The reason.
    pub cause: Cause,
    /// The log's words of the first failure.
    pub words: String,
    /// Lines that report it without naming a message.
    pub lines: u64,
    /// Times of the first and the last of those lines.
    pub told: (Option<Seconds>, Option<Seconds>),
    /// Relays where it happened.
    pub relays: Vec<String>,
    /// Whether there were more relays.
    pub more_relays: bool,
    /// The ways of the answers on which it happened.
    pub ways: BTreeSet<usize>,
    examples: VecDeque<Example>,
}

/// All groups.
#[derive(Debug, Default)]
pub struct Groups {
    list: Vec<Group>,
    unknown: usize,
    /// Whether one of them has a way.
    pub have_ways: bool,
    index: HashMap<(u16, String), u32>,
}

impl Groups {
    /// The number of the group of this cause on this host. The group is made if there is none yet.
    pub fn number(&mut self, host: u16, cause: Cause, words: &str) -> u32 {
        let name = match &cause {
            // Two messages may be stopped by two faults of one hop.
            cause if cause.is_of_hop() => &format!("{} {}", cause.id, cause.remedy),
            // Two tables that are missing are two faults.
            cause if !cause.is_unknown() => &format!("{} {}", cause.id, cause.subject),
            _ => &format!(" {}", clipped(&hard(words), 300)),
        };
        let mut key = (host, name.clone());
        if let Some(number) = self.index.get(&key) {
            return *number;
        }
        if !cause.is_unknown() {
            if self.list.len() - self.unknown >= KNOWN {
                key.0 = 0;
            }
        } else if self.unknown < UNKNOWN {
            self.unknown += 1;
        } else {
            key = (0, " ".to_owned());
        }
        let (host, number) = (key.0, u32::try_from(self.list.len()).unwrap_or_default());
        let known = *self.index.entry(key).or_insert(number);
        if known == number {
            self.list.push(Group {
                host,
                cause,
                words: masked(clipped(words, WORDS)).into_owned(),
                lines: 0,
                told: (None, None),
                relays: Vec::new(),
                more_relays: false,
                ways: BTreeSet::new(),
                examples: VecDeque::new(),
            });
        }
        known
    }

    fn get_mut(&mut self, number: u32) -> Option<&mut Group> {
        self.list.get_mut(usize::try_from(number).ok()?)
    }

    /// All groups, in the order of their numbers.
    pub fn all(&self) -> &[Group] {
        &self.list
    }

    /// Records a relay where it happened.
    pub fn at(&mut self, number: u32, name: &str, port: u16) {
        let Some(group) = self.get_mut(number) else { return };
        let relay = format!("{name}:{port}");
        if !group.relays.contains(&relay) {
            if group.relays.len() < RELAYS { group.relays.push(relay) } else { group.more_relays = true }
        }
    }

    /// Records a way on which it happened.
    pub fn on(&mut self, number: u32, way: Option<usize>) {
        let (Some(group), Some(way)) = (self.get_mut(number), way) else { return };
        group.ways.insert(way);
        self.have_ways = true;
    }

    /// Shows the words of the first text that tells of it, which are not Postfix's.
    pub fn written(&mut self, number: u32, text: &str) {
        let first = self.get_mut(number).filter(|group| group.lines == 0 && group.examples.is_empty());
        let Some(group) = first else { return };
        group.words = masked(clipped(text, WORDS)).into_owned();
    }

    /// Records a line that reports it without naming a message.
    pub fn tell(&mut self, number: u32, time: Option<Seconds>) {
        let Some(group) = self.get_mut(number) else { return };
        group.lines += 1;
        group.told = (earlier(group.told.0, time), later(group.told.1, time));
    }

    /// Remembers a message as an example, in place of the oldest.
    pub fn show(&mut self, number: u32, key: u64, queue_id: &str, to: &str, words: &str) {
        self.forget(number, key);
        let Some(group) = self.get_mut(number) else { return };
        if group.examples.len() == EXAMPLES {
            group.examples.pop_front();
        }
        let words = masked(clipped(words, WORDS)).into_owned();
        group.examples.push_back(Example { key, queue_id: queue_id.to_owned(), to: to.to_owned(), words });
    }

    /// Drops a message that is no longer in this group from its examples.
    pub fn forget(&mut self, number: u32, key: u64) {
        let Some(group) = self.get_mut(number) else { return };
        group.examples.retain(|example| example.key != key);
    }
}

impl Group {
    /// The newest message that is still of this group.
    pub fn example(&self) -> Option<&Example> {
        self.examples.back()
    }
}

/// The cause of mail for a domain that was to leave this host, and was delivered on it.
pub fn stayed(domain: &str) -> Cause {
    Cause {
        id: "delivered-locally".into(),
        basis: Basis::Postfix,
        cause: format!("mail for {domain} was taken for this host's own and never left it"),
        remedy: "take that domain out of mydestination in main.cf (or the table that catches it), and `postfix reload`"
            .into(),
        ..Cause::unknown(Stage::Local, Verdict::Unreached)
    }
}

/// The cause of what stays in the queue for words that the catalogue does not know.
pub fn unknown_in_queue() -> Cause {
    Cause::unknown(Stage::Queue, Verdict::Unreached)
}

/// The cause of a failed attempt whose words the catalogue does not know.
pub fn unknown(attempt: &Attempt) -> Cause {
    let verdict = if attempt.is_refusal() { Verdict::Refused } else { Verdict::Unreached };
    Cause::unknown(nearest_stage(attempt), verdict)
}

/// The likeliest stage of a failed attempt whose words the catalogue does not know.
fn nearest_stage(attempt: &Attempt) -> Stage {
    if attempt.is_local() { Stage::Local } else { stage_of(attempt.words()).unwrap_or(Stage::Connect) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::causes::{About, Circumstances, diagnose};

    #[test]
    fn groups_are_bounded_and_a_cause_stays_that_cause() {
        let about = About::default();
        let cause = diagnose(&["Connection refused"], &Circumstances::unknown(&about)).unwrap();
        let mut groups = Groups::default();
        for number in 0..5000u32 {
            let letters = |mut number: u32| -> String {
                std::iter::from_fn(|| {
                    let letter = char::from_digit(10 + number % 26, 36);
                    number /= 26;
                    letter
                })
                .take(4)
                .collect()
            };
            let host = u16::try_from(number).unwrap();
            groups.number(host, Cause::unknown(Stage::Login, Verdict::Refused), &letters(number));
            let of_cause = groups.number(host, cause.clone(), "x");
            let of_cause = groups.get_mut(of_cause).unwrap();
            assert_eq!(of_cause.cause, cause);
            assert!(of_cause.host == host || of_cause.host == 0);
        }
        assert!(groups.all().len() <= KNOWN + UNKNOWN + 2, "{}", groups.all().len());
    }
}
