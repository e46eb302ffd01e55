//! The pipeline (`run`), its steps, and the commands around it. Decides and orders; touches the host through `sys`
//! alone, and shows nothing itself: it reports to a `Progress`.

pub mod alarm;
pub mod apply;
mod arrival;
pub mod certificate;
pub mod compare;
pub mod defer;
pub mod diagnose;
pub mod drill;
pub mod history;
mod incidents;
pub mod init;
pub mod install;
mod labels;
pub mod leaving;
pub mod load;
pub mod login;
pub mod looks;
pub mod observe;
mod own;
pub mod pending;
pub mod probe;
mod proof;
mod provider;
mod pursuit;
mod queue;
mod reading;
pub mod recover;
pub mod root;
pub mod route;
pub mod run;
pub mod saved;
mod sources;
mod staging;
pub mod status;
pub mod supply;
pub mod tables;
pub mod token;
pub mod transaction;
pub mod verify;
mod wait;
pub mod watch;
mod ways;
mod worked;

use std::time::Duration;

use crate::error::{Error, Explained, Result};
use crate::model::causes::Circumstances;
use crate::model::causes::programs::cause_of;
use crate::model::ended::Ended;
use crate::model::host_kind::HostKind;
use crate::model::journald::Notice;
use crate::sys::{clock, host, journal, signals};

/// The system that a run works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The host that relayhost runs on.
    Host,
    /// A tree that is not running (`--root`): nothing is started, told or sent.
    Tree,
}

impl Place {
    /// The place that relayhost was called in. It may be a tree, which chroot or an installer has entered.
    pub fn here() -> Self {
        if host::kind() == HostKind::Tree { Self::Tree } else { Self::Host }
    }
}

/// The receiver of a run's progress.
pub trait Progress {
    /// A stage begins. Stages do not nest.
    fn begin(&mut self, stage: &str);
    /// Shows a line of output of a program that the stage runs.
    fn say(&mut self, line: &str);
    /// Shows a line of relayhost's own, such as why the stage takes long.
    fn note(&mut self, text: &str);
    /// The stage waits for this, has `lasts` so long, and does so `limit` long at most. Said again at each look.
    fn wait(&mut self, what: &str, lasts: Duration, limit: Duration);
    /// The stage is over.
    fn end(&mut self, end: End, result: &str, took: Duration);
}

/// The end of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It did its work.
    Good,
    /// It did not.
    Bad,
    /// Unknown, or cut off by somebody: no success, and no failure either.
    Open,
}

impl End {
    /// The end of a stage with this result.
    fn of<T>(result: &Result<T>) -> Self {
        match result {
            Ok(_) => Self::Good,
            Err(error) if error.interruption().is_some() => Self::Open,
            Err(_) => Self::Bad,
        }
    }
}

/// The words for a stage that failed; the error itself is shown below.
fn failed(error: &Error) -> String {
    match error.interruption() {
        None => "failed".into(),
        Some(left) if left.stays.is_empty() => format!("cut off by {}", left.signal.key()),
        Some(left) => format!("cut off by {}; {}", left.signal.key(), left.stays.join("; ")),
    }
}

/// A progress that shows nothing.
pub struct Silent;

impl Progress for Silent {
    fn begin(&mut self, _: &str) {}
    fn say(&mut self, _: &str) {}
    fn note(&mut self, _: &str) {}
    fn wait(&mut self, _: &str, _: Duration, _: Duration) {}
    fn end(&mut self, _: End, _: &str, _: Duration) {}
}

/// Sends the end of a command to the journal if a unit of relayhost runs it, for whoever looks after the units. At a
/// terminal somebody has read it.
pub fn note_in_journal(command: &str, ended: &Ended) {
    if host::is_our_service() {
        journal::send(Notice::of(command, ended));
    }
}

/// The time, in seconds since 1970.
pub fn now() -> i64 {
    i64::try_from(clock::unix()).unwrap_or_default()
}

/// Has SIGHUP, SIGINT and SIGTERM end the run from now on only where it can be undone.
pub fn heed_signals() {
    signals::watch();
}

/// The error to show for the one that ended a command: the signal, if a signal was its cause.
pub fn ended_by(error: Error) -> Error {
    explained(signals::blame(error), Circumstances::default)
}

/// The error with its reason, where one of Postfix's programs failed with words that the catalogue knows.
fn explained(error: Error, circumstances: impl FnOnce() -> Circumstances) -> Error {
    let said = match &error {
        Error::NotRunning { output, .. } => output,
        Error::Submission { reason } => reason,
        // Its words are those after `fatal: `; where they name a file, they name the line too, and that is the reason.
        Error::Unreadable { reason, .. } if !reason.contains("/etc/postfix/") => {
            &format!("postconf: fatal: {reason}")
        }
        _ => return error,
    };
    match cause_of(said, &circumstances()) {
        Some(cause) => {
            let (cause, remedy) = (cause.cause, cause.remedy);
            Error::Explained(Box::new(Explained { error, cause, remedy }))
        }
        None => error,
    }
}

/// Runs one stage, and reports how it ended.
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
