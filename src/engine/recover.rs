//! What has to be cleared up before anything else, and going back: recovery of a stopped run, `restore`, `history`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::transaction::{
    Transaction, Wanted, postfix_directory, postfix_runs, run_before, trust_postfix_directory,
};
use super::{Place, Progress};
use crate::error::{Error, Result};
use crate::model::generation::{Generation, Phase, recorded_files};
use crate::sys::state::{self, Lock};
use crate::sys::{clock, inode, scratch, signals};

/// What recovery did, in words; `None` if there was nothing to do.
pub type Recovered = Option<String>;

/// The lock of the host, for as long as this lives.
#[derive(Debug)]
pub struct Held {
    _lock: Lock,
    /// What was cleared up when it was taken.
    pub recovered: Recovered,
}

/// For commands that change something: takes the lock, waiting for another run, and clears up what a stopped run
/// left. What the command goes by, the answers among it, is read afterwards: while one waits, it may change.
pub fn lock_and_recover(patience: Duration, place: Place, progress: &mut dyn Progress) -> Result<Held> {
    trust_postfix_directory()?;
    let lock = state::lock(patience, &mut |line| progress.note(line))?;
    let recovered = recover(&lock, place, progress)?;
    Ok(Held { _lock: lock, recovered })
}

/// For commands that change nothing: clears up what a stopped run left. A run that is at work now is left alone.
pub fn recover_if_stopped(progress: &mut dyn Progress) -> Result<Recovered> {
    if !state::exists()? || state::journal()?.is_none() {
        return Ok(None);
    }
    trust_postfix_directory()?;
    match state::try_lock()? {
        None => Ok(None),
        Some(lock) => recover(&lock, Place::here(), progress),
    }
}

/// At boot, before Postfix starts: it will read what is there then. One that runs all the same is told.
pub fn recover_at_boot(progress: &mut dyn Progress) -> Result<Recovered> {
    if !state::exists()? || state::journal()?.is_none() {
        return Ok(None);
    }
    trust_postfix_directory()?;
    // What runs may be another's: a tree that was copied from a running host has its pid file.
    let place = if Place::here() == Place::Host && postfix_runs()? { Place::Host } else { Place::Tree };
    match state::try_lock()? {
        None => Ok(None),
        Some(lock) => recover(&lock, place, progress),
    }
}

fn recover(lock: &Lock, place: Place, progress: &mut dyn Progress) -> Result<Recovered> {
    // Signals wait: what it puts back is what is to be in force.
    let _held = signals::hold();
    scratch::sweep();
    let Some(journal) = state::journal()? else {
        return state::sweep(lock, &postfix_directory()).map(|()| None);
    };
    let begin = clock::now();
    let transaction = Transaction::resume(journal.generation, place)?;
    // Before it is swept: somebody's edit may have come out of an exchange.
    transaction.rescue()?.iter().for_each(|line| progress.note(line));
    state::sweep(lock, &postfix_directory())?;
    progress.begin("recovery");
    // A run that could not write that it was putting back has left `Changed`.
    let phase = if transaction.is_as_before()? { Phase::Changing } else { journal.phase };
    let result = match phase {
        Phase::Changing => transaction.undo("a run was stopped while it changed files").map(|put_back| {
            put_back.aside.iter().for_each(|line| progress.note(line));
            told(
                "a run was stopped while it changed files; they are again what they were before",
                place,
                put_back.untold,
            )
        }),
        // Whether the relay would have confirmed it, nobody knows.
        Phase::Changed => {
            let untold = transaction.tell_postfix().err();
            transaction
                .keep(true)
                .map(|()| told("a run was stopped after it had changed all files", place, untold))
        }
    };
    let text = result.as_ref().map_or_else(|_| "failed".to_owned(), Clone::clone);
    progress.end(result.is_ok(), &text, begin.elapsed());
    result.map(Some)
}

fn told(done: &str, place: Place, untold: Option<Error>) -> String {
    match untold {
        // Before Postfix starts, or in a tree, there is nobody to tell.
        None if place == Place::Tree => format!("{done}; Postfix reads them when it starts"),
        None => format!("{done}; Postfix has read them"),
        Some(error) => format!("{done}; Postfix could not be told: {error}"),
    }
}

/// All generations, oldest first.
pub fn history() -> Result<Vec<Generation>> {
    if !state::exists()? {
        return Ok(Vec::new());
    }
    state::numbers()?.into_iter().map(state::generation).collect()
}

/// Puts a generation back, the newest without a number. What is there now becomes a generation of its own, so that
/// this can be undone too. Returns the number that was put back.
pub fn restore(number: Option<u32>, progress: &mut dyn Progress) -> Result<u32> {
    let known = if state::exists()? { state::numbers()? } else { Vec::new() };
    let Some(number) = number.or_else(|| known.last().copied()) else {
        return Err(Error::NoGeneration { number: 0, known });
    };
    let generation = state::generation(number)?;
    // The last moment at which a signal ends it with nothing changed; from here on it waits.
    signals::check()?;
    let _held = signals::hold();
    let begin = clock::now();
    progress.begin("restore");
    let result = put_back(&generation);
    let text = format!("the files of generation {number} ({}) are in force again", generation.time);
    progress.end(result.is_ok(), if result.is_ok() { &text } else { "failed" }, begin.elapsed());
    result.map(|()| number)
}

fn put_back(generation: &Generation) -> Result<()> {
    let mut wanted = BTreeMap::new();
    for name in recorded_files() {
        let before = inode::take(&postfix_directory().join(&name))?.map(|(inode, _)| inode);
        let after = state::blob(generation.number, &format!("before/{name}"))?;
        wanted.insert(name, Wanted { before, after });
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
