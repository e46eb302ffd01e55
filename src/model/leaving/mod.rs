//! Judges whether mail leaves this host, by the queue, by what the log has told so far (`record`), and by the last test
//! message. It is said only if it was seen, and if nothing since contradicts it.

pub mod record;
pub mod records;
pub mod relay;
pub mod views;

use std::collections::BTreeSet;
use std::time::Duration;

use crate::model::causes::catalogue::Stage;
use crate::model::causes::{About, Cause, Circumstances, diagnose};
use crate::model::inspection::queue::Waiting;
use crate::model::log::stamp::Seconds;
use record::{Record, Stuck, WAITED, Word};
use relay::Relay;

/// Ages beyond which a person is to look.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Greatest age of a message that waits.
    pub queue: Duration,
    /// Greatest age of the last message that the relay took.
    pub proof: Duration,
}

/// The queue, as far as it was listed.
#[derive(Debug, Clone, Default)]
pub struct InQueue {
    /// Messages that wait for the relay: all but those that are held, that wait for another host, or that are for this one.
    pub waiting: u64,
    /// The arrival of the oldest of them.
    pub oldest: Option<Seconds>,
    /// Queue id and reason of messages that wait because of a failure that stops all; some of them.
    pub stuck: Vec<Stuck>,
    /// The queue ids of all messages.
    pub ids: BTreeSet<String>,
    /// The reason why there may be more; `None` if the queue was listed to its end.
    pub unlisted: Option<String>,
}

impl InQueue {
    /// Counts a message. `is_local`: whether an address is this host's own.
    pub fn add(&mut self, message: &Waiting, relay: &Relay, is_local: impl Fn(&str) -> bool) {
        self.ids.insert(message.queue_id.clone());
        let reason = message.reason();
        if message.held || !reason.is_empty() && !relay.is_meant_by(reason) {
            return;
        }
        // A message whose recipients are not known yet may be for anybody.
        if !message.recipients.is_empty() && message.recipients.iter().all(|one| is_local(&one.address)) {
            return;
        }
        self.waiting += 1;
        self.oldest = self.oldest.into_iter().chain(message.arrived).min();
        // Most reasons are the same, and the catalogue is not asked again.
        let is_known = |known: &Stuck| known.reason == reason;
        if !reason.is_empty()
            && self.stuck.len() < WAITED
            && (self.stuck.iter().any(is_known) || stops_all(relay, reason))
        {
            self.stuck.push(Stuck {
                queue_id: message.queue_id.clone(),
                reason: reason.to_owned(),
                arrived: message.arrived.unwrap_or_default(),
            });
        }
    }
}

/// Whether the reason of a failure keeps all messages from leaving: it is not about one recipient or one message, and not
/// one by which the relay puts a message off.
pub fn stops_all(relay: &Relay, reason: &str) -> bool {
    let about_one = |cause: &Cause| {
        let puts_off = cause.again && reason.contains(" said: ");
        // At RCPT TO a relay also refuses hosts and logins, and then all recipients.
        puts_off || matches!(cause.stage, Stage::Local | Stage::Message) || cause.id == "recipient-refused"
    };
    !cause_of(relay, reason).is_some_and(|cause| about_one(&cause))
}

fn cause_of(relay: &Relay, reason: &str) -> Option<Cause> {
    let about = About { relay: Some((&relay.host, "", relay.port)), ..About::default() };
    diagnose(&[reason], &Circumstances::unknown(&about))
}

/// Whether mail leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The relay took a message, and nothing since contradicts it.
    Leaves,
    /// The last certain word is a failure; a log that anybody can write to says that the relay took messages since.
    Claimed,
    /// The relay took a message, and too long ago.
    Old,
    /// No message was seen to leave, and none to fail.
    Unseen,
    /// The last word is a failure, or a message waits for too long, and none left since it came.
    Fails,
}

/// A message that the relay took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// When.
    pub time: Seconds,
    /// Recipient.
    pub to: String,
    /// The relay's reply.
    pub reply: String,
    /// Whether it was a test message, or is in the journal, or was seen in the queue before; a log file alone can be anybody's.
    pub certain: bool,
}

