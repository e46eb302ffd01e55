//! What the exception of a program says that was to send mail, where the line has nothing else: `ConnectionRefusedError:
//! [Errno 111] Connection refused`, in the words in which smtp(8) would say it.

use super::network::{is_of_mail, not_heard_here, repeats_a_relay};
use super::piece::{Piece, of_program};
use super::strip::undressed;
use crate::model::causes::catalogue::entry;
use crate::model::causes::{Basis, Cause};
use crate::model::log::event::parse_hop;
use crate::model::log::head::{is_host, is_level};
use crate::model::route::nexthop::is_loopback;

/// Most bytes of a line: longer ones are no exception's.
pub const MOST: usize = 600;

/// Host and port of mail.
pub type Place = (String, u16);

/// Whole texts of exceptions (errno(3), Python's socket, ssl and smtplib, Java's java.net, Ruby's net/smtp, Perl's
/// IO::Socket), and Postfix's words for the same. `{}` is host and port, as Postfix writes them.
const TEXTS: [(&str, &str); 39] = [
    ("connection refused", REFUSED),
    ("connection timed out", NO_ANSWER),
    ("connection timeout", NO_ANSWER),
    ("operation timed out", NO_ANSWER),
    ("connect timed out", NO_ANSWER),
    ("timed out", NO_ANSWER),
    ("timeout", NO_ANSWER),
    ("execution expired", NO_ANSWER),
    ("i/o timeout", NO_ANSWER),
    ("greeting never received", SILENT),
    ("read timed out", SILENT),
    ("the read operation timed out", SILENT),
    ("the handshake operation timed out", SILENT),
    ("connection unexpectedly closed: timed out", SILENT),
    ("connection unexpectedly closed: the read operation timed out", SILENT),
    ("connection unexpectedly closed", LOST),
    ("connection reset by peer", LOST),
    ("connection reset", LOST),
    ("connection aborted", LOST),
    ("end of file reached", LOST),
    ("unexpected eof on command channel", LOST),
    ("create smtp client: eof", LOST),
    ("net_io_connectionclosed", LOST),
    ("broken pipe", LOST),
    ("no route to host", "connect to {}: No route to host"),
    ("host is unreachable", "connect to {}: No route to host"),
    ("network is unreachable", "connect to {}: Network is unreachable"),
    ("name or service not known", NO_NAME),
    ("nodename nor servname provided, or not known", NO_NAME),
    ("name does not resolve", NO_NAME),
    ("getaddrinfo failed", NO_NAME),
    ("no such host is known", NO_NAME),
    ("unknown host", NO_NAME),
    ("no address associated with hostname", NO_NAME),
    ("no address associated with name", NO_NAME),
    ("temporary failure in name resolution", "unable to look up host {host}: Try again"),
    ("starttls extension not supported by server", NO_TLS),
    ("starttls not supported", NO_TLS),
    ("starttls is required but host did not advertise support", NO_TLS),
];
const REFUSED: &str = "connect to {}: Connection refused";
const NO_ANSWER: &str = "connect to {}: Connection timed out";
const SILENT: &str = "conversation with {} timed out while receiving the initial server greeting";
const LOST: &str = "lost connection with {} while receiving the initial server greeting";
const NO_NAME: &str =
    "Host or domain name not found. Name service error for name={host} type=A: Host not found";
const NO_TLS: &str = "TLS is required, but was not offered by host {}";

/// Classes of exceptions that say the same by their name alone.
const CLASSES: [(&str, &str); 14] = [
    ("ConnectionRefusedError", REFUSED),
    ("ECONNREFUSED", REFUSED),
    ("TimeoutError", NO_ANSWER),
    ("OpenTimeout", NO_ANSWER),
    ("SocketTimeoutException", NO_ANSWER),
    ("ETIMEDOUT", NO_ANSWER),
    ("ReadTimeout", SILENT),
    ("SMTPServerDisconnected", LOST),
    ("ConnectionResetError", LOST),
    ("ECONNRESET", LOST),
    ("gaierror", NO_NAME),
    ("UnknownHostException", NO_NAME),
    // openssl's s_client: `connect:errno=111`
    ("errno=111", REFUSED),
    ("errno=110", NO_ANSWER),
];

