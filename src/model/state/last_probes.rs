//! Why the last probe of each account, each route and each fallback relay found that it takes no mail: no message has gone that
//! way, so no log of this host has it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::generation::VERSION;

/// The record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastProbes {
    /// Version of this form.
    pub version: u32,
    /// By the tables of the answers.
    pub refused: BTreeMap<String, RefusedProbe>,
}

/// A probe that was refused, or found what does not pass by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RefusedProbe {
    /// Time of its end, UTC (RFC 3339).
    pub time: String,
    /// The next hop.
    pub relay: String,
    /// What was said, as Postfix would have logged it.
    pub text: String,
}

/// What a probe has found of ways, by their tables: `None`: mail would be taken.
pub type Verdicts = BTreeMap<String, Option<RefusedProbe>>;

impl LastProbes {
    /// The record after other probes. A way that was not tried stays as it was known.
    #[must_use]
    pub fn after(mut self, verdicts: Verdicts) -> Self {
        self.version = VERSION;
        for (table, verdict) in verdicts {
            match verdict {
                Some(refused) => drop(self.refused.insert(table, refused)),
                None => drop(self.refused.remove(&table)),
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_stays_until_a_probe_of_that_way_ends_well() {
        let refused = |text: &str| {
            Some(RefusedProbe { time: String::new(), relay: "[r]:587".into(), text: text.into() })
        };
        let verdicts = |all: &[(&str, Option<RefusedProbe>)]| {
            all.iter().map(|(table, verdict)| ((*table).to_owned(), verdict.clone())).collect()
        };
        let first = LastProbes::default().after(verdicts(&[("a", refused("535")), ("b", refused("550"))]));
        let second = first.after(verdicts(&[("a", None), ("c", None)]));
        assert_eq!(second.refused.keys().collect::<Vec<_>>(), ["b"]);
    }
}
