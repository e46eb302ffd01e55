//! Postfix's queue files, one by one: where a message is, and what its file says.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{Read, Seek};
use std::os::unix::fs::{DirEntryExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{clock, files, input, postfix};
use crate::error::{Error, Result};
use crate::model::inspection::queue::{Contents, parse_envelope};

/// How long postcat may take for one queue file. That of Postfix 3.7 reads some that are not finished for ever.
const READING: Duration = Duration::from_secs(2);
/// Files of the maildrop that are looked at, how much of each, and how long in all. Any user can put files there, and
/// pickup(8) takes them out as fast as it can.
const DROPPED: usize = 2000;
const HEAD: u64 = 32 * 1024;
const LOOKING: Duration = Duration::from_secs(2);

/// Opens the queue file of one message, if it is there. It can be read when it is gone.
pub fn open_queued(queue_directory: &str, queue_id: &str) -> Option<File> {
    let path = queued(Path::new(queue_directory), queue_id)?;
    input::open_regular(&path).ok()
}

/// Whether the queue file of one message is there.
pub fn is_queued(queue_directory: &str, queue_id: &str) -> bool {
    queued(Path::new(queue_directory), queue_id).is_some()
}

/// Whether Postfix has put the message off: an attempt is over, and the next one is minutes away.
pub fn is_deferred(queue_directory: &str, queue_id: &str) -> bool {
    let deferred = Path::new(queue_directory).join("deferred");
    queued(Path::new(queue_directory), queue_id).is_some_and(|path| path.starts_with(deferred))
}

/// Whether a message is in the maildrop: `postsuper -r` has moved it there, and pickup(8) has not taken it.
pub fn is_dropped(queue_directory: &str, queue_id: &str) -> bool {
    files::exists(&Path::new(queue_directory).join("maildrop").join(queue_id))
}

/// The queue files of all messages that are to be delivered: the inode number of each by its queue id. Listed twice, in both orders,
/// since messages are moved from queue to queue.
pub fn to_deliver(queue_directory: &str) -> HashMap<String, u64> {
    const QUEUES: [&str; 3] = ["incoming", "active", "deferred"];
    fn add(directory: &Path, depth: usize, all: &mut HashMap<String, u64>) {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if depth > 0 && name.len() == 1 {
                add(&entry.path(), depth - 1, all);
            } else {
                all.insert(name, entry.ino());
            }
        }
    }
    let mut all = HashMap::new();
    for queue in QUEUES.iter().chain(QUEUES.iter().rev()) {
        add(&Path::new(queue_directory).join(queue), 2, &mut all);
    }
    all
}

/// The inode numbers of files that are locked as a delivery agent locks that of a message for as long as it has it in hand
/// (deliver_request_get in global/deliver_request.c, by flock(2) on Linux): proc_locks(5) shows these locks.
pub fn in_hand() -> HashSet<u64> {
    let locks = files::text("/proc/locks").unwrap_or_default();
    let inode = |line: &str| line.split_whitespace().nth(5)?.rsplit_once(':')?.1.parse().ok();
    locks.lines().filter(|line| line.contains("FLOCK")).filter_map(inode).collect()
}

/// What a queue file says; also when it has lost its name. cleanup(8) gives the owner the right to execute it as the last
/// thing (mail_stream.c).
pub fn contents(file: &File) -> Result<Contents> {
    let is_finished = file.metadata().is_ok_and(|data| data.permissions().mode() & 0o100 != 0);
    if !is_finished {
        return Ok(Contents::Unfinished);
    }
    let fault = Error::io("read", "the queue file");
    let mut file = file.try_clone().map_err(fault)?;
    file.rewind().map_err(fault)?;
    let output = postfix::program("postcat")?.arg("-e").input_file(file).within(READING).ok()?;
    Ok(Contents::Of(parse_envelope(&output.text())))
}

/// Where a queue file is: in one of the queues, or in one of their directories of one letter each (hash_queue_names,
/// mail_queue_dir.c). Looked for twice, since it is moved from queue to queue.
fn queued(queue_directory: &Path, queue_id: &str) -> Option<PathBuf> {
    const QUEUES: [&str; 6] = ["incoming", "active", "deferred", "hold", "corrupt", "saved"];
    fn find(directory: &Path, queue_id: &str, depth: usize) -> Option<PathBuf> {
        let path = directory.join(queue_id);
        if files::exists(&path) {
            return Some(path);
        }
        let names = if depth > 0 { files::names(directory) } else { Vec::new() };
        let mut letters = names.iter().filter(|name| name.len() == 1);
        letters.find_map(|name| find(&directory.join(name), queue_id, depth - 1))
    }
    // hash_queue_depth is 1 unless somebody has set it, and never needs to be more than 2.
    let look = || QUEUES.iter().find_map(|queue| find(&queue_directory.join(queue), queue_id, 2));
    look().or_else(look)
}

/// Whether no message waits: none of the queues that showq(8) lists has a file, and each could be read. A message may be moved from
/// one to another meanwhile, so they are looked at again in the other order.
pub fn is_empty(queue_directory: &Path) -> bool {
    const LISTED: [&str; 5] = ["maildrop", "incoming", "active", "deferred", "hold"];
    fn has_none(directory: &Path, depth: usize) -> std::io::Result<bool> {
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            let is_part = depth > 0 && entry.file_name().len() == 1 && entry.file_type()?.is_dir();
            if !is_part || !has_none(&entry.path(), depth - 1)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
    let has_none = |queue: &&str| has_none(&queue_directory.join(queue), 2).unwrap_or(false);
    LISTED.iter().all(&has_none) && LISTED.iter().rev().all(&has_none)
}

/// The file in the maildrop that has this Message-ID, if one does: Postfix has not taken the message over, and tries it
/// again each minute. An error if there are more files than can be looked at.
pub fn in_maildrop(queue_directory: &str, message_id: &str) -> Result<Option<String>> {
    let directory = Path::new(queue_directory).join("maildrop");
    let names = files::names(&directory);
    let begin = clock::now();
    for (count, name) in names.iter().enumerate() {
        if count >= DROPPED || begin.elapsed() >= LOOKING {
            return Err(Error::Log {
                name: directory.display().to_string(),
                problem: format!("has {} files, too many to look for the message among them", names.len()),
                remedy: "see why pickup(8) does not take them: `postfix status`, and the end of the mail log"
                    .into(),
            });
        }
        let mut head = Vec::new();
        if let Ok(file) = input::open_regular(&directory.join(name))
            && file.take(HEAD).read_to_end(&mut head).is_ok()
            && head.windows(message_id.len()).any(|part| part == message_id.as_bytes())
        {
            return Ok(Some(name.clone()));
        }
    }
    Ok(None)
}
