//! The queue of requests that cannot be carried out inside an RPM transaction: they are recorded there, and carried out
//! (`pending`) when it is over. rpm holds its lock through every scriptlet (rpm: lib/transaction.c, rpmtsRun), so a package
//! manager that is started in one waits for ever.

use std::path::Path;
use std::time::Duration;

use super::install::keep_when_we_go;
use super::transaction::postfix_runs;
use super::{Progress, load};
use crate::error::{Error, Result, shown};
use crate::model::desired::Desired;
use crate::model::host_kind::Kind;
use crate::model::state::order::Order;
use crate::model::state::pending::{CHANGED, Entry, TREE, TYPED, Waiting, is_package_name, next_run};
use crate::sys::{clock, host, lock, pending, service, signals};

const SERVICE: &str = "relayhost-pending.service";
/// Starts it again when it is time. Made when it is needed (systemd-run), since only we know when that is.
const TIMER: &str = "relayhost-pending.timer";
/// Starts it again when the answers change.
const PATH: &str = "relayhost-pending.path";

/// The pause after a run that a signal ended, unless somebody asks for the next one earlier.
const AFTER_A_SIGNAL: Duration = Duration::from_secs(5 * 60);

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

/// Does a scriptlet's work: writes or removes one small file, and tells systemd, where it runs. `instances` is the
/// scriptlet's `$1`: the number of instances of the package when the transaction is over.
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
    record_order(name, why, Order::default())
}

fn record_order(name: &str, why: &str, order: Order) -> Result<()> {
    let entry = Entry::new(why.to_owned(), host::moment(), clock::unique());
    pending::record(name, &Entry { order, ..entry })
}

/// For commands that would install: inside a transaction, records that they were typed, and how, and returns who waits
/// for us.
pub fn defer_inside_transaction(command: &str, answers: &Path, order: Order) -> Result<Option<String>> {
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
    let order = before.map_or(order, |(_, before)| order.and(before.order));
    record_order(TYPED, &format!("`relayhost {command}` was called inside an RPM transaction"), order)?;
    service::order("start", SERVICE);
    Ok(Some(holder.to_string()))
}

/// For a tree that was configured while it does not run: its first boot proves it.
pub fn prove_at_boot() -> Result<()> {
    record(TREE, "configured while it was not running")
}

/// Settles what was asked for before a run began and is done now.
pub fn fulfilled(serves: &[(String, Entry)], desired: &Desired, progress: &mut dyn Progress) -> Result<()> {
    // It is done: a signal changes nothing any more.
    let _held = signals::hold();
    if !serves.is_empty() {
        keep_when_we_go(desired, progress);
    }
    serves.iter().try_for_each(|(name, entry)| pending::settle(name, entry, None))
}

/// The requests that wait, for people.
pub fn waiting() -> Result<Vec<Waiting>> {
    let now = host::moment();
    Ok(pending::entries()?.into_iter().map(|(name, entry)| entry.waiting(name, &now)).collect())
}

/// While something waits, systemd comes back to it: when it is time, and when the answers change.
pub(super) fn rest() {
    let _held = signals::hold();
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
pub(super) fn rest_a_while() {
    let _held = signals::hold();
    service::order("stop", TIMER);
    service::order_later(SERVICE, AFTER_A_SIGNAL);
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
