//! Evidence in any form: pastes, bounces, listings of the queue. Any bytes are taken, whatever the blocks; and what is shown
//! is harmless.
#![no_main]

#[path = "../report.rs"]
mod report;

use libfuzzer_sys::fuzz_target;
use relayhost::model::causes::{About, Circumstances};
use relayhost::model::json::log;
use relayhost::model::log::Reader;
use relayhost::model::log::follow::{Follower, Question};
use relayhost::model::log::paste::{Paste, Seen};
use relayhost::model::log::report::{Owner, Report};
use relayhost::model::log::stamp::Calendar;
use report::{assert_shown, sum};

/// 2026-12-31.
const LATEST: i64 = 1_798_675_200;

fn read<'a>(blocks: impl Iterator<Item = &'a [u8]>) -> (Report, Seen) {
    let circumstances = |about: &About| Circumstances::unknown(about);
    let question = Question { circumstances: &circumstances, ..Question::default() };
    let mut follower = Follower::new(question);
    let mut paste = Paste::new(&mut follower);
    paste.source(Calendar::utc(LATEST));
    for block in blocks {
        paste.feed(block);
    }
    let seen = paste.end();
    (Report::new(&follower, &Owner::default()), seen)
}

fuzz_target!(|bytes: &[u8]| {
    let (whole, seen) = read(std::iter::once(bytes));
    let (lines, _) = read(bytes.split_inclusive(|c| *c == b'\n'));
    assert_eq!(sum(&whole), sum(&lines));
    for (_, note) in seen.notes {
        assert!(!note.contains(char::is_control));
    }
    assert_shown(&whole);
    let _ = log::report(&whole, &Calendar::utc(LATEST)).to_string();
});
