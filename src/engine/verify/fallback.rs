//! The relays of the answers, any of which may take the message; and why it was not the first.

use std::time::Duration;

use super::Message;
use crate::engine::probe::names;
use crate::error::Result;
use crate::model::causes::failure::Failure;
use crate::model::causes::{Cause, Circumstances, diagnose};
use crate::model::desired::Desired;
use crate::model::log::Attempt;
use crate::model::message::delivery::{Instead, Outcome};
use crate::model::message::verdict::Judgement;
use crate::model::probe::route::{Family, Lookup};
use crate::sys::{clock, dns};

/// The longest time in which the first relay's name is looked up.
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

    /// Its place among them. smtp(8) logs the name by which it has a relay; two names may have one address.
    pub(super) fn place(&self, name: &str, address: &str, port: u16) -> Option<usize> {
        let by =
            |is: &dyn Fn(&Known) -> bool| self.0.iter().position(|known| known.port == port && is(known));
        by(&|known| known.host == name).or_else(|| by(&|known| known.identity.is(name, address)))
    }
}

impl Message<'_> {
    /// What is known beside the words of an attempt, which need not have been at the first relay.
    pub(super) fn circumstances_at(&self, attempt: &Attempt) -> Result<Circumstances> {
        let host = attempt.target().map(|(name, ..)| name);
        Ok(self.circumstances()?.at(self.desired, host.as_deref(), &self.goal.text))
    }

    /// The same judgement. If another relay than the first took the message, with what the first one did: `evidence` has the
    /// lines of the same process.
    pub(super) fn with_caveat(
        &self,
        judged: Judgement,
        attempt: &Attempt,
        evidence: &[&str],
    ) -> Result<Judgement> {
        let other =
            attempt.target().filter(|(name, address, port)| !self.goal.is_itself(name, address, *port));
        let taker = other.and_then(|(name, address, port)| {
            let relays = &self.goal.relays;
            relays.0.get(relays.place(&name, &address, port)?)
        });
        let (Some(taker), Judgement::Final(Outcome::Accepted { reply, redirected, .. })) = (taker, &judged)
        else {
            return Ok(judged);
        };
        let failure = self.failure_of_first(evidence.get(1..).unwrap_or_default())?;
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
                instead: Some(Box::new(Instead { first: first.clone(), failure })),
            },
        }))
    }

    /// What kept the message from the first relay: `said` has the lines of the process about it. smtp(8) logs no line about a
    /// name that it cannot look up, if another relay takes the message (smtp_connect_remote in smtp/smtp_connect.c), so it is
    /// looked up here.
    fn failure_of_first(&self, said: &[&str]) -> Result<Option<Failure>> {
        let Some(last) = said.last() else {
            let Some(unfound) = self.unfound() else { return Ok(None) };
            let cause = diagnose(&[unfound.as_str()], &self.circumstances()?);
            return Ok(cause.map(|cause| {
                let words = format!("{} (Postfix does not log it: {unfound})", cause.cause);
                Failure::of(Cause { cause: words, ..cause }, Vec::new())
            }));
        };
        let lines: Vec<String> = said.iter().map(ToString::to_string).collect();
        let unknown = || {
            Failure::unknown(last.contains(" said: "), "the message was not accepted", last, lines.clone())
        };
        let cause = diagnose(said, &self.circumstances()?);
        Ok(Some(cause.map_or_else(unknown, |cause| Failure::of(cause, lines.clone()))))
    }

    /// The words of smtp(8) for the first relay's name, if it finds no address for it.
    fn unfound(&self) -> Option<String> {
        let settings = &self.postfix.settings;
        let (family, lookup) =
            (Family::new(settings, self.postfix.setting("inet_protocols")), Lookup::new(settings));
        let (host, deadline) = (&self.desired.first.relay.host, clock::now() + LOOK_UP);
        names::addresses(host, family, lookup, || deadline).err().map(|unfound| unfound.words)
    }
}
