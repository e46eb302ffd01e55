//! The part of a plan that is about the way of an alert, as it would be with the answers in force: each hop that is not as
//! the answers need it, with its file, its line and its remedy.

use super::{Finding, Plan, Remedy, State};
use crate::model::desired::Desired;
use crate::model::observed::Version;
use crate::model::postfix::postmap::MapSource;
use crate::model::route::Way;
use crate::model::route::judge::{fallback, faults};
use crate::model::text::is_address;

/// Entries that are named one by one; of more only the number is.
const NAMED: usize = 3;

/// A table that gives senders other addresses, by the parameter that names it.
#[derive(Debug)]
pub struct OfSenders {
    /// The parameter.
    pub parameter: &'static str,
    /// `type:path`.
    pub table: String,
    /// Its source.
    pub source: MapSource,
}

impl Plan {
    /// Adds the entries for other senders than those of the answers that give them an address by which the answers do not
    /// send: the login may not be allowed to use it.
    pub fn senders(&mut self, desired: &Desired, tables: &[OfSenders]) {
        for OfSenders { parameter, table, source } in tables {
            let is_other =
                |key: &str| !desired.rewrites.iter().any(|rule| rule.local.eq_ignore_ascii_case(key));
            let all: Vec<String> = source
                .numbered()
                // An address that stays as it is.
                .filter(|(_, key, value)| !key.eq_ignore_ascii_case(value))
                .filter(|(_, key, value)| is_address(value) && is_other(key) && !desired.sends_as(value))
                .map(|(line, key, value)| format!("{key} to {value} (line {line})"))
                .collect();
            let named = all.get(..NAMED).unwrap_or(&all).join(", ");
            if !all.is_empty() {
                let more = if all.len() > NAMED {
                    format!(" and {} more", all.len() - NAMED)
                } else {
                    String::new()
                };
                let text = format!(
                    "{parameter}, {table} turns {named}{more}: the answers do not send as that, so the relay may refuse such mail"
                );
                self.add("route.sender", State::Note, text, None);
            }
        }
    }

    /// Adds the faults of the way, those that every host would have and those that only these answers make to one.
    pub fn route(&mut self, desired: &Desired, way: &Way, version: &Version) {
        for (name, fault) in faults(way, desired, version) {
            let state = if fault.stops { State::Differs } else { State::Warning };
            self.add(format!("route.{name}"), state, fault.text, Remedy::say(fault.remedy));
        }
        if let Some(fault) = fallback(way, desired, version) {
            self.add("route.fallback", State::Warning, fault.text, Remedy::say(fault.remedy));
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
