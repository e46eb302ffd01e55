//! Files: bounded reading, who else can read them, and replacing them in one step.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::{NamedTempFile, TempDir};

use super::{acl, input};
use crate::error::{Error, Result, shown};
use crate::model::postfix::managed::Managed;
use crate::model::text::one_line;

/// Largest file that is ever read as a whole, in bytes: a main.cf or a map of that size is none.
const LIMIT: u64 = 16 * 1024 * 1024;

/// Beginning of the names of staging directories, in which relayhost builds files.
pub const STAGING: &str = ".relayhost-";

/// Reads a file of at most `limit` bytes; `None` if there is none. Regular files only: a FIFO would never end.
pub fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
    open(path, 0)?.map(|file| read_open(&file, path, limit)).transpose()
}

/// The same, of a file whose owner `is_good`, wherever the names on the way lead; `None` if it is another's.
pub fn read_of(path: &Path, is_good: &dyn Fn(u32) -> bool, limit: u64) -> Result<Option<Vec<u8>>> {
    let Some(file) = open(path, 0)? else { return Ok(None) };
    let owner = file.metadata().map_err(Error::io("look at", path))?.uid();
    if is_good(owner) { read_open(&file, path, limit).map(Some) } else { Ok(None) }
}

/// The text of a file of at most 16 MiB; `None` if there is none, or if it cannot be read.
pub fn text(path: impl AsRef<Path>) -> Option<String> {
    let bytes = read_whole(path.as_ref()).ok()??;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// Opens a regular file, wherever the names on the way lead; `None` if there is none.
pub fn open_file(path: &Path) -> Result<Option<File>> {
    open(path, 0)
}

fn open(path: &Path, flags: i32) -> Result<Option<File>> {
    let fault = Error::io("read", path);
    let options = fs::OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK | flags).to_owned();
    // A socket cannot be opened at all.
    let refuse = |error| match input::odd_kind(path) {
        Some(kind) => Error::NoFile { path: path.into(), kind },
        None => fault(error),
    };
    let Some(file) = if_there(options.open(path)).map_err(refuse)? else { return Ok(None) };
    match input::odd(&file.metadata().map_err(fault)?) {
        Some(kind) => Err(Error::NoFile { path: path.into(), kind }),
        None => Ok(Some(file)),
    }
}

/// Reads an open file of at most `limit` bytes.
pub fn read_open(file: &File, path: &Path, limit: u64) -> Result<Vec<u8>> {
    // A buffer that begins empty is doubled from 32 bytes on, with a read(2) each time.
    let size = file.metadata().map_or(0, |metadata| metadata.len().min(limit));
    let mut bytes = Vec::with_capacity(usize::try_from(size + 1).unwrap_or_default());
    file.take(limit + 1).read_to_end(&mut bytes).map_err(Error::io("read", path))?;
    if bytes.len() as u64 > limit {
        return Err(Error::TooLarge { path: path.into(), limit });
    }
    Ok(bytes)
}

/// The result of an operation on a file; `None` if there is no such file.
fn if_there<T>(result: std::io::Result<T>) -> std::io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

/// Reads a file of at most 16 MiB; `None` if there is none.
pub fn read_whole(path: &Path) -> Result<Option<Vec<u8>>> {
    read(path, LIMIT)
}

/// The first bytes of a file, in which a database says of what type it is: the whole may be too large to be read.
pub fn head(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(64).read_to_end(&mut bytes));
    read.map(|_| bytes).map_err(Error::io("read", path))
}

/// Reads as [`read_whole`] does, and refuses a symbolic link.
pub fn read_no_link(path: &Path) -> Result<Option<Vec<u8>>> {
    open_no_link(path)?.map(|file| read_open(&file, path, LIMIT)).transpose()
}

/// Opens a regular file, and refuses a symbolic link; `None` if there is no file.
pub fn open_no_link(path: &Path) -> Result<Option<File>> {
    refuse_link(path)?;
    // O_NOFOLLOW: nor a link that comes into its place at this moment.
    open(path, nix::libc::O_NOFOLLOW)
}

