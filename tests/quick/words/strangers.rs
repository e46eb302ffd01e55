//! Replies that look like a daemon's line: no stranger is read as a daemon.

use std::collections::{BTreeMap, BTreeSet};

use proptest::sample::select;
use proptest::test_runner::TestRunner;
use relayhost::model::causes::About;
use relayhost::model::causes::catalogue::{Entry, catalogue, fitting};
use relayhost::model::causes::words::Speaker;
use relayhost::model::causes::{Circumstances, diagnose};
use relayhost::model::message::trail::{Author, Standing, Trail, Word};

use super::shell::entry_of;
use super::{DAEMON, FRAMES, draw, line_of, report, text_of, words};

/// What a stranger puts before what looks like a daemon's line.
const PREFIXES: [&str; 8] = [
    "",
    "x said: ",
    "? warning: ",
    "4Bd2c1x0z: ",
    ") Nov 24 08:00:00 h postfix/smtp[7]: fatal: ",
    "refused to talk to me: 421 ",
    "untrusted issuer ",
    " kernel: ",
];

/// The entries that read a daemon's or the system's own words, and no stranger's.
fn own_alone() -> impl Iterator<Item = &'static Entry> {
    catalogue().iter().filter(|entry| entry.stranger.is_empty())
}

fn owns(line: &str) -> BTreeSet<&'static str> {
    let all = fitting(&[words(line).unwrap()]);
    all.filter(|entry| entry.stranger.is_empty()).map(|entry| entry.id.as_str()).collect()
}

/// Whatever a stranger says, a daemon has said no more than without it. The same through all that reads a log.
#[test]
fn a_stranger_cannot_speak_for_a_daemon() {
    let mut runner = TestRunner::deterministic();
    let mut tried = BTreeMap::<&str, usize>::new();
    let neutral: Vec<_> =
        FRAMES.iter().map(|frame| owns(&line_of(Speaker::Daemon, &frame.replace('%', "no")))).collect();
    for entry in own_alone() {
        for (_, patterns) in entry.patterns() {
            for (number, text) in patterns.iter().map(text_of).enumerate() {
                // Each frame, but not each for every pattern.
                let frames = FRAMES.iter().zip(&neutral).skip((entry.id.len() + number) % 3).step_by(3);
                for (frame, neutral) in frames {
                    let prefix = draw(&select(PREFIXES.to_vec()), &mut runner);
                    let said = format!("{prefix}{}", draw(&text, &mut runner));
                    let line = line_of(Speaker::Daemon, &frame.replace('%', &said));
                    assert_eq!(owns(&line), *neutral, "{}: {line}", entry.id);
                    let count = tried.entry(&entry.id).or_default();
                    *count += 1;
                    if !count.is_multiple_of(3) {
                        continue;
                    }
                    let (id, trail) = (report_of(frame, &said), trail_of(frame, &said));
                    for id in [id, trail].into_iter().flatten().filter(|id| !neutral.contains(id.as_str())) {
                        let named = entry_of(&id).unwrap_or_else(|| panic!("{id}"));
                        assert!(!named.stranger.is_empty(), "{id}: {line}");
                    }
                }
            }
        }
    }
    assert!(
        tried.len() > 60 && own_alone().all(|entry| tried[entry.id.as_str()] >= FRAMES.len() / 3),
        "{tried:?}"
    );
}

/// A record of an attempt whose reason is this; or if it is no reason, a line before one that says nothing.
fn log_of(frame: &str, said: &str) -> String {
    let text = frame.replace('%', said);
    let is_line = |head: &&str| frame.starts_with(*head);
    let is_line = ["warning: ", "4Bd2c1x0z: ", "< ", "input ", "NOQUEUE: "].iter().any(is_line);
    let before = if is_line { format!("{DAEMON}{text}\n") } else { String::new() };
    let reason = if is_line { "no" } else { text.as_str() };
    format!(
        "Nov 24 08:00:00 h postfix/cleanup[2]: 4Bd2c1x0z: message-id=<m@h>\n{before}{DAEMON}4Bd2c1x0z: to=<o@x>, relay=r[192.0.2.1]:587, delay=1, delays=0/0/1/0, dsn=4.0.0, status=deferred ({reason})\n"
    )
}

fn report_of(frame: &str, said: &str) -> Option<String> {
    let report = report(&log_of(frame, said));
    let failure = report.failures.iter().find(|failure| failure.tally.messages > 0)?;
    Some(failure.cause.id.clone()).filter(|id| id != "unknown")
}

fn trail_of(frame: &str, said: &str) -> Option<String> {
    let mut trail = Trail::new("m@h", "o@x", Author::Postfix);
    log_of(frame, said).lines().for_each(|line| trail.feed(line));
    let Word::Said(found) = trail.word(&Standing::default(), |_, _, _| true) else {
        panic!("the trail has no word of {frame}");
    };
    let about = About::default();
    diagnose(&trail.evidence(Some(found.attempt())), &Circumstances::unknown(&about)).map(|cause| cause.id)
}
