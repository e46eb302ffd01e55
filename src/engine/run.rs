//! One run: lock, recover, load, observe, plan, probe, install, write, tell, prove, record. It serves `apply`, `repair`,
//! `pending` and `--root`.

mod change;
mod prove;

use std::path::PathBuf;
use std::time::Duration;

use change::{Changed, change, install};
use prove::{Before, Proved, keep, prove};

use super::compare::{look, look_at_all};
use super::leaving::is_login_untried;
use super::observe::{observe, plugins_on_disk};
use super::probe::first::probe_first;
use super::probe::remember;
use super::queue::try_again;
use super::recover::{Recovered, lock_and_recover};
use super::saved::save;
use super::transaction::Transaction;
use super::verify::Request;
use super::worked::has_worked;
use super::{Place, Progress, defer, root, stage, token, ways};
use crate::error::{Error, Exit, Result};
use crate::model::desired::Desired;
use crate::model::ended::Applied;
use crate::model::leaving::{Leaving, Limits};
use crate::model::observed::Observed;
use crate::model::plan::action::{Actions, Install};
use crate::model::plan::{Finding, Plan};
use crate::model::postfix::managed::Managed;
use crate::model::secret::Secret;
use crate::model::state::last::LastEnd;
use crate::model::state::order::{Message, Order};
use crate::model::state::pending::PendingEntry;
use crate::sys::directory::Directory;
use crate::sys::{clock, host, incidents, service, signals, state};

/// The command that a run carries out, and the place where it works.
#[derive(Debug)]
pub struct Task {
    /// The command's name, for the record.
    pub command: &'static str,
    /// The host, or a tree.
    pub place: Place,
    /// The file of the answers, for the error that no recipient is in it.
    pub answers: PathBuf,
    /// The longest wait for another relayhost, and for another package manager, to end.
    pub patience: Duration,
    /// The directory of packages that the answers name, where it is outside of the tree that is worked on.
    pub packages: Option<Directory>,
    /// Whether a person is there to read what the run leaves to them.
    pub attended: bool,
}

/// The answers and the order of a run. Read with the lock held: while a run waits for the lock, they may change.
#[derive(Debug)]
pub struct Given {
    /// The answers.
    pub desired: Desired,
    /// The order.
    pub order: Order,
    /// The text that becomes the host's answers file, unless the previous configuration stays.
    pub save: Option<Secret>,
    /// The requests of the queue that are settled when the run ends well.
    pub serves: Vec<(String, PendingEntry)>,
}

/// Brings the host, or a tree, to what the answers say. `load` reads what is given, with the lock held.
pub fn run(
    task: &Task,
    load: impl FnOnce() -> Result<Given>,
    progress: &mut dyn Progress,
) -> Result<Applied> {
    let held = lock_and_recover(task.patience, task.place, progress)?;
    let mut given = load()?;
    // Checked before anything is changed: without a recipient nothing could be proved.
    let request = || Request::of(&given.desired, &task.answers);
    let message = (given.order.message != Message::Never).then(request).transpose()?;
    let mut stays: Vec<String> = held.recovered.iter().cloned().collect();
    let mut work = || {
        let message = message.as_ref();
        token::ready(&mut given.desired, &task.answers, task.place, progress)?;
        let (plan, observed, mut nothing) = prepare(task, &given, message, &held.recovered, progress)?;
        if nothing.is_vetoed() {
            return Ok(nothing);
        }
        let installed = install(task, &given.desired, plan, progress)?;
        stays.extend(installed.install.as_ref().map(Install::describe));
        if let Some(probe) = &mut nothing.probe {
            probe.look_again(&plugins_on_disk());
        }
        let message = message.filter(|_| {
            let is_untried = task.place == Place::Host && is_login_untried(&given.desired);
            installed.is_to_be_proved(given.order, is_untried)
        });
        let Changed { actions, transaction, unproven, left_out } =
            change(task, given.order, installed, message.is_some(), progress)?;
        let generation = transaction.as_ref().map(Transaction::number);
        let before = Before { has_worked: nothing.has_worked, unproven, has_alias: has_alias(&actions) };
        let Proved { delivery, put_back, unrecorded } = match message {
            Some(message) => prove(&given, message, before, transaction, progress)?,
            None => keep(task.place, transaction, left_out, progress)?,
        };
        let saved = save_unless(put_back.is_some(), &given, progress)?;
        let applied = Applied { actions, generation, delivery, put_back, unrecorded, saved, ..nothing };
        turn_watch(&applied, progress);
        note_ways(&given.desired, &applied, progress);
        record(&given, &applied, progress)?;
        Ok(if task.attended { attended(&given.desired, applied, observed, progress) } else { applied })
    };
    let ended = work();
    let ended =
        ended.map_err(|error| signals::blame(error).interrupted_with(|left| left.stays.extend(stays)));
    if task.place == Place::Host {
        note_end(task.command, &ended);
    }
    ended
}

/// Whether these steps have written who gets root's mail.
fn has_alias(actions: &Actions) -> bool {
    actions.files.iter().any(|change| change.file() == Managed::Aliases)
}

