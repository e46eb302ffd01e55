//! Lines of a log, and text that is shown: anything can be read, and nothing of it moves a terminal.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use relayhost::model::log::{parse_event, parse_line};
use relayhost::model::message::trail::{Author, Standing, Trail};
use relayhost::model::text;

use super::{config, lossy, piece};

/// Log lines, whole and mangled.
fn log_line() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => select(vec![
            "Nov 23 10:00:00 host ", "2026-11-23T10:00:00.123456+00:00 h ", "postfix/", "postfix-out/smtp/", "cleanup[2]: ",
            "smtp[3]: ", "smtp[99999999999]: ", "local[9]: ", "master[1]: ", "ABCDE1: ", "4Bd2c1x0z: ", "message-id=<m@h>",
            "to=<o@x>, ", "to=<>, ", "relay=r[192.0.2.1]:587, ", "relay=r[::1]:99999, ", "relay=none, ", "relay=local, ",
            "delay=1, ", "delays=0/0.1/1/0, ", "delays=..../9/1e9/., ", "dsn=4.7.0, ", "status=deferred (", "status=sent (250 ok",
            "status=bounced, x (", ")", "fatal: ", "warning: SASL ", "\n", " ",
        ])
        .prop_map(str::to_owned),
        1 => "\\PC{0,8}",
        1 => any::<char>().prop_map(String::from),
    ];
    prop_oneof![
        4 => vec(part, 0..16).prop_map(|parts| parts.concat()),
        1 => "postfix/smtp\\[[0-9]{1,12}\\]: ABCDE1: to=<\\PC{0,8}>, relay=\\PC{0,8}, delays=[0-9.]{1,4}/1/1/1, dsn=2, status=(sent|deferred) \\(\\PC{0,8}\\)",
        1 => any::<String>(),
    ]
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn a_trail_takes_any_line(lines in vec(log_line(), 0..12), port in any::<u16>()) {
        let author = if port % 2 == 0 { Author::Postfix } else { Author::Anybody };
        let mut trail = Trail::new("m@h", "o@x", author);
        for raw in &lines {
            if let Some(line) = parse_line(raw) {
                prop_assert!(raw.contains(line.text) && raw.contains(line.daemon));
                parse_event(&line);
            }
            let before = trail.news();
            trail.feed(raw);
            prop_assert!(trail.news() >= before);
        }
        let (attempts, queue_id) = (trail.news(), trail.queue_id().map(str::to_owned));
        // A log that is read twice (rotated, reopened) tells nothing else, once the last attempt is the same.
        if let Some(last) = lines.last() {
            trail.feed(last);
            prop_assert_eq!(trail.queue_id().is_some(), queue_id.is_some());
            prop_assert_eq!(trail.news(), attempts);
        }
        trail.word(&Standing::default(), |_, _, found| found == port);
        trail.throttled();
        prop_assert!(trail.evidence(None).iter().all(|text| lines.iter().any(|line| line.contains(text))));
    }

    #[test]
    fn one_line_has_no_control_characters(text in prop_oneof![any::<String>(), vec(any::<char>(), 0..40).prop_map(String::from_iter), vec(piece(), 0..9).prop_map(|parts| lossy(&parts.concat()))]) {
        let line = text::one_line(&text);
        prop_assert!(!line.contains(char::is_control), "{line:?}");
        prop_assert_eq!(line.chars().count(), text.chars().count());
        prop_assert_eq!(&text::one_line(&line), &line);
        let lines = text::harmless(&text);
        prop_assert!(!lines.contains(|c: char| c.is_control() && c != '\n' && c != '\t'), "{lines:?}");
        if !text.contains(['\n', '\t']) {
            prop_assert_eq!(lines, line);
        }
        let _ = text::parse_duration(&text);
    }
}
