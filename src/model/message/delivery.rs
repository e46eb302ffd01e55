//! The outcome of a test message.

use std::time::Duration;

use serde::Serialize;

use crate::error::Exit;
use crate::model::causes::failure::Failure;

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
    /// The final word.
    pub outcome: Outcome,
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

/// The final word.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The relay accepted the message. Acceptance is not arrival: this host cannot see what the relay does with it.
    Accepted {
        /// `host[address]:port`.
        relay: String,
        /// Its reply.
        reply: String,
        /// The address that it took the message for, where this host has put that in the recipient's place.
        redirected: Option<String>,
    },
    /// The relay did not accept the message.
    Failed(Failure),
}

impl Outcome {
    /// A failure about which the relay said nothing.
    pub fn unheard(id: &str, cause: impl Into<String>, remedy: &str, evidence: &[&str]) -> Self {
        let evidence = evidence.iter().map(ToString::to_string).collect();
        Self::Failed(Failure::new(false, id, cause.into(), remedy, evidence))
    }

    /// The outcome in a few words, for the line of the stage; cause and remedy are shown below it.
    pub fn in_short(&self) -> String {
        match self {
            Self::Accepted { relay, reply, .. } => format!("{relay} said: {reply}"),
            Self::Failed(failure) if failure.exit == Exit::Refused => format!("refused [{}]", failure.id),
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
