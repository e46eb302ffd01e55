//! The messages that failed and have not got through since. A table of bounded size: when it is full, the messages that
//! were tried least recently are settled, that is, counted as they are then and no longer followed.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, Hasher, RandomState};

use super::stamp::Seconds;

/// Bits of the filter: 32 KiB, so that it stays near the processor.
const FILTER_BITS: u32 = 18;
/// Entries in each half of the table.
const HALF: usize = 200_000;
/// Messages whose end (expired, deleted) is remembered.
const ENDS: usize = 50_000;

/// State of a message that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// In the queue: Postfix will try again.
    Deferred,
    /// Given up, or taken out of the queue by an admin.
    Lost,
}

/// One message for one recipient, as its last attempt left it. Small, since there may be many.
#[derive(Debug, Clone, Copy)]
struct Failed {
    message: u64,
    group: u32,
    first: Moment,
    last: Moment,
    state: State,
}

/// Seconds since 1970 in half the space; 0 stands for an unknown time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Moment(u32);

impl Moment {
    fn new(time: Option<Seconds>) -> Self {
        Self(time.and_then(|time| u32::try_from(time).ok()).unwrap_or_default())
    }

    fn time(self) -> Option<Seconds> {
        (self.0 > 0).then(|| self.0.into())
    }
}

/// Number and times of a group's messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages that failed and did not get through.
    pub messages: u64,
    /// Of those, the ones still in the queue, as far as the log tells.
    pub waiting: u64,
    /// First failure.
    pub first: Option<Seconds>,
    /// Last failure.
    pub last: Option<Seconds>,
}

/// How a message left the queue as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// An admin took it out: it was lost.
    Deleted,
    /// It was put through Postfix again, and goes on under another queue id: what it met there counts.
    Requeued,
    /// qmgr(8) gave it up then: it counts under this group, unless a failed attempt says more.
    Expired(u32, Option<Seconds>),
}

/// Rules out most queue ids that are not in the table, without a search. Bits are set and never cleared.
#[derive(Debug)]
struct Filter(Vec<u64>);

impl Default for Filter {
    fn default() -> Self {
        Self(vec![0; 1 << (FILTER_BITS - 6)])
    }
}

impl Filter {
    /// Word and bit of a queue id, from its last eight bytes, which differ between messages.
    fn place(queue_id: &[u8]) -> (usize, u64) {
        let last = queue_id.iter().rev().take(8).fold(0u64, |sum, byte| (sum << 8) | u64::from(*byte));
        let place = last.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - FILTER_BITS);
        (usize::try_from(place >> 6).unwrap_or_default(), 1 << (place & 63))
    }

    fn set(&mut self, queue_id: &[u8]) {
        let (word, bit) = Self::place(queue_id);
        if let Some(word) = self.0.get_mut(word) {
            *word |= bit;
        }
    }

    fn may_have(&self, queue_id: &[u8]) -> bool {
        let (word, bit) = Self::place(queue_id);
        self.0.get(word).is_some_and(|word| word & bit != 0)
    }
}

/// The messages that failed, in two halves of a table.
#[derive(Debug, Default)]
pub struct Messages {
    filter: Filter,
    hasher: RandomState,
    young: HashMap<u64, Failed>,
    old: HashMap<u64, Failed>,
    ended: HashMap<u64, Ended>,
    settled: HashMap<u32, Tally>,
    /// Whether some messages are no longer followed, so that those which got through later count as failed.
    pub overflowed: bool,
}

impl Messages {
    /// Key of one message for one recipient.
    pub fn key(&self, queue_id: &[u8], to: &[u8]) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        hasher.write(queue_id);
        hasher.write_u8(b' ');
        hasher.write(to);
        hasher.finish()
    }

    /// Whether there may be a message of this queue id.
    pub fn may_have(&self, queue_id: &[u8]) -> bool {
        self.filter.may_have(queue_id)
    }

    /// The group in which a message is.
    pub fn group(&self, key: u64) -> Option<u32> {
        self.young.get(&key).or_else(|| self.old.get(&key)).map(|failed| failed.group)
    }

    /// Records an attempt that failed for the reason of this group.
    pub fn failed(&mut self, key: u64, queue_id: &[u8], group: u32, state: State, time: Option<Seconds>) {
        self.filter.set(queue_id);
        let moment = Moment::new(time);
        let before = self.old.remove(&key);
        if self.young.len() >= HALF && !self.young.contains_key(&key) {
            self.settle();
        }
        let message = self.hasher.hash_one(queue_id);
        let new = Failed { message, group, first: moment, last: moment, state };
        let entry = self.young.entry(key).or_insert(before.unwrap_or(new));
        entry.group = group;
        entry.state = state;
        entry.first = Moment::new(earlier(entry.first.time(), time));
        entry.last = Moment::new(later(entry.last.time(), time));
    }

    /// Removes a message that got through. Returns its group, if it had failed before.
    pub fn accepted(&mut self, key: u64) -> Option<u32> {
        self.young.remove(&key).or_else(|| self.old.remove(&key)).map(|failed| failed.group)
    }

    /// Records the end of a message.
    pub fn ended(&mut self, queue_id: &[u8], ended: Ended) {
        if self.ended.len() >= ENDS {
            self.overflowed = true;
            self.ended.clear();
        }
        self.ended.insert(self.hasher.hash_one(queue_id), ended);
    }

    /// Counts the older half as it is, and drops it.
    fn settle(&mut self) {
        let old = std::mem::replace(&mut self.old, std::mem::take(&mut self.young));
        self.overflowed |= old.values().any(|failed| failed.state == State::Deferred);
        let old = self.count(&old);
        add(&mut self.settled, old);
    }

    /// Tallies of the messages that failed and did not get through, by group.
    pub fn tallies(&self) -> HashMap<u32, Tally> {
        let mut all = self.settled.clone();
        let known: HashSet<u64> =
            self.young.values().chain(self.old.values()).map(|failed| failed.message).collect();
        for (message, ended) in &self.ended {
            if let Ended::Expired(group, time) = ended
                && !known.contains(message)
            {
                add(&mut all, [(*group, Tally { messages: 1, waiting: 0, first: *time, last: *time })]);
            }
        }
        for half in [&self.old, &self.young] {
            add(&mut all, self.count(half));
        }
        all
    }

    /// Tallies of one half, by group. A message for several recipients counts as one.
    fn count(&self, half: &HashMap<u64, Failed>) -> HashMap<u32, Tally> {
        let goes_on = |failed: &&Failed| {
            failed.state == State::Deferred && self.ended.get(&failed.message) == Some(&Ended::Requeued)
        };
        let mut list: Vec<&Failed> = half.values().filter(|failed| !goes_on(failed)).collect();
        list.sort_unstable_by_key(|failed| (failed.group, failed.message, failed.state == State::Lost));
        let (mut tallies, mut before) = (HashMap::new(), None);
        for failed in list {
            let waits = failed.state == State::Deferred && !self.ended.contains_key(&failed.message);
            let is_new = before != Some((failed.group, failed.message));
            before = Some((failed.group, failed.message));
            let one = Tally {
                messages: u64::from(is_new),
                waiting: u64::from(is_new && waits),
                first: failed.first.time(),
                last: failed.last.time(),
            };
            add(&mut tallies, [(failed.group, one)]);
        }
        tallies
    }
}

