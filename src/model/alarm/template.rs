//! What a webhook is sent: a text or a JSON document with places for the fields of an event. A document is parsed before the
//! fields are filled in, so that no value of a field can become a part of its form.

use serde_json::{Map, Value};

use crate::error::Complaint;
use crate::model::incident::event::FIELDS;

/// A text with places for fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Template {
    /// A JSON document, in whose texts the places are.
    Json(Value),
    /// Plain text.
    Text(String),
}

impl Template {
    /// The one for receivers that take any document: every field under its name, and the summary once more as `text`.
    pub fn whole() -> Self {
        let field = |name: &str| (name.to_owned(), Value::String(format!("{{{name}}}")));
        let mut all: Map<String, Value> = FIELDS.into_iter().map(field).collect();
        all.insert("text".into(), Value::String("{summary}".into()));
        Self::Json(Value::Object(all))
    }

    /// Reads a template.
    pub fn parse(typed: &str) -> Result<Self, Complaint> {
        let template = match serde_json::from_str::<Value>(typed) {
            Ok(document @ (Value::Object(_) | Value::Array(_))) => Self::Json(document),
            // Without quotes around it a place is no JSON.
            Err(error) if is_meant_as_json(typed) => {
                let problem = format!("the template is not JSON: {error}");
                let remedy = "write each place for a field within quotes: '{\"text\": \"{summary}\"}'";
                return Err(Complaint::new(problem, remedy));
            }
            Ok(_) | Err(_) => Self::Text(typed.to_owned()),
        };
        if typed.trim().is_empty() {
            let remedy = "write what is to be sent, or remove the line: then every field is sent as JSON";
            return Err(Complaint::new("the template is empty", remedy));
        }
        match template.unknown() {
            None => Ok(template),
            Some(name) => {
                let problem = format!("the template has a place {{{name}}}, and an event has no such field");
                Err(Complaint::new(problem, format!("use some of {{{}}}", FIELDS.join("}, {"))))
            }
        }
    }

    /// The type of what is sent (RFC 9110 §8.3).
    pub fn content_type(&self) -> &'static str {
        match self {
            Self::Json(_) => "application/json",
            Self::Text(_) => "text/plain; charset=utf-8",
        }
    }

    /// What is sent, with these fields.
    pub fn fill(&self, fields: &[(&'static str, String)]) -> String {
        match self {
            Self::Json(document) => filled(document, fields).to_string(),
            Self::Text(text) => substitute(text, fields),
        }
    }

    /// The name of a place for which there is no field.
    fn unknown(&self) -> Option<String> {
        let mut texts = Vec::new();
        match self {
            Self::Json(document) => collect(document, &mut texts),
            Self::Text(text) => texts.push(text.as_str()),
        }
        let mut names = texts.into_iter().flat_map(places);
        names.find(|name| !FIELDS.contains(name)).map(str::to_owned)
    }
}

/// Whether a text begins as a document does: `{host}: …` and `[{host}] …` do not.
fn is_meant_as_json(typed: &str) -> bool {
    let mut letters = typed.chars().filter(|c| !c.is_whitespace());
    match letters.next() {
        Some('{') => letters.next().is_none_or(|c| c == '"' || c == '}'),
        Some('[') => letters.next().is_none_or(|c| "[\"]".contains(c)),
        _ => false,
    }
}

/// All texts of a document.
fn collect<'a>(document: &'a Value, texts: &mut Vec<&'a str>) {
    match document {
        Value::String(text) => texts.push(text),
        Value::Array(all) => all.iter().for_each(|one| collect(one, texts)),
        Value::Object(all) => all.values().for_each(|one| collect(one, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn filled(document: &Value, fields: &[(&'static str, String)]) -> Value {
    match document {
        Value::String(text) => Value::String(substitute(text, fields)),
        Value::Array(all) => all.iter().map(|one| filled(one, fields)).collect(),
        Value::Object(all) => {
            Value::Object(all.iter().map(|(name, one)| (name.clone(), filled(one, fields))).collect())
        }
        other => other.clone(),
    }
}

/// The name of the place that a text begins with.
fn place(text: &str) -> Option<&str> {
    let (name, _) = text.strip_prefix('{')?.split_once('}')?;
    let is_name = !name.is_empty() && name.bytes().all(|c| c.is_ascii_lowercase() || c == b'_');
    is_name.then_some(name)
}

/// The names of all places.
fn places(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices('{').filter_map(|(at, _)| place(text.get(at..)?))
}

/// A text with its places filled. What is filled in is not read again: a relay may have said `{host}`.
fn substitute(text: &str, fields: &[(&'static str, String)]) -> String {
    let (mut done, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.find('{').and_then(|at| rest.split_at_checked(at)) {
        done.push_str(before);
        let found = place(after).and_then(|name| fields.iter().find(|(known, _)| *known == name));
        let used = if let Some((name, value)) = found {
            done.push_str(value);
            name.len() + 2
        } else {
            done.push('{');
            1
        };
        rest = after.get(used..).unwrap_or_default();
    }
    done + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(cause: &str) -> Vec<(&'static str, String)> {
        vec![("cause", cause.to_owned()), ("host", "web1".to_owned())]
    }

    #[test]
    fn what_a_relay_said_stays_a_text_within_the_document() {
        let template = Template::parse(r#"{"a": {"text": "on {host}: {cause}"}, "b": [1, "{x"]}"#).unwrap();
        for said in [r#"x", "admin": "yes"#, "\\", "\u{1}", "{host}", "line\n[1] EXTERNAL;COMMAND", "🔥"] {
            let sent: Value = serde_json::from_str(&template.fill(&fields(said))).unwrap();
            assert_eq!(sent["a"]["text"], format!("on web1: {said}"));
            assert_eq!(sent.as_object().unwrap().len(), 2);
            assert_eq!(sent["b"], serde_json::json!([1, "{x"]));
        }
        assert_eq!(template.content_type(), "application/json");
    }

    #[test]
    fn a_text_is_a_text() {
        let template = Template::parse("{host}: {cause} {").unwrap();
        assert_eq!(template.fill(&fields("refused")), "web1: refused {");
        assert!(template.content_type().starts_with("text/plain"));
        assert!(matches!(Template::parse("[{host}] {cause}"), Ok(Template::Text(_))));
    }

    #[test]
    fn what_would_not_do_what_it_says_is_refused() {
        for (typed, words) in [
            ("{\"text\": {summary}}", "not JSON"),
            ("{\"text\": \"{sumary}\"}", "no such field"),
            ("on {hots}", "no such field"),
            (" ", "empty"),
        ] {
            let problem = Template::parse(typed).unwrap_err().problem;
            assert!(problem.contains(words), "{problem}");
        }
    }

    #[test]
    fn the_usual_one_has_every_field() {
        let Template::Json(document) = Template::whole() else { panic!("no document") };
        for name in FIELDS {
            assert_eq!(document[name], format!("{{{name}}}"));
        }
    }
}
