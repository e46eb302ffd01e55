//! Finds what a Postfix program wrote in a line, behind any prefix. What was found is written anew as a line of syslog,
//! which the readers of logs know.

use std::borrow::Cow;

use super::reply;
use crate::model::log::event::split_queue_id;
use crate::model::log::head::{is_level, when_and_where};
use crate::model::log::stamp::{Calendar, Seconds};
use crate::model::text::clipped;

/// Programs of Postfix (master(8) and the commands), by whose names a line without the word `postfix` is known.
const PROGRAMS: [&str; 43] = [
    "anvil",
    "bounce",
    "cleanup",
    "defer",
    "discard",
    "dnsblog",
    "error",
    "flush",
    "lmtp",
    "local",
    "master",
    "nqmgr",
    "oqmgr",
    "pickup",
    "pipe",
    "postalias",
    "postcat",
    "postconf",
    "postdrop",
    "postfix-script",
    "postkick",
    "postlock",
    "postlog",
    "postlogd",
    "postmap",
    "postmulti",
    "postqueue",
    "postscreen",
    "postsuper",
    "proxymap",
    "proxywrite",
    "qmgr",
    "retry",
    "scache",
    "sendmail",
    "showq",
    "smtp",
    "smtpd",
    "spawn",
    "tlsmgr",
    "tlsproxy",
    "trace",
    "trivial-rewrite",
];
/// The other programs of Postfix, whose names also mean other things.
const MORE: [&str; 5] = ["postfix", "postfix-tls-script", "qmqpd", "verify", "virtual"];
/// Most bytes of a line in which Postfix's part is looked for.
const MOST: usize = 64 * 1024;
/// Length of the queue id that takes the place of one that cannot be read, and most bytes of what stands there.
const QUEUE_ID: usize = 10;
const MOST_OF_ID: usize = 30;
/// Longest `syslog_name` that is looked for.
const NAME: usize = 64;

/// What a Postfix program wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part<'a> {
    /// The line before it.
    pub before: &'a str,
    /// Its program.
    pub daemon: &'a str,
    /// Its process id; 0 if the line does not tell.
    pub pid: u32,
    /// Its words.
    pub text: &'a str,
}

/// Whether a Postfix program has this name.
pub fn is_program(name: &str) -> bool {
    PROGRAMS.contains(&name) || MORE.contains(&name)
}

/// Finds Postfix's part of a line. In a line that another program's header begins, it must have a header of its own: the
/// words of another program are no line of Postfix, whatever they look like.
pub fn find(line: &str) -> Option<Part<'_>> {
    if is_of_web_server(line) || reply::is_relays(line) {
        return None;
    }
    first(clipped(line, MOST)).map(inner)
}

fn first(line: &str) -> Option<Part<'_>> {
    let mut from = 0;
    while let Some(at) = line.get(from..)?.find('/').map(|at| from + at) {
        if let Some(part) = part(line, at) {
            return Some(part);
        }
        from = at + 1;
    }
    None
}

/// A container's log may stand in the text of a line that looks like Postfix's.
fn inner(part: Part<'_>) -> Part<'_> {
    match first(part.text).filter(|inner| inner.pid > 0) {
        Some(inner) => {
            // At the beginning: behind `< relay:` stand a relay's words.
            let is_head =
                Calendar::utc(i64::from(u32::MAX)).read_any(inner.before.trim_start_matches('[')).is_some();
            let ends = inner.before.split_ascii_whitespace().count() <= 6;
            if is_head && ends { inner } else { part }
        }
        None => part,
    }
}

/// The part whose name has its last slash here.
fn part(line: &str, slash: usize) -> Option<Part<'_>> {
    let (before, after) = (line.get(..slash)?, line.get(slash + 1..)?);
    let is_name = |c: &u8| c.is_ascii_alphanumeric() || b"._-/".contains(c);
    let start = slash - before.bytes().rev().take(NAME).take_while(is_name).count();
    let tag = line.get(start..slash)?;
    let end =
        after.find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-'))?;
    let (daemon, rest) = after.split_at_checked(end)?;
    let (is_postfix, is_known) = (tag.contains("postfix"), is_program(daemon));
    if tag.is_empty() || tag.starts_with('/') || daemon.is_empty() || !(is_postfix || is_known) {
        return None;
    }
    let (pid, text) = match process(rest) {
        Some(found) => found,
        // Without a process id, the name has to be certain: `private/smtp: ` is a socket.
        None if is_postfix && is_known => {
            (0, rest.strip_prefix(": ").or_else(|| syslog_5424(rest).map(|(_, text)| text))?)
        }
        None => return None,
    };
    let pid = if pid == 0 { syslog_5424(rest).map_or(0, |(pid, _)| pid) } else { pid };
    let before = line.get(..start)?;
    is_header(before).then_some(Part { before, daemon, pid, text: without_id(text.trim()) })
}

