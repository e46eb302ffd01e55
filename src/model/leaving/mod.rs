//! Judges whether mail leaves this host, by the queue, by what the log has told so far (`record`), and by the last test
//! message. It is said only if it was seen, and if nothing since contradicts it.

pub mod alerts;
pub mod record;
pub mod records;
pub mod relay;
pub mod views;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::error::Advice;
use crate::model::causes::extent::is_unserved;
use crate::model::causes::{About, Cause, Circumstances, diagnose, programs};
use crate::model::inspection::queue::Waiting;
use crate::model::log::stamp::Seconds;
use alerts::{Alerts, Alike, Bearing};
use record::{Fallen, Record, Stuck, WAITED, Word};
use relay::Relay;

/// Ages beyond which a person is to look.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Greatest age of a message that waits.
    pub queue: Duration,
    /// Greatest age of the last message that the relay took.
    pub proof: Duration,
}

impl Default for Limits {
    /// A message waits for no longer than this where mail leaves, and most hosts have sent something within a month.
    fn default() -> Self {
        Self { queue: Duration::from_secs(15 * 60), proof: Duration::from_secs(30 * 86_400) }
    }
}

/// The queue, as far as it was listed.
#[derive(Debug, Clone, Default)]
pub struct InQueue {
    /// Messages that wait for the relay: all but those that are held, that wait for another host, or that are for this one.
    pub waiting: u64,
    /// Of those, the messages that the relay refused for their own sender or recipient.
    pub alone: u64,
    /// The arrival of the oldest of the others.
    pub oldest: Option<Seconds>,
    /// Queue id and reason of messages that wait because of a failure that stops all; some of them.
    pub stuck: Vec<Stuck>,
    /// Messages that wait because no service of this host takes them: not for the relay, whose service has its own finding.
    pub unserved: u64,
    /// Messages that somebody, or a rule, holds: Postfix does not try them.
    pub held: u64,
    /// The queue ids of all messages.
    pub ids: BTreeSet<String>,
    /// The reasons that were judged.
    judged: BTreeMap<(String, Alike), Bearing>,
    /// The reason why there may be more; `None` if the queue was listed to its end.
    pub unlisted: Option<String>,
    /// The cause of that, where it keeps every program of Postfix from working.
    pub broken: Option<Cause>,
}

impl InQueue {
    /// A queue of which nothing is listed yet.
    pub fn new(unlisted: Option<String>) -> Self {
        // postqueue(1) reads main.cf as all others do, and ends as they do.
        let broken = unlisted.as_deref().and_then(|why| programs::cause_of(why, &Circumstances::default()));
        Self { unlisted, broken, ..Self::default() }
    }

    /// How many these are, as far as that is known: of a queue that was not listed to its end there are at least so many, and
    /// where none was seen it is not known whether there are any.
    pub fn known(&self, count: u64) -> Option<u64> {
        Some(count).filter(|count| *count > 0 || self.unlisted.is_none())
    }

    /// Counts a message. `is_local`: whether an address is this host's own.
    pub fn add(
        &mut self,
        message: &Waiting,
        relay: &Relay,
        alerts: &Alerts,
        is_local: impl Fn(&str) -> bool,
    ) {
        self.ids.insert(message.queue_id.clone());
        let reason = message.reason();
        self.held += u64::from(message.held);
        if message.held || !reason.is_empty() && !relay.is_meant_by(reason) {
            return;
        }
        // A message whose recipients are not known yet may be for anybody.
        if !message.recipients.is_empty() && message.recipients.iter().all(|one| is_local(&one.address)) {
            return;
        }
        if is_unserved(reason) {
            self.unserved += 1;
            return;
        }
        self.waiting += 1;
        let told = if reason.is_empty() { None } else { Some(self.told(message, reason, alerts)) };
        if told == Some(Bearing::Nothing) {
            self.alone += 1;
            return;
        }
        self.oldest = self.oldest.into_iter().chain(message.arrived).min();
        if told == Some(Bearing::Stopped) && self.stuck.len() < WAITED {
            self.stuck.push(Stuck {
                queue_id: message.queue_id.clone(),
                reason: reason.to_owned(),
                arrived: message.arrived.unwrap_or_default(),
            });
        }
    }

    /// What the reason says of the alerts. Most reasons are the same, and the catalogue is not asked again.
    fn told(&mut self, message: &Waiting, reason: &str, alerts: &Alerts) -> Bearing {
        let to = message.recipients.iter().find(|one| one.reason == reason);
        let to = to.map_or("", |one| one.address.as_str());
        let alike = alerts.alike(Some(&message.sender), to, reason);
        if self.judged.len() > WAITED {
            self.judged.clear();
        }
        *self.judged.entry((reason.to_owned(), alike)).or_insert_with(|| alike.told_by(reason))
    }
}

/// Host, address and port that a reason names: they need not be those of the answers (smtp/smtp_connect.c).
fn tried(reason: &str) -> Option<(&str, &str, u16)> {
    let (host, rest) = reason.strip_prefix("connect to ")?.split_once('[')?;
    let (address, rest) = rest.split_once("]:")?;
    let port = rest.split(':').next()?.parse().ok()?;
    Some((host, address, port))
}

fn cause_of(relay: &Relay, reason: &str, has_route: bool) -> Option<Cause> {
    let tried = tried(reason).unwrap_or((&relay.host, "", relay.port));
    let about = About { relay: Some(tried), ..About::default() };
    diagnose(&[reason], &Circumstances::unknown(&about).routed(has_route))
}

