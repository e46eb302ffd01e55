//! Opens files that decide what root does: answers, passwords, directories of packages. Whoever may write to such a
//! file, or put another in its place, decides instead of root; so each directory on the way and the file itself must
//! belong to root, and nobody else may write to them. The way is followed step by step through open directories, links
//! too, and the opened file is the one that is checked: nobody can exchange it between the check and the use. The same
//! goes for a tree whose programs root runs.

mod way;

use std::fs::{File, Metadata};
use std::io::Error as IoError;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use way::{Step, Walk, open};

use super::{files, input, swap};
use crate::error::{Error, Odd, Result, shown, typed};

/// A directory in which only a file's owner may remove or rename it, such as /tmp (inode(7)).
const STICKY: u32 = 0o1000;
/// Another remedy for a tree that lies where others may write.
const BUILD: &str = "build the tree as root below a directory that root owns";
/// Write permission of group and others.
const OTHERS_WRITE: u32 = 0o022;

/// A file that was read.
#[derive(Debug)]
pub struct Trusted {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its permission bits when it was opened.
    pub mode: u32,
}

/// Reads a file of at most `limit` bytes that only root can have written; `None` if there is none. `kind` is `File` or
/// `Secret`. `Error::Untrusted` names the file or directory that somebody else could change. A caller who is not root
/// reads any file that the system lets them read.
pub fn read(path: &Path, limit: u64, kind: Guarded) -> Result<Option<Trusted>> {
    if !nix::unistd::geteuid().is_root() {
        let bytes = files::read(path, limit)?;
        return Ok(bytes.map(|bytes| Trusted { bytes, mode: 0o600 }));
    }
    let mut way = Walk::new(path)?;
    if !way.go(false)? {
        return Ok(None);
    }
    let no_file = |kind| Error::NoFile { path: path.to_owned(), kind };
    let (Some(Step { handle, path: found, .. }), Some(parent)) = (way.steps.pop(), way.steps.last()) else {
        return Err(no_file(Odd::Directory));
    };
    let seen = handle.metadata().map_err(fault(&found))?;
    if let Some(kind) = input::odd(&seen) {
        return Err(no_file(kind));
    }
    let name = found.file_name().unwrap_or_default();
    let file = open(&parent.handle, name, OFlag::O_RDONLY | OFlag::O_NONBLOCK, &found)?;
    let opened = file.metadata().map_err(fault(&found))?;
    if (opened.dev(), opened.ino()) != (seen.dev(), seen.ino()) {
        return Err(swap::changed(&found, &found));
    }
    demand_none(&found, objection(&found, &opened, kind))?;
    let bytes = files::read_open(&file, path, limit)?;
    Ok(Some(Trusted { bytes, mode: opened.mode() & 0o7777 }))
}

/// Opens a directory to which only root can have written: returns its path, links resolved, and a handle that stays with
/// it whatever becomes of its name. A sticky one is refused: anybody may put files there. `None` if there is none.
pub fn directory(path: &Path) -> Result<Option<(PathBuf, File)>> {
    let mut way = Walk::new(path)?;
    if !way.go(true)? {
        return Ok(None);
    }
    let Some(Step { handle, path }) = way.steps.pop() else { return Ok(None) };
    demand_none(&path, objection(&path, &handle.metadata().map_err(fault(&path))?, Guarded::Closed))?;
    let opened = open(&handle, ".", OFlag::O_RDONLY | OFlag::O_DIRECTORY, &path)?;
    Ok(Some((path, opened)))
}

/// Opens the root of a tree whose programs root may run. Checks the way to it, and each of the `parts` that is there,
/// paths in it, with the way to that. Links in it are followed as after entering the tree. `None` if there is no such
/// directory.
pub fn tree(root: &Path, parts: impl IntoIterator<Item = (PathBuf, Guarded)>) -> Result<Option<File>> {
    let mut way = Walk::new(root)?.or(BUILD);
    if !way.go(true)? {
        return Ok(None);
    }
    let Some(root) = way.steps.pop() else { return Ok(None) };
    way.judge(&root.handle, &root.path, Guarded::Closed)?;
    for (part, kind) in parts {
        let mut way = Walk::from(root.again()?, &part, BUILD)?;
        if way.go(false)?
            && let Some(end) = way.steps.last()
        {
            way.judge(&end.handle, &end.path, kind)?;
        }
    }
    Ok(Some(root.handle))
}

