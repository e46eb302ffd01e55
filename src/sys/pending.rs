//! The queue of requests on the disk: `/var/lib/relayhost/pending/NAME.json`, one file for each package that asks.
//! Scriptlets write them while a run may be at work, so the queue has a lock of its own, held for the moment of a rename.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::records::{self, DIRECTORY, make_way, moment, own_directory};
use super::{files, host, state};
use crate::error::{Error, Result, shown};
use crate::model::state::pending::PendingEntry;

/// Beginning of the names of files that are being written, and the age from which one belongs to a writer that was killed.
const UNFINISHED: &str = ".new-";
const OLD: Duration = Duration::from_secs(3600);

/// The note of a transaction that puts relayhost itself in place of the one that is there: the transaction's process, and the
/// packages whose triggers it has run since, a line each. No transaction outlives a boot.
const REPLACED: &str = "/run/relayhost-replaced";

fn directory() -> PathBuf {
    Path::new(DIRECTORY).join("pending")
}

fn path(name: &str) -> PathBuf {
    directory().join(format!("{name}.json"))
}

/// Records a request, in place of an earlier one of the same package. It is on the disk when this returns, as the
/// package that asks will be.
pub fn record(name: &str, entry: &PendingEntry) -> Result<()> {
    // Nobody reads the output of a scriptlet, so the lines about directories are dropped; the next command finds the same.
    own_directory(Path::new(DIRECTORY))?;
    own_directory(&directory())?;
    let _moment = moment(&directory());
    write(name, entry)
}

fn write(name: &str, entry: &PendingEntry) -> Result<()> {
    state::replace_record(&path(name), entry, &directory(), UNFINISHED)
}

/// All requests that wait, by name. One that cannot be read counts as well, since a package asked.
pub fn entries() -> Result<Vec<(String, PendingEntry)>> {
    if !state::is_there() || !records::is_ours(&directory()) {
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    for name in files::list(&directory())? {
        let Some(name) = name.strip_suffix(".json").filter(|name| !name.starts_with('.')) else { continue };
        let path = path(name);
        let entry = match records::read(&path) {
            Ok(None) => continue,
            Err(Error::Record { .. }) => {
                PendingEntry::new(format!("`{}` cannot be read", shown(path)), host::moment(), String::new())
            }
            Ok(Some(entry)) => entry,
            Err(other) => return Err(other),
        };
        all.push((name.to_owned(), entry));
    }
    all.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(all)
}

/// Replaces an entry by `after`, or removes it, unless it has been recorded anew in the meantime.
pub fn settle(name: &str, before: &PendingEntry, after: Option<&PendingEntry>) -> Result<()> {
    let _moment = moment(&directory());
    let path = path(name);
    match records::read::<PendingEntry>(&path) {
        Ok(None) => return Ok(()),
        Ok(Some(now)) if now.id != before.id => return Ok(()),
        Ok(_) | Err(Error::Record { .. }) => {}
        Err(other) => return Err(other),
    }
    match after {
        Some(entry) => write(name, entry),
        None => remove(&path),
    }
}

/// Removes the request of a package.
pub fn withdraw(name: &str) -> Result<()> {
    let _moment = moment(&directory());
    if fs::symlink_metadata(path(name)).is_err() { Ok(()) } else { remove(&path(name)) }
}

/// Removes the directory of the queue, if it is empty.
pub fn close() {
    // remove_dir removes no directory that has files.
    let _ = fs::remove_dir(directory());
}

fn remove(path: &Path) -> Result<()> {
    make_way(path)?;
    files::remove(path)
}

/// Notes that the transaction of this process replaces relayhost. Where that cannot be written, nothing is noted.
pub fn note_replaced(transaction: i32) {
    forget_replaced();
    let _ = files::create(Path::new(REPLACED), format!("{transaction}\n").as_bytes(), 0o600);
}

/// Whether this is the first trigger of a package in a transaction that replaces relayhost, and notes that it ran.
pub fn is_run_by_replacement(transaction: i32, package: &str) -> bool {
    let Some(noted) = files::text(REPLACED) else { return false };
    let mut lines = noted.lines();
    let is_first = lines.next() == Some(&transaction.to_string()) && !lines.any(|line| line == package);
    let mut file = fs::OpenOptions::new().append(true).open(REPLACED);
    is_first && file.as_mut().is_ok_and(|file| writeln!(file, "{package}").is_ok())
}

/// Forgets that relayhost was replaced: the transaction has ended.
pub fn forget_replaced() {
    let _ = fs::remove_file(REPLACED);
}

/// Removes the unfinished files of writers that were killed.
pub fn sweep() {
    for path in files::beginning_with(&directory(), UNFINISHED) {
        let written = fs::symlink_metadata(&path).and_then(|found| found.modified());
        // A writer holds the lock for a moment only. A time in the future is from before the clock was set back.
        let age = written.map(|time| time.elapsed().unwrap_or_else(|ahead| ahead.duration()));
        if age.is_ok_and(|age| age > OLD) {
            let _ = fs::remove_file(path);
        }
    }
}
