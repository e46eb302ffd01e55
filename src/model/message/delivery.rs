//! The outcome of a test message.

use std::time::Duration;

use serde::Serialize;

use crate::error::{Advice, Exit};
use crate::model::arrival::Arrival;
use crate::model::arrival::letter::Sent;
use crate::model::causes::catalogue::{Verdict, entry};
use crate::model::causes::failure::Failure;

/// Remedy where the log does not say what keeps mail from the first relay.
pub const NAMED_BY_PROBE: &str =
    "`relayhost probe` (tries the first relay, and names what keeps mail from it)";

/// Result of the test message.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Envelope sender as submitted, before Postfix rewrote it.
    pub from: String,
    /// Recipient.
    pub to: String,
    /// Queue id, if Postfix took the message.
    pub queue_id: Option<String>,
    /// Time from the submission to the final word.
    pub waited: Duration,
    /// Postfix's `delays=` of the last attempt, in seconds: before the queue manager, in it, connecting, transmitting.
    pub delays: Option<[f32; 4]>,
    /// Number of times that Postfix put it off.
    pub put_off: u32,
    /// Its state in the queue.
    pub queue: InQueue,
    /// The final word of the relay.
    pub outcome: Outcome,
    /// What was submitted, if something was.
    pub sent: Option<Sent>,
    /// Whether it arrived, if the relay accepted it and somebody looked.
    pub arrival: Option<Arrival>,
}

impl Delivery {
    /// The exit status of a command that ends with this message.
    pub fn exit(&self) -> Exit {
        self.failure().map_or(Exit::Done, |failure| failure.exit)
    }

    /// Its word about the login at its own relay, which a message that a fallback relay took does not prove.
    pub fn proof(&self) -> Exit {
        match &self.outcome {
            Outcome::Accepted { instead: Some(instead), .. } if self.exit() == Exit::Done => instead.exit(),
            _ => self.exit(),
        }
    }

    /// Why the message was not accepted, or not seen where a person reads it.
    pub fn failure(&self) -> Option<&Failure> {
        match &self.outcome {
            Outcome::Failed(failure) => Some(failure),
            Outcome::Accepted { .. } => self.arrival.as_ref()?.failure.as_ref(),
        }
    }

    /// The same, to be changed.
    pub fn failure_mut(&mut self) -> Option<&mut Failure> {
        match &mut self.outcome {
            Outcome::Failed(failure) => Some(failure),
            Outcome::Accepted { .. } => self.arrival.as_mut()?.failure.as_mut(),
        }
    }

    /// The message's word about the configuration that it left by. Whether it arrives counts only if that is required.
    pub fn verdict(&self) -> Exit {
        if self.arrival.as_ref().is_some_and(|arrival| arrival.required) {
            self.exit()
        } else {
            self.outcome.exit()
        }
    }
}

/// State of a test message in the queue when its fate is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum InQueue {
    /// It is not there: it has left, or never came there.
    Nothing,
    /// It is no longer there: it was taken out.
    #[serde(rename = "taken out")]
    TakenOut,
    /// It is still there, or may be: relayhost does nothing to a message whose fate is in doubt.
    Left,
}

/// The final word of the relay.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The relay accepted the message. Acceptance is not arrival: only the mailbox shows what the relay does with it.
    Accepted {
        /// `host[address]:port`.
        relay: String,
        /// Its reply.
        reply: String,
        /// The address that it took the message for, where this host has put that in the recipient's place.
        redirected: Option<String>,
        /// Why it was not the first relay, if it was another.
        instead: Option<Box<Instead>>,
    },
    /// The relay did not accept the message.
    Failed(Failure),
}

/// The same of the relay of an account, or the server of a route.
pub const NAMED_BY_PROBE_ALL: &str =
    "`relayhost probe --all` (tries each relay, and names what keeps mail from it)";

/// The remedy where the log does not say what keeps mail from the relay of everybody, or from another one.
pub fn named_by_probe(is_everybodys: bool) -> &'static str {
    if is_everybodys { NAMED_BY_PROBE } else { NAMED_BY_PROBE_ALL }
}

/// What the first relay did with a message that another one took, in the same attempt.
#[derive(Debug, Clone)]
pub struct Instead {
    /// The first relay, as main.cf names it.
    pub first: String,
    /// What kept the message from it; `None`: the log does not say.
    pub failure: Option<Failure>,
    /// Whether it is the relay of everybody, and not that of an account or a route.
    pub is_everybodys: bool,
}

impl Instead {
    /// The caveat, in one sentence.
    pub fn in_words(&self, relay: &str) -> String {
        let why = self.failure.as_ref().map_or_else(
            || "; the log does not say why".to_owned(),
            |failure| format!(": {} [{}]", failure.cause, failure.id),
        );
        format!("it left by {relay}, since {} did not take it{why}", self.first)
    }

