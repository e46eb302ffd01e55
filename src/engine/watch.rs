//! One look of the watch: the look of `check`, folded into the record of incidents, and what has changed told. No event is told
//! before its number is on the disk.

use std::path::Path;
use std::time::Duration;

use super::alarm::{channels, tell_all, tell_unwritten};
use super::compare::look_at_all;
use super::leaving::calendar;
use super::load::load;
use super::observe::observe;
use super::recover::recover_if_stopped;
use super::{Place, Progress, now};
use crate::error::{Error, Result, shown};
use crate::model::desired::Desired;
use crate::model::ended::{Compared, Watched};
use crate::model::incident::event::Event;
use crate::model::incident::record::{Incidents, Rules};
use crate::model::incident::sight::Seen;
use crate::model::incident::unwritten;
use crate::model::leaving::Limits;
use crate::model::log::stamp::Seconds;
use crate::model::state::generation::hex;
use crate::sys::incidents::{self, WatchLock};
use crate::sys::{clock, host, random, secrets, signals, state};

/// Longest wait for a run that changes the host: in the middle of it Postfix may be stopped, and nothing is amiss.
const PATIENCE: Duration = Duration::from_secs(120);

/// Looks, notes what has opened and closed, and tells it. `open_after`: how long something has to be amiss before an incident
/// opens. Errors: the answers cannot be read, another watch is at work, the record of incidents cannot be written, or the
/// host could not be looked at; the last two are told too.
pub fn watch(
    answers: &Path,
    limits: Limits,
    open_after: Duration,
    progress: &mut dyn Progress,
) -> Result<Watched> {
    let desired = load(answers)?;
    let lock = match incidents::lock(&mut |line| progress.note(line)) {
        Err(error @ (Error::Busy { .. } | Error::Interrupted(_))) => return Err(error),
        lock => lock,
    };
    wait_for_a_run()?;
    let looked = recover_if_stopped(progress).and_then(|recovered| {
        let compared = look_at_all(&desired, || observe(&desired, Place::Host), limits)?;
        Ok(Compared { recovered, ..compared })
    });
    signals::check()?;
    let now = now();
    let seen = match &looked {
        Ok(compared) => Seen::of(&compared.plan, compared.leaving.as_deref(), &compared.mail, now),
        Err(error) => Seen::failed(error.to_string(), error.hint("relayhost check"), error.stops_mail(), now),
    };
    let open_after = Seconds::try_from(open_after.as_secs()).unwrap_or(Seconds::MAX);
    let noted = lock.and_then(|lock| {
        let (record, events) = note(&desired, &seen, (open_after, now), &lock, progress)?;
        Ok((record, events, lock))
    });
    let (record, events, lock) = match noted {
        Ok(noted) => noted,
        Err(error) => {
            let event = unwritten::event(&error.to_string(), &seen, &host::moment().boot, now);
            tell_unwritten(event, &desired, progress);
            signals::check()?;
            return Err(error);
        }
    };
    let (record, told) = tell_all(record, &desired, &lock, progress);
    signals::check()?;
    let compared = looked?;
    let (young, calendar) = (record.not_yet(&seen, open_after), calendar());
    Ok(Watched { host: host::hostname(), compared, events, open: record.open, young, told, calendar })
}

/// Folds what was seen into the record, which is on the disk when this returns with something to tell. `times`: how long
/// something has to be amiss, and now.
fn note(
    desired: &Desired,
    seen: &Seen,
    times: (Seconds, Seconds),
    lock: &WatchLock,
    progress: &mut dyn Progress,
) -> Result<(Incidents, Vec<Event>)> {
    let (open_after, now) = times;
    let before = kept(lock, now, progress)?;
    let mut record = before.clone();
    let was_unwritten = incidents::unwritten().is_some();
    if was_unwritten {
        unwritten::is_over(&mut record, &host::moment().boot, now);
    }
    let ways: Vec<String> = channels(desired).into_iter().map(|channel| channel.key).collect();
    let events = record.fold(seen, Rules { ways: &ways, open_after, now });
    let record = record.hidden(secrets::hide).fitted();
    // What is left from an earlier look is told only if it can be noted that it was.
    if record != before || !record.untold.is_empty() {
        incidents::write(&record, lock)?;
    }
    if was_unwritten {
        incidents::note_unwritten(None)?;
    }
    Ok((record, events))
}

/// The record; a new one if there is none, or one that cannot be used, which is set aside: the watch does not wait for a person.
fn kept(lock: &WatchLock, now: Seconds, progress: &mut dyn Progress) -> Result<Incidents> {
    let series = || hex(&random::bytes::<3>());
    match incidents::read() {
        Ok(record) => Ok(record.unwrap_or_else(|| Incidents::new(series()))),
        Err(error) if error.is_lost_record() => {
            let (aside, bytes) = incidents::set_aside(lock)?;
            progress.note(&format!(
                "{error}; it is set aside as {}, and what was open is told anew or told to be over",
                shown(aside)
            ));
            Ok(Incidents::rescued(&bytes, series(), now))
        }
        Err(error) => Err(error),
    }
}

/// Waits for the end of a run that is at work, as long as a look may be late. Where the lock cannot be had at all, on a
/// read-only file system, no run is at work.
fn wait_for_a_run() -> Result<()> {
    let begin = clock::now();
    while state::is_there() && matches!(state::try_lock(), Ok(None)) && begin.elapsed() < PATIENCE {
        clock::sleep(Duration::from_millis(200))?;
    }
    Ok(())
}
