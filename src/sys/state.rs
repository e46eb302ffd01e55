//! The state directory `/var/lib/relayhost`: the lock, the intent (journal.json) and the generations. Everything in it
//! is root's alone; records appear by rename, on the disk before they count. `damage` finds the parts that cannot be
//! used.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use serde::Serialize;

use super::digest::Content;
pub use super::kept::{
    blob, bytes_after, bytes_before, content_before, generation_path, open_after, open_before, set_aside,
};
use super::records::{self, DIRECTORY, generations, make_way, own_directory};
use super::{acl, clock, files, kept, secrets, swap};
use crate::error::{Error, Result, typed};
use crate::model::leaving::records::Records;
use crate::model::message::proof::Proof;
use crate::model::postfix::managed::Managed;
use crate::model::state::generation::{Generation, Intent, known_files};
use crate::model::state::last::LastEnd;

/// One run at a time. Released when dropped, and by the kernel when its holder dies.
#[derive(Debug)]
pub struct Lock {
    _file: Flock<File>,
}

fn directory() -> PathBuf {
    PathBuf::from(DIRECTORY)
}

/// The file of the last proof.
pub fn proof_path() -> PathBuf {
    directory().join("proof.json")
}

fn intent_path() -> PathBuf {
    directory().join("journal.json")
}

/// The intent of phase `Changing`, kept beside that of phase `Changed`. A rename puts it back, also on a full disk.
fn spare_path() -> PathBuf {
    directory().join("journal.spare")
}

/// Whether relayhost has a state directory that it can use. A link, or a directory that somebody else could have written
/// to, does not count: nothing in it is read.
pub fn is_there() -> bool {
    records::is_ours(&directory())
}

/// Whether a run has left its intent, readable or not.
pub fn has_intent() -> bool {
    is_there() && fs::symlink_metadata(intent_path()).is_ok()
}

/// Takes the lock, and makes the state directory if there is none that can be used. `tell` gets a line for each
/// directory that had to be set aside or closed, and one if another run has the lock; after `patience`, `Error::Busy`.
pub fn lock(patience: Duration, tell: &mut dyn FnMut(&str)) -> Result<Lock> {
    for path in [directory(), generations()] {
        own_directory(&path)?.iter().for_each(|line| tell(line));
    }
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
            tell(&format!("waiting for {holder} to end"));
            told = true;
        }
        clock::sleep(Duration::from_millis(100))?;
    }
}

/// Takes the lock if nobody has it.
pub fn try_lock() -> Result<Option<Lock>> {
    let path = directory().join("lock");
    if fs::symlink_metadata(&path).is_ok_and(|found| !found.is_file()) {
        let _moment = records::moment(&directory());
        if fs::symlink_metadata(&path).is_ok_and(|found| !found.is_file()) {
            records::set_aside(&path)?;
        }
    }
    let fault = Error::io("lock", &path);
    let file = open_lock(&path).map_err(fault)?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(mut file) => {
            // For the message of runs that wait; nothing depends on it.
            // One write over the old number, so that nobody reads half of it or none.
            let _ = file.write_all(format!("{:<10}\n", std::process::id()).as_bytes());
            Ok(Some(Lock { _file: file }))
        }
        Err((_, nix::errno::Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, error)) => Err(fault(error.into())),
    }
}

pub(super) fn open_lock(path: &Path) -> std::io::Result<File> {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK).open(path)
}

fn holder() -> String {
    let text = files::text(directory().join("lock")).unwrap_or_default();
    match text.trim().parse::<u32>() {
        Ok(pid) => format!("another relayhost (process {pid})"),
        // The holder has just taken it, or is another program: `flock`, say.
        Err(_) => {
            format!("another relayhost (`fuser -v {}` shows its process)", typed(directory().join("lock")))
        }
    }
}

/// The intent of a run that has not ended; `None` if there is none. `Error::Record` if it cannot be used.
pub fn intent() -> Result<Option<Intent>> {
    records::read(&intent_path())
}

/// Sets aside an intent that cannot be used, and returns its new path.
pub fn set_intent_aside() -> Result<PathBuf> {
    records::set_aside(&intent_path())
}

/// Writes the intent; it is on the disk when this returns.
pub fn write_intent(intent: &Intent) -> Result<()> {
    write_record(&intent_path(), intent)
}

