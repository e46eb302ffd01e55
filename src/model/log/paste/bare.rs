//! Pieces without the header of a log: a part of a record, a reply, what a program printed on a terminal. A piece counts
//! only if its form is Postfix's own, or if the catalogue of causes knows its words.

use super::part::is_program;
use super::piece::{Piece, attempt, ended, is_known, is_known_exactly, of_reason};
use super::strip::undressed;
use super::{network, reply, shell};
use crate::model::causes::{Basis, Cause};
use crate::model::log::event::{Hop, parse_hop, split_queue_id, unsuspended};
use crate::model::log::line::SEVERITIES;
use crate::model::log::sentences::is_reason;

/// The piece that a line is, or the text within the marks around it.
pub fn read(text: &str) -> Option<Piece> {
    let (text, inner) = (text.trim(), undressed(text));
    if is_pattern(text) {
        return None;
    }
    as_it_is(text).or_else(|| (inner.len() < text.len()).then(|| as_it_is(inner)).flatten())
}

/// Whether a text is a regular expression: a program that looks for the words of Postfix has them, too.
fn is_pattern(text: &str) -> bool {
    [".*", "\\S+", "\\d+", "\\s+", "\\s*", "qr/", "(?:"].iter().any(|mark| text.contains(mark))
}

fn as_it_is(text: &str) -> Option<Piece> {
    if reply::is_relays(text) {
        return reply::read(text);
    }
    record(text)
        .or_else(|| shown(text))
        .or_else(|| shell::read(text))
        .or_else(|| printed(text))
        .or_else(|| reason(text))
        .or_else(|| reply::read(text))
        .or_else(|| of_provider(text))
        .or_else(|| network::read(text))
}

/// The error of Microsoft's identity provider in a text, `AADSTS7000222: WORDS`: whoever fetches a token repeats it, and the relay's
/// refusal after it is a consequence.
fn of_provider(text: &str) -> Option<Piece> {
    const MARK: &str = "AADSTS";
    let words = text.get(text.find(MARK)?..)?;
    let (code, _) = words.strip_prefix(MARK)?.split_once(": ")?;
    let is_code = (5..=7).contains(&code.len()) && code.bytes().all(|c| c.is_ascii_digit());
    (is_code && is_known(&reply::said("relay", words))).then(|| reply::of_reply("relay", words))
}

/// What a line of another program's log says: any words of Postfix in it are what somebody made that program write, and those of
/// the system's programs only their own.
pub fn of_another(text: &str, program: Option<&str>) -> Option<Piece> {
    const OF_SYSTEM: [&str; 9] =
        ["systemd", "kernel", "audispd", "audit", "auditd", "setroubleshoot", "sedispatch", "cron", "crond"];
    let is_of_system = program.is_some_and(|name| OF_SYSTEM.iter().any(|one| name.eq_ignore_ascii_case(one)));
    // A program repeats what a shell told it; or what somebody had it write.
    let missing = || {
        let cause = Cause { basis: Basis::Inferred, ..shell::missing(text)? };
        Some(Piece::Cause(Box::new(cause), text.to_owned()))
    };
    if reply::is_relays(text) {
        return reply::read(text);
    }
    if is_of_system { shell::read(text) } else { missing() }
        .or_else(|| reply::read(text))
        .or_else(|| of_provider(text))
        .or_else(|| network::read(text))
}

/// A record of an attempt, or its end.
fn record(text: &str) -> Option<Piece> {
    if let Some((_, rest)) = split_queue_id(text)
        && rest.starts_with("to=<")
        && rest.contains("status=")
    {
        return Some(Piece::Line(format!("postfix/smtp[0]: {text}")));
    }
    let (head, rest) = text.split_once("status=")?;
    let (status, words) = rest.split_once(" (")?;
    let is_head = head.trim_matches(['.', '…']).is_empty()
        || ["to=<", "relay=", "delay=", "delays=", "dsn=", "orig_to=<", "tls="]
            .iter()
            .any(|name| head.starts_with(name))
        || head.contains(": to=<");
    (is_head && ["deferred", "bounced", "undeliverable", "expired", "SOFTBOUNCE"].contains(&status))
        .then_some(())?;
    let words = words.strip_suffix(')').unwrap_or(words);
    let relay =
        head.split_once("relay=").and_then(|(_, rest)| rest.split([',', ' ']).next()).unwrap_or_default();
    let mut attempt = attempt("", words);
    attempt.relay = parse_hop(relay);
    if !matches!(attempt.relay, Hop::Host { .. }) {
        attempt.relay = Hop::None;
    }
    Some(Piece::Attempt(Box::new(attempt)))
}

/// A line that `diagnose` itself has shown: the example has the words, the rest says nothing.
fn shown(text: &str) -> Option<Piece> {
    if let Some(words) = text.strip_prefix("e.g. ") {
        let words = words
            .split_once(": ")
            .filter(|(head, _)| head.contains(" to "))
            .map_or(words, |(_, words)| words);
        return is_known(words).then(|| of_reason(words));
    }
    let is_rest = text.starts_with("FAIL ") && text.contains(": ") || text.starts_with("-> ");
    is_rest.then_some(Piece::Nothing)
}

