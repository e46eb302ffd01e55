//! The outputs of a running program: bounded, and handed on line by line as they come.

use std::io::{PipeReader, Read};
use std::os::fd::AsFd;
use std::time::Duration;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::clock;

/// Most that is kept of a program's output, in bytes, each of standard output and standard error.
pub const OUTPUT_LIMIT: usize = 4 * 1024 * 1024;
/// Time between two looks whether a program has ended that has closed its outputs, or whose children keep them open.
const TICK: Duration = Duration::from_millis(20);

/// Takes each line of a program's output as it comes.
pub type OnLine<'a> = &'a mut dyn FnMut(&str);

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

/// Sleeps until there is something to read, an output is closed, or a tick is over.
pub fn wait_for_output(streams: &[Stream]) {
    let mut fds: Vec<PollFd> = streams
        .iter()
        .filter(|stream| !stream.closed)
        .map(|stream| PollFd::new(stream.pipe.as_fd(), PollFlags::POLLIN))
        .collect();
    let timeout = PollTimeout::try_from(TICK).unwrap_or(PollTimeout::ZERO);
    if fds.is_empty() {
        // Both are closed, so the program ends soon. A short sleep costs little, and the end is seen at once.
        clock::pause();
    } else {
        let _ = poll(&mut fds, timeout);
    }
}

/// One output of a running program.
pub struct Stream {
    pipe: PipeReader,
    kept: Vec<u8>,
    line: Vec<u8>,
    closed: bool,
}

impl Stream {
    /// Takes a pipe, and has reads of it return at once.
    pub fn new(pipe: PipeReader) -> std::io::Result<Self> {
        fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        Ok(Self { pipe, kept: Vec::new(), line: Vec::new(), closed: false })
    }

    /// Reads what is there now. Does not wait for the end: a daemon that the program left behind may keep it open.
    pub fn drain(&mut self, on_line: OnLine) {
        let mut buffer = [0; 16 * 1024];
        while !self.closed {
            match self.pipe.read(&mut buffer) {
                Ok(0) => self.closed = true,
                Ok(count) => self.take(buffer.get(..count).unwrap_or_default(), on_line),
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

    fn take(&mut self, bytes: &[u8], on_line: OnLine) {
        let room = OUTPUT_LIMIT.saturating_sub(self.kept.len()).min(bytes.len());
        self.kept.extend_from_slice(bytes.get(..room).unwrap_or_default());
        for byte in bytes {
            if matches!(byte, b'\n' | b'\r') {
                self.flush(on_line);
            } else if self.line.len() < 4096 {
                self.line.push(*byte);
            }
        }
    }

    fn flush(&mut self, on_line: OnLine) {
        if !self.line.is_empty() {
            on_line(&String::from_utf8_lossy(&self.line));
            self.line.clear();
        }
    }

    /// The bytes that are kept, once there are no more to come.
    pub fn finish(mut self, on_line: OnLine) -> Vec<u8> {
        self.drain(on_line);
        self.flush(on_line);
        self.kept
    }
}
