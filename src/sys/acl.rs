//! Access control lists (acl(5)). A directory's default list applies to each file that is made in it, and the
//! umask does not; so relayhost removes the list from each file and directory of its own, and checks that it is gone.
//!
//! Of a file with a list the group's bits of the mode are the list's mask (acl(5), "correspondence between ACL entries
//! and file permission bits"): with mode 0600 no entry lets anybody in.

use std::fs::File;
use std::io::{Error, Result};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use xattr::FileExt;

/// The list of a file or directory itself.
pub const ACCESS: &str = "system.posix_acl_access";
/// The default list of a directory, for the files that are made in it.
const DEFAULT: &str = "system.posix_acl_default";

/// Removes a new directory's lists. The directory was made with mode 0700, so nobody else could use it before either.
pub fn close_directory(path: &Path) -> Result<()> {
    let directory = File::open(path)?;
    remove(&directory, DEFAULT)?;
    set_mode(&directory, 0o700)
}

/// Gives an open file or directory exactly this mode, and no list.
pub fn set_mode(file: &File, mode: u32) -> Result<()> {
    remove(file, ACCESS)?;
    if file.metadata()?.mode() & 0o7777 != mode {
        file.set_permissions(std::fs::Permissions::from_mode(mode))?;
    }
    check(file, mode, None)
}

/// An error unless an open file has this mode and this list: a file system may take a setting and not keep it.
pub fn check(file: &File, mode: u32, list: Option<&[u8]>) -> Result<()> {
    let has = file.metadata()?.mode() & 0o7777;
    if has != mode {
        return Err(Error::other(format!("its mode is {has:04o}, and {mode:04o} was asked for")));
    }
    if get(file)?.as_deref() != list {
        return Err(Error::other("its access control list is not the one that was asked for"));
    }
    Ok(())
}

/// The words, after a mode in a message, that there is a list too; empty if there is none.
pub fn note(path: &Path) -> &'static str {
    match xattr::get(path, ACCESS) {
        Ok(Some(_)) => " with an access control list (`getfacl` shows it)",
        _ => "",
    }
}

fn get(file: &File) -> Result<Option<Vec<u8>>> {
    match file.get_xattr(ACCESS) {
        Err(error) if is_unsupported(&error) => Ok(None),
        other => other,
    }
}

/// Removes a list. It is no error if there is none, or if the file system has no lists.
fn remove(file: &File, name: &str) -> Result<()> {
    match file.remove_xattr(name) {
        Err(error) if is_unsupported(&error) || error.raw_os_error() == Some(nix::libc::ENODATA) => Ok(()),
        other => other,
    }
}

/// Whether an error means that the file system has no extended attributes of this kind.
pub fn is_unsupported(error: &Error) -> bool {
    error.raw_os_error() == Some(nix::libc::ENOTSUP)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::super::files;
    use super::super::scratch;
    use super::*;

    /// `u::rwx,u:bin:rwx,g::rwx,m::rwx,o::rwx` as the kernel keeps it (linux/posix_acl_xattr.h): version 2, then tag,
    /// permissions and id of each entry.
    fn list() -> Vec<u8> {
        let entry =
            |tag: u16, id: u32| [&tag.to_le_bytes()[..], &7u16.to_le_bytes(), &id.to_le_bytes()].concat();
        let none = u32::MAX;
        let entries = [(1, none), (2, 1), (4, none), (0x10, none), (0x20, none)];
        [2u32.to_le_bytes().to_vec(), entries.map(|(tag, id)| entry(tag, id)).concat()].concat()
    }

    #[test]
    fn what_is_made_in_a_directory_with_a_default_list_has_none() {
        let outer = scratch::directory().unwrap();
        if xattr::set(outer.path(), DEFAULT, &list()).is_err() {
            return; // A file system without lists; the lab's has them.
        }
        let control = outer.path().join("control");
        assert!(Command::new("touch").arg(&control).status().unwrap().success());
        assert!(xattr::get(&control, ACCESS).unwrap().is_some());
        let inner = files::private_directory(outer.path(), "x").unwrap();
        assert_eq!(xattr::get(inner.path(), DEFAULT).unwrap(), None);
        for (name, mode) in [("a", 0o600), ("b", 0o644)] {
            let path = outer.path().join(name);
            files::create(&path, b"x", mode).unwrap();
            assert!(check(&File::open(&path).unwrap(), mode, None).is_ok());
        }
        assert!(check(&File::open(&control).unwrap(), 0o666, None).is_err());
        let file = files::private_file(outer.path(), "y").unwrap();
        assert!(check(file.as_file(), 0o600, None).is_ok());
    }
}
