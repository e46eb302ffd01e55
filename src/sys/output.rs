//! Standard output and standard error, written without waiting longer than a signal allows. The reader may have stopped: a
//! terminal after Ctrl-S, a full pipe that nobody reads.

mod changing;

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Result, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use nix::poll::{PollFd, PollFlags};
use nix::sys::socket::{MsgFlags, send};
use serde_json::Value;

pub use changing::ChangingLine;

use super::{secrets, signals};

/// The stream that text goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Output {
    /// Standard output.
    Text,
    /// Standard error.
    Error,
}

/// Most that is written at once where a write may wait, in bytes: what fits into a pipe that poll(2) calls ready.
const CHUNK: usize = 4096;

/// A text without the passwords that are known: for one that is cut before it is written.
pub fn without_passwords(text: &str) -> String {
    secrets::hide(text)
}

/// Text that nobody has read yet, and that is written before the next one.
#[derive(Default)]
struct Kept {
    /// How many say that nobody is waited for.
    guards: usize,
    text: Vec<u8>,
    error: Vec<u8>,
}

impl Kept {
    fn of(&mut self, output: Output) -> &mut Vec<u8> {
        if output == Output::Text { &mut self.text } else { &mut self.error }
    }
}

static KEPT: Mutex<Kept> = Mutex::new(Kept { guards: 0, text: Vec::new(), error: Vec::new() });

fn kept() -> MutexGuard<'static, Kept> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As long as this lives, text that nobody reads is kept for later, and not waited for.
#[derive(Debug)]
pub struct Unheld(());

/// Has no reader hold up what follows: between the first file that is exchanged and Postfix's reload, old and new tables are in force
/// together. The text is written before the next one after that.
pub fn unheld() -> Unheld {
    kept().guards += 1;
    Unheld(())
}

impl Drop for Unheld {
    fn drop(&mut self) {
        kept().guards -= 1;
    }
}

/// The way to write to a descriptor without waiting.
enum Channel {
    /// A file: a write does not wait for anybody.
    File,
    /// A pipe or a terminal, opened once more, so that a write that would wait returns instead. On the descriptor itself
    /// that would be set for everybody who shares it, such as the shell.
    Own(File),
    /// A socket.
    Socket,
    /// A descriptor that cannot be opened once more: another user's terminal.
    Shared,
}

impl Output {
    /// Writes a text, without the passwords that are known. Errors: as `put`.
    pub fn write(self, text: &str) -> Result<()> {
        self.put(&secrets::hide(text))
    }

    /// Writes a document, without the passwords that are known, on one line if there are `many`. Errors: as `put`.
    pub fn write_document(self, document: &Value, many: bool) -> Result<()> {
        let document = secrets::hide_in(document.clone());
        self.put(&if many { format!("{document}\n") } else { format!("{document:#}\n") })
    }

    /// Writes the whole text. After a signal it gives up text that nobody reads within a tick, since the end of a run must
    /// not wait for a reader. Errors: `TimedOut` for that, else those of write(2).
    fn put(self, text: &str) -> Result<()> {
        let mut kept = kept();
        let whole = [std::mem::take(kept.of(self)).as_slice(), text.as_bytes()].concat();
        if let Err((error, rest)) = self.put_now(&whole, kept.guards > 0) {
            if error.kind() != ErrorKind::WouldBlock {
                return Err(error);
            }
            *kept.of(self) = rest;
        }
        Ok(())
    }

    /// Writes all bytes; the error has those that were not written. `at_once`: it does not wait (`WouldBlock`).
    fn put_now(self, text: &[u8], at_once: bool) -> std::result::Result<(), (Error, Vec<u8>)> {
        let (stdout, stderr) = (std::io::stdout(), std::io::stderr());
        let fd = match self {
            Self::Text => stdout.as_fd(),
            Self::Error => stderr.as_fd(),
        };
        let way = self.way(fd);
        let (mut rest, mut last_tick) = (text, false);
        while !rest.is_empty() {
            let part = rest.get(..CHUNK).unwrap_or(rest);
            match put(way, fd, part) {
                Ok(0) => return Err((ErrorKind::WriteZero.into(), Vec::new())),
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock && at_once => {
                    return Err((error, rest.to_vec()));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    // Also a signal that is held back: putting files back must not wait for a reader either.
                    if last_tick {
                        return Err((ErrorKind::TimedOut.into(), Vec::new()));
                    }
                    last_tick = signals::came().is_some();
                    is_ready(fd);
                }
                Err(error) => return Err((error, Vec::new())),
            }
        }
        Ok(())
    }

    fn way(self, fd: BorrowedFd) -> &'static Channel {
        static WAYS: [OnceLock<Channel>; 2] = [const { OnceLock::new() }; 2];
        let [text, error] = &WAYS;
        let way = if self == Self::Text { text } else { error };
        way.get_or_init(|| Channel::of(fd))
    }
}

impl Channel {
    fn of(fd: BorrowedFd) -> Self {
        let kind = fd.try_clone_to_owned().map(File::from).and_then(|file| file.metadata());
        let Ok(kind) = kind.map(|kind| kind.file_type()) else { return Self::Shared };
        if kind.is_socket() {
            Self::Socket
        } else if kind.is_fifo() || kind.is_char_device() {
            let mut options = OpenOptions::new();
            let options = options.write(true).custom_flags(nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY);
            options.open(format!("/proc/self/fd/{}", fd.as_raw_fd())).map_or(Self::Shared, Self::Own)
        } else {
            Self::File
        }
    }
}

fn put(way: &Channel, fd: BorrowedFd, part: &[u8]) -> Result<usize> {
    match way {
        Channel::Own(file) => (&mut &*file).write(part),
        Channel::Socket => Ok(send(fd.as_raw_fd(), part, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL)?),
        Channel::Shared if !is_ready(fd) => Err(Error::from(ErrorKind::WouldBlock)),
        Channel::Shared | Channel::File => Ok(nix::unistd::write(fd, part)?),
    }
}

/// Whether a write to the descriptor returns at once, with an error or not; waits for that for a tick.
fn is_ready(fd: BorrowedFd) -> bool {
    signals::wait_for(&mut [PollFd::new(fd, PollFlags::POLLOUT)])
}
