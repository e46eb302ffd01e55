//! Every dress with every kind of line: the findings are those of the plain form, with the time where there is one. And what
//! is no evidence gives none.

mod dresses;

use self::dresses::{DRESSES, syslog};
use super::{Paste, Seen};
use crate::model::causes::{About, Circumstances};
use crate::model::log::Reader;
use crate::model::log::follow::{Follower, Question};
use crate::model::log::report::{Owner, Report};
use crate::model::log::stamp::{Calendar, Seconds};

/// 2026-11-24T08:00:00Z
const NOW: Seconds = 1_795_507_200;

/// Program and text of the important kinds of lines.
const LINES: [(&str, &str); 9] = [
    (
        "smtp",
        "4Bd2c1x0z: to=<ops@example.com>, relay=r.example.com[192.0.2.1]:587, delay=1.3, delays=0.1/0/1.2/0, dsn=4.7.139, status=deferred (SASL authentication failed; server r.example.com[192.0.2.1] said: 535 5.7.139 Authentication unsuccessful, basic authentication is disabled. [X.PROD.OUTLOOK.COM])",
    ),
    (
        "smtp",
        "4Bd2c1x0z: to=<ops@example.com>, relay=none, delay=30, delays=0/0/30/0, dsn=4.4.1, status=deferred (connect to r.example.com[192.0.2.1]:587: Connection timed out)",
    ),
    (
        "smtp",
        "4Bd2c1x0z: to=<\"a b\"@example.com>, orig_to=<root>, relay=r.example.com[192.0.2.1]:25, delay=1, delays=0/0/1/0, dsn=5.7.1, status=bounced (host r.example.com[192.0.2.1] said: 554 5.7.1 <a@b>: Relay access denied (in reply to RCPT TO command))",
    ),
    (
        "error",
        "4Bd2c1x0z: to=<ops@example.com>, relay=none, delay=0.05, delays=0.03/0.01/0/0.01, dsn=4.3.0, status=deferred (unknown mail transport error)",
    ),
    (
        "smtp",
        "4Bd2c1x0z: to=<ops@example.com>, relay=r.example.com[192.0.2.1]:587, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 ok)",
    ),
    ("smtp", "fatal: specify a password table via the `smtp_sasl_password_maps' configuration parameter"),
    ("master", "warning: /usr/libexec/postfix/smtp: bad command startup -- throttling"),
    ("sendmail", "fatal: open /etc/postfix/main.cf: Permission denied"),
    ("qmgr", "4Bd2c1x0z: from=<a@b>, status=expired, returned to sender"),
];

fn read(blocks: &[&[u8]]) -> (Report, Seen) {
    let circumstances = |about: &About| Circumstances::unknown(about);
    let question = Question { circumstances: &circumstances, ..Question::default() };
    let mut follower = Follower::new(question);
    let mut paste = Paste::new(&mut follower);
    paste.source(Calendar::utc(NOW));
    for block in blocks {
        paste.feed(block);
    }
    let seen = paste.end();
    (Report::new(&follower, &Owner::default()), seen)
}

/// Cause, messages, lines and example of each failure; and what was accepted.
type Found = (Vec<(String, u64, u64, String)>, u64);

fn found(report: &Report) -> Found {
    let failures = report.failures.iter().map(|one| {
        let example = one
            .example
            .as_ref()
            .map_or_else(String::new, |one| format!("{} {} {}", one.queue_id, one.to, one.words));
        (one.cause.id.clone(), one.tally.messages, one.lines, example)
    });
    (failures.collect(), report.accepted)
}

