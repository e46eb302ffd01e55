//! Does what a plan says: installs first (they cannot be undone), then the files as one transaction, then Postfix is
//! told, then the message. What the relay refuses is put back.

use std::collections::BTreeMap;
use std::time::Duration;

use super::install::install;
use super::observe::observe;
use super::probe::probe_first;
use super::recover::Held;
use super::staged::stage_all;
use super::transaction::{Transaction, Wanted, prove};
use super::verify::{Request, verify};
use super::{Place, Progress, stage, supply};
use crate::error::{Edit, Error, Exit, Files, Result};
use crate::model::desired::Desired;
use crate::model::ended::Applied as Done;
use crate::model::observed::Queue;
use crate::model::plan::Plan;
use crate::model::plan::action::Action;
use crate::model::probe::Probe;
use crate::model::state::order::Refusal;
use crate::sys::directory::Directory;
use crate::sys::{files, host, log_tail, service, signals};

/// How an `apply` behaves.
#[derive(Debug)]
pub struct Options {
    /// What is worked on.
    pub place: Place,
    /// The command's name, for the record.
    pub command: String,
    /// How long to wait for another package manager to end.
    pub patience: Duration,
    /// The test message; `None` sends none.
    pub request: Option<Request>,
    /// Whether it is sent even if nothing was changed.
    pub always_verify: bool,
    /// What is done about a relay that refuses.
    pub refusal: Refusal,
    /// Whether values that somebody changed by hand are overwritten.
    pub force: bool,
    /// The directory of packages that the answers name, where it is outside of the tree that is worked on.
    pub packages: Option<Directory>,
}

/// Whether the relay is to be asked first: where its no would be followed by putting everything back, and there is
/// something to put back.
fn is_worth_a_probe(plan: &Plan, options: &Options) -> bool {
    let writes = !plan.complete || plan.actions.iter().any(Action::is_file);
    let stops = plan.masked
        || (!options.force && !plan.foreign.is_empty())
        || (host::is_image() && !plan.to_install().is_empty());
    options.refusal == Refusal::AskFirst && options.request.is_some() && writes && !stops
}

/// Brings the host to what `desired` says, which was read with the lock held.
pub fn apply(held: &Held, desired: &Desired, options: &Options, progress: &mut dyn Progress) -> Result<Done> {
    let mut stays: Vec<String> = held.recovered.iter().cloned().collect();
    let in_tree = options.place == Place::Tree;
    bring_about(held, desired, options, progress, &mut stays)
        .map(|done| Done { summary: desired.summary(), in_tree, ..done })
        .map_err(|error| signals::blame(error).interrupted_with(|left| left.stays.extend(stays)))
}

/// `stays` is what was done and stays whatever comes of the rest.
fn bring_about(
    held: &Held,
    desired: &Desired,
    options: &Options,
    progress: &mut dyn Progress,
    stays: &mut Vec<String>,
) -> Result<Done> {
    let (plan, last) = plan_for(desired, options.place)?;
    let mut probe = None;
    if let Some(request) = options.request.as_ref().filter(|_| is_worth_a_probe(&plan, options)) {
        probe = probe_first(desired, request.deadline, progress)?;
    }
    if probe.as_ref().is_some_and(Probe::is_veto) {
        return Ok(Done { probe, recovered: held.recovered.clone(), ..Done::default() });
    }
    let (mut done, plan) = install_missing(desired, plan, options, progress)?;
    stays.extend(done.actions.iter().map(Action::describe));
    done.probe = probe;
    done.recovered.clone_from(&held.recovered);
    if !options.force && !plan.foreign.is_empty() {
        return Err(Error::Foreign { what: plan.foreign });
    }
    if plan.masked {
        return Err(Error::Masked);
    }
    let to_prove = plan.unproven.then_some(last);
    let wanted = |done: &Done, plan: &[Action]| {
        !done.actions.is_empty() || !plan.is_empty() || options.always_verify || to_prove.is_some()
    };
    // Without a package that the image lacks, no message could be sent.
    let request =
        options.request.as_ref().filter(|_| done.left_out.is_empty() && wanted(&done, &plan.actions));
    if request.is_some() {
        // Found out before anything is changed: without a log the work could not be proved.
        log_tail::require(&plan.maillog_file)?;
    }
    let transaction = perform(plan, options, progress, &mut done)?;
    done.generation = transaction.as_ref().map(Transaction::number);
    let Some(request) = request else {
        // What is configured in a tree is proved at its first boot.
        let unproven = options.place == Place::Tree || !done.left_out.is_empty();
        transaction.map(|transaction| transaction.keep(unproven)).transpose()?;
        if !done.left_out.is_empty() {
            return Err(Error::Image { missing: done.left_out });
        }
        return Ok(done);
    };
    let verdict = observe(desired, Place::Host).and_then(|now| verify(desired, &now, request, progress));
    let verdict = verdict.map_err(signals::blame);
    let (delivery, transaction) = match (verdict, transaction) {
        (Ok(delivery), transaction) => (delivery, transaction),
        (Err(cause), Some(transaction)) if options.refusal != Refusal::Keep => {
            return Err(transaction.fail(cause));
        }
        (Err(cause), transaction) => {
            let _held = signals::hold();
            let number = transaction.as_ref().map(Transaction::number);
            transaction.map(|transaction| transaction.keep(true)).transpose()?;
            return Err(cause.interrupted_with(|left| left.files = number.map_or(left.files, Files::New)));
        }
    };
    let verdict = delivery.outcome.exit();
    done.delivery = Some(delivery);
    match transaction {
        Some(transaction) if verdict == Exit::Refused && options.refusal != Refusal::Keep => {
            // From the relay's no to the end of this, a signal waits.
            let _held = signals::hold();
            stage(progress, "undo", |progress| {
                let put_back = transaction.undo("the relay refused the test message")?;
                put_back.edits.iter().for_each(|edit| progress.note(&edit.line()));
                if let Some(untold) = put_back.untold {
                    progress.note(&format!("Postfix could not be told: {untold}"));
                }
                Ok(format!("the configuration is again what it was before{}", Edit::except(&put_back.edits)))
            })?;
            done.undone = true;
        }
        Some(transaction) => transaction.keep(verdict != Exit::Done)?,
        None => {
            if let (Some(number), Exit::Done) = (to_prove, verdict) {
                prove(number)?;
            }
        }
    }
    Ok(done)
}

