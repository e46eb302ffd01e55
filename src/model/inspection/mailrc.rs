//! The startup files of the `mail` command, as far as they send mail around Postfix. Heirloom mailx 12.5 has the
//! variables `smtp` and `sendmail` for that (its mailx(1)), s-nail also `mta` (its s-nail(1)). Values are never shown: a
//! URL may contain a password.

use crate::model::plan::{Plan, Remedy, State};

/// Variables that say how mail leaves.
const VARIABLES: [&str; 3] = ["mta", "smtp", "sendmail"];
/// Words of s-nail before a command that modify it.
const MODIFIERS: [&str; 5] = ["\\", "global", "ignerr", "local", "wysh"];
/// Programs of Postfix, or at least the `sendmail` of the host: the finding `sendmail` is about that.
const OWN: [&str; 4] =
    ["/usr/sbin/sendmail", "/usr/lib/sendmail", "/usr/bin/sendmail", "/usr/sbin/sendmail.postfix"];

/// A startup file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Startup {
    /// Its path.
    pub path: String,
    /// Whether the file is for all users; else for root alone.
    pub is_everybodys: bool,
    /// Its text.
    pub text: String,
}

/// Line (from 1) and variable of the setting that sends mail around Postfix. The last one counts; `None` if mail goes to
/// Postfix. Accounts and macros (`account NAME {`) hold only for a user who asks for them.
fn detour(text: &str) -> Option<(usize, &'static str)> {
    let mut found = Vec::new();
    let (mut inside, mut pending, mut begin) = (false, String::new(), 1);
    for (number, line) in (1..).zip(text.lines()) {
        if pending.is_empty() {
            begin = number;
        }
        if let Some(head) = line.strip_suffix('\\') {
            pending.push_str(head);
            continue;
        }
        pending.push_str(line);
        let words = words(&std::mem::take(&mut pending));
        let mut words =
            words.iter().map(String::as_str).skip_while(|word| MODIFIERS.contains(word)).peekable();
        let command = words.next().unwrap_or_default();
        if inside || matches!(command, "account" | "define") {
            inside = command != "}" && (inside || words.any(|word| word == "{"));
            continue;
        }
        if !(is_short_for(command, "set") || is_short_for(command, "unset")) {
            continue;
        }
        for word in words {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            let Some(variable) = VARIABLES.into_iter().find(|known| *known == name) else { continue };
            found.retain(|(_, known)| *known != variable);
            if is_short_for(command, "set") && leads_elsewhere(variable, value) {
                found.push((begin, variable));
            }
        }
    }
    found.pop()
}

fn leads_elsewhere(variable: &str, value: &str) -> bool {
    let path = value.strip_prefix("file://").unwrap_or(value);
    !value.is_empty() && (variable == "smtp" || !OWN.contains(&path))
}

/// Whether a word is this command, perhaps cut short (`se`, `uns`).
fn is_short_for(word: &str, command: &str) -> bool {
    word.len() >= 2 && command.starts_with(word)
}

/// Splits a line as the clients do: at blanks, with quotes and backslashes; `#` begins a comment.
fn words(line: &str) -> Vec<String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut letters = line.chars();
    while let Some(c) = letters.next() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, _) if c.is_whitespace() => words.extend(word.take()),
            (None | Some('"'), '\\') if word.is_some() => word.get_or_insert_default().extend(letters.next()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

impl Plan {
    /// Reports startup files of the `mail` command that send the mail of monitors around Postfix. The test message does
    /// not use these files, so it would not show that.
    pub fn clients(&mut self, files: &[Startup]) {
        for Startup { path, is_everybodys, text } in files {
            let Some((line, variable)) = detour(text) else { continue };
            let (state, whose) = if *is_everybodys {
                (State::Differs, "`mail` sends")
            } else {
                (State::Warning, "`mail` sends what root sends")
            };
            self.add(
                format!("mail.{path}"),
                state,
                format!("line {line} sets `{variable}`: {whose} around Postfix, and not to the relay"),
                Remedy::say(format!("take line {line} out of {path}")),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::plan::remedy;

    #[test]
    fn the_summary_sends_to_apply_only_for_what_apply_mends() {
        let mut plan = Plan::empty();
        assert_eq!(remedy(&plan.findings, "see plan"), "");
        let text = "set mta=/bin/false\n".to_owned();
        plan.clients(&[Startup { path: "/etc/mail.rc".into(), is_everybodys: true, text }]);
        assert_eq!(remedy(&plan.findings, "see plan"), "take line 1 out of /etc/mail.rc");
        plan.add("setting.relayhost", State::Differs, "not set", Remedy::Apply);
        plan.add("service.running", State::Differs, "not running", Remedy::Apply);
        plan.add("setting.mydestination", State::Warning, "odd", Remedy::say("look"));
        assert_eq!(remedy(&plan.findings, "see plan"), "take line 1 out of /etc/mail.rc; then see plan");
        assert_eq!(plan.by_hand().len(), 2);
        plan.findings.remove(0);
        assert_eq!(remedy(&plan.findings, "see plan"), "see plan");
    }

    #[test]
    fn what_sends_mail_around_postfix_is_found_however_it_is_written() {
        for (text, expected) in [
            ("", None),
            ("set mta=/bin/false\n", Some((1, "mta"))),
            ("# set smtp=x\nset hold smtp=smtp.example.com:25 append\n", Some((2, "smtp"))),
            ("set \\\n  sendmail=\"/opt/a b/send\"\n", Some((1, "sendmail"))),
            ("se 'mta=smtps://u:p@h'", Some((1, "mta"))),
            ("wysh set mta=submission://h", Some((1, "mta"))),
            ("set mta=file:///usr/sbin/sendmail sendmail=/usr/lib/sendmail\n", None),
            ("set smtp=h\nunset smtp\n", None),
            ("set smtp=h\nset smtp=\n", None),
            ("account x {\nset smtp=h\n}\nset hold\n", None),
            ("account x {\nset smtp=h\n}\nset smtp=i\n", Some((4, "smtp"))),
            ("define f {\n set mta=x\n}\n", None),
            ("set smtp-auth=login nosmtp record=smtp", None),
            ("echo set smtp=h", None),
        ] {
            assert_eq!(detour(text), expected, "{text}");
        }
    }
}
