//! The part of a line before what Postfix says: time, host, and whatever programs and people put in front of a line. No
//! form is known by name here; time and host are looked for in any prefix.

use super::stamp::{Calendar, Seconds, Stamp};

/// Words of a level column, which is no host.
const LEVELS: [&str; 16] = [
    "debug", "info", "notice", "warn", "warning", "err", "error", "crit", "critical", "alert", "emerg",
    "fatal", "panic", "stdout", "stderr", "f",
];
/// Most bytes of a prefix that are looked at.
const MOST: usize = 1024;

/// Time and host in a prefix, each as far as it tells. Of several stamps the one with year and zone counts.
pub fn when_and_where<'a>(head: &'a str, calendar: &Calendar) -> (Option<Seconds>, Option<&'a str>) {
    let head = head.trim();
    if let Some((stamp, rest)) = calendar.read(head) {
        let host = rest.trim();
        if host.is_empty() || is_host(host) {
            return (Some(stamp.time), Some(host).filter(|host| !host.is_empty()));
        }
    }
    let (time, rest) = search(head, calendar);
    // Without a time the prefix may be any text: only a prefix of a single word can be a host.
    let host = if time.is_none() {
        Some(rest)
    } else {
        rest.split_ascii_whitespace().rev().find(|word| !is_level(word))
    };
    let host = host.filter(|host| is_host(host));
    (time.map(|stamp| stamp.time), host)
}

/// The stamp in a prefix, and the text after the last one.
fn search<'a>(head: &'a str, calendar: &Calendar) -> (Option<Stamp>, &'a str) {
    let (mut found, mut rest, mut at): (Option<Stamp>, _, _) = (None, head, head.len().saturating_sub(MOST));
    while let Some(text) = head.get(at..) {
        if let Some((stamp, after)) = calendar.read_any(text) {
            found = found.filter(|found| found.exact).or(Some(stamp));
            rest = after.trim_start_matches([']', ')', ':', ',', '|', '"', ' ']);
            at = head.len() - rest.len();
            continue;
        }
        // The next word: after a blank, a bracket, or what separates columns.
        let next = text.find([' ', '\t', '[', '(', '<', '>', '"', '|', '=', ':', ',', ';', '\'']);
        let Some(next) = next else { break };
        at += next + 1;
    }
    (found, rest)
}

/// Whether a word can be the name or the address of a host.
pub fn is_host(word: &str) -> bool {
    !word.is_empty()
        && word.len() <= 255
        && !is_level(word)
        && word.bytes().all(|c| c.is_ascii_alphanumeric() || b".-_:%".contains(&c) || !c.is_ascii())
        && !word.ends_with(':')
}

/// Whether a word is a level, or a facility with one: `INFO`, `mail.info`, `[warn]`.
pub fn is_level(word: &str) -> bool {
    let word = word.trim_matches(['[', ']', '(', ')', '<', '>', ':', '|']).to_ascii_lowercase();
    let level = word.strip_prefix("mail.").unwrap_or(&word);
    word.is_empty() || LEVELS.contains(&level)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-24T08:00:00Z
    const NOW: Seconds = 1_795_507_200;

    #[test]
    fn time_and_host_are_found_in_any_prefix() {
        for head in [
            "Nov 24 08:00:00 h ",
            "Nov 24 08:00:00 h mail.info ",
            "2026-11-24T09:00:00.1+01:00 h INFO    ",
            "<22>Nov 24 08:00:00 h ",
            "<22>1 2026-11-24T08:00:00.1Z h ",
            "[1795507200.123456] h ",
            "12345:Nov 24 08:00:00 h ",
            "/var/log/maillog-20261122:12:Nov 24 08:00:00 h ",
            "> > Nov 24 08:00:00 h ",
            "[pod/postfix-0/postfix] Nov 24 08:00:00 h ",
            "mail-1  | Nov 24 08:00:00 h ",
            "2026-11-24T08:00:00.9Z stdout F Nov 24 07:00:00 h ",
            "Nov 24 07:00:00 m podman[9]: 2026-11-24 09:00:00.1 +0100 CET m=+0.1 container: Nov 24 07:00:00 h ",
            "Tue 2026-11-24 08:00:00 UTC h ",
            "[Tue Nov 24 08:00:00 2026] h ",
            "time=\"2026-11-24T08:00:00Z\" level=info msg=\"Nov 24 08:00:00 h ",
            "look at this: 2026-11-24 08:00:00 h ",
        ] {
            assert_eq!(when_and_where(head, &Calendar::utc(NOW)), (Some(NOW), Some("h")), "{head}");
        }
    }

    #[test]
    fn what_is_not_there_is_not_made_up() {
        let calendar = Calendar::utc(NOW);
        for (head, expected) in [
            ("", (None, None)),
            ("INFO    ", (None, None)),
            ("mail.info", (None, None)),
            ("postfix_1  | ", (None, None)),
            ("see what came of it ", (None, None)),
            ("relay ", (None, Some("relay"))),
            ("Nov 24 08:00:00 ", (Some(NOW), None)),
            ("2026-11-24T08:00:00Z INFO ", (Some(NOW), None)),
            ("Nov 24 08:00:00 192.0.2.7 ", (Some(NOW), Some("192.0.2.7"))),
            ("é", (None, Some("é"))),
        ] {
            assert_eq!(when_and_where(head, &calendar), expected, "{head}");
        }
    }
}
