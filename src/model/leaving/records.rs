//! The file of what was seen: a record for each relay that was asked about.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::record::Record;
use super::relay::Relay;
use crate::model::state::generation::VERSION;

/// Relays that are remembered.
const RELAYS: usize = 8;

/// What is remembered of each relay that was asked for, by `host:port`: different answers do not disturb each other.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Records {
    /// Version of this form.
    pub version: u32,
    /// The records.
    pub relays: BTreeMap<String, Record>,
}

impl Records {
    /// These, with another record of one relay. Of too many the one that was looked at longest ago is dropped.
    #[must_use]
    pub fn with(mut self, relay: &Relay, record: Record) -> Self {
        self.version = VERSION;
        self.relays.insert(relay.key(), record);
        while self.relays.len() > RELAYS {
            let oldest = self.relays.iter().min_by_key(|(_, record)| record.looked);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else { break };
            self.relays.remove(&oldest);
        }
        self
    }

    /// These, with texts that `hide` has changed.
    #[must_use]
    pub fn hidden(mut self, hide: impl Fn(&str) -> String) -> Self {
        for record in self.relays.values_mut() {
            let last = [
                &mut record.taken,
                &mut record.certain,
                &mut record.refused,
                &mut record.failed,
                &mut record.proven,
            ];
            if let Some(fallen) = &mut record.fallen {
                fallen.why = hide(&fallen.why);
            }
            let refused = record.counted.ways.values_mut();
            let refused =
                refused.flat_map(|tally| tally.refused.iter_mut().chain(tally.senders.values_mut()));
            for refused in refused {
                refused.text = hide(&refused.text);
                let all = refused.beside.iter_mut().chain(&mut refused.after);
                all.for_each(|words| *words = hide(words));
            }
            let fallen = record.fallen.iter_mut().map(|fallen| &mut fallen.word);
            for word in last.into_iter().flatten().chain(record.claimed.values_mut()).chain(fallen) {
                word.text = hide(&word.text);
                word.beside.iter_mut().for_each(|words| *words = hide(words));
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_relays_those_stay_that_were_asked_about_last() {
        let relay = |number: u16| Relay { host: "r".into(), port: number, fallbacks: Vec::new() };
        let many = (0..100).fold(Records::default(), |all, number| {
            all.with(&relay(number), Record { looked: number.into(), ..Record::default() })
        });
        assert_eq!(many.relays.len(), RELAYS);
        assert!(many.relays.contains_key("r:99") && !many.relays.contains_key("r:0"));
    }
}
