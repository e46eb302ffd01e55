//! Clears up what a stopped run left: every command does this before anything else.

use std::collections::BTreeSet;
use std::time::Duration;

use super::transaction::{Transaction, elsewhere, postfix_runs, queue, reread, trust_links, trust_places};
use super::{Place, Progress, init, stage};
use crate::error::{Edit, Error, Result, shown, typed};
use crate::model::plan::action::ServiceAction;
use crate::model::state::generation::{Intent, Phase};
use crate::sys::state::{self, Lock};
use crate::sys::{beside, damage, queue_files, scratch, signals};

/// The words for the remains of a drill that were removed.
const DRILL: &str = "what a drill that was killed had left was removed";

/// The words for what recovery did; `None` if there was nothing to do.
pub type Recovered = Option<String>;

/// The lock of the host, held for as long as this value lives.
#[derive(Debug)]
pub struct Held {
    _lock: Lock,
    /// The words for what was cleared up when the lock was taken.
    pub recovered: Recovered,
}

/// For commands that change something: waits for the lock, clears up what a stopped run left, and sets aside records
/// that cannot be used. The command reads the answers afterwards, since they may change while it waits.
pub fn lock_and_recover(patience: Duration, place: Place, progress: &mut dyn Progress) -> Result<Held> {
    trust_places()?;
    let lock = state::lock(patience, &mut |line| progress.note(line))?;
    let recovered = go_on(clear_up(&lock, place, progress), progress)?;
    Ok(Held { _lock: lock, recovered })
}

/// For commands that change nothing: clears up what a stopped run left, and leaves a run alone that is at work now.
pub fn recover_if_stopped(progress: &mut dyn Progress) -> Result<Recovered> {
    let lock = if state::has_intent() { state::try_lock()? } else { None };
    let Some(lock) = lock else { return Ok(None) };
    trust_places()?;
    go_on(clear_up(&lock, Place::here(), progress), progress)
}

/// The same for a command that goes by the answers, beside the reading of them: where they cannot be read, what was cleared up is
/// said before that.
pub fn recover_beside<T>(read: Result<T>, progress: &mut dyn Progress) -> Result<(T, Recovered)> {
    let recovered = recover_if_stopped(progress)?;
    match read {
        Ok(read) => Ok((read, recovered)),
        Err(error) => {
            if let Some(text) = &recovered {
                progress.note(text);
            }
            Err(error)
        }
    }
}

/// A line for each record of the state that cannot be used, or that others can read.
pub fn damages() -> Vec<String> {
    let lines = damage::survey()
        .into_iter()
        .map(|damage| damage.line() + "; the next apply, repair or restore sets it aside");
    let exposure = damage::exposure().map(|line| line + "; the next apply, repair or restore closes it");
    lines.chain(exposure).collect()
}

/// Reports the records that cannot be used. Returns whether there are, or were, such records.
pub fn tell_of_damage(progress: &mut dyn Progress) -> bool {
    let lines = damages();
    for line in &lines {
        progress.note(line);
    }
    !lines.is_empty() || !state::generations_aside().is_empty()
}

/// At boot, before Postfix starts and reads the files: clears up what a stopped run left. A Postfix that runs all the
/// same is told to read them.
pub fn recover_at_boot(progress: &mut dyn Progress) -> Result<Recovered> {
    if !state::is_there() {
        tell_of_damage(progress);
        return Ok(None);
    }
    // A file that relayhost may not change is in nobody's way while nothing has to be put back.
    if state::has_intent() { trust_places() } else { trust_links() }?;
    // A tree that was copied from a running host has that host's pid file.
    let place = if Place::here() == Place::Host && postfix_runs()? { Place::Host } else { Place::Tree };
    match state::try_lock()? {
        None => Ok(None),
        Some(lock) => clear_up(&lock, place, progress),
    }
}

/// Lets the command go on if files cannot be put back: `check` shows them, and `repair` makes them what the answers
/// say.
fn go_on(result: Result<Recovered>, progress: &mut dyn Progress) -> Result<Recovered> {
    match result {
        Err(error @ Error::Unrecovered { .. }) => {
            progress.note(&format!("{error} -> {}", error.hint("relayhost repair")));
            Ok(Some(error.to_string()))
        }
        other => other,
    }
}

fn clear_up(lock: &Lock, place: Place, progress: &mut dyn Progress) -> Result<Recovered> {
    // Signals wait: the files that this puts back are to be in force.
    let _held = signals::hold();
    scratch::sweep();
    let swept = beside::sweep().then(|| DRILL.to_owned());
    if let Some(line) = &swept {
        progress.note(line);
    }
    let recovered = if state::has_intent() { recover(lock, place, progress) } else { Ok(None) };
    state::sweep(lock, &elsewhere())?;
    for line in init::clear_up(lock) {
        progress.note(&line);
    }
    for line in damage::set_all_aside(lock) {
        progress.note(&line);
    }
    recovered.map(|recovered| recovered.or(swept))
}

