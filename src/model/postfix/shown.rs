//! The text of a main.cf, or of the aliases, that a person may see: all but possible passwords. These can be in a table within the
//! setting itself (`inline:`, `static:`), in a URL, or in a user-defined parameter; in the aliases, in what a command is given.

use std::collections::BTreeSet;
use std::ops::Range;

use super::{lines, settings};

/// Text in place of hidden text.
const MASK: &str = "********";

/// Parts of names that may be those of passwords, in lower case.
const NAMES: [&str; 7] = ["pass", "pwd", "pw", "secret", "token", "cred", "api"];

/// Beginnings of a table whose contents are in the setting itself.
const TABLES: [&str; 4] = ["static:", "inline:", ":{", ": {"];

/// The same, of those that a list of tables may have.
const INLINE: [&str; 3] = ["static:", "inline:", "randmap:"];

/// What a table of type static may answer that is no password: everything, the null sender, an action (access(5)).
const PUBLIC: [&str; 8] = ["*", "<>", "OK", "DUNNO", "REJECT", "DISCARD", "HOLD", "DEFER"];

/// A main.cf as text, line for line. If a parameter's name or value may hold a password, all lines of the value are
/// masked, with the comments among them; so are other comments that may hold one. A comment that is inside such a value
/// in `other`, the version that this one is compared with, is masked here too.
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

/// The aliases as text, line for line. Of a command the program is shown, if it has a path, and nothing of the words after it; of a
/// comment that may hold a password nothing.
pub fn aliases(bytes: &[u8]) -> String {
    let (text, mut shown, mut is_in_command) = (String::from_utf8_lossy(bytes), String::new(), false);
    for line in text.split_inclusive('\n') {
        let (words, end) = line.strip_suffix('\n').map_or((line, ""), |words| (words, "\n"));
        is_in_command &= line.starts_with(lines::is_space);
        let (head, command) = words.split_once('|').map_or((words, None), |(head, rest)| (head, Some(rest)));
        match command {
            _ if is_in_command => shown.extend(["  ", MASK]),
            _ if lines::trim(words).starts_with('#') && (command.is_some() || may_hold_password(words)) => {
                shown.extend(["# ", MASK]);
            }
            Some(command) => {
                is_in_command = true;
                let command = command.trim_start_matches(|c| c == '"' || lines::is_space(c));
                let ends = command.find(|c| c == '"' || lines::is_space(c)).unwrap_or(command.len());
                let (program, rest) = command.split_at(ends);
                let program = if program.starts_with('/') { program } else { MASK };
                let rest =
                    if rest.trim_matches(|c| c == '"' || lines::is_space(c)).is_empty() { "" } else { MASK };
                shown.extend([head, "|", program, if rest.is_empty() { "" } else { " " }, rest]);
            }
            None => shown.push_str(words),
        }
        shown.push_str(end);
    }
    shown
}

/// Whether a line of a table begins the entry with this key.
pub fn is_of(line: &str, key: &str) -> bool {
    let rest = line.get(..key.len()).filter(|head| head.eq_ignore_ascii_case(key)).and(line.get(key.len()..));
    rest.is_some_and(|rest| rest.starts_with(|c| c == ':' || lines::is_space(c)))
}

/// The value in force of a parameter of relayhost's or of Postfix's, without the tables and URLs in it.
pub fn value(text: &str) -> String {
    if !holds_table(text) {
        return text.to_owned();
    }
    let cut = without_inline_tables(text);
    if cut == text { MASK.to_owned() } else { cut }
}

/// A line without possible passwords: without the contents of tables within the setting itself.
pub fn without_inline_tables(line: &str) -> String {
    let mut at = 0;
    loop {
        let rest = line.get(at..).unwrap_or_default();
        let ends = INLINE.iter().filter_map(|kind| Some((rest.find(kind)?, kind)));
        let Some((start, kind)) = ends.min() else { return line.to_owned() };
        let end = at + start + kind.len();
        match public(line.get(end..).unwrap_or_default()).filter(|_| *kind == "static:") {
            Some(word) => at = end + word.len(),
            None => return format!("{}{MASK}", line.get(..end).unwrap_or_default()),
        }
    }
}

/// What stands after `static:`, if it is no password.
fn public(after: &str) -> Option<&str> {
    let end = after.find(|c: char| c == ',' || lines::is_space(c)).unwrap_or(after.len());
    after.get(..end).filter(|word| PUBLIC.contains(word))
}

/// A value without the tables of type static that have no password.
fn without_public(value: &str) -> String {
    let mut parts = value.split("static:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| match public(part) {
        Some(word) => text + part.get(word.len()..).unwrap_or_default(),
        None => text + "static:" + part,
    })
}

