//! Facts about the host as a whole, the tree that is entered instead of it, and standard input.

use std::io::Read;
use std::path::{Path, PathBuf};

use nix::unistd::fchdir;

use super::signals::Input;
use super::trust::Guarded;
use super::{clock, environment, files, run, trust};
use crate::error::{Error, Result};
use crate::model::host_kind::{HostKind, Signs, unit_of};
use crate::model::state::pending::Moment;

/// The kind of host that relayhost runs on.
pub fn kind() -> HostKind {
    let there = |path: &str| files::exists(Path::new(path));
    let init = Path::new("/proc/1");
    let root_of_init = has_proc().then(|| {
        // Not being allowed to look (a container's PID 1 of another user) is no sign of a chroot.
        !files::exists(&init.join("root/.")) || files::is_same(&init.join("root/."), Path::new("/"))
    });
    let offline =
        environment::variable("SYSTEMD_OFFLINE").is_some_and(|value| value == "1" || value == "yes");
    Signs { root_of_init, systemd: there("/run/systemd/system"), offline, installer: there("/run/anaconda") }
        .kind()
}

/// Whether processes can be looked at.
pub fn has_proc() -> bool {
    files::exists(Path::new("/proc/1"))
}

/// Whether one of relayhost's own systemd units has started this process.
pub fn is_our_service() -> bool {
    unit_of(&files::text("/proc/self/cgroup").unwrap_or_default())
        .is_some_and(|unit| unit.starts_with("relayhost-") && unit.ends_with(".service"))
}

/// Whether /usr comes from an image, so that packages have to be put into that image (rpm-ostree, bootc; dnf 4 looks at
/// the same file: dnf/util.py).
pub fn is_image() -> bool {
    files::exists(Path::new("/run/ostree-booted"))
}

/// The present moment, by both clocks; boot_id identifies the boot (random(4)).
pub fn moment() -> Moment {
    let id = files::text("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    Moment { wall: clock::unix(), boot: id.trim().to_owned(), up: clock::up().map(|up| up.as_secs()) }
}

/// `Error::NotRoot` unless root runs relayhost.
pub fn require_root() -> Result<()> {
    if nix::unistd::geteuid().is_root() { Ok(()) } else { Err(Error::NotRoot) }
}

/// Keeps this process's memory, which holds a password, out of core files and away from other processes of root's
/// that have no ptrace right.
pub fn protect_memory() {
    // If this fails, the memory only stays as readable as it was.
    let _ = nix::sys::prctl::set_dumpable(false);
}

/// Paths in a tree that relayhost runs, loads or writes to, beside the directories of [`run::PATH`].
const TREE: [&str; 21] = [
    "usr",
    "lib",
    "lib64",
    "usr/lib",
    "usr/lib64",
    "usr/libexec",
    "usr/local",
    "usr/share",
    "etc",
    "etc/ld.so.preload",
    "etc/ld.so.cache",
    "etc/postfix",
    "etc/dnf",
    "etc/yum",
    "etc/yum.repos.d",
    "etc/pki",
    "var",
    "var/cache",
    "var/lib",
    "var/lib/rpm",
    "var/spool",
];
/// Programs that relayhost runs in a tree; they run others of the same directories.
const PROGRAMS: [&str; 7] = ["rpm", "dnf5", "dnf", "microdnf", "yum", "postconf", "postmap"];

/// The parts of a tree that must belong to root, since root runs programs of it: nobody else may have put a program there.
fn parts_of_tree() -> impl Iterator<Item = (PathBuf, Guarded)> {
    let programs = |directory: &'static str| PROGRAMS.map(|name| Path::new(directory).join(name));
    let path = run::PATH.split(':').map(|directory| directory.trim_start_matches('/'));
    let run = path.flat_map(move |directory| programs(directory).into_iter().chain([directory.into()]));
    let closed = TREE.into_iter().map(PathBuf::from).chain(run).map(|part| (part, Guarded::Closed));
    // Anybody may put files there, and nobody may rename another's: it is sticky.
    closed.chain([("tmp".into(), Guarded::Directory)])
}

/// Makes a tree the root directory of this process (chroot), if only root can have changed the programs in it. There is
/// no way back.
pub fn enter_tree(root: &Path) -> Result<()> {
    let unfit = |problem: &str| Error::Tree { path: root.to_owned(), problem: problem.into() };
    let Some(tree) = trust::tree(root, parts_of_tree())? else { return Err(unfit("it is not there")) };
    // The directory that was checked, whatever its name leads to by now.
    let entered = fchdir(&tree).and_then(|()| nix::unistd::chroot("."));
    entered.map_err(|error| unfit(&error.to_string()))?;
    std::env::set_current_dir("/").map_err(|error| unfit(&error.to_string()))?;
    if !files::exists(Path::new("/etc/.")) {
        return Err(unfit("it has no etc directory"));
    }
    if !files::exists(Path::new("/usr/bin/rpm")) && !files::exists(Path::new("/bin/rpm")) {
        return Err(unfit("it has no rpm"));
    }
    Ok(())
}

/// The host's name as `uname -n` prints it.
pub fn hostname() -> String {
    nix::unistd::gethostname().map_or_else(|_| "localhost".into(), |name| name.to_string_lossy().into_owned())
}

/// Standard input, up to `limit` bytes and one more, so that the caller sees when it was too much.
pub fn read_stdin(limit: u64) -> Result<Vec<u8>> {
    let fault = Error::io("read", "standard input");
    let mut bytes = Vec::new();
    let input = Input::standard().map_err(fault)?;
    input.take(limit + 1).read_to_end(&mut bytes).map_err(fault)?;
    Ok(bytes)
}
