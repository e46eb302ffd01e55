//! The order to send a test message.

use std::path::Path;
use std::time::Duration;

use crate::error::{Error, Result, shown};
use crate::model::desired::Desired;
use crate::model::recipients::ROOT;
use crate::model::text;

/// The recipient of a test message, and how long its fate is followed.
#[derive(Debug, Clone)]
pub struct Request {
    /// Recipient.
    pub to: String,
    /// How long to wait for the relay's reply.
    pub deadline: Duration,
    /// Whether the message is to prove answers that were just put in force: then one that another relay than the first took
    /// counts only for a first relay that is not there now, and not for one that the answers name wrongly.
    pub proves: bool,
}

impl Request {
    /// A message to root, which is to reach those whom the answers name.
    #[must_use]
    pub fn of_root(&self) -> Self {
        Self { to: ROOT.to_owned(), ..self.clone() }
    }

    /// The name of its stage.
    pub(super) fn stage(&self) -> &'static str {
        if self.to == ROOT { "root" } else { "message" }
    }

    /// The message that the answers in `file` ask for.
    pub fn of(desired: &Desired, file: &Path) -> Result<Self> {
        let to = desired.verify.to.clone().ok_or_else(|| Error::Answers {
            file: shown(file),
            place: None,
            problem: "there is no recipient for the test message".into(),
            remedy: "add `to = \"you@your.domain\"` under [verify] in the answers".into(),
        })?;
        Ok(Self { to, deadline: desired.verify.deadline, proves: true })
    }

    /// The message that the answers in `file` ask for, unless another recipient or another deadline was typed.
    pub(in crate::engine) fn typed(
        desired: &Desired,
        file: &Path,
        to: Option<&str>,
        deadline: Option<Duration>,
    ) -> Result<Self> {
        let request = match to {
            None => Self::of(desired, file)?,
            Some(to) if to != ROOT && !text::is_recipient(to) => {
                return Err(Error::Answers {
                    file: "--to".into(),
                    place: None,
                    problem: format!("`{}` is not a mail address", text::one_line(to)),
                    remedy: "give one complete address, such as ops@example.com".into(),
                });
            }
            Some(to) => Self { to: to.to_owned(), deadline: desired.verify.deadline, proves: false },
        };
        Ok(Self { deadline: deadline.unwrap_or(request.deadline), proves: false, ..request })
    }
}
