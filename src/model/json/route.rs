//! The way of a message as JSON. A password is nowhere in it.

use serde_json::{Value, json};

use crate::model::postfix::shown::without_inline_tables;
use crate::model::route::written::Written;
use crate::model::route::{Hop, Way};
use crate::model::text;

/// The member `route`.
pub fn way(way: &Way) -> Value {
    let relay = way.relay.as_ref().map(|relay| {
        json!({ "nexthop": relay.text, "host": relay.host, "port": relay.port, "mx": relay.mx, "tls": way.tls.word,
                "implicit_tls": way.tls.wrapper, "username": way.login.as_ref().map(|login| &login.user) })
    });
    json!({
        "from": text::one_line(&way.from),
        "to": text::one_line(&way.to),
        "leaves": !way.is_blocked() && way.relay.is_some(),
        "relay": relay,
        "seen": {
            "sender": text::one_line(&way.seen.sender),
            "from": text::one_line(&way.seen.header),
            "recipient": text::one_line(&way.seen.recipient),
        },
        "hops": way.hops.iter().map(hop).collect::<Vec<_>>(),
    })
}

fn hop(hop: &Hop) -> Value {
    let faults = hop.faults.iter().map(|fault| {
        json!({ "stops": fault.stops, "text": text::one_line(&fault.text), "remedy": text::one_line(&fault.remedy) })
    });
    json!({
        "name": hop.name,
        "value": text::one_line(&hop.value),
        "at": hop.at.iter().map(place).collect::<Vec<_>>(),
        "faults": faults.collect::<Vec<_>>(),
        "notes": hop.notes.iter().map(|note| text::one_line(note)).collect::<Vec<_>>(),
    })
}

fn place(at: &Written) -> Value {
    let (table, key) = match at {
        Written::Table { table, key, .. } => {
            (Some(text::one_line(&without_inline_tables(table))), Some(text::one_line(key)))
        }
        _ => (None, None),
    };
    json!({
        "parameter": (!at.parameter().is_empty()).then(|| at.parameter()),
        "file": at.file(),
        "line": at.line(),
        "table": table,
        "key": key,
    })
}
