//! Why the last probe of each account, each route and each fallback relay found that it takes no mail: no message has gone that
//! way, so no log of this host has it.

use std::collections::{BTreeMap, BTreeSet};

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
    /// The record after other probes, with these tables in the answers. A way that was not tried stays as it was known; one whose
    /// table is gone does not: a later one may have its name.
    #[must_use]
    pub fn after(mut self, verdicts: Verdicts, tables: &BTreeSet<String>) -> Self {
        self.version = VERSION;
        self.refused.retain(|table, _| tables.contains(table));
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
        let tables = |all: &[&str]| all.iter().map(|table| (*table).to_owned()).collect();
        let (both, all) =
            (verdicts(&[("a", refused("535")), ("b", refused("550"))]), tables(&["a", "b", "c"]));
        let first = LastProbes::default().after(both, &all);
        let second = first.after(verdicts(&[("a", None), ("c", None)]), &all);
        assert_eq!(second.refused.keys().collect::<Vec<_>>(), ["b"]);
        assert_eq!(second.after(Verdicts::new(), &tables(&["a", "c"])).refused.len(), 0, "its table is gone");
    }
}
