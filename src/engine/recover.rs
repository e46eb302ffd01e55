//! What has to be cleared up before anything else, and going back: recovery of a stopped run, `restore`, `history`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::transaction::{
    Transaction, Wanted, postfix_directory, postfix_runs, reread, run_before, trust_postfix_directory,
};
use super::{End, Place, Progress, init};
use crate::error::{Edit, Error, Result, shown};
use crate::model::plan::action::ServiceAction;
use crate::model::state::generation::{Generation, Intent, Phase, recorded_files};
use crate::sys::state::{self, Lock};
use crate::sys::{clock, damage, inode, scratch, signals};

/// What recovery did, in words; `None` if there was nothing to do.
pub type Recovered = Option<String>;

/// The lock of the host, for as long as this lives.
#[derive(Debug)]
pub struct Held {
    _lock: Lock,
    /// What was cleared up when it was taken.
    pub recovered: Recovered,
}

/// For commands that change something: takes the lock, waiting for another run, clears up what a stopped run left, and
/// sets aside what cannot be used of the state. What the command goes by, the answers among it, is read afterwards: while
/// one waits, it may change.
pub fn lock_and_recover(patience: Duration, place: Place, progress: &mut dyn Progress) -> Result<Held> {
    trust_postfix_directory()?;
    let lock = state::lock(patience, &mut |line| progress.note(line))?;
    let recovered = go_on(clear_up(&lock, place, progress), progress)?;
    Ok(Held { _lock: lock, recovered })
}

/// For commands that change nothing: clears up what a stopped run left. A run that is at work now is left alone.
pub fn recover_if_stopped(progress: &mut dyn Progress) -> Result<Recovered> {
    let lock = if state::has_intent() { state::try_lock()? } else { None };
    let Some(lock) = lock else { return Ok(None) };
    trust_postfix_directory()?;
    go_on(clear_up(&lock, Place::here(), progress), progress)
}

/// What cannot be used of the state, or can be read by others; a line each.
pub fn damages() -> Vec<String> {
    let lines = damage::survey()
        .into_iter()
        .map(|damage| damage.line() + "; the next apply, repair or restore sets it aside");
    let exposure = damage::exposure().map(|line| line + "; the next apply, repair or restore closes it");
    lines.chain(exposure).collect()
}

/// Says what cannot be used of the state. Returns whether there is any such thing, or was.
pub fn tell_of_damage(progress: &mut dyn Progress) -> bool {
    let lines = damages();
    for line in &lines {
        progress.note(line);
    }
    !lines.is_empty() || !state::generations_aside().is_empty()
}

/// At boot, before Postfix starts: it will read what is there then. One that runs all the same is told.
pub fn recover_at_boot(progress: &mut dyn Progress) -> Result<Recovered> {
    if !state::is_there() {
        tell_of_damage(progress);
        return Ok(None);
    }
    trust_postfix_directory()?;
    // What runs may be another's: a tree that was copied from a running host has its pid file.
    let place = if Place::here() == Place::Host && postfix_runs()? { Place::Host } else { Place::Tree };
    match state::try_lock()? {
        None => Ok(None),
        Some(lock) => clear_up(&lock, place, progress),
    }
}

/// Files that cannot be put back are no reason to stop: they can be looked at, and made what the answers say.
fn go_on(result: Result<Recovered>, progress: &mut dyn Progress) -> Result<Recovered> {
    match result {
        Err(error @ Error::Unrecovered { .. }) => {
            progress.note(&format!("{error} -> {}", error.hint()));
            Ok(Some(error.to_string()))
        }
        other => other,
    }
}

fn clear_up(lock: &Lock, place: Place, progress: &mut dyn Progress) -> Result<Recovered> {
    // Signals wait: what it puts back is what is to be in force.
    let _held = signals::hold();
    scratch::sweep();
    let recovered = if state::has_intent() { recover(lock, place, progress) } else { Ok(None) };
    state::sweep(lock, &postfix_directory())?;
    for line in init::clear_up(lock) {
        progress.note(&line);
    }
    for line in damage::set_all_aside(lock) {
        progress.note(&line);
    }
    recovered
}

fn recover(lock: &Lock, place: Place, progress: &mut dyn Progress) -> Result<Recovered> {
    let begin = clock::now();
    progress.begin("recovery");
    let result = match finish(lock, place, progress) {
        // Nobody can follow it any more, the next command neither.
        Err(lost) if lost.is_lost_record() => state::set_intent_aside().and_then(|_| {
            let lost = if let Error::Stuck { undo, .. } = lost { *undo } else { lost };
            Err(Error::Unrecovered { problem: lost.to_string() })
        }),
        other => other,
    };
    let text = match &result {
        Ok(recovered) => recovered.as_deref().unwrap_or("nothing was under way"),
        Err(_) => "failed",
    };
    progress.end(End::of(&result), text, begin.elapsed());
    result
}

