//! The state directory `/var/lib/relayhost`: the lock, the journal and the generations. Everything in it is root's
//! alone; records appear by rename, on the disk before they count.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{acl, clock, files};
use crate::error::{Error, Result};
use crate::model::generation::{Generation, Journal, read_record};
use crate::model::proof::Proof;

/// Where it is.
pub const DIRECTORY: &str = "/var/lib/relayhost";

/// One run at a time. Released when dropped, and by the kernel when its holder dies.
#[derive(Debug)]
pub struct Lock {
    _file: Flock<File>,
}

fn directory() -> PathBuf {
    PathBuf::from(DIRECTORY)
}

fn generations() -> PathBuf {
    directory().join("generations")
}

fn generation_path(number: u32) -> PathBuf {
    generations().join(format!("{number:04}"))
}

fn proof_path() -> PathBuf {
    directory().join("proof.json")
}

fn journal_path() -> PathBuf {
    directory().join("journal.json")
}

/// Whether relayhost has ever changed something here. Asked before anything is read from the state directory: one
/// that is a link or somebody else's is refused, not read.
pub fn exists() -> Result<bool> {
    if fs::symlink_metadata(DIRECTORY).is_err() {
        return Ok(false);
    }
    refuse_foreign(&directory())?;
    if fs::symlink_metadata(generations()).is_ok() {
        refuse_foreign(&generations())?;
    }
    Ok(true)
}

/// Takes the lock, making the state directory if there is none. While another run has it, `on_wait` is told once;
/// after `patience`, `Error::Busy`.
pub fn lock(patience: Duration, on_wait: &mut dyn FnMut(&str)) -> Result<Lock> {
    own_directory(&directory())?;
    own_directory(&generations())?;
    let begin = clock::now();
    let mut told = false;
    loop {
        if let Some(lock) = try_lock()? {
            return Ok(lock);
        }
        let holder = holder();
        if begin.elapsed() >= patience {
            return Err(Error::Busy { holder, waited: begin.elapsed() });
        }
        if !told {
            on_wait(&format!("waiting for {holder} to end"));
            told = true;
        }
        clock::sleep(Duration::from_millis(100))?;
    }
}

/// Takes the lock if nobody has it.
pub fn try_lock() -> Result<Option<Lock>> {
    let path = directory().join("lock");
    files::refuse_link(&path)?;
    let fault = |source| Error::Io { action: "lock", path: path.clone(), source };
    let file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(nix::libc::O_NOFOLLOW)
        .open(&path)
        .map_err(fault)?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(mut file) => {
            // For the message of those who wait; nothing depends on it.
            // One write over the old number, so that nobody reads half of it or none.
            let _ = file.write_all(format!("{:<10}\n", std::process::id()).as_bytes());
            Ok(Some(Lock { _file: file }))
        }
        Err((_, nix::errno::Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, error)) => Err(fault(error.into())),
    }
}

fn holder() -> String {
    let pid = files::read(&directory().join("lock"), 64).ok().flatten().unwrap_or_default();
    format!("another relayhost (process {})", String::from_utf8_lossy(&pid).trim())
}

/// A directory of root's with mode 0700, made if it is not there. A link, or somebody else's, is refused.
pub fn own_directory(path: &Path) -> Result<()> {
    let fault = |source| Error::Io { action: "make", path: path.to_owned(), source };
    match fs::DirBuilder::new().mode(0o700).recursive(false).create(path) {
        Ok(()) => {
            acl::close_directory(path).map_err(fault)?;
            files::sync_directory(path.parent().unwrap_or(Path::new("/")))
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => refuse_foreign(path),
        Err(error) => Err(fault(error)),
    }
}

/// Refuses what is not a directory of root's with mode 0700.
pub fn refuse_foreign(path: &Path) -> Result<()> {
    let found = fs::symlink_metadata(path).map_err(|source| Error::Io {
        action: "look at",
        path: path.to_owned(),
        source,
    })?;
    if found.is_symlink() {
        return Err(Error::Symlink { path: path.to_owned() });
    }
    let (uid, mode) = (found.uid(), found.mode() & 0o7777);
    if !found.is_dir() || uid != 0 || mode & 0o077 != 0 {
        return Err(Error::Exposed {
            path: path.to_owned(),
            problem: format!("belongs to user {uid} with mode {mode:04o}"),
            remedy: format!("chown root: {0} && chmod 700 {0}", path.display()),
        });
    }
    Ok(())
}

/// The journal of a run that has not ended; `None` if there is none.
pub fn journal() -> Result<Option<Journal>> {
    let Some(bytes) = files::read_no_link(&journal_path())? else { return Ok(None) };
    parse(&journal_path(), &bytes).map(Some)
}

/// Writes the journal; it is on the disk when this returns.
pub fn write_journal(journal: &Journal) -> Result<()> {
    write_record(&journal_path(), journal)
}

/// Removes the journal: the run is over.
pub fn remove_journal() -> Result<()> {
    let path = journal_path();
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(Error::Io { action: "remove", path, source: error })
        }
        _ => files::sync_directory(&directory()),
    }
}

