//! Replies of a relay, as people and programs repeat them: alone, in a sentence, in an exception, in the fields of a library.

use super::piece::{Piece, is_known, of_reason};
use crate::model::causes::catalogue::fitting;
use crate::model::log::stamp::Calendar;
use crate::model::text::clipped;

/// Codes of replies that refuse (RFC 5321 §4.2.3, RFC 4954 §6, RFC 7504).
const CODES: [u16; 28] = [
    421, 431, 432, 450, 451, 452, 454, 455, 458, 471, 500, 501, 502, 503, 504, 521, 523, 530, 534, 535, 538,
    550, 551, 552, 553, 554, 555, 556,
];
/// The code that is put before a reply of which a program shows the enhanced code alone: the first with which the catalogue
/// knows the words.
const LOST: [u16; 4] = [550, 530, 450, 454];
/// Marks after which a reply begins within a text.
const MARKS: &str = ":;,=#\"'`“«(<>[{";
/// Words after which a program repeats a reply without its code.
const ANNOUNCED: [&str; 7] = [
    "erver response was: ",
    "erver replied: ",
    "erver said: ",
    // the interface of Amazon SES, in Python, Java and Node
    "calling the SendEmail operation: ",
    "calling the SendRawEmail operation: ",
    "MessageRejected: ",
    "MessageRejectedException: ",
];
/// Names of the field that has the words, where a program has shown the code in another.
const FIELDS: [&str; 6] = ["response", "message", "with message", "msg", "smtpmsg", "text"];
/// The bytes of a reply within a text that are looked at. A line may have those marks a thousand times, and whoever writes
/// it is not to choose how long each is looked at.
const NEAR: usize = 200;

/// The words of smtp(8) about a reply: it says by them whether the login was refused (smtp_sasl_glue.c).
pub fn said(host: &str, reply: &str) -> String {
    let begins = |codes: &[&str]| codes.iter().any(|code| reply.starts_with(code));
    // A relay that wants a login says `authentication` too, and `first`.
    let is_of_auth = begins(&["502", "503", "504"]) && reply.to_ascii_lowercase().contains("auth");
    // 432 4.7.12: a password that is to be changed (RFC 4954 §6); Exchange says 432 of threads, too.
    let is_of_login = begins(&["534", "535", "538", "432 4.7.12"]) || is_of_auth && !reply.contains(" first");
    let before = if is_of_login { "SASL authentication failed; server" } else { "host" };
    format!("{before} {host} said: {reply}")
}

/// A reply, as smtp(8) would repeat it: then its words count as a stranger's.
pub fn of_reply(host: &str, reply: &str) -> Piece {
    of_reason(&said(host, reply.trim()))
}

/// The reply that a text is, or has in it.
pub fn read(text: &str) -> Option<Piece> {
    alone(text).or_else(|| within(text)).or_else(|| announced(text)).or_else(|| numbered(text))
}

/// The number of a reply without its words, after the command that it refuses: `MAIL failed: 553` (curl's lib/smtp.c), in the
/// words in which smtp(8) would say so.
fn numbered(text: &str) -> Option<Piece> {
    const COMMANDS: [(&str, &str); 4] = [
        ("MAIL failed: ", "(in reply to MAIL FROM command)"),
        ("RCPT failed: ", "(in reply to RCPT TO command)"),
        ("DATA failed: ", "(in reply to end of DATA command)"),
        ("Access denied: ", "(in reply to AUTH command)"),
    ];
    COMMANDS.iter().find_map(|(words, end)| {
        let (before, rest) = text.split_once(words)?;
        let number =
            rest.get(..3).filter(|number| number.parse().is_ok_and(|number| CODES.contains(&number)))?;
        let is_whole = rest.len() == 3 || rest.get(3..).is_some_and(|rest| rest.starts_with(" ("));
        let is_begin = before.is_empty() || before.ends_with([' ', ':', '"']);
        let is_login = *words != "Access denied: " || is_login_code(number);
        (is_whole && is_begin && is_login).then(|| of_reply("relay", &format!("{number} {end}")))
    })
}

/// Whether a code is one with which a login is refused, and nothing else (RFC 4954 §6).
fn is_login_code(code: &str) -> bool {
    ["534", "535", "538"].contains(&code)
}

/// A reply that stands alone, perhaps in quotes, or as a transcript shows it.
fn alone(text: &str) -> Option<Piece> {
    let text = text.trim_start_matches(['<', '-', '~', '*', ' ']);
    let text = text.strip_prefix("S: ").unwrap_or(text);
    let quote = text.chars().next().filter(|c| "'\"`".contains(*c));
    let text = match quote {
        Some(quote) => text.strip_prefix(quote)?.strip_suffix(quote)?,
        None => text,
    };
    // A table of replies explains them, and is no evidence of one.
    if text.contains(" | ") {
        return None;
    }
    if is_reply(text) {
        return Some(of_reply("relay", text));
    }
    with_lost_code(text).map(|reply| of_reply("relay", &reply))
}

