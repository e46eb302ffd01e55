//! The queue on the disk: `/var/lib/relayhost/pending/NAME.json`, one file for each asker. Written by scriptlets while
//! a run may be at work, so it has a lock of its own, held for the moment of a rename.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::damage::{self, make_way, moment, own_directory};
use super::{files, host, state};
use crate::error::{Error, Result, shown};
use crate::model::state::pending::Entry;

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
    // Nobody reads what a scriptlet would say of it; the next command that can be read does.
    own_directory(Path::new(state::DIRECTORY))?;
    own_directory(&directory())?;
    let _moment = moment(&directory());
    write(name, entry)
}

fn write(name: &str, entry: &Entry) -> Result<()> {
    let path = path(name);
    let fault = |source| Error::Io { action: "write", path: path.clone(), source };
    let bytes = serde_json::to_vec(entry).map_err(|error| fault(error.into()))?;
    let mut new = files::private_file(&directory(), UNFINISHED)?;
    make_way(&path)?;
    new.write_all(&bytes).and_then(|()| new.as_file().sync_all()).map_err(fault)?;
    new.persist(&path).map_err(|error| fault(error.error))?;
    files::sync_directory(&directory())
}

/// Everything that waits, by name. An entry that cannot be read is one all the same: somebody asked.
pub fn entries() -> Result<Vec<(String, Entry)>> {
    if !state::is_there() || !damage::is_ours(&directory()) {
        return Ok(Vec::new());
    }
    let mut all = Vec::new();
    for name in files::list(&directory())? {
        let Some(name) = name.strip_suffix(".json").filter(|name| !name.starts_with('.')) else { continue };
        let path = path(name);
        let entry = match damage::record(&path) {
            Ok(None) => continue,
            Err(Error::Record { .. }) => {
                Entry::new(format!("`{}` cannot be read", shown(path)), host::moment(), String::new())
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
pub fn settle(name: &str, before: &Entry, after: Option<&Entry>) -> Result<()> {
    let _moment = moment(&directory());
    let path = path(name);
    match damage::record::<Entry>(&path) {
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

/// Takes an asker's request back.
pub fn withdraw(name: &str) -> Result<()> {
    let _moment = moment(&directory());
    if fs::symlink_metadata(path(name)).is_err() { Ok(()) } else { remove(&path(name)) }
}

/// Removes the queue when it is empty.
pub fn close() {
    // With something in it, it stays.
    let _ = fs::remove_dir(directory());
}

fn remove(path: &Path) -> Result<()> {
    make_way(path)?;
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Error::Io { action: "remove", path: path.to_owned(), source: error })
        }
        _ => Ok(()),
    }
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
