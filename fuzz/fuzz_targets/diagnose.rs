//! A whole log through `diagnose`: any bytes are taken, in blocks of any size; numbers add up, and what is shown is
//! harmless and has no brace left in it.
#![no_main]

#[path = "../report.rs"]
mod report;

use libfuzzer_sys::fuzz_target;
use relayhost::model::causes::{About, Circumstances};
use relayhost::model::inspection::queue::{Listing, parse_json};
use relayhost::model::json::log;
use relayhost::model::log::Reader;
use relayhost::model::log::follow::{Follower, Question};
use relayhost::model::log::report::{Owner, Report};
use relayhost::model::log::stamp::{Calendar, Since};
use relayhost::model::log::story::Narrator;
use report::{assert_shown, sum};

/// 2026-12-31.
const LATEST: i64 = 1_798_675_200;

fuzz_target!(|bytes: &[u8]| {
    let circumstances = |about: &About| Circumstances::unknown(about);
    let question = |since| Question {
        since,
        elsewhere: vec!["example.com".into()],
        firsts: vec![("smtp.example.com".into(), 587)],
        circumstances: &circumstances,
        ..Question::default()
    };
    let calendar = Calendar::utc(LATEST);
    let owner = Owner { names: vec!["mon1".into()], strict: false };
    let read = |blocks: &mut dyn Iterator<Item = &[u8]>, since| {
        let mut follower = Follower::new(question(since));
        follower.source(calendar.clone());
        blocks.for_each(|block| follower.feed(block));
        Report::new(&follower, &owner)
    };
    let whole = read(&mut std::iter::once(bytes), None);
    let lines = read(&mut bytes.split_inclusive(|c| *c == b'\n'), None);
    assert_eq!(sum(&whole), sum(&lines));
    let records = bytes.split(|c| *c == b'\n').count() as u64;
    for failure in &whole.failures {
        assert!(failure.tally.messages <= records && failure.tally.waiting <= failure.tally.messages);
        assert!(failure.lines <= records && failure.tally.messages + failure.lines > 0);
    }
    assert_shown(&whole);
    let _ = log::report(&whole, &calendar).to_string();
    read(&mut std::iter::once(bytes), Some(LATEST - 86_400 * 40));

    let mut narrator = Narrator::new("0A1B2C3D4E", question(None));
    narrator.source(calendar.clone());
    narrator.feed(bytes);
    let story = narrator.story;
    let _ = (log::story(&story, &calendar).to_string(), story.has_failed());

    let text = String::from_utf8_lossy(bytes);
    let mut listing = Listing::default();
    for line in text.lines() {
        parse_json(line);
        listing.line(line, &calendar);
        let _ = Since::parse(line).map(|since| since.time(&calendar, LATEST));
    }
    listing.end();
});
