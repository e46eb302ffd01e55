//! Pieces without the header of a log: a part of a record, a reply, what a program printed on a terminal. A piece counts
//! only if its form is Postfix's own, or if the catalogue of causes knows its words.

use super::part::is_program;
use super::piece::{Piece, attempt};
use super::shell;
use super::strip::undressed;
use crate::model::causes::catalogue::fitting;
use crate::model::log::event::{Hop, parse_hop, split_queue_id};
use crate::model::log::line::SEVERITIES;
use crate::model::log::sentences::{is_reason, verdict_after};
use crate::model::text::clipped;

/// Texts after which a reply stands in a sentence.
const BEFORE_REPLY: [&str; 8] = [": ", " returned '", " returned ", "smtp; ", "SMTP; ", " (", ": (", "#"];
/// Codes of replies that refuse (RFC 5321 §4.2.3, RFC 4954 §6, RFC 7504).
const CODES: [u16; 28] = [
    421, 431, 432, 450, 451, 452, 454, 455, 458, 471, 500, 501, 502, 503, 504, 521, 523, 530, 534, 535, 538,
    550, 551, 552, 553, 554, 555, 556,
];

fn of_reason(words: &str) -> Piece {
    Piece::Attempt(Box::new(attempt("", words.trim())))
}

/// The words of smtp(8) about a reply: it says by them whether the login was refused (smtp_sasl_glue.c).
pub fn said(host: &str, reply: &str) -> String {
    let begins = |codes: &[&str]| codes.iter().any(|code| reply.starts_with(code));
    // A relay that wants a login says `authentication` too, and `first`.
    let is_of_auth = begins(&["502", "503", "504"]) && reply.to_ascii_lowercase().contains("auth");
    let is_of_login = begins(&["432", "534", "535", "538"]) || is_of_auth && !reply.contains(" first");
    let before = if is_of_login { "SASL authentication failed; server" } else { "host" };
    format!("{before} {host} said: {reply}")
}

/// A reply, as smtp(8) would repeat it: then its words count as a stranger's.
pub fn of_reply(host: &str, reply: &str) -> Piece {
    of_reason(&said(host, reply.trim()))
}

/// Whether the catalogue knows these words.
pub fn is_known(words: &str) -> bool {
    fitting(&[words]).next().is_some()
}

/// The piece that a line is, or the text within the marks around it.
pub fn read(text: &str) -> Option<Piece> {
    let (text, inner) = (text.trim(), undressed(text));
    as_it_is(text).or_else(|| (inner.len() < text.len()).then(|| as_it_is(inner)).flatten())
}

fn as_it_is(text: &str) -> Option<Piece> {
    record(text)
        .or_else(|| shown(text))
        .or_else(|| shell::read(text))
        .or_else(|| printed(text))
        .or_else(|| reason(text))
        .or_else(|| reply(text))
        .or_else(|| within(text))
        .or_else(|| of_openssl(text))
}