/// The plan for what is there now, and the number of the last generation that is in force.
fn plan_for(desired: &Desired, place: Place) -> Result<(Plan, u32)> {
    let observed = observe(desired, place)?;
    let plan = Plan::new(desired, &observed)?;
    Ok((if place == Place::Tree { plan.without_service() } else { plan }, observed.last.number))
}

/// Installs what is missing, and plans again: only then can Postfix's files be known.
fn install_missing(
    desired: &Desired,
    plan: Plan,
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<(Done, Plan)> {
    let mut done = Done::default();
    let missing = plan.to_install().to_vec();
    if missing.is_empty() {
        return Ok((done, plan));
    }
    if host::is_image() {
        done.left_out = missing.iter().map(|need| need.label().to_owned()).collect();
        return if plan.complete { Ok((done, plan)) } else { Err(Error::Image { missing: done.left_out }) };
    }
    let mut supply = None;
    stage(progress, "packages", |progress| {
        let Some(from) = &desired.packages_from else { return install(&missing, options.patience, progress) };
        let here;
        let directory = if let Some(outside) = &options.packages {
            outside
        } else {
            here = Directory::open(from)?;
            &here
        };
        let (taken, text) = supply::install(directory, &missing, options.patience, progress)?;
        supply = Some(taken);
        Ok(text)
    })?;
    done.actions.push(Action::Install(missing, supply));
    let (mut after, _) = plan_for(desired, options.place)?;
    if !after.to_install().is_empty() {
        return Err(Error::NotInstalled {
            missing: after.to_install().iter().map(|need| need.label().to_owned()).collect(),
            command: "the package manager".into(),
            status: "success".into(),
            output: "what it installed is not what was missing; `relayhost check` says more".into(),
        });
    }
    // smtp(8) processes that run already have the old list of plugins.
    if options.place == Place::Host {
        after.ensure_reload();
    }
    Ok((done, after))
}

/// Does the actions: the files as one transaction, which is left open for the verdict on the test message.
fn perform(
    plan: Plan,
    options: &Options,
    progress: &mut dyn Progress,
    done: &mut Done,
) -> Result<Option<Transaction>> {
    let queue = plan.queue.clone();
    let (files, others): (Vec<_>, Vec<_>) = plan.actions.into_iter().partition(Action::is_file);
    let staged = stage_all(&files, progress)?;
    let mut transaction = None;
    let mut result = Ok(());
    if !staged.is_empty() {
        let mut wanted = BTreeMap::new();
        for file in staged.iter().flat_map(|staged| &staged.files) {
            let (before, after) = (file.before.clone(), files::read_no_link(&file.built)?);
            wanted.insert(file.name.clone(), Wanted { before, after });
        }
        let mut begun = Transaction::begin(&options.command, options.place, &wanted, plan.wrote)?;
        result = staged
            .iter()
            .try_for_each(|staged| signals::check().and_then(|()| staged.put_in_place(&mut begun, progress)));
        transaction = Some(begun);
    }
    let result = result.and_then(|()| transaction.as_ref().map_or(Ok(()), Transaction::changed));
    let result = result.and_then(|()| others.iter().try_for_each(|action| tell(action, &queue, progress)));
    let result = result.and_then(|()| signals::check());
    match (result, transaction) {
        (Ok(()), transaction) => {
            done.actions.extend(files);
            done.actions.extend(others);
            Ok(transaction)
        }
        (Err(cause), None) => Err(cause),
        (Err(cause), Some(transaction)) => Err(transaction.fail(cause)),
    }
}

/// The actions that are no files.
fn tell(action: &Action, queue: &Queue, progress: &mut dyn Progress) -> Result<()> {
    match action {
        Action::Service(action) => {
            stage(progress, "postfix", |_| Ok(format!("{} done", service::tell(*action, queue)?.verb())))
        }
        Action::Enable => {
            stage(progress, "boot", |_| service::enable().map(|()| "Postfix starts at boot".into()))
        }
        // Installed before, or done by the transaction.
        Action::Install(..) | Action::WriteMap { .. } | Action::WriteMainCf { .. } => Ok(()),
    }
}