/// `[PID]: `, `[PID]:` and `[PID] `, and the text after it.
fn process(rest: &str) -> Option<(u32, &str)> {
    let (pid, text) = rest.strip_prefix('[')?.split_once(']')?;
    // People make process ids unreadable, too.
    let is_hidden = (1..=QUEUE_ID).contains(&pid.len()) && pid.bytes().all(|c| b"xX*#?".contains(&c));
    let pid = if is_hidden { 0 } else { pid.parse().ok()? };
    let text = text.strip_prefix(':').unwrap_or(text);
    (text.is_empty() || text.starts_with([' ', '\t'])).then_some(())?;
    Some((pid, text))
}

/// ` PID MSGID STRUCTURED-DATA MSG` of RFC 5424 §6.
fn syslog_5424(rest: &str) -> Option<(u32, &str)> {
    let (pid, rest) = rest.strip_prefix(' ')?.split_once(' ')?;
    let (_, mut rest) = rest.split_once(' ')?;
    if let Some(after) = rest.strip_prefix("- ") {
        rest = after;
    } else {
        let data = rest.strip_prefix('[')?;
        rest = data.get(data.find("] ")? + 2..)?;
    }
    let pid = if pid == "-" { 0 } else { pid.parse().ok()? };
    Some((pid, rest.trim_start_matches('\u{feff}')))
}

/// Solaris puts `[ID 197553 mail.info] ` before each text (syslogd's message ids).
fn without_id(text: &str) -> &str {
    let after = text.strip_prefix("[ID ").and_then(|text| text.split_once("] "));
    after.map_or(text, |(_, text)| text)
}

/// Whether a header can end here. After a header of another program only another header may follow, or nothing.
fn is_header(before: &str) -> bool {
    let calendar = Calendar::utc(i64::from(u32::MAX));
    let Some((_, rest)) = calendar.read_any(before.trim_start_matches(['<', '[', ' '])) else { return true };
    let Some((_, after)) = rest.split_once(": ") else { return true };
    let after = after.trim_matches([' ', '"', '[', ']']);
    let is_part = |word: &str| is_level(word) || word.ends_with(':');
    after.split_ascii_whitespace().all(is_part) || calendar.read_any(after).is_some()
}

/// Whether a line is one of a web server's access log: whoever asks for a page chooses its words.
pub fn is_of_web_server(line: &str) -> bool {
    line.contains("] \"") && line.contains(" HTTP/")
}

/// Whether a line begins with a time, a host and the header of a program that is not Postfix's. A record in the words of
/// such a program is what somebody made it write: sshd(8) logs any user name.
pub fn is_of_another(line: &str, calendar: &Calendar) -> bool {
    is_of_web_server(line) || other_program(line, calendar).is_some()
}

/// The name of the program, which is not Postfix, whose header a line begins with.
pub fn other_program<'l>(line: &'l str, calendar: &Calendar) -> Option<&'l str> {
    let (_, rest) = calendar.read_any(line.trim_start_matches(['<', '[', ' ']))?;
    let tag = rest.split_ascii_whitespace().nth(1).and_then(|tag| tag.strip_suffix(':'))?;
    let name = tag.split('[').next().unwrap_or_default();
    // A queue id may stand there, too.
    let is_name =
        name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.bytes().any(|c| c.is_ascii_lowercase());
    (is_name && !name.contains("postfix")).then_some(name)
}

