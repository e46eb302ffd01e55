//! Installs missing packages, and does not trust the package manager's exit status.

use std::time::Duration;

use super::Progress;
use super::observe::packages_of;
use crate::error::{Error, Result};
use crate::model::desired::Desired;
use crate::model::observed::capabilities;
use crate::model::packages::need::{MAIL_PACKAGES, Need, needs};
use crate::model::text;
use crate::sys::run::Heard;
use crate::sys::{clock, files, host, lock, mail, packages, signals};

/// The pause between two looks at a lock.
const LOCK_TICK: Duration = Duration::from_secs(1);
/// The longest pause where only the package manager itself sees the lock: it is started for each look.
const LONGEST_TICK: Duration = Duration::from_secs(30);
/// The longest wait for a holder of the lock that cannot be a package manager.
const OTHERS: Duration = Duration::from_secs(60);

/// Words of a package manager that does not know a name: yum 3, dnf 4, dnf 5.
const UNKNOWN_NAME: [&str; 3] = ["No package ", "No match for argument", "Unable to find a match"];

/// Whether a line says so. yum 3 says it first, and much after it.
fn is_unknown_name(line: &str) -> bool {
    UNKNOWN_NAME.iter().any(|words| line.contains(words))
}

/// Installs in one call. A `mail` command has other names on other releases; where the first is not known, the next
/// is tried for the needs that are still missing. A package that is installed and has lost its plugin is reinstalled.
pub fn install(needs: &[Need], patience: Duration, progress: &mut dyn Progress) -> Result<String> {
    let manager = packages::manager()?;
    let mut missing = still_missing(needs)?;
    let broken: Vec<String> =
        needs.iter().filter(|need| !missing.contains(need)).map(|need| need.label().to_owned()).collect();
    if !broken.is_empty() {
        unlocked(needs, patience, progress, |progress| manager.reinstall(&broken, &mut hear(progress)))?;
    }
    for mail in MAIL_PACKAGES {
        if missing.is_empty() {
            break;
        }
        let name = |need: &Need| match need {
            Need::Package { name, .. } => name.clone(),
            Need::MailCommand => mail.to_owned(),
        };
        let names: Vec<String> = missing.iter().map(name).collect();
        let last =
            unlocked(&missing, patience, progress, |progress| manager.install(&names, &mut hear(progress)))?;
        missing = still_missing(&missing)?;
        let other_name =
            missing.contains(&Need::MailCommand) && last.output.line_with(&is_unknown_name).is_some();
        let names_left = Some(&mail) != MAIL_PACKAGES.last();
        let try_next = other_name && names_left;
        if !missing.is_empty() && !try_next {
            return Err(not_installed(&missing, last));
        }
    }
    Ok(format!("installed {}", needs.iter().map(Need::label).collect::<Vec<_>>().join(", ")))
}

/// Has the package manager keep the packages that mail needs when relayhost itself is erased, though they were
/// installed for it. A failure of this does not fail the run: mail goes out.
pub fn keep_when_we_go(desired: &Desired, progress: &mut dyn Progress) {
    if host::is_image() {
        return;
    }
    let noted = installed_names(desired).and_then(|names| packages::manager()?.keep(&names));
    if let Err(error) = noted {
        progress.note(&format!("erasing relayhost may take packages along that mail needs: {error}"));
    }
}

