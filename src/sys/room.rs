//! Room for the lines that a log is about to get: blocks that are reserved beyond its end (fallocate(2) with
//! FALLOC_FL_KEEP_SIZE), which nobody else who fills the file system can take.
//!
//! Without it, a user who fills the file system and frees it again chooses which lines of Postfix the log lacks. Measured:
//! rsyslog 8.2302 with EL's rules tries each line once, and drops what is logged while the file system is full, and up to
//! half a second longer; lines that still fit into the last block come (its action.resumeRetryCount is 0 by default). No
//! daemon of Postfix hears of it. With reserved blocks all lines came. They are the log's next lines' blocks, and stay until
//! those use them up: 1 MiB at most.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

use crate::model::message::gap::Gap;

/// Bytes reserved beyond the end of the log; of a file system that has fewer, half as many, or a quarter, and so on.
const ROOM: u64 = 1024 * 1024;
/// The fewest: a run logs some hundred lines at most.
const LEAST: u64 = 4 * MARGIN;
/// The end of the room: a daemon writes several lines at once, and a file system may refuse the whole of what does not fit.
const MARGIN: u64 = 64 * 1024;

/// Room that is kept for a log.
#[derive(Debug)]
pub struct Room {
    file: File,
    /// Length of the log at the last look.
    length: u64,
    /// The offset up to which blocks are reserved.
    end: u64,
}

impl Room {
    /// Reserves room for the file of this inode.
    pub fn reserve(path: &Path, inode: u64) -> Result<Self, Gap> {
        // A log that was made append-only (chattr +a) can be opened for that alone.
        let file = OpenOptions::new().append(true).custom_flags(nix::libc::O_NONBLOCK).open(path);
        let file = file.map_err(|error| fault(&error))?;
        let now = file.metadata().map_err(|error| fault(&error))?;
        if now.ino() != inode {
            return Err(Gap::TurnedOver);
        }
        let length = now.len();
        let end = reserve(&file, length).map_err(|error| fault(&error.into()))?;
        Ok(Self { file, length, end })
    }

    /// Reserves more where half is used up. An error if lines may have met the end of the room since the last call.
    pub fn keep(&mut self) -> Result<(), Gap> {
        let length = self.file.metadata().map_err(|error| fault(&error))?.len();
        if length < self.length {
            return Err(Gap::TurnedOver); // what was reserved went with what was cut off
        }
        let is_half_used = self.end.saturating_sub(length) < ROOM / 2;
        let more = if is_half_used { reserve(&self.file, length).ok() } else { None };
        // Looked at after that: until then, the old end was the end.
        self.length = self.file.metadata().map_err(|error| fault(&error))?.len();
        if self.length + MARGIN > self.end {
            return Err(Gap::Flooded);
        }
        self.end = more.unwrap_or(self.end);
        Ok(())
    }
}

/// Reserves what the file system still has. Returns the end of it.
fn reserve(file: &File, length: u64) -> rustix::io::Result<u64> {
    let mut room = ROOM;
    loop {
        match fallocate(file, FallocateFlags::KEEP_SIZE, length, room) {
            Err(Errno::INTR) => {}
            Err(Errno::NOSPC | Errno::DQUOT) if room > LEAST => room /= 2,
            result => return result.map(|()| length + room),
        }
    }
}

fn fault(error: &std::io::Error) -> Gap {
    let full = [Errno::NOSPC, Errno::DQUOT].map(Errno::raw_os_error);
    match error.raw_os_error() {
        Some(code) if full.contains(&code) => Gap::Full,
        _ => Gap::NotReserved(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{files, scratch};
    use super::*;
    use std::io::Write;

    #[test]
    fn room_is_reserved_ahead_and_its_end_is_noticed() {
        let directory = scratch::directory().unwrap();
        let path = directory.path().join("maillog");
        files::create(&path, b"old\n", 0o600).unwrap();
        let inode = || std::fs::metadata(&path).unwrap();
        let append = |size: u64| {
            let mut file = OpenOptions::new().append(true).open(&path).unwrap();
            file.write_all(&vec![b'x'; usize::try_from(size).unwrap()]).unwrap();
        };
        let mut room = Room::reserve(&path, inode().ino()).unwrap();
        assert_eq!((inode().len(), inode().blocks() * 512 >= ROOM), (4, true));
        // As often as it is looked at in time.
        for _ in 0..4 {
            append(ROOM / 2 + 1);
            assert_eq!(room.keep(), Ok(()));
            assert!(inode().blocks() * 512 >= inode().len() + ROOM / 2);
        }
        append(ROOM);
        assert_eq!(room.keep(), Err(Gap::Flooded));

        let mut room = Room::reserve(&path, inode().ino()).unwrap();
        OpenOptions::new().write(true).truncate(true).open(&path).unwrap();
        assert_eq!(room.keep(), Err(Gap::TurnedOver));
        assert_eq!(Room::reserve(&path, inode().ino() + 1).unwrap_err(), Gap::TurnedOver);
        // A file system that reserves nothing.
        let cgroups = Path::new("/proc/self/comm");
        let inode = std::fs::metadata(cgroups).unwrap().ino();
        assert!(matches!(Room::reserve(cgroups, inode), Err(Gap::NotReserved(_))));
    }
}
