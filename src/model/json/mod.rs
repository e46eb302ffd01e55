//! The JSON document of a command's end, version 1 (schema: docs/schema.json). The form never changes within a
//! version; members may be added.

mod arrival;
mod form;
mod leaving;
pub mod log;
pub mod progress;
mod route;
mod token;
mod watch;

use serde_json::{Value, json};

use crate::error::{Error, Files, Interruption, TestMessage};
use crate::model::causes::failure::Failure;
use crate::model::ended::{
    Applied, ByAccount, Change, Compared, Deferred, Drill, Drilled, Ended, Listed, NOTHING_LEFT, Others,
    Replaced, Shown, Status, Tally, Written,
};
use crate::model::inspection::backlog::Retried;
use crate::model::message::delivery::{Delivery, Instead, Outcome};
use crate::model::plan::action::Actions;
use crate::model::plan::{Finding, Plan, Remedy};
use crate::model::probe::{Ending, Probe, ProbeStage, Probes, Warning};
use crate::model::providers::{Provider, providers};
use crate::model::state::generation::Generation;
use crate::model::state::taken_back::By;
use crate::model::text;

/// Version of the JSON forms.
pub const VERSION: u32 = 1;

/// The JSON document of one run.
pub fn document(command: &str, ended: &Ended) -> Value {
    let head = json!({ "version": VERSION, "command": command, "exit": ended.exit().code() });
    merged(head, body(ended))
}

fn body(ended: &Ended) -> Value {
    match ended {
        Ended::Checked(end) => checked(end),
        Ended::Watched(end) => merged(checked(&end.compared), watch::watched(end)),
        Ended::Alarmed(end) => watch::alarmed(end),
        Ended::Stood(status) => {
            let recovered = match status {
                Status::Answered { compared, .. } => compared.recovered.as_deref(),
                Status::Unanswered { .. } => None,
            };
            with_recovery(json!({ "status": self::status(status) }), recovered)
        }
        Ended::Planned(end) => {
            let saved = end.saved.map_or_else(|| json!({}), |saved| json!({ "saved": saved }));
            with_recovery(merged(planned(&end.plan), saved), end.recovered.as_deref())
        }
        Ended::Applied(end) => with_recovery(applied(end), end.recovered.as_deref()),
        Ended::Deferred(Deferred { holder, next }) => {
            json!({ "deferred": { "holder": holder, "next": next } })
        }
        Ended::Idle(idle) => json!({ "result": idle.text() }),
        Ended::Verified(end) => {
            let body = merged(delivery(&end.delivery), json!({ "unlike": end.unlike }));
            let others = end.others.iter().map(|others| self::others(others));
            with_recovery(others.fold(body, merged), end.recovered.as_deref())
        }
        Ended::Drilled(Drilled { drills, recovered }) => {
            let drill = |one: &Drill| merged(json!({ "relay": one.relay }), delivery(&one.delivery));
            let drills = json!({ "drills": drills.iter().map(drill).collect::<Vec<_>>() });
            with_recovery(drills, recovered.as_deref())
        }
        Ended::Probed(Probes { first, others, .. }) if others.is_empty() => probe(first),
        Ended::Probed(Probes { first, others, untried }) => {
            let other = |(whose, one): &(String, Probe)| merged(json!({ "whose": whose }), probe(one));
            let others: Vec<_> = others.iter().map(other).collect();
            merged(probe(first), json!({ "probes": others, "untried": untried }))
        }
        Ended::Routed(way) => json!({ "route": route::way(way) }),
        Ended::Recovered(recovered) => json!({ "result": recovered.as_deref().unwrap_or(NOTHING_LEFT) }),
        Ended::Listed(end) => with_recovery(listed(end), end.recovered.as_deref()),
        Ended::Restored(end) => {
            let edited = end.replaced.iter().flat_map(|replaced| &replaced.edited);
            let restored = json!({
                "generation": end.generation,
                "previous": end.replaced.as_ref().map(|replaced| replaced.previous),
                "edited": edited.map(|edited| &edited.name).collect::<Vec<_>>(),
                "wanted": end.wanted,
                "undo": end.replaced.as_ref().map(Replaced::undo),
            });
            with_recovery(restored, end.recovered.as_deref())
        }
        Ended::Renewed(end) => json!({ "token": token::tokens(end) }),
        Ended::LoggedIn(end) => json!({
            "token": token::token(&end.renewed),
            "login": { "mailbox": end.mailbox, "account": end.other },
            "next": end.next().into_iter().collect::<Vec<_>>(),
        }),
        Ended::Certified(end) => json!({ "certificate": {
            "pair": end.pair.display().to_string(),
            "public": end.public.display().to_string(),
            "in_force": end.beside.is_none(),
            "sha1": end.sha1,
            "sha256": end.sha256,
            "ends": end.ends,
        }, "next": end.next() }),
        Ended::Diagnosed(diagnosed) => log::diagnosed(diagnosed),
        Ended::Written(written) => self::written(written),
        Ended::Described(described) => json!({ "form": form::described(described) }),
        Ended::Shown(Shown::All) => {
            presets(providers().iter().map(|(name, provider)| (name.as_str(), provider)))
        }
        Ended::Shown(Shown::One { preset, .. }) => presets(std::iter::once((preset.name, preset.provider))),
        Ended::Failed { error, command } => self::error(error, command),
    }
}

