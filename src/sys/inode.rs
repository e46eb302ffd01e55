//! Reads and makes a file with all its attributes: bytes, mode, owner, times, extended attributes.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{Cursor, ErrorKind, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown, lchown, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{UtimensatFlags, utimensat};
use nix::sys::time::{TimeSpec, TimeValLike};
use xattr::FileExt;

use super::acl::is_unsupported;
use super::{acl, digest, files};
use crate::error::{Error, Result};
use crate::model::postfix::managed::Managed;
use crate::model::state::generation::{Inode, hex, sha256, unhex};

/// The attribute in which SELinux keeps a label (selinux(8)).
const LABEL: &str = "security.selinux";

/// Reads a file and its attributes; `None` if there is none. Refuses a symbolic link, unless it is a managed one: its bytes
/// are the path that it leads to. Everything is read from the one file that was opened, since another may come into its
/// place meanwhile, and the time before the bytes: a write while they are read then shows at the next look.
pub fn take(path: &Path) -> Result<Option<(Inode, Vec<u8>)>> {
    if Managed::is_link(path)
        && let Some(link) = take_link(path)?
    {
        return Ok(Some(link));
    }
    take_file(path, |file| {
        let bytes = files::read_file(file, path)?;
        Ok((sha256(&bytes), bytes))
    })
}

/// The attributes of a file, of whatever size it is, as [`take`] reads them.
pub fn look(path: &Path) -> Result<Option<Inode>> {
    if Managed::is_link(path)
        && let Some((link, _)) = take_link(path)?
    {
        return Ok(Some(link));
    }
    let read = |file: &mut File| digest::of(file).map(|digest| (digest, ())).map_err(Error::io("read", path));
    Ok(take_file(path, read)?.map(|(inode, ())| inode))
}

/// The bytes of a file, or of a managed link, to be read one after the other; `None` if there is none.
pub fn open(path: &Path) -> Result<Option<Box<dyn Read>>> {
    if Managed::is_link(path)
        && let Some((_, target)) = take_link(path)?
    {
        return Ok(Some(Box::new(Cursor::new(target))));
    }
    Ok(files::open_no_link(path)?.map(|file| Box::new(file) as Box<dyn Read>))
}

/// The attributes of a regular file, and what `read` makes of its bytes beside their digest.
fn take_file<T>(
    path: &Path,
    read: impl FnOnce(&mut File) -> Result<(String, T)>,
) -> Result<Option<(Inode, T)>> {
    let Some(mut file) = files::open_no_link(path)? else { return Ok(None) };
    let fault = |source| Error::Io { action: "look at", path: path.to_owned(), source };
    let found = file.metadata().map_err(fault)?;
    let (sha256, taken) = read(&mut file)?;
    let inode = Inode {
        mode: found.mode() & 0o7777,
        uid: found.uid(),
        gid: found.gid(),
        mtime: found.mtime() * 1_000_000_000 + found.mtime_nsec(),
        sha256,
        xattrs: xattrs(&file).map_err(fault)?.into_iter().map(|(name, value)| (name, hex(&value))).collect(),
    };
    Ok(Some((inode, taken)))
}

/// Reads a symbolic link; `None` if there is none, or something else.
fn take_link(path: &Path) -> Result<Option<(Inode, Vec<u8>)>> {
    let fault = |source| Error::Io { action: "look at", path: path.to_owned(), source };
    let Ok(found) = fs::symlink_metadata(path) else { return Ok(None) };
    if !found.is_symlink() {
        return Ok(None);
    }
    let target = fs::read_link(path).map_err(fault)?.into_os_string().into_vec();
    let names = match xattr::list(path) {
        Err(error) if is_unsupported(&error) => None,
        other => Some(other.map_err(fault)?),
    };
    let mut xattrs = BTreeMap::new();
    for name in names.into_iter().flatten() {
        if let (Some(text), Some(value)) = (name.to_str(), xattr::get(path, &name).map_err(fault)?) {
            xattrs.insert(text.to_owned(), hex(&value));
        }
    }
    let mtime = found.mtime() * 1_000_000_000 + found.mtime_nsec();
    let inode = Inode {
        mode: found.mode(),
        uid: found.uid(),
        gid: found.gid(),
        mtime,
        sha256: sha256(&target),
        xattrs,
    };
    Ok(Some((inode, target)))
}

