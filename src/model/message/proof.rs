//! The last test message that the relay took: recorded for `check`, which shows it later, for example after a first boot
//! that nobody watched.

use serde::{Deserialize, Serialize};

use super::delivery::{Delivery, Outcome};
use crate::error::Exit;
use crate::model::arrival::Arrival;
use crate::model::desired::Desired;
use crate::model::plan::{Finding, Plan, Remedy, State};
use crate::model::state::generation::VERSION;

/// The record of an accepted test message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Version of this form.
    pub version: u32,
    /// Time of acceptance, UTC (RFC 3339).
    pub time: String,
    /// The relay, as main.cf names it.
    pub relay: String,
    /// Recipient.
    pub to: String,
    /// The relay's reply.
    pub reply: String,
    /// Queue id on this host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue_id: Option<String>,
    /// What was seen of its arrival, in a few words, if somebody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrival: Option<String>,
    /// Whether somebody looked, and saw it in the folder for junk, or not at all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub missed: bool,
}

impl Proof {
    /// The proof by a test message, if the relay took it, and it was seen to arrive where that is required. `time`: that of
    /// the relay's word.
    pub fn of(delivery: &Delivery, desired: &Desired, time: String) -> Option<Self> {
        let Outcome::Accepted { reply, .. } = &delivery.outcome else { return None };
        let required = desired.verify.arrival.as_ref().is_some_and(|mailbox| mailbox.required);
        let is_unseen = delivery.arrival.is_none() && desired.verify.to.as_ref() == Some(&delivery.to);
        if delivery.verdict() != Exit::Done || (required && is_unseen) {
            return None;
        }
        let arrival = delivery.arrival.as_ref().map(Arrival::in_short);
        let (relay, to) = (desired.relayhost(), delivery.to.clone());
        let missed = delivery.arrival.as_ref().is_some_and(|arrival| arrival.failure.is_some());
        let (reply, queue_id) = (reply.clone(), delivery.queue_id.clone());
        Some(Self { version: VERSION, time, relay, to, reply, queue_id, arrival, missed })
    }

    /// The same with what others have said changed by `hide`.
    #[must_use]
    pub fn with_texts(&self, hide: impl Fn(&str) -> String) -> Self {
        Self { reply: hide(&self.reply), arrival: self.arrival.as_deref().map(&hide), ..self.clone() }
    }
}

impl Plan {
    /// Adds the last proof, if it is about the relay that the answers name. It is of the configuration that was in force then;
    /// `begun`: since when that of now is.
    pub fn proved(&mut self, desired: &Desired, proof: Option<&Proof>, begun: &str) {
        let Some(proof) = proof.filter(|proof| proof.relay == desired.relayhost() && self.unproven.is_none())
        else {
            return;
        };
        let Proof { time, to, reply, arrival, missed, .. } = proof;
        let state = if *missed { State::Warning } else { State::Note };
        let remedy = missed.then(|| {
            Remedy::say("relayhost verify (sends another, and says what to do if it does not arrive)")
        });
        let arrival = arrival.as_ref().map_or_else(String::new, |words| format!("; arrival: {words}"));
        let since = if time.as_str() < begun {
            format!("; the configuration was changed after that, on {begun}")
        } else {
            String::new()
        };
        let found = format!("the relay took the test message to {to} on {time}: {reply}{arrival}{since}");
        self.findings.push(Finding { id: "message.last".into(), state, found, remedy });
    }
}
