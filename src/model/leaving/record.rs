//! The facts that the mail log has told so far about one relay: the last message that it took, the last that it did not.
//! Each look folds in the lines that are new to it; lines that come twice change nothing.
//!
//! A line of a file can be anybody's (SECURITY.md). So a failure that the queue has shown, or that ended a message, is
//! ended by certain words alone: of the journal, of a test message, or of a message that an earlier look saw waiting and
//! that has left the queue since, with no line that it was given up.

use std::collections::{BTreeMap, BTreeSet};

use memchr::memmem;
use serde::{Deserialize, Serialize};

use super::relay::Relay;
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
/// Different failures of one look that are told apart.
const KINDS: usize = 256;

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
}

/// The facts about one relay, and the places in the log up to which they are known.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The time of the last look.
    pub looked: Seconds,
    /// The time from which on the log is known.
    pub since: Option<Seconds>,
    /// The time of a look that found lines missing: the log was turned over too often, or has grown by too much.
    pub missed: Option<Seconds>,
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
    /// Whether the reason of a failure keeps all messages from leaving, and not this one alone.
    pub stops_all: &'a dyn Fn(&str) -> bool,
}

impl Record {
    /// Folds in a block of whole lines.
    pub fn fold(&mut self, block: &[u8], source: &Source) {
        // By their texts: the last of each, and whether it ended its message.
        let mut failures: BTreeMap<String, (Word, bool)> = BTreeMap::new();
        for line in telling(block) {
            let text = String::from_utf8_lossy(line);
            let text = unwrap(&text);
            let Some(line) = parse_line(&text) else { continue };
            let (time, host) = line.when_and_where(source.calendar);
            if host.is_some_and(|host| !is_one_of(host, source.names)) {
                continue;
            }
            let time = time.unwrap_or(source.now);
            match parse_event(&line) {
                Event::Attempt(attempt) if attempt.status == Status::Sent => {
                    let is_ours = attempt.target().is_some_and(|target| source.relay.is(&target));
                    if attempt.agent == "smtp" && is_ours {
                        let word = self.word(&attempt, time);
                        self.took(word, source.certain);
                    }
                }
                Event::Attempt(attempt)
                    if matches!(attempt.agent.as_str(), "smtp" | "error")
                        && source.relay.is_missed_by(&attempt) =>
                {
                    let word = self.word(&attempt, time);
                    let ended = attempt.status == Status::Bounced;
                    if ended {
                        self.gone(&attempt.queue_id);
                    }
                    self.refused = Some(word.clone());
                    let mut kind = if ended { "!" } else { "" }.to_owned();
                    soft(&word.text, &mut kind);
                    if failures.len() < KINDS || failures.contains_key(&kind) {
                        failures.insert(kind, (word, ended));
                    }
                }
                Event::Gone { queue_id, .. } => self.gone(&queue_id),
                // Of `postsuper -d ALL` and `-r ALL` this line is all that is logged: no message can be told from another.
                Event::Other
                    if line.daemon == "postsuper"
                        && ["Deleted: ", "Requeued: "].iter().any(|head| line.text.starts_with(head)) =>
                {
                    self.waited.clear();
                    self.claimed.clear();
                }
                Event::Attempt(_) | Event::Queued { .. } | Event::Other => {}
            }
        }
        let stopping = failures.into_values().filter(|(word, _)| (source.stops_all)(&word.text));
        for (word, ended) in stopping.collect::<Vec<_>>() {
            if ended {
                advance(&mut self.proven, word.clone());
            }
            advance(&mut self.failed, word);
        }
    }

    fn word(&mut self, attempt: &Attempt, time: Seconds) -> Word {
        self.order += 1;
        Word {
            order: self.order,
            time,
            queue_id: attempt.queue_id.clone(),
            to: clipped(&attempt.to, ADDRESS).to_owned(),
            text: masked(clipped(attempt.words(), WORDS)).into_owned(),
        }
    }

