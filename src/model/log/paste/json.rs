//! Log lines in JSON, of whatever program: the journal, container engines, cloud consoles, log shippers. Time, host,
//! program and process id are taken from the object that has the text, or from those around it.

use serde_json::{Map, Value};

use super::bare;
use super::part::{find, is_program, line_of};
use crate::model::log::head::is_host;
use crate::model::log::stamp::{Calendar, Seconds};
use crate::model::log::wrap;

/// Names of a text, of a time, of a host, of a program, of a process id; without case, `_` and `.`.
const TEXTS: [&str; 14] = [
    "message",
    "log",
    "msg",
    "textpayload",
    "line",
    "text",
    "event",
    "content",
    "body",
    "raw",
    "logs",
    "data",
    "syslogmessage",
    "messagetext",
];
const TIMES: [&str; 12] = [
    "realtimetimestamp",
    "sourcerealtimetimestamp",
    "time",
    "@timestamp",
    "timestamp",
    "ts",
    "date",
    "datetime",
    "timegenerated",
    "eventtime",
    "receivetimestamp",
    "generationtime",
];
const HOSTS: [&str; 5] = ["hostname", "host", "computer", "hostnames", "sysloghostname"];
const NAMES: [&str; 7] = ["syslogidentifier", "ident", "program", "programname", "appname", "tag", "process"];
const PIDS: [&str; 5] = ["syslogpid", "pid", "procid", "processid", "proc"];
/// Parts of the names of a text about what went wrong.
const TROUBLE: [&str; 5] = ["error", "exception", "reason", "response", "detail"];
/// Most levels of objects within objects that are looked at; serde_json reads 128.
const DEEP: usize = 32;

/// What the objects around a text tell.
#[derive(Debug, Default, Clone)]
struct Context {
    time: Option<Seconds>,
    host: Option<String>,
    program: Option<String>,
    pid: u32,
}

/// The lines in a JSON text, each as syslog would have written it; `None` if it is no JSON.
pub fn lines(text: &str, calendar: &Calendar) -> Option<Vec<String>> {
    let value: Value =
        serde_json::from_str(text).ok().filter(|value: &Value| value.is_object() || value.is_array())?;
    let mut lines = Vec::new();
    walk(&value, &Context::default(), calendar, DEEP, &mut lines);
    Some(lines)
}

fn walk(value: &Value, around: &Context, calendar: &Calendar, depth: usize, lines: &mut Vec<String>) {
    if depth == 0 {
        return;
    }
    match value {
        Value::Object(object) => {
            let context = context(object, around, calendar);
            for (name, value) in object {
                match text_of(value) {
                    Some(text) if is_text(&plain(name)) || is_evidence(&text) => {
                        take(&text, &context, calendar, lines);
                    }
                    None => walk(value, &context, calendar, depth - 1, lines),
                    Some(_) => {}
                }
            }
        }
        // Loki: a time and a text
        Value::Array(pair) => {
            if let [Value::String(time), Value::String(text), ..] = pair.as_slice()
                && let Some(time) = time_of(time, calendar)
            {
                return take(text, &Context { time: Some(time), ..around.clone() }, calendar, lines);
            }
            for value in pair {
                match value {
                    Value::String(text) => take(text, around, calendar, lines),
                    value => walk(value, around, calendar, depth - 1, lines),
                }
            }
        }
        _ => {}
    }
}

fn is_text(name: &str) -> bool {
    TEXTS.contains(&name) || TROUBLE.iter().any(|part| name.contains(part))
}

/// Whether a text is evidence by its own form, so that it counts whatever the program calls it (`err`, `why`).
fn is_evidence(text: &str) -> bool {
    find(text).is_some() || bare::read(text).is_some()
}

fn context(object: &Map<String, Value>, around: &Context, calendar: &Calendar) -> Context {
    let of = |names: &[&str]| {
        names.iter().find_map(|wanted| {
            object.iter().filter(|(name, _)| plain(name) == *wanted).find_map(|(_, value)| match value {
                // `"host": {"name": …}`
                Value::Object(inner) => inner.get("name").or_else(|| inner.get("hostname")).and_then(text_of),
                value => text_of(value),
            })
        })
    };
    Context {
        time: of(&TIMES).and_then(|text| time_of(&text, calendar)).or(around.time),
        host: of(&HOSTS).filter(|host| is_host(host)).or_else(|| around.host.clone()),
        program: of(&NAMES).or_else(|| around.program.clone()),
        pid: of(&PIDS).and_then(|text| text.parse().ok()).unwrap_or(around.pid),
    }
}

