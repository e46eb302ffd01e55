//! The JSON that others read, version 1 (schema: docs/schema.json). Shapes here never change within a version;
//! additions may come.

pub mod log;

use serde::Serialize;
use serde_json::{Value, json};

use crate::error::{Error, Files, Interruption, TestMessage};
use crate::model::causes::failure::Failure;
use crate::model::message::delivery::{Delivery, InQueue, Outcome};
use crate::model::plan::action::Action;
use crate::model::plan::{Finding, Plan, State};
use crate::model::probe::{Ending, Probe, Stage, Warning};
use crate::model::state::generation::Generation;
use crate::model::text;

/// Version of the JSON forms.
pub const VERSION: u32 = 1;

/// One document for one run.
pub fn document(command: &str, exit: u8, body: Value) -> Value {
    merged(json!({ "version": VERSION, "command": command, "exit": exit }), body)
}

/// The members of both objects.
pub fn merged(mut first: Value, second: Value) -> Value {
    if let (Some(all), Value::Object(more)) = (first.as_object_mut(), second) {
        all.extend(more);
    }
    first
}

/// `check` and the first part of `plan`.
pub fn findings(plan: &Plan) -> Value {
    json!({ "findings": plan.findings.iter().map(finding).collect::<Vec<_>>() })
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum StateWord {
    Fine,
    Differs,
    Warning,
    Note,
}

/// One finding.
pub fn finding(finding: &Finding) -> Value {
    let state = match finding.state {
        State::Fine => StateWord::Fine,
        State::Differs => StateWord::Differs,
        State::Warning => StateWord::Warning,
        State::Note => StateWord::Note,
    };
    json!({
        "id": finding.id,
        "state": state,
        "found": text::one_line(&finding.found),
        "remedy": finding.remedy,
    })
}

/// `plan` and `apply`: what is to be done, or was.
pub fn actions(actions: &[Action], complete: bool) -> Value {
    let list: Vec<_> = actions
        .iter()
        .map(|action| json!({ "kind": action.kind(), "text": action.describe(), "diff": action.diff() }))
        .collect();
    json!({ "actions": list, "complete": complete })
}

/// `apply` and `repair`: what was done, and what came of it.
pub fn done(
    done: &[Action],
    generation: Option<u32>,
    undone: bool,
    message: Option<&Delivery>,
    recovered: &Option<String>,
) -> Value {
    let body = merged(
        json!({ "changed": !done.is_empty(), "generation": generation, "undone": undone }),
        actions(done, true),
    );
    with_recovery(message.map_or(body.clone(), |message| merged(body, delivery(message))), recovered)
}

/// Adds what had to be cleared up first.
pub fn with_recovery(body: Value, recovered: &Option<String>) -> Value {
    match recovered {
        None => body,
        Some(text) => merged(body, json!({ "recovered": text })),
    }
}

/// `history`: no bytes, no digests.
pub fn history(generations: &[Generation]) -> Value {
    let list: Vec<_> = generations
        .iter()
        .map(|generation| {
            json!({
                "number": generation.number,
                "time": generation.time,
                "command": generation.command,
                "fate": generation.fate,
                "files": generation.changed_files(),
            })
        })
        .collect();
    json!({ "generations": list })
}

/// `verify`, and the end of `apply`.
pub fn delivery(delivery: &Delivery) -> Value {
    let stages = delivery.delays.map(|delays| {
        let [before, queue, connect, send] = delays.map(|delay| seconds(f64::from(delay)));
        json!({ "before_queue": before, "queue": queue, "connect": connect, "send": send })
    });
    let outcome = match &delivery.outcome {
        Outcome::Accepted { relay, reply } => {
            json!({ "accepted": true, "relay": relay, "reply": text::one_line(reply) })
        }
        Outcome::Failed(Failure { id, cause, remedy, evidence, .. }) => json!({
            "accepted": false,
            "cause": { "id": id, "text": text::one_line(cause), "remedy": text::one_line(remedy) },
            "evidence": evidence.iter().map(|line| text::one_line(line)).collect::<Vec<_>>(),
        }),
    };
    let facts = json!({
        "from": delivery.from,
        "to": delivery.to,
        "queue_id": delivery.queue_id,
        "seconds": seconds(delivery.waited.as_secs_f64()),
        "stages": stages,
        "put_off": delivery.put_off,
        "queue": match delivery.queue {
            InQueue::Nothing => "nothing",
            InQueue::TakenOut => "taken out",
            InQueue::Left => "left",
        },
    });
    json!({ "delivery": merged(facts, outcome) })
}

/// `probe`, and the beginning of `apply`.
pub fn probe(probe: &Probe) -> Value {
    let clean = |list: &[String]| list.iter().map(|line| text::one_line(line)).collect::<Vec<_>>();
    let stage = |stage: &Stage| {
        json!({
            "name": stage.name,
            "good": stage.good,
            "text": text::one_line(&stage.text),
            "offered": clean(&stage.offered),
            "said": stage.said.as_deref().map(text::one_line),
            "seconds": seconds(stage.took.as_secs_f64()),
        })
    };
    let warning = |warning: &Warning| json!({ "id": warning.id, "text": text::one_line(&warning.text), "remedy": text::one_line(&warning.remedy) });
    let facts = json!({
        "relayhost": probe.relayhost,
        "from": probe.from,
        "to": probe.to,
        "seconds": seconds(probe.took.as_secs_f64()),
        "stages": probe.stages.iter().map(stage).collect::<Vec<_>>(),
        "warnings": probe.warnings.iter().map(warning).collect::<Vec<_>>(),
    });
    let ending = match &probe.ending {
        Ending::Willing => json!({ "ending": "willing" }),
        Ending::Untried { what } => json!({ "ending": "untried", "untried": text::one_line(what) }),
        Ending::Failed(failure) => json!({
            "ending": "failed",
            "cause": { "id": failure.id, "text": text::one_line(&failure.cause), "remedy": text::one_line(&failure.remedy) },
            "evidence": clean(&failure.evidence),
            "doubts": clean(&failure.doubts),
        }),
    };
    merged(facts, ending)
}

/// An error that ended a command.
pub fn error(error: &Error) -> Value {
    let said = json!({ "text": text::harmless(&error.to_string()), "remedy": error.hint(), "again": error.can_retry() });
    let by_signal = match error.interruption() {
        Some(interruption) => json!({ "interrupted": interrupted(interruption) }),
        None => json!({}),
    };
    json!({ "error": merged(said, by_signal) })
}

fn interrupted(left: &Interruption) -> Value {
    let (files, generation) = match left.files {
        Files::Unchanged => ("unchanged", None),
        Files::PutBack => ("put back", None),
        Files::New(generation) => ("new", Some(generation)),
    };
    let message = left.message.as_ref().map(|message| match message {
        TestMessage::TakenOut { queue_id } => json!({ "state": "taken out", "queue_id": queue_id }),
        TestMessage::Left { queue_id } => json!({ "state": "left", "queue_id": queue_id }),
        TestMessage::Unknown { queue_id } => json!({ "state": "unknown", "queue_id": queue_id }),
    });
    json!({
        "signal": left.signal.name(),
        "files": files,
        "generation": generation,
        "stays": left.stays.iter().map(|text| text::harmless(text)).collect::<Vec<_>>(),
        "message": message,
    })
}

/// Milliseconds are all that is known.
fn seconds(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