/// Ends what a stopped run had begun. `Error::is_lost_record` if what that takes is not there any more.
fn finish(lock: &Lock, place: Place, progress: &mut dyn Progress) -> Result<Recovered> {
    let (transaction, phase) = match state::intent() {
        Ok(None) => return Ok(None),
        Ok(Some(Intent { generation, phase, .. })) => match Transaction::resume(generation, place) {
            Err(lost) if lost.is_lost_record() && phase == Phase::Changed => {
                return without_record(&lost, place).map(Some);
            }
            transaction => (transaction?, phase),
        },
        // Whose it was, the newest generation says; how far it had come, the files do.
        Err(lost) if lost.is_lost_record() => match Transaction::resume_newest(place)? {
            None => {
                let aside = state::set_intent_aside()?;
                progress.note(&format!("{lost}; it is set aside as {}", shown(aside)));
                return Ok(None);
            }
            Some(newest) if newest.is_as_after()? => (newest, Phase::Changed),
            Some(newest) => (newest, Phase::Changing),
        },
        Err(other) => return Err(other),
    };
    // Before it is swept: somebody's edit may have come out of an exchange.
    transaction.rescue()?.iter().for_each(|edit| progress.note(&edit.line()));
    state::sweep(lock, &postfix_directory())?;
    // A run that could not write that it was putting back has left `Changed`.
    let phase = if transaction.is_as_before()? { Phase::Changing } else { phase };
    match phase {
        Phase::Changing => transaction.undo("a run was stopped while it changed files").map(|put_back| {
            put_back.edits.iter().for_each(|edit| progress.note(&edit.line()));
            let except = Edit::except(&put_back.edits);
            let done = format!(
                "a run was stopped while it changed files; they are again what they were before{except}"
            );
            Some(told(&done, place, put_back.untold))
        }),
        // Whether the relay would have confirmed it, nobody knows.
        Phase::Changed => {
            let untold = transaction.tell_postfix().err();
            transaction.keep(true).map(|()| Some(told(CHANGED, place, untold)))
        }
    }
}

const CHANGED: &str = "a run was stopped after it had changed all files";

/// All files are new, and Postfix has to read them; only that they could be put back is lost.
fn without_record(lost: &Error, place: Place) -> Result<String> {
    // What was there before is not known, so it may have been other protocols, which take a restart.
    let untold = reread(place, ServiceAction::Restart).err();
    state::remove_intent()?;
    Ok(told(&format!("{CHANGED}, and it cannot be undone any more ({lost})"), place, untold))
}

fn told(done: &str, place: Place, untold: Option<Error>) -> String {
    match untold {
        // Before Postfix starts, or in a tree, there is nobody to tell.
        None if place == Place::Tree => format!("{done}; Postfix reads them when it starts"),
        None => format!("{done}; Postfix has read them"),
        Some(error) => format!("{done}; Postfix could not be told: {error}"),
    }
}

/// All generations that can be used, oldest first.
pub fn history() -> Result<Vec<Generation>> {
    let readable = |number| match state::generation(number) {
        Err(error) if error.is_lost_record() => None,
        other => Some(other),
    };
    state::numbers()?.into_iter().filter_map(readable).collect()
}

/// Puts a generation back, the newest without a number. What is there now becomes a generation of its own, so that
/// this can be undone too. Returns the number that was put back. The caller holds the lock, so that what cannot be used is
/// set aside already.
pub fn restore(number: Option<u32>, progress: &mut dyn Progress) -> Result<u32> {
    let known = state::numbers()?;
    // Without a number the last change is to be undone, and not the one before it, if the generation of that is lost.
    let newest = known.iter().copied().chain(state::generations_aside()).max();
    let number = number.or(newest).unwrap_or_default();
    if !known.contains(&number) {
        return Err(Error::NoGeneration { number, known });
    }
    let generation = state::generation(number)?;
    damage::whole(&generation)?;
    // The last moment at which a signal ends it with nothing changed; from here on it waits.
    signals::check()?;
    let _held = signals::hold();
    let begin = clock::now();
    progress.begin("restore");
    let result = put_back(&generation);
    let text = format!("the files of generation {number} ({}) are in force again", generation.time);
    progress.end(End::of(&result), if result.is_ok() { &text } else { "failed" }, begin.elapsed());
    result.map(|()| number)
}

fn put_back(generation: &Generation) -> Result<()> {
    let mut wanted = BTreeMap::new();
    for name in recorded_files() {
        let now = inode::take(&postfix_directory().join(&name))?.map(|(inode, _)| inode);
        let kept = generation.files.get(&name).and_then(|change| change.before.as_ref());
        let after = kept.map(|kept| state::bytes_before(generation.number, &name, kept)).transpose()?;
        wanted.insert(name, Wanted { before: now, after });
    }
    let command = format!("restore {}", generation.number);
    // What is put back is ours as far as it was then: a relay's password must not lie about for want of an owner.
    let wrote = run_before(generation.number)?.wrote;
    let mut transaction = Transaction::begin(&command, Place::here(), &wanted, wrote)?;
    match transaction
        .restore(generation)
        .and_then(|()| transaction.changed())
        .and_then(|()| transaction.tell_postfix())
    {
        Ok(()) => transaction.keep(false),
        Err(cause) => Err(transaction.fail(cause)),
    }
}
