//! Records of an attempt that a terminal has cut off: `systemctl status` ends a long line by `…`, the pager of `journalctl` by `>`.

use super::piece::{Piece, is_known};
use crate::model::causes::catalogue::{Stage, Verdict};
use crate::model::causes::{Basis, Cause};

/// Whether the end of a line of Postfix says that more was there.
pub fn is_cut(text: &str) -> bool {
    text.ends_with('…') || text.ends_with('>') && text.matches('>').count() > text.matches('<').count()
}

/// The cause of a record that fails, and whose reason is cut off. The record of one that was sent is none, nor is one of which
/// it cannot be seen.
pub fn read(text: &str) -> Option<Piece> {
    let (_, record) =
        text.split_once("to=<").filter(|(_, rest)| rest.contains(", relay=") || rest.contains(", delay="))?;
    let (dsn, status) = (after(record, " dsn="), after(record, " status="));
    let (status, reason) = status.map_or(("", ""), |rest| rest.split_once(" (").unwrap_or((rest, "")));
    if reason.ends_with(')') || status.starts_with('s') || !reason.is_empty() && is_known(whole(reason)) {
        return None;
    }
    let is_failure = ["d", "b", "u", "e"].iter().any(|letter| status.starts_with(letter))
        || dsn.is_some_and(|dsn| dsn.starts_with(['4', '5']));
    is_failure.then(|| Piece::Cause(Box::new(cause()), text.to_owned()))
}

/// What a sentence says of lines that are cut off; `lines` are their numbers.
pub fn sentence(lines: &str) -> String {
    format!(
        "cut off by a terminal, so that what they say last is not known: lines {lines}; `journalctl --no-pager -u postfix` and \
         `systemctl status -l --no-pager postfix` show whole lines"
    )
}

fn after<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    text.split_once(name).map(|(_, rest)| rest)
}

/// A reason without the mark at which it ends.
fn whole(reason: &str) -> &str {
    reason.trim_end_matches(['…', '>', '.'])
}

fn cause() -> Cause {
    Cause {
        id: "line-cut".into(),
        basis: Basis::Inferred,
        cause: "the message did not leave, and the line that says why is cut off".into(),
        remedy: "`journalctl --no-pager -u postfix` and `systemctl status -l --no-pager postfix` show whole lines: give those to \
                 `relayhost diagnose -`; on that host `relayhost diagnose` reads the log itself"
            .into(),
        ..Cause::unknown(Stage::Queue, Verdict::Unreached)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_is_cut_off_has_failed_or_says_nothing() {
        let record = "4Bd2c1x0z: to=<a@b.c>, relay=r.example.com[192.0.2.1]:587, delay=1, delays=0/0/1/0, ";
        for end in [
            "dsn=5.7.8, stat>",
            "dsn=4.7.8, status=def…",
            "dsn=4.7.8, status=deferred",
            "dsn=5.0.0, status=bounced (host x sai>",
            "status=deferred (it rai…",
            "dsn=4.…",
        ] {
            assert!(read(&format!("{record}{end}")).is_some(), "{end}");
        }
        for end in [
            "dsn=2.0.0, status=sent (250 2.0.0 O…",
            "dsn=2.0.0, sta>",
            "d>",
            "dsn=4.7.8, status=deferred (whole)",
            "dsn=4.4.1, status=deferred (connect to r[192.0.2.1]:587: Connection refused…",
        ] {
            assert!(read(&format!("{record}{end}")).is_none(), "{end}");
        }
        for text in ["", "to=<a>", "4Bd2c1x0z: from=<a@b.c>, size=1, nrcpt=1 (queue act…"] {
            assert!(read(text).is_none(), "{text}");
        }
        for (text, expected) in [("a…", true), ("stat>", true), ("to=<a@b>", false), ("<a> <b> c>", true)] {
            assert_eq!(is_cut(text), expected, "{text}");
        }
    }
}
