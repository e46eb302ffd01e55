//! What `diagnose` makes of texts that are no evidence, of lines that could harm a terminal, and of much noise.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use relayhost::model::causes::{About, Circumstances};
use relayhost::model::log::Reader;
use relayhost::model::log::follow::{Follower, Question};
use relayhost::model::log::paste::Paste;
use relayhost::model::log::report::{Owner, Report};
use relayhost::model::log::stamp::Calendar;

use crate::project::{program, project};

fn report(text: &str) -> Report {
    let circumstances = |about: &About| Circumstances::unknown(about);
    let question = Question { circumstances: &circumstances, ..Question::default() };
    let mut follower = Follower::new(question);
    let mut paste = Paste::new(&mut follower);
    paste.source(Calendar::utc(1_798_675_200));
    paste.feed(text.as_bytes());
    paste.end();
    Report::new(&follower, &Owner::default())
}

/// All files below a directory with one of these ends.
fn files(directory: &Path, ends: &[&str], all: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, ends, all);
        } else if path.extension().is_some_and(|end| ends.iter().any(|known| end == *known)) {
            all.push(path);
        }
    }
}

/// Prose, configuration and code, with all the words that logs have.
#[test]
fn pages_about_mail_name_no_cause() {
    let mut pages = Vec::new();
    for directory in ["docs", "src", "packaging", "examples"] {
        files(&project().join(directory), &["md", "rs", "toml", "spec", "service"], &mut pages);
    }
    pages.extend(["README.md", "SECURITY.md", "CHANGELOG.md"].map(|name| project().join(name)));
    // A test of this very reader is a log of its own.
    pages.retain(|page| !page.components().any(|part| part.as_os_str() == "paste"));
    assert!(pages.len() > 50, "{}", pages.len());
    let mut wrong = Vec::new();
    for page in pages {
        let report = report(&fs::read_to_string(&page).unwrap());
        let ids: Vec<String> = report.failures.into_iter().map(|one| one.cause.id).collect();
        if !ids.is_empty() || report.accepted > 0 {
            wrong.push(format!("{}: {ids:?}, {}", page.display(), report.accepted));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Runs `diagnose -`, and returns its exit status and all that it printed.
fn paste(text: &[u8]) -> (Option<i32>, String) {
    let mut child = Command::new(program())
        .args(["diagnose", "-"])
        .env("TZ", "UTC")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(text);
    let output = child.wait_with_output().unwrap();
    (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

#[test]
fn what_is_pasted_is_answered_and_what_is_not_read_is_named() {
    let bounce = fs::read(project().join("tests/packed/bounce.eml")).unwrap();
    let bounce_text = String::from_utf8(bounce.clone()).unwrap();
    let quoted: String = bounce_text.split_inclusive('\n').flat_map(|line| ["> ", line]).collect();
    for mail in [bounce.as_slice(), quoted.as_bytes()] {
        let (exit, text) = paste(mail);
        assert!(
            exit == Some(4) && text.contains("FAIL sender-refused: 1 message, 2026-11-24 08:00:00"),
            "{text}"
        );
        assert!(!text.contains("not read"), "{text}");
    }
    let (exit, text) = paste(b"Hello,\n\n535 5.7.139 Authentication unsuccessful, basic authentication is disabled.\n\nWhat now?\n");
    assert_eq!(exit, Some(4), "{text}");
    assert!(
        text.contains("FAIL basic-auth-blocked: 1 line\n") && text.contains("lines 1, 5 were not read"),
        "{text}"
    );
    let (exit, text) = paste(b"Hello,\n\nno mail arrives here.\n");
    assert!(
        exit == Some(1) && text.contains("no relay's reply") && text.contains("postfix/DAEMON[PID]"),
        "{text}"
    );
    let (exit, text) = paste(b"Nov 24 08:00:00 h exim[9]: 1tpXYZ-000abc-De => a@b R=smarthost\n");
    assert!(exit == Some(1) && text.contains("has lines of Exim"), "{text}");
    let (exit, text) =
        paste(b"msmtp: authentication failed (method LOGIN)\nmsmtp: server message: 535 5.7.8 no\n");
    assert!(exit == Some(4) && text.contains("FAIL other-mailer: 2 lines"), "{text}");
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(one_line.contains("`alternatives --set mta /usr/sbin/sendmail.postfix`"), "{text}");
    assert!(text.contains("FAIL wrong-password: 1 line"), "{text}");
}

#[test]
fn no_escape_sequence_reaches_the_terminal() {
    let evil = "\u{1b}]0;x\u{7}\u{9b}31m\u{202e}";
    for text in [
        format!("550 5.7.1 {evil}"),
        format!("postmap: fatal: {evil}"),
        format!("{evil} postfix/smtp[1]: ABCDE1: to=<{evil}@b>, relay=none, status=deferred ({evil})"),
        format!(
            "Final-Recipient: rfc822; {evil}@b\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550 {evil}\n"
        ),
        format!("0A1B2C3D4E 1 Tue Nov 24 08:00:00 a@b\n({evil})\n   {evil}@c\n"),
        format!(
            "{{\"message\":\"postfix/smtp[1]: ABCDE1: to=<a@b>, relay=none, status=bounced ({})\"}}",
            "\\u001b[31m"
        ),
        format!("msmtp: server message: 535 {evil}"),
    ] {
        let (_, shown) = paste(text.as_bytes());
        let harmful = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        assert!(!shown.contains(harmful), "{text:?}: {shown:?}");
    }
}

/// Much that is nothing ends soon, in a word.
#[test]
fn noise_ends_in_a_word() {
    let line = "the quick brown fox [jumps] (over) {the} lazy=\"dog\" 550: /a/smtp status=\n";
    let (exit, text) = paste(line.repeat(50_000).as_bytes());
    assert!(exit == Some(1) && text.contains("has no line that Postfix wrote"), "{text}");
    let one_line = "postfix/smtp to=<( ".repeat(200_000);
    let (exit, text) = paste(one_line.as_bytes());
    assert_eq!(exit, Some(1), "{text}");
}
