//! Reads a line from the terminal, which shows it or hides it. Whatever ends the question, the terminal is left as it was
//! before.

use std::io::IsTerminal;
use std::os::fd::AsFd;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal, raise};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::termios::{FlushArg, LocalFlags, SetArg, Termios, tcflush, tcgetattr, tcsetattr};

use super::signals;
use crate::error::{self, Error, Result};

/// The outcome of a question.
#[derive(Debug)]
pub enum Typed {
    /// A line, without its end.
    Line(String),
    /// A line that is not UTF-8.
    NotText,
    /// No more input: Ctrl-D, or the terminal went away.
    End,
    /// SIGQUIT: Ctrl-\. The other signals that end a run are `Error::Interrupted`.
    Stop(Stop),
}

/// A signal that came during a question.
#[derive(Debug, Clone, Copy)]
pub struct Stop(Signal);

impl Stop {
    /// Ends this process by the signal, so that its caller sees the reason. Returns if that is not possible.
    pub fn obey(self) {
        let _ = raise(self.0);
    }
}

/// Longest line that is taken, in bytes; a terminal's own limit is 4095 (termios(3)).
const LINE_LIMIT: usize = 8192;

/// Whether a person can be asked: input and output are a terminal.
pub fn is_there() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// Whether standard input is a terminal.
pub fn is_input() -> bool {
    std::io::stdin().is_terminal()
}

/// Reads a line from the terminal, or from what standard input is. Drops text that was typed or pasted before, since the
/// question was not on the screen yet. With `hidden` the terminal shows nothing meanwhile.
pub fn read_line(hidden: bool) -> Result<Typed> {
    let fault = |errno: Errno| Error::io("read", "the terminal")(errno.into());
    signals::check()?;
    // Held back, and read from a descriptor instead: no signal may end the process while the terminal is silent.
    let held = Held::new(hidden).map_err(fault)?;
    let arrivals =
        SignalFd::with_flags(&held.0, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).map_err(fault)?;
    let stdin = std::io::stdin();
    let _silent = if hidden { Some(Silent::new(&stdin).map_err(fault)?) } else { None };
    drop_early(&stdin).map_err(fault)?;
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\n") && bytes.len() < LINE_LIMIT {
        let mut ready =
            [PollFd::new(stdin.as_fd(), PollFlags::POLLIN), PollFd::new(arrivals.as_fd(), PollFlags::POLLIN)];
        match poll(&mut ready, PollTimeout::NONE) {
            Err(Errno::EINTR) => continue,
            other => other.map_err(fault)?,
        };
        while let Ok(Some(signal)) = arrivals.read_signal() {
            match i32::try_from(signal.ssi_signo).ok().and_then(|number| Signal::try_from(number).ok()) {
                // Not stopped while the terminal is silent: the shell would get it like that.
                Some(Signal::SIGTSTP) | None => {}
                Some(signal) => match heeded(signal) {
                    Some(heeded) => return Err(signals::interrupted(heeded)),
                    None => return Ok(Typed::Stop(Stop(signal))),
                },
            }
        }
        let [input, _] = &ready;
        if input.revents().is_none_or(|events| events.is_empty()) {
            continue;
        }
        let mut buffer = [0; 4096];
        match nix::unistd::read(&stdin, &mut buffer) {
            Ok(0) if bytes.is_empty() => return Ok(Typed::End),
            // Ctrl-D after some letters hands them over; a second one ends the line.
            Ok(0) => break,
            Ok(length) => bytes.extend_from_slice(buffer.get(..length).unwrap_or_default()),
            Err(Errno::EINTR | Errno::EAGAIN) => {}
            Err(Errno::EIO) => return Ok(Typed::End),
            Err(errno) => return Err(fault(errno)),
        }
    }
    // While the terminal is still silent: the lines that were pasted with a password are not to be shown.
    drop_typed(&stdin).map_err(fault)?;
    if bytes.ends_with(b"\n") {
        bytes.pop();
    }
    Ok(String::from_utf8(bytes).map_or(Typed::NotText, Typed::Line))
}

/// Drops what was typed or pasted and not read, so that the shell does not run it. Without a terminal there is nothing to
/// drop.
pub fn forget_typed() {
    let _ = drop_typed(&std::io::stdin());
}

/// Drops what a terminal has already.
fn drop_early(stdin: &std::io::Stdin) -> nix::Result<()> {
    if is_input() { tcflush(stdin, FlushArg::TCIFLUSH) } else { Ok(()) }
}

/// How long after a line a terminal may take to hand over the rest of what was pasted with it, in milliseconds.
const REST: u8 = 30;
/// Longest time that the rest of a paste is waited for, as a number of [`REST`]s: somebody may lean on a key.
const RESTS: usize = 20;

/// Drops the rest of a paste: what is there, and what comes within [`REST`].
fn drop_typed(stdin: &std::io::Stdin) -> nix::Result<()> {
    if !is_input() {
        return Ok(());
    }
    for _ in 0..RESTS {
        tcflush(stdin, FlushArg::TCIFLUSH)?;
        let mut ready = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
        let came = match poll(&mut ready, PollTimeout::from(REST)) {
            Err(Errno::EINTR) => 0,
            other => other?,
        };
        let [input] = &ready;
        // A terminal that went away is always ready.
        if came == 0 || input.revents().is_none_or(|events| events != PollFlags::POLLIN) {
            break;
        }
    }
    Ok(())
}

/// The signal, if it is one that a run heeds.
fn heeded(signal: Signal) -> Option<error::Signal> {
    error::Signal::ALL.into_iter().find(|known| known.number() == signal as i32)
}

/// Signals that are held back until this is dropped.
struct Held(SigSet);

impl Held {
    fn new(hidden: bool) -> nix::Result<Self> {
        let mut held = SigSet::empty();
        // A signal that is ignored, and held back too, would be reported on the descriptor.
        let ignored = signals::ignored();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT] {
            if !heeded(signal).is_some_and(|signal| ignored.contains(&signal)) {
                held.add(signal);
            }
        }
        if hidden {
            held.add(Signal::SIGTSTP);
        }
        held.thread_block()?;
        Ok(Self(held))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.0.thread_unblock();
    }
}

/// A terminal that shows nothing until this is dropped.
struct Silent<'a> {
    terminal: &'a std::io::Stdin,
    before: Termios,
}

impl<'a> Silent<'a> {
    fn new(terminal: &'a std::io::Stdin) -> nix::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut silent = before.clone();
        silent.local_flags &=
            !(LocalFlags::ECHO | LocalFlags::ECHOE | LocalFlags::ECHOK | LocalFlags::ECHONL);
        silent.local_flags |= LocalFlags::ICANON | LocalFlags::ISIG;
        tcsetattr(terminal, SetArg::TCSAFLUSH, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silent<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.terminal, SetArg::TCSAFLUSH, &self.before);
    }
}
