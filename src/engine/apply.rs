//! Does what a plan says: installs first (they cannot be undone), then files, then Postfix is told.

use std::time::Duration;

use super::Progress;
use super::observe::{observe, pid_directory};
use crate::error::{Error, Result};
use crate::model::action::Action;
use crate::model::desired::Desired;
use crate::model::maincf::MainCf;
use crate::model::managed::{Managed, MapKind};
use crate::model::need::{MAIL_PACKAGES, Need};
use crate::model::observed::{Database, parse_settings};
use crate::model::parameters::words;
use crate::model::plan::Plan;
use crate::model::postmap::MapSource;
use crate::sys::{clock, files, lock, packages, postfix, service};

/// How an `apply` may behave.
#[derive(Debug, Clone)]
pub struct Options {
    /// How long to wait for another package manager to end.
    pub lock_patience: Duration,
}

/// What was done: the actions of both rounds, the one before and the one after installing.
#[derive(Debug, Default)]
pub struct Done {
    /// In the order in which they were done.
    pub actions: Vec<Action>,
}

/// How often a lock is looked at.
const LOCK_TICK: Duration = Duration::from_secs(1);

/// Brings the host to what `desired` says, starting from `plan`. Returns what was done.
pub fn apply(desired: &Desired, plan: Plan, options: &Options, progress: &mut dyn Progress) -> Result<Done> {
    let mut done = Done::default();
    let missing = plan.to_install().to_vec();
    let plan = if missing.is_empty() {
        plan
    } else {
        stage(progress, "packages", |progress| install(&missing, options, progress))?;
        let after = Plan::new(desired, &observe(desired)?)?;
        if !after.to_install().is_empty() {
            let missing = after.to_install().iter().map(|need| need.label().to_owned()).collect();
            return Err(Error::NotInstalled {
                missing,
                command: "the package manager".into(),
                status: "success".into(),
                output: "what it installed is not what was missing; `check` says more".into(),
            });
        }
        done.actions.push(Action::Install(missing));
        after
    };
    let reload_for_plugins =
        !done.actions.is_empty() && !plan.actions.iter().any(|a| matches!(a, Action::Service(_)));
    let mut actions = plan.actions;
    if reload_for_plugins {
        // smtp(8) processes that run already have the old list of plugins.
        actions.push(Action::Service(crate::model::action::ServiceAction::Reload));
    }
    for action in actions {
        perform(&action, progress)?;
        done.actions.push(action);
    }
    Ok(done)
}

fn perform(action: &Action, progress: &mut dyn Progress) -> Result<()> {
    match action {
        // Dealt with before; a plan that still has it never comes here.
        Action::Install(_) => Ok(()),
        Action::WriteMap { file, kind, before, after, .. } => {
            stage(progress, file.name(), |_| write_map(*file, kind, before.as_ref(), after))
        }
        Action::WriteMainCf { before, after, changes } => {
            stage(progress, "main.cf", |_| write_main_cf(before, after, changes))
        }
        Action::Service(action) => stage(progress, "postfix", |_| {
            let settings = parse_settings(&postfix::settings(&["queue_directory", "process_id_directory"])?);
            let queue = settings.get("queue_directory").map_or("/var/spool/postfix", String::as_str);
            service::tell(*action, queue, pid_directory(&settings))?;
            Ok(format!("{} done", action.verb()))
        }),
        Action::Enable => {
            stage(progress, "boot", |_| service::enable().map(|()| "Postfix starts at boot".into()))
        }
    }
}

/// Runs one stage, and tells how it went.
fn stage(
    progress: &mut dyn Progress,
    name: &str,
    work: impl FnOnce(&mut dyn Progress) -> Result<String>,
) -> Result<()> {
    let begin = clock::now();
    progress.begin(name);
    let result = work(progress);
    let text = result.as_ref().map_or_else(|_| "failed".to_owned(), Clone::clone);
    progress.end(result.is_ok(), &text, begin.elapsed());
    result.map(|_| ())
}

