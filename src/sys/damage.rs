//! What of the state directory cannot be used: finds it, says what is lost by it, and sets it aside. The state is evidence:
//! without it less is known, and no command stops for that.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use serde::de::DeserializeOwned;

use super::state::{self, DIRECTORY, Lock};
use super::{acl, clock, files, trust};
use crate::error::{Error, Result, shown, typed};
use crate::model::message::proof::Proof;
use crate::model::state::generation::{self, Generation, read_record};

/// How much is kept of what was set aside: it is there for a person to look at.
const KEPT: usize = 20;
/// How many generations are looked at, besides the first: all that are kept, as a rule. Where there are thousands, the next
/// change removes the others, and one that is restored is looked at then.
const LOOKED_AT: usize = 2 * (generation::KEPT + generation::FAILED);
/// How often the whole state directory is set aside before somebody has to look.
const MOST: u32 = 9;
/// How long the moment of a rename may last before the other one is taken for stuck.
const PATIENCE: Duration = Duration::from_millis(500);

/// Something that cannot be used.
#[derive(Debug)]
pub struct Damage {
    /// What it is.
    pub path: PathBuf,
    /// Why it cannot be used.
    problem: String,
    /// What is not known, or cannot be done, without it.
    lost: String,
}

impl Damage {
    /// For a person.
    pub fn line(&self) -> String {
        format!("`{}` cannot be used ({}): {}", shown(&self.path), self.problem, self.lost)
    }
}

fn aside() -> PathBuf {
    Path::new(DIRECTORY).join("damaged")
}

/// Why a directory is not one that relayhost may go by; `None` if it is, or is not there.
fn foreign(path: &Path) -> Option<String> {
    let found = fs::symlink_metadata(path).ok()?;
    if found.is_symlink() {
        return Some("is a symbolic link".into());
    }
    if !found.is_dir() {
        return Some("is no directory".into());
    }
    match trust::demand_root(path, &found, trust::Kind::Closed) {
        Err(Error::Untrusted { problem, .. }) => Some(problem),
        _ => None,
    }
}

/// Whether a directory is there, and only root can have written to it.
pub fn is_ours(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok() && foreign(path).is_none()
}

/// Reads a file that was written by relayhost; `None` if there is none. What cannot be one, or cannot be read at all, is
/// `Error::Record`; what may only be so at this moment is `Error::Io`.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    // A disk that cannot read a block today may tomorrow; one that cannot twice has lost it.
    let result = files::read_no_link(path).or_else(|_| files::read_no_link(path));
    let record = |problem: String| Error::Record { path: path.to_owned(), problem };
    match result {
        Ok(Some(bytes)) => {
            let found = fs::symlink_metadata(path).map_err(|source| Error::Io {
                action: "look at",
                path: path.to_owned(),
                source,
            })?;
            match trust::demand_root(path, &found, trust::Kind::File) {
                Err(Error::Untrusted { problem, .. }) => Err(record(problem)),
                _ => Ok(Some(bytes)),
            }
        }
        Err(Error::Symlink { .. }) => Err(record("is a symbolic link".into())),
        Err(Error::TooLarge { limit, .. }) => Err(record(format!("is larger than {limit} bytes"))),
        Err(Error::Io { source, .. }) if is_lasting(&source) => {
            Err(record(format!("cannot be read: {source}")))
        }
        other => other,
    }
}

/// Whether an error is of the file and not of the moment. Errors without a number are ours: no regular file.
fn is_lasting(error: &std::io::Error) -> bool {
    use nix::libc::{EBADMSG, EIO, EISDIR, ELOOP, ENOTDIR, ENXIO, EUCLEAN};
    error
        .raw_os_error()
        .is_none_or(|number| [EIO, EUCLEAN, EBADMSG, EISDIR, ENOTDIR, ELOOP, ENXIO].contains(&number))
}

/// Reads a record; `None` if there is none.
pub fn record<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    let parse = |bytes: Vec<u8>| {
        read_record(&bytes).map_err(|problem| Error::Record { path: path.to_owned(), problem })
    };
    read(path)?.map(parse).transpose()
}

/// Whether others can look into the state directory, for a person.
pub fn exposure() -> Option<String> {
    let mode = fs::symlink_metadata(DIRECTORY).ok()?.mode() & 0o7777;
    (state::is_there() && mode & 0o077 != 0)
        .then(|| format!("`{DIRECTORY}` has mode {mode:04o}, so that others can read the passwords in it"))
}

/// What cannot be used, and would be set aside.
pub fn survey() -> Vec<Damage> {
    let damage = |path: PathBuf, problem: String, lost: String| Damage { path, problem, lost };
    let directory = Path::new(DIRECTORY);
    if let Some(problem) = foreign(directory) {
        let lost = "nothing in it is read, so earlier changes and what packages have asked for are not known";
        return vec![damage(directory.to_owned(), problem, lost.into())];
    }
    let mut all = Vec::new();
    for (name, lost) in [
        ("generations", "what was there before each change cannot be restored"),
        ("pending", "what packages have asked for is not known (`relayhost repair` does it all the same)"),
        ("damaged", "what was set aside there stays unread"),
    ] {
        let path = directory.join(name);
        all.extend(foreign(&path).map(|problem| damage(path, problem, lost.into())));
    }
    if let Err(Error::Record { path, problem }) = state::intent() {
        let lost = "how far a run had come that was stopped is not known".into();
        all.push(damage(path, problem, lost));
    }
    if let Err(Error::Record { path, problem }) = record::<Proof>(&state::proof_path()) {
        all.push(damage(path, problem, "when the relay last took a test message is not known".into()));
    }
    let numbers = state::numbers().unwrap_or_default();
    let newest = numbers.iter().skip(1).rev().take(LOOKED_AT);
    all.extend(numbers.first().into_iter().chain(newest).flat_map(|number| of_generation(*number)));
    all
}

