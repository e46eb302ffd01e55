//! A test message as one stage of a command.

use super::request::Request;
use crate::engine::{End, Progress};
use crate::error::{Error, Exit, Result};
use crate::model::message::delivery::Delivery;
use crate::sys::clock;

/// Sends and follows a message as one stage.
pub(super) fn in_stage(
    request: &Request,
    progress: &mut dyn Progress,
    work: impl FnOnce(&mut dyn Progress) -> Result<Delivery>,
) -> Result<Delivery> {
    let begin = clock::now();
    progress.begin(request.stage());
    let result = work(progress);
    let (end, text) = match &result {
        Ok(delivery) => {
            let often = match delivery.put_off {
                0 | 1 => String::new(),
                times => format!(" (put off {times} times)"),
            };
            let is_good = delivery.outcome.exit() == Exit::Done;
            (if is_good { End::Good } else { End::Bad }, delivery.outcome.in_short() + &often)
        }
        Err(error) if error.interruption().is_some() => (End::Open, "cut off".into()),
        Err(_) => (End::Bad, "could not be sent".into()),
    };
    progress.end(end, &text, begin.elapsed());
    result
}

/// The error that Postfix is not installed.
pub fn missing() -> Error {
    Error::ProgramMissing { program: "postfix".into(), remedy: "relayhost apply".into() }
}
