//! The record of incidents in the state directory, and the lock of the watch. `state` has the other records.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};

use super::records::{self, DIRECTORY, own_directory};
use super::state::{is_there, open_lock, write_record};
use super::{clock, files, secrets};
use crate::error::{Error, Result};
use crate::model::incident::record::Incidents;

/// Longest wait for another watch: its look is over in seconds, and it tells each way within a minute.
const PATIENCE: Duration = Duration::from_secs(3);

fn path() -> PathBuf {
    Path::new(DIRECTORY).join("watch.json")
}

/// The file of the lock; the time of its last change is that of the last look.
pub fn lock_path() -> PathBuf {
    Path::new(DIRECTORY).join("watch.lock")
}

/// The mark that `apply` has turned the watch's timer on.
fn mark_path() -> PathBuf {
    Path::new(DIRECTORY).join("watch.timer")
}

/// One watch at a time looks and tells.
#[derive(Debug)]
pub struct WatchLock {
    _file: Flock<fs::File>,
}

/// Takes the lock, and makes the state directory if there is none that can be used. `tell` gets a line for each thing that had
/// to be set aside. `Error::Busy` while another watch is at work.
pub fn lock(tell: &mut dyn FnMut(&str)) -> Result<WatchLock> {
    own_directory(Path::new(DIRECTORY))?.iter().for_each(|line| tell(line));
    let path = lock_path();
    if fs::symlink_metadata(&path).is_ok_and(|found| !found.is_file()) {
        records::set_aside(&path)?;
    }
    let begin = clock::now();
    let mut file = open_lock(&path).map_err(Error::io("lock", &path))?;
    loop {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(mut file) => {
                // The time of this write is what counts; without it the watch only seems to be silent.
                let _ = file.write_all(format!("{:<10}\n", std::process::id()).as_bytes());
                return Ok(WatchLock { _file: file });
            }
            Err((same, nix::errno::Errno::EWOULDBLOCK)) if begin.elapsed() < PATIENCE => file = same,
            Err((_, nix::errno::Errno::EWOULDBLOCK)) => {
                let holder = "another `relayhost watch`".into();
                return Err(Error::Busy { holder, waited: begin.elapsed() });
            }
            Err((_, error)) => return Err(Error::io("lock", &path)(error.into())),
        }
        clock::sleep(Duration::from_millis(50))?;
    }
}

/// The time of the last look, in seconds since 1970; `None` if there was none.
pub fn looked() -> Option<i64> {
    if is_there() { files::modified(&lock_path()) } else { None }
}

/// The record; `None` if there is none. `Error::Record` if it cannot be used.
pub fn read() -> Result<Option<Incidents>> {
    if is_there() { records::read(&path()) } else { Ok(None) }
}

/// Sets the record aside, since it cannot be used, and returns its new path.
pub fn set_aside(_lock: &WatchLock) -> Result<PathBuf> {
    records::set_aside(&path())
}

/// Writes the record, without the passwords that are known; it is on the disk when this returns.
pub fn write(incidents: &Incidents, _lock: &WatchLock) -> Result<()> {
    write_record(&path(), &incidents.clone().hidden(secrets::hide))
}

/// Whether `apply` has turned the watch's timer on.
pub fn has_timer() -> bool {
    is_there() && files::exists(&mark_path())
}

/// Notes that `apply` has turned the watch's timer on, or off again.
pub fn note_timer(is_on: bool) -> Result<()> {
    let path = mark_path();
    if !is_on {
        return if files::exists(&path) { files::remove(&path) } else { Ok(()) };
    }
    if files::exists(&path) { Ok(()) } else { files::create(&path, b"", 0o600) }
}
