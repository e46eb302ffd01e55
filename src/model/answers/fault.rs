//! A TOML error in the words of the answers file. It names keys of the answers alone, and no value: what was typed may be a
//! password in the wrong place.

use crate::error::Complaint;

/// The kinds of values as serde names them, and as the answers file has them.
const KINDS: [(&str, &str); 9] = [
    ("a string", "text in \"quotes\""),
    ("i64", "a whole number, without quotes"),
    ("a boolean", "true or false, without quotes"),
    ("a sequence", "a list, such as [\"one\", \"two\"]"),
    ("a map", "a table of keys and values"),
    ("struct", "a table of keys and values"),
    ("string", "text"),
    ("integer", "a number"),
    ("sequence", "a list"),
];

/// Says what is wrong with the TOML from `start` on in `text`, and how it is mended. `message` is the parser's.
pub fn complaint(text: &str, start: Option<usize>, message: &str) -> Complaint {
    let message = message.lines().next().unwrap_or_default();
    let key = start.and_then(|start| key_before(text, start));
    let expected = message.rfind("expected ").and_then(|at| message.get(at..)).unwrap_or_default();
    if let Some(rest) = message.strip_prefix("unknown field") {
        return unknown_key(rest, expected);
    }
    if let Some(rest) = message.strip_prefix("unknown variant") {
        let near = meant(rest, expected).map_or(String::new(), |name| format!("; did you mean {name}?"));
        let what = key.map_or_else(|| "this key".into(), |key| format!("`{key}`"));
        return Complaint::new(
            format!("{what} takes one of {}{near}", listed(expected)),
            "write one of these",
        );
    }
    if let Some(rest) =
        message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "))
    {
        let wanted = kind(expected.trim_start_matches("expected ")).unwrap_or("another kind of value");
        let typed =
            kind(rest).map_or("this is another kind of value".into(), |typed| format!("this is {typed}"));
        let what = key.clone().map_or_else(|| "this".into(), |key| format!("`{key}`"));
        let remedy = match key.as_deref() {
            Some("deadline") => "write a length of time in quotes, such as \"60s\"",
            _ => "text goes in \"quotes\", numbers and true/false stand bare",
        };
        return Complaint::new(format!("{what} wants {wanted}, and {typed}"), remedy);
    }
    let remedy = if message.contains("duplicate key") {
        "keep one of the two lines"
    } else if message.contains("string in quotes") || message.contains("must be quoted") {
        "text goes in \"quotes\", numbers and true/false stand bare"
    } else {
        "mend the TOML there; a value with backslashes or quotes is easiest in 'single quotes'"
    };
    Complaint::new(message, remedy)
}

/// An unknown key. It is shown if it is nearly one of those that are known, and in a table that has no password.
fn unknown_key(rest: &str, expected: &str) -> Complaint {
    let typed = quoted(rest).next().unwrap_or_default();
    let keys = listed(expected);
    // A password may be typed where the key of one belongs.
    let has_password = quoted(expected).any(|key| key == "password");
    let problem = match meant(rest, expected) {
        Some(name) if has_password => format!("this is no key of [auth]; did you mean `{name}`?"),
        Some(name) => format!("there is no key `{typed}` here; did you mean `{name}`?"),
        None => format!("this is no key of the answers; here are {keys}"),
    };
    Complaint::new(problem, "correct the spelling or remove the key; relayhost-answers(5) lists all keys")
}

/// The key whose value begins at this place, if it stands in the same line and looks like one of the answers'.
fn key_before(text: &str, start: usize) -> Option<String> {
    let line = text.get(..start)?.rsplit('\n').next()?;
    let (before, rest) = line.rsplit_once('=')?;
    let key = before.rsplit([' ', ',', '{', '.']).find(|part| !part.is_empty())?;
    let is_key = rest.trim().is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    is_key.then(|| key.to_owned())
}

fn kind(words: &str) -> Option<&'static str> {
    KINDS.iter().find(|(serde, _)| words.starts_with(serde)).map(|(_, ours)| *ours)
}

fn quoted(words: &str) -> impl Iterator<Item = &str> {
    words.split('`').skip(1).step_by(2)
}

fn listed(expected: &str) -> String {
    quoted(expected).collect::<Vec<_>>().join(", ")
}

/// The name among those `expected` that was meant by the one in `rest`, both in backquotes.
fn meant<'a>(rest: &str, expected: &'a str) -> Option<&'a str> {
    let typed = quoted(rest).next()?.replace('-', "_").to_lowercase();
    let distance = |name: &&str| strsim::damerau_levenshtein(&typed, name);
    quoted(expected).filter(|name| distance(name) <= 1 + name.len() / 5).min_by_key(distance)
}
