//! `diagnose --follow`: stays with the host's own log, and reports each failure when it happens.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::time::Duration;

use super::{Asked, HostFacts};
use crate::error::Result;
use crate::model::log::Reader;
use crate::model::log::follow::Follower;
use crate::model::log::report::{News, Owner, Report};
use crate::model::log::stamp::Calendar;
use crate::sys::{clock, log_tail, signals};

/// The pause between two looks at the log.
const PAUSE: Duration = Duration::from_millis(500);

/// What was reported of each failure: its messages, its lines, and whether it was over.
type Counts = BTreeMap<(Option<String>, String, String), (u64, u64, bool)>;

/// Follows the log until a signal ends it, and hands on what fails from now on.
pub fn follow(asked: &Asked, on: &mut dyn FnMut(&News, &Calendar)) -> Result<Infallible> {
    let known = HostFacts::of_this_host(asked)?;
    let postlog = known.postfix().map_or("", |postfix| postfix.setting("maillog_file"));
    let (circumstances, way) = (known.by_message(), known.by_envelope());
    let question = known.question(None, &circumstances, &way);
    let (mut follower, mut told) = (Follower::new(question), Counts::new());
    let mut log = log_tail::follow(postlog)?;
    let owner = Owner { names: known.names.clone(), strict: true };
    on(&News::Begun(&log.sources()), &calendar());
    loop {
        let lines = log.lines(false)?;
        // The journal knows who wrote each line. Until it is known that Postfix's lines arrive there, the lines of the log
        // file are read as well.
        let lines = if log.is_in_journal() { lines.postfix } else { lines.anybody };
        if !lines.is_empty() {
            let calendar = calendar();
            follower.source(calendar.clone());
            follower.feed((lines.join("\n") + "\n").as_bytes());
            tell(&Report::new(&follower, &owner), &mut told, &calendar, on)?;
        }
        clock::sleep(PAUSE)?;
    }
}

fn calendar() -> Calendar {
    Calendar::new(clock::zone(), i64::try_from(clock::unix()).unwrap_or_default())
}

/// Reports what is new since the last report.
fn tell(
    report: &Report,
    told: &mut Counts,
    calendar: &Calendar,
    on: &mut dyn FnMut(&News, &Calendar),
) -> Result<()> {
    let mut seen = BTreeSet::new();
    for failure in report.failures.iter().filter(|failure| failure.ours) {
        let (cause, words) = (&failure.cause, &failure.words);
        let words = if cause.is_known() { cause.subject.clone() } else { words.clone() };
        let key = (failure.host.clone(), failure.cause.id.clone(), words);
        seen.insert(key.clone());
        let now = (failure.tally.messages, failure.lines, failure.over);
        let news = match told.insert(key, now) {
            None => News::Failed(failure),
            Some(before) if (before.0, before.1) < (now.0, now.1) => News::Again(failure),
            Some((_, _, false)) if now.2 => News::Over(failure),
            Some(_) => continue,
        };
        signals::check()?;
        on(&news, calendar);
    }
    for ((_, id, _), last) in told.iter_mut().filter(|(key, last)| !seen.contains(*key) && last.0 > 0) {
        *last = (0, 0, true);
        on(&News::Through(id), calendar);
    }
    Ok(())
}