/// Takes a text: it has a header of its own, or the objects around it are its header, or it is a bare line.
fn take(text: &str, context: &Context, calendar: &Calendar, lines: &mut Vec<String>) {
    let mut own = None;
    for text in text.lines().filter(|text| !text.trim().is_empty()) {
        let part = find(text);
        let is_headed = part.is_some() || calendar.read_any(text).is_some();
        // A line that follows one without a header may be the rest of a stranger's words.
        if is_headed && !*own.get_or_insert(is_headed) {
            continue;
        }
        if let Some(part) = part {
            // The time around the text is more exact than its own.
            let (time, host) = crate::model::log::head::when_and_where(part.before, calendar);
            let (time, host) = (context.time.or(time), host.or(context.host.as_deref()));
            lines.push(line_of(time, host, part.daemon, part.pid, part.text));
        } else if let Some(daemon) = context.program.as_deref().and_then(daemon_of) {
            lines.push(line_of(context.time, context.host.as_deref(), daemon, context.pid, text.trim()));
        } else {
            let time = context.time.map_or_else(String::new, |time| format!("{time}.0 "));
            let host = context.host.as_ref().map_or_else(String::new, |host| format!("{host} "));
            let program = context.program.as_ref().map_or_else(String::new, |name| format!("{name}: "));
            let has_head = calendar.read_any(text).is_some() || context.program.is_none();
            lines.push(if has_head {
                text.trim().to_owned()
            } else {
                format!("{time}{host}{program}{}", text.trim())
            });
        }
    }
}

/// The daemon of an identifier: `postfix/smtp`, `postfix-out/submission/smtpd`.
pub fn daemon_of(program: &str) -> Option<&str> {
    let (tag, daemon) = program.rsplit_once('/')?;
    (tag.contains("postfix") || is_program(daemon)).then_some(daemon).filter(|_| !tag.starts_with('/'))
}

/// A time as text or as a number.
pub fn time_of(text: &str, calendar: &Calendar) -> Option<Seconds> {
    let (stamp, _) = calendar.read_any(text.trim())?;
    Some(stamp.time)
}

fn plain(name: &str) -> String {
    name.chars().filter(|c| *c != '_' && *c != '.').collect::<String>().to_ascii_lowercase()
}

/// The text of a value, but for an empty list, which has none.
fn text_of(value: &Value) -> Option<String> {
    let is_empty = value.as_array().is_some_and(Vec::is_empty);
    if is_empty { None } else { wrap::text_of(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-24T08:00:00Z
    const NOW: Seconds = 1_795_507_200;

    #[test]
    fn every_shipper() {
        let line = "Nov 24 08:00:00 h postfix/smtp[7]: ABCDE1: x \\\"y\\\"";
        for json in [
            format!(r#"{{"log":"{line}\n","stream":"stdout","time":"2026-11-24T08:00:00.5Z"}}"#),
            format!(r#"{{"timestamp":1795507200123,"message":"{line}","ingestionTime":1795507300000}}"#),
            format!(r#"{{"events":[{{"timestamp":1795507200123,"message":"{line}"}}]}}"#),
            format!(r#"{{"stream":{{"host":"h"}},"values":[["1795507200123456789","{line}"]]}}"#),
            format!(r#"[{{"textPayload":"{line}","timestamp":"2026-11-24T08:00:00.5Z"}}]"#),
            format!(r#"{{"_source":{{"@timestamp":"2026-11-24T08:00:00.5Z","message":"{line}"}}}}"#),
            r#"{"__REALTIME_TIMESTAMP":"1795507200000000","_HOSTNAME":"h","SYSLOG_IDENTIFIER":"postfix/smtp","_PID":"7","MESSAGE":"ABCDE1: x \"y\""}"#.into(),
            r#"{"@timestamp":"2026-11-24T08:00:00Z","host":{"name":"h"},"program":"postfix/smtp","pid":7,"message":"ABCDE1: x \"y\""}"#.into(),
        ] {
            let found = lines(&json, &Calendar::utc(NOW));
            assert_eq!(found, Some(vec!["1795507200.0 h postfix/smtp[7]: ABCDE1: x \"y\"".to_owned()]), "{json}");
        }
    }

    #[test]
    fn what_is_no_log() {
        let lines = |text| lines(text, &Calendar::utc(NOW));
        assert_eq!(lines("{}"), Some(vec![]));
        assert_eq!(lines("{"), None);
        assert_eq!(lines("7"), None);
        let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
        assert_eq!(lines(&deep), Some(vec![]));
    }
}
