//! What cannot be done inside an RPM transaction is recorded there, and done when it is over. rpm holds its lock through
//! every scriptlet (rpm: lib/transaction.c, rpmtsRun), so a package manager that is started in one waits for ever.

use std::path::Path;
use std::time::Duration;

use super::apply::{Done, Options, Refusal, apply};
use super::install::keep_when_we_go;
use super::recover::lock_and_recover;
use super::verify::Request;
use super::{Place, Progress, load};
use crate::error::{Error, Exit, Result};
use crate::model::delivery::{Delivery, Outcome};
use crate::model::desired::Desired;
use crate::model::kind::Kind;
use crate::model::pending::{Attempt, CHANGED, Entry, TREE, TYPED, Waiting, is_package_name};
use crate::model::probe::Ending;
use crate::sys::{clock, host, lock, pending, service};

const SERVICE: &str = "relayhost-pending.service";
const TIMER: &str = "relayhost-pending.timer";

/// How often the locks are looked at while they are held.
const TICK: Duration = Duration::from_millis(500);
/// How long they must stay free: yum and dnf lock more than once on their way.
const CALM: Duration = Duration::from_secs(1);
/// Rounds of one run: what is asked for while it works is done too, and a loop of askers ends.
const ROUNDS: usize = 3;

/// A scriptlet slot (rpm-scriptlets(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// `%post`
    Post,
    /// `%posttrans`
    PostTrans,
    /// `%preun`
    PreUn,
    /// `%postun`
    PostUn,
}

/// Whose scriptlet it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// Our own.
    Ourselves,
    /// That of a package that asks for a relay.
    Asker(String),
    /// A trigger or hook: this package came, went or changed.
    Changed(String),
}

/// What a scriptlet does: writes or removes one small file, and tells systemd, where it runs. `instances` is the
/// scriptlet's `$1`: how many of the package there are when the transaction is over.
pub fn scriptlet(slot: Slot, instances: u32, subject: &Subject) -> Result<()> {
    let removed = matches!(slot, Slot::PreUn | Slot::PostUn) && instances == 0;
    match subject {
        Subject::Ourselves if removed => {
            for (name, _) in pending::entries()? {
                pending::withdraw(&name)?;
            }
            pending::close();
            service::order("stop", TIMER);
            return Ok(());
        }
        // An upgrade leaves everything as it is, what waits too.
        Subject::Ourselves if slot == Slot::Post && instances < 2 => {
            record("relayhost", "relayhost was installed")?;
        }
        Subject::Asker(name) if is_package_name(name) => {
            if removed {
                pending::withdraw(name)?;
            } else if slot == Slot::Post {
                record(name, &format!("{name} was installed"))?;
            }
        }
        Subject::Changed(name) if is_package_name(name) => {
            // On a host that was never asked to relay there is nothing to mend.
            if load::is_answered() && !lock::is_called_by_relayhost() {
                let what = if removed { "removed" } else { "installed or changed" };
                record(CHANGED, &format!("{name} was {what}"))?;
            }
        }
        // A name that is none is a mistake in somebody's spec, and no file of ours.
        Subject::Ourselves | Subject::Asker(_) | Subject::Changed(_) => {}
    }
    if !pending::entries()?.is_empty() {
        service::order("start", SERVICE);
    }
    Ok(())
}

fn record(name: &str, why: &str) -> Result<()> {
    pending::record(name, &Entry::new(why.to_owned(), clock::unix(), clock::unique()))
}

/// For commands that would install: inside a transaction, records that they were typed, and returns who waits for us.
pub fn defer_inside_transaction(command: &str, answers: &Path) -> Result<Option<String>> {
    let Some(holder) = lock::own_transaction() else { return Ok(None) };
    if answers != Path::new(load::DEFAULT) {
        return Err(Error::Answers {
            file: answers.display().to_string(),
            place: None,
            problem: "this is inside an RPM transaction, and these answers cannot be kept until it is over"
                .into(),
            remedy: format!("put them into {} or {}, and leave --answers out", load::DEFAULT, load::DROP_INS),
        });
    }
    // Whoever typed it is here now; later there is nobody to tell what is wrong with them.
    load::load(answers)?;
    record(TYPED, &format!("`relayhost {command}` was called inside an RPM transaction"))?;
    service::order("start", SERVICE);
    Ok(Some(holder.to_string()))
}

/// For a tree that was configured while it does not run: its first boot proves it.
pub fn prove_at_boot() -> Result<()> {
    record(TREE, "configured while it was not running")
}

/// A command has done what was waiting.
pub fn fulfilled(desired: &Desired, progress: &mut dyn Progress) -> Result<()> {
    let entries = pending::entries()?;
    if !entries.is_empty() {
        keep_when_we_go(desired, progress);
    }
    for (name, entry) in entries {
        pending::settle(&name, &entry, None)?;
    }
    rest();
    Ok(())
}

/// What waits, for people.
pub fn waiting() -> Result<Vec<Waiting>> {
    let now = clock::unix();
    Ok(pending::entries()?.into_iter().map(|(name, entry)| entry.waiting(name, now)).collect())
}

