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
const POSIX_LOCKS: [&str; 4] = [
    "/var/lib/rpm/.rpm.lock",
    "/usr/lib/sysimage/rpm/.rpm.lock",
    "/run/dnf/rpmtransaction.lock",
    "/usr/lib/sysimage/libdnf5/system-repo.lock",
];
/// Pid files of yum 3 and dnf 4.
const PID_FILES: [&str; 3] = ["/run/yum.pid", "/var/run/yum.pid", "/var/lib/dnf/rpmdb_lock.pid"];

/// The first holder found, as `process 123 (dnf -y install x)`; `None` if all are free.
pub fn package_manager_holder() -> Option<String> {
    let locks = POSIX_LOCKS.iter().filter_map(|path| posix_holder(Path::new(path)));
    let pids = PID_FILES.iter().filter_map(|path| pid_holder(Path::new(path)));
    locks.chain(pids).next()
}

fn posix_holder(path: &Path) -> Option<String> {
    let file = File::open(path).ok()?;
    let (l_type, l_whence) = (i16::try_from(F_WRLCK).ok()?, i16::try_from(SEEK_SET).ok()?);
    let mut lock = libc::flock { l_type, l_whence, l_start: 0, l_len: 0, l_pid: 0 };
    fcntl(&file, FcntlArg::F_GETLK(&mut lock)).ok()?;
    match (i32::from(lock.l_type) == F_UNLCK, lock.l_pid) {
        (true, _) => None,
        // The holder lives in another PID namespace.
        (false, 0) => Some("a process of another container".into()),
        (false, pid) => Some(describe(pid)),
    }
}

fn pid_holder(path: &Path) -> Option<String> {
    let text = super::files::read(path, 64).ok()??;
    let pid: i32 = String::from_utf8_lossy(&text).trim().parse().ok()?;
    Path::new(&format!("/proc/{pid}")).exists().then(|| describe(pid))
}

fn describe(pid: i32) -> String {
    let line = super::files::read(Path::new(&format!("/proc/{pid}/cmdline")), 4096)
        .ok()
        .flatten()
        .unwrap_or_default();
    let line = String::from_utf8_lossy(&line).replace('\0', " ");
    format!("process {pid} ({})", line.trim())
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
        let own = directory.path().join("own.pid");
        super::super::files::create(&own, std::process::id().to_string().as_bytes(), 0o600).unwrap();
        assert!(pid_holder(&own).unwrap().starts_with("process "));
    }
}