/// Reads an open file of at most 16 MiB.
pub fn read_file(file: &File, path: &Path) -> Result<Vec<u8>> {
    read_open(file, path, LIMIT)
}

/// Whether a path leads to something, links followed.
pub fn exists(path: &Path) -> bool {
    path.exists()
}

/// A fingerprint that changes whenever a file, its name or its mode changes; empty if there is no file.
pub fn identity(path: &Path) -> String {
    fs::metadata(path).map_or_else(
        |_| String::new(),
        |found| format!("{}:{}:{}.{:09}", found.ino(), found.size(), found.ctime(), found.ctime_nsec()),
    )
}

/// The time of the last write to a file, in seconds since 1970.
pub fn modified(path: &Path) -> Option<i64> {
    fs::metadata(path).ok().map(|found| found.mtime())
}

/// The time of the last change to a file or to what is kept about it, in seconds since 1970. A file that was put back with its
/// old time of writing has a new one of this kind.
pub fn changed(path: &Path) -> Option<i64> {
    fs::metadata(path).ok().map(|found| found.ctime())
}

/// Whether the file system of a path has no free block, not even for root.
pub fn is_on_full_disk(path: &Path) -> bool {
    rustix::fs::statvfs(path).is_ok_and(|found| found.f_blocks > 0 && found.f_bfree == 0)
}

/// Whether two paths lead to the same thing.
pub fn is_same(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).ok().map(|found| (found.dev(), found.ino()));
    identity(one).is_some() && identity(one) == identity(other)
}

/// Whether a path leads to a file that is not empty.
pub fn has_content(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.len() > 0)
}

/// The path without links of the thing that a path leads to.
pub fn resolve(path: &Path) -> Option<PathBuf> {
    fs::canonicalize(path).ok()
}

/// Whether a path is a symbolic link of another user than root, who may lead it anywhere.
pub fn is_link_of_others(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink() && found.uid() != 0)
}

/// The name of a user in passwd(5), if it has one there.
pub fn known_name(user: u32) -> Option<String> {
    let number = user.to_string();
    text("/etc/passwd")?.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1) == Some(number.as_str())).then(|| one_line(name))
    })
}

/// The name of the user whose file this is; `None` if it is not there, or its user is not in passwd(5).
pub fn owner(path: &Path) -> Option<String> {
    known_name(fs::metadata(path).ok()?.uid())
}

/// The owner of what a symbolic link leads to; `None` if the path is no link.
pub fn link_owner(path: &Path) -> Result<Option<u32>> {
    if !fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink()) {
        return Ok(None);
    }
    fs::metadata(path).map(|found| Some(found.uid())).map_err(Error::io("look at", path))
}

/// Names in a directory; none if there is no such directory, or if it cannot be read.
pub fn names(directory: &Path) -> Vec<String> {
    list(directory).unwrap_or_default()
}

/// Names in a directory; none if there is no such directory. An error if it cannot be read: for records, that is something
/// else than a directory that is not there.
pub fn list(directory: &Path) -> Result<Vec<String>> {
    let fault = Error::io("read", directory);
    let Some(entries) = if_there(fs::read_dir(directory)).map_err(fault)? else { return Ok(Vec::new()) };
    let name = |entry: std::io::Result<fs::DirEntry>| entry.map(|entry| entry.file_name().into_string().ok());
    entries.filter_map(|entry| name(entry).transpose()).collect::<std::io::Result<_>>().map_err(fault)
}

/// The paths in a directory whose names have this beginning; none if it cannot be read.
pub fn beginning_with(directory: &Path, prefix: &str) -> Vec<PathBuf> {
    let names = names(directory).into_iter().filter(|name| name.starts_with(prefix));
    names.map(|name| directory.join(name)).collect()
}

/// Opens a directory, and no link to one.
pub fn open_directory(path: &Path) -> std::io::Result<File> {
    let flags = nix::libc::O_DIRECTORY | nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
    fs::OpenOptions::new().read(true).custom_flags(flags).open(path)
}

