//! Lists the messages that wait in the queue.

use crate::model::inspection::queue::{Listing, Waiting, parse_json};
use crate::model::log::stamp::Calendar;
use crate::sys::postfix;

/// Hands on each message that waits; `None` if the queue cannot be listed, or not to its end.
pub fn list(calendar: &Calendar, on: &mut dyn FnMut(&Waiting)) -> Option<()> {
    let read = postfix::queue(true, &mut |line| {
        if let Some(message) = parse_json(line) {
            on(&message);
        }
    });
    if read.ok()? {
        return Some(());
    }
    // Postfix before 3.1 has no -j.
    let mut listing = Listing::default();
    let mut take = |line: &str| {
        if let Some(message) = listing.line(line, calendar) {
            on(&message);
        }
    };
    if !postfix::queue(false, &mut take).ok()? {
        return None;
    }
    if let Some(message) = listing.end() {
        on(&message);
    }
    Some(())
}