/// Keeps the intent that is on the disk as the spare one, and writes another.
pub fn write_next_intent(intent: &Intent) -> Result<()> {
    let spare = spare_path();
    if !files::exists(&spare) {
        fs::hard_link(intent_path(), &spare).map_err(Error::io("make", &spare))?;
    }
    write_intent(intent)
}

/// Writes the intent with which putting back begins; where there is no room for it, the spare one takes its place.
pub fn write_intent_anyway(intent: &Intent) -> Result<()> {
    let Err(error) = write_intent(intent) else { return Ok(()) };
    fs::rename(spare_path(), intent_path()).map_err(|_| error)?;
    files::sync_directory(&directory())
}

/// Removes the intent, at the end of a run.
pub fn remove_intent() -> Result<()> {
    // First, or a spare without an intent would be left.
    if files::exists(&spare_path()) {
        files::remove(&spare_path())?;
    }
    files::remove(&intent_path())?;
    files::sync_directory(&directory())
}

/// The last test message that the relay took; `None` if none is known.
pub fn proof() -> Option<Proof> {
    if is_there() { records::read(&proof_path()).ok().flatten() } else { None }
}

/// Records the last test message that the relay took, where relayhost has a state directory.
pub fn write_proof(proof: &Proof) -> Result<()> {
    let proof = proof.with_texts(secrets::hide);
    if is_there() { write_record(&proof_path(), &proof) } else { Ok(()) }
}

/// The file of the last run's end, if it had no success.
pub fn last_end_path() -> PathBuf {
    directory().join("last.json")
}

/// The end of the last run, if it had no success and is known.
pub fn last_end() -> Option<LastEnd> {
    if is_there() { records::read(&last_end_path()).ok().flatten() } else { None }
}

/// Records the end of a run without success; `None` removes the record of an earlier one.
pub fn write_last_end(end: Option<&LastEnd>) -> Result<()> {
    let path = last_end_path();
    match end {
        Some(end) => {
            let (text, remedy) = (secrets::hide(&end.text), secrets::hide(&end.remedy));
            write_record(&path, &LastEnd { text, remedy, ..end.clone() })
        }
        None if files::exists(&path) => {
            fs::remove_file(&path).map_err(|source| Error::Io { action: "remove", path, source })
        }
        None => Ok(()),
    }
}

/// The file of what was seen of mail that leaves.
pub fn leaving_path() -> PathBuf {
    directory().join("leaving.json")
}

/// The file of the lock of the looks.
pub fn leaving_lock_path() -> PathBuf {
    directory().join("leaving.lock")
}

/// One look at a time folds what is new into that record.
#[derive(Debug)]
pub struct LeavingLock {
    _file: Flock<File>,
}

/// Takes that lock; `None` if there is no state directory, or if another look is still at work after a moment: then this
/// one tells what it sees, and records nothing.
pub fn lock_leaving() -> Option<LeavingLock> {
    const PATIENCE: Duration = Duration::from_secs(3);
    if !is_there() {
        return None;
    }
    let begin = clock::now();
    let mut file = open_lock(&leaving_lock_path()).ok()?;
    loop {
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => return Some(LeavingLock { _file: file }),
            Err((same, _)) if begin.elapsed() < PATIENCE => file = same,
            Err(_) => return None,
        }
        clock::pause();
    }
}

/// What was seen of mail that leaves; `None` if nothing is known. `Error::Record` if it cannot be used.
pub fn leaving() -> Result<Option<Records>> {
    if is_there() { records::read(&leaving_path()) } else { Ok(None) }
}

/// Records what was seen of mail that leaves, without the passwords that are known.
pub fn write_leaving(seen: &Records, _lock: &LeavingLock) -> Result<()> {
    write_record(&leaving_path(), &seen.clone().hidden(secrets::hide))
}