/// The path of the file itself that `path` leads to; `path` where it is no link. `Error::Linked` unless only root may write
/// to that file and to every directory on the way, those of the links too. A sticky directory does not do: anybody may
/// put a file there. So the answer stays true until root changes something. `Error::Symlink` for a link of another user's.
pub fn target(path: &Path) -> Result<PathBuf> {
    if !files::is_link(path) {
        return Ok(path.to_owned());
    }
    if files::is_link_of_others(path) {
        return Err(Error::Symlink { path: path.to_owned() });
    }
    if let Some(kind) = input::odd_kind(path) {
        return Err(Error::NoFile { path: path.to_owned(), kind });
    }
    let found = files::resolve(path);
    let refuse = |problem: String| Error::Linked { path: path.to_owned(), target: found.clone(), problem };
    let follow = || -> Result<Option<Step>> {
        let mut way = Walk::through(path, Guarded::Closed)?;
        if !way.go(false)? {
            return Ok(None);
        }
        let end = way.steps.pop();
        end.iter().try_for_each(|end| way.judge(&end.handle, &end.path, Guarded::File))?;
        Ok(end)
    };
    match follow() {
        // A link of /proc leads elsewhere than it says.
        Ok(Some(end)) if !files::is_same(path, &end.path) => {
            Err(refuse("does not lead where it says".into()))
        }
        Ok(Some(end)) => Ok(end.path),
        Ok(None) => Err(refuse("leads to nothing".into())),
        Err(Error::Untrusted { path: found, problem, .. }) => {
            Err(refuse(format!("may not be followed, because `{}` {problem}", shown(&found))))
        }
        Err(Error::Io { source, .. }) => Err(refuse(format!("cannot be followed: {source}"))),
        Err(other) => Err(other),
    }
}

/// Refuses a program that root is to run and that somebody else could have changed, or another put in its place. False if there
/// is no such file.
pub fn program(path: &Path) -> Result<bool> {
    let mut way = Walk::through(path, Guarded::Closed)?;
    if !way.go(false)? {
        return Ok(false);
    }
    let end = way.steps.pop();
    end.iter().try_for_each(|end| way.judge(&end.handle, &end.path, Guarded::File))?;
    Ok(true)
}

/// The path that `path` leads to, though nothing may be there; `path` where it is no link. `None` if a link cannot be
/// followed as [`target`] demands.
pub fn end_of(path: &Path) -> Option<PathBuf> {
    if !files::is_link(path) {
        return Some(path.to_owned());
    }
    let mut way = Walk::through(path, Guarded::Closed).ok()?;
    if way.go(false).ok()? { way.steps.pop().map(|end| end.path) } else { way.missing }
}

/// Refuses a path for a new file of root's at which somebody else could put another: only root may write to the
/// directories on the way that are there already.
pub fn place(path: &Path) -> Result<()> {
    let there = path.ancestors().skip(1).find(|directory| std::fs::symlink_metadata(directory).is_ok());
    let Some(there) = there else { return Ok(()) };
    files::refuse_link(there)?;
    directory(there).map(|_| ())
}

fn fault(path: &Path) -> impl Fn(IoError) -> Error + '_ {
    Error::io("read", path)
}

/// The kind of thing whose owner and mode are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarded {
    /// A regular file.
    File,
    /// A regular file that holds a password: its remedy closes it to readers, too.
    Secret,
    /// A symbolic link: its owner counts, and its target is checked by itself.
    Link,
    /// A directory on the way to something that is checked too.
    Directory,
    /// A directory all of whose files are used.
    Closed,
}

/// The problem of a thing that root cannot trust, and the remedy.
type Objection = (String, String);

/// `Error::Untrusted` if there is an objection.
fn demand_none(path: &Path, objection: Option<Objection>) -> Result<()> {
    objection.map_or(Ok(()), |(problem, remedy)| {
        Err(Error::Untrusted { path: path.to_owned(), problem, remedy: remedy.into() })
    })
}

/// The objection to a thing that belongs to another user, or to which others may write.
pub fn objection(path: &Path, found: &Metadata, kind: Guarded) -> Option<Objection> {
    let (uid, mode) = (found.uid(), found.mode() & 0o7777);
    let name = typed(path);
    let bits = if kind == Guarded::Secret { "600" } else { "go-w" };
    let safe = format!("`chown root: {name} && chmod {bits} {name}`");
    match kind {
        Guarded::Link if uid != 0 => Some((
            format!("is a symbolic link of {}, who may lead it anywhere", user(uid)),
            format!("name the file that it leads to, or see who made it and `rm {name}`"),
        )),
        // The bits of a link mean nothing.
        Guarded::Link => None,
        _ if uid != 0 => Some((
            format!("belongs to {}, not to root", user(uid)),
            format!("see what is in it and who could have changed it; if it is to be root's, {safe}"),
        )),
        Guarded::Directory if mode & STICKY != 0 => None,
        _ if mode & OTHERS_WRITE != 0 => Some((
            format!("has mode {mode:04o}, so that others may write to it"),
            match kind {
                // Its group may be one of the users who could write to it.
                Guarded::Secret => format!("see what is in it and who could have changed it; then {safe}"),
                _ => format!("see what is in it and who could have changed it; then `chmod go-w {name}`"),
            },
        )),
        _ => None,
    }
}