/// What is known about mail that leaves this host.
#[derive(Debug)]
pub struct Leaving {
    /// The relay, as `relayhost` of main.cf names it.
    pub relay: String,
    /// The time of the look.
    pub now: Seconds,
    /// Whether mail leaves.
    pub standing: Standing,
    /// The queue.
    pub queue: InQueue,
    /// The last message that the relay took.
    pub taken: Option<Taken>,
    /// The last failure, and its cause if the catalogue knows it.
    pub refused: Option<(Word, Option<Cause>)>,
    /// Whether that failure speaks against mail leaving.
    pub is_contradicted: bool,
    /// The time from which on the log is known.
    pub since: Option<Seconds>,
    /// What is not known, in words.
    pub unknown: Vec<String>,
    /// The limits.
    pub limits: Limits,
}

impl Leaving {
    /// Judges. `proof` is the last test message that this relay took; `unknown` are the reasons for what could not be read.
    pub fn new(
        relay: &Relay,
        record: &Record,
        queue: InQueue,
        proof: Option<Taken>,
        limits: Limits,
        unknown: Vec<String>,
    ) -> Self {
        let now = record.looked;
        let in_log = record.taken.as_ref().map(|word| Taken {
            time: word.time,
            to: word.to.clone(),
            reply: word.text.clone(),
            certain: record.certain.as_ref().is_some_and(|certain| certain.order == word.order),
        });
        let proved = proof.as_ref().map(|proof| proof.time);
        let taken = in_log.into_iter().chain(proof).max_by_key(|taken| taken.time);
        let mut leaving = Self {
            relay: format!("[{}]:{}", relay.host, relay.port),
            now,
            standing: Standing::Unseen,
            refused: None,
            is_contradicted: false,
            queue,
            taken,
            since: record.since,
            unknown,
            limits,
        };
        let (standing, against) = leaving.judge(record, proved);
        leaving.standing = standing;
        leaving.is_contradicted = against.is_some();
        // A failure that stops all mail is told before a later one of a single message.
        leaving.refused =
            against.or(record.refused.as_ref()).map(|word| (word.clone(), cause_of(relay, &word.text)));
        leaving
    }

