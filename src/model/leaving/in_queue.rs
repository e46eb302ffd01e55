//! What waits in the queue: for the relay, for another way, for a person.

use std::collections::{BTreeMap, BTreeSet};

use super::alerts::{Alerts, Alike, Bearing};
use super::record::{Stuck, WAITED};
use super::relay::Relay;
use super::tally::Judged;
use super::ways::{Other, Way};
use crate::model::causes::extent::is_unserved;
use crate::model::causes::{Cause, Circumstances, programs};
use crate::model::inspection::queue::Waiting;
use crate::model::log::stamp::Seconds;
use crate::model::text::{clipped, masked};

/// Bytes that are kept of a reason.
const WORDS: usize = 500;

/// What waits for a way that is not the first relay's.
#[derive(Debug, Clone, Default)]
pub struct Waits {
    /// Messages.
    pub messages: u64,
    /// The arrival of the last that waits for a reason that keeps all mail from this way, and the reason.
    pub stuck: Option<(Seconds, String)>,
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
    /// Messages that wait for a server of a route, or for the relay of an account.
    pub elsewhere: u64,
    /// The arrival of the oldest of those.
    pub elsewhere_oldest: Option<Seconds>,
    /// The reason of one of those; empty: none was tried.
    pub elsewhere_reason: String,
    /// Those by the places of their ways, and the reasons of those that were judged.
    pub others: BTreeMap<usize, Waits>,
    judged_elsewhere: Judged,
    /// Messages that somebody, or a rule, holds: Postfix does not try them.
    pub held: u64,
    /// The queue ids of all messages.
    pub ids: BTreeSet<String>,
    /// The reasons that were judged.
    judged: BTreeMap<(String, Alike), Bearing>,
    /// The reason why there may be more; `None` if the queue was listed to its end.
    pub unlisted: Option<String>,
    /// The time from which on the configuration is in force.
    pub begun: Option<Seconds>,
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
        if !message.held
            && alerts.have_other_ways()
            && let Some(other) = only_way(message, alerts)
        {
            self.add_elsewhere(message, other, alerts.ways.get(other.at));
            return;
        }
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
        let is_of_now = !reason.is_empty() && self.is_of_now(message, relay);
        let told = if is_of_now { Some(self.told(message, reason, alerts)) } else { None };
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

    /// Whether the reason of a message is about the way as it is now: it names the relay, or the message came since.
    fn is_of_now(&self, message: &Waiting, relay: &Relay) -> bool {
        message.arrived >= self.begun || relay.is_named_in(message.reason())
    }

    fn add_elsewhere(&mut self, message: &Waiting, other: Other, way: Option<&Way>) {
        let is_of_way = |way: &Way| {
            let relay = way.relay();
            way.is_by_mx() || relay.is_meant_by(message.reason()) && self.is_of_now(message, relay)
        };
        let reason = if way.is_none_or(is_of_way) { message.reason() } else { "" };
        self.elsewhere += 1;
        self.elsewhere_oldest = self.elsewhere_oldest.into_iter().chain(message.arrived).min();
        reason.clone_into(&mut self.elsewhere_reason);
        let waits = self.others.entry(other.at).or_default();
        waits.messages += 1;
        let arrived = message.arrived.unwrap_or_default();
        let is_later = waits.stuck.as_ref().is_none_or(|(last, _)| *last < arrived);
        if is_later && !reason.is_empty() && self.judged_elsewhere.stops(reason, other) {
            waits.stuck = Some((arrived, masked(clipped(reason, WORDS)).into_owned()));
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

/// The way of a message all of whose recipients are reached by another than that of the alerts: that of the first of them.
fn only_way(message: &Waiting, alerts: &Alerts) -> Option<Other> {
    let mut all = message.recipients.iter().map(|one| alerts.other_way(Some(&message.sender), &one.address));
    let first = all.next()??;
    all.all(|other| other.is_some()).then_some(first)
}