/// The byte ranges of the logical lines that are masked, each with the text to show instead.
fn hidden(text: &str) -> Vec<(Range<usize>, String)> {
    let texts = |line: lines::Logical| {
        let (first, last) = line.parts.first().zip(line.parts.last())?;
        Some((first.start..last.end, line.text(text.as_bytes())))
    };
    let logical: Vec<(Range<usize>, String)> =
        lines::logical(text.as_bytes()).into_iter().filter_map(texts).collect();
    let named = named_in_tables(&logical);
    let shown = |(range, line): &(Range<usize>, String)| Some((range.clone(), without_value(line, &named)?));
    logical.iter().filter_map(shown).collect()
}

/// The parameters whose values enter a table within a setting by `$name`, `${name}` or `$(name)`, directly or through
/// another parameter.
fn named_in_tables(logical: &[(Range<usize>, String)]) -> BTreeSet<&str> {
    let settings = || logical.iter().filter_map(|(_, line)| line.split_once('='));
    let tables = settings().filter(|(_, value)| holds_table(value));
    let mut open: Vec<&str> = tables.flat_map(|(_, value)| references(value)).collect();
    let mut named = BTreeSet::new();
    while let Some(found) = open.pop() {
        if named.insert(found) {
            let of_name = settings().filter(|(name, _)| lines::trim(name) == found);
            open.extend(of_name.flat_map(|(_, value)| references(value)));
        }
    }
    named
}

/// The names after each `$`, with any brackets (postconf(5), "variable expansion").
fn references(value: &str) -> impl Iterator<Item = &str> {
    let is_before = |c: char| "{(".contains(c) || lines::is_space(c);
    let is_after = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    let parts = value.split('$').skip(1);
    let names = parts.filter_map(move |rest| rest.trim_start_matches(is_before).split(is_after).next());
    names.filter(|name| !name.is_empty())
}

/// Writes adjacent comments, all of them masked or none: they may be one setting of several lines that somebody
/// commented out, and only the first line has its name.
fn flush(comments: &mut Vec<&str>, theirs: &BTreeSet<&str>, out: &mut String) {
    let hides = may_hold_password(&comments.concat())
        || comments.iter().any(|line| line.lines().any(|line| theirs.contains(line)));
    for line in comments.drain(..) {
        let end = if line.ends_with('\n') { "\n" } else { "" };
        if hides { out.extend(["# ", MASK, end]) } else { out.push_str(line) }
    }
}

/// The masked text of a logical line; `None` if the line is shown unchanged.
fn without_value(text: &str, named: &BTreeSet<&str>) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let (name, value) = match text.split_once('=') {
        Some((name, value)) if lines::trim(name).chars().all(plain) => (lines::trim(name), value),
        // Not a setting: perhaps a continuation line that lost its indent.
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
    let value = without_public(value).to_lowercase();
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
    fn of_a_command_of_an_alias_the_program_alone_is_shown() {
        for (text, expected) in [
            (
                "ops: |\"/usr/bin/curl -u user:pass https://x\"\nroot: a@b\n",
                "ops: |/usr/bin/curl ********\nroot: a@b\n",
            ),
            ("ops: \"|/usr/bin/notify\"\n", "ops: \"|/usr/bin/notify\n"),
            ("ops: joe, |\"TOKEN=x /bin/y\"\n", "ops: joe, |******** ********\n"),
            ("ops:\n \"|/bin/y\n  --token x\"\nb: c", "ops:\n \"|/bin/y\n  ********\nb: c"),
            ("# old: |/bin/y z\n# the password is x\n# people\n", "# ********\n# ********\n# people\n"),
        ] {
            assert_eq!(aliases(text.as_bytes()), expected);
        }
    }

    #[test]
    fn of_a_table_of_one_answer_that_is_hidden_which_may_be_a_password() {
        for (text, shown) in [
            ("static:*", "static:*"),
            (
                "static:*, regexp:/etc/postfix/relayhost_logins",
                "static:*, regexp:/etc/postfix/relayhost_logins",
            ),
            ("static:OK hash:/x", "static:OK hash:/x"),
            ("static:u:p", "static:********"),
            ("static:*p", "static:********"),
            ("static:*, static:u:p", "static:*, static:********"),
            ("static:{*}", "static:********"),
            ("hash:/x, inline:{a=static:*}", "hash:/x, inline:********"),
        ] {
            assert_eq!((value(text).as_str(), without_inline_tables(text).as_str()), (shown, shown));
            let line = format!("local_login_sender_maps = {text}");
            let is_plain = text == shown;
            assert_eq!(main_cf(line.as_bytes(), b"") == line, is_plain, "{text}");
        }
    }

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
