//! Small rules about text: valid mail addresses, durations such as `90s`, and making text from elsewhere harmless.

use std::borrow::Cow;
use std::time::Duration;

use crate::error::is_unsafe;

/// The remedy for a wrong duration.
pub const DURATION_REMEDY: &str = "write a number with s, m or h, such as \"90s\" or \"5m\"; from 1s to 24h";

/// Text from a log, a reply or a file, safe for a terminal and for a single line: control characters (C0, C1, DEL),
/// line ends and the Unicode characters that reorder or hide text become `?`.
pub fn one_line(text: &str) -> String {
    text.chars().map(|c| if is_unsafe(c) { '?' } else { c }).collect()
}

/// Words of somebody else for a sentence: as [`one_line`], and without backquotes, which mark the commands to type.
pub fn plain(words: &str) -> String {
    one_line(words).replace('`', "'")
}

/// As [`one_line`], but line ends and tabs stay.
pub fn harmless(text: &str) -> String {
    text.chars().map(|c| if is_unsafe(c) && c != '\n' && c != '\t' { '?' } else { c }).collect()
}

/// Longest text that is shown in quotes, in bytes.
const QUOTED: usize = 300;

/// Text from elsewhere, for a sentence of relayhost's: in quotes, harmless, and without backquotes, which mark commands
/// to type.
pub fn quoted(text: &str) -> String {
    let shown = clipped(text, QUOTED);
    let rest = if shown.len() < text.len() { "…" } else { "" };
    format!("\"{}{rest}\"", plain(shown).replace('"', "'"))
}

/// The domain of an address, after its last `@`: one in a quoted local part is no end of it. A bare name has none.
pub fn domain_of(address: &str) -> &str {
    address.rsplit_once('@').map_or("", |(_, domain)| domain)
}

/// Ends of names that exist on their own network only, so that no mailbox is there (RFC 2606, RFC 6762, RFC 8375).
const PRIVATE: [&str; 9] =
    ["localdomain", "local", "lan", "home", "internal", "intranet", "corp", "arpa", "invalid"];

/// Whether no mailbox of the internet can be in this domain: it is one of a network's own, or has no dot.
pub fn is_private(domain: &str) -> bool {
    let end = domain.trim_end_matches('.').rsplit_once('.').map(|(_, end)| end.to_lowercase());
    end.is_none_or(|end| PRIVATE.contains(&end.as_str()))
}

/// Whether this is one mail address that can stand in a Postfix table: local part and domain, no quoting, no
/// spaces, no characters that the table format or `mail` would take for something else.
pub fn is_address(text: &str) -> bool {
    let Some((user, domain)) = text.rsplit_once('@') else { return false };
    let bad = |c: char| c.is_control() || c.is_whitespace() || ",;:<>()[]\"\\|#@`$".contains(c);
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
    };
    !user.is_empty()
        && user.len() <= 64
        && !user.starts_with('-')
        && !user.contains(bad)
        && domain.len() <= 253
        && domain.split('.').all(label)
}

/// Whether `mail` can be given this address on its command line, in the C locale.
pub fn is_recipient(text: &str) -> bool {
    is_address(text) && text.is_ascii() && text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// Whether this is an address whose domain has a top level: hardly a password.
pub fn is_full_address(text: &str) -> bool {
    let top = domain_of(text).rsplit_once('.').map(|(_, top)| top);
    is_address(text) && top.is_some_and(|top| top.len() > 1 && top.chars().all(|c| c.is_ascii_lowercase()))
}

/// The sender of a message as `route` takes it: one address or user name, or `<>`, which is the null sender. The error is a
/// sentence for the user.
pub fn parse_sender(text: &str) -> Result<String, String> {
    if text == "<>" { Ok(String::new()) } else { one_address(text, "; `<>` is the null sender") }
}

/// The recipient of a message as `route` takes it: one address or user name.
pub fn parse_recipient(text: &str) -> Result<String, String> {
    one_address(text, "")
}

fn one_address(text: &str, more: &str) -> Result<String, String> {
    let shown = one_line(text);
    let bad = |c: char| c.is_control() || c.is_whitespace() || ",;<>()\"\\".contains(c);
    let (user, domain) = text.rsplit_once('@').map_or((text, None), |(user, domain)| (user, Some(domain)));
    if text.is_empty() || user.is_empty() || domain == Some("") {
        return Err(format!("`{shown}` is no address: write USER@DOMAIN, or a user of this host{more}"));
    }
    if text.contains([',', ';']) {
        return Err(format!("`{shown}` is a list: `route` follows one message to one address{more}"));
    }
    if text.contains(bad) || text.starts_with('-') || user.contains(['[', ']', ':']) {
        return Err(format!(
            "`{shown}` is not a plain address: write USER@DOMAIN, without a name, quotation marks, brackets or blanks{more}"
        ));
    }
    Ok(text.to_owned())
}

/// A line of the mail log without possible passwords: smtp(8) logs them if it is set to be verbose (smtp_sasl_glue.c,
/// smtp_chat.c), and the plugin sasl-xoauth2 takes one for the name of a token file (token_store.cc).
pub fn masked(line: &str) -> Cow<'_, str> {
    const MASK: &str = "********";
    if !(line.contains('`') || line.contains("open file ") || line.contains(": AUTH ")) {
        return Cow::Borrowed(line);
    }
    if let Some((head, _)) = line.split_once(" pass `") {
        return Cow::Owned(format!("{head} pass `{MASK}'"));
    }
    if let Some((head, rest)) = line.split_once("failed to open file ") {
        let (name, tail) = rest.rsplit_once(": ").unwrap_or((rest, ""));
        if !(name.starts_with('/') && name.matches('/').count() > 1) {
            return Cow::Owned(format!("{head}failed to open file {MASK}: {tail}"));
        }
    }
    if let Some((head, rest)) = line.split_once(": AUTH ")
        && let Some((mechanism, _)) = rest.split_once(' ')
        && mechanism.bytes().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == b'-')
    {
        return Cow::Owned(format!("{head}: AUTH {mechanism} {MASK}"));
    }
    Cow::Borrowed(line)
}

