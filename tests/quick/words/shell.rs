//! What a shell makes of a command, as far as the remedies need it, and whether what was filled into them is harmless:
//! written a second time, as an oracle. For tests/quick/words and for the fuzz target `remedies`.

use relayhost::model::causes::Cause;
use relayhost::model::causes::catalogue::{Entry, catalogue};

/// The commands in a text: what stands between backquotes.
fn commands(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The words of a command line. An operator is a word of its own; what is quoted, or in `$(…)`, is part of its word.
fn words(command: &str) -> Vec<String> {
    let (mut all, mut word, mut depth) = (Vec::new(), String::new(), 0u32);
    let mut quote = None;
    let mut chars = command.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) => {
                if c == open {
                    quote = None;
                }
                word.push(c);
            }
            (None, '\'' | '"') => {
                quote = Some(c);
                word.push(c);
            }
            (None, '$') if chars.peek() == Some(&'(') => {
                depth += 1;
                word.extend([c, chars.next().unwrap_or_default()]);
            }
            (None, ')') if depth > 0 => {
                depth -= 1;
                word.push(c);
            }
            (None, c) if depth > 0 => word.push(c),
            (None, ';' | '|' | '&' | '<' | '>' | '(' | ')' | '\n') => {
                all.extend([std::mem::take(&mut word), c.to_string()]);
            }
            (None, c) if c.is_whitespace() => all.push(std::mem::take(&mut word)),
            (None, c) => word.push(c),
        }
    }
    all.push(word);
    all.retain(|word| !word.is_empty());
    all
}

/// Whether this may stand in a word: nothing that a shell sees more in than a letter, nothing that leads upwards, no
/// option; and of paths none but those that a remedy may name.
fn is_harmless(value: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/@+=:[]".contains(c);
    let below = [
        "/etc/postfix",
        "/etc/aliases",
        "/etc/tokens/",
        "/etc/sasl-xoauth2/",
        "/etc/xoauth2/",
        "/etc/oauth",
        "/etc/sasl-",
        "/etc/token",
        "/etc/xoauth",
        "/var/lib/",
        "/var/spool/postfix/",
        "/usr/lib",
    ];
    value.chars().all(plain)
        && !value.contains("..")
        && !value.starts_with('-')
        && (!value.contains('/') || below.iter().any(|head| value.starts_with(head)))
}

/// What stands in a filled word in the places of the template's braces, if it is that template.
fn values<'a>(template: &str, filled: &'a str) -> Option<Vec<&'a str>> {
    let (mut rest, mut all, mut pattern) = (filled, Vec::new(), template);
    while let Some(open) = pattern.find('{') {
        let (before, from) = pattern.split_at(open);
        let after = from.split_once('}')?.1;
        rest = rest.strip_prefix(before)?;
        let literal = after.split('{').next()?;
        let end = if literal.is_empty() { rest.len() } else { rest.find(literal)? };
        let (value, tail) = rest.split_at(end);
        all.push(value);
        (rest, pattern) = (tail, after);
    }
    (rest == pattern).then_some(all)
}

/// What is wrong with the texts of a cause, by the entry that it was made of.
pub fn complaint(entry: &Entry, cause: &Cause) -> Option<String> {
    // Commands of the note for a preset come after those of the remedy.
    let remedy = entry.remedy_in_log();
    let templates: Vec<&str> = commands(&remedy);
    let shown = cause.remedy.text();
    let filled = commands(&shown);
    let notes = entry.provider.values().flat_map(|note| commands(note)).count();
    if filled.len() < templates.len() || filled.len() > templates.len() + notes {
        return Some(format!("other commands: {filled:?}, not {templates:?}"));
    }
    if cause.cause.matches('`').count() != entry.cause.matches('`').count() {
        return Some(format!("a command in the cause: {}", cause.cause));
    }
    if format!("{}{}", cause.cause, cause.remedy).contains(char::is_control) {
        return Some(format!("control characters: {cause:?}"));
    }
    for (template, filled) in templates.into_iter().zip(filled) {
        let (wanted, got) = (words(template), words(filled));
        if wanted.len() != got.len() {
            return Some(format!("{} words, not {}: {filled}", got.len(), wanted.len()));
        }
        for (wanted, got) in wanted.iter().zip(&got) {
            // TOML in a command has braces of its own, alone.
            let known = [
                "{1}",
                "{host}",
                "{address}",
                "{port}",
                "{user}",
                "{sender}",
                "{to}",
                "{relayhost}",
                "{package}",
            ];
            if !known.iter().any(|name| wanted.contains(name)) {
                if wanted != got {
                    return Some(format!("{wanted} became {got}"));
                }
                continue;
            }
            let Some(values) = values(wanted, got) else { return Some(format!("{wanted} became {got}")) };
            if let Some(bad) = values.iter().find(|value| value.is_empty() || !is_harmless(value)) {
                return Some(format!("{bad:?} in {filled}"));
            }
        }
    }
    None
}

/// The entry of a cause.
pub fn entry_of(id: &str) -> Option<&'static Entry> {
    catalogue().iter().find(|entry| entry.id == id)
}