    /// Whether mail leaves, and the failure that speaks against it.
    fn judge<'a>(&self, record: &'a Record, proved: Option<Seconds>) -> (Standing, Option<&'a Word>) {
        let order = |word: &Option<Word>| word.as_ref().map_or(0, |word| word.order);
        // A test message that was proved after a failure ends it, whatever the log says. Times have whole seconds.
        let stands = |word: &&Word| proved.is_none_or(|time| time <= word.time);
        let after = |failure: &'a Option<Word>, word| {
            failure.as_ref().filter(stands).filter(|failure| failure.order > order(word))
        };
        let proven = after(&record.proven, &record.certain);
        let still_waits = proven.filter(|_| !self.queue.stuck.is_empty());
        if let Some(failed) = after(&record.failed, &record.taken).or(still_waits) {
            return (Standing::Fails, Some(failed));
        }
        let waits_too_long = self.queue.oldest.is_some_and(|oldest| {
            self.age(oldest) > self.limits.queue
                && self.taken.as_ref().is_none_or(|taken| taken.time < oldest)
        });
        if waits_too_long {
            return (Standing::Fails, None);
        }
        if proven.is_some() {
            return (Standing::Claimed, proven);
        }
        let is_old = |time| self.age(time) > self.limits.proof;
        let standing = match &self.taken {
            Some(taken) if is_old(taken.time) => Standing::Old,
            Some(_) => Standing::Leaves,
            None if self.since.is_some_and(is_old) => Standing::Old,
            None => Standing::Unseen,
        };
        (standing, None)
    }

    /// The time since then; none if that is in the future, since the clock was set.
    pub fn age(&self, time: Seconds) -> Duration {
        Duration::from_secs(u64::try_from(self.now.saturating_sub(time)).unwrap_or_default())
    }

    /// The age of the oldest message that waits.
    pub fn queue_age(&self) -> Option<Duration> {
        self.queue.oldest.map(|oldest| self.age(oldest))
    }

    /// Whether a message waits for longer than it may.
    pub fn is_late(&self) -> bool {
        self.queue_age().is_some_and(|age| age > self.limits.queue)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::inspection::queue::Recipient;
    use crate::model::plan::State;

    const NOW: Seconds = 1_000_000;
    const REFUSED: &str = "connect to relay.test[192.0.2.1]:587: Connection refused";
    const GREYLISTED: &str = "host relay.test[192.0.2.1] said: 450 4.2.0 <o@x>: Recipient address rejected: Greylisted (in reply to RCPT TO command)";
    const LIMITS: Limits = Limits { queue: Duration::from_secs(900), proof: Duration::from_secs(86_400) };

    fn relay() -> Relay {
        Relay { host: "relay.test".into(), port: 587 }
    }

    #[expect(clippy::unnecessary_wraps, reason = "fields take it so")]
    fn word(order: u64, age: Seconds, text: &str) -> Option<Word> {
        Some(Word { order, time: NOW - age, queue_id: "AAAA1".into(), to: "o@x".into(), text: text.into() })
    }

    fn record() -> Record {
        Record { looked: NOW, since: Some(NOW - 3600), ..Record::default() }
    }

    fn waiting(ages: &[Seconds], reason: &str) -> InQueue {
        let mut queue = InQueue::default();
        for (number, age) in ages.iter().enumerate() {
            let recipients = vec![Recipient { address: "o@x".into(), reason: reason.into() }];
            let queue_id = format!("AAAA{number}");
            queue.add(
                &Waiting { queue_id, arrived: Some(NOW - age), held: false, recipients },
                &relay(),
                |address| address.ends_with("@here.test"),
            );
        }
        queue
    }

    fn leaving(record: &Record, queue: InQueue, proof: Option<Seconds>) -> Leaving {
        let proof = proof.map(|age| Taken {
            time: NOW - age,
            to: "o@x".into(),
            reply: "250 Ok".into(),
            certain: true,
        });
        Leaving::new(&relay(), record, queue, proof, LIMITS, Vec::new())
    }

    fn standing(record: &Record, queue: InQueue, proof: Option<Seconds>) -> (Standing, Vec<State>) {
        let leaving = leaving(record, queue, proof);
        let states = leaving.findings(&crate::model::log::stamp::Calendar::utc(NOW));
        (leaving.standing, states.iter().map(|finding| finding.state).collect())
    }

    #[test]
    fn a_limit_that_is_passed_is_amiss_and_what_only_a_log_says_is_called_so() {
        let seen = |age| Record { taken: word(1, age, "250 Ok"), ..record() };
        for (record, ages, proof, expected) in [
            (seen(5), &[800][..], None, &[][..]),
            (seen(5), &[1000], None, &["queue.waiting"]),
            (seen(5000), &[1000], None, &["queue.waiting", "mail.leaves"]),
            (seen(90_000), &[], None, &["mail.leaves"]),
            (record(), &[], Some(90_000), &["mail.leaves"]),
            (record(), &[], None, &[]),
        ] {
            let found = leaving(&record, waiting(ages, GREYLISTED), proof);
            assert_eq!(found.amiss(), expected, "{record:?} {ages:?}");
            assert_eq!(
                found.sentence().contains("as the log says"),
                record.taken.is_some() && found.standing != Standing::Unseen
            );
        }
        let certain = Record { certain: word(1, 5, "250 Ok"), ..seen(5) };
        assert!(!leaving(&certain, InQueue::default(), None).sentence().contains("as the log says"));
    }

    #[test]
    fn what_is_for_this_host_alone_does_not_wait_for_the_relay() {
        let to = |addresses: &[&str]| {
            let recipient = |address: &&str| Recipient {
                address: (*address).to_owned(),
                reason: "cannot update mailbox".into(),
            };
            let recipients = addresses.iter().map(recipient).collect();
            let mut queue = InQueue::default();
            let message = Waiting { queue_id: "AAAA1".into(), arrived: Some(NOW), held: false, recipients };
            queue.add(&message, &relay(), |address| address.ends_with("@here.test"));
            (queue.waiting, queue.ids.len())
        };
        assert_eq!(to(&["root@here.test"]), (0, 1));
        assert_eq!(to(&["root@here.test", "o@x"]), (1, 1));
        assert_eq!(to(&[]), (1, 1));
    }

    #[test]
    fn mail_leaves_only_if_it_was_seen_and_nothing_since_contradicts_it() {
        let none = InQueue::default;
        let (ok, bad) = (word(1, 100, "250 Ok"), word(2, 50, REFUSED));
        let cases = [
            (record(), None, Standing::Unseen),
            (Record { taken: ok.clone(), ..record() }, None, Standing::Leaves),
            (Record { taken: ok.clone(), failed: bad.clone(), ..record() }, None, Standing::Fails),
            (
                Record { taken: word(3, 50, "250 Ok"), failed: bad.clone(), ..record() },
                None,
                Standing::Leaves,
            ),
            (
                Record { taken: word(3, 50, "250 Ok"), failed: bad.clone(), proven: bad.clone(), ..record() },
                None,
                Standing::Claimed,
            ),
            (
                Record {
                    taken: word(3, 50, "250 Ok"),
                    certain: word(3, 50, "250 Ok"),
                    failed: bad.clone(),
                    proven: bad.clone(),
                    ..record()
                },
                None,
                Standing::Leaves,
            ),
            (Record { failed: bad.clone(), proven: bad.clone(), ..record() }, Some(40), Standing::Leaves),
            (Record { failed: bad.clone(), proven: bad, ..record() }, Some(50), Standing::Fails),
            (Record { taken: word(1, 90_000, "250 Ok"), ..record() }, None, Standing::Old),
            (Record { since: Some(NOW - 90_000), ..record() }, None, Standing::Old),
        ];
        for (record, proof, expected) in cases {
            assert_eq!(standing(&record, none(), proof).0, expected, "{record:#?} {proof:?}");
        }
    }

    #[test]
    fn what_waits_counts_by_its_age_and_its_reason() {
        let seen = Record { taken: word(1, 5000, "250 Ok"), ..record() };
        assert_eq!(
            standing(&seen, waiting(&[10], GREYLISTED), None),
            (Standing::Leaves, vec![State::Fine; 2])
        );
        assert_eq!(standing(&seen, waiting(&[10, 1000], GREYLISTED), None).0, Standing::Fails);
        let later = Record { taken: word(1, 5, "250 Ok"), ..record() };
        assert_eq!(
            standing(&later, waiting(&[10, 1000], GREYLISTED), None),
            (Standing::Leaves, vec![State::Warning, State::Fine])
        );
        for (reason, stops) in [
            (REFUSED, true),
            (
                "host relay.test[192.0.2.1] said: 550 5.7.1 <o@x>: Relay access denied (in reply to RCPT TO command)",
                true,
            ),
            (
                "host relay.test[192.0.2.1] said: 550 5.1.1 <o@x>: User unknown (in reply to RCPT TO command)",
                false,
            ),
            (GREYLISTED, false),
        ] {
            assert_eq!(stops_all(&relay(), reason), stops, "{reason}");
        }
        assert_eq!(waiting(&[10, 10], REFUSED).stuck.len(), 2);
        assert!(waiting(&[10], GREYLISTED).stuck.is_empty());
        let other = waiting(&[10_000], "connect to other.test[192.0.2.9]:25: Connection refused");
        assert_eq!((other.waiting, other.ids.len()), (0, 1));
        let down = Record { failed: word(2, 5, REFUSED), ..seen };
        assert_eq!(standing(&down, waiting(&[10], REFUSED), None).1[..2], [State::Fine, State::Warning]);
        assert_eq!(standing(&down, waiting(&[1000], REFUSED), None).1[..2], [State::Differs, State::Differs]);
    }
}
