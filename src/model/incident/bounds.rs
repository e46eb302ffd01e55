//! Keeps the record of incidents within its room, and its numbers within what receivers can read.

use std::collections::{BTreeMap, BTreeSet};

use super::record::{Incidents, MOST, Untold};
use super::slots::{LARGEST, ROOM};
use super::{Incident, Severity, Topic};
use crate::model::log::stamp::Seconds;

/// The numbers that are left for the events of one look.
const SPARE: u64 = 1000;
/// The numbers that are left out behind those that a damaged record still shows: as many events as it may have had beyond them.
const SKIPPED: u64 = 1000;

impl Incidents {
    /// A record that was read, with no more in it than the watch writes. The error is why it cannot be used.
    pub fn checked(mut self) -> Result<Self, String> {
        let numbers = self.untold.iter().map(|untold| untold.event.sequence).chain([self.sequence]);
        if numbers.max().unwrap_or_default() > LARGEST - SPARE {
            return Err("has a number that no event reaches".into());
        }
        let mut topics = BTreeSet::new();
        self.open.retain(|incident| topics.insert(incident.topic));
        let beyond = self.untold.len().saturating_sub(MOST);
        self.untold.drain(..beyond);
        Ok(self)
    }

    /// The record with as much as there is room for on the disk: of what is still to be told, the oldest events of closed
    /// incidents go first, then the oldest of the others.
    #[must_use]
    pub fn fitted(mut self) -> Self {
        while !self.untold.is_empty() && serde_json::to_vec(&self).is_ok_and(|text| text.len() > ROOM) {
            let is_closed =
                |untold: &Untold| self.open.iter().all(|incident| incident.id != untold.event.incident.id);
            let at = self.untold.iter().position(is_closed).unwrap_or_default();
            self.untold.remove(at);
        }
        self
    }

    /// What can be known again of a record that cannot be used: the incidents that receivers may have open, by their names, and
    /// a number that no event had. `series`: for the names of new ones. Where not even a name is left, one incident says so,
    /// and its end tells each receiver how it stands.
    pub fn rescued(damaged: &[u8], series: String, now: Seconds) -> Self {
        let mut record = Self::new(series);
        let newest = names(damaged);
        let last = newest.values().map(|(number, _)| *number).max().unwrap_or_default();
        record.sequence = last + SKIPPED;
        let named = newest.into_iter().map(|(topic, (_, id))| lost(topic, id, now));
        record.open = named.collect();
        if record.open.is_empty() {
            let id = format!("{}-{}-{}", Topic::Look.word(), record.series, record.sequence);
            record.open.push(lost(Topic::Look, id, now));
        }
        record
    }
}

/// The newest name of an incident of each topic in a text that may be damaged.
fn names(damaged: &[u8]) -> BTreeMap<Topic, (u64, String)> {
    let text = String::from_utf8_lossy(damaged);
    let mut newest = BTreeMap::new();
    for word in text.split('"') {
        let Some((topic, number)) = parts(word) else { continue };
        let known = newest.entry(topic).or_insert((number, word.to_owned()));
        if known.0 <= number {
            *known = (number, word.to_owned());
        }
    }
    newest
}

/// Topic and number of a name such as `mail-0a1b2c-17`.
fn parts(word: &str) -> Option<(Topic, u64)> {
    let [topic, series, number] = word.split('-').collect::<Vec<_>>()[..] else { return None };
    let topic = Topic::ALL.into_iter().find(|known| known.word() == topic)?;
    let is_hex = (2..=16).contains(&series.len()) && series.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = number.parse().ok().filter(|number| *number <= LARGEST - 2 * SKIPPED)?;
    is_hex.then_some((topic, number))
}

fn lost(topic: Topic, id: String, now: Seconds) -> Incident {
    Incident {
        id,
        topic,
        severity: Severity::Critical,
        cause: "the record of incidents was damaged; what lasts of it is told anew, and what else a receiver has open is over"
            .into(),
        cause_id: "record.damaged".into(),
        trouble: String::new(),
        opened_as: None,
        remedy: "relayhost check".into(),
        since: now,
        opened: now,
        waiting: None,
        at_least: false,
        oldest: None,
    }
}