/// The beginning of a text, of at most `most` bytes.
pub fn clipped(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or(text)
}

/// The units of a length of time, and their names in seconds. There are no months: their `M` is soon typed for the minutes'
/// `m`.
const UNITS: [(&[&str], u64); 5] = [
    (&["s", "sec", "secs", "second", "seconds"], 1),
    (&["m", "min", "mins", "minute", "minutes"], 60),
    (&["h", "hr", "hrs", "hour", "hours"], 3600),
    (&["d", "day", "days"], DAY),
    (&["w", "week", "weeks"], 7 * DAY),
];
const DAY: u64 = 86_400;

/// Parses `90s`, `5m`, `1h 30m`; from one second to one day. The error is a sentence for the user.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    parse_within(text, DAY)
}

/// Parses an age: `15m`, `30d`, up to ten years.
pub fn parse_age(text: &str) -> Result<Duration, String> {
    parse_within(text, 3650 * DAY)
}

/// As [`parse_age`], and `0s` for none.
pub fn parse_wait(text: &str) -> Result<Duration, String> {
    if seconds(text) == Some(0) { Ok(Duration::ZERO) } else { parse_age(text) }
}

fn parse_within(text: &str, most: u64) -> Result<Duration, String> {
    let shown = one_line(text);
    let is_bare = !text.trim().is_empty() && text.trim().bytes().all(|byte| byte.is_ascii_digit());
    match seconds(text) {
        None if is_bare => Err(format!("`{shown}` has no unit: write {0}s or {0}m", shown.trim())),
        None => Err(format!("`{shown}` is not a length of time such as 15m (units: s, m, h, d)")),
        Some(0) => Err(format!("`{shown}` is too short")),
        Some(seconds) if seconds > most => Err(format!("`{shown}` is too long")),
        Some(seconds) => Ok(Duration::from_secs(seconds)),
    }
}

/// Words with the numbers by which a person may name them.
pub fn with_numbers<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let numbered = words.into_iter().zip(1..).map(|(word, number)| format!("{number} {word}"));
    numbered.collect::<Vec<_>>().join(", ")
}

/// The one that a person names by such a number.
pub fn by_number<'a, T>(all: &'a [T], typed: &str) -> Option<&'a T> {
    all.get(typed.trim().parse::<usize>().ok()?.checked_sub(1)?)
}

/// Parses the number of a generation. The error is a sentence for the user.
pub fn parse_number(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("`{}` is not a number that `relayhost history` lists", one_line(text)))
}

/// The seconds of `90s`, `15m`, `24h`, `7d`, or of several of them, `1h 30m`; of more than can be counted, the most that
/// can. `None` if it is no length of time.
pub fn seconds(text: &str) -> Option<u64> {
    let (mut all, mut rest) = (0_u64, text.trim());
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit())?;
        let (digits, after) = rest.split_at_checked(end).filter(|(digits, _)| !digits.is_empty())?;
        let end = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(end)?;
        let (_, length) = UNITS.into_iter().find(|(names, _)| names.contains(&unit))?;
        // Nothing but digits: it can only be too great.
        let number = digits.parse().unwrap_or(u64::MAX);
        all = all.saturating_add(length.saturating_mul(number));
        rest = after.trim_start();
    }
    Some(all)
}

/// A number of things: `1 message`, `2 messages`.
pub fn counted(number: u64, one: &str) -> String {
    format!("{number} {one}{}", if number == 1 { "" } else { "s" })
}

/// Names that are written one by one; of more only the number is.
pub const NAMED: usize = 3;

/// A list of names: of many the first ones, and how many more there are.
pub fn few(names: &[String]) -> String {
    first_of(names, NAMED)
}

