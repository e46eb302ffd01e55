//! The result of a probe: each stage of the conversation with the relay, the warnings, and the end.

pub mod certificate;
pub mod crosscheck;
mod current;
pub mod doubt;
pub mod mechanism;
pub mod reply;
pub mod route;

use std::time::Duration;

use crate::error::Exit;
use crate::model::causes::failure::Failure;

/// The result of a probe.
#[derive(Debug, Clone, Default)]
pub struct Probe {
    /// The relay as `relayhost` names it.
    pub relayhost: String,
    /// The sender that the relay is given, after the rewriting.
    pub from: String,
    /// The recipient; `None`: the probe ends after the sender.
    pub to: Option<String>,
    /// Each stage, in order.
    pub stages: Vec<Stage>,
    /// Facts that did not stop the probe, and that an administrator should know.
    pub warnings: Vec<Warning>,
    /// Duration of the whole probe.
    pub took: Duration,
    /// The end of the probe.
    pub ending: Ending,
}

/// One stage of the conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// Its name: `name`, `connect`, `greeting`, `EHLO`, `STARTTLS`, `TLS`, `login`, `sender`, `recipient`, `goodbye`.
    pub name: &'static str,
    /// Whether the next stage could follow.
    pub good: bool,
    /// The result of the stage, for a person.
    pub text: String,
    /// The relay's offer: addresses, EHLO keywords, names of the certificate.
    pub offered: Vec<String>,
    /// The relay's own words.
    pub said: Option<String>,
    /// Duration of the stage.
    pub took: Duration,
}

/// A fact that did not stop the probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Stable name.
    pub id: &'static str,
    /// The fact, in words.
    pub text: String,
    /// The remedy, in words.
    pub remedy: String,
}

/// The end of a probe.
#[derive(Debug, Clone, Default)]
pub enum Ending {
    /// The relay would take the message, as far as it was asked.
    #[default]
    Willing,
    /// The probe went as far as it can without Postfix.
    Untried {
        /// The part that could not be tried.
        what: String,
    },
    /// The probe failed.
    Failed(Failure),
}

impl Probe {
    /// The exit status of `relayhost probe`. A probe with a part that could not be tried is no success.
    pub fn exit(&self) -> Exit {
        match &self.ending {
            Ending::Willing => Exit::Done,
            Ending::Untried { .. } => Exit::NoWord,
            Ending::Failed(failure) => failure.exit,
        }
    }

    /// Whether the relay would refuse Postfix as well, so that there is no use in writing its configuration.
    pub fn is_veto(&self) -> bool {
        matches!(&self.ending, Ending::Failed(failure) if failure.exit == Exit::Refused && failure.doubts.is_empty())
    }
}
