//! The outcome of a test message.

use std::time::Duration;

use crate::error::Exit;
use crate::model::causes::failure::Failure;

/// What became of the test message.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Envelope sender as submitted, before Postfix rewrote it.
    pub from: String,
    /// Recipient.
    pub to: String,
    /// Queue id, if Postfix took the message.
    pub queue_id: Option<String>,
    /// From the submission to the final word.
    pub waited: Duration,
    /// Postfix's `delays=` of the last attempt, in seconds: before the queue manager, in it, connecting, transmitting.
    pub delays: Option<[f32; 4]>,
    /// How often Postfix put it off.
    pub put_off: u32,
    /// What the queue has of it.
    pub queue: InQueue,
    /// The final word.
    pub outcome: Outcome,
}

/// What the queue has of a test message when its fate is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InQueue {
    /// Nothing: it has left, or never came there.
    Nothing,
    /// Nothing any more: it was taken out.
    TakenOut,
    /// It is still there, or may be: nothing is done to a message whose fate is in doubt.
    Left,
}

/// The final word.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The relay accepted the message. Acceptance is not arrival: what the relay does with it, no one here can see.
    Accepted {
        /// `host[address]:port`.
        relay: String,
        /// Its reply.
        reply: String,
    },
    /// It did not.
    Failed(Failure),
}

impl Outcome {
    /// A failure that never involved the relay's word.
    pub fn unheard(id: &str, cause: impl Into<String>, remedy: &str, evidence: &[&str]) -> Self {
        Self::Failed(Failure {
            exit: Exit::NoWord,
            id: id.to_owned(),
            cause: cause.into(),
            remedy: remedy.to_owned(),
            evidence: evidence.iter().map(ToString::to_string).collect(),
            doubts: Vec::new(),
        })
    }

    /// In a few words, for the line of the stage; cause and remedy are shown below it.
    pub fn in_short(&self) -> String {
        match self {
            Self::Accepted { relay, reply } => format!("{relay} said: {reply}"),
            Self::Failed(failure) if failure.exit == Exit::Refused => format!("refused [{}]", failure.id),
            Self::Failed(failure) => format!("nothing is proved [{}]", failure.id),
        }
    }

    /// The exit status that this outcome ends a command with.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Accepted { .. } => Exit::Done,
            Self::Failed(failure) => failure.exit,
        }
    }
}
