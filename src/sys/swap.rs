//! Puts a finished file into its place, or takes one away, if what is there is what the caller has looked at. Whoever
//! edits the file at the same moment loses nothing: the two files are exchanged in one step (RENAME_EXCHANGE of
//! renameat2(2)), then what came out is looked at, and exchanged back if it is something else.
//!
//! Where the kernel or the file system cannot exchange, a look and a rename come right after each other.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::{clock, files, inode};
use crate::error::{Error, Result};
use crate::model::state::generation::Inode;

/// Makes the finished file for a place under its own name in a staging directory. It has that name only when it is
/// finished: what lies there under another one is half a file, and nobody's.
pub fn prepare(staging: &Path, path: &Path, inode: &Inode, bytes: &[u8]) -> Result<PathBuf> {
    let unfinished = staging.join("unfinished");
    inode::make(&unfinished, inode, bytes)?;
    let staged = staging.join(path.file_name().unwrap_or_default());
    fs::rename(&unfinished, &staged).map_err(|source| Error::Io {
        action: "rename into",
        path: staged.clone(),
        source,
    })?;
    Ok(staged)
}

/// Puts the finished file `staged` into `path`, where there must be what is `expected`; `None`: nothing. What was there is
/// `staged` then, if it could be exchanged.
///
/// `Error::ChangedMeanwhile` if something else is there; that is in its place then. Where somebody has changed it again in
/// the moment between, that later one is `staged`: on an error the caller has to look what it is.
pub fn put(staged: &Path, path: &Path, expected: Option<&Inode>) -> Result<()> {
    look(path, path, expected)?;
    if expected.is_none() {
        move_new(staged, path)?;
    } else if exchange(staged, path).map_err(|source| fault(path, source))? {
        if let Err(other) = look(staged, path, expected) {
            let io = |source| Error::Io { action: "put back", path: path.to_owned(), source };
            return exchange(staged, path).map_err(io).and(Err(other));
        }
    } else {
        fs::rename(staged, path).map_err(|source| fault(path, source))?;
    }
    files::sync_directory(path.parent().unwrap_or(Path::new("/")))
}

/// Moves a file out of its place, to `staged`, if it is what is `expected`. Errors as for [`put`].
pub fn take_away(path: &Path, staged: &Path, expected: &Inode) -> Result<()> {
    look(path, path, Some(expected))?;
    fs::rename(path, staged).map_err(|source| fault(path, source))?;
    if let Err(other) = look(staged, path, Some(expected)) {
        move_new(staged, path)?;
        return Err(other);
    }
    files::sync_directory(path.parent().unwrap_or(Path::new("/")))
}

/// That somebody has changed the file `path`. What they made of it lies at `there`: whose it is, and written when.
pub fn changed(path: &Path, there: &Path) -> Error {
    let found = match fs::symlink_metadata(there) {
        Err(_) => "it is gone".to_owned(),
        Ok(now) => {
            let owner = if now.uid() == 0 { "root".into() } else { format!("user {}", now.uid()) };
            format!("it is {owner}'s now, written at {}", clock::moment(now.mtime()))
        }
    };
    Error::ChangedMeanwhile { path: path.to_owned(), found }
}

/// Whether what lies at `there` is what was expected in `path`. A file with the same bytes, mode, owner, time and
/// attributes is the same one to all who read it.
fn look(there: &Path, path: &Path, expected: Option<&Inode>) -> Result<()> {
    match inode::take(there) {
        Ok(found) if found.as_ref().map(|(inode, _)| inode) == expected => Ok(()),
        Ok(_) => Err(changed(path, there)),
        Err(Error::Symlink { .. }) => Err(Error::Symlink { path: path.to_owned() }),
        Err(other) => Err(other),
    }
}

/// False if this kernel or file system cannot: before Linux 3.15, and on file systems that do not know the flag. What
/// filters system calls for a container may say that it is not permitted.
fn exchange(one: &Path, other: &Path) -> std::io::Result<bool> {
    match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(true),
        Err(error) if is_unknown(error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Moves a file to where nothing is; never over something.
fn move_new(from: &Path, to: &Path) -> Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(error) if is_unknown(error) => {
            // link(2) never replaces, and never follows a link in the last place.
            fs::hard_link(from, to).and_then(|()| fs::remove_file(from)).map_err(|source| fault(to, source))
        }
        other => other.map_err(|error| fault(to, error.into())),
    }
}

fn is_unknown(error: Errno) -> bool {
    [Errno::INVAL, Errno::NOSYS, Errno::OPNOTSUPP, Errno::PERM].contains(&error)
}

fn fault(path: &Path, source: std::io::Error) -> Error {
    match source.kind() {
        // It has come, or gone, since the look.
        ErrorKind::AlreadyExists | ErrorKind::NotFound => changed(path, path),
        _ => Error::Io { action: "rename into", path: path.to_owned(), source },
    }
}