    /// What the message says of the first relay.
    fn exit(&self) -> Exit {
        self.failure.as_ref().map_or(Exit::NoWord, |failure| failure.exit)
    }

    /// The next step.
    pub fn remedy(&self) -> Advice {
        let named = || named_by_probe(self.is_everybodys).into();
        self.failure.as_ref().map_or_else(named, |failure| failure.remedy.clone())
    }
}

impl Outcome {
    /// A failure about which the relay said nothing.
    pub fn unheard(id: &str, cause: impl Into<String>, remedy: &str, evidence: &[&str]) -> Self {
        let evidence = evidence.iter().map(ToString::to_string).collect();
        Self::Failed(Failure::new(false, id, cause.into(), remedy, evidence))
    }

    /// The same, as a proof of the login at its own relay.
    pub fn as_proof(&self) -> String {
        match self {
            Self::Accepted { relay, instead: Some(instead), .. } => {
                format!("not proved: {}", instead.in_words(relay))
            }
            _ => self.in_short(),
        }
    }

    /// The outcome in a few words, for the line of the stage; cause and remedy are shown below it.
    pub fn in_short(&self) -> String {
        match self {
            Self::Accepted { relay, reply, .. } => format!("{relay} said: {reply}"),
            Self::Failed(failure) if failure.exit == Exit::Refused => {
                // The name is that of the first relay, which may be away where another one has refused.
                let is_away = entry(&failure.id).is_some_and(|entry| entry.verdict == Verdict::Unreached);
                format!("{} [{}]", if is_away { "no relay took it" } else { "refused" }, failure.id)
            }
            Self::Failed(failure) => format!("not seen to leave [{}]", failure.id),
        }
    }

    /// The exit status of a command that ends with this outcome.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Accepted { .. } => Exit::Done,
            Self::Failed(failure) => failure.exit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ended::Applied;
    use crate::model::state::order::PutBack;

    fn delivery(is_accepted: bool, has_arrived: bool, required: bool) -> Delivery {
        let failure = |id: &str| Failure::new(false, id, "x".into(), "y", Vec::new());
        let accepted = Outcome::Accepted {
            relay: "[r]:587".into(),
            reply: "250 ok".into(),
            redirected: None,
            instead: None,
        };
        let arrival =
            || Arrival { seen: None, failure: (!has_arrived).then(|| failure("not-arrived")), required };
        Delivery {
            from: "monitor@h".into(),
            to: "ops@example.com".into(),
            queue_id: None,
            waited: Duration::ZERO,
            delays: None,
            put_off: 0,
            queue: InQueue::Nothing,
            outcome: if is_accepted { accepted } else { Outcome::Failed(failure("no-word")) },
            sent: None,
            arrival: is_accepted.then(arrival),
        }
    }

    #[test]
    fn the_mailbox_decides_how_a_command_ends_and_the_relay_what_stays() {
        for (required, verdict) in [(false, Exit::Done), (true, Exit::NoWord)] {
            let good = delivery(true, true, required);
            assert_eq!((good.exit(), good.verdict()), (Exit::Done, Exit::Done));
            let lost = delivery(true, false, required);
            assert_eq!((lost.exit(), lost.verdict()), (Exit::NoWord, verdict));
            assert_eq!(lost.failure().unwrap().id, "not-arrived");
            let refused = delivery(false, false, required);
            assert_eq!((refused.exit(), refused.failure().unwrap().id.as_str()), (Exit::NoWord, "no-word"));
        }
    }

    #[test]
    fn a_caveat_without_a_cause_has_a_way_on() {
        let silent = Instead { first: "[a]:587".into(), failure: None, is_everybodys: true };
        let words = silent.in_words("[b]:25");
        assert_eq!(words, "it left by [b]:25, since [a]:587 did not take it; the log does not say why");
        let by = |is_everybodys| Instead { is_everybodys, ..silent.clone() }.remedy().text().clone();
        assert!(by(true).contains("`relayhost probe`"), "{}", by(true));
        assert!(by(false).contains("`relayhost probe --all`"), "{}", by(false));
    }

    #[test]
    fn a_message_that_only_did_not_arrive_leaves_nothing_to_be_tried_again() {
        let applied = |delivery, put_back| Applied {
            generation: Some(1),
            delivery: Some(delivery),
            put_back,
            ..Applied::default()
        };
        let lost = applied(delivery(true, false, false), None);
        assert!(lost.is_settled() && lost.exit() == Exit::NoWord);
        assert!(lost.result().unwrap().contains("the relay took the message"));
        let required = applied(delivery(true, false, true), Some(PutBack::NotArrived));
        assert!(!required.is_settled() && required.exit() == Exit::PutBack);
        assert!(!applied(delivery(false, false, false), None).is_settled());
        assert!(applied(delivery(true, true, true), None).is_settled());
    }
}
