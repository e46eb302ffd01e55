//! The part of a run that changes the host: installs what is missing, which cannot be undone, writes the files as one
//! transaction, and tells Postfix.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Task, observe_and_plan};
use crate::engine::staging::{Staged, stage_all};
use crate::engine::transaction::{Transaction, Wanted, last_run, or_undo};
use crate::engine::{Place, Progress, explained, install, stage, supply};
use crate::error::{Error, Result, shown};
use crate::model::causes::Circumstances;
use crate::model::desired::Desired;
use crate::model::labels::WrongLabel;
use crate::model::observed::QueueDirectories;
use crate::model::packages::need::Need;
use crate::model::plan::Plan;
use crate::model::plan::action::{Actions, Install};
use crate::model::postfix::managed::Managed;
use crate::model::state::order::Order;
use crate::sys::digest::Content;
use crate::sys::directory::Directory;
use crate::sys::{files, host, inode, log_tail, output, selinux, service, signals, swap};

/// The host after the missing packages were installed.
pub struct Installed {
    /// The installation, if something was missing.
    pub install: Option<Install>,
    /// Missing packages that belong into the image that this system comes from.
    left_out: Vec<String>,
    /// The plan for the rest.
    plan: Plan,
}

/// The host after everything but the proof.
pub struct Changed {
    /// The steps that were done.
    pub actions: Actions,
    /// The change of the files, if there was one. It waits for the verdict on the test message.
    pub transaction: Option<Transaction>,
    /// The generation of an earlier change that no message has proved.
    pub unproven: Option<u32>,
    /// Missing packages that belong into the image that this system comes from.
    pub left_out: Vec<String>,
}

impl Installed {
    /// Whether a test message is to be sent. `is_untried`: the login was changed since the last one. Without a package that
    /// the image lacks, none could be.
    pub fn is_to_be_proved(&self, order: Order, is_untried: bool) -> bool {
        let changes = self.install.is_some() || self.plan.actions.concern_mail();
        self.left_out.is_empty() && order.wants_message(changes, self.plan.unproven.is_some() || is_untried)
    }
}

/// Installs the missing packages, and plans again: only then can Postfix's files be known.
pub fn install(
    task: &Task,
    desired: &Desired,
    mut plan: Plan,
    progress: &mut dyn Progress,
) -> Result<Installed> {
    let Some(Install { needs, main_cf, .. }) = plan.actions.install.take() else {
        return Ok(Installed { install: None, left_out: Vec::new(), plan });
    };
    if let Some(number) = main_cf {
        stage(progress, "main.cf", |_| put_main_cf_back(number))?;
        if needs.is_empty() {
            return replan(task, desired, Install { needs, from: None, main_cf });
        }
    }
    if host::is_image() {
        let left_out = labels(&needs);
        return if plan.complete {
            Ok(Installed { install: None, left_out, plan })
        } else {
            Err(Error::Image { missing: left_out })
        };
    }
    let mut from = None;
    stage(progress, "packages", |progress| {
        let Some(directory) = &desired.packages_from else {
            return install::install(&needs, task.patience, progress);
        };
        let here;
        let directory = if let Some(outside) = &task.packages {
            outside
        } else {
            here = Directory::open(directory)?;
            &here
        };
        let (supply, text) = supply::install(directory, &needs, task.patience, progress)?;
        from = Some(supply);
        Ok(text)
    })?;
    replan(task, desired, Install { needs, from, main_cf })
}

/// Writes the main.cf that Postfix has lost, as the last run left it.
fn put_main_cf_back(number: u32) -> Result<String> {
    let path = Managed::MainCf.path();
    let after = last_run()?.after.remove(&Managed::MainCf).unwrap_or_default();
    let staging = files::staging(&path)?;
    let staged = staging.path().join(Managed::MainCf.name());
    files::create(&staged, &after, 0o644)?;
    swap::put(&staged, &path, None)?;
    Ok(format!("{} is there again, as the run of generation {number} left it", shown(&path)))
}

