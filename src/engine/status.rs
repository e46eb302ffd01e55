//! Where the host stands, for `status`: the look of `check`, and how the last run ended; and where there are no answers yet, what Postfix does without
//! them.

use std::path::Path;

use super::Progress;
use super::compare::check;
use super::diagnose::last_run_that_failed;
use super::load;
use super::recover::recover_if_stopped;
use crate::error::Result;
use crate::model::ended::Status;
use crate::model::leaving::Limits;
use crate::model::observed::parse_settings;
use crate::model::postfix::settings::value;
use crate::sys::postfix;

/// Where this host stands. Errors as `check`.
pub fn status(progress: &mut dyn Progress) -> Result<Status> {
    if load::is_answered() {
        let compared = check(Path::new(load::DEFAULT), Limits::default(), progress)?;
        return Ok(Status::Answered { compared, last: last_run_that_failed() });
    }
    if let Some(text) = recover_if_stopped(progress)? {
        progress.note(&text);
    }
    let relayhost = if postfix::is_installed() {
        let settings = parse_settings(&postfix::settings(&["relayhost"])?);
        Some(value(&settings, "relayhost").to_owned())
    } else {
        None
    };
    Ok(Status::Unanswered { relayhost })
}
