//! One look of the watch: the look of `check`, folded into the record of incidents, and what has changed told.

use std::path::Path;
use std::time::Duration;

use super::alarm::{channels, tell_all};
use super::compare::look_at_all;
use super::load::load;
use super::observe::observe;
use super::recover::recover_if_stopped;
use super::{Place, Progress, now};
use crate::error::{Result, shown};
use crate::model::ended::Watched;
use crate::model::incident::record::Incidents;
use crate::model::incident::sight::Seen;
use crate::model::leaving::Limits;
use crate::model::state::generation::hex;
use crate::sys::incidents::{self, WatchLock};
use crate::sys::{clock, host, random, secrets, signals, state};

/// Longest wait for a run that changes the host: in the middle of it Postfix may be stopped, and nothing is amiss.
const PATIENCE: Duration = Duration::from_secs(120);

/// Looks, notes what has opened and closed, and tells it. Errors: the answers cannot be read, another watch is at work, or the
/// host could not be looked at, which is told too.
pub fn watch(answers: &Path, limits: Limits, progress: &mut dyn Progress) -> Result<Watched> {
    let desired = load(answers)?;
    let lock = incidents::lock(&mut |line| progress.note(line))?;
    wait_for_a_run()?;
    let recovered = recover_if_stopped(progress)?;
    let looked = look_at_all(&desired, || observe(&desired, Place::Host), limits);
    signals::check()?;
    let now = now();
    let seen = match &looked {
        Ok(compared) => Seen::of(&compared.plan, compared.leaving.as_deref(), &compared.mail, now),
        Err(error) => Seen::failed(error.to_string(), error.hint("relayhost check"), error.stops_mail(), now),
    };
    let before = kept(&lock, progress)?;
    let mut record = before.clone();
    let ways: Vec<String> = channels(&desired).into_iter().map(|channel| channel.key).collect();
    let events = record.fold(&seen, &ways, now);
    let record = record.hidden(secrets::hide);
    if record != before
        && let Err(error) = incidents::write(&record, &lock)
    {
        // Told all the same: once too often is better than not at all.
        progress.note(&format!("what is told now will be told again: {error}"));
    }
    let (record, told) = tell_all(record, &desired, &lock, progress);
    signals::check()?;
    let mut compared = looked?;
    compared.recovered = recovered;
    Ok(Watched { host: host::hostname(), compared, events, open: record.open, told })
}

/// The record; a new one if there is none, or one that cannot be used, which is set aside: the watch does not wait for a person.
fn kept(lock: &WatchLock, progress: &mut dyn Progress) -> Result<Incidents> {
    let new = || Incidents::new(hex(&random::bytes::<3>()));
    match incidents::read() {
        Ok(record) => Ok(record.unwrap_or_else(new)),
        Err(error) if error.is_lost_record() => {
            let aside = incidents::set_aside(lock)?;
            progress
                .note(&format!("{error}; it is set aside as {}, and all incidents begin anew", shown(aside)));
            Ok(new())
        }
        Err(error) => Err(error),
    }
}

/// Waits for the end of a run that is at work, as long as a look may be late.
fn wait_for_a_run() -> Result<()> {
    let begin = clock::now();
    while state::is_there() && state::try_lock()?.is_none() && begin.elapsed() < PATIENCE {
        clock::sleep(Duration::from_millis(200))?;
    }
    Ok(())
}