/// Whether a text begins with a reply of any kind, as it is or in a transcript: all that follows are a relay's words, whatever they
/// look like. A number before a line of a log is the line's.
pub fn is_relays(text: &str) -> bool {
    let bare = text.trim_start_matches(|c: char| " <>-~*=|'\"`(".contains(c));
    let bare = bare.strip_prefix("S: ").unwrap_or(bare);
    let (code, rest) = bare.split_at_checked(3).unwrap_or_default();
    let is_number = || {
        let line = rest.trim_start_matches([' ', '-', ',']);
        text.trim_start().starts_with(code) && Calendar::utc(i64::from(u32::MAX)).read_any(line).is_some()
    };
    is_code(code) && rest.starts_with([' ', '-', ',']) && !is_number()
}

/// Whether a text is the code of a reply (RFC 5321 §4.2.1).
pub fn is_code(text: &str) -> bool {
    text.len() == 3
        && text.bytes().all(|byte| byte.is_ascii_digit())
        && text.starts_with(['2', '3', '4', '5'])
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
    enhanced(rest).is_some_and(|class| code.starts_with(class)) || known
}

/// The class of the enhanced code with which a text begins (RFC 3463).
fn enhanced(text: &str) -> Option<&str> {
    let mut parts = text.split([' ', ',', ';']).next()?.splitn(3, '.');
    let is_number = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|c| c.is_ascii_digit());
    let class = parts.next().filter(|class| ["4", "5"].contains(class))?;
    (is_number(parts.next()?) && is_number(parts.next()?)).then_some(class)
}

/// A reply whose code is lost, `5.7.3 Authentication unsuccessful`, with a code under which the catalogue knows the words.
fn with_lost_code(text: &str) -> Option<String> {
    let class = enhanced(text)?;
    if is_of_login(clipped(text, NEAR)) {
        return Some(format!("{class}3{} {text}", if class == "5" { "5" } else { "2" }));
    }
    let codes = LOST.iter().map(|code| format!("{code} {text}")).filter(|reply| reply.starts_with(class));
    codes.into_iter().find(|reply| is_told_by_words(clipped(reply, NEAR)))
}

/// Whether words are those of a login that was refused.
fn is_of_login(words: &str) -> bool {
    let lower = words.to_ascii_lowercase();
    lower.contains("authenticat") && ["unsuccess", "fail", "invalid"].iter().any(|word| lower.contains(word))
}

/// Whether the catalogue knows a reply by its words, and not by its codes, which may be any numbers.
fn is_told_by_words(reply: &str) -> bool {
    let id = |reply: &str| fitting(&[said("relay", reply).as_str()]).map(|entry| entry.id.as_str()).next();
    let codes: Vec<&str> =
        reply.split(' ').take_while(|word| word.starts_with(|c: char| c.is_ascii_digit())).collect();
    id(reply).is_some_and(|told| id(&format!("{} x", codes.join(" "))) != Some(told))
}

/// A reply without any code, after words that announce one.
fn announced(text: &str) -> Option<Piece> {
    let rest = ANNOUNCED.iter().find_map(|words| text.split_once(words))?.1;
    let reply = format!("554 {}", rest.trim_start_matches(['\'', '"']));
    is_known(&said("relay", clipped(&reply, NEAR))).then(|| of_reply("relay", &reply))
}

/// A reply within a text, after a mark that announces one.
fn within(text: &str) -> Option<Piece> {
    let marked =
        text.match_indices(['4', '5']).filter_map(|(at, _)| Some((at, mark_before(text.get(..at)?)?)));
    let (reply, mark) = marked.into_iter().find_map(|(at, mark)| {
        let rest = text.get(at..)?;
        let near = clipped(rest, NEAR);
        let reply = if is_reply(near) {
            Some(rest.to_owned())
        } else {
            in_fields(near).and_then(|_| in_fields(rest))
        };
        Some((reply?, mark))
    })?;
    // A table of replies explains them.
    if mark == '`' && reply.contains("` | ") {
        return None;
    }
    let reply = match mark {
        '"' => reply.split(['"', '\\']).next().unwrap_or(&reply),
        _ => reply.split("##").next().unwrap_or(&reply),
    };
    Some(of_reply("relay", reply.trim_end_matches(['\'', '"', ')', '}', '`'])))
}

