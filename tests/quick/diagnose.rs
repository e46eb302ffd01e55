//! `relayhost diagnose FILE…` as it is called: any file, any order, any packing, and memory that does not grow with it.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::project::{document, program, project};

/// What a run may take, in KiB.
const MEMORY: i64 = 64 * 1024;

fn packed(name: &str) -> PathBuf {
    project().join("tests/packed").join(name)
}

fn relayhost() -> Command {
    let mut command = Command::new(program());
    command.arg("diagnose").stdin(Stdio::null()).env("TZ", "UTC");
    command
}

fn diagnose(args: &[&Path]) -> Output {
    relayhost().args(args).output().unwrap()
}

fn json(args: &[&Path]) -> Value {
    let output = relayhost().arg("--json").args(args).output().unwrap();
    document(&String::from_utf8(output.stdout).unwrap())
}

#[track_caller]
fn complains(args: &[&Path], text: &str, remedy: &str) {
    let output = diagnose(args);
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(error.contains(text) && error.contains(remedy), "{error}");
    assert_eq!(output.status.code(), Some(1), "{error}");
}

#[test]
fn files_of_every_packing_in_any_order() {
    let (first, second, third) = (packed("first.gz"), packed("second.xz"), packed("third.zst"));
    let document = json(&[&third, &first, &second]);
    let sources: Vec<&str> = document["diagnosis"]["sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    assert!(sources[0].ends_with("first.gz") && sources[2].ends_with("third.zst"), "{sources:?}");
    let failures = document["diagnosis"]["failures"].as_array().unwrap();
    assert_eq!(failures.len(), 1, "{document:#}");
    // The first of three messages got through later.
    assert_eq!((&failures[0]["id"], &failures[0]["messages"]), (&"connection-refused".into(), &2.into()));
    assert_eq!(document["exit"], 4);
    // Standard input may be packed as well.
    let piped = relayhost().arg("-").stdin(File::open(&second).unwrap()).output().unwrap();
    assert!(String::from_utf8_lossy(&piped.stdout).contains("connection-refused: 1 message"));
}

/// Stamps of syslog have no year. That of the file is the only witness when the clock was set back since, or is wrong.
#[test]
fn lines_that_were_written_before_the_clock_was_set_back_keep_their_year() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("maillog");
    let line = "h postfix/smtp[1]: 0A1B2C3D4E: to=<a@b.test>, relay=none, delay=1, delays=0/0/1/0, dsn=4.4.1, status=deferred (connect to r[192.0.2.1]:587: Connection refused)";
    for days in [100, 200, 300] {
        let time = SystemTime::now() + Duration::from_secs(24 * 3600 * days);
        let utc = jiff::tz::TimeZone::UTC.to_datetime(time.try_into().unwrap());
        std::fs::write(&path, format!("{} {line}\n", utc.strftime("%b %e %H:%M:%S"))).unwrap();
        File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        let failures = &json(&[&path])["diagnosis"]["failures"];
        let last = failures[0]["last"].as_str().unwrap();
        assert!(last.starts_with(&utc.strftime("%Y-%m-%dT").to_string()), "{days}: {last}");
        // And they are not older than what was asked for.
        assert_eq!(json(&[Path::new("--since"), Path::new("24h"), &path])["exit"], 4, "{days}");
    }
}

#[test]
fn what_cannot_be_read_is_said_with_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = directory.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    complains(&[directory.path()], "is a directory", "maillog*");
    complains(&[&directory.path().join("gone")], "cannot read", "is the right path");
    complains(&[&write("empty", b"")], "is empty", "rotated");
    complains(&[&write("binary", b"a\0b\n")], "is no text", "mail log");
    complains(
        &[&write("other", b"Nov 24 08:00:00 h sshd[1]: x\n")],
        "no line that Postfix wrote",
        "postfix/DAEMON",
    );
    complains(&[&packed("other.bz2")], "compressed with bzip2", "bzip2 -dc");
    complains(&[&packed("large-window.xz")], "cannot be unpacked", "relayhost diagnose -");
    let whole = std::fs::read(packed("second.xz")).unwrap();
    complains(&[&write("cut.xz", &whole[..40])], "cannot be unpacked", "relayhost diagnose -");
    let bytes = std::fs::read(packed("first.gz")).unwrap();
    // One file does not hide what another has, nor that it could not be read.
    let cut = write("cut.gz", &bytes[..40]);
    let both = relayhost().args([packed("first.gz"), cut.clone()]).output().unwrap();
    let said = String::from_utf8_lossy(&both.stdout);
    assert_eq!(both.status.code(), Some(4), "{said}");
    assert!(said.contains("FAIL ") && said.contains("cannot be unpacked"), "{said}");
    complains(
        &[&write("quiet", b"Nov 24 08:00:00 h postfix/qmgr[2]: 4Bd2c1x0y: removed\n"), &cut],
        "cannot be unpacked",
        "-> ",
    );
    // A hole that a power cut left is none of the text.
    let hole = [&[0; 4096][..], b"\nNov 24 08:00:00 h postfix/qmgr[2]: 4Bd2c1x0y: removed\n"].concat();
    assert_eq!(relayhost().arg(write("hole", &hole)).output().unwrap().status.code(), Some(0));
    let usage = relayhost().args(["--since", "soon"]).output().unwrap();
    assert_eq!(usage.status.code(), Some(2));
    complains(
        &[&packed("first.gz"), Path::new("--queue-id"), Path::new("FFFFFFFF")],
        "says nothing of FFFFFFFF",
        "--since",
    );
}