/// The first `most` names of a list, and how many more there are.
pub fn first_of(names: &[String], most: usize) -> String {
    let mut first: Vec<String> = names.iter().take(most).cloned().collect();
    first.extend((names.len() > most).then(|| format!("{} more", names.len() - most)));
    first.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_number_is_named_by_it() {
        let words = ["one", "two"];
        assert_eq!(with_numbers(words), "1 one, 2 two");
        assert_eq!(
            [" 1 ", "2", "0", "3", "one", "", "-1"].map(|typed| by_number(&words, typed).copied()),
            [Some("one"), Some("two"), None, None, None, None, None]
        );
    }

    #[test]
    fn a_length_of_time_without_a_unit_is_met_with_what_to_write() {
        assert_eq!(parse_duration(" 5 ").unwrap_err(), "` 5 ` has no unit: write 5s or 5m");
        assert!(parse_duration("soon").unwrap_err().contains("units: s, m, h, d"));
        assert!(parse_duration("").unwrap_err().contains("units"));
    }

    #[test]
    fn control_characters_become_question_marks() {
        assert_eq!(one_line("a\u{1b}[31mb\r\nc\u{9b}d\u{202e}e\u{7f}"), "a?[31mb??c?d?e?");
        assert_eq!(harmless("a\tb\nc\u{1b}d"), "a\tb\nc?d");
    }

    #[test]
    fn passwords_in_a_log_are_masked() {
        for (line, shown) in [
            ("a: host `r' user `u' pass `x'y'", "a: host `r' user `u' pass `********'"),
            (
                "Read: failed to open file s3:cret: No such file",
                "Read: failed to open file ********: No such file",
            ),
            ("> r[1]:587: AUTH PLAIN AHUAcA==", "> r[1]:587: AUTH PLAIN ********"),
        ] {
            assert_eq!(masked(line), shown);
        }
        for line in
            ["failed to open file /etc/tokens/u: Permission denied", "said: 535 AUTH failed", "a: AUTH LOGIN"]
        {
            assert_eq!(masked(line), line);
        }
        assert_eq!(clipped("aé", 2), "a");
    }

    #[test]
    fn addresses() {
        for good in
            ["monitor@op5-system.localdomain", "a+b@x", "o'brien@example.com", "jörg@müller.de", "a.b@127-x"]
        {
            assert!(is_address(good), "{good}");
        }
        for bad in [
            "",
            "@",
            "a@",
            "@b",
            "a b@c",
            "a@b c",
            "a@b\n",
            "a,b@c",
            "-oA@b",
            "a@-b",
            "a@b..c",
            "a@[1.2.3.4]",
            "a:b@c",
        ] {
            assert!(!is_address(bad), "{bad}");
        }
    }

    #[test]
    fn durations() {
        assert_eq!(parse_duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration(" 1m 30s "), Ok(Duration::from_secs(90)));
        for bad in
            ["", "90", "-1s", "0s", "1ms", "25h", "soon", "9999999999999999999999s", "1.5h", "m", "1h30"]
        {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_way_is_that_of_one_plain_address() {
        for good in [
            "root",
            "a@b",
            "a+b@x.org",
            "a@[127.0.0.1]",
            "o'brien@x.org",
            "ü@müller.de",
            "a!b@c",
            "@weird@x.org",
        ] {
            assert_eq!(parse_recipient(good).as_deref(), Ok(good));
        }
        for bad in [
            "",
            "@x",
            "a@",
            "a@x, b@x",
            "a@x;b@x",
            "\"a b\"@x",
            "A <a@x>",
            "<a@x>",
            "a b@x",
            "a@b\n",
            "-oA@b",
            "<>",
        ] {
            assert!(parse_recipient(bad).is_err(), "{bad}");
        }
        assert_eq!(parse_sender("<>").as_deref(), Ok(""));
        assert!(parse_sender("").unwrap_err().contains("null sender"));
        assert!(parse_sender("a@x,b@x").unwrap_err().contains("list"));
    }

    #[test]
    fn a_password_is_no_full_address() {
        assert!(is_full_address("alerts@example.com"));
        for other in ["P@ssw0rd", "apikey", "p@ss.w0rd", "a@b"] {
            assert!(!is_full_address(other), "{other}");
        }
    }

    /// A capital M is a month to many parsers, and two thousand times as long as the minutes that were meant.
    #[test]
    fn an_age_has_no_other_units_than_those_that_are_documented() {
        for (text, seconds) in [
            ("15m", 900),
            ("30d", 2_592_000),
            ("1d 2h 3m 4s", 93_784),
            ("1h30m", 5400),
            ("2min", 120),
            ("1w", 604_800),
        ] {
            assert_eq!(parse_age(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for bad in ["15M", "15S", "1D", "2H", "15", "1W", "1y", "15Min", "15 m", "2months"] {
            let error = parse_age(bad).unwrap_err();
            assert!(error.contains("15m"), "{bad}: {error}");
        }
    }
}