/// A user for a message: `deploy (uid 1000)`.
fn user(uid: u32) -> String {
    files::known_name(uid).map_or_else(|| format!("uid {uid}"), |name| format!("{name} (uid {uid})"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use nix::sys::stat::Mode;

    use super::super::scratch;
    use super::*;

    fn problem(path: &Path) -> String {
        match read(path, 100, Guarded::File) {
            Ok(read) => format!("{:?}", read.map(|read| String::from_utf8(read.bytes).unwrap())),
            Err(error) => error.to_string(),
        }
    }

    fn chmod(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    #[ignore = "needs root: scripts/test runs it"]
    fn what_others_could_change_is_not_taken() {
        let scratch = scratch::directory().unwrap();
        let top = std::fs::canonicalize(scratch.path()).unwrap();
        let (directory, file) = (top.join("d"), top.join("d/file"));
        std::fs::create_dir(&directory).unwrap();
        files::create(&file, b"word", 0o644).unwrap();
        let good = r#"Some("word")"#;
        assert_eq!(problem(&file), good);
        assert_eq!(problem(&top.join("d/none")), "None");
        for mode in [0o664, 0o646, 0o620] {
            chmod(&file, mode);
            assert_eq!(
                problem(&file),
                format!("`{}` has mode {mode:04o}, so that others may write to it", file.display())
            );
        }
        chmod(&file, 0o600);
        chmod(&directory, 0o775);
        assert!(problem(&file).starts_with(&format!("`{}` has mode 0775", directory.display())));
        chmod(&directory, 0o1777);
        assert_eq!(problem(&file), good, "a sticky directory, such as /tmp");
        assert!(self::directory(&directory).is_err(), "in which anybody may put files");
        chown(&file, Some(65534), None).unwrap();
        assert!(problem(&file).ends_with(&format!("belongs to {}, not to root", user(65534))));
        chown(&file, Some(0), None).unwrap();
        chown(&directory, Some(65534), None).unwrap();
        assert!(problem(&file).contains(&format!("/d` belongs to {}", user(65534))));
        chown(&directory, Some(0), None).unwrap();
        assert!(problem(&file.join("x")).contains("Not a directory"), "{}", problem(&file.join("x")));
    }

    #[test]
    #[ignore = "needs root: scripts/test runs it"]
    fn links_are_followed_step_by_step() {
        let scratch = scratch::directory().unwrap();
        let top = std::fs::canonicalize(scratch.path()).unwrap();
        for name in ["a", "b"] {
            std::fs::create_dir(top.join(name)).unwrap();
        }
        files::create(&top.join("b/file"), b"word", 0o600).unwrap();
        symlink("../b/./file", top.join("a/relative")).unwrap();
        symlink(&top, top.join("a/whole")).unwrap();
        symlink("loop", top.join("a/loop")).unwrap();
        for way in ["a/relative", "a/whole/a/whole/b/file", "a/whole/a/../b/file"] {
            assert_eq!(problem(&top.join(way)), r#"Some("word")"#, "{way}");
        }
        let above = Path::new("/../..").join(top.strip_prefix("/").unwrap()).join("b/file");
        assert_eq!(problem(&above), r#"Some("word")"#, "above / is / itself");
        assert!(problem(&top.join("a/loop")).contains("Too many levels of symbolic links"));
        std::os::unix::fs::lchown(top.join("a/relative"), Some(65534), None).unwrap();
        assert!(problem(&top.join("a/relative")).contains(&format!("is a symbolic link of {}", user(65534))));
        // The directory that a link leads to counts, not only the one that it lies in.
        chmod(&top.join("b"), 0o777);
        assert!(problem(&top.join("a/whole/b/file")).contains("/b` has mode 0777"));
    }

    #[test]
    #[ignore = "needs root: scripts/test runs it"]
    fn what_is_no_file_is_refused_and_waited_for_by_nobody() {
        let scratch = scratch::directory().unwrap();
        let fifo = scratch.path().join("fifo");
        nix::unistd::mkfifo(&fifo, Mode::S_IRWXU).unwrap();
        for (path, kind) in [
            (fifo.as_path(), "a FIFO"),
            (scratch.path(), "a directory"),
            (Path::new("/dev/zero"), "a device"),
            (Path::new("/"), "a directory"),
        ] {
            assert!(problem(path).ends_with(&format!("is {kind}, not a file")), "{}", problem(path));
        }
        files::create(&scratch.path().join("big"), &[b'x'; 101], 0o600).unwrap();
        assert!(problem(&scratch.path().join("big")).ends_with("is larger than 100 bytes"));
    }
}
