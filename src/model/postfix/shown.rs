//! What a person may see of a main.cf: all but what may be a password. Others put passwords there: in a table that stands in
//! the setting itself (`inline:`, `static:`), in a URL, in a parameter of their own.

use std::collections::BTreeSet;
use std::ops::Range;

use super::{lines, settings};
use crate::model::text::without_inline_tables;

/// What stands in the place of what is not shown.
const MASK: &str = "********";

/// A name that has one of these may be that of a password. In lower case.
const NAMES: [&str; 7] = ["pass", "pwd", "pw", "secret", "token", "cred", "api"];

/// What begins a table whose contents stand in the setting itself.
const TABLES: [&str; 4] = ["static:", "inline:", ":{", ": {"];

/// A main.cf as text, line for line. A parameter whose name or value may hold a password has no value, however many lines
/// it takes, nor have the comments among them; comments that may hold one have no text. A comment that stands inside
/// such a value in `other`, the version that this one is compared with, has no text here either.
pub fn main_cf(bytes: &[u8], other: &[u8]) -> String {
    let (bytes, other) = (String::from_utf8_lossy(bytes), String::from_utf8_lossy(other));
    let hidden = hidden(&bytes);
    let theirs: BTreeSet<&str> = self::hidden(&other)
        .into_iter()
        .filter_map(|(range, _)| other.get(range))
        .flat_map(str::lines)
        .collect();
    let (mut out, mut start, mut comments) = (String::with_capacity(bytes.len()), 0, Vec::new());
    for line in bytes.split_inclusive('\n') {
        let at = start;
        start += line.len();
        let end = if line.ends_with('\n') { "\n" } else { "" };
        let inside = hidden.iter().find(|(range, _)| range.contains(&at));
        if inside.is_none() && lines::trim(line).starts_with('#') {
            comments.push(line);
            continue;
        }
        flush(&mut comments, &theirs, &mut out);
        match inside {
            None => out.push_str(line),
            Some((range, shown)) if range.start == at => out.extend([shown, end]),
            Some(_) => out.extend(["  ", MASK, end]),
        }
    }
    flush(&mut comments, &theirs, &mut out);
    out
}

/// The value of a parameter of ours or of Postfix's, as it is in force; without what stands in a table or a URL in it.
pub fn value(text: &str) -> String {
    if !holds_table(text) {
        return text.to_owned();
    }
    let cut = without_inline_tables(text);
    if cut == text { MASK.to_owned() } else { cut }
}

/// Where the logical lines lie that are not shown as they are, from their first byte to their last, and what is shown.
fn hidden(text: &str) -> Vec<(Range<usize>, String)> {
    let named = named_in_tables(text);
    let shown = |line: lines::Logical| {
        let (first, last) = line.parts.first().zip(line.parts.last())?;
        Some((first.start..last.end, without_value(&line.text(text.as_bytes()), &named)?))
    };
    lines::logical(text.as_bytes()).into_iter().filter_map(shown).collect()
}

/// The parameters whose values get into a table that stands in a setting, by `$name`, `${name}` or `$(name)`, or into a value
/// that does.
fn named_in_tables(text: &str) -> BTreeSet<String> {
    let logical = lines::logical(text.as_bytes());
    let settings: Vec<(String, String)> = logical
        .iter()
        .filter_map(|line| {
            let line = line.text(text.as_bytes());
            let (name, value) = line.split_once('=')?;
            Some((lines::trim(name).to_owned(), value.to_owned()))
        })
        .collect();
    let tables = settings.iter().filter(|(_, value)| holds_table(value));
    let mut open: Vec<String> = tables.flat_map(|(_, value)| references(value)).collect();
    let mut named = BTreeSet::new();
    while let Some(name) = open.pop() {
        if named.insert(name.clone()) {
            let of_name = settings.iter().filter(|(setting, _)| *setting == name);
            open.extend(of_name.flat_map(|(_, value)| references(value)));
        }
    }
    named
}

