//! The processes of Postfix: which daemons master(8) has, when they read the configuration, and how they are made to.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{clock, files};
use crate::model::observed::QueueDirectories;

/// The file with the number of master(8).
fn pid_file(queue: &QueueDirectories) -> PathBuf {
    Path::new(&queue.directory).join(&queue.pids).join("master.pid")
}

/// Whether master(8) of this queue runs: it holds a lock on its pid file as long as it lives (`master -t` looks at that
/// too: open_lock in Postfix's src/global/open_lock.c, by flock(2) on Linux). The number in the file says less: another
/// process may have it by now, and only /proc would tell. `postfix status` says the same in fifty times the time.
pub fn master_runs(queue: &QueueDirectories) -> bool {
    let Ok(file) = File::open(pid_file(queue)) else { return false };
    matches!(Flock::lock(file, FlockArg::LockSharedNonblock), Err((_, Errno::EWOULDBLOCK)))
}

/// Whether master(8) of this queue has a process of this daemon. A master without one may have it in a moment: it starts
/// daemons when they are needed.
pub fn runs_daemon(queue: &QueueDirectories, name: &str) -> bool {
    !daemons(queue, name).is_empty()
}

/// Whether one of them serves this service: master(8) tells a daemon the name of its service by `-n`, if that is not its own
/// (get_master_ent in master/master_ent.c).
pub fn serves(queue: &QueueDirectories, daemon: &str, service: &str) -> bool {
    daemons(queue, daemon).iter().any(|pid| {
        let line = files::text(Path::new("/proc").join(pid).join("cmdline")).unwrap_or_default();
        let words: Vec<&str> = line.split('\0').collect();
        let named = words.iter().position(|word| *word == "-n").and_then(|at| words.get(at + 1));
        named.is_none_or(|name| *name == service) && (named.is_some() || daemon == service)
    })
}

/// The numbers of the processes of a daemon (proc(5): /proc/PID/stat begins with the number, the name in parentheses, the
/// state and the parent).
fn daemons(queue: &QueueDirectories, name: &str) -> Vec<String> {
    children(queue).into_iter().filter_map(|(daemon, pid)| (daemon == name).then_some(pid)).collect()
}

/// The processes of master(8), each by its name and number.
fn children(queue: &QueueDirectories) -> Vec<(String, String)> {
    let Some(master) = files::text(pid_file(queue)).map(|text| text.trim().to_owned()) else {
        return Vec::new();
    };
    let child = |pid: String| {
        let stat = files::text(Path::new("/proc").join(&pid).join("stat"))?;
        let (_, rest) = stat.split_once('(')?;
        let (comm, rest) = rest.rsplit_once(')')?;
        (rest.split_whitespace().nth(1) == Some(master.as_str())).then(|| (comm.to_owned(), pid))
    };
    let processes = files::names(Path::new("/proc")).into_iter();
    processes.filter(|name| name.bytes().all(|c| c.is_ascii_digit())).filter_map(child).collect()
}

/// The pause between two looks at the processes of Postfix. A signal that comes meanwhile waits for the end of the change.
const TURN: Duration = Duration::from_millis(2);

/// Waits until no smtp(8) that runs now can have read main.cf and not yet its tables: it opens them before it becomes the user
/// of Postfix (pre_jail_init and chroot_uid in single_server_main, master/single_server.c). Half a second at most, for a
/// smtp(8) that stays root by master.cf.
pub fn await_tables_open(queue: &QueueDirectories) {
    let is_root = |pid: &String| {
        let status = files::text(Path::new("/proc").join(pid).join("status")).unwrap_or_default();
        let ids = status.lines().find_map(|line| line.strip_prefix("Uid:"));
        ids.and_then(|ids| ids.split_whitespace().nth(1).map(|effective| effective == "0")).unwrap_or(false)
    };
    let begin = clock::now();
    let mut starting: Vec<String> = daemons(queue, "smtp").into_iter().filter(is_root).collect();
    while !starting.is_empty() && begin.elapsed() < Duration::from_millis(500) {
        std::thread::sleep(TURN);
        starting.retain(is_root);
    }
}

/// The numbers of the queue managers of this queue: two for a moment at a reload.
pub fn queue_managers(queue: &QueueDirectories) -> Vec<String> {
    daemons(queue, "qmgr")
}

/// Waits until these queue managers have gone, after Postfix was told to read its configuration, and another has taken over: two
/// seconds at most. Whether they have.
pub fn have_gone(queue: &QueueDirectories, former: &[String]) -> bool {
    let begin = clock::now();
    let has_taken_over = || {
        let now = daemons(queue, "qmgr");
        !now.is_empty() && !now.iter().any(|pid| former.contains(pid))
    };
    while !has_taken_over() {
        if begin.elapsed() >= Duration::from_secs(2) {
            return false;
        }
        std::thread::sleep(TURN);
    }
    true
}

/// Has a Postfix that runs read its configuration, as `postfix reload` does at its end, and waits until a new queue manager has
/// taken over: then nobody hands mail to next hops of before. Two seconds at most, since a qmgr(8) that does not start is not
/// for this to mend. False if its master(8) cannot be reached.
pub fn reread(queue: &QueueDirectories) -> bool {
    let former = daemons(queue, "qmgr");
    let master = files::text(pid_file(queue)).and_then(|text| text.trim().parse().ok());
    // A number that has children of Postfix's is that of the process which holds the lock.
    let Some(master) = master.filter(|_| !former.is_empty() && master_runs(queue)) else { return false };
    if kill(Pid::from_raw(master), Signal::SIGHUP).is_err() {
        return false;
    }
    have_gone(queue, &former);
    true
}

/// Daemons that end at a reload, as soon as they are idle, and that master(8) starts again at once (`master_restart_service`
/// in master/master_service.c, `trigger_server_abort` in master/trigger_server.c).
const RELOADED: [&str; 2] = ["qmgr", "pickup"];

/// The time, in seconds since 1970, at which Postfix last read its configuration. master(8) leaves no mark of it, but no
/// process of a daemon that ends at a reload is older. qmgr(8) never ends by itself, and one that has died is started again
/// without a reload: so the eldest of several daemons counts, and the time is too late only if all of them died. Measured
/// from the start of this process, since the clock may have been set and a container may have an uptime of its own: never
/// earlier than it was. `None`: none of them runs, or /proc does not tell.
pub fn last_reading(queue: &QueueDirectories) -> Option<i64> {
    let children = children(queue);
    let of = |name: &&str| {
        let pids = children.iter().filter(|(daemon, _)| daemon == name).map(|(_, pid)| pid);
        // Of two, the older one is about to end.
        pids.filter_map(|pid| started(pid)).max()
    };
    let eldest = RELOADED.iter().filter_map(of).min()?;
    let age = started("self")?.checked_sub(eldest)? / TICKS;
    Some(i64::try_from(clock::unix()).ok()? - i64::try_from(age).ok()?)
}

/// Ticks a second of the times in /proc, on every kind of machine that relayhost is built for (USER_HZ).
const TICKS: u64 = 100;

/// The start of a process, in ticks (proc(5): the 22nd field of /proc/PID/stat, the 20th after the name).
fn started(pid: &str) -> Option<u64> {
    let stat = files::text(Path::new("/proc").join(pid).join("stat"))?;
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(19)?.parse().ok()
}