/// Words of smtp(8) or qmgr(8), with or without the queue id.
fn reason(text: &str) -> Option<Piece> {
    let (id, words) = split_queue_id(text).map_or((None, text), |(id, rest)| (Some(id), rest));
    let words = unsuspended(words.strip_prefix('(').map_or(words, |words| words.trim_end_matches(')')));
    let is_severe = SEVERITIES.iter().any(|head| words.starts_with(head));
    let begins = is_reason(words);
    let is_own = match words {
        _ if words.starts_with("host ") => {
            [" said: ", " refused to talk to me: "].iter().any(|mark| words.contains(mark))
        }
        _ if words.starts_with("connect to ") => {
            words.contains("]:") || (words.contains('[') && is_known(words))
        }
        _ if words.starts_with("mail for ") => words.contains("loops back to myself"),
        _ => begins && (id.is_some() || words.len() < 600),
    };
    // Some of these beginnings occur in any prose; a name with its address does not.
    let names_host = words.contains("]:") || words.contains("] said: ") || words.contains("] refused ");
    let is_certain = id.is_some() || names_host || words.starts_with("SASL authentication failure: ");
    if begins && is_own && (is_certain || is_known(words)) {
        return Some(of_reason(&ended(words)));
    }
    if names_host && is_known(words) {
        return Some(of_reason(words));
    }
    (is_severe && is_known_exactly(words)).then(|| of_reason(words))
}

/// What a program of Postfix printed: `postmap: fatal: …`. Commands and prompts say nothing.
fn printed(text: &str) -> Option<Piece> {
    let whole = text;
    // `# ` is a prompt, and the mark of a heading, too.
    if let Some(heading) = text.strip_prefix("# ") {
        return Some(reply::read(heading).unwrap_or(Piece::Nothing));
    }
    if ["$ ", "[root@", "root@", "```", "-- ", "=== Trying ", "=== Connected to "]
        .iter()
        .any(|head| text.starts_with(head))
    {
        return Some(Piece::Nothing);
    }
    if let Some(words) = text.strip_prefix("/etc/postfix/") {
        // postconf(1) and postfix(1), without the name of the program.
        let warning = format!("warning: /etc/postfix/{words}");
        return is_known_exactly(&warning).then(|| of_reason(&warning));
    }
    // A prompt for a password has no end of line. Behind any other words the rest may be a stranger's.
    let (prompt, rest) =
        text.split_once("assword").and_then(|(_, rest)| rest.split_once(':')).unwrap_or(("", text));
    let text = if prompt.is_empty() || prompt.starts_with(" for ") { rest.trim_start() } else { text };
    let (name, words) = text.split_once(": ")?;
    let name = name.strip_prefix("/usr/sbin/").unwrap_or(name);
    let (of_postfix, name) = name.strip_prefix("postfix/").map_or((false, name), |name| (true, name));
    let name = if name == "send-mail" { "sendmail" } else { name };
    let name = name.split('[').next().unwrap_or(name);
    // Names of daemons (`local`, `error`, `bounce`) are common words.
    let is_command =
        ["sendmail", "newaliases", "mailq"].contains(&name) || name.starts_with("post") && is_program(name);
    if !(is_command || of_postfix && is_program(name)) {
        return None;
    }
    let words = words.strip_prefix("/usr/sbin/postconf: ").unwrap_or(words);
    let is_trouble = SEVERITIES.iter().any(|head| words.starts_with(head));
    let is_end = words.starts_with("fatal: ") || words.starts_with("panic: ");
    // postfix(1) says so after the program that failed has said why.
    let is_sequel = words.ends_with("mail system startup failed") || words.contains("usage: ");
    let line = || Some(Piece::Line(format!("postfix/{name}[0]: {words}")));
    match words {
        _ if is_end && !is_sequel => Some(of_reason(words)),
        _ if is_trouble && is_known(words) => Some(of_reason(words)),
        _ if is_trouble => line(),
        // Other programs have the name sendmail, too.
        _ => reply::read(words).or_else(|| network::read(whole)).or_else(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_and_replies() {
        for (text, expected) in [
            (
                "535 5.7.139 Authentication unsuccessful",
                "SASL authentication failed; server relay said: 535 5.7.139 Authentication unsuccessful",
            ),
            ("<<< 550 5.1.1 no such user", "host relay said: 550 5.1.1 no such user"),
            ("Remote server returned '550 5.7.60 SMTP; x'", "host relay said: 550 5.7.60 SMTP; x"),
            ("u@x #550 5.7.60 SMTP; x ##rfc822;y", "host relay said: 550 5.7.60 SMTP; x"),
            (
                "status=deferred (connect to r[192.0.2.1]:587: Connection refused)",
                "connect to r[192.0.2.1]:587: Connection refused",
            ),
            ("to=<a@b>, relay=none, dsn=4.4.1, status=bounced (x (y))", "x (y)"),
            (
                "4Bd2c1x0z: connect to r[192.0.2.1]:587: Connection refused",
                "connect to r[192.0.2.1]:587: Connection refused",
            ),
            (
                "postmap: fatal: open /etc/postfix/x: No such file or directory",
                "fatal: open /etc/postfix/x: No such file or directory",
            ),
            ("postfix/postmap: fatal: x", "fatal: x"),
            ("Password: postmap: fatal: x", "fatal: x"),
            ("[sudo] password for a: sendmail: fatal: x", "fatal: x"),
            (
                "(delivery temporarily suspended: connect to r[192.0.2.1]:587: Connection refused)",
                "connect to r[192.0.2.1]:587: Connection refused",
            ),
        ] {
            assert_eq!(read(text).and_then(Piece::reason).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_piece() {
        for text in [
            "",
            "404 Not Found",
            "450 files changed",
            "535 files changed",
            "550",
            "535-",
            "é50 5.7.1 x",
            "550 4.7.1",
            "error: cannot find crate",
            "fatal: not a git repository",
            "warning: unused variable",
            "connect to the relay",
            "host names are long",
            "mail for ops goes there",
            "status=deferred",
            "the reply was 550 5.7.1 in 2020",
            "relay: fatal: x",
            "`535 5.7.8 Authentication failed` | this is not a key | make one",
            "535 5.7.8 Authentication failed | this is not a key",
            r"next if $l=~/\(host \S+ refused to talk to me: 421 .*\)$/;",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
