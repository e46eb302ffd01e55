//! The queue on the disk: `/var/lib/relayhost/pending/NAME.json`, one file for each asker. Written by scriptlets while
//! a run may be at work, so it has a lock of its own, held for the moment of a rename.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};

use super::{clock, files, host, state};
use crate::error::{Error, Result};
use crate::model::pending::Entry;

/// How long the moment of a rename may last before the other one is taken for stuck.
const PATIENCE: Duration = Duration::from_millis(500);
/// Leftovers of this prefix that are older are of runs that were stopped.
const UNFINISHED: &str = ".new-";
const OLD: Duration = Duration::from_secs(3600);

fn directory() -> PathBuf {
    Path::new(state::DIRECTORY).join("pending")
}

fn path(name: &str) -> PathBuf {
    directory().join(format!("{name}.json"))
}

/// Records a request; one that was there by the same asker is replaced. On the disk when this returns: the package
/// that asked will be too.
pub fn record(name: &str, entry: &Entry) -> Result<()> {
    state::own_directory(Path::new(state::DIRECTORY))?;
    state::own_directory(&directory())?;
    let _lock = lock();
    write(name, entry)
}

fn write(name: &str, entry: &Entry) -> Result<()> {
    let path = path(name);
    let fault = |source| Error::Io { action: "write", path: path.clone(), source };
    let bytes = serde_json::to_vec(entry).map_err(|error| fault(error.into()))?;
    let mut new = files::private_file(&directory(), UNFINISHED)?;
    new.write_all(&bytes).and_then(|()| new.as_file().sync_all()).map_err(fault)?;
    new.persist(&path).map_err(|error| fault(error.error))?;
    files::sync_directory(&directory())
}

/// Everything that waits, by name. An entry that cannot be read is one all the same: somebody asked.
pub fn entries() -> Result<Vec<(String, Entry)>> {
    if !state::exists()? || fs::symlink_metadata(directory()).is_err() {
        return Ok(Vec::new());
    }
    state::refuse_foreign(&directory())?;
    let mut all = Vec::new();
    for name in files::list(&directory())? {
        let Some(name) = name.strip_suffix(".json").filter(|name| !name.starts_with('.')) else { continue };
        let path = path(name);
        let Some(bytes) = files::read_no_link(&path)? else { continue };
        let entry = state::parse(&path, &bytes).unwrap_or_else(|_| {
            Entry::new(format!("`{}` cannot be read", path.display()), host::moment(), String::new())
        });
        all.push((name.to_owned(), entry));
    }
    all.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(all)
}

/// Replaces an entry by `after`, or removes it, unless it has been recorded anew in the meantime.
pub fn settle(name: &str, before: &Entry, after: Option<&Entry>) -> Result<()> {
    let _lock = lock();
    let path = path(name);
    let Some(bytes) = files::read_no_link(&path)? else { return Ok(()) };
    if state::parse::<Entry>(&path, &bytes).is_ok_and(|now| now.id != before.id) {
        return Ok(());
    }
    match after {
        Some(entry) => write(name, entry),
        None => remove(&path),
    }
}

/// Takes an asker's request back.
pub fn withdraw(name: &str) -> Result<()> {
    let _lock = lock();
    if fs::symlink_metadata(path(name)).is_err() { Ok(()) } else { remove(&path(name)) }
}

/// Removes the queue when it is empty.
pub fn close() {
    // With something in it, it stays.
    let _ = fs::remove_dir(directory());
}

fn remove(path: &Path) -> Result<()> {
    fs::remove_file(path).map_err(|source| Error::Io { action: "remove", path: path.to_owned(), source })
}

/// Removes what writers that were stopped have left.
pub fn sweep() {
    for name in files::names(&directory()).into_iter().filter(|name| name.starts_with(UNFINISHED)) {
        let path = directory().join(name);
        let written = fs::symlink_metadata(&path).and_then(|found| found.modified());
        // A writer holds the lock for a moment only. What seems to come from the future is from before the clock was set back.
        let age = written.map(|time| time.elapsed().unwrap_or_else(|ahead| ahead.duration()));
        if age.is_ok_and(|age| age > OLD) {
            let _ = fs::remove_file(path);
        }
    }
}

/// Holds the queue for the moment of a rename. Without it the worst is that a request which came at this very moment
/// is served by the run before it, so one that cannot be had is done without.
fn lock() -> Option<Flock<File>> {
    let mut file = File::open(directory()).ok()?;
    let begin = clock::now();
    loop {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Some(lock),
            Err((same, _)) if begin.elapsed() < PATIENCE => file = same,
            Err(_) => return None,
        }
        clock::pause();
    }
}
