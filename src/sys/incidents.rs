//! The record of incidents in the state directory, and the lock of the watch. `state` has the other records.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};

use super::records::{self, DIRECTORY, make_way, own_directory};
use super::state::{is_there, open_lock};
use super::{clock, files, secrets};
use crate::error::{Error, Result};
use crate::model::incident::record::Incidents;
use crate::model::incident::slots::{self, Kept};

/// Longest wait for another watch: its look is over in seconds, and it tells each way within a minute.
const PATIENCE: Duration = Duration::from_secs(3);

/// A directory that is writable where the state directory is not, and empty after a boot. The unit of the watch has it made.
const RUN: &str = "/run/relayhost";

fn path() -> PathBuf {
    Path::new(DIRECTORY).join("watch.slots")
}

/// The record before it had slots, which is taken over.
fn former() -> PathBuf {
    Path::new(DIRECTORY).join("watch.json")
}

fn unwritten_path() -> PathBuf {
    Path::new(RUN).join("watch.unwritten")
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
    if is_there() { Ok(kept()?.map(|kept| kept.record)) } else { Ok(None) }
}

/// The record in its slots, or in the form that relayhost gave it before it had slots.
fn kept() -> Result<Option<Kept>> {
    let of = |path: &Path, record: std::result::Result<Kept, String>| {
        record.map(Some).map_err(|problem| Error::Record { path: path.to_owned(), problem })
    };
    if let Some(bytes) = records::read_bytes(&path())? {
        return of(&path(), slots::read(&bytes));
    }
    let Some(record) = records::read::<Incidents>(&former())? else { return Ok(None) };
    of(&former(), record.checked().map(|record| Kept { revision: 0, record }))
}

/// Sets the record aside, since it cannot be used. Returns its new path, and its bytes as far as they can be read.
pub fn set_aside(_lock: &WatchLock) -> Result<(PathBuf, Vec<u8>)> {
    let path = if fs::symlink_metadata(path()).is_ok() { path() } else { former() };
    let bytes = files::read_no_link(&path).ok().flatten().unwrap_or_default();
    Ok((records::set_aside(&path)?, bytes))
}

/// Writes the record, without the passwords that are known; it is on the disk when this returns. Where the slots are there
/// already, that takes no free block.
pub fn write(incidents: &Incidents, _lock: &WatchLock) -> Result<()> {
    let record = incidents.clone().hidden(secrets::hide).fitted();
    let path = path();
    let fault = Error::io("write", &path);
    let too_large = || Error::io("write", &path)(std::io::ErrorKind::FileTooLarge.into());
    let kept = match records::read_bytes(&path)? {
        Some(bytes) => slots::read(&bytes).ok(),
        None => None,
    };
    let Some(kept) = kept else { return begin(&slots::new_file(&record).ok_or_else(too_large)?) };
    let (offset, bytes) = slots::written(&record, kept.revision + 1).ok_or_else(too_large)?;
    let file = fs::OpenOptions::new().write(true).custom_flags(nix::libc::O_NOFOLLOW).open(&path);
    let written = file.and_then(|file| file.write_all_at(&bytes, offset).and_then(|()| file.sync_data()));
    written.map_err(fault)
}

/// Puts a new file of slots in place, all of whose blocks are its own by then, and removes the record of the form before.
fn begin(bytes: &[u8]) -> Result<()> {
    let path = path();
    let fault = Error::io("write", &path);
    let mut new = files::private_file(Path::new(DIRECTORY), files::STAGING)?;
    new.write_all(bytes).and_then(|()| new.as_file().sync_all()).map_err(&fault)?;
    make_way(&path)?;
    new.persist(&path).map_err(|error| fault(error.error))?;
    files::sync_directory(Path::new(DIRECTORY))?;
    if files::exists(&former()) { files::remove(&former()) } else { Ok(()) }
}

/// The ways that were told, while the record could not be written, that it cannot; `None` if none was. Kept until the next boot.
pub fn unwritten() -> Option<Vec<String>> {
    let text = files::text(unwritten_path())?;
    Some(text.lines().map(str::to_owned).collect())
}

/// Notes the ways that were told that the record cannot be written; `None` if it can be again.
pub fn note_unwritten(ways: Option<&[String]>) -> Result<()> {
    let path = unwritten_path();
    let Some(ways) = ways else {
        return if files::exists(&path) { files::remove(&path) } else { Ok(()) };
    };
    own_directory(Path::new(RUN))?;
    let _ = fs::remove_file(&path);
    files::create(&path, format!("{}\n", ways.join("\n")).as_bytes(), 0o600)
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
