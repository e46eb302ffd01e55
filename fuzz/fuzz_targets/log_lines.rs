//! A mail log: any text is taken, and what is shown of it is harmless.
#![no_main]

use libfuzzer_sys::fuzz_target;
use relayhost::model::log::{parse_event, parse_line};
use relayhost::model::message::trail::{Author, Standing, Trail};
use relayhost::model::text;

fuzz_target!(|bytes: &[u8]| {
    let log = String::from_utf8_lossy(bytes);
    let author = if bytes.len() % 2 == 0 { Author::Postfix } else { Author::Anybody };
    let mut trail = Trail::new("m@h", "o@x", author);
    for raw in log.split('\n') {
        if let Some(line) = parse_line(raw) {
            parse_event(&line);
        }
        trail.feed(raw);
        // Attempts for one recipient are bounded, however many somebody writes.
        assert!(trail.news() <= 202);
        assert!(!text::one_line(raw).contains(char::is_control));
    }
    let _ = trail
        .word(&Standing::default(), |name, address, port| name == "r" || address == "::1" || port == 587);
    let _ = trail.throttled();
    for said in trail.evidence(None) {
        // As it stands in the log, but for what may be a password.
        assert!(said.contains("****") || log.contains(said));
    }
    assert!(!text::harmless(&log).contains(|c: char| c.is_control() && c != '\n' && c != '\t'));
    let _ = text::parse_duration(&log);
});