/// Whether a text goes on with the argument of a function: what is there is code, and no evidence.
pub fn is_argument(before: &str) -> bool {
    let call = before.strip_suffix("(\"").or_else(|| before.strip_suffix("('"));
    call.is_some_and(|call| call.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_'))
}

/// The mark or the word before a place in a text after which a reply may begin.
fn mark_before(before: &str) -> Option<char> {
    let before = before.strip_suffix(' ').unwrap_or(before);
    let last = before.chars().next_back()?;
    if is_argument(before) {
        return None;
    }
    (MARKS.contains(last) || before.ends_with(" returned")).then_some(last)
}

/// A reply whose code and words a program shows apart: `535, b'5.7.8 TEXT'` (Python's smtplib), `535, response: TEXT` (PEAR),
/// `535): TEXT` (Roundcube), `535 message="TEXT"`; or its enhanced code alone.
fn in_fields(text: &str) -> Option<String> {
    let Some((code, rest)) = text.split_at_checked(3).filter(|(code, _)| code.parse::<u16>().is_ok()) else {
        return with_lost_code(text);
    };
    let rest = rest.trim_start_matches([')', ']', '"', '\'', ',', ':', ';', ' ']);
    let field = FIELDS.iter().find_map(|name| rest.strip_prefix(name));
    let words = field.map_or(rest, |rest| rest.trim_start_matches(['"', '\'', ':', '=', ' ']));
    let words = words.strip_prefix("b'").or_else(|| words.strip_prefix("b\"")).unwrap_or(words);
    let is_quoted = text.get(3..).is_some_and(|rest| rest.starts_with(", '") || rest.starts_with(", b"));
    let words = words.trim_start_matches(['"', '\'']);
    let words = words.strip_prefix(code).map_or(words, |rest| rest.trim_start_matches([' ', '-']));
    let reply = format!("{code} {words}");
    let near = clipped(&reply, NEAR);
    // Two numbers are no reply, unless a field or a quotation mark says what they are.
    let is_named = field.is_some() || is_quoted || enhanced(words).is_none();
    let is_login = field.is_some() && is_login_code(code) && !words.is_empty();
    // Python shows a reply, and little else, as a number and bytes.
    let is_bytes = CODES.iter().any(|known| code.parse() == Ok(*known))
        && ["b'", "b\""].iter().any(|mark| {
            text.get(3..)
                .is_some_and(|rest| rest.strip_prefix(", ").is_some_and(|rest| rest.starts_with(mark)))
        });
    (is_bytes || is_login || is_reply(near) && (is_named || is_told_by_words(near))).then_some(reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A look at the whole rest for each mark would take minutes here.
    #[test]
    fn a_reply_is_found_behind_any_number_of_marks() {
        for mark in [" (", "returned '", ": b'", " said: ", "\"", "=4", ": 535", " (5.7.1 "] {
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
    fn replies_as_programs_show_them() {
        for (text, reply) in [
            ("535 5.7.139 Authentication unsuccessful", "535 5.7.139 Authentication unsuccessful"),
            ("<~* 535 5.7.8 Authentication failed", "535 5.7.8 Authentication failed"),
            ("SERVER -> CLIENT: 535 5.7.8 no", "535 5.7.8 no"),
            ("12:00 | FINE] < 535 Incorrect authentication data", "535 Incorrect authentication data"),
            ("s <-- b'535 5.7.3 Authentication unsuccessful'", "535 5.7.3 Authentication unsuccessful"),
            ("x WARN: {\"a\":1,\"error\":\"535 5.7.8 no\\n\",\"b\":2}", "535 5.7.8 no"),
            ("error:(535, b'Error: authentication failed')", "535 Error: authentication failed"),
            ("(535, '5.7.8 no')", "535 5.7.8 no"),
            ("failure [SMTP: bad (code: 535, response: Denied)]", "535 Denied)]"),
            ("SMTP Error (535): Authentication failed", "535 Authentication failed"),
            ("status=error server=r:587 code=535 message=\"5.7.8 Error: x\"", "535 5.7.8 Error: x"),
            ("smtpstatus=535 smtpmsg='535 5.7.8 no'", "535 5.7.8 no"),
            ("5.7.3 Authentication unsuccessful [X]", "535 5.7.3 Authentication unsuccessful [X]"),
        ] {
            let expected = format!("SASL authentication failed; server relay said: {reply}");
            assert_eq!(read(text).and_then(Piece::reason), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_reply() {
        for text in [
            "the reply was 550 5.7.1 in 2020",
            "version: 5.7.1 is out",
            "took: 450 ms, message: fine",
            "kernel: 5.4.0 message",
            "(535, 42)",
            "got := classify(\"550 5.7.1 relay access denied\")",
            "x[550]: done",
            "code: 550, message: ok",
            "5.7.1 Relay access denied | means that",
            "build 550: 5.7.1 released",
            "`535 5.7.8 Authentication failed` | this is not a key | make one",
            "See CHANGELOG: 4.5.0 message ids",
            "Access denied: 403",
            "Access denied: 550",
            "MAIL failed: 5530",
            "MAIL failed: 200",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