impl Part<'_> {
    /// Whether nothing but headers can stand before it. Anything else may be a sentence that quotes a line.
    pub fn is_certain(&self, calendar: &Calendar) -> bool {
        let words = self.before.split_ascii_whitespace().count();
        let is_quoted = self.before.contains(['"', '`', '\'', '“', '«']);
        !is_quoted && (words <= 2 || words < 16 && when_and_where(self.before, calendar).0.is_some())
    }

    /// When it was written, if the line tells.
    pub fn time(&self, calendar: &Calendar) -> Option<Seconds> {
        when_and_where(self.before, calendar).0
    }

    /// The line that syslog would have written, in the words of this log.
    pub fn line(&self, calendar: &Calendar) -> String {
        let (time, host) = when_and_where(self.before, calendar);
        let text = unrepeated(self.text);
        // `postfix status` leaves the severity out on a terminal.
        let is_down = self.daemon == "postfix-script" && text == "the Postfix mail system is not running";
        let text = if is_down { Cow::Owned(format!("fatal: {text}")) } else { with_queue_id(text) };
        line_of(time, host, self.daemon, self.pid, &text)
    }
}

/// The text that rsyslog says was written again: `message repeated 5 times: [ TEXT]`.
fn unrepeated(text: &str) -> &str {
    let repeated = text.strip_prefix("message repeated ").and_then(|rest| rest.split_once(" times: ["));
    repeated.and_then(|(_, text)| text.strip_suffix(']')).map_or(text, str::trim)
}

/// A record of an attempt with a queue id that can be read: people make it unreadable before they show a log.
fn with_queue_id(text: &str) -> Cow<'_, str> {
    if let Some(words) = without_hidden_id(text) {
        return Cow::Owned(format!("{}: {words}", "X".repeat(QUEUE_ID)));
    }
    let Some((id, rest)) =
        text.split_once("to=<").filter(|(_, rest)| rest.contains(", relay=") && rest.contains(" status="))
    else {
        return Cow::Borrowed(text);
    };
    if id.len() > MOST_OF_ID || split_queue_id(text).is_some() {
        return Cow::Borrowed(text);
    }
    let mut known: String = id.chars().filter(char::is_ascii_alphanumeric).take(QUEUE_ID).collect();
    while known.len() < QUEUE_ID {
        known.push('X');
    }
    Cow::Owned(format!("{known}: to=<{rest}"))
}

/// The words after a queue id that somebody has made unreadable: `xxxxxxxx: `, `<redacted>: `, `...: `.
fn without_hidden_id(text: &str) -> Option<&str> {
    let (id, words) = text
        .split_once(": ")
        .filter(|(id, rest)| (3..=MOST_OF_ID).contains(&id.len()) && !rest.starts_with("to=<"))?;
    let is_enclosed =
        [('<', '>'), ('[', ']')].iter().any(|(open, close)| id.starts_with(*open) && id.ends_with(*close));
    let is_mask = id.bytes().all(|c| b"xX*#?._-".contains(&c));
    (is_mask || is_enclosed && !id.contains([' ', '@']))
        .then_some(words)
        .filter(|_| split_queue_id(text).is_none())
}