/// Adds tallies to those of the same groups.
fn add(sums: &mut HashMap<u32, Tally>, tallies: impl IntoIterator<Item = (u32, Tally)>) {
    for (group, one) in tallies {
        let sum = sums.entry(group).or_default();
        sum.messages += one.messages;
        sum.waiting += one.waiting;
        sum.first = earlier(sum.first, one.first);
        sum.last = later(sum.last, one.last);
    }
}

/// The earlier of two times; an unknown one does not count.
pub fn earlier(one: Option<Seconds>, other: Option<Seconds>) -> Option<Seconds> {
    one.into_iter().chain(other).min()
}

/// The later of two times.
pub fn later(one: Option<Seconds>, other: Option<Seconds>) -> Option<Seconds> {
    one.max(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(messages: &mut Messages, id: &str, to: &str, group: u32, state: State, time: Seconds) {
        let key = messages.key(id.as_bytes(), to.as_bytes());
        messages.failed(key, id.as_bytes(), group, state, Some(time));
    }

    #[test]
    fn a_message_counts_once_under_its_last_cause() {
        let mut messages = Messages::default();
        fail(&mut messages, "A1", "a", 1, State::Deferred, 10);
        fail(&mut messages, "A1", "b", 1, State::Deferred, 10);
        fail(&mut messages, "A2", "a", 1, State::Deferred, 11);
        fail(&mut messages, "A2", "a", 2, State::Deferred, 20);
        let tallies = messages.tallies();
        assert_eq!(tallies[&1], Tally { messages: 1, waiting: 1, first: Some(10), last: Some(10) });
        assert_eq!(tallies[&2], Tally { messages: 1, waiting: 1, first: Some(11), last: Some(20) });
    }

    #[test]
    fn what_got_through_did_not_fail_and_what_ended_does_not_wait() {
        let mut messages = Messages::default();
        for to in ["a", "b"] {
            fail(&mut messages, "A1", to, 1, State::Deferred, 10);
        }
        assert_eq!(messages.accepted(messages.key(b"A1", b"a")), Some(1));
        assert_eq!(messages.accepted(messages.key(b"A1", b"c")), None);
        assert_eq!((messages.tallies()[&1].messages, messages.tallies()[&1].waiting), (1, 1));
        messages.ended(b"A1", Ended::Deleted);
        assert_eq!((messages.tallies()[&1].messages, messages.tallies()[&1].waiting), (1, 0));
        assert_eq!(messages.accepted(messages.key(b"A1", b"b")), Some(1));
        assert!(messages.tallies().is_empty() && messages.may_have(b"A1"));
        let others = (0..1000).filter(|number| messages.may_have(format!("B{number}").as_bytes())).count();
        assert!(others < 5, "{others}");
    }

    #[test]
    fn a_message_that_expired_counts_by_its_last_failure_if_that_is_known() {
        let mut messages = Messages::default();
        fail(&mut messages, "A1", "a", 1, State::Deferred, 10);
        messages.ended(b"A1", Ended::Expired(9, Some(20)));
        messages.ended(b"A2", Ended::Expired(9, Some(21)));
        let tallies = messages.tallies();
        assert_eq!((tallies[&1].messages, tallies[&1].waiting), (1, 0));
        assert_eq!(tallies[&9], Tally { messages: 1, waiting: 0, first: Some(21), last: Some(21) });
    }

    #[test]
    fn a_full_table_settles_what_is_oldest() {
        let mut messages = Messages::default();
        for number in 0..5 * HALF {
            fail(&mut messages, &format!("A{number}"), "a", 1, State::Deferred, 10);
        }
        assert!(messages.young.len() + messages.old.len() <= 2 * HALF && messages.overflowed);
        assert_eq!(messages.tallies()[&1].messages, 5 * HALF as u64);
    }
}
