//! Judges whether mail leaves this host, by the queue, by what the log has told so far (`record`), and by the last test
//! message. It is said only if it was seen, and if nothing since contradicts it.

mod against;
pub mod alerts;
mod around;
mod by_way;
mod elsewhere;
mod in_queue;
pub mod record;
pub mod records;
pub mod relay;
pub mod tally;
pub mod views;
pub mod ways;

use std::time::Duration;

use crate::error::Advice;
use crate::model::causes::{About, Cause, Circumstances, diagnose};
use crate::model::desired::Desired;
use crate::model::log::stamp::Seconds;
use crate::model::state::last_drill::LastDrill;
pub use by_way::Told;
pub use in_queue::InQueue;
use record::{Fallen, Record, Word};
use relay::Relay;
use ways::{Kind, Way};

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

/// Host, address and port that a reason names: they need not be those of the answers (smtp/smtp_connect.c).
fn tried(reason: &str) -> Option<(&str, &str, u16)> {
    let (host, rest) = reason.strip_prefix("connect to ")?.split_once('[')?;
    let (address, rest) = rest.split_once("]:")?;
    let port = rest.split(':').next()?.parse().ok()?;
    Some((host, address, port))
}

/// The cause of these words of smtp(8) about one relay, the last ones first: what is true of one kind of addresses alone is
/// none, if the other kind failed too.
fn cause_of(relay: &Relay, reasons: &[&str], has_route: bool) -> Option<Cause> {
    let tried = reasons.first().and_then(|reason| tried(reason)).unwrap_or((&relay.host, "", relay.port));
    let about = About { relay: Some(tried), ..About::default() };
    diagnose(reasons, &Circumstances::unknown(&about).routed(has_route))
}

/// The last message that left, if another relay than the first took it, and the cause.
fn last_fallen(relay: &Relay, record: &Record, has_route: bool) -> Option<(Fallen, Option<Cause>)> {
    let taken = record.taken.as_ref()?;
    let fallen = record.fallen.as_ref().filter(|fallen| fallen.word.order == taken.order)?;
    let why = Some(&fallen.why).filter(|why| !why.is_empty());
    let cause = why.and_then(|why| cause_of(relay, &relay.alike(why, &fallen.word.beside), has_route));
    Some((fallen.clone(), cause))
}

/// The last message that the relay took, as the log says.
fn in_log(record: &Record) -> Option<Taken> {
    let word = record.taken.as_ref()?;
    Some(Taken {
        time: word.time,
        to: word.to.clone(),
        reply: word.text.clone(),
        certain: record.certain.as_ref().is_some_and(|certain| certain.order == word.order),
    })
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
    /// The relay took a message, and the configuration, or the login, was changed after it.
    Changed,
    /// A test message came to nothing, or was not seen to arrive, after the last one that the relay took.
    Tested,
    /// The last word is a failure, or a message waits for too long, and none left since it came.
    Fails,
    /// The way in force does not lead to the relay, or is closed: the messages that the relay took came by another way.
    Barred,
}

