//! One run: lock, recover, load, observe, plan, probe, install, write, tell, prove, record. It serves `apply`, `repair`,
//! `pending` and `--root`.

mod change;
mod prove;

use std::path::{Path, PathBuf};
use std::time::Duration;

use change::{Changed, change, install};
use prove::{Proved, keep, prove};

use super::compare::look;
use super::observe::observe;
use super::probe::probe_first;
use super::recover::{Recovered, lock_and_recover};
use super::transaction::Transaction;
use super::verify::Request;
use super::{Place, Progress, defer};
use crate::error::{Exit, Result};
use crate::model::desired::Desired;
use crate::model::message::delivery::Delivery;
use crate::model::plan::action::{Actions, Install};
use crate::model::plan::{Finding, Plan};
use crate::model::probe::Probe;
use crate::model::state::order::{Message, Order};
use crate::model::state::pending::Entry;
use crate::sys::directory::Directory;
use crate::sys::{host, signals};

/// Where a run works, and by which command.
#[derive(Debug)]
pub struct Task {
    /// The command's name, for the record.
    pub command: &'static str,
    /// The host, or a tree.
    pub place: Place,
    /// The file of the answers, for the error that no recipient is in it.
    pub answers: PathBuf,
    /// How long to wait for another relayhost, and for another package manager, to end.
    pub patience: Duration,
    /// The directory of packages that the answers name, where it is outside of the tree that is worked on.
    pub packages: Option<Directory>,
    /// Whether somebody is there to read what is left to a person.
    pub attended: bool,
}

/// What a run goes by. Read with the lock held: while one waits for that, it may change.
#[derive(Debug)]
pub struct Given {
    /// What the answers say.
    pub desired: Desired,
    /// How much is to be done.
    pub order: Order,
    /// The requests of the queue that are settled when the run ends well.
    pub serves: Vec<(String, Entry)>,
}

/// The end of a run.
#[derive(Debug, Default)]
pub struct Applied {
    /// Where mail goes by the answers, in one line.
    pub summary: String,
    /// Whether the run worked on a tree that is not running.
    pub in_tree: bool,
    /// What a stopped run had left and was cleared up first.
    pub recovered: Recovered,
    /// The steps that were done.
    pub actions: Actions,
    /// The generation that has what was there before, if a file was changed.
    pub generation: Option<u32>,
    /// What the relay said before anything was changed, if it was asked. A veto: nothing was.
    pub probe: Option<Probe>,
    /// What became of the test message, if one was sent.
    pub delivery: Option<Delivery>,
    /// Whether the files were put back.
    pub undone: bool,
    /// What is amiss on the host, or may be, and is left to a person; `None` if it was not looked for.
    pub findings: Option<Vec<Finding>>,
}

impl Applied {
    /// Whether the relay would refuse, so that nothing was done.
    pub fn is_vetoed(&self) -> bool {
        self.probe.as_ref().is_some_and(Probe::is_veto)
    }

    /// The exit status of the command.
    pub fn exit(&self) -> Exit {
        match &self.delivery {
            Some(_) if self.undone => Exit::PutBack,
            Some(delivery) => delivery.outcome.exit(),
            None if self.is_vetoed() => Exit::Refused,
            None => Exit::Done,
        }
    }
}

/// Brings the host, or a tree, to what the answers say. `load` reads what is given, with the lock held.
pub fn run(
    task: &Task,
    load: impl FnOnce() -> Result<Given>,
    progress: &mut dyn Progress,
) -> Result<Applied> {
    let held = lock_and_recover(task.patience, task.place, progress)?;
    let given = load()?;
    let message = message_of(&given, &task.answers)?;
    let mut stays: Vec<String> = held.recovered.iter().cloned().collect();
    let mut work = || {
        let plan = observe_and_plan(&given.desired, task.place)?;
        let probe = probe_if_worthwhile(&given, &plan, message.as_ref(), progress)?;
        let nothing = Applied {
            summary: given.desired.summary(),
            in_tree: task.place == Place::Tree,
            recovered: held.recovered.clone(),
            probe,
            ..Applied::default()
        };
        if nothing.is_vetoed() {
            return Ok(nothing);
        }
        let installed = install(task, &given.desired, plan, progress)?;
        stays.extend(installed.install.as_ref().map(Install::describe));
        let message = message.as_ref().filter(|_| installed.is_to_be_proved(given.order));
        let Changed { actions, transaction, unproven, left_out } =
            change(task, given.order, installed, message.is_some(), progress)?;
        let generation = transaction.as_ref().map(Transaction::number);
        let Proved { delivery, undone } = match message {
            Some(message) => prove(&given, message, transaction, unproven, progress)?,
            None => keep(task.place, transaction, left_out)?,
        };
        let applied = Applied { actions, generation, delivery, undone, ..nothing };
        record(task.place, &given, &applied, progress)?;
        let findings = task.attended.then(|| left_to_a_person(&given.desired, &applied));
        Ok(Applied { findings, ..applied })
    };
    work().map_err(|error| signals::blame(error).interrupted_with(|left| left.stays.extend(stays)))
}

/// The test message that the order asks for. An error where the answers name no recipient: nothing is changed that could
/// not be proved.
fn message_of(given: &Given, answers: &Path) -> Result<Option<Request>> {
    match given.order.message {
        Message::Never => Ok(None),
        Message::IfChanged | Message::Always => Request::of(&given.desired, answers).map(Some),
    }
}

fn observe_and_plan(desired: &Desired, place: Place) -> Result<Plan> {
    let observed = observe(desired, place)?;
    match place {
        Place::Host => Plan::new(desired, &observed),
        Place::Tree => Plan::for_tree(desired, &observed),
    }
}

fn probe_if_worthwhile(
    given: &Given,
    plan: &Plan,
    message: Option<&Request>,
    progress: &mut dyn Progress,
) -> Result<Option<Probe>> {
    match message {
        Some(message) if plan.is_worth_a_probe(given.order, host::is_image()) => {
            probe_first(&given.desired, message.deadline, progress)
        }
        _ => Ok(None),
    }
}

/// Notes in the queue what a run that ended well has done, and what a tree still waits for.
fn record(place: Place, given: &Given, applied: &Applied, progress: &mut dyn Progress) -> Result<()> {
    match place {
        Place::Tree => defer::prove_at_boot(),
        Place::Host if applied.exit() == Exit::Done => {
            defer::fulfilled(&given.serves, &given.desired, progress)
        }
        Place::Host => Ok(()),
    }
}

fn left_to_a_person(desired: &Desired, applied: &Applied) -> Vec<Finding> {
    // It was done, whether the host can be looked at once more or not.
    let plan = if applied.exit() == Exit::Done { look(desired).ok() } else { None };
    plan.map(|plan| plan.by_hand()).unwrap_or_default()
}