fn checked(end: &Compared) -> Value {
    let Tally { all, differs, warnings } = end.tally();
    let counts = json!({ "counts": { "all": all, "differs": differs, "warnings": warnings } });
    let mail = end.leaving.as_deref().map(leaving::leaving).into_iter().chain([counts]);
    with_recovery(mail.fold(findings(end.findings()), merged), end.recovered.as_deref())
}

fn with_recovery(body: Value, recovered: Option<&str>) -> Value {
    recovered.map_or(body.clone(), |text| merged(body, json!({ "recovered": text })))
}

fn status(status: &Status) -> Value {
    let lines = status.lines();
    json!({
        "answered": matches!(status, Status::Answered { .. }),
        "lines": lines.iter().map(|(name, text)| json!({ "name": name, "text": text::one_line(text) })).collect::<Vec<_>>(),
        "next": status.next(),
    })
}

/// One object with the members of both.
fn merged(mut first: Value, second: Value) -> Value {
    if let (Some(all), Value::Object(more)) = (first.as_object_mut(), second) {
        all.extend(more);
    }
    first
}

fn findings<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Value {
    json!({ "findings": findings.into_iter().map(finding).collect::<Vec<_>>() })
}

fn finding(finding: &Finding) -> Value {
    json!({
        "id": finding.id,
        "state": finding.state,
        "found": text::one_line(&finding.found),
        "remedy": finding.remedy.as_ref().map(Remedy::text),
    })
}

fn planned(plan: &Plan) -> Value {
    let body = merged(findings(&plan.findings), actions(&plan.actions, plan.complete));
    let exits: Vec<_> = plan
        .exits
        .iter()
        .map(|exit| json!({ "whose": exit.whose, "by": exit.by, "login": exit.login, "sender": exit.sender }))
        .collect();
    merged(body, json!({ "foreign": plan.foreign, "exits": exits }))
}

fn actions(actions: &Actions, complete: bool) -> Value {
    let list: Vec<_> = actions
        .iter()
        .map(|action| json!({ "kind": action.kind(), "text": action.describe(), "diff": action.diff() }))
        .collect();
    json!({ "actions": list, "complete": complete })
}

fn applied(done: &Applied) -> Value {
    let changed = !done.actions.is_empty() || done.saved == Some(true);
    let body =
        json!({ "changed": changed, "generation": done.generation, "undone": done.put_back.is_some() });
    let queue = |Retried { waiting, oldest, tried, gone, returned }| json!({ "queue": { "waiting": waiting, "oldest": oldest, "tried": tried, "gone": gone, "returned": returned } });
    let more = [
        done.put_back.map(|why| json!({ "put_back": why })),
        done.retried.map(queue),
        done.saved.map(|_| json!({ "saved": true })),
        done.result().map(|result| json!({ "result": result })),
        Some(actions(&done.actions, true)),
        done.delivery.as_ref().map(delivery),
        done.probe.as_ref().map(probe),
        done.unrecorded.as_ref().map(|line| json!({ "unrecorded": text::one_line(line) })),
        done.findings.as_deref().map(findings),
        done.leaving.as_deref().map(leaving::leaving),
    ];
    more.into_iter().flatten().fold(body, merged)
}

/// The ways of `verify --all` beside that of everybody.
fn others(others: &Others) -> Value {
    let account = |one: &ByAccount| {
        let head = json!({ "table": one.table, "whose": one.whose, "relay": one.relay });
        merged(head, delivery(&one.delivery))
    };
    let route = |(whose, one): &(String, Probe)| merged(json!({ "whose": whose }), probe(one));
    json!({
        "accounts": others.accounts.iter().map(account).collect::<Vec<_>>(),
        "routes": others.routes.iter().map(route).collect::<Vec<_>>(),
        "untried": others.untried,
    })
}

/// The generations, without bytes and digests.
fn listed(listed: &Listed) -> Value {
    let generation = |one: &Generation| {
        json!({
            "number": one.number,
            "time": one.time,
            "command": one.command,
            "fate": one.fate,
            "taken_back_by": listed.taken_back.get(&one.number).map(|by| match by {
                By::Change(number) => json!(number),
                By::Hand => json!("hand"),
            }),
            "files": one.changed_files(),
        })
    };
    let change = |one: &Change| json!({ "file": one.file, "diff": one.diff });
    let list = json!({ "generations": listed.generations.iter().map(generation).collect::<Vec<_>>() });
    let changes = listed.changes.iter();
    let changes = changes.map(|all| json!({ "changes": all.iter().map(change).collect::<Vec<_>>() }));
    changes.fold(list, merged)
}

