//! The queue of requests that cannot be carried out inside an RPM transaction: they are recorded there, and carried
//! out (`pending`) when it is over. rpm holds its lock through every scriptlet (rpm: lib/transaction.c, rpmtsRun), so
//! a package manager that is started in one waits for ever.

use std::path::Path;
use std::time::Duration;

use clap::ValueEnum;

use super::install::keep_when_we_go;
use super::transaction::postfix_runs;
use super::{Progress, load};
use crate::error::{Error, Result, shown};
use crate::model::desired::Desired;
use crate::model::host_kind::HostKind;
use crate::model::plan::Finding;
use crate::model::state::order::Order;
use crate::model::state::pending::{CHANGED, PendingEntry, TREE, TYPED, is_package_name, next_run};
use crate::sys::{clock, host, lock, pending, service, signals};

const SERVICE: &str = "relayhost-pending.service";
/// Unit that starts the service again when it is time. Made (systemd-run) once relayhost knows the time.
const TIMER: &str = "relayhost-pending.timer";
/// Unit that starts the service again when the answers change.
const PATH: &str = "relayhost-pending.path";

/// The pause after a run that a signal ended, unless somebody asks for the next one earlier.
const AFTER_A_SIGNAL: Duration = Duration::from_secs(5 * 60);

/// A scriptlet slot (rpm-scriptlets(7)), as it is typed and as the help shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lower")]
pub enum Slot {
    /// %post
    Post,
    /// %posttrans
    PostTrans,
    /// %preun
    PreUn,
    /// %postun
    PostUn,
}

/// The package that a scriptlet is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// relayhost itself.
    Ourselves,
    /// A package that asks for a relay.
    Asker(String),
    /// A package that came, went or changed: the scriptlet is a trigger or hook.
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
        // An upgrade leaves everything as it is, requests that wait too. Its units are on the disk; EL7 has no file
        // trigger that has systemd read them.
        Subject::Ourselves if slot == Slot::Post => {
            service::reread_units();
            transaction().into_iter().for_each(pending::note_replaced);
        }
        // What goes is the relayhost of before, right after the triggers of the new one.
        Subject::Ourselves => pending::forget_replaced(),
        // An impossible package name is a mistake in somebody's spec, and gets no entry.
        Subject::Asker(name) | Subject::Changed(name) if !is_package_name(name) => {}
        Subject::Asker(name) if removed => pending::withdraw(name)?,
        Subject::Asker(name) if slot == Slot::Post => record(name, &format!("{name} was installed"))?,
        // rpm 4.11 takes the relayhost that it replaces out of its database before it runs the triggers of the new one, for
        // each package that is there, so they count one relayhost, as when it comes (--replacepkgs in lib/psm.c).
        Subject::Changed(name)
            if slot == Slot::Post
                && transaction().is_some_and(|process| pending::is_run_by_replacement(process, name)) => {}
        // On a host that was never asked to relay there is nothing to mend.
        Subject::Changed(name) if load::is_answered() && !lock::is_called_by_relayhost() => {
            record(CHANGED, &format!("{name} was {}", what_became(slot, removed)))?;
        }
        Subject::Asker(_) | Subject::Changed(_) => {}
    }
    if !pending::entries()?.is_empty() {
        service::order("start", SERVICE);
    }
    Ok(())
}

/// The process of the transaction that this scriptlet is of; `None` in a tree without /proc.
fn transaction() -> Option<i32> {
    lock::own_transaction()?.process()
}

/// What became of a package, as far as the slot tells. A hook of a package manager calls at the end of a transaction, and
/// with the package's name alone.
fn what_became(slot: Slot, removed: bool) -> &'static str {
    match slot {
        _ if removed => "removed",
        Slot::PostTrans => "installed, changed or removed",
        Slot::Post | Slot::PreUn | Slot::PostUn => "installed or changed",
    }
}

fn record(name: &str, why: &str) -> Result<()> {
    record_order(name, why, Order::default())
}

fn record_order(name: &str, why: &str, order: Order) -> Result<()> {
    let entry = PendingEntry::new(why.to_owned(), host::moment(), clock::unique());
    pending::record(name, &PendingEntry { order, ..entry })
}

