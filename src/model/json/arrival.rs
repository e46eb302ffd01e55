//! The arrival of the test message, as a document.

use serde_json::{Value, json};

use super::seconds;
use crate::model::arrival::authentication::Authentication;
use crate::model::arrival::letter::Leg;
use crate::model::arrival::{Arrival, Seen};
use crate::model::causes::failure::Failure;
use crate::model::text;

/// What was seen in the mailbox, and what follows.
pub fn arrival(arrival: &Arrival) -> Value {
    let cause = |failure: &Failure| {
        json!({
            "id": failure.id,
            "text": text::one_line(&failure.cause),
            "remedy": text::one_line(&failure.remedy.text()),
        })
    };
    json!({
        "arrived": arrival.failure.is_none() && arrival.seen.is_some(),
        "seen": arrival.seen.as_deref().map(seen),
        "cause": arrival.failure.as_ref().map(cause),
        "required": arrival.required,
    })
}

fn seen(seen: &Seen) -> Value {
    let letter = &seen.letter;
    let authentication = |said: &Authentication| {
        let of = |method| said.result(method);
        json!({ "by": said.by, "spf": of("spf"), "dkim": of("dkim"), "dmarc": of("dmarc") })
    };
    let leg = |leg: &Leg| json!({ "by": leg.by, "seconds": leg.seconds });
    let removed = seen.removed.as_ref();
    json!({
        "folder": seen.folder,
        "seconds": seconds(seen.after.as_secs_f64()),
        "copies": seen.copies,
        "from": letter.from,
        "text": letter.text.word(),
        "authentication": letter.authentication.as_ref().map(authentication),
        "legs": letter.legs.iter().map(leg).collect::<Vec<_>>(),
        "greylisted": letter.greylisted,
        "removed": removed.map(Result::is_ok),
        "not_removed": removed.and_then(|removed| removed.as_ref().err()).map(|why| text::one_line(why)),
    })
}