/// A new symbolic link of root's, made now.
pub fn new_link(target: &str) -> Inode {
    Inode::link(target, nanoseconds(SystemTime::now()))
}

/// Makes a symbolic link. Its directory has to be written to the disk, by who moves it into its place.
fn make_link(path: &Path, inode: &Inode, target: &[u8]) -> Result<()> {
    let fault = |action| move |source| Error::Io { action, path: path.to_owned(), source };
    symlink(OsStr::from_bytes(target), path).map_err(fault("make"))?;
    lchown(path, Some(inode.uid), Some(inode.gid)).map_err(fault("give an owner to"))?;
    for (name, value) in &inode.xattrs {
        match xattr::set(path, name, &unhex(value).unwrap_or_default()) {
            Err(error) if is_unsupported(&error) => {}
            other => other.map_err(fault("give attributes to"))?,
        }
    }
    let time = TimeSpec::nanoseconds(inode.mtime);
    utimensat(AT_FDCWD, path, &time, &time, UtimensatFlags::NoFollowSymlink)
        .map_err(|error| fault("give a time to")(error.into()))
}

/// Makes a new file of these bytes and attributes; it is on the disk when this returns. The file is root's alone until it
/// has its own mode and access control list, and both are checked.
pub fn make(path: &Path, inode: &Inode, bytes: &mut dyn Read) -> Result<()> {
    let fault = |action| move |source| Error::Io { action, path: path.to_owned(), source };
    if inode.is_link() {
        let mut target = Vec::new();
        bytes.read_to_end(&mut target).map_err(fault("make"))?;
        return make_link(path, inode, &target);
    }
    let mut new = files::create_private(path)?;
    std::io::copy(bytes, &mut new).map_err(fault("write"))?;
    fchown(&new, Some(inode.uid), Some(inode.gid)).map_err(fault("give an owner to"))?;
    new.set_permissions(fs::Permissions::from_mode(inode.mode)).map_err(fault("give a mode to"))?;
    for (name, value) in &inode.xattrs {
        set_xattr(&new, path, name, &unhex(value).unwrap_or_default())?;
    }
    let list = inode.xattrs.get(acl::ACCESS).and_then(|value| unhex(value));
    acl::check(&new, inode.mode, list.as_deref()).map_err(fault("give a mode to"))?;
    let nanoseconds = u64::try_from(inode.mtime).unwrap_or_default();
    new.set_modified(UNIX_EPOCH + Duration::from_nanos(nanoseconds)).map_err(fault("give a time to"))?;
    new.sync_all().map_err(fault("write"))
}

/// Gives a file that came out of its place another time, if it is there. A program that has it open may compare the time to
/// learn that; one that does not learn it loses nothing.
pub fn outdate(path: &Path) {
    let now = TimeSpec::nanoseconds(nanoseconds(SystemTime::now()));
    let _ = utimensat(AT_FDCWD, path, &now, &now, UtimensatFlags::NoFollowSymlink);
}

/// Gives a file that another program has built to root, with this mode and no list, and writes it to the disk.
pub fn close(path: &Path, mode: u32) -> Result<()> {
    let fault = |action| move |source| Error::Io { action, path: path.to_owned(), source };
    let Some(file) = files::open_no_link(path)? else {
        return Err(fault("look at")(ErrorKind::NotFound.into()));
    };
    fchown(&file, Some(0), Some(0)).map_err(fault("give an owner to"))?;
    acl::set_mode(&file, mode).map_err(fault("give a mode to"))?;
    file.sync_all().map_err(fault("write"))
}