/// The mode of a file, links followed; `None` if there is none.
pub fn mode(path: &Path) -> Option<u32> {
    fs::metadata(path).ok().map(|found| found.mode() & 0o7777)
}

/// The difference of a map or its database from root:root and the mode that it is to have, in words; `None` if there is none.
pub fn deviation(path: &Path, map: Managed) -> Option<String> {
    let found = fs::metadata(path).ok()?;
    let (uid, gid, has) = (found.uid(), found.gid(), found.mode() & 0o7777);
    let mode = map.mode(Some(has));
    (uid != 0 || gid != 0 || has != mode).then(|| {
        let list = acl::note(path);
        format!("{} is {uid}:{gid} {has:04o}{list}, and should be 0:0 {mode:04o}", shown(path))
    })
}

/// Whether the modes let every user read a file and enter each directory above it, and above the file that a link leads to.
pub fn is_for_all(path: &Path) -> bool {
    let has = |path: &Path, bit| fs::metadata(path).is_ok_and(|found| found.mode() & bit == bit);
    let is_open = |path: &Path| path.ancestors().skip(1).all(|directory| has(directory, 0o001));
    has(path, 0o004) && is_open(path) && resolve(path).is_none_or(|path| is_open(&path))
}

/// A staging directory beside a file, root's alone, gone when dropped: a file that is built in it can be renamed into
/// place, and nobody sees it before.
pub fn staging(beside: &Path) -> Result<TempDir> {
    private_directory(beside.parent().unwrap_or(Path::new("/")), STAGING)
}

/// The staging directories in a directory, also those of runs that were stopped.
pub fn stagings(parent: &Path) -> Result<Vec<PathBuf>> {
    let names = list(parent)?.into_iter().filter(|name| name.starts_with(STAGING));
    let is_directory = |path: &PathBuf| fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
    Ok(names.map(|name| parent.join(name)).filter(is_directory).collect())
}

/// A new directory that is root's alone, whatever access control list its parent hands on; gone when dropped.
pub fn private_directory(parent: &Path, prefix: &str) -> Result<TempDir> {
    let fault = Error::io("make a directory in", parent);
    let made = tempfile::Builder::new()
        .prefix(prefix)
        .permissions(fs::Permissions::from_mode(0o700))
        .tempdir_in(parent)
        .map_err(fault)?;
    acl::close_directory(made.path()).map_err(fault)?;
    Ok(made)
}

/// A new file that is root's alone, whatever access control list its directory hands on; gone when dropped, unless it is
/// renamed.
pub fn private_file(parent: &Path, prefix: &str) -> Result<NamedTempFile> {
    let fault = Error::io("write in", parent);
    // tempfile makes it with 0600.
    let made = tempfile::Builder::new().prefix(prefix).tempfile_in(parent).map_err(fault)?;
    acl::set_mode(made.as_file(), 0o600).map_err(fault)?;
    Ok(made)
}

/// Writes a new file with exactly this mode and no access control list, and its bytes to the disk. Nobody else can open it
/// before that is so.
pub fn create(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let fault = Error::io("write", path);
    let mut file = create_private(path)?;
    file.write_all(bytes).and_then(|()| acl::set_mode(&file, mode)).map_err(fault)?;
    file.sync_all().map_err(fault)
}

/// Makes a new, empty file that is root's alone.
pub fn create_private(path: &Path) -> Result<File> {
    let fault = Error::io("write", path);
    let options = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).to_owned();
    let file = options.open(path).map_err(fault)?;
    acl::set_mode(&file, 0o600).map_err(fault)?;
    Ok(file)
}

/// Writes a configuration file for a program to check, before it is put into its place.
pub fn stage(path: &Path, bytes: &[u8]) -> Result<()> {
    create(path, bytes, 0o600)?;
    let file = File::options().append(true).open(path);
    file.and_then(|file| file.set_modified(cool_time())).map_err(Error::io("give a time to", path))
}

