//! The documents of `--json=stream` that come before the end: one for each step of a run.

use std::time::Duration;

use serde_json::{Value, json};

use super::{VERSION, merged, seconds};
use crate::model::oauth::person::Invitation;
use crate::model::text::one_line;

/// What has happened.
#[derive(Debug, Clone, Copy)]
pub enum Step<'a> {
    /// A stage begins.
    Begin,
    /// A program that the stage runs has written this line.
    Output(&'a str),
    /// Relayhost says this.
    Note(&'a str),
    /// The stage waits for this: for how long so far, and for how long at most.
    Wait(&'a str, Duration, Duration),
    /// A person is to open an address, and to type a code there.
    Invite(&'a Invitation),
    /// A person is to log in at this address, and to bring the address that the browser ends at, on standard input.
    Visit(&'a str),
    /// The stage is over: `good`, `bad`, or `open` if its end is not known; what came of it; how long it took.
    End(&'static str, &'a str, Duration),
}

/// The document of a step. `stage`: the one that is under way, if one is.
pub fn progress(command: &str, stage: Option<&str>, step: Step) -> Value {
    let step = match step {
        Step::Begin => json!({ "event": "begin" }),
        Step::Output(line) => json!({ "event": "output", "text": one_line(line) }),
        Step::Note(text) => json!({ "event": "note", "text": one_line(text) }),
        Step::Wait(what, lasts, limit) => {
            json!({ "event": "wait", "text": one_line(what), "seconds": lasts.as_secs(), "limit": limit.as_secs() })
        }
        Step::Invite(Invitation { address, code, life, .. }) => json!({
            "event": "invite",
            "address": one_line(address),
            "code": one_line(code),
            "limit": life.as_secs(),
        }),
        Step::Visit(address) => json!({ "event": "invite", "address": one_line(address) }),
        Step::End(ended, result, took) => json!({
            "event": "end",
            "ended": ended,
            "text": one_line(result),
            "seconds": seconds(took.as_secs_f64()),
        }),
    };
    let step = merged(step, stage.map_or_else(|| json!({}), |stage| json!({ "stage": stage })));
    json!({ "version": VERSION, "command": command, "progress": step })
}