/// What a change was of that makes what the relay took before no proof of what is in force now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Changed {
    /// The configuration, by a run of relayhost.
    Configuration,
    /// The table with the login, by a person or a run.
    Login,
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
    /// Its name; empty where an error has ended it.
    pub cause_id: String,
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
    /// That message, if another relay than the first took it and mail still leaves; with the cause, if the catalogue knows it.
    pub fallen: Option<(Fallen, Option<Cause>)>,
    /// The time of the last test message that the relay took.
    pub proved: Option<Seconds>,
    /// What keeps mail from the relay as the host is now, whatever left before.
    pub obstacle: Option<String>,
    /// What was changed last of that by which mail leaves, and when.
    pub changed: Option<(Seconds, Changed)>,
    /// The end of the last test message, if it had no success.
    pub tested: Option<Test>,
    /// The end of the last drill, if it had no success and nothing has left by that relay since, with its time.
    pub drilled: Option<(Seconds, LastDrill)>,
    /// The time of the last change of Postfix's configuration.
    pub configured: Option<Seconds>,
    /// The last failure, and its cause if the catalogue knows it.
    pub refused: Option<(Word, Option<Cause>)>,
    /// Host and port of the relay that the last failure was at, if that is not the first one.
    pub refused_at: Option<(String, u16)>,
    /// What the first relay did then, in the words of Postfix, and its cause; `None`: the log does not say.
    pub refused_first: Option<(String, Option<Cause>)>,
    /// Whether that failure speaks against mail leaving.
    pub is_contradicted: bool,
    /// What is known of each way of the answers, the first one first.
    pub ways: Vec<Told>,
    /// The time from which on their messages are counted.
    pub counted: Option<Seconds>,
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
        let proved = proof.as_ref().map(|proof| proof.time);
        let taken = in_log(record).into_iter().chain(proof).max_by_key(|taken| taken.time);
        let mut leaving = Self {
            relay: format!("[{}]:{}", relay.host, relay.port),
            now,
            standing: Standing::Unseen,
            refused: None,
            refused_at: None,
            refused_first: None,
            is_contradicted: false,
            queue,
            taken,
            fallen: None,
            proved,
            obstacle: None,
            changed: None,
            tested: None,
            drilled: None,
            configured: None,
            ways: Vec::new(),
            counted: None,
            since: record.since,
            unknown,
            limits,
        };
        let (standing, against) = leaving.judge(record, proved);
        leaving.standing = standing;
        // Where mail does not leave, it does not leave by another relay either.
        leaving.fallen = last_fallen(relay, record, has_route).filter(|_| !leaving.is_stopped());
        leaving.is_contradicted = against.is_some();
        // A failure that stops all mail is named before a later one of a single message.
        if let Some(word) = against.or(record.refused.as_ref()) {
            leaving.refused_by(relay, word, has_route);
        }
        leaving
    }

    /// The same, where `obstacle` keeps mail from the relay as the host is now. A failure that was met has its own words.
    #[must_use]
    pub fn barred(mut self, obstacle: Option<String>) -> Self {
        let obstacle = obstacle.or_else(|| self.queue.broken.as_ref().map(|cause| cause.cause.clone()));
        // What no program of Postfix can read says more than an attempt before.
        if self.queue.broken.is_some() || obstacle.is_some() && self.standing != Standing::Fails {
            self.standing = Standing::Barred;
            self.fallen = None;
            self.is_contradicted = false;
        }
        self.obstacle = obstacle;
        self
    }

    /// The same, where the configuration in force began at one time, and the login was changed at another: what the relay took
    /// before says nothing of them.
    #[must_use]
    pub fn changed_at(mut self, begun: Option<Seconds>, login: Option<Seconds>) -> Self {
        let of = |time: Option<Seconds>, what| time.map(|time| (time, what));
        self.changed = of(begun, Changed::Configuration).max(of(login, Changed::Login));
        let is_before =
            self.taken.as_ref().zip(self.changed).is_some_and(|(taken, (changed, _))| taken.time < changed);
        if self.standing == Standing::Leaves && is_before {
            self.standing = Standing::Changed;
        }
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

    /// The same, with what is known of each of these ways. `is_certain`: whether nobody but Postfix can have written the log.
    #[must_use]
    pub fn by_ways(mut self, desired: &Desired, ways: &[Way], record: &Record, is_certain: bool) -> Self {
        let told = |(at, way): (usize, &Way)| {
            let tally = record.counted.known(way);
            let waits = self.queue.others.get(&at).cloned().unwrap_or_default();
            Told::new(desired, way, tally, waits, (is_certain, record.begun))
        };
        let ways = ways.iter().enumerate().map(told).collect();
        (self.ways, self.counted) = (ways, record.counted.since);
        self.refused_with_keys(desired);
        self
    }

    /// The same, after a drill that had no success, of a relay that the answers still name. What that relay has taken since is
    /// more.
    #[must_use]
    pub fn after_drill(mut self, drilled: Option<(Seconds, LastDrill)>) -> Self {
        let stands = |(time, drill): &(Seconds, LastDrill)| {
            let mut fallbacks = self.ways.iter().filter(|told| told.way.kind == Kind::Fallback);
            fallbacks.any(|told| told.way.by == drill.relay && told.tally.last <= Some(*time))
        };
        self.drilled = drilled.filter(stands);
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
        // A configuration that came after a failure, and by which mail has left, is another than the one that failed.
        let is_former = |word: &&Word| Some(word.time) < record.begun;
        let is_taken_since = record.taken.as_ref().is_some_and(|taken| Some(taken.time) >= record.begun);
        let proven = after(&record.proven, &record.certain);
        let proven = proven.filter(|word| !(is_former(word) && is_taken_since));
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

    /// The age of the oldest message that waits for another way, if that is longer than one may wait.
    pub fn late_elsewhere(&self) -> Option<Duration> {
        self.queue.elsewhere_oldest.map(|oldest| self.age(oldest)).filter(|age| *age > self.limits.queue)
    }

    /// Whether a message waits for longer than it may.
    pub fn is_late(&self) -> bool {
        self.queue_age().is_some_and(|age| age > self.limits.queue)
    }
}

#[cfg(test)]
#[path = "leaving_tests.rs"]
mod tests;