/// The time that a new configuration file gets: three seconds ago. Postfix reads a file that is younger than two
/// seconds again and again until it is older, since it may be half written (dict_load_file_xt in util/dict.c); each of
/// its programs would wait that long. relayhost's files appear whole, by rename.
pub fn cool_time() -> SystemTime {
    SystemTime::now() - Duration::from_secs(3)
}

/// Puts a file that was built in a staging directory into its place.
pub fn put_in_place(built: &Path, path: &Path) -> Result<()> {
    refuse_link(path)?;
    let fault = Error::io("rename into", path);
    File::open(built).and_then(|file| file.sync_all()).map_err(fault)?;
    fs::rename(built, path).map_err(fault)?;
    sync_directory(path.parent().unwrap_or(Path::new("/")))
}

/// Writes a file of root's in the place of one that may be there: it appears as a whole, with this mode, and is on the disk
/// then.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<()> {
    let fault = Error::io("write", path);
    let parent = path.parent().unwrap_or(Path::new("/"));
    let mut new = private_file(parent, STAGING)?;
    new.write_all(bytes).and_then(|()| acl::set_mode(new.as_file(), mode)).map_err(fault)?;
    new.as_file().sync_all().map_err(fault)?;
    refuse_link(path)?;
    new.persist(path).map_err(|error| fault(error.error))?;
    sync_directory(parent)
}

/// Removes a file or a link, if it is there.
pub fn remove(path: &Path) -> Result<()> {
    if_there(fs::remove_file(path)).map(|_| ()).map_err(Error::io("remove", path))
}

/// Removes a file, a link, or a directory with all that is in it.
pub fn remove_all(path: &Path) -> std::io::Result<()> {
    let is_directory = fs::symlink_metadata(path).is_ok_and(|found| found.is_dir());
    if is_directory { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

/// The path from `/` of a path from the working directory; links are not resolved.
pub fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(Error::io("find", path))
}

/// Whether a path is a symbolic link.
pub fn is_link(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_symlink())
}

/// Refuses a path that is a symbolic link.
pub fn refuse_link(path: &Path) -> Result<()> {
    if is_link(path) { Err(Error::Symlink { path: path.into() }) } else { Ok(()) }
}

/// Writes the names in a directory to the disk.
pub fn sync_directory(path: &Path) -> Result<()> {
    File::open(path).and_then(|directory| directory.sync_all()).map_err(Error::io("write", path))
}

/// Makes a directory with this mode unless it is there.
pub fn ensure_directory(path: &Path, mode: u32) -> Result<()> {
    fs::DirBuilder::new().recursive(true).mode(mode).create(path).map_err(Error::io("make", path))
}

#[cfg(test)]
mod tests {
    use super::super::scratch;
    use super::*;

    #[test]
    fn a_fifo_is_not_read_for_ever_and_size_is_bounded() {
        let directory = scratch::directory().unwrap();
        let fifo = directory.path().join("fifo");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(read_whole(&fifo).unwrap_err().to_string().ends_with("is a FIFO, not a file"));
        let socket = directory.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        assert!(read_whole(&socket).unwrap_err().to_string().ends_with("is a socket, not a file"));
        let big = directory.path().join("big");
        create(&big, &[b'x'; 100], 0o600).unwrap();
        assert!(matches!(read(&big, 99).unwrap_err(), Error::TooLarge { .. }));
        assert!(read(&big, 100).unwrap().is_some());
    }

    #[test]
    fn of_a_file_that_is_too_large_to_be_read_the_head_is() {
        let directory = scratch::directory().unwrap();
        let big = directory.path().join("generic.db");
        create(&big, &vec![b'x'; usize::try_from(LIMIT).unwrap() + 1], 0o600).unwrap();
        assert!(matches!(read_whole(&big).unwrap_err(), Error::TooLarge { .. }));
        assert_eq!(head(&big).unwrap(), [b'x'; 64]);
    }
}
