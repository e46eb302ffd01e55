//! What is known of each way of the answers: what the log has told, and what waits.

use std::collections::BTreeMap;

use super::Leaving;
use super::in_queue::Waits;
use super::tally::{Refused, Tally};
use super::ways::{Kind, Way, ways};
use crate::model::causes::{About, Cause, Circumstances, diagnose};
use crate::model::desired::Desired;
use crate::model::log::stamp::Seconds;
use crate::model::state::last_probes::RefusedProbe;

/// A fallback relay that did not take a message of a way either.
#[derive(Debug, Clone)]
pub struct Then {
    /// As main.cf names it.
    pub relay: String,
    /// What was said of it.
    pub text: String,
    /// Its cause in the catalogue.
    pub cause: Option<Cause>,
}

/// What is known of a way.
#[derive(Debug, Clone)]
pub struct Told {
    /// The way.
    pub way: Way,
    /// What the log has told.
    pub tally: Tally,
    /// What waits for it; of the first relay and of fallback relays that is told by itself.
    pub waits: Waits,
    /// What keeps mail from it, with its cause in the catalogue.
    pub refused: Option<(Refused, Option<Cause>)>,
    /// The fallback relay that did not take the message either: its name, and what it did.
    pub then: Option<Then>,
    /// The senders that the relay refuses for their addresses, if that is what keeps mail from it; all others leave.
    pub senders: Vec<String>,
    /// Whether messages wait that it refused, though it has taken one since.
    pub is_mended: bool,
    /// Whether that was before the configuration that is in force now.
    pub is_former: bool,
    /// Whether a probe met that, and no message.
    pub is_probe: bool,
}

impl Told {
    /// Of one way. `is_certain`: whether nobody but Postfix can have written the log; and from when on the configuration is in
    /// force.
    pub fn new(
        desired: &Desired,
        way: &Way,
        tally: Tally,
        waits: Waits,
        (is_certain, begun): (bool, Option<Seconds>),
    ) -> Self {
        let is_former = |time: Seconds| Some(time) < begun;
        // A message that waits is no forger's; one that failed by another configuration than that by which others left is over.
        let is_over = |arrived| {
            tally.last >= Some(arrived) && (is_certain || is_former(arrived) && tally.last >= begun)
        };
        let in_queue =
            waits.stuck.as_ref().filter(|(arrived, _)| !is_over(*arrived) && tally.has_come(*arrived));
        let in_queue =
            in_queue.map(|(arrived, text)| Refused { time: *arrived, ..Refused::of(way, None, text, &[]) });
        let is_mended =
            tally.refused.is_none() && in_queue.as_ref().is_some_and(|one| tally.last > Some(one.time));
        // Of these two other findings tell; and one server of many is not the way.
        let is_told = matches!(way.kind, Kind::Relay | Kind::Fallback) || way.has_many_servers();
        // Of senders that the relay refuses for their addresses nothing is said of the others.
        let last = || tally.senders.values().max_by_key(|one| one.time).cloned();
        let all = tally.refused.clone().or(in_queue);
        let senders = if all.is_none() { tally.senders.keys().cloned().collect() } else { Vec::new() };
        let refused = all.or_else(last).filter(|_| !is_told);
        let refused = refused.map(|refused| {
            let cause = cause_of(desired, way, &refused.text, &refused.beside);
            (refused, cause)
        });
        let then = refused.as_ref().and_then(|(refused, _)| then(desired, way, &refused.after));
        let is_former = refused.as_ref().is_some_and(|(refused, _)| is_former(refused.time));
        Self { way: way.clone(), tally, waits, refused, then, senders, is_mended, is_former, is_probe: false }
    }

    /// The cause of what was said on this way, with the keys of its own table.
    pub fn cause_of(&self, desired: &Desired, text: &str, beside: &[String]) -> Option<Cause> {
        cause_of(desired, &self.way, text, beside)
    }
}

impl Leaving {
    /// The same, after probes of accounts and routes that were refused. What a way has taken since is more, and so is what a
    /// message met.
    #[must_use]
    pub fn after_probes(
        mut self,
        desired: &Desired,
        probes: &BTreeMap<String, (Seconds, RefusedProbe)>,
    ) -> Self {
        for told in self.ways.iter_mut().filter(|told| told.refused.is_none()) {
            let Some((time, probe)) = probes.get(&told.way.table) else { continue };
            if probe.relay != told.way.by || told.tally.last >= Some(*time) {
                continue;
            }
            let cause = told.cause_of(desired, &probe.text, &[]);
            let refused = Refused { time: *time, text: probe.text.clone(), ..Refused::default() };
            told.refused = Some((refused, cause));
            (told.is_probe, told.is_former, told.then) = (true, false, None);
        }
        self
    }
}

/// What the fallback relay did that these words are about.
fn then(desired: &Desired, way: &Way, after: &[String]) -> Option<Then> {
    let (text, beside) = after.split_first()?;
    let (host, port) = way.relay().other_named_in(text)?;
    let is_there = |way: &Way| {
        let relay = way.relay();
        way.kind == Kind::Fallback && relay.host.eq_ignore_ascii_case(host) && relay.port == *port
    };
    let fallback = ways(desired).into_iter().find(is_there)?;
    let cause = cause_of(desired, &fallback, text, beside);
    Some(Then { relay: fallback.by, text: text.clone(), cause })
}

/// The cause, with the keys of this way's own table. `beside`: what was said of the other addresses.
fn cause_of(desired: &Desired, way: &Way, text: &str, beside: &[String]) -> Option<Cause> {
    let relay = way.relay();
    let host = Some(relay.host.as_str()).filter(|host| !host.is_empty());
    let about = About { relay: host.map(|host| (host, "", relay.port)), ..About::default() };
    let circumstances = Circumstances::unknown(&about).at(desired, host, &way.by);
    Some(text)
        .filter(|text| !text.is_empty())
        .and_then(|text| diagnose(&relay.alike(text, beside), &circumstances))
}

#[cfg(test)]
#[path = "by_way_tests.rs"]
mod tests;
