//! One line of a terminal that changes while a stage is under way: it says what is waited for, how long that lasts, and how
//! long it may.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, SigmaskHow};

use super::Output;
use crate::sys::clock;

/// How often the line is written again.
const TICK: Duration = Duration::from_secs(1);

/// The line. It is taken away when this is dropped.
pub struct ChangingLine {
    shared: Arc<Shared>,
    /// `None` if no thread could be made: then the line stays as it was begun.
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    line: Mutex<Line>,
    over: Condvar,
}

struct Line {
    /// What stands before the text, and takes `columns` of them: it may have colours.
    head: String,
    name: String,
    columns: usize,
    begin: Instant,
    /// What is waited for, and how long at most.
    wait: Option<(String, Duration)>,
    is_over: bool,
}

impl Line {
    fn write(&self) {
        let text = text(&self.name, self.begin.elapsed(), self.wait.as_ref(), self.columns);
        let _ = Output::Text.write(&format!("\r\u{1b}[K{}{text}", self.head));
    }
}

/// The words of the line after this time, in this many columns: what does not fit is left out whole, from the end.
fn text(name: &str, lasts: Duration, wait: Option<&(String, Duration)>, columns: usize) -> String {
    let lasts = lasts.as_secs();
    let mut parts = vec![name.to_owned()];
    // Most stages are over before a number would tell anything.
    if lasts > 0 {
        let of = wait.map_or_else(String::new, |(_, limit)| format!(" of {} s", limit.as_secs()));
        parts.push(format!("  {lasts} s{of}"));
        parts.extend(wait.map(|(what, _)| format!(", waiting for {what}")));
    }
    while parts.len() > 1 && parts.iter().map(|part| part.chars().count()).sum::<usize>() > columns {
        parts.pop();
    }
    parts.concat().chars().take(columns).collect()
}

impl Shared {
    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the line again and again, until it is over.
    fn keep(&self) {
        let mut line = self.line();
        while !line.is_over {
            let waited = self.over.wait_timeout(line, TICK);
            line = waited.unwrap_or_else(PoisonError::into_inner).0;
            if !line.is_over {
                line.write();
            }
        }
    }
}

impl ChangingLine {
    /// Begins the line of a stage on the terminal that standard output is. `columns`: those that are left beside `head`.
    pub fn begin(head: String, name: &str, columns: usize) -> Self {
        let (name, begin) = (name.to_owned(), clock::now());
        let line = Mutex::new(Line { head, name, columns, begin, wait: None, is_over: false });
        let shared = Arc::new(Shared { line, over: Condvar::new() });
        shared.line().write();
        let kept = Arc::clone(&shared);
        // A signal is for the thread that works: it would not end a wait of that one if this one got it.
        let before = SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK).ok();
        let thread = thread::Builder::new().spawn(move || kept.keep()).ok();
        let _ = before.map(|mask| mask.thread_set_mask());
        Self { shared, thread }
    }

    /// Says what is waited for, and how long at most.
    pub fn wait_for(&self, what: &str, limit: Duration) {
        let mut line = self.shared.line();
        let wait = Some((what.to_owned(), limit));
        if line.wait != wait {
            line.wait = wait;
            line.write();
        }
    }

    /// Writes a line above this one.
    pub fn above(&self, text: &str) {
        let line = self.shared.line();
        let _ = Output::Text.write(&format!("\r\u{1b}[K{text}\n"));
        line.write();
    }
}

impl Drop for ChangingLine {
    fn drop(&mut self) {
        self.shared.line().is_over = true;
        self.shared.over.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = Output::Text.write("\r\u{1b}[K");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_says_what_is_waited_for_how_long_it_lasts_and_how_long_it_may() {
        let seconds = Duration::from_secs;
        let wait = ("the relay's answer".to_owned(), seconds(60));
        assert_eq!(
            text("message", seconds(23), Some(&wait), 60),
            "message  23 s of 60 s, waiting for the relay's answer"
        );
        assert_eq!(text("packages", seconds(5), None, 60), "packages  5 s");
        assert_eq!(text("message", Duration::ZERO, Some(&wait), 60), "message");
        assert_eq!(text("message", seconds(23), Some(&wait), 40), "message  23 s of 60 s");
        assert_eq!(text("message", seconds(23), Some(&wait), 10), "message");
    }
}
