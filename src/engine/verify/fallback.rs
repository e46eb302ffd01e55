//! The relays of the answers, any of which may take the message; and why it was not the first.

use std::time::Duration;

use super::Message;
use crate::engine::probe::names;
use crate::error::Result;
use crate::model::causes::failure::Failure;
use crate::model::causes::in_turn::{mending, takes_none};
use crate::model::causes::{Cause, Circumstances, diagnose};
use crate::model::desired::Desired;
use crate::model::log::Attempt;
use crate::model::message::delivery::{Instead, Outcome, named_by_probe};
use crate::model::message::verdict::Judgement;
use crate::model::probe::route::{Family, Lookup};
use crate::sys::{clock, dns};

/// The longest time in which a relay's name is looked up.
const LOOK_UP: Duration = Duration::from_secs(5);

/// The relays of the answers, in the order in which smtp(8) tries them.
pub(super) struct Relays(Vec<Known>);

struct Known {
    next_hop: String,
    host: String,
    port: u16,
    identity: dns::Identity,
}

impl Relays {
    pub(super) fn new(desired: &Desired) -> Self {
        let known = |next_hop: String, host: &str, port| Known {
            next_hop,
            host: host.to_owned(),
            port,
            identity: dns::Identity::new(host),
        };
        let ways = std::iter::once(&desired.first).chain(&desired.fallbacks);
        Self(ways.map(|way| known(way.next_hop(), &way.relay.host, way.relay.port)).collect())
    }

    /// None, where one server alone is to take the message.
    pub(super) fn none() -> Self {
        Self(Vec::new())
    }

    /// Whether one that is tried after the first has this name.
    pub(super) fn has_after_first(&self, name: &str, port: u16) -> bool {
        self.0.iter().skip(1).any(|known| known.port == port && known.host == name)
    }

    /// Its place among them. smtp(8) logs the name by which it has a relay; two names may have one address.
    pub(super) fn place(&self, name: &str, address: &str, port: u16) -> Option<usize> {
        let by =
            |is: &dyn Fn(&Known) -> bool| self.0.iter().position(|known| known.port == port && is(known));
        by(&|known| known.host == name).or_else(|| by(&|known| known.identity.is(name, address)))
    }
}

