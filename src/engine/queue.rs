//! The messages that wait in the queue: lists them, and has Postfix try them again once mail leaves.

use std::time::Duration;

use super::observe::postfix_of;
use super::{End, Place, Progress};
use crate::error::Result;
use crate::model::inspection::backlog::{Backlog, Retried};
use crate::model::inspection::queue::{Listing, Waiting, parse_json};
use crate::model::log::stamp::Calendar;
use crate::model::plan::parameters::is_local;
use crate::sys::postfix;
use crate::sys::{clock, signals};

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

/// How long relayhost looks whether messages that are tried again leave the queue, and how often.
const LOOKING: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_millis(200);

/// Has Postfix try the messages again that wait for the relay, if there are not too many; `None` if none wait, or if the
/// queue cannot be listed.
pub fn try_again(progress: &mut dyn Progress) -> Result<Option<Retried>> {
    let known = postfix_of(Place::Host)?;
    let now = i64::try_from(clock::unix()).unwrap_or_default();
    let mut backlog = Backlog::default();
    let listed = list(&Calendar::new(clock::zone(), now), &mut |message| {
        backlog.add(message, |address| is_local(address, &known));
    });
    if listed.is_none() || backlog.count == 0 {
        return Ok(None);
    }
    let age = backlog.oldest.map_or(0, |oldest| u64::try_from(now - oldest).unwrap_or_default());
    let mut retried = Retried { waiting: backlog.count, oldest: age, tried: 0, gone: 0 };
    let begin = clock::now();
    progress.begin("queue");
    let result = send(&backlog.to_try(), known.setting("queue_directory"), &mut retried);
    let is_done = result.is_ok() && retried.gone == retried.waiting;
    progress.end(if is_done { End::Good } else { End::Open }, &retried.text(), begin.elapsed());
    result.map(|()| Some(retried))
}

fn send(queue_ids: &[String], queue_directory: &str, retried: &mut Retried) -> Result<()> {
    for queue_id in queue_ids {
        signals::check()?;
        postfix::retry(queue_id)?;
        retried.tried += 1;
    }
    let begin = clock::now();
    while retried.gone < retried.tried && begin.elapsed() < LOOKING {
        clock::sleep(TICK)?;
        let waits = |queue_id: &&String| postfix::is_queued(queue_directory, queue_id);
        retried.gone = retried.tried - queue_ids.iter().filter(waits).count();
    }
    Ok(())
}
