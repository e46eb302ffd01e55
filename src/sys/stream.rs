//! The outputs of a running program: bounded, and handed on line by line as they come.

use std::io::{PipeReader, Read};
use std::os::fd::AsFd;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags};

use super::{clock, signals};

/// Most that is kept of a program's output, in bytes, each of standard output and standard error; of standard output, unless
/// its caller wants more.
pub const OUTPUT_LIMIT: usize = 4 * 1024 * 1024;

/// A line or a note that comes while a program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard<'a> {
    /// A line of its output.
    Line(&'a str),
    /// A note of relayhost: a signal waits for the program to end.
    Note(&'a str),
    /// Nothing new for some milliseconds, or just another line.
    Tick,
}

/// Takes each line and note that comes while a program runs.
pub type OnHeard<'a> = &'a mut dyn FnMut(Heard);

/// Sleeps until there is something to read, an output is closed, or a tick is over: then the caller looks whether a program
/// has ended that has closed its outputs, or whose children keep them open.
pub fn wait_for_output(streams: &[Stream]) {
    let mut fds: Vec<PollFd> = streams
        .iter()
        .filter(|stream| !stream.closed)
        .map(|stream| PollFd::new(stream.pipe.as_fd(), PollFlags::POLLIN))
        .collect();
    if fds.is_empty() {
        // Both are closed, so the program ends soon. A short sleep costs little, and the end is seen at once.
        clock::pause();
    } else {
        signals::wait_for(&mut fds);
    }
}

/// One output of a running program.
pub struct Stream {
    pipe: PipeReader,
    kept: Vec<u8>,
    most: usize,
    line: Vec<u8>,
    closed: bool,
}

impl Stream {
    /// Takes a pipe, of which so many bytes are kept, and has reads of it return at once.
    pub fn new(pipe: PipeReader, most: usize) -> std::io::Result<Self> {
        fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok(Self { pipe, kept: Vec::new(), most, line: Vec::new(), closed: false })
    }

    /// Reads what is there now. Does not wait for the end: a daemon that the program left behind may keep it open.
    pub fn drain(&mut self, on_heard: OnHeard) {
        let mut buffer = [0; 16 * 1024];
        while !self.closed {
            match self.pipe.read(&mut buffer) {
                Ok(0) => self.closed = true,
                Ok(count) => self.take(buffer.get(..count).unwrap_or_default(), on_heard),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                Err(_) => self.closed = true,
            }
        }
    }

    /// The bytes that are kept so far.
    pub fn kept(&self) -> &[u8] {
        &self.kept
    }

    fn take(&mut self, bytes: &[u8], on_heard: OnHeard) {
        let room = self.most.saturating_sub(self.kept.len()).min(bytes.len());
        self.kept.extend_from_slice(bytes.get(..room).unwrap_or_default());
        for byte in bytes {
            if matches!(byte, b'\n' | b'\r') {
                self.flush(on_heard);
            } else if self.line.len() < 4096 {
                self.line.push(*byte);
            }
        }
    }

    fn flush(&mut self, on_heard: OnHeard) {
        if !self.line.is_empty() {
            on_heard(Heard::Line(&String::from_utf8_lossy(&self.line)));
            self.line.clear();
        }
    }

    /// The bytes that are kept, once there are no more to come.
    pub fn finish(mut self, on_heard: OnHeard) -> Vec<u8> {
        self.drain(on_heard);
        self.flush(on_heard);
        self.kept
    }
}
