//! The JSON form of a diagnosis.

use serde_json::{Value, json};

use super::{VERSION, findings, merged};
use crate::model::causes::Cause;
use crate::model::ended::{Diagnosed, FromLog};
use crate::model::log::report::{Failure, News, Report};
use crate::model::log::stamp::{Calendar, Seconds};
use crate::model::log::story::{Step, Story};
use crate::model::text::one_line;

/// The failures in a log, and the faults of the host.
pub fn diagnosed(diagnosed: &Diagnosed) -> Value {
    let log = match &diagnosed.log {
        FromLog::All(report) => self::report(report, &diagnosed.calendar),
        FromLog::One(story) => self::story(story, &diagnosed.calendar),
    };
    let about = json!({
        "sources": diagnosed.sources,
        "author": diagnosed.author,
        "unreadable": diagnosed.trouble,
        "notes": diagnosed.notes,
    });
    let body = json!({ "diagnosis": merged(about, log) });
    if diagnosed.own { merged(body, findings(&diagnosed.findings)) } else { body }
}

/// The report of all messages.
pub fn report(report: &Report, calendar: &Calendar) -> Value {
    json!({
        "from": time(report.span.0, calendar),
        "to": time(report.span.1, calendar),
        "hosts": report.hosts.iter().map(|host| one_line(host)).collect::<Vec<_>>(),
        "accepted": report.accepted,
        "exact": !report.overflowed,
        "failures": report.failures.iter().map(|one| failure(one, calendar)).collect::<Vec<_>>(),
    })
}

/// One event of the log that is followed, as a document of its own.
pub fn news(news: &News, calendar: &Calendar) -> Value {
    let event = match news {
        News::Begun(sources) => json!({ "event": "begun", "sources": sources }),
        News::Failed(one) => json!({ "event": "failed", "failure": failure(one, calendar) }),
        News::Again(one) => json!({ "event": "again", "failure": failure(one, calendar) }),
        News::Over(one) => json!({ "event": "over", "failure": failure(one, calendar) }),
        News::Through(id) => json!({ "event": "through", "id": id }),
    };
    json!({ "version": VERSION, "command": "diagnose", "news": event })
}

fn failure(failure: &Failure, calendar: &Calendar) -> Value {
    let example = failure.example.as_ref().map(|example| {
        json!({
            "queue_id": example.queue_id,
            "to": one_line(&example.to),
            "words": one_line(&example.words),
        })
    });
    json!({
        "id": failure.cause.id,
        "stage": failure.cause.stage,
        "verdict": failure.cause.verdict,
        "basis": failure.cause.basis,
        "alternatives": alternatives(&failure.cause),
        "host": failure.host.as_deref().map(one_line),
        "ours": failure.ours,
        "messages": failure.tally.messages,
        "waiting": failure.tally.waiting,
        "lines": failure.lines,
        "first": time(failure.tally.first, calendar),
        "last": time(failure.tally.last, calendar),
        "over": failure.over,
        "taken": failure.taken.as_ref().map(|taken| {
            json!({ "relay": one_line(&taken.relay), "time": time(Some(taken.time), calendar) })
        }),
        "cause": failure.cause.is_known().then(|| one_line(&failure.cause.cause)),
        "remedy": one_line(&failure.cause.remedy.text()),
        "fix": failure.cause.fix,
        "relays": failure.relays.iter().map(|relay| one_line(relay)).collect::<Vec<_>>(),
        "words": one_line(&failure.words),
        "example": example,
    })
}

/// Names of the other causes that fit.
fn alternatives(cause: &Cause) -> Vec<&str> {
    cause.alternatives.iter().map(|other| other.id.as_str()).collect()
}

/// The story of one message.
pub fn story(story: &Story, calendar: &Calendar) -> Value {
    let step = |step: &Step| {
        let cause = step.cause.as_ref().map(|cause| {
            json!({
                "id": cause.id,
                "text": one_line(&cause.cause),
                "remedy": one_line(&cause.remedy.text()),
                "basis": cause.basis,
                "alternatives": alternatives(cause),
            })
        });
        json!({
            "time": time(step.time, calendar),
            "text": one_line(&step.text),
            "good": step.good,
            "cause": cause,
            "times": step.times,
            "last": time(step.last, calendar),
        })
    };
    json!({
        "queue_id": story.queue_id,
        "failed": story.has_failed(),
        "left_out": story.left_out,
        "steps": story.steps.iter().map(step).collect::<Vec<_>>(),
    })
}

fn time(time: Option<Seconds>, calendar: &Calendar) -> Option<String> {
    calendar.rfc3339(time?)
}
