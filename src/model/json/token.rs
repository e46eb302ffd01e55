//! The access tokens as JSON.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::merged;
use crate::error::NoToken;
use crate::model::ended::{Renewed, RenewedLogin};

/// The first login's token by itself, and all of them as a list.
pub fn tokens(end: &Renewed) -> Value {
    let one = |login: &RenewedLogin| {
        let failed = login.failed.as_ref().map(failed);
        merged(token(login), json!({ "login": login.name, "failed": failed }))
    };
    let all: Vec<Value> = end.logins.iter().map(one).collect();
    let first = end.logins.first().map_or(json!({}), token);
    merged(first, json!({ "logins": all }))
}

/// The token of a login.
pub fn token(login: &RenewedLogin) -> Value {
    let known = |moment: &str| (!moment.is_empty()).then(|| moment.to_owned());
    json!({
        "fetched": login.fetched,
        "in_force": login.in_force,
        "by_hand": login.by_hand,
        "ends": known(&login.ends),
        "due": known(&login.due),
        "claims": login.claims.as_ref().map(|claims| claims.iter().cloned().collect::<BTreeMap<_, _>>()),
    })
}

fn failed(why: &NoToken) -> Value {
    json!({ "cause": why.to_string(), "id": why.id, "remedy": why.remedy.text() })
}