/// Texts of exceptions where the relay offers no login that the program can do, perhaps for want of TLS.
const NO_LOGIN: [&str; 3] = [
    "smtp auth extension not supported by server",
    "no suitable authentication method found",
    "unencrypted connection",
];

/// What an exception says of a connection to this place.
pub fn read(text: &str, place: Option<&Place>) -> Option<Piece> {
    if let Some(place) = hung_up(text) {
        return Some(of_words(LOST, "relay", Some(&place)));
    }
    readings(text).find_map(|(class, words)| {
        let words = without_end(words).to_ascii_lowercase();
        let is_name_alone = last_part(&words) == class.to_ascii_lowercase();
        if NO_LOGIN.contains(&words.as_str()) {
            return Some(Piece::Cause(Box::new(not_offered()?), text.trim().to_owned()));
        }
        let said = match TEXTS.iter().find(|(text, _)| *text == words) {
            _ if is_name_alone => CLASSES.iter().find(|(name, _)| *name == class)?.1,
            Some((_, said)) => said,
            // Java names the host, and nothing else.
            None if class == "UnknownHostException" && is_host(&words) => {
                return Some(of_words(NO_NAME, &words, place));
            }
            None => return None,
        };
        Some(of_words(said, "relay", place))
    })
}

/// Host and port of a relay that hung up before it greeted, as JavaMail says it (its SMTPTransport.java): -1 in place of a
/// reply's number.
fn hung_up(text: &str) -> Option<Place> {
    let (_, rest) = text.split_once("Could not connect to SMTP host: ")?;
    let (host, rest) = rest.split_once(", port: ")?;
    let port = rest.strip_suffix(", response: -1")?.parse().ok()?;
    is_host(host).then(|| (host.to_owned(), port))
}

/// The catalogue's cause for a relay that does not offer a login: no words of the relay's are there.
fn not_offered() -> Option<Cause> {
    let entry = entry("login-not-offered")?;
    Some(Cause {
        id: entry.id.clone(),
        basis: Basis::Inferred,
        fix: entry.fix,
        cause: entry.cause.clone(),
        remedy: entry.remedy.as_str().into(),
        ..Cause::unknown(entry.stage, entry.verdict)
    })
}

/// The class and the text of an exception, as far as the line has nothing else; and the end of a line that is about mail.
/// None if the words are the relay's: it says what it likes.
pub fn readings(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let own = Some(text).filter(|text| text.len() <= MOST && !repeats_a_relay(text));
    let mail = own.filter(|text| is_of_mail(text)).map(in_field);
    let end = mail.and_then(|text| text.rsplit_once(": ")).map(|(_, words)| ("", words));
    // Go's EOF says nothing without the words before it.
    let step = mail
        .and_then(|text| text.find("create SMTP client: ").and_then(|at| text.get(at..)))
        .map(|words| ("", words));
    own.map(core).into_iter().chain(step).chain(end)
}

/// The attempt that failed in these words of Postfix's.
fn of_words(said: &str, host: &str, place: Option<&Place>) -> Piece {
    let (host, port) = place.map_or((host, None), |(host, port)| (host.as_str(), Some(*port)));
    let place = port.map_or_else(|| format!("{host}[{host}]"), |port| format!("{host}[{host}]:{port}"));
    let words = match said.strip_prefix("connect to {}: ") {
        Some(end) if is_loopback(host) => not_heard_here(host, port, end),
        _ => said.replace("{}", &place).replace("{host}", host),
    };
    let mut piece = of_program(&words);
    if let Piece::Attempt(attempt) = &mut piece
        && port.is_some()
    {
        attempt.relay = parse_hop(&place);
    }
    piece
}

/// The class of an exception, without the names before it, and its text.
fn core(text: &str) -> (&str, &str) {
    let text = text.trim_start_matches(['*', '!', '#', ' ', '\t']);
    let mut words = undressed(in_field(text));
    let mut class = "";
    loop {
        words = words.trim_start();
        let bracket = words.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        if let Some((inner, rest)) = bracket
            && (inner.contains("Errno") || inner.contains("WinError") || is_level(inner))
        {
            words = rest;
            continue;
        }
        if let Some((_, rest)) = words.split_once(' ').filter(|(word, _)| is_level_of_log(word)) {
            words = rest;
            continue;
        }
        let Some((head, rest)) = words.split_once(": ").filter(|(head, _)| is_name(head)) else { break };
        (class, words) = (last_part(head), rest);
    }
    if class.is_empty() && !words.contains(' ') {
        class = last_part(without_end(words));
    }
    (class, words)
}