fn of_generation(number: u32) -> Vec<Damage> {
    let generation =
        match state::generation(number).and_then(|generation| whole(&generation).map(|()| generation)) {
            Ok(generation) => generation,
            Err(Error::Record { path, problem }) => {
                let directory = state::generation_path(number);
                let inside = path.strip_prefix(&directory).unwrap_or(Path::new("")).display().to_string();
                let problem = if inside.is_empty() { problem } else { format!("{inside}: {problem}") };
                let lost = format!("generation {number} cannot be restored");
                return vec![Damage { path: directory, problem, lost }];
            }
            Err(_) => return Vec::new(),
        };
    // Bytes of after are not there for each file, and not needed to restore.
    let after = generation.files.iter().filter_map(|(name, change)| {
        let result = state::bytes_after(number, name, change.after.as_deref().unwrap_or_default());
        let Err(Error::Record { path, problem }) = result else { return None };
        let lost = format!("what somebody has changed in {name} since generation {number} cannot be shown");
        fs::symlink_metadata(&path).is_ok().then_some(Damage { path, problem, lost })
    });
    after.collect()
}

/// Whether the bytes are all there that restoring a generation takes.
pub fn whole(generation: &Generation) -> Result<()> {
    let mut kept = generation.files.iter().filter_map(|(name, change)| Some((name, change.before.as_ref()?)));
    kept.try_for_each(|(name, before)| state::bytes_before(generation.number, name, before).map(|_| ()))
}

/// Sets aside whatever cannot be used, and returns a line for each. What cannot be set aside stays, and is no use either.
pub fn set_all_aside(_lock: &Lock) -> Vec<String> {
    let line = |damage: Damage| match set_aside(&damage.path) {
        Ok(to) => format!("{}; it is set aside as {}", damage.line(), shown(to)),
        Err(error) => format!("{}; it cannot be set aside: {error}", damage.line()),
    };
    let inside = survey().into_iter().filter(|damage| damage.path != Path::new(DIRECTORY));
    inside.map(line).collect()
}

/// Moves something out of the way, and returns where it is now. For what lies in the state directory; a link is moved
/// itself, and not what it leads to.
pub fn set_aside(path: &Path) -> Result<PathBuf> {
    let fault = |source| Error::Io { action: "set aside", path: path.to_owned(), source };
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
    let name =
        if path.parent() == Some(&state::generations()) { format!("generation-{name}") } else { name.into() };
    let to = aside().join(format!("{next}-{name}"));
    fs::rename(path, &to).map_err(fault)?;
    for (_, name) in numbers.iter().take((numbers.len() + 1).saturating_sub(KEPT)) {
        // It stays one more time.
        let _ = state::remove_all(&aside().join(name));
    }
    files::sync_directory(&aside())?;
    files::sync_directory(path.parent().unwrap_or(Path::new(DIRECTORY)))?;
    Ok(to)
}

/// Sets a directory aside that lies where a record is to be: it can be neither replaced nor removed.
pub fn make_way(path: &Path) -> Result<()> {
    if fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()) {
        set_aside(path)?;
    }
    Ok(())
}

/// Numbers of the generations that were set aside, as far as they are kept.
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
                "look at `ls {0}.aside-*`, `rm -r {0}.aside-*`, and run the same command again",
                typed(path)
            ),
        });
    };
    fs::rename(path, &to).map_err(|source| Error::Io {
        action: "set aside",
        path: path.to_owned(),
        source,
    })?;
    Ok(to)
}

/// Has a directory of root's with mode 0700 there. One that others can read is closed; what others could write to, or is
/// none, is set aside and made anew. Returns a line if something had to be done about what was there.
pub fn own_directory(path: &Path) -> Result<Option<String>> {
    let fault = |action| move |source| Error::Io { action, path: path.to_owned(), source };
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
        match fs::symlink_metadata(path) {
            Err(_) => made.map_err(fault("make"))?,
            Ok(_) if is_closed() => return Ok(None),
            Ok(found) => return close(path, found.mode() & 0o7777).map(Some),
        }
        return Ok(None);
    };
    let to = if path == Path::new(DIRECTORY) { set_beside(path)? } else { set_aside(path)? };
    make().map_err(fault("make"))?;
    files::sync_directory(parent)?;
    Ok(Some(format!(
        "`{}` cannot be used ({problem}); it is set aside as {}, and there is a new one",
        shown(path),
        shown(to)
    )))
}

/// Takes a directory from the eyes of others.
fn close(path: &Path, mode: u32) -> Result<String> {
    let flags = nix::libc::O_DIRECTORY | nix::libc::O_NOFOLLOW;
    fs::OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)
        .and_then(|directory| directory.set_permissions(fs::Permissions::from_mode(0o700)))
        .map_err(|source| Error::Io { action: "give a mode to", path: path.to_owned(), source })?;
    Ok(format!(
        "`{}` had mode {mode:04o}, and has 0700 now; there are passwords in it: if others may have read them, change them",
        shown(path)
    ))
}

/// Holds a directory for the moment of a rename. Without it the worst is that two do the same at once, so one that cannot
/// be had is done without.
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
