//! Directories under /tmp that a run needs for a moment; removes those that killed runs have left.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::fcntl::{Flock, FlockArg};
use tempfile::TempDir;

use super::files;
use crate::error::Result;

/// The directory of scratch directories: not the state directory, which `check` must not make.
const DIRECTORY: &str = "/tmp";
/// Beginning of their names. No other program uses it.
const NAME: &str = "relayhost-scratch-";

/// An empty directory of this process's under /tmp, gone when dropped.
#[derive(Debug)]
pub struct Scratch {
    directory: TempDir,
    /// A lock for as long as this process lives, which tells other runs that the directory is in use. `None` where files
    /// cannot be locked; there no run sweeps either.
    _lock: Option<Flock<File>>,
}

impl Scratch {
    /// Its path.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// Makes an empty directory under /tmp, the caller's alone, gone when dropped. [`sweep`] removes those of killed runs.
pub fn directory() -> Result<Scratch> {
    for _ in 0..10 {
        let directory = files::private_directory(Path::new(DIRECTORY), NAME)?;
        let lock = lock(directory.path());
        // Another run may have swept it before it was locked; then a new one is made.
        if lock.is_some() && fs::symlink_metadata(directory.path()).is_ok() {
            return Ok(Scratch { directory, _lock: lock });
        }
    }
    let directory = files::private_directory(Path::new(DIRECTORY), NAME)?;
    Ok(Scratch { directory, _lock: None })
}

/// Locks a directory that is the caller's alone. `None` if a living process has locked it, if it belongs to somebody
/// else, or if the path is a link.
fn lock(path: &Path) -> Option<Flock<File>> {
    let directory = files::open_directory(path).ok()?;
    let found = directory.metadata().ok()?;
    if found.uid() != nix::unistd::geteuid().as_raw() || found.mode() & 0o077 != 0 {
        return None;
    }
    Flock::lock(directory, FlockArg::LockExclusiveNonblock).ok()
}

/// Removes the scratch directories that killed runs have left. One that cannot be removed is left for the next run.
pub fn sweep() {
    for path in files::beginning_with(Path::new(DIRECTORY), NAME) {
        if let Some(_lock) = lock(&path) {
            // In /tmp nobody else can put another in its place (sticky), and links in it are not followed.
            let _ = fs::remove_dir_all(&path);
        }
    }
}