/// A line with time and host as far as they are known.
pub fn line_of(time: Option<Seconds>, host: Option<&str>, daemon: &str, pid: u32, text: &str) -> String {
    use std::fmt::Write;
    let mut line = String::with_capacity(text.len() + 64);
    if let Some(time) = time {
        let _ = write!(line, "{time}.0 ");
    }
    if let Some(host) = host {
        let _ = write!(line, "{host} ");
    }
    let _ = write!(line, "postfix/{daemon}[{pid}]: {text}");
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(line: &str) -> Option<(&str, u32, &str)> {
        find(line).map(|part| (part.daemon, part.pid, part.text))
    }

    #[test]
    fn what_another_program_was_made_to_write_is_no_record_of_postfix() {
        let record = "postfix/smtp[12]: 4AAAAAAAA: to=<x@y>, relay=r[192.0.2.1]:587, status=bounced (host r said: 550 no)";
        for stamp in ["2026-11-24T08:00:00.1+00:00", "Nov 24 08:00:00"] {
            for words in [
                "sshd[3]: Invalid user ",
                "dovecot: imap-login: Disconnected: user=<",
                "amavis[3]: (1) Passed CLEAN, Subject: ",
                "app[3]: user typed: ",
            ] {
                let line = format!("{stamp} h {words}{record}");
                assert_eq!(find(&line), None, "{line}");
                assert!(is_of_another(&line, &Calendar::utc(1_795_507_200)), "{line}");
            }
            assert!(!is_of_another(&format!("{stamp} h {record}"), &Calendar::utc(1_795_507_200)));
        }
    }

    #[test]
    fn headers() {
        for (line, expected) in [
            ("postfix/smtp[7]: x y", ("smtp", 7, "x y")),
            ("a b postfix/smtp[7] x y", ("smtp", 7, "x y")),
            ("postfix/smtp: x y", ("smtp", 0, "x y")),
            ("Nov 24 08:00:00 h postfix/smtp[xxxx]: x y", ("smtp", 0, "x y")),
            ("Nov 24 08:00:00 h mail/smtp[7]: x y", ("smtp", 7, "x y")),
            ("postfix-out/submission/smtpd[7]:\tx y", ("smtpd", 7, "x y")),
            ("h postfix/smtp[7]: [ID 197553 mail.info] x y", ("smtp", 7, "x y")),
            ("<22>1 2026-11-24T08:00:00Z h postfix/smtp 7 - - x y", ("smtp", 7, "x y")),
            ("<22>1 2026-11-24T08:00:00Z h postfix/smtp 7 - [a b=\"1\"] \u{feff}x y", ("smtp", 7, "x y")),
            ("Nov 24 08:00:00 m docker[9]: Nov 24 08:00:00 c postfix/smtp[7]: x y", ("smtp", 7, "x y")),
            (
                "Nov 24 08:00:00 m docker/postfix[9]: Nov 24 08:00:00 c postfix/smtp[7]: x y",
                ("smtp", 7, "x y"),
            ),
            ("Nov 24 08:00:00 m abc[9]: INFO    postfix/smtp[7]: x y", ("smtp", 7, "x y")),
            ("é postfix/smtp[7]: x y", ("smtp", 7, "x y")),
        ] {
            assert_eq!(found(line), Some(expected), "{line}");
        }
    }

    #[test]
    fn a_record_whose_queue_id_was_made_unreadable() {
        let rest = "to=<a@b>, relay=none, delay=1, dsn=4.4.1, status=deferred (x)";
        for (id, expected) in [
            ("4Bd2c1x0z: ", "4Bd2c1x0z: "),
            ("66AA: ", "66AAXXXXXX: "),
            ("********: ", "XXXXXXXXXX: "),
            ("<queue-id>: ", "queueidXXX: "),
            ("", "XXXXXXXXXX: "),
        ] {
            assert_eq!(with_queue_id(&format!("{id}{rest}")), format!("{expected}{rest}"));
        }
        for text in [
            "warning: to=<a> x",
            "A1: to=<a@b>, status=deferred (x)",
            "a sentence of more than thirty letters to=<a@b>, status=x (y)",
        ] {
            assert_eq!(with_queue_id(text), text);
        }
    }

    #[test]
    fn what_is_no_line_of_postfix() {
        for line in [
            "",
            "/usr/libexec/postfix/smtp[7]: x",
            "warning: /usr/libexec/postfix/smtp: bad command startup",
            "warning: connect to transport private/smtp: Connection refused",
            "postfix/smtp",
            "the postfix/smtp line",
            "Nov 24 08:00:00 h dovecot: imap(a): x postfix/smtp[7]: fatal: x",
            "Nov 24 08:00:00 h sshd[1]: Invalid user postfix/smtp[7]: fatal: x",
            "/etc/postfix/main.cf: x",
        ] {
            assert_eq!(found(line), None, "{line}");
        }
    }
}
