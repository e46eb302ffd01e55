//! The holders of the package managers' locks. Looks at the locks, and never takes them.
//!
//! rpm holds a POSIX write lock on `.rpm.lock` for a whole transaction (rpm: lib/rpmlock.c); yum 3 keeps a pid file
//! from start to end (yum: yum/__init__.py), dnf 4 one around the transaction (dnf: dnf/lock.py), dnf 5 a POSIX lock
//! (dnf5: libdnf5/base/transaction.cpp).
//!
//! The files with POSIX locks can be read by all, and who can read a file can have a read lock on it (fcntl(2)). So a
//! write lock alone tells of a transaction; a read lock, which may be anybody's, only keeps a package manager from
//! beginning one.

use std::fs::File;
use std::path::{Path, PathBuf};

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc::{self, F_RDLCK, F_UNLCK, F_WRLCK, SEEK_SET};

use super::files;
use crate::error::{RUN_AGAIN, shown};
use crate::model::text;

/// RPM's locks: EL7 to EL9, and where EL10 and Fedora have moved the database. And dnf 5's.
const POSIX_LOCKS: [&str; 7] = [
    "/var/lib/rpm/.rpm.lock",
    "/usr/lib/sysimage/rpm/.rpm.lock",
    // rpm 6.1 (%_keyring_lockpath): `rpm --import` writes under it, and a transaction holds a read lock on it.
    "/var/lib/rpm/.keyring.lock",
    "/usr/lib/sysimage/rpm/.keyring.lock",
    "/run/dnf/rpmtransaction.lock",
    // dnf 5.4, in its persistdir: first that of dnf 4, since libdnf5 c3f312f47 one of its own.
    "/var/lib/dnf/system-repo.lock",
    "/usr/lib/sysimage/libdnf5/system-repo.lock",
];
/// Pid files of yum 3 and dnf 4.
const PID_FILES: [&str; 3] = ["/run/yum.pid", "/var/run/yum.pid", "/var/lib/dnf/rpmdb_lock.pid"];

/// A process that holds a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The process; `None` if it is of another PID namespace: whoever made this container, or somebody in another one.
    process: Option<i32>,
    /// Whether it may write to the lock's file, as root alone may.
    writes: bool,
    /// The lock's file.
    path: PathBuf,
}

impl Holder {
    /// Whether it may be waiting for relayhost to end: waiting for it would then never end. /proc shows our ancestors;
    /// in a tree without /proc, any process may be one of them.
    pub fn waits_for_us(&self) -> bool {
        let Some(pid) = self.process else { return self.writes };
        if files::exists(Path::new("/proc/self")) {
            self.may_install() && ancestors(nix::unistd::getppid().as_raw()).any(|ancestor| ancestor == pid)
        } else {
            self.writes
        }
    }

    /// Whether it may be a package manager at work. A process of another user than root can install nothing.
    pub fn may_install(&self) -> bool {
        self.writes || self.process.and_then(user_of) == Some(0)
    }

    /// Its process, where that is of this PID namespace.
    pub fn process(&self) -> Option<i32> {
        self.process
    }

    /// The next step for a person, about this holder.
    pub fn remedy(&self) -> String {
        match self.process {
            Some(pid) if !self.may_install() => {
                format!(
                    "it is no package manager, and any user can hold that lock: `kill {pid}`, and {RUN_AGAIN}"
                )
            }
            None if !self.writes => format!(
                "end what has `{}` open, which is seen from outside of this container only, and {RUN_AGAIN}",
                shown(&self.path)
            ),
            _ => format!("wait for it to end (or end it), and {RUN_AGAIN}"),
        }
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(pid) = self.process else { return f.write_str("a process of another container") };
        write!(f, "process {pid}")?;
        match user_of(pid) {
            Some(0) | None => {}
            Some(user) => write!(f, " of {}", name_of(user))?,
        }
        match command_line(pid) {
            line if line.is_empty() => Ok(()),
            line => write!(f, " ({line})"),
        }
    }
}

/// The first process found that is in a transaction; `None` if there is none.
pub fn transaction() -> Option<Holder> {
    holders(F_RDLCK).next()
}

/// The first process found that keeps a package manager from beginning, by any lock; `None` if all are free.
pub fn blocker() -> Option<Holder> {
    transaction().or_else(|| holders(F_WRLCK).next())
}

/// The transaction in which relayhost runs: one of its ancestors holds the lock. RPM sets no variable that would tell.
pub fn own_transaction() -> Option<Holder> {
    holders(F_RDLCK).chain(holders(F_WRLCK)).find(Holder::waits_for_us)
}

/// Whether another relayhost is among the ancestors of this process: then that one answers for what its package manager
/// changes.
pub fn is_called_by_relayhost() -> bool {
    let is_own =
        |pid| files::text(format!("/proc/{pid}/comm")).is_some_and(|name| name.trim() == "relayhost");
    ancestors(nix::unistd::getppid().as_raw()).any(is_own)
}

