//! The part of a plan that is about the way of an alert, as it would be with the answers in force: each hop that is not as the
//! answers need it, with its file, its line and its remedy.

use super::{Finding, Plan, Remedy, State};
use crate::model::desired::Desired;
use crate::model::observed::Version;
use crate::model::route::Way;
use crate::model::route::judge::faults;

impl Plan {
    /// Adds the faults of the way, those that every host would have and those that only these answers make to one.
    pub fn route(&mut self, desired: &Desired, way: &Way, version: &Version) {
        for (name, fault) in faults(way, desired, version) {
            let state = if fault.stops { State::Differs } else { State::Warning };
            self.add(format!("route.{name}"), state, fault.text, Remedy::say(fault.remedy));
        }
        for hop in &way.hops {
            let notes = hop.notes.iter().map(|note| Finding {
                id: format!("route.{}", hop.name),
                state: State::Note,
                found: note.clone(),
                remedy: None,
            });
            self.findings.extend(notes);
        }
    }
}