fn delivery(delivery: &Delivery) -> Value {
    let stages = delivery.delays.map(|delays| {
        let [before, queue, connect, send] = delays.map(|delay| seconds(f64::from(delay)));
        json!({ "before_queue": before, "queue": queue, "connect": connect, "send": send })
    });
    let outcome = match &delivery.outcome {
        Outcome::Accepted { relay, reply, redirected, instead } => {
            let said = json!({
                "accepted": true, "relay": relay, "reply": text::one_line(reply), "redirected": redirected,
            });
            instead
                .as_ref()
                .map_or(said.clone(), |instead| merged(said, json!({ "instead_of": self::instead(instead) })))
        }
        Outcome::Failed(failure) => merged(json!({ "accepted": false }), why(failure)),
    };
    let facts = json!({
        "from": delivery.from,
        "to": delivery.to,
        "queue_id": delivery.queue_id,
        "seconds": seconds(delivery.waited.as_secs_f64()),
        "stages": stages,
        "put_off": delivery.put_off,
        "queue": delivery.queue,
    });
    let sent = delivery.sent.as_ref().map(|sent| json!({ "message_id": text::one_line(&sent.message_id) }));
    let arrival = delivery.arrival.as_ref().map(|arrival| json!({ "arrival": arrival::arrival(arrival) }));
    let whole = [sent, arrival].into_iter().flatten().fold(merged(facts, outcome), merged);
    json!({ "delivery": whole })
}

/// A cause with its evidence.
fn why(Failure { id, cause, remedy, evidence, .. }: &Failure) -> Value {
    json!({
        "cause": { "id": id, "text": text::one_line(cause), "remedy": text::one_line(&remedy.text()) },
        "evidence": evidence.iter().map(|line| text::one_line(line)).collect::<Vec<_>>(),
    })
}

/// The first relay, which did not take a message that another one took.
fn instead(instead: &Instead) -> Value {
    let first = json!({ "relay": instead.first });
    instead.failure.as_ref().map_or(first.clone(), |failure| merged(first, why(failure)))
}

fn probe(probe: &Probe) -> Value {
    let clean = |list: &[String]| list.iter().map(|line| text::one_line(line)).collect::<Vec<_>>();
    let stage = |stage: &ProbeStage| {
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
            "cause": { "id": failure.id, "text": text::one_line(&failure.cause), "remedy": text::one_line(&failure.remedy.text()) },
            "evidence": clean(&failure.evidence),
            "doubts": clean(&failure.doubts),
        }),
    };
    json!({ "probe": merged(facts, ending) })
}

fn written(written: &Written) -> Value {
    let paths: Vec<_> = written.paths.iter().map(|path| path.display().to_string()).collect();
    let body =
        json!({ "written": paths, "notes": written.notes, "summary": written.summary, "next": written.next });
    written.probe.iter().map(probe).fold(body, merged)
}

fn presets<'a>(presets: impl Iterator<Item = (&'a str, &'a Provider)>) -> Value {
    let named = |(name, provider): (&str, &Provider)| {
        let mut value = serde_json::to_value(provider).unwrap_or_default();
        if let Some(fields) = value.as_object_mut() {
            fields.retain(|_, value| !value.is_null());
            fields.insert("name".into(), json!(name));
        }
        value
    };
    json!({ "providers": presets.map(named).collect::<Vec<_>>() })
}

fn error(error: &Error, command: &str) -> Value {
    let said = json!({ "text": text::harmless(&error.to_string()), "remedy": error.hint(command), "again": error.can_retry() });
    let by_signal = error.interruption().map(|left| json!({ "interrupted": interrupted(left) }));
    json!({ "error": by_signal.into_iter().fold(said, merged) })
}

fn interrupted(left: &Interruption) -> Value {
    let (files, generation) = match left.files {
        Files::Unchanged => ("unchanged", None),
        Files::PutBack => ("put back", None),
        Files::New(generation) => ("new", Some(generation)),
    };
    let message = left.message.as_ref().map(|message| match message {
        TestMessage::TakenOut(id) => json!({ "state": "taken out", "queue_id": id }),
        TestMessage::Taken(id) => json!({ "state": "taken", "queue_id": id }),
        TestMessage::Left(id) => json!({ "state": "left", "queue_id": id }),
        TestMessage::Unknown(id) => json!({ "state": "unknown", "queue_id": id }),
    });
    json!({
        "signal": left.signal.name(),
        "files": files,
        "generation": generation,
        "stays": left.stays.iter().map(|text| text::harmless(text)).collect::<Vec<_>>(),
        "message": message,
    })
}

/// Seconds rounded to milliseconds: no more is known.
fn seconds(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
