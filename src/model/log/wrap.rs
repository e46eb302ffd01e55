//! Takes log lines out of the JSON of the journal and of containers. Prefixes in front of a line need no unwrapping;
//! `line` skips them.

use std::borrow::Cow;

use serde_json::Value;

/// The log line in a JSON object of `journalctl -o json`, Docker's json-file or a log shipper; other text as it is.
pub fn unwrap(raw: &str) -> Cow<'_, str> {
    if raw.starts_with('{')
        && let Some(text) = json(raw)
    {
        return Cow::Owned(text);
    }
    Cow::Borrowed(raw)
}

fn json(raw: &str) -> Option<String> {
    let Ok(Value::Object(object)) = serde_json::from_str::<Value>(raw) else { return None };
    let text = |name: &str| object.get(name).and_then(text_of);
    let message = ["MESSAGE", "log", "message", "msg"].iter().find_map(|name| text(name))?;
    // A shipper may have put several lines into one text.
    let message = message.trim_end().replace(['\n', '\r'], " ");
    if object.contains_key("MESSAGE") {
        let pid = text("SYSLOG_PID").or_else(|| text("_PID"))?;
        let time = text("__REALTIME_TIMESTAMP").or_else(|| text("_SOURCE_REALTIME_TIMESTAMP"));
        let time = time.and_then(|text| text.parse::<i64>().ok()).unwrap_or_default();
        return Some(format!(
            "{}.{:06} {} {}[{pid}]: {message}",
            time / 1_000_000,
            time % 1_000_000,
            text("_HOSTNAME").unwrap_or_default(),
            text("SYSLOG_IDENTIFIER")?,
        ));
    }
    // The line usually has a time of its own; the wrapper's is more exact.
    let time = ["time", "@timestamp", "timestamp", "ts"].iter().find_map(|name| text(name));
    Some(time.map_or_else(|| message.clone(), |time| format!("{time} {message}")))
}

/// The text of a value; `None` if it has none. The journal gives a text that is not UTF-8 as numbers (systemd,
/// JOURNAL_EXPORT_FORMATS).
pub fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Array(bytes) => {
            let bytes: Option<Vec<u8>> = bytes.iter().map(|byte| u8::try_from(byte.as_u64()?).ok()).collect();
            Some(String::from_utf8_lossy(&bytes?).into_owned())
        }
        _ => None,
    }
}