/// Notes how a run ended. That is shown, whether it can be noted or not.
fn note_end(command: &str, ended: &Result<Applied>) {
    let has_sent = ended.as_ref().is_ok_and(|applied| applied.delivery.is_some());
    let end = LastEnd::of(command, ended, clock::wall());
    let _ = state::write_last_end(LastEnd::after(state::last_end(), end, has_sent).as_ref());
}

/// Notes what accounts and routes were found to do, where the answers with them stay in force.
fn note_ways(desired: &Desired, applied: &Applied, progress: &mut dyn Progress) {
    if applied.put_back.is_none() {
        let ways = applied.probe.as_ref().map(|probe| probe.ways.clone());
        remember(desired, ways.unwrap_or_default(), progress);
    }
}

/// Has the host keep the answers that it was given, unless the previous configuration stays.
fn save_unless(stays: bool, given: &Given, progress: &mut dyn Progress) -> Result<Option<bool>> {
    given.save.as_ref().filter(|_| !stays).map(|text| save(text, progress)).transpose()
}

/// Turns the timer of the watch on or off, unless the relay did not take the configuration. It changes nothing of how mail
/// leaves, so the run goes on without it, and `check` names what is missing.
fn turn_watch(applied: &Applied, progress: &mut dyn Progress) {
    let Some(is_on) = applied.actions.watch.filter(|_| applied.put_back.is_none()) else { return };
    let _ = stage(progress, "watch", |_| {
        service::turn_watch(is_on)?;
        incidents::note_timer(is_on)?;
        let word = if is_on { "is on: it looks every 5 minutes" } else { "is off" };
        Ok(format!("relayhost-watch.timer {word}"))
    });
}

/// Adds to the end of a run what a person at the terminal wants to know: whether the messages that waited were tried again,
/// and what is left to do.
fn attended(desired: &Desired, applied: Applied, observed: Observed, progress: &mut dyn Progress) -> Applied {
    let is_accepted = applied.delivery.is_some() && applied.is_settled();
    // The run has succeeded, whether the messages that wait can be tried again or not.
    let retried = if is_accepted { try_again(progress).ok().flatten() } else { None };
    let (findings, leaving) = left_to_a_person(desired, &applied, observed);
    Applied { retried, leaving, findings: Some(findings), ..applied }
}

/// Observes, plans and probes. Returns the plan, what was observed, and the end of a run that stops there.
fn prepare(
    task: &Task,
    given: &Given,
    message: Option<&Request>,
    recovered: &Recovered,
    progress: &mut dyn Progress,
) -> Result<(Plan, Observed, Applied)> {
    let observed = observe(&given.desired, task.place)?;
    let plan = plan(&given.desired, &observed, task.place)?;
    root::demand(&given.desired, &observed, &task.answers)?;
    ways::demand(&given.desired, &observed, &task.answers)?;
    if let Some(plugin) = &plan.rival {
        return Err(Error::Rival(plugin.clone()));
    }
    // Asked before anything is changed: a message that the new relay does not take is no word about the old one.
    let has_worked = message.is_some() && !plan.actions.files.is_empty() && has_worked(&observed)?;
    let probe = match message {
        Some(message) if plan.is_worth_a_probe(given.order, host::is_image()) => {
            probe_first(&given.desired, observed.postfix.as_ref(), message.deadline, has_worked, progress)?
        }
        _ => None,
    };
    let (summary, recovered) = (given.desired.summary(), recovered.clone());
    let in_tree = task.place == Place::Tree;
    let nothing = Applied { summary, in_tree, recovered, probe, has_worked, ..Applied::default() };
    Ok((plan, observed, nothing))
}

fn observe_and_plan(desired: &Desired, task: &Task) -> Result<Plan> {
    let observed = observe(desired, task.place)?;
    root::demand(desired, &observed, &task.answers)?;
    ways::demand(desired, &observed, &task.answers)?;
    plan(desired, &observed, task.place)
}

fn plan(desired: &Desired, observed: &Observed, place: Place) -> Result<Plan> {
    match place {
        Place::Host => Plan::new(desired, observed),
        Place::Tree => Plan::for_tree(desired, observed),
    }
}

/// Settles in the queue the requests that a run has served, if nothing of it is to be tried again; in a tree there are none.
fn record(given: &Given, applied: &Applied, progress: &mut dyn Progress) -> Result<()> {
    if !applied.is_settled() {
        return Ok(());
    }
    defer::fulfilled(&given.serves, &given.desired, progress)
}

/// The findings that are left to a person; and whether mail leaves, unless the run's own message has shown it. `before`: the host
/// at the beginning of the run, which it still is if the run did nothing.
fn left_to_a_person(
    desired: &Desired,
    applied: &Applied,
    before: Observed,
) -> (Vec<Finding>, Option<Box<Leaving>>) {
    // The run has succeeded, whether the host can be looked at once more or not.
    if applied.exit() != Exit::Done {
        return (Vec::new(), None);
    }
    if applied.delivery.is_some() || !applied.actions.is_empty() {
        return (look(desired).map(|plan| plan.by_hand()).unwrap_or_default(), None);
    }
    let Ok(seen) = look_at_all(desired, || Ok(before), Limits::default()) else { return (Vec::new(), None) };
    let mut findings = seen.plan.by_hand();
    findings.extend(seen.mail.into_iter().filter(Finding::is_amiss));
    (findings, seen.leaving)
}
