//! What cannot be done inside an RPM transaction is recorded there, and done when it is over. rpm holds its lock through
//! every scriptlet (rpm: lib/transaction.c, rpmtsRun), so a package manager that is started in one waits for ever.

use std::path::Path;
use std::time::Duration;

use super::apply::{Done, Options, apply};
use super::install::keep_when_we_go;
use super::recover::{lock_and_recover, tell_of_damage};
use super::transaction::postfix_runs;
use super::verify::Request;
use super::{Place, Progress, load, wait};
use crate::error::{Error, Exit, Result, shown};
use crate::model::desired::Desired;
use crate::model::host_kind::Kind;
use crate::model::message::delivery::{Delivery, Outcome};
use crate::model::probe::Ending;
use crate::model::state::order::{Message, Wish};
use crate::model::state::pending::{
    Attempt, CHANGED, Entry, Moment, TREE, TYPED, Waiting, is_package_name, next_run,
};
use crate::sys::{clock, host, lock, pending, secrets, service, signals};

const SERVICE: &str = "relayhost-pending.service";
/// Starts it again when it is time. Made when it is needed (systemd-run), since only we know when that is.
const TIMER: &str = "relayhost-pending.timer";
/// Starts it again when the answers change.
const PATH: &str = "relayhost-pending.path";

/// How long after a run that a signal ended the next one comes, unless somebody asks for it earlier.
const AFTER_A_SIGNAL: Duration = Duration::from_secs(5 * 60);

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
            rest();
            return Ok(());
        }
        Subject::Ourselves if slot == Slot::Post && instances < 2 => {
            record("relayhost", "relayhost was installed")?;
        }
        // An upgrade leaves everything as it is, what waits too. Its units are on the disk; EL7 has no file trigger that
        // has systemd read them.
        Subject::Ourselves if slot == Slot::Post => service::reread_units(),
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
    record_wish(name, why, Wish::default())
}

fn record_wish(name: &str, why: &str, wish: Wish) -> Result<()> {
    let entry = Entry::new(why.to_owned(), host::moment(), clock::unique());
    pending::record(name, &Entry { wish, ..entry })
}

/// For commands that would install: inside a transaction, records that they were typed, and how, and returns who waits
/// for us.
pub fn defer_inside_transaction(command: &str, answers: &Path, wish: Wish) -> Result<Option<String>> {
    let Some(holder) = lock::own_transaction() else { return Ok(None) };
    if answers != Path::new(load::DEFAULT) {
        return Err(Error::Answers {
            file: shown(answers),
            place: None,
            problem: "this is inside an RPM transaction, and these answers cannot be kept until it is over"
                .into(),
            remedy: format!("put them into {} or {}, and leave --answers out", load::DEFAULT, load::DROP_INS),
        });
    }
    // Whoever typed it is here now; later there is nobody to tell what is wrong with them.
    load::load(answers)?;
    // There is one entry for all that is typed. One that nobody has tried was promised too (exit 6).
    let before =
        pending::entries()?.into_iter().find(|(name, before)| name == TYPED && before.last.is_none());
    let wish = before.map_or(wish, |(_, before)| wish.and(before.wish));
    record_wish(TYPED, &format!("`relayhost {command}` was called inside an RPM transaction"), wish)?;
    service::order("start", SERVICE);
    Ok(Some(holder.to_string()))
}

/// For a tree that was configured while it does not run: its first boot proves it.
pub fn prove_at_boot() -> Result<()> {
    record(TREE, "configured while it was not running")
}

/// What a command that is typed now will have done when it ends well, to be asked before it reads the answers: a
/// package that asks later may bring some of its own.
pub fn asked() -> Result<Vec<(String, Entry)>> {
    pending::entries()
}

/// A command has done what was asked for before it began.
pub fn fulfilled(asked: Vec<(String, Entry)>, desired: &Desired, progress: &mut dyn Progress) -> Result<()> {
    // It is done: a signal changes nothing any more.
    let _held = signals::hold();
    if !asked.is_empty() {
        keep_when_we_go(desired, progress);
    }
    for (name, entry) in asked {
        pending::settle(&name, &entry, None)?;
    }
    rest();
    Ok(())
}

/// What waits, for people.
pub fn waiting() -> Result<Vec<Waiting>> {
    let now = host::moment();
    Ok(pending::entries()?.into_iter().map(|(name, entry)| entry.waiting(name, &now)).collect())
}

/// How a run of the queue ended.
#[derive(Debug)]
pub enum Drained {
    /// Nothing waits.
    Nothing,
    /// What waits is not to be tried now; how the last attempt ended.
    NotDue(Exit),
    /// There are no answers to apply yet.
    NoAnswers,
    /// This is a tree that is not running: its first boot does what waits.
    FirstBoot,
    /// Done, or tried; all entries were tried, and are gone if the exit status is 0.
    Ran(Box<(Desired, Done)>),
}

