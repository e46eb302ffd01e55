//! What targets that read a log ask of its report.

use relayhost::model::log::report::Report;
use relayhost::model::text::one_line;

/// The failures, each with its messages and lines. Whose failures come first depends on the hosts that were met, and in the
/// midst of a block only lines that tell of trouble are looked at: so they are sorted.
pub fn sum(report: &Report) -> Vec<(String, u64, u64)> {
    let list = report.failures.iter().map(|one| (one.cause.id.clone(), one.tally.messages, one.lines));
    let mut list: Vec<_> = list.collect();
    list.sort();
    list
}

/// Each failure has a remedy, and a cause that a terminal can show.
pub fn assert_shown(report: &Report) {
    for failure in &report.failures {
        assert!(
            !failure.cause.remedy.is_empty() && !one_line(&failure.cause.cause).contains(char::is_control)
        );
    }
}