/// An error of OpenSSL, as any program shows it, in the words in which Postfix would.
fn of_openssl(text: &str) -> Option<Piece> {
    let error = if let Some(at) = text.find(":SSL routines:") {
        let begin = text.get(..at)?.rfind("error:")?;
        text.get(begin..)?.to_owned()
    } else {
        // Python's ssl: `[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1129)`
        let (_, words) = text.split_once("[SSL: ")?.1.split_once("] ")?;
        format!("error:00000000:SSL routines::{words}")
    };
    let words = match error.split_once("certificate verify failed: ") {
        Some((_, why)) => ended(&format!("certificate verification failed for relay: {why}")),
        None => format!("warning: TLS library problem: {error}"),
    };
    is_known_exactly(&words).then(|| of_reason(&words))
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
    let is_head = head.is_empty()
        || ["to=<", "relay=", "delay=", "delays=", "dsn=", "orig_to=<", "tls="]
            .iter()
            .any(|name| head.starts_with(name))
        || head.contains(": to=<");
    (is_head && ["deferred", "bounced", "undeliverable", "expired"].contains(&status)).then_some(())?;
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
    let words = words.strip_prefix('(').map_or(words, |words| words.trim_end_matches(')'));
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

/// The reason with which an attempt ends after these words.
fn ended(words: &str) -> String {
    verdict_after(words).map_or_else(|| words.to_owned(), |end| format!("{end}: {words}"))
}

/// Whether the catalogue knows these words by more than their severity, which any program writes.
pub fn is_known_exactly(words: &str) -> bool {
    let ids = |words| fitting(&[words]).map(|entry| entry.id.as_str()).next();
    let general = SEVERITIES.map(ids);
    ids(words).is_some_and(|id| !general.contains(&Some(id)))
}

/// What a program of Postfix printed: `postmap: fatal: …`. Commands and prompts say nothing.
fn printed(text: &str) -> Option<Piece> {
    if ["# ", "$ ", "[root@", "root@", "```", "-- "].iter().any(|head| text.starts_with(head)) {
        return Some(Piece::Nothing);
    }
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
    match words {
        _ if is_end && !is_sequel => Some(of_reason(words)),
        _ if is_trouble && is_known(words) => Some(of_reason(words)),
        _ => Some(Piece::Line(format!("postfix/{name}[0]: {words}"))),
    }
}

/// A reply that stands alone, perhaps in quotes, or as a transcript shows it.
fn reply(text: &str) -> Option<Piece> {
    let text = text.trim_start_matches(['<', '-', '~', '*', ' ']);
    let text = text.strip_prefix("S: ").unwrap_or(text);
    let quote = text.chars().next().filter(|c| "'\"`".contains(*c));
    let text = match quote {
        Some(quote) => text.strip_prefix(quote)?.strip_suffix(quote)?,
        None => text,
    };
    // A table of replies explains them, and is no evidence of one.
    (is_reply(text) && !text.contains(" | ")).then(|| of_reply("relay", text))
}

/// Whether a text begins with a reply that refuses: a code, and a text or an enhanced code that fits.
pub fn is_reply(text: &str) -> bool {
    let Some((code, rest)) = text.split_at_checked(3) else { return false };
    let Ok(number) = code.parse::<u16>() else { return false };
    let Some(rest) = rest.strip_prefix([' ', '-']) else { return false };
    if !CODES.contains(&number) {
        return false;
    }
    // A number may stand before any words, so they are looked up without the code; of few codes it is certain.
    let lower = rest.to_ascii_lowercase();
    let known = match number {
        534 | 535 | 538 => {
            ["auth", "login", "password", "credential", "user"].iter().any(|word| lower.contains(word))
        }
        502..=504 if lower.contains("auth") => true,
        421 | 454 | 530 => is_known(&said("relay", text)),
        _ => is_known(&said("relay", &format!("599 {rest}"))),
    };
    is_enhanced(rest, code) || known
}

/// Whether a text begins with an enhanced code of this class (RFC 3463).
fn is_enhanced(text: &str, code: &str) -> bool {
    let mut parts = text.split([' ', ',', ';']).next().unwrap_or_default().splitn(3, '.');
    let is_number = |part: Option<&str>| {
        part.is_some_and(|part| (1..=3).contains(&part.len()) && part.bytes().all(|c| c.is_ascii_digit()))
    };
    parts.next().is_some_and(|class| code.starts_with(class) && class.len() == 1)
        && is_number(parts.next())
        && is_number(parts.next())
}

/// The bytes after words that announce a reply in which it begins. A line may have those words a thousand times, and
/// whoever writes it is not to choose how long each is looked at.
const NEAR: usize = 100;

/// A reply within a sentence, after words that announce one.
fn within(text: &str) -> Option<Piece> {
    let found = BEFORE_REPLY.iter().flat_map(|mark| text.match_indices(mark)).filter_map(|(at, mark)| {
        let near = clipped(text.get(at + mark.len()..)?, NEAR);
        let begin = near.trim_start_matches(['\'', '"', '(', 'b', ' ']);
        let is_here = is_reply(begin) || of_python(begin).is_some_and(|reply| is_reply(&reply));
        is_here.then_some(at + mark.len() + near.len() - begin.len())
    });
    let rest = text.get(found.min()?..)?;
    let reply = of_python(rest).unwrap_or_else(|| rest.to_owned());
    let reply = reply.split("##").next().unwrap_or(&reply);
    Some(of_reply("relay", reply.trim_end_matches(['\'', '"', ')', '}'])))
}

/// The reply in an exception of Python's smtplib: `535, b'5.7.8 TEXT'`.
fn of_python(text: &str) -> Option<String> {
    let (code, rest) = text.split_once(", ")?;
    let rest = rest.strip_prefix('b').unwrap_or(rest);
    let words = rest.strip_prefix('\'').or_else(|| rest.strip_prefix('"'))?;
    (code.len() == 3).then(|| format!("{code} {words}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A look at the whole rest for each mark would take minutes here.
    #[test]
    fn a_reply_is_found_behind_any_number_of_marks() {
        for mark in [" (", "returned '", ": b'", " said: "] {
            let text = format!("{}550 5.1.1 no such user", mark.repeat(64 * 1024 / mark.len()));
            assert!(within(&text).is_none_or(|piece| matches!(piece, Piece::Attempt(_))));
            assert!(within(&mark.repeat(64 * 1024 / mark.len())).is_none());
        }
        let text = format!("{} said: 550 5.1.1 no such user", "x ( ".repeat(10_000));
        assert_eq!(
            read(&text).and_then(Piece::reason).as_deref(),
            Some("host relay said: 550 5.1.1 no such user")
        );
    }

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
            (
                "Error: 14:error:1408F10B:SSL routines:ssl3_get_record:wrong version number:x.c:332:",
                "warning: TLS library problem: error:1408F10B:SSL routines:ssl3_get_record:wrong version number:x.c:332:",
            ),
            (
                "ssl.SSLError: [SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1129)",
                "warning: TLS library problem: error:00000000:SSL routines::wrong version number (_ssl.c:1129)",
            ),
            (
                "ssl.SSLCertVerificationError: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate (_ssl.c:1129)",
                "Server certificate not trusted: certificate verification failed for relay: self-signed certificate (_ssl.c:1129)",
            ),
            (
                "telnet: connect to address 192.0.2.1: Connection timed out",
                "connect to 192.0.2.1: Connection timed out",
            ),
            (
                "nc: connect to r.example.com port 25 (tcp) failed: Connection refused",
                "connect to r.example.com[r.example.com]:25: Connection refused",
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
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
