//! The JSON of `watch` and `alarm`.

use serde_json::{Map, Value, json};

use super::seconds;
use crate::model::alarm::refusal::Refusal;
use crate::model::ended::{Alarmed, Told, Watched};
use crate::model::incident::Incident;
use crate::model::incident::event::{Event, Kind};
use crate::model::incident::young::Young;
use crate::model::log::stamp::{Calendar, Seconds};

/// The object `watch`.
pub fn watched(end: &Watched) -> Value {
    let time = end.events.first().map_or(0, |event| event.time);
    json!({ "watch": {
        "events": end.events.iter().map(|event| fields(event, &end.host)).collect::<Vec<_>>(),
        "open": end.open.iter().map(|incident| open(incident, time, &end.host)).collect::<Vec<_>>(),
        "young": end.young.iter().map(young).collect::<Vec<_>>(),
        "told": end.told.iter().map(told).collect::<Vec<_>>(),
    } })
}

/// The list `alarms`.
pub fn alarmed(end: &Alarmed) -> Value {
    json!({ "alarms": end.told.iter().map(told).collect::<Vec<_>>() })
}

fn young(young: &Young) -> Value {
    let calendar = Calendar::utc(young.opens);
    let time = |time: Seconds| calendar.rfc3339(time).unwrap_or_default();
    json!({
        "topic": young.topic.word(),
        "cause": young.cause,
        "remedy": young.remedy,
        "since": time(young.since),
        "opens": time(young.opens),
    })
}

fn open(incident: &Incident, time: Seconds, host: &str) -> Value {
    let event = Event {
        sequence: 0,
        kind: Kind::Opened,
        time: time.max(incident.opened),
        incident: incident.clone(),
        worst: None,
    };
    let mut fields = fields(&event, host);
    if let Some(all) = fields.as_object_mut() {
        all.retain(|name, _| {
            ["id", "topic", "severity", "cause", "cause_id", "remedy", "since", "opened"]
                .contains(&name.as_str())
        });
    }
    fields
}

/// The fields of an event; numbers as numbers, and null for one that is not known.
fn fields(event: &Event, host: &str) -> Value {
    let value = |(name, text): (&str, String)| {
        let is_number = ["sequence", "waiting", "oldest"].contains(&name);
        let value = if is_number { text.parse::<u64>().ok().into() } else { Value::String(text) };
        (name.to_owned(), value)
    };
    Value::Object(event.fields(host).into_iter().map(value).collect::<Map<_, _>>())
}

fn told(told: &Told) -> Value {
    let (said, remedy) = match &told.outcome {
        Ok(said) => (said, None),
        Err(Refusal { why, remedy }) => (why, Some(remedy)),
    };
    let mut fields = json!({
        "way": told.way,
        "id": told.event.incident.id,
        "sequence": told.event.sequence,
        "event": told.event.kind.word(),
        "taken": told.outcome.is_ok(),
        "said": said,
        "seconds": seconds(told.took.as_secs_f64()),
    });
    if let (Some(remedy), Some(fields)) = (remedy, fields.as_object_mut()) {
        fields.insert("remedy".into(), remedy.as_str().into());
    }
    fields
}