#[test]
fn every_dress_gives_the_findings_of_the_plain_form() {
    let mut wrong = Vec::new();
    for (program, text) in LINES {
        let (plain, _) = read(&[syslog(program, text).as_bytes()]);
        assert!(!plain.failures.is_empty() || plain.accepted > 0, "{text}");
        for (name, dress, has_time, has_host) in DRESSES {
            let dressed = dress(program, text);
            let (report, seen) = read(&[dressed.as_bytes()]);
            let expected = if has_time { Some(NOW) } else { None };
            let times = report.failures.iter().all(|one| one.tally.last == expected);
            let host = if has_host { vec!["h".to_owned()] } else { vec![] };
            if found(&report) != found(&plain) || !times || report.hosts != host || !seen.notes.is_empty() {
                wrong.push(format!("{name}: {dressed}\n   {report:?} {seen:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {}: {}", wrong.len(), DRESSES.len() * LINES.len(), wrong.join("\n"));
}

/// A repeatable sequence of numbers.
fn numbers() -> impl FnMut(usize) -> usize {
    let mut state = 0x2545_F491_4F6C_DD1Du64;
    move |below| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below as u64).unwrap()
    }
}

#[test]
fn a_random_prefix_changes_no_finding_and_makes_none() {
    const WORDS: [&str; 24] = [
        "x",
        "[a]",
        "<22>",
        "12:",
        "level=info",
        "|",
        "--",
        "I",
        "see",
        "this:",
        "é",
        "(b)",
        "{c}",
        "c=\"d\"",
        "2026",
        "Nov",
        "/var/log/maillog",
        "mail.info",
        "550",
        "smtp",
        "postfix",
        "a@b",
        "###",
        "status",
    ];
    let mut number = numbers();
    for (program, text) in LINES {
        let (plain, _) = read(&[syslog(program, text).as_bytes()]);
        for _ in 0..40 {
            let prefix: Vec<&str> = (0..number(6)).map(|_| WORDS[number(WORDS.len())]).collect();
            let prefix = prefix.join(" ");
            let line = format!("{prefix} {}", syslog(program, text));
            // A reply, whose words are the relay's.
            if line.trim_start_matches(|c: char| !c.is_alphanumeric()).starts_with("550 ") {
                continue;
            }
            assert_eq!(found(&read(&[line.as_bytes()]).0), found(&plain), "{line}");
            let (report, _) = read(&[format!("{prefix} h {program}: all is well").as_bytes()]);
            assert!(report.failures.is_empty() && report.accepted == 0, "{prefix}: {report:?}");
        }
    }
}

#[test]
fn blocks_of_any_size_read_the_same_and_one_unreadable_line_hides_no_other() {
    let mut number = numbers();
    for (name, dress, _, _) in DRESSES {
        let mut text = String::from("what is this?\n");
        for (program, line) in LINES {
            text.push_str(&dress(program, line));
            text.push_str("\n\n");
            if number(2) == 0 {
                text.push_str("\u{fffd}\u{fffd} garbage ((\n\n");
            }
        }
        let whole = read(&[text.as_bytes()]);
        let blocks: Vec<&[u8]> = text.as_bytes().split_inclusive(|c| *c == b'\n').collect();
        let lines = read(&blocks);
        assert_eq!(found(&whole.0), found(&lines.0), "{name}");
        assert_eq!(whole.1, lines.1, "{name}");
        assert_eq!(whole.0.accepted, 1, "{name}");
        assert!(whole.1.notes.iter().any(|(_, note)| note.starts_with("line")), "{name}: {:?}", whole.1);
        assert!(whole.0.failures.len() >= 3, "{name}: {:?}", found(&whole.0));
    }
}

fn ids(text: &str) -> Vec<String> {
    read(&[text.as_bytes()]).0.failures.into_iter().map(|one| one.cause.id).collect()
}

#[test]
fn pieces() {
    for (text, id) in [
        ("535 5.7.139 Authentication unsuccessful, basic authentication is disabled.", "basic-auth-blocked"),
        (
            "It says\n\n> 535 5.7.139 Authentication unsuccessful, basic authentication is disabled.\n\nWhy?",
            "basic-auth-blocked",
        ),
        ("status=deferred (connect to r[192.0.2.1]:587: Connection refused)", "connection-refused"),
        (
            "to=<a@b>, relay=none, dsn=4.4.1, status=deferred (connect to r[192.0.2.1]:587: Connection refused)",
            "connection-refused",
        ),
        (
            "4Bd2c1x0z: to=<a@b>, relay=none, delay=1, delays=0/0/1/0, dsn=4.4.1, status=deferred (connect to r[192.0.2.1]:587: Connection refused)",
            "connection-refused",
        ),
        ("sSMTP[9]: connect to r[192.0.2.1]:25: Connection refused", "connection-refused"),
        ("/bin/sh: 1: /usr/sbin/sendmail: not found", "no-sendmail"),
        (
            "Jun 18 02:00:08 h CRON[1]: (root) MAIL (mailed 9 bytes of output but got status 0x004b)",
            "cron-not-mailed",
        ),
        (
            "sendmail: fatal: open /etc/postfix/main.cf: No such file or directory\n\nx CRON[1]: (root) MAIL (mailed 9 bytes of output but got status 0x004b)",
            "main-cf-missing",
        ),
        (
            "● postfix.service - Postfix\n     Loaded: loaded (x)\n     Active: failed (Result: exit-code) since x\n",
            "start-failed",
        ),
        (
            "FAIL connection-refused: 1 message\n     x\n     -> y\n     e.g. AB12C to a@b: connect to r[192.0.2.1]:587: Connection refused",
            "connection-refused",
        ),
        (
            "Status: open\n    Nov 24 08:00:00 h postfix/smtp[7]: 4Bd2c1x0z: to=<a@b>, relay=none, delay=1, delays=0/0/1/0, dsn=4.4.1, status=deferred (connect to r[192.0.2.1]:587: Connection refused)",
            "connection-refused",
        ),
        ("{\n4Bd2c1x0z: connect to r[192.0.2.1]:587: Connection refused\n", "connection-refused"),
        (
            "type=AVC msg=audit(1795507200.123:45): avc:  denied  { name_connect } for  pid=1 comm=\"smtp\" dest=2525",
            "selinux-denied",
        ),
        (
            "0A1B2C3D4E     1234 Tue Nov 24 08:00:00  a@b\n(connect to r[192.0.2.1]:587: Connection refused)\n                                         c@d\n",
            "connection-refused",
        ),
    ] {
        assert!(ids(text).iter().any(|found| found == id), "{text}: {:?}", ids(text));
    }
}

#[test]
fn a_reply_alone_cannot_speak_for_this_host() {
    for text in [
        "550 5.7.1 fatal: open database /etc/postfix/x.db: No such file or directory",
        "550 5.7.1 warning: /usr/libexec/postfix/smtp: bad command startup",
    ] {
        let (report, _) = read(&[text.as_bytes()]);
        let verdicts: Vec<_> =
            report.failures.iter().map(|one| (one.cause.id.as_str(), one.cause.verdict)).collect();
        assert_eq!(verdicts, [("unknown", crate::model::causes::catalogue::Verdict::Refused)], "{text}");
    }
}

#[test]
fn noise_ends_in_nothing_and_in_little_memory() {
    let line = b"the quick brown fox (jumps) over: the [lazy] dog = \"x\" {y} /z/smtp 550 no\n".repeat(3000);
    let blocks: Vec<&[u8]> = std::iter::repeat_n(line.as_slice(), 20).collect();
    let (report, seen) = read(&blocks);
    assert!(report.failures.is_empty() && !report.has_postfix);
    assert_eq!(seen.notes.len(), 1, "{seen:?}");
}

/// Bytes taken out, put in and swapped: nothing panics, and the blocks in which it comes do not matter.
#[test]
fn mangled_evidence_reads_the_same_in_any_blocks() {
    const LISTING: &str = "-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------\n0A1B2C3D4E 1 Tue Nov 24 08:00:00 a@b\n(connect to r[192.0.2.1]:587: Connection refused)\n    c@d\n\n-- 1 Kbytes in 1 Request.\n";
    const BOUNCE: &str = "<a@b>: host r[192.0.2.1] said: 550 5.7.1 x\n    y\n\nReporting-MTA: dns; h\nX-Postfix-Queue-ID: 0A1B2C3D4E\n\nFinal-Recipient: rfc822; a@b\nAction: failed\nStatus: 5.7.1\nDiagnostic-Code: smtp; 550 5.7.1 x\n\n";
    let mut number = numbers();
    let dressed: Vec<String> =
        DRESSES.iter().map(|(_, dress, ..)| dress("smtp", LINES[number(4)].1)).collect();
    for _ in 0..300 {
        let mut text = String::new();
        for _ in 0..3 {
            text.push_str(match number(6) {
                0 => LISTING,
                1 => BOUNCE,
                2 => "535 5.7.8 no\n",
                _ => &dressed[number(dressed.len())],
            });
            text.push('\n');
        }
        let mut bytes = text.into_bytes();
        for _ in 0..number(12) {
            let (at, to) = (number(bytes.len()), number(bytes.len()));
            match number(4) {
                0 => drop(bytes.remove(at)),
                1 => bytes.insert(at, b"\n {}\"[]<>\xff:()"[number(13)]),
                2 => bytes.swap(at, to),
                _ => bytes[at] = b'\n',
            }
        }
        let whole = read(&[&bytes]);
        let lines: Vec<&[u8]> = bytes.split_inclusive(|c| *c == b'\n').collect();
        let lines = read(&lines);
        assert_eq!(
            (found(&whole.0), whole.1),
            (found(&lines.0), lines.1),
            "{:?}",
            String::from_utf8_lossy(&bytes)
        );
    }
}
