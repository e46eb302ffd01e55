//! Collects what is known of the relay in force: the last proof, the log, the queue. `model::message::worked` judges.

use super::queue;
use super::reading::Reading;
use crate::error::Result;
use crate::model::log::Reader;
use crate::model::log::stamp::{Calendar, Seconds};
use crate::model::message::worked::History;
use crate::model::observed::Observed;
use crate::model::state::generation::Fate;
use crate::sys::{clock, host, signals, state};

const DAY: Seconds = 86_400;
/// How far back the log is read, in seconds: a month only if the last day says nothing.
const SPANS: [Seconds; 2] = [DAY, 31 * DAY];

/// Whether the configuration in force has worked, and nothing says that it no longer does.
pub fn has_worked(observed: &Observed) -> Result<bool> {
    let Some(postfix) = &observed.postfix else { return Ok(false) };
    let names = vec![host::hostname(), postfix.setting("myhostname").to_owned()];
    let history = History::new(postfix.setting("relayhost"), &observed.last, names);
    let Some(mut history) = history else { return Ok(false) };
    for number in state::numbers()? {
        // The record of a change is written for the last time when it ends.
        if let (Ok(change), Some(end)) = (state::generation(number), state::recorded(number))
            && change.fate != Fate::Kept
        {
            history.except(&change.time, end);
        }
    }
    // A restore has put back what was there before its target: all since then was of something else.
    let last = state::generation(observed.last.number).ok();
    if let Some(target) = last.and_then(|last| state::generation(last.target()?).ok()) {
        history.except_since(&target.time, &observed.last.time);
    }
    let now = i64::try_from(clock::unix()).unwrap_or_default();
    let calendar = Calendar::new(clock::zone(), now);
    let mut listener = Listener { history, calendar: calendar.clone() };
    for span in SPANS {
        let reading = Reading { files: &[], calendar: &calendar, now, since: now - span };
        // A log that cannot be read says nothing: the proof and the queue are left.
        let _ = reading.read(postfix.setting("maillog_file"), &mut listener);
        signals::check()?;
        if listener.history.is_known() {
            break;
        }
    }
    let mut history = listener.history;
    if let Some(proof) = state::proof() {
        history.proof(&proof);
    }
    if let Ok(with_queue) = queue::list(&calendar, || history.clone(), History::waiting) {
        history = with_queue;
    }
    signals::check()?;
    Ok(history.has_worked())
}

struct Listener {
    history: History,
    calendar: Calendar,
}

impl Reader for Listener {
    fn source(&mut self, calendar: Calendar) {
        self.calendar = calendar;
    }

    fn feed(&mut self, block: &[u8]) {
        self.history.block(block, &self.calendar);
    }
}