/// The last message that left, if another relay than the first took it, and the cause.
fn last_fallen(relay: &Relay, record: &Record, has_route: bool) -> Option<(Fallen, Option<Cause>)> {
    let taken = record.taken.as_ref()?;
    let fallen = record.fallen.as_ref().filter(|fallen| fallen.word.order == taken.order)?;
    let why = Some(&fallen.why).filter(|why| !why.is_empty());
    Some((fallen.clone(), why.and_then(|why| cause_of(relay, why, has_route))))
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
    /// The relay took a message, and the login was changed after it.
    Changed,
    /// A test message came to nothing, or was not seen to arrive, after the last one that the relay took.
    Tested,
    /// The last word is a failure, or a message waits for too long, and none left since it came.
    Fails,
    /// The way in force does not lead to the relay, or is closed: the messages that the relay took came by another way.
    Barred,
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
    /// Whether it was a test message, or is in the journal, or was seen in the queue before; a log file alone can be
    /// anybody's.
    pub certain: bool,
}

/// A test message that had no success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Test {
    /// When it ended.
    pub time: Seconds,
    /// Its exit status.
    pub exit: u8,
    /// The cause, in words.
    pub cause: String,
    /// The remedy.
    pub remedy: Advice,
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
    /// That message, if another relay than the first took it; with the cause, if the catalogue knows it.
    pub fallen: Option<(Fallen, Option<Cause>)>,
    /// The time of the last test message that the relay took.
    pub proved: Option<Seconds>,
    /// What keeps mail from the relay as the host is now, whatever left before.
    pub obstacle: Option<String>,
    /// The time of the last change of the login's table, where a person or a run makes its changes.
    pub changed: Option<Seconds>,
    /// The end of the last test message, if it had no success.
    pub tested: Option<Test>,
    /// The time of the last change of Postfix's configuration.
    pub configured: Option<Seconds>,
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
    /// Judges. `proof` is the last test message that this relay took; `unknown` are the reasons for what could not be read;
    /// `has_route`: whether any route leads out of the host.
    pub fn new(
        relay: &Relay,
        record: &Record,
        queue: InQueue,
        proof: Option<Taken>,
        limits: Limits,
        unknown: Vec<String>,
        has_route: bool,
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
            fallen: None,
            proved,
            obstacle: None,
            changed: None,
            tested: None,
            configured: None,
            since: record.since,
            unknown,
            limits,
        };
        let (standing, against) = leaving.judge(record, proved);
        leaving.standing = standing;
        leaving.fallen = last_fallen(relay, record, has_route);
        leaving.is_contradicted = against.is_some();
        // A failure that stops all mail is named before a later one of a single message.
        leaving.refused = against
            .or(record.refused.as_ref())
            .map(|word| (word.clone(), cause_of(relay, &word.text, has_route)));
        leaving
    }

    /// The same, where `obstacle` keeps mail from the relay as the host is now. A failure that was met has its own words.
    #[must_use]
    pub fn barred(mut self, obstacle: Option<String>) -> Self {
        let obstacle = obstacle.or_else(|| self.queue.broken.as_ref().map(|cause| cause.cause.clone()));
        // What no program of Postfix can read says more than an attempt before.
        if self.queue.broken.is_some() || obstacle.is_some() && self.standing != Standing::Fails {
            self.standing = Standing::Barred;
            self.is_contradicted = false;
        }
        self.obstacle = obstacle;
        self
    }

    /// The same, where the login was changed at this time: what the relay took before says nothing of it.
    #[must_use]
    pub fn with_login_of(mut self, changed: Option<Seconds>) -> Self {
        let is_before = self.taken.as_ref().is_some_and(|taken| Some(taken.time) < changed);
        if self.standing == Standing::Leaves && is_before {
            self.standing = Standing::Changed;
        }
        self.changed = changed;
        self
    }

    /// The same, after a test message of this host that had no success. It may have left no trace in the log.
    #[must_use]
    pub fn after_test(mut self, tested: Option<Test>) -> Self {
        let ended = tested.as_ref().map(|test| test.time);
        let is_before = self.taken.as_ref().is_none_or(|taken| Some(taken.time) <= ended);
        let is_silent = matches!(self.standing, Standing::Leaves | Standing::Changed | Standing::Unseen);
        if ended.is_some() && is_silent && is_before {
            self.standing = Standing::Tested;
        }
        self.tested = tested;
        self
    }

    /// Whether Postfix's configuration was changed after the failure that speaks against mail leaving: it may have been
    /// mended by that.
    pub fn is_configured_since(&self) -> bool {
        let failed = self.refused.as_ref().filter(|_| self.is_contradicted).map(|(word, _)| word.time);
        failed.is_some_and(|failed| Some(failed) < self.configured)
    }

    /// Whether mail leaves; `None` where that is not known.
    pub fn mail_leaves(&self) -> Option<bool> {
        match self.standing {
            Standing::Leaves => Some(true),
            Standing::Fails | Standing::Barred => Some(false),
            Standing::Claimed | Standing::Old | Standing::Unseen | Standing::Changed | Standing::Tested => {
                None
            }
        }
    }

    /// Whether mail does not leave, for certain.
    pub fn is_stopped(&self) -> bool {
        self.mail_leaves() == Some(false)
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
            Some(taken) if is_old(taken.time) || record.hides_failures(proved) => Standing::Old,
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
#[path = "leaving_tests.rs"]
mod tests;