/// Installs in one call. A `mail` command has other names on other releases; where the first is not known, the next
/// is tried for what is still missing.
fn install(needs: &[Need], options: &Options, progress: &mut dyn Progress) -> Result<String> {
    let manager = packages::manager()?;
    let mut missing: Vec<Need> = needs.to_vec();
    let mut last = None;
    for mail in MAIL_PACKAGES {
        let names: Vec<String> = missing
            .iter()
            .map(|need| match need {
                Need::Package { name, .. } => name.clone(),
                Need::MailCommand => mail.to_owned(),
            })
            .collect();
        let installation = install_unlocked(&manager, &names, options, progress)?;
        missing = still_missing(&missing)?;
        let mail_is_missing = missing.contains(&Need::MailCommand);
        last = Some(installation);
        if !mail_is_missing {
            break;
        }
    }
    match (missing.is_empty(), last) {
        (false, Some(last)) => Err(Error::NotInstalled {
            missing: missing.iter().map(|need| need.label().to_owned()).collect(),
            command: last.command,
            status: last.status,
            output: last.tail,
        }),
        _ => Ok(format!("installed {}", needs.iter().map(Need::label).collect::<Vec<_>>().join(", "))),
    }
}

/// Waits until no package manager works, then installs; again if one was faster.
fn install_unlocked(
    manager: &packages::Manager,
    names: &[String],
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<packages::Installation> {
    let begin = clock::now();
    let mut told = None;
    loop {
        match lock::package_manager_holder() {
            None => {
                let installation = manager.install(names, &mut |line| progress.say(line))?;
                if !installation.locked {
                    return Ok(installation);
                }
                if begin.elapsed() >= options.lock_patience {
                    return Err(Error::Locked { holder: installation.tail, waited: begin.elapsed() });
                }
            }
            Some(holder) if begin.elapsed() >= options.lock_patience => {
                return Err(Error::Locked { holder, waited: begin.elapsed() });
            }
            Some(holder) => {
                if told.as_ref() != Some(&holder) {
                    progress.say(&format!("waiting for {holder} to end"));
                    told = Some(holder);
                }
            }
        }
        clock::sleep(LOCK_TICK);
    }
}

/// Which needs are not met now. Package managers are not believed: yum 3 ends with 0 if it knew one name of several.
fn still_missing(needs: &[Need]) -> Result<Vec<Need>> {
    let names = crate::model::observed::capabilities(needs);
    let found = if names.is_empty() {
        std::collections::BTreeMap::new()
    } else {
        let output = packages::query(&names, crate::model::observed::QUERY_FORMAT)?;
        crate::model::observed::parse_packages(&names, &output)
    };
    let is_missing = |need: &&Need| match need {
        Need::Package { name, .. } => found.get(name) == Some(&crate::model::observed::Presence::Missing),
        Need::MailCommand => crate::sys::mail::command().is_none(),
    };
    Ok(needs.iter().filter(is_missing).cloned().collect())
}

fn write_map(file: Managed, kind: &MapKind, before: Option<&MapSource>, after: &MapSource) -> Result<String> {
    let path = file.path();
    if files::read_whole(&path)?.map(MapSource::new).as_ref() != before {
        return Err(Error::ChangedMeanwhile { path });
    }
    postfix::write_map(&path, kind, after.bytes())?;
    let mut written = vec![path.clone()];
    written.extend(kind.database(&path));
    files::restore_labels(&written)?;
    match postfix::read_database(&path, kind)? {
        Database::Read { entries, .. } if entries == after.entries() => {}
        Database::NotNeeded => {}
        _ => return Err(Error::MapDiffers { database: kind.database(&path).unwrap_or(path) }),
    }
    let count = after.entries().len();
    Ok(format!("{count} {} in {}", if count == 1 { "entry" } else { "entries" }, kind.table(&path)))
}

fn write_main_cf(before: &MainCf, after: &MainCf, changes: &[(String, String)]) -> Result<String> {
    let path = Managed::MainCf.path();
    accepted_by_postfix(after, changes)?;
    if files::read_whole(&path)?.unwrap_or_default() != before.bytes() {
        return Err(Error::ChangedMeanwhile { path });
    }
    files::replace(&path, after.bytes())?;
    files::restore_labels(&[path])?;
    let count = changes.len();
    Ok(format!("{count} {} set", if count == 1 { "parameter" } else { "parameters" }))
}

/// Has Postfix read the new file first, and compares what it understood with what was meant.
fn accepted_by_postfix(after: &MainCf, changes: &[(String, String)]) -> Result<()> {
    let (text, warnings) = postfix::try_out(after.bytes())?;
    let understood = parse_settings(&text);
    for (name, value) in changes {
        let unused = format!("unused parameter: {name}=");
        if let Some(warning) = warnings.lines().find(|line| line.contains(&unused)) {
            return Err(Error::Staged { reason: warning.to_owned() });
        }
        let got = understood.get(name).map_or("", String::as_str);
        if words(got) != words(value) {
            return Err(Error::Staged { reason: format!("it reads {name} as `{got}` instead of `{value}`") });
        }
    }
    Ok(())
}