impl Message<'_> {
    /// What is known of the relay that the message was to leave by.
    pub(super) fn circumstances_of_goal(&self) -> Result<Circumstances> {
        Ok(self.circumstances()?.at(self.desired, None, &self.goal.text))
    }

    /// What is known beside the words of an attempt, which need not have been at the relay that the message was to leave by. At a
    /// fallback relay, `evidence` has what the others said, too: the circumstances are those of the one whose words tell the
    /// cause.
    pub(super) fn circumstances_at(&self, attempt: &Attempt, evidence: &[&str]) -> Result<Circumstances> {
        let known = self.circumstances()?;
        let Some(fallback) = self.fallback_of(attempt) else {
            let host = attempt.target().map(|(name, ..)| name);
            return Ok(known.at(self.desired, host.as_deref(), &self.goal.text));
        };
        let (own, there) = self.told_apart(evidence);
        let of_goal = known.clone().at(self.desired, None, &self.goal.text);
        let of_fallback = known.at(self.desired, Some(&fallback.host), &fallback.next_hop);
        let id = |words: &[&str]| diagnose(words, &of_fallback).map(|cause| cause.id);
        let is_own = !own.is_empty() && id(evidence) != id(&there);
        Ok(if is_own { of_goal } else { of_fallback })
    }

    /// The same judgement. If another relay than its own had the message at last, with what its own did: `evidence` has the lines
    /// of the same process.
    pub(super) fn with_caveat(
        &self,
        judged: Judgement,
        attempt: &Attempt,
        evidence: &[&str],
    ) -> Result<Judgement> {
        let (Some(taker), Judgement::Final(outcome)) = (self.fallback_of(attempt), &judged) else {
            return Ok(judged);
        };
        let Outcome::Accepted { reply, redirected, .. } = outcome else {
            return Ok(Judgement::Final(self.with_own_failure(outcome.clone(), attempt, evidence)?));
        };
        let failure = self.own_failure(&self.told_apart(evidence).0)?;
        let first = &self.goal.text;
        Ok(Judgement::Final(match failure {
            Some(failure) if self.request.proves && !failure.may_pass() => {
                let cause =
                    format!("{first} does not take it: {}; it left by {}", failure.cause, taker.next_hop);
                Outcome::Failed(Failure { cause, ..failure })
            }
            failure => Outcome::Accepted {
                relay: taker.next_hop.clone(),
                reply: reply.clone(),
                redirected: redirected.clone(),
                instead: Some(Box::new(Instead {
                    first: first.clone(),
                    failure,
                    is_everybodys: self.goal.is_first,
                })),
            },
        }))
    }

    /// The same outcome. Of a message that its own relay did not take and a fallback relay neither, with what each of them did:
    /// both have to be mended. The name is that of what its own did, as in `diagnose`.
    pub(super) fn with_own_failure(
        &self,
        outcome: Outcome,
        attempt: &Attempt,
        evidence: &[&str],
    ) -> Result<Outcome> {
        let (own, there) = self.told_apart(evidence);
        let (Some(fallback), Outcome::Failed(failure)) = (self.fallback_of(attempt), &outcome) else {
            return Ok(outcome);
        };
        let of_own = self.own_failure(&own)?;
        let known = self.circumstances()?.at(self.desired, Some(&fallback.host), &fallback.next_hop);
        let of_fallback = failure_in(&there, &known);
        let (first, then) = (&self.goal.text, &fallback.next_hop);
        let (why, id, remedy) = of_own.map_or_else(
            || (None, failure.id.clone(), named_by_probe(self.goal.is_first).into()),
            |own| (Some(own.cause), own.id, own.remedy),
        );
        let others = [(then.as_str(), of_fallback.cause)].into_iter();
        let cause = takes_none((first, why.as_deref()), others);
        let remedy = mending(remedy, then, Some(&of_fallback.remedy));
        Ok(Outcome::Failed(Failure { id, cause, remedy, ..failure.clone() }))
    }

    /// The fallback relay at which an attempt was made, if it was one.
    fn fallback_of(&self, attempt: &Attempt) -> Option<&Known> {
        let (name, address, port) = attempt.target()?;
        let place = self.goal.relays.place(&name, &address, port)?;
        self.goal.relays.0.get(place).filter(|_| !self.goal.is_itself(&name, &address, port))
    }

    /// The reason of an attempt at a fallback relay, and what the same process said before: the words about the relay that the
    /// message was to leave by, and all others.
    fn told_apart<'e>(&self, evidence: &[&'e str]) -> (Vec<&'e str>, Vec<&'e str>) {
        let is_own = |known: &&Known| self.goal.text.contains(&format!("[{}]", known.host));
        let others: Vec<String> =
            self.goal.relays.0.iter().filter(|known| !is_own(known)).map(named).collect();
        let (reason, said) = evidence.split_at(evidence.len().min(1));
        let is_others = |line: &&str| others.iter().any(|name| line.contains(name.as_str()));
        let (there, own): (Vec<&str>, Vec<&str>) = said.iter().copied().partition(is_others);
        (own, [reason, &there].concat())
    }

    /// What kept the message from the relay that it was to leave by: `said` has the lines of the process about it. smtp(8) logs no
    /// line about a name that it cannot look up, if another relay takes the message (smtp_connect_remote in smtp/smtp_connect.c),
    /// so it is looked up here.
    fn own_failure(&self, said: &[&str]) -> Result<Option<Failure>> {
        let known = || self.circumstances_of_goal();
        if !said.is_empty() {
            return Ok(Some(failure_in(said, &known()?)));
        }
        let Some(unfound) = self.unfound() else { return Ok(None) };
        let cause = diagnose(&[unfound.as_str()], &known()?);
        Ok(cause.map(|cause| {
            let words = format!("{} (Postfix does not log it: {unfound})", cause.cause);
            Failure::of(Cause { cause: words, ..cause }, Vec::new())
        }))
    }

    /// The words of smtp(8) for the name of the relay that the message was to leave by, if it finds no address for it.
    fn unfound(&self) -> Option<String> {
        let settings = &self.postfix.settings;
        let (family, lookup) =
            (Family::new(settings, self.postfix.setting("inet_protocols")), Lookup::new(settings));
        let (host, deadline) = (self.goal.host.as_ref()?, clock::now() + LOOK_UP);
        names::addresses(host, family, lookup, || deadline).err().map(|unfound| unfound.words)
    }
}

/// The failure that these lines tell of, the last of which is the last word.
fn failure_in(said: &[&str], known: &Circumstances) -> Failure {
    let lines: Vec<String> = said.iter().map(ToString::to_string).collect();
    let last = said.last().copied().unwrap_or_default();
    match diagnose(said, known) {
        Some(cause) => Failure::of(cause, lines),
        None => Failure::unknown(last.contains(" said: "), "the message was not accepted", last, lines),
    }
}

/// How smtp(8) begins to name a relay.
fn named(known: &Known) -> String {
    format!(" {}[", known.host)
}
