//! Who holds the locks of the package managers. Looks, and never takes them.
//!
//! rpm holds a POSIX write lock on `.rpm.lock` for a whole transaction (rpm: lib/rpmlock.c); yum 3 keeps a pid file
//! from start to end (yum: yum/__init__.py), dnf 4 one around the transaction (dnf: dnf/lock.py), dnf 5 a POSIX lock
//! (dnf5: libdnf5/base/transaction.cpp).

use std::fs::File;
use std::path::Path;

use nix::fcntl::{FcntlArg, fcntl};
use nix::libc::{self, F_UNLCK, F_WRLCK, SEEK_SET};

/// RPM's lock: EL7 to EL9, and where EL10 and Fedora have moved the database. And dnf 5's.
const POSIX_LOCKS: [&str; 5] = [
    "/var/lib/rpm/.rpm.lock",
    "/usr/lib/sysimage/rpm/.rpm.lock",
    "/run/dnf/rpmtransaction.lock",
    // dnf 5.4, in its persistdir: first that of dnf 4, since libdnf5 c3f312f47 one of its own.
    "/var/lib/dnf/system-repo.lock",
    "/usr/lib/sysimage/libdnf5/system-repo.lock",
];
/// Pid files of yum 3 and dnf 4.
const PID_FILES: [&str; 3] = ["/run/yum.pid", "/var/run/yum.pid", "/var/lib/dnf/rpmdb_lock.pid"];

/// Who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// A process that we see.
    Process(i32),
    /// One of another PID namespace: whoever made this container holds it, and may be waiting for us.
    Unseen,
}

impl Holder {
    /// Whether it may be waiting for us to end: then to wait for it would be for ever. Our ancestors are seen in /proc; in a
    /// tree that has none mounted, any holder may be one of them.
    pub fn waits_for_us(&self) -> bool {
        match self {
            Self::Unseen => true,
            Self::Process(pid) => {
                !super::files::exists(Path::new("/proc/self"))
                    || ancestors(nix::unistd::getppid().as_raw()).any(|ancestor| ancestor == *pid)
            }
        }
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unseen => f.write_str("a process of another container"),
            Self::Process(pid) => match command_line(*pid) {
                line if line.is_empty() => write!(f, "process {pid}"),
                line => write!(f, "process {pid} ({line})"),
            },
        }
    }
}

/// The first holder found; `None` if all locks are free.
pub fn package_manager_holder() -> Option<Holder> {
    holders().next()
}

/// The transaction in which we run, told by its lock being held by one of our ancestors: there is no variable for it.
pub fn own_transaction() -> Option<Holder> {
    holders().find(Holder::waits_for_us)
}

/// Whether another relayhost is at work above us: what its package manager changes is its own doing.
pub fn is_called_by_relayhost() -> bool {
    let own = |pid: i32| super::files::read(Path::new(&format!("/proc/{pid}/comm")), 64).ok().flatten();
    ancestors(nix::unistd::getppid().as_raw())
        .any(|pid| own(pid).is_some_and(|name| name.trim_ascii() == b"relayhost"))
}

fn holders() -> impl Iterator<Item = Holder> {
    let locks = POSIX_LOCKS.iter().filter_map(|path| posix_holder(Path::new(path)));
    locks.chain(PID_FILES.iter().filter_map(|path| pid_holder(Path::new(path))))
}

/// A process, its parent, and so on. The parent is the second field after the name of proc_pid_stat(5), which may hold
/// anything, brackets too.
fn ancestors(pid: i32) -> impl Iterator<Item = i32> {
    std::iter::successors(Some(pid), |pid| {
        let stat = super::files::read(Path::new(&format!("/proc/{pid}/stat")), 4096).ok()??;
        let stat = String::from_utf8_lossy(&stat).into_owned();
        stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok().filter(|parent| *parent > 0)
    })
}

fn posix_holder(path: &Path) -> Option<Holder> {
    let file = File::open(path).ok()?;
    let (l_type, l_whence) = (i16::try_from(F_WRLCK).ok()?, i16::try_from(SEEK_SET).ok()?);
    let mut lock = libc::flock { l_type, l_whence, l_start: 0, l_len: 0, l_pid: 0 };
    fcntl(&file, FcntlArg::F_GETLK(&mut lock)).ok()?;
    match (i32::from(lock.l_type) == F_UNLCK, lock.l_pid) {
        (true, _) => None,
        (false, 0) => Some(Holder::Unseen),
        (false, pid) => Some(Holder::Process(pid)),
    }
}

/// These files outlive their writer, also a boot; then another process may have its number.
fn pid_holder(path: &Path) -> Option<Holder> {
    const NAMES: [&str; 4] = ["yum", "dnf", "packagekit", "anaconda"];
    let text = super::files::read(path, 64).ok()??;
    let pid: i32 = String::from_utf8_lossy(&text).trim().parse().ok()?;
    let line = command_line(pid);
    NAMES.iter().any(|name| line.contains(name)).then_some(Holder::Process(pid))
}

fn command_line(pid: i32) -> String {
    let line = super::files::read(Path::new(&format!("/proc/{pid}/cmdline")), 4096)
        .ok()
        .flatten()
        .unwrap_or_default();
    let line = String::from_utf8_lossy(&line).replace('\0', " ");
    line.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_lock_has_no_holder_and_a_stale_pid_none_either() {
        let directory = super::super::files::scratch().unwrap();
        let path = directory.path().join(".rpm.lock");
        super::super::files::create(&path, b"", 0o600).unwrap();
        assert_eq!(posix_holder(&path), None);
        assert_eq!(posix_holder(&directory.path().join("absent")), None);
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
        assert!(Holder::Process(parent).waits_for_us());
        assert!(!Holder::Process(nix::unistd::getpid().as_raw()).waits_for_us());
        assert!(Holder::Unseen.waits_for_us());
    }
}
