//! What a probe found: each stage of the conversation with the relay, what may bite later, and how it ended.

pub mod certificate;
pub mod crosscheck;
pub mod current;
pub mod doubt;
pub mod mechanism;
pub mod reply;
pub mod route;

use std::time::Duration;

use crate::error::Exit;
use crate::model::causes::failure::Failure;

/// A probe from beginning to end.
#[derive(Debug, Clone, Default)]
pub struct Probe {
    /// The relay as `relayhost` names it.
    pub relayhost: String,
    /// The sender that the relay is told: rewritten.
    pub from: String,
    /// The recipient; `None`: the probe ends after the sender.
    pub to: Option<String>,
    /// Each stage, in order.
    pub stages: Vec<Stage>,
    /// What did not stop the probe, and should be known.
    pub warnings: Vec<Warning>,
    /// How long all took.
    pub took: Duration,
    /// How it ended.
    pub ending: Ending,
}

/// One stage of the conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// Its name: `name`, `connect`, `greeting`, `EHLO`, `STARTTLS`, `TLS`, `login`, `sender`, `recipient`, `goodbye`.
    pub name: &'static str,
    /// Whether the next stage could follow.
    pub good: bool,
    /// What a person reads of it.
    pub text: String,
    /// What the relay offers: addresses, EHLO keywords, names of the certificate.
    pub offered: Vec<String>,
    /// The relay's own words.
    pub said: Option<String>,
    /// How long it took.
    pub took: Duration,
}

/// Something that did not stop the probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Stable name.
    pub id: &'static str,
    /// What it is.
    pub text: String,
    /// What to do about it.
    pub remedy: String,
}

/// How a probe ended.
#[derive(Debug, Clone, Default)]
pub enum Ending {
    /// The relay would take the message, as far as it was asked.
    #[default]
    Willing,
    /// It came as far as could be tried without Postfix, and no further.
    Untried {
        /// What could not be tried.
        what: String,
    },
    /// It did not get there.
    Failed(Failure),
}

impl Probe {
    /// The exit status of `relayhost probe`. What could not be tried to its end is no success.
    pub fn exit(&self) -> Exit {
        match &self.ending {
            Ending::Willing => Exit::Done,
            Ending::Untried { .. } => Exit::NoWord,
            Ending::Failed(failure) => failure.exit,
        }
    }

    /// Whether Postfix would be refused as well, so that there is no use in writing its configuration.
    pub fn is_veto(&self) -> bool {
        matches!(&self.ending, Ending::Failed(failure) if failure.exit == Exit::Refused && failure.doubts.is_empty())
    }
}
