//! The pipeline: recover (with the lock) → load → observe → plan (in `model`) → apply → verify. Decides and orders; touches the host through
//! `sys` alone, and shows nothing itself: what happens is told to a `Progress`.

pub mod apply;
pub mod defer;
pub mod diagnose;
mod fate;
pub mod init;
pub mod install;
pub mod load;
pub mod looks;
pub mod observe;
pub mod probe;
mod pursuit;
pub mod recover;
mod staged;
pub mod supply;
pub mod transaction;
pub mod verify;
mod wait;

use std::time::Duration;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::model::host_kind::Kind;
use crate::model::journald::Notice;
use crate::sys::{clock, host, journal, secrets, signals};

/// What is worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The host that we run on.
    Host,
    /// A tree that is not running (`--root`): nothing is started, told or sent.
    Tree,
}

impl Place {
    /// What we are in. A tree may have been entered before we were called, by chroot or an installer.
    pub fn here() -> Self {
        if host::kind() == Kind::Tree { Self::Tree } else { Self::Host }
    }
}

/// Who is told how a run goes on.
pub trait Progress {
    /// A stage begins. Stages do not nest.
    fn begin(&mut self, stage: &str);
    /// A line of output of a program that the stage runs.
    fn say(&mut self, line: &str);
    /// A word of our own, such as why it takes long.
    fn note(&mut self, text: &str);
    /// The stage is over.
    fn end(&mut self, end: End, result: &str, took: Duration);
}

/// How a stage ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It did what it was to do.
    Good,
    /// It did not.
    Bad,
    /// Nobody can say, or somebody cut it off: no success, and no fault either.
    Open,
}

impl End {
    /// How a stage ended that failed with this error, if with one.
    fn of<T>(result: &Result<T>) -> Self {
        match result {
            Ok(_) => Self::Good,
            Err(error) if error.interruption().is_some() => Self::Open,
            Err(_) => Self::Bad,
        }
    }
}

/// What is said of a stage that failed; the error itself comes below.
fn failed(error: &Error) -> String {
    match error.interruption() {
        None => "failed".into(),
        Some(left) if left.stays.is_empty() => format!("cut off by {}", left.signal.key()),
        Some(left) => format!("cut off by {}; {}", left.signal.key(), left.stays.join("; ")),
    }
}

/// Nobody is told.
pub struct Silent;

impl Progress for Silent {
    fn begin(&mut self, _: &str) {}
    fn say(&mut self, _: &str) {}
    fn note(&mut self, _: &str) {}
    fn end(&mut self, _: End, _: &str, _: Duration) {}
}

/// Has the journal hold what the document of a run says, for whoever looks after our units. On a terminal it was seen.
pub fn note_in_journal(document: &Value) {
    if host::is_our_service() {
        journal::send(&Notice::of(&secrets::hide_in(document.clone())));
    }
}

/// From now on a signal that asks us to end is heeded where a run can be ended, and undone.
pub fn heed_signals() {
    signals::watch();
}

/// The error to show for one that a command ended with: the signal, if that ended it.
pub fn ended_by(error: Error) -> Error {
    signals::blame(error)
}

/// Runs one stage, and tells how it went.
fn stage(
    progress: &mut dyn Progress,
    name: &str,
    work: impl FnOnce(&mut dyn Progress) -> Result<String>,
) -> Result<()> {
    signals::check()?;
    let begin = clock::now();
    progress.begin(name);
    let result = work(progress);
    let text = result.as_ref().map_or_else(failed, Clone::clone);
    progress.end(End::of(&result), &text, begin.elapsed());
    result.map(|_| ())
}
