//! The record of incidents: what is open, and what has still to be told by which way. It is on the disk before anything is told,
//! and again after each that was, so that a watch which dies tells an event once more rather than not at all.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::event::{Event, Kind, bounded};
use super::sight::Seen;
use super::{Incident, Severity, Sighting, Topic};
use crate::model::log::stamp::Seconds;
use crate::model::state::generation::VERSION;

/// Events that are kept for ways which do not take them. Of more, the oldest are dropped.
pub(super) const MOST: usize = 64;

/// An event that a way has not taken yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Untold {
    /// The event.
    pub event: Event,
    /// The ways, by their keys, and what the last attempt came to; empty before the first.
    pub ways: BTreeMap<String, String>,
}

/// The record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incidents {
    /// Version of this form.
    pub version: u32,
    /// Random letters in the names of all incidents of this record: one that is begun anew has others.
    pub series: String,
    /// Number of the last event.
    pub sequence: u64,
    /// The incidents that are open, one for each topic at most.
    pub open: Vec<Incident>,
    /// The ways that have been told of them, by their keys.
    #[serde(default)]
    pub ways: Vec<String>,
    /// What was amiss at the last look and has not lasted long enough to open an incident, and since when.
    #[serde(default)]
    pub young: BTreeMap<Topic, Seconds>,
    /// The events that have still to be told, in their order.
    pub untold: Vec<Untold>,
}

/// When a look is, and what is told by it.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// The ways, by their keys.
    pub ways: &'a [String],
    /// How long something has to last before an incident opens, in seconds.
    pub open_after: Seconds,
    /// The time of the look.
    pub now: Seconds,
}

impl Incidents {
    /// An empty record.
    pub fn new(series: String) -> Self {
        Self { version: VERSION, series, ..Self::default() }
    }

    /// Folds in what a look saw: opens and closes incidents, and notes what is to be told by which ways. Returns the events.
    pub fn fold(&mut self, seen: &Seen, rules: Rules) -> Vec<Event> {
        let Rules { ways, open_after, now } = rules;
        let known = |topic: Topic| self.open.iter().any(|incident| incident.topic == topic);
        let is_covered = seen.sightings.iter().any(|one| one.covers_host) && !known(Topic::Host);
        let counts = |one: &&Sighting| !(is_covered && one.topic == Topic::Host);
        let sightings: Vec<&Sighting> = seen.sightings.iter().filter(counts).collect();
        let mut events = Vec::new();
        let (over, still): (Vec<Incident>, Vec<Incident>) = std::mem::take(&mut self.open)
            .into_iter()
            .partition(|one| seen.has_closed(one) && sightings.iter().all(|other| other.topic != one.topic));
        self.open = still;
        for incident in over {
            events.push((Kind::Closed, incident.with_queue(seen)));
        }
        self.young.retain(|topic, first| {
            !seen.has_ended(*topic, *first) || sightings.iter().any(|one| one.topic == *topic)
        });
        for sighting in sightings {
            if self.has_lasted(sighting, open_after, now) {
                events.extend(self.see(sighting, seen, now));
            }
        }
        self.welcome(ways);
        let worst = self.worst();
        let number = |(kind, mut incident): (Kind, Incident)| {
            self.sequence += 1;
            if kind == Kind::Opened {
                incident.id = format!("{}-{}-{}", incident.topic.word(), self.series, self.sequence);
                let named = self.open.iter_mut().find(|one| one.topic == incident.topic);
                if let Some(one) = named {
                    one.id.clone_from(&incident.id);
                }
            }
            Event { sequence: self.sequence, kind, time: now, incident, worst }
        };
        let events: Vec<Event> = events.into_iter().map(number).collect();
        self.keep(&events, ways);
        events
    }

    /// Whether what was seen is an incident: one that is open already, or something that has lasted long enough. What is over
    /// within a minute or two wakes nobody.
    fn has_lasted(&mut self, sighting: &Sighting, open_after: Seconds, now: Seconds) -> bool {
        let Sighting { topic, since, .. } = sighting;
        if self.open.iter().any(|incident| incident.topic == *topic) {
            return true;
        }
        // A first look that is still to come was noted before the clock was set back.
        let seen = self.young.get(topic).copied().filter(|seen| *seen <= now).unwrap_or(now);
        let first = seen.min(*since);
        if now - first < open_after {
            self.young.insert(*topic, first);
            return false;
        }
        self.young.remove(topic);
        true
    }