/// How a run of the queue ended.
#[derive(Debug)]
pub enum Drained {
    /// Nothing waits.
    Nothing,
    /// What waits is not to be tried now.
    NotDue,
    /// There are no answers to apply yet.
    NoAnswers,
    /// Done, or tried; all entries were tried, and are gone if the exit status is 0.
    Ran(Box<(Desired, Done)>),
}

/// Does what waits: when the RPM transaction is over, one `apply` serves all who asked. What could not be done stays,
/// with its reason.
pub fn drain(only_due: bool, patience: Duration, progress: &mut dyn Progress) -> Result<Drained> {
    pending::sweep();
    let mut drained = Drained::Nothing;
    for _ in 0..ROUNDS {
        // First without waiting: most calls find nothing.
        let entries = pending::entries()?;
        if entries.is_empty() {
            break;
        }
        let (now, boot, changed) = (clock::unix(), host::boot_id(), load::changed());
        if only_due && !entries.iter().any(|(_, entry)| entry.is_due(now, &boot, changed)) {
            return Ok(if matches!(drained, Drained::Nothing) { Drained::NotDue } else { drained });
        }
        if !load::is_answered() {
            return Ok(Drained::NoAnswers);
        }
        let result = wait_for_locks(patience, progress).and_then(|()| {
            let held = lock_and_recover(patience, Place::Host, progress)?;
            let desired = load::load(Path::new(load::DEFAULT))?;
            let done = apply(&held, &desired, &options(&desired, patience)?, progress)?;
            Ok((desired, done))
        });
        let failure = failure(&result);
        if let (Ok((desired, _)), None) = (&result, &failure) {
            keep_when_we_go(desired, progress);
        }
        // Those that came while we waited are served too.
        for (name, entry) in pending::entries()? {
            if entries.iter().any(|(_, known)| known.id == entry.id) || failure.is_some() {
                let after = failure.clone().map(|attempt| entry.clone().tried(attempt));
                pending::settle(&name, &entry, after.as_ref())?;
            }
        }
        drained = Drained::Ran(Box::new(result.inspect_err(|_| rest())?));
        if failure.is_some() {
            break;
        }
    }
    rest();
    Ok(drained)
}

/// While something waits, the timer comes back to it.
fn rest() {
    let verb = if pending::entries().is_ok_and(|entries| entries.is_empty()) { "stop" } else { "start" };
    service::order(verb, TIMER);
}

fn options(desired: &Desired, patience: Duration) -> Result<Options> {
    Ok(Options {
        place: Place::Host,
        command: "pending".into(),
        patience,
        request: Some(Request::of(desired, Path::new(load::DEFAULT))?),
        always_verify: false,
        refusal: Refusal::AskFirst,
        force: false,
        packages: None,
    })
}

fn failure(result: &Result<(Desired, Done)>) -> Option<Attempt> {
    let (exit, text, remedy) = match result {
        Ok((_, done)) if done.exit() == Exit::Done => return None,
        Ok((_, done)) => {
            let (text, remedy) = match (&done.delivery, done.probe.as_ref().map(|probe| &probe.ending)) {
                (Some(Delivery { outcome: Outcome::Failed { cause, remedy, .. }, .. }), _) => {
                    (cause.clone(), remedy.clone())
                }
                (None, Some(Ending::Failed(failure))) => (failure.cause.clone(), failure.remedy.clone()),
                _ => (String::new(), String::new()),
            };
            (done.exit(), text, remedy)
        }
        Err(error) => (error.exit(), error.to_string(), error.hint()),
    };
    Some(Attempt { at: clock::unix(), exit: exit.code(), text, remedy, boot: host::boot_id() })
}

/// Waits until no package manager is at work. Looks at the locks, and never takes one: whoever holds it would find
/// us in its way.
fn wait_for_locks(patience: Duration, progress: &mut dyn Progress) -> Result<()> {
    let begin = clock::now();
    let (mut free_since, mut told) = (None, None);
    loop {
        match lock::package_manager_holder() {
            None => {
                let since = *free_since.get_or_insert_with(clock::now);
                if told.is_none() || since.elapsed() >= CALM {
                    return Ok(());
                }
            }
            Some(holder) if holder.waits_for_us() || begin.elapsed() >= patience => {
                return Err(Error::InTransaction { holder: holder.to_string(), waited: begin.elapsed() });
            }
            Some(holder) => {
                free_since = None;
                if told.as_ref() != Some(&holder) {
                    progress.note(&format!("waiting for {holder} to end"));
                    told = Some(holder);
                }
            }
        }
        clock::sleep(TICK);
    }
}

/// Who will do what was recorded, in words.
pub fn who_does_it() -> &'static str {
    match host::kind() {
        Kind::Systemd => "relayhost-pending.service does it when the transaction is over",
        Kind::NoSystemd => "no systemd runs here: call `relayhost pending` when the transaction is over",
        Kind::Tree | Kind::Installer => "it is done at the first boot",
    }
}

/// Refuses to work on the installer's own system.
pub fn refuse_installer() -> Result<()> {
    if host::kind() != Kind::Installer {
        return Ok(());
    }
    let problem = "it is the installer's own, and gone after the installation".to_owned();
    Err(Error::Tree { path: "/".into(), problem })
}
