//! A log of anybody's, and a relay's reply of the same bytes: whatever is in them, each remedy is its entry's, with
//! harmless words filled in, and what the relay says names no cause that a daemon of the host would have to tell of.
#![no_main]

#[path = "../../tests/quick/words/shell.rs"]
mod shell;

use libfuzzer_sys::fuzz_target;
use relayhost::model::causes::catalogue::fitting;
use relayhost::model::causes::words::Words;
use relayhost::model::causes::{About, Circumstances, diagnose, explain};
use relayhost::model::log::{Attempt, Event, Line, parse_event, parse_line};
use shell::{complaint, entry_of};

/// How Postfix repeats what a stranger said, with `%` for that.
const FRAMES: [&str; 8] = [
    "host r[192.0.2.1] said: 550 % (in reply to RCPT TO command)",
    "host r[192.0.2.1] refused to talk to me: 554 %",
    "TLS is required, but host r[192.0.2.1] refused to start TLS: 454 %",
    "SASL authentication failed; server r[192.0.2.1] said: 535 %",
    "warning: 4Bd2c1x0z: non-ESMTP response from r[192.0.2.1]:587: %",
    "warning: r[192.0.2.1]:587 offered no supported AUTH mechanisms: '%'",
    "certificate verification failed for r[192.0.2.1]:587: untrusted issuer /CN=%",
    "Host or domain name not found. Name service error for name=% type=A: Host not found",
];

fn own(text: &str) -> Vec<&'static str> {
    let all = fitting(&[text]).filter(|entry| entry.stranger.is_empty());
    all.map(|entry| entry.id.as_str()).collect()
}

fuzz_target!(|bytes: &[u8]| {
    let log = String::from_utf8_lossy(bytes);
    let (head, rest) = log.split_once('\n').unwrap_or((&log, ""));
    let about = About {
        relay: Some((head, "", 25)),
        sender: head,
        to: rest.lines().next().unwrap_or(""),
        ..About::default()
    };
    let circumstances = Circumstances::unknown(&about);
    for raw in log.lines().take(50) {
        let frame = FRAMES[raw.len() % FRAMES.len()];
        assert_eq!(own(&frame.replace('%', raw)), own(&frame.replace('%', "no")), "{frame} {raw}");
        let line = parse_line(raw).or_else(|| Line::of_system(raw));
        let event = line.map(|line| parse_event(&line));
        // The line itself, what it is a record of, and its text as if a daemon had written it.
        let mut all = vec![Words::of_daemon(raw)];
        all.extend(line.as_ref().map(|line| Words::of_line(line, line.text)));
        if let Some(Event::Attempt(attempt)) = &event {
            all.push(Words::of_daemon(Attempt::words(attempt)));
        }
        for words in all {
            for entry in fitting(&[words]) {
                let cause = explain(entry, &[words], &circumstances);
                assert_eq!(complaint(entry, &cause), None, "{cause:?}");
            }
            if let Some(cause) = diagnose(&[words], &circumstances) {
                assert_eq!(complaint(entry_of(&cause.id).unwrap(), &cause), None, "{cause:?}");
            }
        }
    }
});