/// Does what waits: when the RPM transaction is over, one `apply` serves all who asked. What could not be done stays,
/// with its reason.
pub fn drain(only_due: bool, patience: Duration, progress: &mut dyn Progress) -> Result<Drained> {
    pending::sweep();
    let mut drained = Drained::Nothing;
    for _ in 0..ROUNDS {
        if matches!(drained, Drained::Ran(_)) && signals::pending().is_some() {
            // What was done is done; what was asked for meanwhile stays, for the next run.
            break;
        }
        // First without waiting: most calls find nothing.
        let entries = pending::entries()?;
        if entries.is_empty() {
            if matches!(drained, Drained::Nothing) {
                tell_of_damage(progress);
            }
            break;
        }
        refuse_without_proc()?;
        if Place::here() == Place::Tree {
            drained = Drained::FirstBoot;
            break;
        }
        let (now, mut answers) = (host::moment(), load::edition());
        if only_due && !entries.iter().any(|(_, entry)| entry.is_due(&now, &answers)) {
            let last = entries.iter().find_map(|(_, entry)| entry.last_exit()).unwrap_or(Exit::Done);
            drained = if matches!(drained, Drained::Nothing) { Drained::NotDue(last) } else { drained };
            break;
        }
        if !load::is_answered() {
            drained = Drained::NoAnswers;
            break;
        }
        let mut served = entries;
        let result = wait::for_locks(patience, progress).and_then(|()| {
            // A service starts with the boot; who typed it wants to hear at once what is wrong.
            if only_due && let Ok(desired) = load::load(Path::new(load::DEFAULT)) {
                wait::for_network(&desired, progress)?;
            }
            let held = lock_and_recover(patience, Place::Host, progress)?;
            // Those that came while we waited are served too.
            served = pending::entries()?;
            answers = load::edition();
            let desired = load::load(Path::new(load::DEFAULT))?;
            let done = apply(&held, &desired, &options(&desired, &served, patience)?, progress)?;
            Ok((desired, done))
        });
        let result = match result.map_err(signals::blame) {
            // That was no attempt: the entries stay as they are, for the next run.
            Err(error) if error.interruption().is_some() => {
                rest_a_while();
                return Err(error);
            }
            other => other,
        };
        let _held = signals::hold();
        let failure = failure(&result, &answers);
        if let (Ok((desired, _)), None) = (&result, &failure) {
            keep_when_we_go(desired, progress);
        }
        for (name, entry) in pending::entries()? {
            if served.iter().any(|(_, known)| known.id == entry.id) || failure.is_some() {
                let after = failure.clone().map(|attempt| entry.clone().tried(attempt));
                pending::settle(&name, &entry, after.as_ref())?;
            }
        }
        drained = Drained::Ran(Box::new(result.inspect_err(|_| rest())?));
        if failure.is_some() && load::edition() == answers {
            break;
        }
    }
    let _held = signals::hold();
    rest();
    Ok(drained)
}

/// While something waits, systemd comes back to it: when it is time, and when the answers change.
fn rest() {
    service::order("stop", TIMER);
    let waits = || pending::entries().unwrap_or_default();
    service::order(if waits().is_empty() { "stop" } else { "start" }, PATH);
    // Read again: who asked meanwhile has had systemd start a unit that was still at work, so nothing came of it.
    let answers = load::is_answered().then(load::edition);
    if let Some(seconds) = next_run(&waits(), &host::moment(), answers.as_deref()) {
        service::order_later(SERVICE, Duration::from_secs(seconds));
    }
}

/// For a run that was told to end: not at once again, or `systemctl stop` would stop nothing.
fn rest_a_while() {
    let _held = signals::hold();
    service::order("stop", TIMER);
    service::order_later(SERVICE, AFTER_A_SIGNAL);
}

fn options(desired: &Desired, served: &[(String, Entry)], patience: Duration) -> Result<Options> {
    let wish = served.iter().map(|(_, entry)| entry.wish).reduce(Wish::and).unwrap_or_default();
    let request = || Request::of(desired, Path::new(load::DEFAULT));
    Ok(Options {
        place: Place::Host,
        command: "pending".into(),
        patience,
        request: (wish.message != Message::Never).then(request).transpose()?,
        always_verify: wish.message == Message::Always,
        refusal: wish.refusal,
        force: wish.force,
        packages: None,
    })
}

fn failure(result: &Result<(Desired, Done)>, answers: &str) -> Option<Attempt> {
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
    let Moment { wall: at, boot, up } = host::moment();
    let [text, remedy] = [text, remedy].map(|text| secrets::hide(&text));
    Some(Attempt { at, exit: exit.code(), text, remedy, boot, up, answers: answers.into() })
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

/// Refuses to take a host that runs for a tree that does not: its Postfix would go on with what was.
pub fn refuse_without_proc() -> Result<()> {
    if !host::has_proc() && postfix_runs()? { Err(Error::NoProc) } else { Ok(()) }
}