/// Holders of locks that conflict with a lock of this kind: for F_RDLCK write locks, for F_WRLCK any.
fn holders(kind: i32) -> impl Iterator<Item = Holder> {
    let locks = POSIX_LOCKS.iter().filter_map(move |path| posix_holder(Path::new(path), kind));
    locks.chain(PID_FILES.iter().filter_map(|path| pid_holder(Path::new(path))))
}

/// A process, its parent, and so on. The parent is the second field after the name of proc_pid_stat(5), which may hold
/// anything, brackets too.
fn ancestors(pid: i32) -> impl Iterator<Item = i32> {
    std::iter::successors(Some(pid), |pid| {
        let stat = files::text(format!("/proc/{pid}/stat"))?;
        stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok().filter(|parent| *parent > 0)
    })
}

fn posix_holder(path: &Path, kind: i32) -> Option<Holder> {
    let file = File::open(path).ok()?;
    let (l_type, l_whence) = (i16::try_from(kind).ok()?, i16::try_from(SEEK_SET).ok()?);
    let mut lock = libc::flock { l_type, l_whence, l_start: 0, l_len: 0, l_pid: 0 };
    fcntl(&file, FcntlArg::F_GETLK(&mut lock)).ok()?;
    let writes = match i32::from(lock.l_type) {
        F_UNLCK => return None,
        held => held == F_WRLCK,
    };
    // 0: the holder is in another PID namespace; -1: an open file description holds it, which several processes may share
    // (fcntl(2)).
    let process = Some(lock.l_pid).filter(|pid| *pid > 0);
    Some(Holder { process, writes, path: path.into() })
}

/// The package manager of a pid file, if it lives. The file outlives its writer, also a boot; then another process may
/// have that number, and any name.
fn pid_holder(path: &Path) -> Option<Holder> {
    const NAMES: [&str; 4] = ["yum", "dnf", "packagekit", "anaconda"];
    let pid: i32 = files::text(path)?.trim().parse().ok()?;
    let line = command_line(pid);
    let is_manager = user_of(pid) == Some(0) && NAMES.iter().any(|name| line.contains(name));
    is_manager.then(|| Holder { process: Some(pid), writes: true, path: path.into() })
}

/// The command line of a process as one line of text; the process itself can change it to anything.
fn command_line(pid: i32) -> String {
    let line = files::text(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    text::clipped(&text::one_line(line.replace('\0', " ").trim()), 200).to_owned()
}

/// The real user of a process: the third word of this line of proc_pid_status(5). Not the owner of its directory in /proc,
/// which is root for any process that has made itself unreadable.
fn user_of(pid: i32) -> Option<u32> {
    let status = files::text(format!("/proc/{pid}/status"))?;
    // The process's own name is in a line before, and cannot have line ends.
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// A user for a message, by its name in passwd(5): a directory service may not answer.
fn name_of(user: u32) -> String {
    files::known_name(user).map_or_else(|| format!("uid {user}"), |name| format!("user {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_lock_has_no_holder_and_a_stale_pid_none_either() {
        let directory = super::super::scratch::directory().unwrap();
        let path = directory.path().join(".rpm.lock");
        super::super::files::create(&path, b"", 0o600).unwrap();
        assert_eq!(posix_holder(&path, F_WRLCK), None);
        assert_eq!(posix_holder(&directory.path().join("absent"), F_WRLCK), None);
        let pid = directory.path().join("yum.pid");
        super::super::files::create(&pid, b"999999999\n", 0o600).unwrap();
        assert_eq!(pid_holder(&pid), None);
        // A number that another program has now: this test.
        let own = directory.path().join("own.pid");
        super::super::files::create(&own, std::process::id().to_string().as_bytes(), 0o600).unwrap();
        assert_eq!(pid_holder(&own), None);
    }

    #[test]
    fn our_ancestors_are_known_up_to_the_first() {
        let parent = nix::unistd::getppid().as_raw();
        let line: Vec<i32> = ancestors(parent).collect();
        assert_eq!(line.first(), Some(&parent));
        assert_eq!(line.last(), Some(&1));
        let holder = |process, writes| Holder { process, writes, path: "x".into() };
        let own = nix::unistd::getpid().as_raw();
        assert!(holder(Some(parent), true).waits_for_us());
        assert!(!holder(Some(own), true).waits_for_us());
        assert!(holder(None, true).waits_for_us());
        // A read lock of a process that we do not see may be anybody's.
        assert!(!holder(None, false).waits_for_us() && !holder(None, false).may_install());
        assert_eq!(user_of(own), Some(nix::unistd::getuid().as_raw()));
        assert_eq!(name_of(0), "user root");
        assert_eq!(name_of(4_000_000_000), "uid 4000000000");
    }
}
