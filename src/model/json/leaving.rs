//! The JSON of what is known of mail that leaves.

use serde_json::{Value, json};

use crate::model::leaving::ways::Kind;
use crate::model::leaving::{Leaving, Taken, Told};
use crate::model::log::stamp::{Calendar, Seconds};
use crate::model::text::one_line;

/// The object `mail`. Times are UTC, ages are in seconds.
pub fn leaving(leaving: &Leaving) -> Value {
    let calendar = Calendar::utc(leaving.now);
    let time = |time: Seconds| calendar.rfc3339(time);
    let age = |time: Seconds| leaving.age(time).as_secs();
    let queue = &leaving.queue;
    let taken = |taken: &Taken| json!({ "time": time(taken.time), "age": age(taken.time), "to": one_line(&taken.to), "reply": one_line(&taken.reply), "certain": taken.certain });
    let refused = leaving.refused.as_ref().map(|(word, cause)| {
        json!({
            "time": time(word.time),
            "age": age(word.time),
            "to": one_line(&word.to),
            "reason": one_line(&word.text),
            "cause": cause.as_ref().map_or("unknown", |cause| &cause.id),
        })
    });
    let fallback = leaving.fallen.as_ref().map(|(fallen, cause)| {
        json!({
            "relay": fallen.relay,
            "reason": one_line(&fallen.why),
            "cause": cause.as_ref().map_or("unknown", |cause| &cause.id),
        })
    });
    let ways = leaving.ways.iter().map(|told| way(told, &time)).collect::<Vec<_>>();
    json!({ "mail": {
        "relay": leaving.relay,
        "leaves": leaving.mail_leaves(),
        "sentence": one_line(&leaving.sentence()),
        "waiting": {
            "messages": queue.known(queue.waiting),
            "held": queue.known(queue.held),
            "complete": queue.unlisted.is_none(),
            "oldest": queue.oldest.and_then(time),
            "age": queue.oldest.map(age),
        },
        "taken": leaving.taken.as_ref().map(taken),
        "fallback": fallback,
        "refused": refused,
        "ways": ways,
        "counted_since": leaving.counted.and_then(time),
        "known_since": leaving.since.and_then(time),
        "unknown": leaving.unknown.iter().map(|text| one_line(text)).collect::<Vec<_>>(),
    } })
}

/// What is known of one way of the answers.
fn way(told: &Told, time: &dyn Fn(Seconds) -> Option<String>) -> Value {
    let kind = match told.way.kind {
        Kind::Relay => "relay",
        Kind::Account => "account",
        Kind::Route => "route",
        Kind::Fallback => "fallback",
    };
    let refused = told.refused.as_ref().map(|(refused, cause)| {
        json!({
            "time": time(refused.time),
            "reason": one_line(&refused.text),
            "cause": cause.as_ref().map_or("unknown", |cause| &cause.id),
            "left_by": Some(&refused.by).filter(|by| !by.is_empty()),
            "returned": refused.returned,
            "senders": told.senders.iter().map(|sender| one_line(sender)).collect::<Vec<_>>(),
            "then": told.then.as_ref().map(|then| json!({
                "relay": then.relay,
                "reason": one_line(&then.text),
                "cause": then.cause.as_ref().map_or("unknown", |cause| &cause.id),
            })),
        })
    });
    let is_elsewhere = matches!(told.way.kind, Kind::Account | Kind::Route);
    json!({
        "kind": kind,
        "table": told.way.table,
        "whose": told.way.whose,
        "by": told.way.by,
        "taken": told.tally.taken,
        "taken_by_fallback": told.tally.instead,
        "last": told.tally.last.and_then(time),
        "waiting": is_elsewhere.then_some(told.waits.messages),
        "refused": refused,
    })
}
