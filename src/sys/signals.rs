//! The signals that ask us to end. A handler notes the first one; whatever waits looks for it every few milliseconds
//! ([`TICK`]), and ends by an ordinary error, so that what was begun is undone as after any other failure.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::AsFd;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use signal_hook::flag;

use super::files;
use crate::error::{Error, Interruption, Result, Signal};

/// Longest wait between two looks whether a signal has come.
pub const TICK: Duration = Duration::from_millis(20);

/// Which of [`Signal::ALL`] have come; [`arrived`] clears the one that it returns.
static CAME: [AtomicBool; 3] = [const { AtomicBool::new(false) }; 3];
/// The first one that was seen, as its place in [`Signal::ALL`] plus one; 0 for none.
static FIRST: AtomicUsize = AtomicUsize::new(0);
/// Number of [`Held`] that live.
static HELD: AtomicUsize = AtomicUsize::new(0);

/// Has these signals noted from now on, instead of ending the process. One that the caller of relayhost ignores
/// (nohup(1), a shell's `&`) stays ignored.
pub fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let ignored = ignored();
        for (signal, came) in Signal::ALL.into_iter().zip(&CAME) {
            if !ignored.contains(&signal) {
                // A signal that cannot be watched ends the process at once, and the next run clears up.
                let _ = flag::register(signal.number(), came);
            }
        }
    });
}

/// Signals that the caller of relayhost ignores (`SigIgn` of proc_pid_status(5): sigaction(2) itself takes `unsafe`).
/// Without /proc nobody can tell, and all are heeded.
pub fn ignored() -> Vec<Signal> {
    let status = files::text("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    Signal::ALL.into_iter().filter(|signal| mask & (1 << (signal.number() - 1)) != 0).collect()
}

/// Waits for one of these descriptors, for a tick. Whether one is ready: an operation on it returns at once, with an error
/// or not.
pub fn wait_for(fds: &mut [PollFd]) -> bool {
    let timeout = PollTimeout::try_from(TICK).unwrap_or(PollTimeout::ZERO);
    poll(fds, timeout).is_ok_and(|count| count > 0)
}

/// The first signal that has come, also while signals are held.
pub fn came() -> Option<Signal> {
    if FIRST.load(Ordering::SeqCst) == 0
        && let Some(place) = CAME.iter().position(|came| came.load(Ordering::SeqCst))
    {
        let _ = FIRST.compare_exchange(0, place + 1, Ordering::SeqCst, Ordering::SeqCst);
    }
    Signal::ALL.get(FIRST.load(Ordering::SeqCst).checked_sub(1)?).copied()
}

/// A signal that has come since the last call: a person who presses Ctrl-C once more wants to see that it was noted.
pub fn arrived() -> Option<Signal> {
    came()?;
    let mut all = Signal::ALL.into_iter().zip(&CAME);
    all.find_map(|(signal, came)| came.swap(false, Ordering::SeqCst).then_some(signal))
}

/// The signal that is to end the run; none while signals are held.
pub fn pending() -> Option<Signal> {
    if HELD.load(Ordering::SeqCst) == 0 { came() } else { None }
}

/// `Error::Interrupted` if a signal is to end the run.
pub fn check() -> Result<()> {
    pending().map_or(Ok(()), |signal| Err(interrupted(signal)))
}

/// The error of a run that this signal ends.
pub fn interrupted(signal: Signal) -> Error {
    Error::Interrupted(Box::new(Interruption::new(signal)))
}

/// The error to report: the signal's, if one is to end the run. Another error then comes from the signal, as a rule: a
/// program that was ended, a wait that was cut off.
pub fn blame(error: Error) -> Error {
    match (pending(), &error) {
        (None, _) | (_, Error::Interrupted(_) | Error::Undone { .. } | Error::Stuck { .. }) => error,
        (Some(signal), _) => interrupted(signal),
    }
}

/// Holds signals back until it is dropped: for work that must not be left half done, such as putting files back.
#[derive(Debug)]
#[must_use]
pub struct Held(());

/// Holds signals back.
pub fn hold() -> Held {
    HELD.fetch_add(1, Ordering::SeqCst);
    Held(())
}

impl Drop for Held {
    fn drop(&mut self) {
        HELD.fetch_sub(1, Ordering::SeqCst);
    }
}

/// An input, a FIFO or a terminal, say, on which a wait ends when a signal comes.
#[derive(Debug)]
pub struct Input<F> {
    file: F,
    /// Whether there may be nothing to read yet.
    may_wait: bool,
    /// Whether the end was read. A terminal would begin again after it.
    is_over: bool,
}

impl<F> Input<F> {
    /// Reads this file.
    pub fn new(file: F) -> Self {
        Self { file, may_wait: true, is_over: false }
    }

    /// Reads this file, which is on a disk: no read waits for anybody.
    pub fn at_hand(file: F) -> Self {
        Self { may_wait: false, ..Self::new(file) }
    }

    /// The file itself.
    pub fn inner(&mut self) -> &mut F {
        &mut self.file
    }
}

impl Input<File> {
    /// Standard input, without a buffer: no wait would see what a buffer holds.
    pub fn standard() -> std::io::Result<Self> {
        Ok(Self::new(std::io::stdin().as_fd().try_clone_to_owned()?.into()))
    }
}

/// Whether a read returns at once, with an error if there is nothing to read.
fn never_waits(file: &impl AsFd) -> bool {
    fcntl(file, FcntlArg::F_GETFL)
        .is_ok_and(|flags| OFlag::from_bits_retain(flags).contains(OFlag::O_NONBLOCK))
}

impl<F: Read + AsFd> Read for Input<F> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while !self.is_over {
            if let Some(signal) = pending() {
                return Err(std::io::Error::other(format!("ended by {signal}")));
            }
            // Nothing yet, or a signal. Of a FIFO only reading tells that nobody writes, and this one does not wait.
            if self.may_wait
                && !wait_for(&mut [PollFd::new(self.file.as_fd(), PollFlags::POLLIN)])
                && !never_waits(&self.file)
            {
                continue;
            }
            match self.file.read(buffer) {
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                other => {
                    self.is_over = matches!(other, Ok(0)) && !buffer.is_empty();
                    return other;
                }
            }
        }
        Ok(0)
    }
}
