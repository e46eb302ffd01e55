//! A file with everything that belongs to it: bytes, mode, owner, times, extended attributes. Taken and put back.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use xattr::FileExt;

use super::files;
use crate::error::{Error, Result};
use crate::model::generation::{Inode, hex, sha256, unhex};

/// SELinux keeps its labels there (selinux(8)).
const LABEL: &str = "security.selinux";

/// Takes a file as it is; `None` if there is none. A symbolic link is refused.
pub fn take(path: &Path) -> Result<Option<(Inode, Vec<u8>)>> {
    let Some(bytes) = files::read_no_link(path)? else { return Ok(None) };
    let fault = |source| Error::Io { action: "look at", path: path.to_owned(), source };
    let found = fs::symlink_metadata(path).map_err(fault)?;
    let inode = Inode {
        mode: found.mode() & 0o7777,
        uid: found.uid(),
        gid: found.gid(),
        mtime: found.mtime() * 1_000_000_000 + found.mtime_nsec(),
        sha256: sha256(&bytes),
        xattrs: xattrs(path)?.into_iter().map(|(name, value)| (name, hex(&value))).collect(),
    };
    Ok(Some((inode, bytes)))
}

/// Puts a file back as it was taken, in one rename; `None` removes it.
pub fn put_back(path: &Path, taken: Option<(&Inode, &[u8])>) -> Result<()> {
    let fault = |action| move |source| Error::Io { action, path: path.to_owned(), source };
    let parent = path.parent().unwrap_or(Path::new("/"));
    files::refuse_link(path)?;
    let Some((inode, bytes)) = taken else {
        return match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(fault("remove")(error)),
            _ => files::sync_directory(parent),
        };
    };
    let mut new = tempfile::Builder::new()
        .prefix(".relayhost-")
        .permissions(fs::Permissions::from_mode(0o600))
        .tempfile_in(parent)
        .map_err(fault("write beside"))?;
    new.write_all(bytes).map_err(fault("write beside"))?;
    fchown(new.as_file(), Some(inode.uid), Some(inode.gid)).map_err(fault("give an owner to"))?;
    new.as_file().set_permissions(fs::Permissions::from_mode(inode.mode)).map_err(fault("give a mode to"))?;
    for (name, value) in &inode.xattrs {
        set_xattr(new.as_file(), path, name, &unhex(value).unwrap_or_default())?;
    }
    let nanoseconds = u64::try_from(inode.mtime).unwrap_or_default();
    new.as_file()
        .set_modified(UNIX_EPOCH + Duration::from_nanos(nanoseconds))
        .map_err(fault("give a time to"))?;
    new.as_file().sync_all().map_err(fault("write beside"))?;
    new.persist(path).map_err(|error| fault("rename into")(error.error))?;
    files::sync_directory(parent)
}

/// Replaces the bytes of a file that exists in one rename; mode, owner and attributes stay.
pub fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    let Some((mut inode, _)) = take(path)? else {
        return Err(Error::Io {
            action: "replace",
            path: path.to_owned(),
            source: ErrorKind::NotFound.into(),
        });
    };
    inode.mtime = nanoseconds(cool_time());
    put_back(path, Some((&inode, bytes)))
}

/// Gives a new file the SELinux label of the one that it will replace, if there is one with a label.
pub fn copy_label(old: &Path, new: &Path) -> Result<()> {
    files::refuse_link(old)?;
    let fault = |source| Error::Io { action: "look at", path: old.to_owned(), source };
    let label = match xattr::get(old, LABEL) {
        Err(error) if is_unsupported(&error) || error.kind() == ErrorKind::NotFound => None,
        other => other.map_err(fault)?,
    };
    let Some(label) = label else { return Ok(()) };
    set_xattr(&File::open(new).map_err(fault)?, new, LABEL, &label)
}

/// Dates a configuration file three seconds back. Postfix reads a file that is younger than two seconds again and
/// again until it is older, since it may be half written (dict_load_file_xt in util/dict.c); each of its programs
/// would wait that long. Ours appear whole, by rename.
pub fn cool(file: &File) -> std::io::Result<()> {
    file.set_modified(cool_time())
}

fn cool_time() -> SystemTime {
    SystemTime::now() - Duration::from_secs(3)
}

fn nanoseconds(time: SystemTime) -> i64 {
    time.duration_since(UNIX_EPOCH)
        .ok()
        .and_then(|since| i64::try_from(since.as_nanos()).ok())
        .unwrap_or_default()
}

/// Extended attributes; none where the file system has none.
fn xattrs(path: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let fault = |source| Error::Io { action: "look at", path: path.to_owned(), source };
    let names = match xattr::list(path) {
        Err(error) if is_unsupported(&error) => return Ok(Vec::new()),
        other => other.map_err(fault)?,
    };
    let mut found = Vec::new();
    for name in names {
        if let (Some(text), Some(value)) = (name.to_str(), xattr::get(path, &name).map_err(fault)?) {
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

fn is_unsupported(error: &std::io::Error) -> bool {
    error.raw_os_error() == Some(nix::libc::ENOTSUP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_comes_back_byte_for_byte_mode_time_and_attributes() {
        let directory = files::scratch().unwrap();
        let path = directory.path().join("main.cf");
        files::create(&path, b"old\xff\n", 0o640).unwrap();
        let has_attributes = xattr::set(&path, "user.label", b"l\0").is_ok();
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_modified(UNIX_EPOCH + Duration::from_nanos(5_000_000_007))
            .unwrap();
        let (inode, bytes) = take(&path).unwrap().unwrap();
        replace(&path, b"new").unwrap();
        assert_eq!(xattr::get(&path, "user.label").ok().flatten().is_some(), has_attributes);
        put_back(&path, Some((&inode, &bytes))).unwrap();
        assert_eq!(take(&path).unwrap().unwrap(), (inode.clone(), bytes));
        put_back(&path, None).unwrap();
        put_back(&path, None).unwrap();
        assert_eq!(take(&path).unwrap(), None);
        assert!(files::names(directory.path()).is_empty());
    }

    #[test]
    fn a_map_that_is_built_anew_has_the_label_of_the_old_one() {
        let directory = files::scratch().unwrap();
        let [old, new] = ["old", "new"].map(|name| directory.path().join(name));
        files::create(&new, b"", 0o600).unwrap();
        copy_label(&old, &new).unwrap();
        files::create(&old, b"", 0o600).unwrap();
        // Root may, on most file systems; scripts/vm tries it on a real one.
        let is_labelled = xattr::set(&old, LABEL, b"system_u:object_r:postfix_etc_t:s0\0").is_ok();
        copy_label(&old, &new).unwrap();
        assert_eq!(xattr::get(&old, LABEL).ok().flatten(), xattr::get(&new, LABEL).ok().flatten());
        assert_eq!(xattr::get(&new, LABEL).ok().flatten().is_some(), is_labelled);
    }

    #[test]
    fn links_are_neither_read_nor_written_through() {
        let directory = files::scratch().unwrap();
        let target = directory.path().join("target");
        files::create(&target, b"x", 0o600).unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(matches!(take(&link).unwrap_err(), Error::Symlink { .. }));
        assert!(matches!(replace(&link, b"y").unwrap_err(), Error::Symlink { .. }));
        assert!(matches!(put_back(&link, None).unwrap_err(), Error::Symlink { .. }));
        assert_eq!(files::read_whole(&target).unwrap().as_deref(), Some(&b"x"[..]));
    }
}