/// Names of the installed packages that meet the needs.
fn installed_names(desired: &Desired) -> Result<Vec<String>> {
    let mut asked = capabilities(&needs(desired));
    // The package that provides the command, under whatever name.
    asked.extend(mail::command().and_then(|path| Some(files::resolve(&path)?.display().to_string())));
    let output = packages::query(&asked, "relayhost %{NAME}\\n")?;
    let mut names: Vec<String> =
        output.lines().filter_map(|line| line.strip_prefix("relayhost ")).map(str::to_owned).collect();
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

/// Shows the output of a package manager while it runs.
pub(super) fn hear(progress: &mut dyn Progress) -> impl FnMut(Heard) {
    |heard| match heard {
        Heard::Line(line) => progress.say(line),
        Heard::Note(text) => progress.note(text),
        Heard::Tick => {}
    }
}

/// The words for the packages that stay when a signal ends a run after the package manager has finished.
fn left_by(installation: &packages::Installation, needs: &[Need]) -> String {
    let _held = signals::hold();
    let ran = format!("`{}` ran to its end ({})", installation.output.command, installation.output.status());
    let Ok(missing) = still_missing(needs) else { return ran };
    let there: Vec<&str> = needs.iter().filter(|need| !missing.contains(need)).map(Need::label).collect();
    if there.is_empty() {
        format!("{ran} and installed nothing of what is needed")
    } else {
        format!("{ran}: packages were installed and stay: {}", there.join(", "))
    }
}

/// The error that the package manager ran and these needs are still missing.
pub(super) fn not_installed(missing: &[Need], last: packages::Installation) -> Error {
    Error::NotInstalled {
        missing: missing.iter().map(|need| need.label().to_owned()).collect(),
        asked: missing.first().map(Need::asked),
        status: last.output.status(),
        output: last.output.tail(),
        command: last.output.command,
    }
}

/// Waits until no package manager works, then runs one; again if another was faster. Does not wait for one that may
/// wait for relayhost: a hook of its transaction may have called `apply --root`. `needs` are the needs to install.
pub(super) fn unlocked(
    needs: &[Need],
    patience: Duration,
    progress: &mut dyn Progress,
    mut work: impl FnMut(&mut dyn Progress) -> Result<packages::Installation>,
) -> Result<packages::Installation> {
    let begin = clock::now();
    let (mut told, mut tick) = (None, LOCK_TICK);
    loop {
        match lock::blocker() {
            None => {
                let installation = work(progress)?;
                signals::check().map_err(|error| {
                    let stays = left_by(&installation, needs);
                    error.interrupted_with(|left| left.stays.push(stays))
                })?;
                let Some(said) = &installation.locked else { return Ok(installation) };
                let waited = begin.elapsed();
                if waited >= patience {
                    let remedy = "wait for the other one to end (or end it), and run `this command` again";
                    let holder = format!("another process, as it says itself: {}", text::one_line(said));
                    return Err(Error::Locked { holder, waited, remedy: remedy.into() });
                }
                tick = (tick * 2).min(LONGEST_TICK).min(patience.saturating_sub(waited));
            }
            Some(holder) if holder.waits_for_us() => {
                return Err(Error::InTransaction { holder: holder.to_string(), waited: begin.elapsed() });
            }
            Some(holder) if begin.elapsed() >= patience_with(&holder, patience) => {
                return Err(Error::Locked {
                    holder: holder.to_string(),
                    waited: begin.elapsed(),
                    remedy: holder.remedy().into(),
                });
            }
            Some(holder) => {
                if told.as_ref() != Some(&holder) {
                    progress.note(&format!("waiting for {holder} to end"));
                    told = Some(holder);
                }
                tick = LOCK_TICK;
            }
        }
        clock::sleep(tick)?;
    }
}

/// Patience with a holder of rpm's lock. Another user's query has it for a moment (rpm 6), others perhaps for ever.
fn patience_with(holder: &lock::Holder, patience: Duration) -> Duration {
    if holder.may_install() { patience } else { patience.min(OTHERS) }
}

/// The needs that are not met now. Package managers are not believed: yum 3 ends with 0 if it knew one name of several.
pub(super) fn still_missing(needs: &[Need]) -> Result<Vec<Need>> {
    let names = capabilities(needs);
    let found = packages_of(&names)?;
    let is_missing = |need: &&Need| match need {
        Need::Package { name, .. } => !found.contains_key(name),
        Need::MailCommand => mail::command().is_none(),
    };
    Ok(needs.iter().filter(is_missing).cloned().collect())
}