/// The numbers of all generations, in order, also of those that cannot be used.
pub fn numbers() -> Result<Vec<u32>> {
    if !is_there() || !records::is_ours(&generations()) {
        return Ok(Vec::new());
    }
    // `7` and `+7` parse as numbers too, and relayhost makes no such names.
    let number = |name: &String| name.parse().ok().filter(|number| *name == format!("{number:04}"));
    let mut numbers: Vec<u32> = files::list(&generations())?.iter().filter_map(number).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// The number of the next generation: one that no other ever had, not even one that was set aside.
pub fn next_number() -> Result<u32> {
    let last = numbers()?.last().copied().max(generations_aside().into_iter().max());
    Ok(last.map_or(0, |last| last.saturating_add(1)))
}

/// Reads the record of a generation. `Error::Record` if it cannot be used.
pub fn generation(number: u32) -> Result<Generation> {
    let path = generation_path(number).join("record.json");
    let unfit = |problem: String| Error::Record { path: path.clone(), problem };
    if !records::is_ours(&generation_path(number)) {
        return match fs::symlink_metadata(generation_path(number)) {
            Ok(_) => Err(unfit("is not in a directory that belongs to root alone".into())),
            Err(_) => Err(unfit("is not there".into())),
        };
    }
    let generation: Generation = records::read(&path)?.ok_or_else(|| unfit("is not there".into()))?;
    if generation.number != number {
        return Err(unfit(format!("is the record of generation {}", generation.number)));
    }
    let known = known_files();
    match generation.files.keys().find(|name| !known.contains(name)) {
        Some(name) => Err(unfit(format!("names a file {name:?}, and relayhost has none of that name"))),
        None => Ok(generation),
    }
}

/// The time of the last write to the record of a generation, in seconds since 1970.
pub fn recorded(number: u32) -> Option<i64> {
    files::modified(&generation_path(number).join("record.json"))
}

/// Numbers of the generations that could not be used and were set aside.
pub fn generations_aside() -> Vec<u32> {
    if is_there() { records::generations_aside() } else { Vec::new() }
}

/// Writes a new generation with the bytes of its files (`before/NAME`, `after/NAME`). It appears as a whole. An error if a
/// file has other bytes by now.
pub fn add_generation(generation: &Generation, blobs: &[(String, Content)]) -> Result<()> {
    let path = generation_path(generation.number);
    let fault = Error::io("write", &path);
    let new = files::private_directory(&generations(), ".new-")?;
    for part in ["before", "after"] {
        let part = new.path().join(part);
        fs::DirBuilder::new().mode(0o700).create(&part).map_err(fault)?;
        acl::close_directory(&part).map_err(fault)?;
    }
    for (name, content) in blobs {
        kept::copy(content, &new.path().join(name))?;
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

/// Removes a generation. It vanishes as a whole; [`sweep`] removes the rest if this run is killed.
pub fn remove_generation(number: u32) -> Result<()> {
    let path = generation_path(number);
    let gone = generations().join(format!(".new-gone-{number:04}"));
    fs::rename(&path, &gone).and_then(|()| fs::remove_dir_all(&gone)).map_err(Error::io("remove", &path))
}

/// Removes the leftovers of stopped runs: unfinished generations, and staging directories beside the managed files. Only
/// with the lock. `elsewhere`: other directories, to which links lead; there only what a run has made goes.
pub fn sweep(_lock: &Lock, elsewhere: &[PathBuf]) -> Result<()> {
    let names = known_files();
    let is_ours = |name: &String| name == swap::UNFINISHED || names.contains(name);
    for directory in elsewhere {
        for staging in files::stagings(directory)? {
            if files::names(&staging).iter().all(is_ours) {
                files::remove_all(&staging).map_err(Error::io("remove", &staging))?;
            }
        }
    }
    let ours = [(generations(), ".new-"), (directory(), files::STAGING)];
    let beside = Managed::directories().into_iter().map(|parent| (parent.to_owned(), files::STAGING));
    for (parent, prefix) in ours.into_iter().chain(beside) {
        for path in files::beginning_with(&parent, prefix) {
            files::remove_all(&path).map_err(Error::io("remove", &path))?;
        }
    }
    Ok(())
}

pub(super) fn write_record<T: Serialize>(path: &Path, record: &T) -> Result<()> {
    // Where it is swept if this run dies.
    replace_record(path, record, &directory(), files::STAGING)
}

/// Puts a record in place of the one at `path`; it is on the disk when this returns. It is built as a file in `workshop`
/// whose name begins with `prefix`, which is left there if this process dies.
pub fn replace_record<T: Serialize>(path: &Path, record: &T, workshop: &Path, prefix: &str) -> Result<()> {
    let fault = Error::io("write", path);
    let bytes = serde_json::to_vec(record).map_err(|error| fault(error.into()))?;
    let mut new = files::private_file(workshop, prefix)?;
    new.write_all(&bytes).and_then(|()| new.as_file().sync_all()).map_err(fault)?;
    make_way(path)?;
    new.persist(path).map_err(|error| fault(error.error))?;
    files::sync_directory(path.parent().unwrap_or(Path::new("/")))
}
