//! What the systemd unit runs when an RPM transaction may be over.

use std::time::Duration;

use serde_json::json;

use super::admin::{Outcome, of};
use super::render::Renderer;
use crate::engine::pending::{Drained, drain};
use crate::error::{Exit, Result};

/// Does what waits.
pub fn pending(only_due: bool, patience: Duration, out: &mut Renderer) -> Result<Outcome> {
    let (exit, word) = match drain(only_due, patience, out)? {
        Drained::Ran(applied) => {
            out.done(&applied);
            return Ok((applied.exit(), of(&applied)));
        }
        Drained::Nothing => (Exit::Done, "nothing waits"),
        Drained::NotDue(last) => (
            last,
            "what waits is not to be tried yet; `relayhost check` says why, `relayhost pending` tries it now",
        ),
        Drained::FirstBoot => {
            (Exit::Deferred, "nothing is started or sent here: what waits is done at the first boot")
        }
        Drained::NoAnswers => (
            Exit::Done,
            "there are no answers yet: write /etc/relayhost/answers.toml, and run `relayhost apply`",
        ),
    };
    out.say_end(word);
    Ok((exit, json!({ "result": word })))
}
