//! The outcome of a test message.

use std::time::Duration;

use crate::error::Exit;
use crate::model::causes::Cause;
use crate::model::causes::catalogue::Verdict;

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
    Failed {
        /// `Refused` or `NoWord`.
        exit: Exit,
        /// Stable name of the cause; `unknown` if the catalogue has none.
        id: String,
        /// What is wrong.
        cause: String,
        /// What to do next.
        remedy: String,
        /// The lines of the log that tell.
        evidence: Vec<String>,
    },
}

impl Outcome {
    /// A failure whose cause is known.
    pub fn failed(cause: Cause, evidence: &[&str]) -> Self {
        let exit = match cause.verdict {
            Verdict::Refused => Exit::Refused,
            Verdict::Unreached => Exit::NoWord,
        };
        Self::Failed {
            exit,
            id: cause.id,
            cause: cause.cause,
            remedy: cause.remedy,
            evidence: evidence.iter().map(ToString::to_string).collect(),
        }
    }

    /// A failure that never involved the relay's word.
    pub fn unheard(id: &str, cause: impl Into<String>, remedy: &str, evidence: &[&str]) -> Self {
        Self::Failed {
            exit: Exit::NoWord,
            id: id.to_owned(),
            cause: cause.into(),
            remedy: remedy.to_owned(),
            evidence: evidence.iter().map(ToString::to_string).collect(),
        }
    }

    /// In a few words, for the line of the stage; cause and remedy are shown below it.
    pub fn in_short(&self) -> String {
        match self {
            Self::Accepted { relay, reply } => format!("{relay} said: {reply}"),
            Self::Failed { exit: Exit::Refused, id, .. } => format!("refused [{id}]"),
            Self::Failed { id, .. } => format!("nothing is proved [{id}]"),
        }
    }

    /// The exit status that this outcome ends a command with.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Accepted { .. } => Exit::Done,
            Self::Failed { exit, .. } => *exit,
        }
    }
}
