//! Directories under /tmp for what a run needs for a moment, and what killed runs have left of them.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::{Flock, FlockArg};
use tempfile::TempDir;

use super::files;
use crate::error::Result;

/// Where scratch directories are: `check` has one, too, which makes no directory of ours.
const DIRECTORY: &str = "/tmp";
/// What their names begin with. Nobody else's begin so.
const NAME: &str = "relayhost-scratch-";

/// An empty directory of this process's under /tmp, gone when dropped.
#[derive(Debug)]
pub struct Scratch {
    directory: TempDir,
    /// Locked for as long as this process lives: so another run knows that it is in use. None where files cannot be locked,
    /// where nobody sweeps either.
    _lock: Option<Flock<File>>,
}

impl Scratch {
    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// An empty directory under /tmp, the caller's alone, gone when dropped. What a run leaves that was killed is swept by
/// [`sweep`].
pub fn directory() -> Result<Scratch> {
    for _ in 0..10 {
        let directory = files::private_directory(Path::new(DIRECTORY), NAME)?;
        let lock = lock(directory.path());
        // One that was swept before it was locked is made anew.
        if lock.is_some() && fs::symlink_metadata(directory.path()).is_ok() {
            return Ok(Scratch { directory, _lock: lock });
        }
    }
    let directory = files::private_directory(Path::new(DIRECTORY), NAME)?;
    Ok(Scratch { directory, _lock: None })
}

/// A directory of the caller's alone that no living process has locked; a link, or what is somebody else's, is none.
fn lock(path: &Path) -> Option<Flock<File>> {
    let flags = nix::libc::O_DIRECTORY | nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
    let directory = fs::OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    let found = directory.metadata().ok()?;
    if found.uid() != nix::unistd::geteuid().as_raw() || found.mode() & 0o077 != 0 {
        return None;
    }
    Flock::lock(directory, FlockArg::LockExclusiveNonblock).ok()
}

/// Removes the scratch directories that killed runs have left. One that cannot be removed is the next run's.
pub fn sweep() {
    for name in files::names(Path::new(DIRECTORY)).into_iter().filter(|name| name.starts_with(NAME)) {
        let path = Path::new(DIRECTORY).join(name);
        if let Some(_lock) = lock(&path) {
            // In /tmp nobody else can put another in its place (sticky), and links in it are not followed.
            let _ = fs::remove_dir_all(&path);
        }
    }
}