fn recover(lock: &Lock, place: Place, progress: &mut dyn Progress) -> Result<Recovered> {
    let mut recovered = None;
    stage(progress, "recovery", |progress| {
        recovered = match finish(lock, place, progress) {
            // No later command could follow the record either.
            Err(lost) if lost.is_lost_record() => {
                state::set_intent_aside()?;
                let lost = if let Error::Stuck { undo, .. } = lost { *undo } else { lost };
                return Err(Error::Unrecovered { problem: lost.to_string() });
            }
            other => other?,
        };
        Ok(recovered.clone().unwrap_or_else(|| "nothing was under way".into()))
    })?;
    Ok(recovered)
}

/// Ends what a stopped run had begun. `Error::is_lost_record` if the records for that are lost.
fn finish(lock: &Lock, place: Place, progress: &mut dyn Progress) -> Result<Recovered> {
    let (transaction, phase) = match state::intent() {
        Ok(None) => return Ok(None),
        Ok(Some(Intent { generation, phase, message, .. })) => {
            match Transaction::resume(generation, message, place) {
                Err(lost) if lost.is_lost_record() && phase == Phase::Changed => {
                    return without_record(&lost, place).map(Some);
                }
                transaction => (transaction?, phase),
            }
        }
        // The newest generation tells whose run it was, and the files how far it had come.
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
    // Before the sweep: an exchange may have brought out somebody's edit.
    let mut edits = transaction.rescue()?.into_iter().collect();
    let ended = end(transaction, phase, lock, place, &mut edits, progress);
    if ended.is_err() {
        // The error does not name them.
        for edit in &edits {
            progress.note(&edit.line());
        }
    }
    ended.map(|ended| Some(ended + &kept(&edits)))
}

/// Ends a change: puts it back, or lets it stay. Returns the words for that, and adds the edits that it met.
fn end(
    mut transaction: Transaction,
    phase: Phase,
    lock: &Lock,
    place: Place,
    edits: &mut BTreeSet<Edit>,
    progress: &mut dyn Progress,
) -> Result<String> {
    state::sweep(lock, &elsewhere())?;
    let message = transaction.message().filter(|id| !is_proved(Some(id)));
    let message = message.map(test_message).unwrap_or_default();
    // A run that was putting back and could not record it has left `Changed`.
    let phase = if transaction.is_as_before()? { Phase::Changing } else { phase };
    let (done, untold) = match phase {
        Phase::Changing => {
            let put_back = transaction.undo("a run was stopped while it changed files", progress)?;
            let except = Edit::except(&put_back.edits);
            edits.extend(put_back.edits);
            (
                format!(
                    "a run was stopped while it changed files; they are again what they were before{except}"
                ),
                put_back.untold,
            )
        }
        Phase::Changed => {
            transaction.resume_guard()?;
            let untold = transaction.tell_postfix().err();
            let is_proved = is_proved(transaction.message());
            transaction.stay(!is_proved, progress)?;
            (
                if is_proved {
                    format!("{CHANGED}, and the relay has taken its test message")
                } else {
                    CHANGED.to_owned()
                },
                untold,
            )
        }
    };
    Ok(told(&done, place, untold) + &message)
}

/// Whether the relay is known to have taken the test message of this queue id. Otherwise nobody knows whether it would have.
fn is_proved(message: Option<&str>) -> bool {
    message.is_some() && state::proof().is_some_and(|proof| proof.queue_id.as_deref() == message)
}

const CHANGED: &str = "a run was stopped after it had changed all files";

/// All files are new, and Postfix has to read them; the record by which they could be put back is lost.
fn without_record(lost: &Error, place: Place) -> Result<String> {
    // The previous files are not known: they may have had another inet_protocols, and a change of that takes a restart.
    let untold = reread(place, ServiceAction::Restart).err();
    state::remove_intent()?;
    Ok(told(&format!("{CHANGED}, and it cannot be undone any more ({lost})"), place, untold))
}

/// The test message of a stopped run, and what becomes of it, for the end of a sentence.
fn test_message(queue_id: &str) -> String {
    match queue() {
        Ok(queue) if queue_files::is_queued(&queue.directory, queue_id) => format!(
            "; its test message {queue_id} is in the queue, and Postfix delivers it as any other (`postsuper -d {}` takes it out)",
            typed(queue_id)
        ),
        Ok(_) => format!(
            "; its test message {queue_id} is no longer in the queue (`relayhost diagnose --queue-id {}` shows what the log has of it)",
            typed(queue_id)
        ),
        Err(_) => format!("; its test message {queue_id} may be in the queue (`postqueue -p` shows it)"),
    }
}

/// The edits that were met, for the end of a sentence.
fn kept(edits: &BTreeSet<Edit>) -> String {
    edits.iter().fold(String::new(), |text, edit| text + "; " + &edit.line())
}

fn told(done: &str, place: Place, untold: Option<Error>) -> String {
    match untold {
        // Before Postfix starts, and in a tree, no Postfix runs that could be told.
        None if place == Place::Tree => format!("{done}; Postfix reads them when it starts"),
        None => format!("{done}; Postfix has read them"),
        Some(error) => format!("{done}; Postfix could not be told: {error}"),
    }
}
