//! Reads the records of the state directory, keeps its directories root's alone, and sets aside what lies there and cannot
//! be used. The state is evidence: without it less is known, and no command stops for that.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use serde::de::DeserializeOwned;

use super::{acl, clock, files, trust};
use crate::error::{Error, Result, shown, typed};
use crate::model::state::generation::read_record;

/// The state directory.
pub const DIRECTORY: &str = "/var/lib/relayhost";
/// Number of things that are kept in `damaged/`, for a person to look at.
const KEPT: usize = 20;
/// Number of times that the whole state directory is set aside before a person has to look.
const MOST: u32 = 9;
/// Longest wait for another process that holds a directory for a rename; then it counts as stuck.
const PATIENCE: Duration = Duration::from_millis(500);

/// The directory of the generations.
pub fn generations() -> PathBuf {
    Path::new(DIRECTORY).join("generations")
}

fn aside() -> PathBuf {
    Path::new(DIRECTORY).join("damaged")
}

/// The reason why relayhost cannot use a directory: a link, no directory, or somebody else could have written to it.
/// `None` if it can, or if there is none.
pub fn foreign(path: &Path) -> Option<String> {
    let found = fs::symlink_metadata(path).ok()?;
    if found.is_symlink() {
        return Some("is a symbolic link".into());
    }
    if !found.is_dir() {
        return Some("is not a directory".into());
    }
    trust::objection(path, &found, trust::Guarded::Closed).map(|(problem, _)| problem)
}

/// Whether a directory is there, and only root can have written to it.
pub fn is_ours(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok() && foreign(path).is_none()
}

/// Reads the bytes of a file that relayhost has written; `None` if there is none. `Error::Record` if relayhost cannot have
/// written it, or if it cannot be read for good; `Error::Io` for a reason that may pass.
pub fn read_bytes(path: &Path) -> Result<Option<Vec<u8>>> {
    read_by(path, |file| files::read_file(&file, path))
}

/// The same, by another way to read the file.
pub fn read_by<T>(path: &Path, read: impl Fn(fs::File) -> Result<T>) -> Result<Option<T>> {
    // A disk that cannot read a block today may tomorrow; one that cannot twice has lost it.
    let once = || files::open_no_link(path)?.map(&read).transpose();
    let result = once().or_else(|_| once());
    let record = |problem: String| Error::Record { path: path.to_owned(), problem };
    match result {
        Ok(Some(read)) => {
            let found = fs::symlink_metadata(path).map_err(Error::io("look at", path))?;
            match trust::objection(path, &found, trust::Guarded::File) {
                Some((problem, _)) => Err(record(problem)),
                None => Ok(Some(read)),
            }
        }
        Err(Error::Symlink { .. }) => Err(record("is a symbolic link".into())),
        Err(Error::TooLarge { limit, .. }) => Err(record(format!("is larger than {limit} bytes"))),
        Err(Error::NoFile { kind, .. }) => Err(record(format!("is {kind}, not a file"))),
        Err(Error::Io { source, .. }) if is_lasting(&source) => {
            Err(record(format!("cannot be read: {source}")))
        }
        other => other,
    }
}

/// Whether an error lies in the file, and does not pass.
fn is_lasting(error: &std::io::Error) -> bool {
    use nix::libc::{EBADMSG, EIO, EISDIR, ELOOP, ENOTDIR, ENXIO, EUCLEAN};
    error
        .raw_os_error()
        .is_some_and(|number| [EIO, EUCLEAN, EBADMSG, EISDIR, ENOTDIR, ELOOP, ENXIO].contains(&number))
}

/// Reads a record; `None` if there is none. `Error::Record` if it cannot be used.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let parse = |bytes: Vec<u8>| {
        read_record(&bytes).map_err(|problem| Error::Record { path: path.to_owned(), problem })
    };
    read_bytes(path)?.map(parse).transpose()
}