/// The last test message that the relay took; `None` if none is known. A record that cannot be read is of no use, and no
/// reason to stop.
pub fn proof() -> Result<Option<Proof>> {
    if !exists()? {
        return Ok(None);
    }
    let bytes = files::read_no_link(&proof_path())?;
    Ok(bytes.and_then(|bytes| read_record(&bytes).ok()))
}

/// Records it, where relayhost has a state directory.
pub fn write_proof(proof: &Proof) -> Result<()> {
    if exists()? { write_record(&proof_path(), proof) } else { Ok(()) }
}

/// The numbers of all generations, in order.
pub fn numbers() -> Result<Vec<u32>> {
    let mut numbers: Vec<u32> =
        files::list(&generations())?.iter().filter_map(|name| name.parse().ok()).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Reads the record of a generation.
pub fn generation(number: u32) -> Result<Generation> {
    let path = generation_path(number).join("record.json");
    match files::read_no_link(&path)? {
        Some(bytes) => parse(&path, &bytes),
        None => Err(Error::NoGeneration { number, known: numbers()? }),
    }
}

/// Writes a new generation with the bytes of its files (`before/NAME`, `after/NAME`). It appears as a whole.
pub fn add_generation(generation: &Generation, blobs: &[(String, Vec<u8>)]) -> Result<()> {
    let path = generation_path(generation.number);
    let fault = |source| Error::Io { action: "write", path: path.clone(), source };
    let new = files::private_directory(&generations(), ".new-")?;
    for part in ["before", "after"] {
        let part = new.path().join(part);
        fs::DirBuilder::new().mode(0o700).create(&part).map_err(fault)?;
        acl::close_directory(&part).map_err(fault)?;
    }
    for (name, bytes) in blobs {
        files::create(&new.path().join(name), bytes, 0o600)?;
    }
    write_record(&new.path().join("record.json"), generation)?;
    for part in ["before", "after"] {
        files::sync_directory(&new.path().join(part))?;
    }
    fs::rename(new.path(), &path).map_err(fault)?;
    let _ = new.keep(); // renamed; there is nothing left to remove
    files::sync_directory(&generations())
}

/// Writes the record of a generation anew: its fate has changed.
pub fn update_generation(generation: &Generation) -> Result<()> {
    write_record(&generation_path(generation.number).join("record.json"), generation)
}

/// The bytes of a file in a generation: `before/main.cf`.
pub fn blob(number: u32, name: &str) -> Result<Option<Vec<u8>>> {
    files::read_no_link(&generation_path(number).join(name))
}

/// Keeps the bytes of a file that is about to be replaced: `found/NAME` of a generation, with a number where other bytes
/// are there already, a part of these if writing them was cut off. Returns where; on the disk then.
pub fn set_aside(number: u32, name: &str, bytes: &[u8]) -> Result<PathBuf> {
    let directory = generation_path(number).join("found");
    own_directory(&directory)?;
    let mut path = directory.join(name);
    let mut others = 0;
    while let Some(there) = files::read_no_link(&path)? {
        if there == bytes {
            return Ok(path);
        }
        others += 1;
        path = directory.join(format!("{name}.{others}"));
    }
    files::create(&path, bytes, 0o600)?;
    files::sync_directory(&directory)?;
    Ok(path)
}

/// Removes a generation. It vanishes as a whole; what a death leaves of it is swept.
pub fn remove_generation(number: u32) -> Result<()> {
    let path = generation_path(number);
    let gone = generations().join(format!(".new-gone-{number:04}"));
    let result = fs::rename(&path, &gone).and_then(|()| fs::remove_dir_all(&gone));
    result.map_err(|source| Error::Io { action: "remove", path, source })
}

/// Removes what stopped runs have left: unfinished generations, and staging files beside Postfix's. Only with the lock.
pub fn sweep(_lock: &Lock, postfix: &Path) -> Result<()> {
    for (parent, prefix) in
        [(generations(), ".new-"), (directory(), ".relayhost-"), (postfix.to_owned(), ".relayhost-")]
    {
        for name in files::names(&parent).into_iter().filter(|name| name.starts_with(prefix)) {
            let path = parent.join(name);
            let is_directory = fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir());
            let result = if is_directory { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
            result.map_err(|source| Error::Io { action: "remove", path, source })?;
        }
    }
    Ok(())
}

/// Reads a record of this version.
pub fn parse<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T> {
    read_record(bytes).map_err(|problem| Error::Record { path: path.to_owned(), problem })
}

fn write_record<T: Serialize>(path: &Path, record: &T) -> Result<()> {
    let fault = |source: std::io::Error| Error::Io { action: "write", path: path.to_owned(), source };
    let bytes = serde_json::to_vec(record).map_err(|error| fault(error.into()))?;
    let parent = path.parent().unwrap_or(Path::new("/"));
    // Where it is swept if this run dies.
    let mut new = files::private_file(&directory(), ".relayhost-")?;
    new.write_all(&bytes).and_then(|()| new.as_file().sync_all()).map_err(fault)?;
    new.persist(path).map_err(|error| fault(error.error))?;
    files::sync_directory(parent)
}