/// The plan for the host after an installation.
fn replan(task: &Task, desired: &Desired, install: Install) -> Result<Installed> {
    let mut plan = observe_and_plan(desired, task)?;
    if !plan.to_install().is_empty() {
        return Err(Error::NotInstalled {
            missing: labels(plan.to_install()),
            asked: plan.to_install().first().map(Need::asked),
            command: "the package manager".into(),
            status: "success".into(),
            output: "what it installed is not what was missing; `relayhost check` says more".into(),
        });
    }
    // smtp(8) processes that run already have the old list of plugins.
    if task.place == Place::Host {
        plan.ensure_reload();
    }
    Ok(Installed { install: Some(install), left_out: Vec::new(), plan })
}

/// Writes the files and tells Postfix; on an error the files are put back. `proves`: a message is to follow.
pub fn change(
    task: &Task,
    order: Order,
    installed: Installed,
    proves: bool,
    progress: &mut dyn Progress,
) -> Result<Changed> {
    let Installed { install, left_out, plan } = installed;
    plan.permit(order)?;
    if proves {
        // Checked before anything is changed: without a log the work could not be proved.
        log_tail::require(&plan.maillog_file)?;
    }
    let Plan { actions, wrote, queue, unproven, .. } = plan;
    let staged = stage_all(&actions.files, progress)?;
    // Whoever stops reading must not have mail leave by tables of which some are old and some new.
    let _unheld = output::unheld();
    let mut transaction = if staged.is_empty() { None } else { Some(begin(task, &staged, wrote)?) };
    let written =
        transaction.as_mut().map_or(Ok(()), |transaction| write(staged, transaction, &queue, progress));
    let labelled = written.and_then(|()| label(&actions.labels, progress));
    let told = labelled.and_then(|()| tell(&actions, &queue, progress)).and_then(|()| signals::check());
    let ((), transaction) = or_undo(told, transaction, progress)?;
    Ok(Changed { actions: Actions { install, ..actions }, transaction, unproven, left_out })
}

/// Begins the transaction, and has it record what the files were made from and what they will be.
fn begin(task: &Task, staged: &[Staged], wrote: BTreeMap<String, String>) -> Result<Transaction> {
    let mut wanted = BTreeMap::new();
    for file in staged.iter().flat_map(|staged| &staged.files) {
        let built = inode::look(&file.built)?;
        let after = built.map(|inode| Content { file: file.built.clone(), sha256: inode.sha256 });
        let before = file.before.clone();
        wanted.insert(file.name.clone(), Wanted { before, after });
    }
    Transaction::begin(task.command, task.place, &wanted, wrote)
}

fn write(
    staged: Vec<Staged>,
    transaction: &mut Transaction,
    queue: &QueueDirectories,
    progress: &mut dyn Progress,
) -> Result<()> {
    transaction.guard(Some(queue))?;
    for staged in staged {
        signals::check()?;
        staged.put_in_place(transaction, progress)?;
    }
    transaction.changed()
}

/// Gives files the labels of their places.
fn label(wrong: &[WrongLabel], progress: &mut dyn Progress) -> Result<()> {
    if wrong.is_empty() {
        return Ok(());
    }
    stage(progress, "labels", |_| {
        let paths: Vec<PathBuf> = wrong.iter().map(|file| file.path.clone()).collect();
        selinux::restore_labels(&paths)?;
        let names = wrong.iter().map(|file| format!("{} is {}", shown(&file.path), file.wanted));
        Ok(names.collect::<Vec<_>>().join(", "))
    })
}

/// Tells Postfix, and has it start at boot.
fn tell(actions: &Actions, queue: &QueueDirectories, progress: &mut dyn Progress) -> Result<()> {
    if let Some(action) = actions.service {
        stage(progress, "postfix", |progress| {
            let told = service::tell(action, queue, &mut |note| progress.note(note));
            let told = told.map_err(|error| explained(error, Circumstances::default))?;
            Ok(format!("{} done", told.verb()))
        })?;
    }
    if actions.enable {
        stage(progress, "boot", |_| service::enable().map(|()| "Postfix starts at boot".into()))?;
    }
    Ok(())
}

fn labels(needs: &[Need]) -> Vec<String> {
    needs.iter().map(|need| need.label().to_owned()).collect()
}