/// Runs it on generated text, and returns its standard output. Fails if it took more memory than it may.
#[track_caller]
fn within_memory(args: &[&str], generate: impl FnOnce(&mut BufWriter<std::process::ChildStdin>)) -> String {
    // A limit on data (heap, not the program's own code): what wants more is refused it, and ends.
    let script = format!("ulimit -d {MEMORY}; exec \"$0\" diagnose - {}", args.join(" "));
    let mut command = Command::new("sh");
    command.args(["-c", &script]).arg(program()).env("TZ", "UTC");
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut input = BufWriter::with_capacity(1 << 20, child.stdin.take().unwrap());
    generate(&mut input);
    let _ = input.flush();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 4)), "{:?}: {error}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

fn failed(id: u64, words: &str) -> String {
    format!(
        "Nov 24 08:00:00 op5 postfix/smtp[{}]: {id:010X}: to=<u{id}@example.com>, relay=r[192.0.2.1]:25, delay=1, delays=0/0/1/0, dsn=4.0.0, status=deferred ({words})\n",
        id % 30_000
    )
}

#[test]
fn memory_is_bounded_whatever_is_in_the_log() {
    // All different messages.
    let text = within_memory(&[], |input| {
        for id in 0..250_000 {
            let _ = input.write_all(failed(id, "connect to r[192.0.2.1]:25: Connection refused").as_bytes());
        }
    });
    assert!(text.contains("connection-refused: 250000 messages"), "{text}");

    // One line without an end.
    let text = within_memory(&[], |input| {
        let _ = input.write_all(failed(1, "connect to r[192.0.2.1]:25: Connection refused").as_bytes());
        let _ = input.write_all(b"Nov 24 08:00:00 op5 postfix/smtp[1]: warning: ");
        for _ in 0..100 {
            let _ = input.write_all(&vec![b'x'; 1 << 20]);
        }
        let _ = input.write_all(b"\n");
        let _ = input.write_all(failed(2, "connect to r[192.0.2.1]:25: Connection refused").as_bytes());
    });
    assert!(text.contains("connection-refused: 2 messages"), "{text}");

    // Other words each time, from other hosts, processes and relays, and long ones.
    let text = within_memory(&["--json"], |input| {
        let mut words = String::new();
        for id in 0..4_000u64 {
            words.clear();
            let letter = |n: u64| char::from(b'a' + u8::try_from(n % 26).unwrap());
            let word: String = (0..6).map(|at| letter(id / 26u64.pow(at))).collect();
            let _ = write!(words, "host {word}.example.com[192.0.2.1] said: 550 {} ", word.repeat(100));
            let _ = writeln!(input, "Nov 24 08:00:00 h{id} postfix/smtp[{id}]: warning: {words}");
            let line = failed(id, &words).replace("op5", &word).replace("relay=r", &format!("relay={word}"));
            let _ = input.write_all(line.as_bytes());
        }
    });
    let document: Value = serde_json::from_str(&text).unwrap();
    let failures = document["diagnosis"]["failures"].as_array().unwrap();
    let messages: u64 = failures.iter().map(|one| one["messages"].as_u64().unwrap()).sum();
    assert_eq!((messages, failures.iter().all(|one| one["id"] == "unknown")), (4_000, true));

    // One message that is tried without end.
    let text = within_memory(&["--queue-id", "00000000AA"], |input| {
        for _ in 0..20_000 {
            let _ =
                input.write_all(failed(0xAA, "connect to r[192.0.2.1]:25: Connection refused").as_bytes());
        }
    });
    assert!(text.contains("(×20000"), "{text}");
}

/// With the program as it is called: it has fewer tables for regular expressions than these tests.
#[test]
fn every_log_can_be_shown_to_others() {
    let logs = std::fs::read_dir(project().join("tests/corpus")).unwrap().map(|entry| entry.unwrap().path());
    let logs: Vec<PathBuf> =
        logs.filter(|path| path.extension().is_some_and(|ending| ending == "log")).collect();
    assert!(logs.len() > 100, "{}", logs.len());
    let output = relayhost().args(["--redact", "--json"]).args(&logs).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(!document(&text)["diagnosis"]["failures"].as_array().unwrap().is_empty());
    assert!(text.contains("host-1.example") && !text.contains("smtp.example.com"), "{text}");
}

#[test]
fn a_password_behind_its_name_is_shown_to_nobody() {
    let words =
        r"(535, b'5.7.8 Error: authentication failed: password=hunter2 at smtp://alerts:hunter2@r:587')";
    for options in [&[][..], &["--redact"][..], &["--json"][..]] {
        let mut child =
            relayhost().arg("-").args(options).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let text = format!("smtplib.SMTPAuthenticationError: {words}\n");
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(4), "{options:?}");
        let shown = String::from_utf8(output.stdout).unwrap();
        assert!(shown.contains("********") && !shown.contains("hunter2"), "{options:?}: {shown}");
    }
}

#[test]
fn a_thousand_failures_are_no_thousand_paragraphs() {
    let lines = (0..3000).map(|n| {
        let said = format!("host r{n}.example[192.0.2.1] said: 550 no w{n}ord of {n} here (in reply to MAIL command)");
        format!(
            "Aug  1 10:{:02}:{:02} mon1 postfix/smtp[1]: 4F2A{n:05X}: to=<a@b.c>, relay=r{n}.example[192.0.2.1]:587, delay=1, delays=0/0/1/0, dsn=5.0.0, status=bounced ({said})\n",
            n / 60, n % 60
        )
    });
    let scratch = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(scratch.path(), lines.collect::<String>()).unwrap();
    let shown = String::from_utf8(diagnose(&[scratch.path()]).stdout).unwrap();
    let all = json(&[scratch.path()])["diagnosis"]["failures"].as_array().unwrap().len();
    assert!(shown.lines().count() < 400, "{shown}");
    assert!(shown.contains(&format!("{} more failures", all - 40)), "{all}: {shown}");
}
