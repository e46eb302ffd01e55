//! The messages that wait in the queue: lists them, and has Postfix try them again once mail leaves.

use std::collections::BTreeSet;
use std::time::Duration;

use super::own::Own;
use super::{End, Progress};
use crate::error::Result;
use crate::model::inspection::backlog::{Backlog, Retried, given_up};
use crate::model::inspection::queue::Waiting;
use crate::model::log::stamp::Calendar;
use crate::model::observed::parse_settings;
use crate::model::postfix::settings::{Settings, planned, value};
use crate::sys::postfix::{self, Instance};
use crate::sys::{clock, log_tail, queue_files, signals};

/// Time for one listing of the queue. Any user can hold up all showq(8) processes by listings that nobody reads.
const LISTING: Duration = Duration::from_secs(10);

/// Collects the messages that wait, as [`list_within`] does. An error unless the queue was listed to its end.
pub fn list<T>(calendar: &Calendar, new: impl Fn() -> T, add: impl Fn(&mut T, &Waiting)) -> Result<T> {
    let (all, end) = list_within(LISTING, calendar, new, add);
    end.map(|()| all)
}

/// Collects the messages that wait, for this long at the most: `add` adds one to a collection, and `new` makes an empty one.
/// Postfix before 3.1 lists in another form alone, and is not asked for this one: its postqueue would write into the mail log
/// how it is used. One with a message for hundreds of recipients lists in the other form too, and then the collection is begun
/// anew. Returns what was collected, and the reason why it may not be all.
pub fn list_within<T>(
    limit: Duration,
    calendar: &Calendar,
    new: impl Fn() -> T,
    add: impl Fn(&mut T, &Waiting),
) -> (T, Result<()>) {
    let begin = clock::now();
    let collect = |as_json| {
        let (mut all, rest) = (new(), limit.saturating_sub(begin.elapsed()));
        let read = postfix::queue(as_json, rest, calendar, &mut |message| add(&mut all, &message));
        (all, read)
    };
    match if postfix::lists_json() { collect(true) } else { (new(), Ok(false)) } {
        (_, Ok(false)) => {
            let (all, read) = collect(false);
            (all, read.map(|_| ()))
        }
        (all, read) => (all, read.map(|_| ())),
    }
}

/// How long relayhost looks whether messages that are tried again leave the queue, and how often.
const LOOKING: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_millis(200);

/// Has Postfix try the messages again that wait for the relay, if there are not too many; `None` if none wait, or if it is not
/// known whether some do, which is said.
pub fn try_again(progress: &mut dyn Progress) -> Result<Option<Retried>> {
    let known = parse_settings(&postfix::settings(&planned())?);
    let now = i64::try_from(clock::unix()).unwrap_or_default();
    let own = Own::new(&known)?;
    let listed = list(&Calendar::new(clock::zone(), now), Backlog::default, |backlog, message| {
        backlog.add(message, |address| own.has(address));
    });
    let backlog = match listed {
        Ok(backlog) if backlog.count > 0 => backlog,
        Ok(_) => return Ok(None),
        Err(error) if error.interruption().is_some() => return Err(error),
        Err(error) => {
            progress.note(&format!(
                "it is not known what waits in the queue, and Postfix tries it in its own time: {error}"
            ));
            return Ok(None);
        }
    };
    let age = backlog.oldest.map_or(0, |oldest| u64::try_from(now - oldest).unwrap_or_default());
    let mut retried = Retried { waiting: backlog.count, oldest: age, tried: 0, gone: 0, returned: 0 };
    let begin = clock::now();
    progress.begin("queue");
    let result = send(&backlog.to_try(), &known, &mut retried);
    let is_done = result.is_ok() && retried.gone == retried.waiting && retried.returned == 0;
    progress.end(if is_done { End::Good } else { End::Open }, &retried.text(), begin.elapsed());
    result.map(|()| Some(retried))
}

fn send(queue_ids: &[String], known: &Settings, retried: &mut Retried) -> Result<()> {
    let directory = value(known, "queue_directory");
    let mut log = log_tail::follow(value(known, "maillog_file"))?;
    for queue_id in queue_ids {
        signals::check()?;
        Instance::default().retry(queue_id)?;
        retried.tried += 1;
    }
    let (begin, mut returned) = (clock::now(), BTreeSet::new());
    loop {
        let waits = |queue_id: &&String| queue_files::is_queued(directory, queue_id);
        retried.gone = retried.tried - queue_ids.iter().filter(waits).count();
        let is_over = retried.gone == retried.tried || begin.elapsed() >= LOOKING;
        // smtp(8) logs its word before the message leaves the queue, and syslogd takes a moment.
        clock::sleep(TICK)?;
        let lines = log.lines(is_over)?;
        let lines = if log.is_in_journal() { lines.postfix } else { lines.anybody };
        returned.extend(lines.iter().filter_map(|line| given_up(queue_ids, line)));
        retried.returned = returned.len();
        if is_over {
            return Ok(());
        }
    }
}