    fn took(&mut self, word: Word, certain: bool) {
        if certain {
            self.certain = Some(word.clone());
        } else if self.waited.contains(&word.queue_id) {
            self.claimed.insert(word.queue_id.clone(), word.clone());
        }
        self.taken = Some(word);
    }

    fn gone(&mut self, queue_id: &str) {
        self.waited.remove(queue_id);
        self.claimed.remove(queue_id);
    }

    /// Compares with the queue, which was listed before the log was read: `ids` are all messages in it, if it was listed to
    /// its end, and `stuck` those that wait for this relay after a failure that stops all, with its reason.
    pub fn compare(&mut self, ids: Option<&BTreeSet<String>>, stuck: &[(String, String)], now: Seconds) {
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
        for (id, reason) in stuck {
            if self.waited.len() < WAITED {
                self.waited.insert(id.clone());
            }
            if self.failed.is_none() {
                self.order += 1;
                let (order, text) = (self.order, masked(clipped(reason, WORDS)).into_owned());
                let word = Word { order, time: now, queue_id: id.clone(), to: String::new(), text };
                self.refused.get_or_insert_with(|| word.clone());
                self.failed = Some(word);
            }
        }
        if let (Some(failed), false) = (&self.failed, stuck.is_empty()) {
            advance(&mut self.proven, failed.clone());
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
mod tests {
    use super::*;

    /// 2026-11-24T08:00:00Z
    const NOW: Seconds = 1_795_507_200;

    fn relay() -> Relay {
        Relay { host: "relay.test".into(), port: 587 }
    }

    fn sent(id: &str) -> String {
        format!(
            "Nov 24 07:00:00 h postfix/smtp[1]: {id}: to=<o@x>, relay=relay.test[192.0.2.1]:587, delay=1, delays=0/0/0/1, dsn=2.0.0, status=sent (250 Ok)\n"
        )
    }

    fn failed(id: &str, status: &str, reason: &str) -> String {
        format!(
            "Nov 24 07:00:00 h postfix/smtp[1]: {id}: to=<o@x>, relay=none, delay=1, delays=0/0/0/1, dsn=4.0.0, status={status} ({reason})\n"
        )
    }

    const REFUSED: &str = "connect to relay.test[192.0.2.1]:587: Connection refused";

    fn fold(record: &mut Record, text: &str, certain: bool) {
        let (relay, calendar) = (relay(), Calendar::utc(NOW));
        let stops_all = |text: &str| !text.contains("no such user");
        let names = ["h".to_owned()];
        let source = Source {
            relay: &relay,
            names: &names,
            calendar: &calendar,
            now: NOW,
            certain,
            stops_all: &stops_all,
        };
        record.fold(text.as_bytes(), &source);
    }

    fn folded(text: &str) -> Record {
        let mut record = Record::default();
        fold(&mut record, text, false);
        record
    }

    fn id(word: Option<&Word>) -> &str {
        word.map_or("", |word| &word.queue_id)
    }

    #[test]
    fn the_last_of_each_kind_stays_however_the_lines_are_cut_into_blocks() {
        let lines = [
            sent("AAAA1"),
            failed("AAAA2", "deferred", REFUSED),
            failed("AAAA3", "bounced", "host relay.test[192.0.2.1] said: 550 no such user"),
            sent("AAAA4"),
        ];
        let whole = folded(&lines.concat());
        let found =
            [&whole.taken, &whole.failed, &whole.refused, &whole.proven].map(|word| id(word.as_ref()));
        assert_eq!(found, ["AAAA4", "AAAA2", "AAAA3", ""]);
        let mut one_by_one = Record::default();
        for line in &lines {
            fold(&mut one_by_one, line, false);
        }
        assert_eq!(one_by_one, whole);
        // The same lines once more tell the same.
        let mut twice = whole.clone();
        fold(&mut twice, &lines.concat(), false);
        assert_eq!([&twice.taken, &twice.failed, &twice.refused].map(|word| id(word.as_ref())), found[..3]);
    }

    #[test]
    fn what_another_relay_took_or_another_host_logged_is_not_this_relays_word() {
        for line in [
            sent("AAAA1").replace(":587", ":25"),
            sent("AAAA1").replace(" h postfix", " other postfix"),
            sent("AAAA1").replace("relay.test", "other.test"),
            sent("AAAA1").replace("relay=relay.test[192.0.2.1]:587", "relay=local"),
            sent("AAAA1").replace("postfix/smtp[", "postfix/lmtp["),
            failed("AAAA1", "deferred", "lost connection with other.test[192.0.2.9] while sending RCPT TO"),
            failed(
                "AAAA1",
                "deferred",
                "SASL authentication failed; server other.test[192.0.2.9] said: 535 no",
            ),
            failed("AAAA1", "deferred", "connect to other.test[192.0.2.9]:25: Connection refused"),
            failed(
                "AAAA1",
                "deferred",
                "Host or domain name not found. Name service error for name=other.test type=A: Host not found",
            ),
        ] {
            assert_eq!(folded(&line), Record::default(), "{line}");
        }
        for reason in [
            REFUSED,
            "mail transport unavailable",
            "Host or domain name not found. Name service error for name=relay.test type=A: Host not found, try again",
        ] {
            assert_eq!(id(folded(&failed("AAAA1", "deferred", reason)).failed.as_ref()), "AAAA1", "{reason}");
        }
    }

    #[test]
    fn a_line_of_a_file_alone_ends_no_failure_that_the_queue_has_shown() {
        let mut record = folded(&failed("AAAA1", "deferred", REFUSED));
        let queue = |ids: &[&str]| ids.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
        record.compare(Some(&queue(&["AAAA1"])), &[("AAAA1".into(), REFUSED.into())], NOW);
        assert_eq!(id(record.proven.as_ref()), "AAAA1");
        // Forged: of a message that never was, and of the one that still waits.
        fold(&mut record, &(sent("FFFF1") + &sent("AAAA1")), false);
        record.compare(Some(&queue(&["AAAA1"])), &[("AAAA1".into(), REFUSED.into())], NOW);
        assert_eq!(record.certain, None);
        // A queue that was not listed to its end proves nothing.
        record.compare(None, &[], NOW);
        assert_eq!(record.certain, None);
        let mut given_up = record.clone();
        fold(&mut given_up, &failed("AAAA1", "bounced", REFUSED), false);
        given_up.compare(Some(&queue(&[])), &[], NOW);
        assert_eq!(given_up.certain, None);
        let mut emptied = record.clone();
        fold(&mut emptied, "Nov 24 07:00:00 h postfix/postsuper[1]: Deleted: 3 messages\n", false);
        emptied.compare(Some(&queue(&[])), &[], NOW);
        assert_eq!(emptied.certain, None);
        record.compare(Some(&queue(&[])), &[], NOW);
        assert_eq!(id(record.certain.as_ref()), "AAAA1");
    }

    #[test]
    fn the_journal_is_certain_and_what_is_kept_is_bounded() {
        let mut record = folded(&failed("AAAA1", "bounced", "host relay.test[192.0.2.1] said: 535 no"));
        assert_eq!(id(record.proven.as_ref()), "AAAA1");
        fold(&mut record, &sent("AAAA2"), true);
        assert_eq!(id(record.certain.as_ref()), "AAAA2");
        for number in 0..1000 {
            let stuck = [(format!("AAAA{number}"), REFUSED.repeat(100))];
            record.compare(None, &stuck, NOW);
            fold(&mut record, &failed("BBBB1", "deferred", &"x".repeat(100_000)), false);
        }
        assert!(serde_json::to_vec(&record).unwrap().len() < 8 * 1024);
    }
}