/// The attributes of a file whose bytes are replaced: unchanged, but for the time.
pub fn renewed(inode: &Inode) -> Inode {
    Inode { mtime: nanoseconds(files::cool_time()), ..inode.clone() }
}

/// The attributes of a new file that is root's alone.
pub fn private(bytes: &[u8]) -> Inode {
    let (mode, uid, gid, mtime) = (0o600, 0, 0, nanoseconds(SystemTime::now()));
    Inode { mode, uid, gid, mtime, sha256: sha256(bytes), xattrs: BTreeMap::new() }
}

/// Gives a new file the SELinux label of the one that it will replace, links followed, if there is one with a label.
pub fn copy_label(old: &Path, new: &Path) -> Result<()> {
    let fault = |source| Error::Io { action: "look at", path: old.to_owned(), source };
    let label = match xattr::get_deref(old, LABEL) {
        Err(error) if is_unsupported(&error) || error.kind() == ErrorKind::NotFound => None,
        other => other.map_err(fault)?,
    };
    let Some(label) = label else { return Ok(()) };
    set_xattr(&File::open(new).map_err(fault)?, new, LABEL, &label)
}

fn nanoseconds(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_nanos()).ok())
        .unwrap_or_default()
}

/// Extended attributes; none where the file system has none.
fn xattrs(file: &File) -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let names = match file.list_xattr() {
        Err(error) if is_unsupported(&error) => return Ok(Vec::new()),
        other => other?,
    };
    let mut found = Vec::new();
    for name in names {
        if let (Some(text), Some(value)) = (name.to_str(), file.get_xattr(&name)?) {
            found.push((text.to_owned(), value));
        }
    }
    Ok(found)
}

fn set_xattr(file: &File, path: &Path, name: &str, value: &[u8]) -> Result<()> {
    match file.set_xattr(name, value) {
        Err(error) if is_unsupported(&error) => Ok(()),
        other => {
            other.map_err(|source| Error::Io { action: "give attributes to", path: path.to_owned(), source })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::scratch;
    use super::*;

    #[test]
    #[ignore = "needs root, and a file system with security attributes: scripts/test runs it"]
    fn a_file_is_made_as_another_one_was_taken() {
        let directory = scratch::directory().unwrap();
        let [path, copy] = ["main.cf", "copy"].map(|name| directory.path().join(name));
        files::create(&path, b"old\xff\n", 0o640).unwrap();
        xattr::set(&path, LABEL, b"l\0").unwrap();
        let (mut inode, bytes) = take(&path).unwrap().unwrap();
        inode.mtime = 5_000_000_007;
        make(&copy, &inode, &mut &*bytes).unwrap();
        assert_eq!(take(&copy).unwrap().unwrap(), (inode, bytes));
        assert_eq!(xattr::get(&copy, LABEL).unwrap().as_deref(), Some(&b"l\0"[..]));
        assert!(make(&copy, &take(&path).unwrap().unwrap().0, &mut &b""[..]).is_err());
    }

    #[test]
    #[ignore = "needs root, and a file system with security attributes: scripts/test runs it"]
    fn a_map_that_is_built_anew_has_the_label_of_the_old_one() {
        let directory = scratch::directory().unwrap();
        let [old, new] = ["old", "new"].map(|name| directory.path().join(name));
        files::create(&new, b"", 0o600).unwrap();
        copy_label(&old, &new).unwrap();
        files::create(&old, b"", 0o600).unwrap();
        let label = b"system_u:object_r:postfix_etc_t:s0\0";
        xattr::set(&old, LABEL, label).unwrap();
        copy_label(&old, &new).unwrap();
        assert_eq!(xattr::get(&new, LABEL).unwrap().as_deref(), Some(&label[..]));
    }

    #[test]
    fn links_are_not_read_through() {
        let directory = scratch::directory().unwrap();
        let target = directory.path().join("target");
        files::create(&target, b"x", 0o600).unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(matches!(take(&link).unwrap_err(), Error::Symlink { .. }));
        assert!(matches!(close(&link, 0o600).unwrap_err(), Error::Symlink { .. }));
    }
}