/// Moves a thing of the state directory to `damaged/`, and returns its new path. A link is moved itself, not its target.
pub fn set_aside(path: &Path) -> Result<PathBuf> {
    let fault = Error::io("set aside", path);
    if path == aside() {
        return set_beside(path);
    }
    own_directory(&aside())?;
    let numbered = |name: &String| name.split_once('-').and_then(|(number, _)| number.parse::<u64>().ok());
    let mut numbers: Vec<(u64, String)> =
        files::names(&aside()).into_iter().filter_map(|name| Some((numbered(&name)?, name))).collect();
    numbers.sort_unstable();
    let next = numbers.last().map_or(1, |(last, _)| last.saturating_add(1));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = if path.parent() == Some(&generations()) { format!("generation-{name}") } else { name.into() };
    let to = aside().join(format!("{next}-{name}"));
    fs::rename(path, &to).map_err(fault)?;
    for (_, name) in numbers.iter().take((numbers.len() + 1).saturating_sub(KEPT)) {
        // One that cannot be removed now is removed the next time.
        let _ = files::remove_all(&aside().join(name));
    }
    files::sync_directory(&aside())?;
    files::sync_directory(path.parent().unwrap_or(Path::new(DIRECTORY)))?;
    Ok(to)
}

/// Sets a directory aside that lies in the place of a record, since a rename would not replace it.
pub fn make_way(path: &Path) -> Result<()> {
    if fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()) {
        set_aside(path)?;
    }
    Ok(())
}

/// Numbers of the generations in `damaged/`.
pub fn generations_aside() -> Vec<u32> {
    let names = files::names(&aside()).into_iter();
    names.filter_map(|name| name.split_once("-generation-")?.1.parse().ok()).collect()
}

/// Moves a directory to a name beside its own.
fn set_beside(path: &Path) -> Result<PathBuf> {
    let names = (1..=MOST).map(|number| PathBuf::from(format!("{}.aside-{number}", path.display())));
    let Some(to) = names.into_iter().find(|name| fs::symlink_metadata(name).is_err()) else {
        return Err(Error::Untrusted {
            path: path.to_owned(),
            problem: "cannot be used, and was set aside too often already".into(),
            remedy: format!(
                "find out what does that to it (`ls -ld {0}.aside-*` shows whose they are, and the times), `rm -r {0}.aside-*`, and run `this command` again",
                typed(path)
            )
            .into(),
        });
    };
    fs::rename(path, &to).map_err(Error::io("set aside", path))?;
    Ok(to)
}

/// Makes sure that there is a directory of root's with mode 0700. One that others can read is closed; one that others
/// could write to, a link or a file is set aside, and a directory made. Returns a line for a person if it closed or set
/// aside one.
pub fn own_directory(path: &Path) -> Result<Option<String>> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    let make = || fs::DirBuilder::new().mode(0o700).create(path).and_then(|()| acl::close_directory(path));
    let made = make();
    if made.is_ok() {
        files::sync_directory(parent)?;
        return Ok(None);
    }
    let is_closed = || {
        fs::symlink_metadata(path)
            .is_ok_and(|found| foreign(path).is_none() && found.mode() & 0o7777 == 0o700)
    };
    if is_closed() {
        return Ok(None);
    }
    // Another relayhost may be doing the same at this moment.
    let _moment = moment(parent);
    let Some(problem) = foreign(path) else {
        return match fs::symlink_metadata(path) {
            Err(_) => made.map(|()| None).map_err(Error::io("make", path)),
            Ok(_) if is_closed() => Ok(None),
            Ok(found) => close(path, found.mode() & 0o7777).map(Some),
        };
    };
    let to = if path == Path::new(DIRECTORY) { set_beside(path)? } else { set_aside(path)? };
    make().map_err(Error::io("make", path))?;
    files::sync_directory(parent)?;
    let back = if path == Path::new(DIRECTORY) {
        format!(
            "; if nobody else can have written there, `rm -r {0} && mv {1} {0} && chown root: {0} && chmod 700 {0}` takes it back",
            typed(path),
            typed(&to)
        )
    } else {
        String::new()
    };
    Ok(Some(format!(
        "`{}` cannot be used ({problem}); it is set aside as {}, and relayhost has made a new one{back}",
        shown(path),
        shown(to)
    )))
}

/// Closes a directory to others, and returns a line for a person.
fn close(path: &Path, mode: u32) -> Result<String> {
    files::open_directory(path)
        .and_then(|directory| directory.set_permissions(fs::Permissions::from_mode(0o700)))
        .map_err(Error::io("give a mode to", path))?;
    Ok(format!(
        "`{}` had mode {mode:04o}, and relayhost has closed it; it holds passwords: change them if others may have read them",
        shown(path)
    ))
}

/// Locks a directory for the moment of a rename; `None` if it cannot be locked. Without the lock the worst is that two
/// runs do the same at once, so the caller goes on.
pub fn moment(directory: &Path) -> Option<Flock<fs::File>> {
    let mut file = fs::File::open(directory).ok()?;
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