/// The names that stand after a `$`, whatever brackets there are (postconf(5), "variable expansion").
fn references(value: &str) -> Vec<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let name = |rest: &str| {
        let rest = rest.trim_start_matches(|c: char| "{(".contains(c) || lines::is_space(c));
        rest.split(|c| !is_name(c)).next().unwrap_or_default().to_owned()
    };
    value.split('$').skip(1).map(name).filter(|name| !name.is_empty()).collect()
}

/// Writes the comments that stood together: what was a setting of several lines before somebody made it a comment is one
/// thing, and its first line tells what it was.
fn flush(comments: &mut Vec<&str>, theirs: &BTreeSet<&str>, out: &mut String) {
    let hides = may_hold_password(&comments.concat())
        || comments.iter().any(|line| line.lines().any(|line| theirs.contains(line)));
    for line in comments.drain(..) {
        let end = if line.ends_with('\n') { "\n" } else { "" };
        if hides { out.extend(["# ", MASK, end]) } else { out.push_str(line) }
    }
}

/// What is shown of a logical line that is not shown as it is.
fn without_value(text: &str, named: &BTreeSet<String>) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let (name, value) = match text.split_once('=') {
        Some((name, value)) if lines::trim(name).chars().all(plain) => (lines::trim(name), value),
        // Not a setting: perhaps a part of one, whose indent was lost.
        _ => return Some(MASK.to_owned()),
    };
    let own = settings::planned().contains(&name);
    (named.contains(name) || (!own && has_name(name)) || holds_table(value) || (!own && has_name(value)))
        .then(|| format!("{name} = {MASK}"))
}

fn has_name(text: &str) -> bool {
    let text = text.to_lowercase();
    NAMES.iter().any(|name| text.contains(name))
}

/// Whether a setting's value has a table in it, or a URL with a user.
fn holds_table(value: &str) -> bool {
    let value = value.to_lowercase();
    let is_url = |word: &str| word.split_once(':').is_some_and(|(_, rest)| rest.contains('@'));
    TABLES.iter().any(|table| value.contains(table)) || value.split(lines::is_space).any(is_url)
}

fn may_hold_password(text: &str) -> bool {
    has_name(text) || holds_table(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_goes_with_all_its_lines() {
        let text = "a = 1\nsmtp_sasl_password_maps =\n  # old\n  inline:{\n\n    {[old]:1 = u:p}\n  }\nx_bind_pw = p\n# mine\nb = 2";
        let shown = main_cf(text.as_bytes(), b"");
        assert_eq!(
            shown,
            "a = 1\nsmtp_sasl_password_maps = ********\n  ********\n  ********\n  ********\n  ********\n  ********\n\
             x_bind_pw = ********\n# mine\nb = 2"
        );
        assert_eq!(
            main_cf(b"# x\n#smtp_sasl_password_maps = inline:{\n#  {a = u:p}\nb = 1\n", b"")
                .matches("# ****")
                .count(),
            3
        );
    }

    #[test]
    fn what_a_table_in_a_setting_refers_to_goes_too() {
        for (setting, way) in [
            ("static:$one", "one = x$(two)\ntwo = ${ three }\nthree ="),
            ("inline:{ a=${one} }", "one ="),
            ("static:u:$(one)", "one = {$one}${two?{$three}}\nthree ="),
        ] {
            let text =
                format!("{way} HUNTER2\nother = $four\nfour = seen\nsmtp_sasl_password_maps = {setting}\n");
            let shown = main_cf(text.as_bytes(), b"");
            assert!(!shown.contains("HUNTER2") && shown.contains("four = seen"), "{shown}");
        }
    }

    #[test]
    fn what_is_no_password_is_shown() {
        let text = "# mine\nrelayhost = [smtp.example.com]:587\nsmtp_sasl_password_maps = hash:/etc/postfix/sasl_passwd\n\
                    smtpd_milters = inet:127.0.0.1:11332\nmynetworks = 127.0.0.0/8,\n  [::1]/128\n";
        assert_eq!(main_cf(text.as_bytes(), b""), text);
    }
}
