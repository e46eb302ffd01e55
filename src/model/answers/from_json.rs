//! Answers that a program gives as JSON: the same tables and keys as in the file, which is TOML.

use serde_json::{Map, Value as Json};
use toml::{Table, Value as Toml};

use crate::error::Complaint;

/// The answers as a TOML text; `None` if this is TOML already, which never begins with a brace. A key whose value is `null` is
/// left out. A complaint says where the JSON ends to be some.
pub fn toml_of(bytes: &[u8]) -> Result<Option<String>, Complaint> {
    if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return Ok(None);
    }
    let object: Map<String, Json> = serde_json::from_slice(bytes).map_err(|error| {
        Complaint::new(format!("this is no JSON: {error}"), "give one object, or the TOML of an answers file")
    })?;
    toml::to_string_pretty(&table(object)).map(Some).map_err(|error| {
        Complaint::new(
            format!("this JSON is no answers file: {error}"),
            "give the tables and keys of an answers file as objects",
        )
    })
}

fn table(object: Map<String, Json>) -> Table {
    object.into_iter().filter_map(|(key, json)| Some((key, value(json)?))).collect()
}

fn value(json: Json) -> Option<Toml> {
    Some(match json {
        Json::Null => return None,
        Json::Bool(is) => Toml::Boolean(is),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => Toml::Integer(whole),
            None => Toml::Float(number.as_f64().unwrap_or(f64::INFINITY)),
        },
        Json::String(text) => Toml::String(text),
        Json::Array(values) => Toml::Array(values.into_iter().filter_map(value).collect()),
        Json::Object(object) => Toml::Table(table(object)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::answers::Answers;

    #[test]
    fn json_gives_the_answers_that_the_file_gives() {
        let json = br#" {"version": 1, "relay": {"host": "smtp.example.com", "port": 587, "implicit_tls": false, "ip": null},
            "auth": {"username": "a@example.com", "password": "a\"b\\c\u0001 ${x} 'y' \u00e9\u007f\n"},
            "sender": {"rewrite": {"root@host": "a@example.com", "@host": "a@example.com"}},
            "senders": [{"from": ["b@example.com"], "auth": {"username": "b", "password": "p"}}],
            "verify": {"to": "ops@example.com"}}"#;
        let text = toml_of(json).unwrap().unwrap();
        let answers = Answers::parse("standard input", text.as_bytes()).unwrap();
        let again: Json = serde_json::to_value(toml::from_str::<Toml>(&text).unwrap()).unwrap();
        assert_eq!(again["auth"]["password"], "a\"b\\c\u{1} ${x} 'y' \u{e9}\u{7f}\n");
        assert_eq!(
            again["relay"],
            serde_json::json!({"host": "smtp.example.com", "port": 587, "implicit_tls": false})
        );
        assert_eq!(answers.sources().unwrap().len(), 2);
        assert_eq!(toml_of(b"version = 1\n").unwrap(), None);
    }

    #[test]
    fn what_is_no_json_is_said_with_its_place() {
        for (text, part) in [("{", "line 1"), ("{\"a\": 1} x", "trailing"), ("{\n\"a\" 1}", "line 2")] {
            let complaint = toml_of(text.as_bytes()).unwrap_err();
            assert!(complaint.problem.contains(part), "{}", complaint.problem);
        }
    }
}
