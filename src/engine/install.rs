//! Installs what is missing, and does not believe the package manager.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Progress;
use crate::error::{Error, Result};
use crate::model::need::{MAIL_PACKAGES, Need};
use crate::model::observed::{Presence, QUERY_FORMAT, capabilities, parse_packages};
use crate::sys::{clock, lock, mail, packages};

/// How often a lock is looked at.
const LOCK_TICK: Duration = Duration::from_secs(1);

/// Installs in one call. A `mail` command has other names on other releases; where the first is not known, the next
/// is tried for what is still missing.
pub fn install(needs: &[Need], patience: Duration, progress: &mut dyn Progress) -> Result<String> {
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
        let installation = install_unlocked(&manager, &names, patience, progress)?;
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
    patience: Duration,
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
                if begin.elapsed() >= patience {
                    return Err(Error::Locked { holder: installation.tail, waited: begin.elapsed() });
                }
            }
            Some(holder) if begin.elapsed() >= patience => {
                return Err(Error::Locked { holder, waited: begin.elapsed() });
            }
            Some(holder) => {
                if told.as_ref() != Some(&holder) {
                    progress.note(&format!("waiting for {holder} to end"));
                    told = Some(holder);
                }
            }
        }
        clock::sleep(LOCK_TICK);
    }
}

/// Which needs are not met now. Package managers are not believed: yum 3 ends with 0 if it knew one name of several.
fn still_missing(needs: &[Need]) -> Result<Vec<Need>> {
    let names = capabilities(needs);
    let found = if names.is_empty() {
        BTreeMap::new()
    } else {
        let output = packages::query(&names, QUERY_FORMAT)?;
        parse_packages(&names, &output)
    };
    let is_missing = |need: &&Need| match need {
        Need::Package { name, .. } => found.get(name) == Some(&Presence::Missing),
        Need::MailCommand => mail::command().is_none(),
    };
    Ok(needs.iter().filter(is_missing).cloned().collect())
}