    /// Notes a sighting. Returns the incident if it is a new one, without its name, or worse than it was.
    fn see(&mut self, sighting: &Sighting, seen: &Seen, now: Seconds) -> Option<(Kind, Incident)> {
        let (cause, remedy) = (bounded(&sighting.cause), bounded(&sighting.remedy));
        let sighting = Sighting { cause, remedy, ..sighting.clone() };
        let Sighting { topic, severity, .. } = sighting;
        if let Some(known) = self.open.iter_mut().find(|one| one.topic == topic) {
            let is_worse = severity > known.severity;
            *known = known.clone().now(sighting);
            return is_worse.then(|| (Kind::Worsened, known.clone().with_queue(seen)));
        }
        let Sighting { cause, cause_id, trouble, remedy, since, .. } = sighting;
        let Seen { waiting, at_least, oldest, .. } = *seen;
        let (id, opened) = (String::new(), now);
        let incident = Incident {
            id,
            topic,
            severity,
            cause,
            cause_id,
            trouble,
            opened_as: None,
            remedy,
            since,
            opened,
            waiting,
            at_least,
            oldest,
        };
        self.open.push(incident.clone());
        Some((Kind::Opened, incident))
    }

    /// Has what is open told by ways that the answers did not have at the last look: one that was mended is such a way.
    fn welcome(&mut self, ways: &[String]) {
        let new: Vec<&String> = ways.iter().filter(|key| !self.ways.contains(key)).collect();
        let (open, worst) = (self.open.clone(), self.worst());
        // One that opens at this look has no name yet, and is told by all ways.
        let open = open.into_iter().filter(|incident| !incident.id.is_empty());
        for incident in open.filter(|_| !new.is_empty()) {
            let sequence =
                incident.id.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or_default();
            let untold = self.untold.iter().position(|one| one.event.sequence == sequence);
            let at = untold.unwrap_or_else(|| {
                let event = Event { sequence, kind: Kind::Opened, time: incident.opened, incident, worst };
                self.untold.insert(0, Untold { event, ways: BTreeMap::new() });
                0
            });
            if let Some(untold) = self.untold.get_mut(at) {
                untold.ways.extend(new.iter().map(|key| ((*key).clone(), String::new())));
            }
        }
        self.untold.sort_by_key(|untold| untold.event.sequence);
        self.ways = ways.to_vec();
    }

    /// Notes what is to be told, and forgets ways that the answers no longer have.
    fn keep(&mut self, events: &[Event], ways: &[String]) {
        for untold in &mut self.untold {
            untold.ways.retain(|key, _| ways.contains(key));
        }
        let all = || ways.iter().map(|key| (key.clone(), String::new())).collect();
        self.untold.extend(events.iter().map(|event| Untold { event: event.clone(), ways: all() }));
        self.untold.retain(|untold| !untold.ways.is_empty());
        let beyond = self.untold.len().saturating_sub(MOST);
        self.untold.drain(..beyond);
    }

    /// The worst of what is open.
    pub fn worst(&self) -> Option<Severity> {
        self.open.iter().map(|incident| incident.severity).max()
    }

    /// The events that this way has still to take, in their order.
    pub fn untold_by(&self, key: &str) -> Vec<Event> {
        let all = self.untold.iter().filter(|untold| untold.ways.contains_key(key));
        all.map(|untold| untold.event.clone()).collect()
    }

    /// Notes that a way has taken an event, or why it has not.
    pub fn note(&mut self, key: &str, sequence: u64, refusal: Option<&str>) {
        for untold in self.untold.iter_mut().filter(|untold| untold.event.sequence == sequence) {
            match refusal {
                None => drop(untold.ways.remove(key)),
                Some(why) => drop(untold.ways.insert(key.to_owned(), why.to_owned())),
            }
        }
        self.untold.retain(|untold| !untold.ways.is_empty());
    }

    /// These, with texts that `hide` has changed.
    #[must_use]
    pub fn hidden(mut self, hide: impl Fn(&str) -> String) -> Self {
        for untold in &mut self.untold {
            untold.ways.values_mut().for_each(|why| *why = hide(why));
        }
        let events = self.untold.iter_mut().map(|untold| &mut untold.event.incident);
        for incident in self.open.iter_mut().chain(events) {
            incident.cause = hide(&incident.cause);
            if let Some(first) = &mut incident.opened_as {
                first.cause = hide(&first.cause);
            }
            incident.remedy = hide(&incident.remedy);
        }
        self
    }
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
