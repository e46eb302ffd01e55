//! systemd's journal: the mail log as it grows there, by journalctl, and records of our own, by its socket.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::clock;
use super::files;
use super::run::{self, Cmd, Output};
use crate::error::Result;
use crate::model::journal::{Entry, Notice};

/// Where journald takes records (systemd's docs/JOURNAL_NATIVE_PROTOCOL.md).
const SOCKET: &str = "/run/systemd/journal/socket";

/// How often the journal is looked at.
const TICK: Duration = Duration::from_millis(500);

/// What Postfix and all others log with facility `mail` (syslog(3)).
const MAIL: &str = "SYSLOG_FACILITY=2";

/// Sends a record, where there is a journal. It is one of several places where the result is told, so one that does not
/// listen is no failure.
pub fn send(notice: &Notice) {
    let sent = UnixDatagram::unbound().and_then(|socket| {
        socket.set_write_timeout(Some(Duration::from_secs(2)))?;
        socket.send_to(&notice.datagram(), SOCKET)
    });
    drop(sent);
}

/// The mail log in the journal, from now on.
#[derive(Debug)]
pub struct Tail {
    program: PathBuf,
    /// The last entry that is known; none if there was none when we began.
    cursor: Option<String>,
    next: Instant,
}

impl Tail {
    /// `None` where there is no journal to read.
    pub fn open() -> Option<Self> {
        if !files::exists(Path::new(SOCKET)) {
            return None;
        }
        let mut tail = Self { program: run::find("journalctl")?, cursor: None, next: clock::now() };
        let newest = tail.read(&["-n", "1"]).ok()?;
        tail.cursor = newest.into_iter().next_back().map(|entry| entry.cursor);
        Some(tail)
    }

    /// The lines since the last call, which are none before half a second is over: each look is a process.
    pub fn lines(&mut self) -> Result<Vec<String>> {
        if clock::now() < self.next {
            return Ok(Vec::new());
        }
        self.next = clock::now() + TICK;
        // From the entry that we have, and not after it: with matches, `--after-cursor` of systemd 252 leaves out one
        // more when that entry is gone, as it may be after `--vacuum-size`.
        let entries = match &self.cursor {
            None => self.read(&[])?,
            Some(cursor) => self.read(&["--cursor", cursor])?,
        };
        let mut lines = Vec::new();
        for entry in entries {
            if self.cursor.as_ref() != Some(&entry.cursor) {
                lines.push(entry.line);
            }
            self.cursor = Some(entry.cursor);
        }
        Ok(lines)
    }

    fn read(&self, place: &[&str]) -> Result<Vec<Entry>> {
        let output = Cmd::new(&self.program)
            .args(["-q", "--all", "-o", "json", MAIL])
            .args(place.iter().copied())
            .run()?;
        let output = if is_empty(&output) { output } else { output.checked()? };
        Ok(output.text().lines().filter_map(Entry::parse).collect())
    }
}

/// With nothing to show, journalctl of systemd 252 ends with 1 and says nothing.
fn is_empty(output: &Output) -> bool {
    output.code == Some(1) && output.stdout.is_empty() && output.stderr.is_empty()
}
