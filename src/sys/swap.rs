//! Puts a finished file into its place, or takes one away, if the file that is there is still the one that the caller has
//! looked at. An edit of the file at the same moment is not lost: the two files are exchanged in one step (RENAME_EXCHANGE
//! of renameat2(2)), then the old one is compared, and exchanged back if it is another than expected.
//!
//! If the kernel or the file system cannot exchange files, the rename comes right after the comparison.

use std::ffi::OsStr;
use std::fs;
use std::io::{ErrorKind, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use super::{clock, files, inode};
use crate::error::{Error, Result};
use crate::model::state::generation::Inode;

/// The name of a file in a staging directory that is half written, and nobody's.
pub const UNFINISHED: &str = "unfinished";

/// Makes a finished file of this name in a staging directory. It gets that name only when it is finished.
pub fn prepare(staging: &Path, name: &OsStr, inode: &Inode, bytes: &mut dyn Read) -> Result<PathBuf> {
    let unfinished = staging.join(UNFINISHED);
    inode::make(&unfinished, inode, bytes)?;
    let staged = staging.join(name);
    fs::rename(&unfinished, &staged).map_err(|source| Error::Io {
        action: "rename into",
        path: staged.clone(),
        source,
    })?;
    Ok(staged)
}

/// Puts the finished file `staged` into `path`, where the `expected` file must be; with `None`, no file. The old file is
/// at `staged` then, if the two could be exchanged.
///
/// `Error::ChangedMeanwhile` if another file is there; it stays in its place. If somebody has changed it once more in
/// between, that later file is at `staged`: after an error the caller has to look which file that is.
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

/// Moves a file out of its place, to `staged`, if it is the `expected` one. Errors as for [`put`].
pub fn take_away(path: &Path, staged: &Path, expected: &Inode) -> Result<()> {
    look(path, path, Some(expected))?;
    fs::rename(path, staged).map_err(|source| fault(path, source))?;
    if let Err(other) = look(staged, path, Some(expected)) {
        move_new(staged, path)?;
        return Err(other);
    }
    files::sync_directory(path.parent().unwrap_or(Path::new("/")))
}

/// The error that somebody has changed the file `path`. The changed file lies at `there`; the error tells its owner and
/// time.
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

/// Compares the file at `there` with the one that was expected in `path`. A file with the same bytes, mode, owner, time
/// and attributes is the same one to all who read it.
fn look(there: &Path, path: &Path, expected: Option<&Inode>) -> Result<()> {
    match inode::look(there) {
        Ok(found) if found.as_ref() == expected => Ok(()),
        Ok(_) => Err(changed(path, there)),
        Err(Error::Symlink { .. }) => Err(Error::Symlink { path: path.to_owned() }),
        Err(other) => Err(other),
    }
}

/// Exchanges two files. False if this kernel or file system cannot: before Linux 3.15, and on file systems that do not
/// know the flag. A container's filter of system calls may say that it is not permitted.
fn exchange(one: &Path, other: &Path) -> std::io::Result<bool> {
    match renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(true),
        Err(error) if is_unknown(error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Moves a file to a free place, and never over another file.
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
        // The file has come, or gone, since it was compared.
        ErrorKind::AlreadyExists | ErrorKind::NotFound => changed(path, path),
        _ => Error::Io { action: "rename into", path: path.to_owned(), source },
    }
}