/// Whether a word is a level in capitals: `Error connecting` is the beginning of a sentence.
fn is_level_of_log(word: &str) -> bool {
    is_level(word) && word.bytes().all(|c| c.is_ascii_uppercase())
}

/// Whether a word before a colon is the name of an exception, of what raised it, or of what a program was doing.
fn is_name(head: &str) -> bool {
    let is_word = |word: &str| word.bytes().all(|c| c.is_ascii_alphanumeric() || b"_.:$-".contains(&c));
    let head = head.trim_end();
    let is_told =
        ["connect", "getaddrinfo", "Mailer Error", "SMTP Error", "SMTP ERROR", "Caused by"].contains(&head);
    let head = head.trim_start_matches("Caused by: ");
    is_told || is_word(head) && (head.contains(['.', ':']) || head.bytes().any(|c| c.is_ascii_uppercase()))
}

/// The last part of a name: `gaierror` of `socket.gaierror`, `ECONNREFUSED` of `Errno::ECONNREFUSED`.
fn last_part(name: &str) -> &str {
    name.rsplit(['.', ':', '$']).next().unwrap_or(name)
}

/// A text without what may follow a sentence: a number or the same words again in parentheses, a place in a program of
/// Perl's, a full stop.
pub fn without_end(text: &str) -> &str {
    let place = text.rsplit_once(" at ").filter(|(_, place)| place.contains(" line "));
    let text = place.map_or(text, |(text, _)| text);
    let text = text.trim_end_matches(['.', '!', ' ']);
    let shorter = text.strip_suffix(')').and_then(|text| text.rsplit_once(" (")).map(|(text, _)| text);
    shorter.unwrap_or(text).trim_end_matches(['.', '!', ' '])
}

/// The text of the field of a structured log that has the error.
fn in_field(text: &str) -> &str {
    let field = [" error=\"", " err=\""].iter().find_map(|name| text.split_once(name));
    field.and_then(|(_, rest)| rest.split_once('"')).map_or(text, |(inner, _)| inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(text: &str) -> Option<String> {
        read(text, None).and_then(Piece::reason)
    }

    #[test]
    fn an_exception_alone() {
        for (text, expected) in [
            (
                "ConnectionRefusedError: [Errno 111] Connection refused",
                "connect to relay[relay]: Connection refused",
            ),
            ("ConnectionRefusedError", "connect to relay[relay]: Connection refused"),
            ("TimeoutError: timed out", "connect to relay[relay]: Connection timed out"),
            ("socket.timeout: timed out", "connect to relay[relay]: Connection timed out"),
            (
                "java.net.ConnectException: Connection refused (Connection refused)",
                "connect to relay[relay]: Connection refused",
            ),
            (
                "Caused by: java.net.SocketTimeoutException: connect timed out",
                "connect to relay[relay]: Connection timed out",
            ),
            (
                "*** \tIO::Socket::INET6: connect: Connection refused",
                "connect to relay[relay]: Connection refused",
            ),
            (
                "java.net.UnknownHostException: smtp.example.com",
                "Host or domain name not found. Name service error for name=smtp.example.com type=A: Host not found",
            ),
            (
                "socket.gaierror: [Errno -3] Temporary failure in name resolution",
                "unable to look up host relay: Try again",
            ),
            (
                "smtplib.SMTPNotSupportedError: STARTTLS extension not supported by server.",
                "TLS is required, but was not offered by host relay[relay]",
            ),
        ] {
            assert_eq!(reason(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_exception() {
        for text in [
            "",
            ": ",
            "except ConnectionRefusedError:",
            "the connection timed out",
            "sshd: Connection refused",
            "ConnectionRefusedError: to the database",
            "raise TimeoutError",
            "Timeout",
            "RuntimeError: it is broken",
            "250-mail.example.net: Connection refused",
            "smtp server replied: timed out",
        ] {
            assert_eq!(reason(text), None, "{text}");
        }
    }
}
