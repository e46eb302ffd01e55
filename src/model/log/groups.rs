//! Groups the failures of a log by host, and by the cause that the catalogue names, or the folded words where it names
//! none. Memory is bounded: a fixed number of groups, and a few examples of each.

use std::collections::{HashMap, VecDeque};

use super::event::Attempt;
use super::fold::hard;
use super::stamp::Seconds;
use crate::model::causes::Cause;
use crate::model::causes::catalogue::{Stage, Verdict};
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

/// The reason of a failure.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// A cause that the catalogue knows.
    Known(Cause),
    /// Words that it does not know: the stage, as far as they tell, and whether the relay said them.
    Unknown(Stage, Verdict),
}

impl Kind {
    /// The kind of a failed attempt whose words the catalogue does not know.
    pub fn unknown(attempt: &Attempt) -> Self {
        let verdict = if attempt.is_refusal() { Verdict::Refused } else { Verdict::Unreached };
        Self::Unknown(nearest_stage(attempt), verdict)
    }

    /// The kind of mail for a domain that was to leave this host, and was delivered on it.
    pub fn stayed(domain: &str) -> Self {
        Self::Known(Cause {
            id: "delivered-locally".into(),
            verdict: Verdict::Unreached,
            stage: Stage::Local,
            again: false,
            fix: None,
            cause: format!("mail for {domain} was taken for this host's own and never left it"),
            remedy: "take that domain out of mydestination in main.cf (or the table that catches it), and `postfix reload`"
                .into(),
        })
    }
}

/// One message of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
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
    pub kind: Kind,
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
    examples: VecDeque<Example>,
}

/// All groups.
#[derive(Debug, Default)]
pub struct Groups {
    list: Vec<Group>,
    unknown: usize,
    index: HashMap<(u16, String), u32>,
}

impl Groups {
    /// The number of the group of this kind on this host. The group is made if there is none yet.
    pub fn number(&mut self, host: u16, kind: Kind, words: &str) -> u32 {
        let mut key = match &kind {
            Kind::Known(cause) => (host, cause.id.clone()),
            Kind::Unknown(..) => (host, format!(" {}", clipped(&hard(words), 300))),
        };
        if let Some(number) = self.index.get(&key) {
            return *number;
        }
        match &kind {
            Kind::Known(cause) if self.list.len() - self.unknown >= KNOWN => key = (0, cause.id.clone()),
            Kind::Unknown(..) if self.unknown >= UNKNOWN => key = (0, " ".to_owned()),
            Kind::Known(_) => {}
            Kind::Unknown(..) => self.unknown += 1,
        }
        if let Some(number) = self.index.get(&key) {
            return *number;
        }
        let host = key.0;
        let number = u32::try_from(self.list.len()).unwrap_or_default();
        self.index.insert(key, number);
        self.list.push(Group {
            host,
            kind,
            words: masked(clipped(words, WORDS)).into_owned(),
            lines: 0,
            told: (None, None),
            relays: Vec::new(),
            more_relays: false,
            examples: VecDeque::new(),
        });
        number
    }

    /// The group of this number.
    pub fn get_mut(&mut self, number: u32) -> Option<&mut Group> {
        self.list.get_mut(usize::try_from(number).ok()?)
    }

    /// All groups, in the order of their numbers.
    pub fn all(&self) -> &[Group] {
        &self.list
    }
}

impl Group {
    /// Records a relay where it happened.
    pub fn at(&mut self, name: &str, port: u16) {
        let relay = format!("{name}:{port}");
        if !self.relays.contains(&relay) {
            if self.relays.len() < RELAYS { self.relays.push(relay) } else { self.more_relays = true }
        }
    }

    /// Remembers a message as an example, in place of the oldest.
    pub fn show(&mut self, key: u64, queue_id: &str, to: &str, words: &str) {
        self.forget(key);
        let oldest = if self.examples.len() < EXAMPLES { None } else { self.examples.pop_front() };
        let mut example = oldest.unwrap_or_default();
        example.key = key;
        queue_id.clone_into(&mut example.queue_id);
        to.clone_into(&mut example.to);
        masked(clipped(words, WORDS)).as_ref().clone_into(&mut example.words);
        self.examples.push_back(example);
    }

    /// Drops a message that is no longer in this group from the examples.
    pub fn forget(&mut self, key: u64) {
        self.examples.retain(|example| example.key != key);
    }

    /// The newest message that is still of this group.
    pub fn example(&self) -> Option<&Example> {
        self.examples.back()
    }
}

/// The likeliest stage of a failed attempt whose words the catalogue does not know.
fn nearest_stage(attempt: &Attempt) -> Stage {
    const WORDS_OF: [(&str, Stage); 15] = [
        ("in reply to initial connect", Stage::Greeting),
        ("in reply to HELO", Stage::Greeting),
        ("in reply to EHLO", Stage::Greeting),
        ("refused to talk to me", Stage::Greeting),
        ("in reply to STARTTLS", Stage::Tls),
        ("TLS", Stage::Tls),
        ("in reply to AUTH", Stage::Login),
        ("SASL", Stage::Login),
        ("in reply to MAIL FROM", Stage::Sender),
        ("in reply to RCPT TO", Stage::Recipient),
        ("in reply to DATA", Stage::Message),
        ("in reply to end of DATA", Stage::Message),
        ("mail transport", Stage::Queue),
        ("Name service error", Stage::Dns),
        ("connect to ", Stage::Connect),
    ];
    if attempt.is_local() {
        return Stage::Local;
    }
    let words = attempt.words();
    let found = WORDS_OF.iter().find(|(text, _)| words.contains(text)).map(|(_, stage)| *stage);
    // A reply that does not say what it is a reply to is about the message.
    found.unwrap_or(if words.contains(" said: ") { Stage::Message } else { Stage::Connect })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::causes::{About, Circumstances, diagnose};

    #[test]
    fn groups_are_bounded_and_a_cause_stays_that_cause() {
        let about = About { relay: None, sender: "", to: "", host: "" };
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
            groups.number(host, Kind::Unknown(Stage::Login, Verdict::Refused), &letters(number));
            let of_cause = groups.number(host, Kind::Known(cause.clone()), "x");
            let of_cause = groups.get_mut(of_cause).unwrap();
            assert_eq!(of_cause.kind, Kind::Known(cause.clone()));
            assert!(of_cause.host == host || of_cause.host == 0);
        }
        assert!(groups.all().len() <= KNOWN + UNKNOWN + 2, "{}", groups.all().len());
    }
}
