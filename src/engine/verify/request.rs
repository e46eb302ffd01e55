//! The order to send a test message.

use std::path::Path;
use std::time::Duration;

use crate::error::{Error, Result, shown};
use crate::model::desired::Desired;
use crate::model::text;

/// The recipient of a test message, and how long its fate is followed.
#[derive(Debug, Clone)]
pub struct Request {
    /// Recipient.
    pub to: String,
    /// How long to wait for the relay's reply.
    pub deadline: Duration,
}

impl Request {
    /// The message that the answers in `file` ask for.
    pub fn of(desired: &Desired, file: &Path) -> Result<Self> {
        let to = desired.verify.to.clone().ok_or_else(|| Error::Answers {
            file: shown(file),
            place: None,
            problem: "there is no recipient for the test message".into(),
            remedy: "add `to = \"you@your.domain\"` under [verify] in the answers".into(),
        })?;
        Ok(Self { to, deadline: desired.verify.deadline })
    }

    /// The message that the answers in `file` ask for, unless another recipient or another deadline was typed.
    pub(super) fn typed(
        desired: &Desired,
        file: &Path,
        to: Option<&str>,
        deadline: Option<Duration>,
    ) -> Result<Self> {
        let request = match to {
            None => Self::of(desired, file)?,
            Some(to) if !text::is_recipient(to) => {
                return Err(Error::Answers {
                    file: "--to".into(),
                    place: None,
                    problem: format!("`{}` is not a mail address", text::one_line(to)),
                    remedy: "give one complete address, such as ops@example.com".into(),
                });
            }
            Some(to) => Self { to: to.to_owned(), deadline: desired.verify.deadline },
        };
        Ok(Self { deadline: deadline.unwrap_or(request.deadline), ..request })
    }
}
