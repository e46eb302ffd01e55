//! A TOML error in the words of the answers file. It names keys of the answers alone, and no value: what was typed may be a
//! password in the wrong place.

use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::Error as ValueError;

use super::{IpChoice, Tables};
use crate::error::Complaint;
use crate::model::alarm::Kind;
use crate::model::desired::{Mechanism, Tls};
use crate::model::oauth::Flow;

/// The kinds of values as serde names them, and as the answers file has them.
const KINDS: [(&str, &str); 10] = [
    ("a table of addresses", "pairs of addresses in braces"),
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

/// The quotation marks that word processors, web pages and chats put in the place of `"` and `'`.
const TYPOGRAPHIC: &str =
    "\u{201c}\u{201d}\u{201e}\u{201f}\u{2018}\u{2019}\u{201a}\u{201b}\u{ab}\u{bb}\u{2039}\u{203a}";

/// The remedy where a line has not the form of a key and its value.
const LINE: &str = "write KEY = VALUE, such as host = \"smtp.example.com\"";

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
    if message == "wanted string or table" {
        return wrong_word(key.as_deref());
    }
    if let Some(rest) =
        message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "))
    {
        // serde's words for a table where several are wanted.
        if rest.starts_with("map") && expected.contains("a sequence") {
            return Complaint::new(
                "there may be several of this table",
                "write its name in two brackets, as in [[alarm]] and [[relay.fallback]]",
            );
        }
        return wrong_kind(key.as_deref(), rest, expected);
    }
    malformed(text, start.unwrap_or_default(), message)
}

/// A value that is none of the words which its key takes, since it is no text.
fn wrong_word(key: Option<&str>) -> Complaint {
    let words = match key {
        Some("tls") => words::<Tls>(),
        Some("ip") => words::<IpChoice>(),
        Some("mechanism") => words::<Mechanism>(),
        Some("flow") => words::<Flow>(),
        Some("kind") => words::<Kind>(),
        _ => String::new(),
    };
    let what = key.map_or_else(|| "this key".into(), |key| format!("`{key}`"));
    let wanted = if words.is_empty() { "a word".to_owned() } else { format!("one of {words}") };
    Complaint::new(format!("{what} takes {wanted}, in \"quotes\""), "write one of these, in \"quotes\"")
}

/// The words that a value of this type may be.
fn words<'de, T: Deserialize<'de>>() -> String {
    let refused: Result<T, ValueError> = T::deserialize("".into_deserializer());
    refused
        .err()
        .map(|error| listed(error.to_string().rsplit("expected ").next().unwrap_or_default()))
        .unwrap_or_default()
}

/// A value of another kind than its key takes.
fn wrong_kind(key: Option<&str>, rest: &str, expected: &str) -> Complaint {
    let wanted = kind(expected.trim_start_matches("expected ")).unwrap_or("another kind of value");
    let typed = kind(rest).map_or("this is another kind of value".into(), |typed| format!("this is {typed}"));
    let what = key.map_or_else(|| "this".into(), |key| format!("`{key}`"));
    let remedy = match key {
        Some("deadline") => "write a length of time in quotes, such as \"60s\"",
        Some("rewrite") => {
            "write the local address, and the one that the relay sees: rewrite = { \"monitor@host.localdomain\" = \"alerts@example.com\" }"
        }
        _ if wanted.starts_with("a list") => "put it in brackets, even if it is only one: [\"one\"]",
        _ => "text goes in \"quotes\", numbers and true/false stand bare",
    };
    Complaint::new(format!("{what} wants {wanted}, and {typed}"), remedy)
}

/// Text that is no TOML at `start`.
fn malformed(text: &str, start: usize, message: &str) -> Complaint {
    let rest = text.get(start..).unwrap_or_default();
    let is_bent = |text: &str| text.contains(|c| TYPOGRAPHIC.contains(c));
    // A text that begins with a straight quotation mark and ends with another one has no end for TOML.
    let is_unclosed = message.starts_with("invalid") && message.ends_with("expected `\"`");
    let line = text.get(..start).and_then(|before| before.rsplit('\n').next()).unwrap_or_default();
    if rest.starts_with(|c| TYPOGRAPHIC.contains(c)) || (is_unclosed && is_bent(line)) {
        return Complaint::new(
            "the quotation marks here are those of a word processor or a web page",
            "write the straight ones of the keyboard: \"…\" or '…'",
        );
    }
    if message.starts_with("key with no value") {
        let problem = if rest.trim_start().starts_with(':') || line.trim_end().ends_with(':') {
            "`:` stands where `=` belongs"
        } else {
            "there is no `=` behind the key"
        };
        return Complaint::new(problem, LINE);
    }
    if message.contains("duplicate key") {
        let name: String = rest.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
        let is_table = line.trim_start().starts_with('[');
        // What is none of the answers' own names may be a password that was typed in the wrong place.
        return match (is_name(&name), is_table) {
            (true, true) => Complaint::new(
                format!("there is a second [{name}]"),
                format!("put its lines under the first [{name}], and remove this one"),
            ),
            (true, false) => {
                Complaint::new(format!("`{name}` is given a second time"), "keep one of the two lines")
            }
            (false, _) => Complaint::new("this key is given a second time", "keep one of the two lines"),
        };
    }
    let remedy = if message.contains("string in quotes") || message.contains("must be quoted") {
        "text goes in \"quotes\", numbers and true/false stand bare"
    } else {
        "mend the TOML there; a value with backslashes or quotes is easiest in 'single quotes'"
    };
    Complaint::new(message, remedy)
}

/// Whether this is a key or a table of the answers file. The reader itself says which there are.
fn is_name(name: &str) -> bool {
    let names = |head: &str| {
        let refused = toml::from_str::<Tables>(&format!("{head}\n\"\" = 0\n")).err();
        let message = refused.map(|error| error.message().to_owned()).unwrap_or_default();
        quoted(&message).filter(|name| !name.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let tables = names("");
    let inner = tables
        .iter()
        .map(String::as_str)
        .chain(["auth.oauth", "verify.arrival", "verify.arrival.oauth", "verify.arrival.sender"])
        .flat_map(|table| names(&format!("[{table}]")));
    tables.iter().cloned().chain(inner).any(|known| known == name)
}

/// An unknown key. It is shown if it is nearly one of those that are known, and in a table that has no password.
fn unknown_key(rest: &str, expected: &str) -> Complaint {
    let typed = quoted(rest).next().unwrap_or_default();
    let keys = listed(expected);
    // A password may be typed where the key of one belongs.
    let has_password = quoted(expected).any(|key| key == "password");
    let problem = match meant(rest, expected) {
        Some(name) if has_password => format!("there is no such key here; did you mean `{name}`?"),
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