/// For commands that would install: inside an RPM transaction, records the command and its options, and returns the
/// holder of the transaction, which waits for relayhost.
pub fn defer_inside_transaction(command: &str, answers: &Path, order: Order) -> Result<Option<String>> {
    let Some(holder) = lock::own_transaction() else { return Ok(None) };
    if answers != Path::new(load::DEFAULT) {
        return Err(Error::Answers {
            file: shown(answers),
            place: None,
            problem: "this is inside an RPM transaction, and these answers cannot be kept until it is over"
                .into(),
            remedy: format!("put them into {} or {}, and leave --answers out", load::DEFAULT, load::DROP_INS)
                .into(),
        });
    }
    // Whoever typed the command can mend the answers now; later nobody is there to read the error.
    load::load(answers)?;
    // All typed commands share one entry. An earlier one that nobody has tried was promised too (exit 6).
    let before =
        pending::entries()?.into_iter().find(|(name, before)| name == TYPED && before.last.is_none());
    let order = before.map_or(order, |(_, before)| order.and(before.order));
    record_order(TYPED, &format!("`relayhost {command}` was called inside an RPM transaction"), order)?;
    service::order("start", SERVICE);
    Ok(Some(holder.to_string()))
}

/// Records that a tree was configured while it did not run: its first boot proves it.
pub fn prove_at_boot() -> Result<()> {
    record(TREE, "configured while it was not running")
}

/// Settles the requests that were made before a run began and that it has served.
pub fn fulfilled(
    serves: &[(String, PendingEntry)],
    desired: &Desired,
    progress: &mut dyn Progress,
) -> Result<()> {
    // The work is done: a signal changes nothing any more.
    let _held = signals::hold();
    if !serves.is_empty() {
        keep_when_we_go(desired, progress);
    }
    serves.iter().try_for_each(|(name, entry)| pending::settle(name, entry, None))
}

/// The requests that wait, for people.
pub fn waiting() -> Result<Vec<Finding>> {
    let now = host::moment();
    Ok(pending::entries()?.into_iter().map(|(name, entry)| entry.finding(&name, &now)).collect())
}

/// Has systemd start the next run while requests wait: when it is time, and when the answers change.
pub(super) fn rest() {
    let _held = signals::hold();
    service::order("stop", TIMER);
    let waits = || pending::entries().unwrap_or_default();
    service::order(if waits().is_empty() { "stop" } else { "start" }, PATH);
    // Read again: a request that came meanwhile had systemd start a unit that was still at work, which does nothing.
    let answers = load::is_answered().then(load::edition);
    if let Some(seconds) = next_run(&waits(), &host::moment(), answers.as_deref()) {
        service::order_later(SERVICE, Duration::from_secs(seconds));
    }
}

/// Delays the next run after one that was told to end: if it began at once, `systemctl stop` would stop nothing.
pub(super) fn rest_a_while() {
    let _held = signals::hold();
    service::order("stop", TIMER);
    service::order_later(SERVICE, AFTER_A_SIGNAL);
}

/// The words for who will carry out the request that was recorded.
pub fn who_does_it() -> &'static str {
    match host::kind() {
        HostKind::Systemd => "relayhost-pending.service does it when the transaction is over",
        HostKind::NoSystemd => "no systemd runs here: call `relayhost pending` when the transaction is over",
        HostKind::Tree | HostKind::Installer => "it is done at the first boot",
    }
}

/// Refuses to work on the installer's own system.
pub fn refuse_installer() -> Result<()> {
    if host::kind() != HostKind::Installer {
        return Ok(());
    }
    let problem = "it is the installer's own, and gone after the installation".to_owned();
    Err(Error::Tree { path: "/".into(), problem })
}

/// Refuses to take a host that runs for a tree that does not: its Postfix would go on with the old configuration.
pub fn refuse_without_proc() -> Result<()> {
    if !host::has_proc() && postfix_runs()? { Err(Error::NoProc) } else { Ok(()) }
}
