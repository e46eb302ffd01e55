//! systemd's journal: the mail log as it grows there, by journalctl, and records of our own, by its socket.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::clock;
use super::run::{self, Cmd, Heard, Output};
use super::stream::OUTPUT_LIMIT;
use super::{files, postfix, secrets};
use crate::error::Result;
use crate::model::journald::{JournalEntry, Notice};
use crate::model::observed::parse_settings;

/// The socket at which journald takes records (systemd's docs/JOURNAL_NATIVE_PROTOCOL.md).
const SOCKET: &str = "/run/systemd/journal/socket";

/// Time between two looks at the journal.
const TICK: Duration = Duration::from_millis(300);

/// Time limits for journalctl: where a run waits for it, for one part of a look, and for all of a journal.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_secs(5);
const WHOLE: Duration = Duration::from_secs(30 * 60);

/// Entries that a first look reads, and the parts that any look reads at most.
const LAST: &str = "2000";
const PARTS: usize = 16;

/// The match for all records of facility `mail` (syslog(3)).
const MAIL: &str = "SYSLOG_FACILITY=2";

/// Postfix's user on most hosts, for where Postfix does not name its own.
const POSTFIX: &str = "postfix";

/// Sends a record, where there is a journal, without the passwords that are known. The result is shown elsewhere too, so a
/// journal that does not take it is no failure.
pub fn send(notice: Notice) {
    if is_there() {
        drop(tell(notice));
    }
}

/// Whether this host has a journal that takes records.
pub fn is_there() -> bool {
    files::exists(Path::new(SOCKET))
}

/// Sends a record, without the passwords that are known. The error is why the journal has not taken it.
pub fn tell(notice: Notice) -> std::result::Result<(), String> {
    let notice = notice.hidden(secrets::hide);
    let sent = UnixDatagram::unbound().and_then(|socket| {
        socket.set_write_timeout(Some(Duration::from_secs(2)))?;
        socket.send_to(&notice.datagram(), SOCKET)
    });
    sent.map(|_| ()).map_err(|error| format!("the journal does not take it: {error}"))
}

/// The user id of Postfix's daemons (`mail_owner`); root's if there is no such user.
fn owner() -> u32 {
    let settings = parse_settings(&postfix::settings(&["mail_owner"]).unwrap_or_default());
    let name = settings.get("mail_owner").map_or(POSTFIX, String::as_str);
    nix::unistd::User::from_name(name).ok().flatten().map_or(0, |user| user.uid.as_raw())
}

/// The mail log in the journal, from now on: records of Postfix's daemons, and journald's own about lines that it lost.
#[derive(Debug)]
pub struct Tail {
    program: PathBuf,
    owner: u32,
    /// The last known entry; `None` if the journal had none at the beginning.
    cursor: Option<String>,
    next: Instant,
    /// A text that root sends, and whether it has come.
    expected: Option<String>,
    has_expected: bool,
}

impl Tail {
    /// `None` where there is no journal to read.
    pub fn open() -> Option<Self> {
        if !files::exists(Path::new(SOCKET)) {
            return None;
        }
        let (program, owner) = (run::find("journalctl")?, owner());
        let (next, expected) = (clock::now(), None);
        let mut tail = Self { program, owner, cursor: None, next, expected, has_expected: false };
        let newest = tail.read(&["-n", "1"]).ok()?;
        tail.cursor = newest.into_iter().next_back().map(|entry| entry.cursor);
        Some(tail)
    }

    /// Begins to look for a text that root is about to send by syslog.
    pub fn expect(&mut self, text: String) {
        self.expected = Some(text);
    }

    /// Whether that text has come: then Postfix's syslog lines come into the journal too.
    pub fn has_expected(&self) -> bool {
        self.has_expected
    }

    /// The lines since the last call. Unless `now` is set, looks only after a while: each look starts a process.
    pub fn lines(&mut self, now: bool) -> Result<Vec<String>> {
        if !now && clock::now() < self.next {
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
            if self.cursor.as_ref() == Some(&entry.cursor) {
                continue;
            }
            self.cursor = Some(entry.cursor.clone());
            let is_expected = |text: &String| entry.is_of_root() && entry.line.contains(text);
            self.has_expected |= self.expected.as_ref().is_some_and(is_expected);
            if entry.is_of_postfix(self.owner) || entry.is_of_journald() {
                lines.push(entry.line);
            }
        }
        Ok(lines)
    }

    fn read(&self, place: &[&str]) -> Result<Vec<JournalEntry>> {
        Ok(parsed(&read(&self.program, self.owner, place, PATIENCE)?))
    }
}

fn read(program: &Path, owner: u32, place: &[&str], patience: Duration) -> Result<Output> {
    let output = Cmd::new(program)
        .args(["-q", "--all", "-o", "json"])
        .args(ours(owner))
        .args(["+", "_UID=0", "_COMM=systemd-journal"])
        .args(place.iter().copied())
        .within(patience)
        .run()?;
    // With nothing to show, journalctl of systemd 252 ends with 1 and says nothing.
    let is_empty = output.code == Some(1) && output.stdout.is_empty() && output.stderr.is_empty();
    if is_empty { Ok(output) } else { output.checked() }
}

fn parsed(output: &Output) -> Vec<JournalEntry> {
    output.text().lines().filter_map(JournalEntry::parse).collect()
}

/// The matches for records of mail that root or Postfix sent: anybody can send records that look like Postfix's, and
/// journald notes who sent one.
fn ours(owner: u32) -> [String; 3] {
    [MAIL.to_owned(), "_UID=0".to_owned(), format!("_UID={owner}")]
}

/// How far the journal was read.
#[derive(Debug, Default)]
pub struct Place {
    /// The last entry; `None` if the journal has never had a line of Postfix, or there is none to read.
    pub cursor: Option<String>,
    /// Whether there is more than one look reads: the next one goes on.
    pub is_behind: bool,
}

/// Hands on the new entries of Postfix's daemons since a cursor; without one, those among the last entries.
pub fn since(cursor: Option<&str>, on_entries: &mut dyn FnMut(&[JournalEntry])) -> Result<Place> {
    let mut place = Place { cursor: cursor.map(str::to_owned), is_behind: true };
    let program = run::find("journalctl").filter(|_| files::exists(Path::new(SOCKET)));
    let Some(program) = program else { return Ok(Place::default()) };
    let owner = owner();
    for _ in 0..PARTS {
        let from = place.cursor.as_deref().map_or(["-n", LAST], |cursor| ["--cursor", cursor]);
        let output = read(&program, owner, &from, LOOK)?;
        let mut entries = parsed(&output);
        entries.retain(|entry| place.cursor.as_ref() != Some(&entry.cursor));
        let last = entries.last().map(|entry| entry.cursor.clone());
        entries.retain(|entry| entry.is_of_postfix(owner));
        on_entries(&entries);
        // What is kept of the output is bounded; there may be more.
        place.is_behind = output.stdout.len() >= OUTPUT_LIMIT && last.is_some();
        if last.is_some() && (place.cursor.is_some() || !entries.is_empty()) {
            place.cursor = last;
        }
        if !place.is_behind || place.cursor.is_none() {
            break;
        }
    }
    Ok(place)
}

/// The time of the last mail line, in seconds since 1970; `None` where there is no journal, or no such line.
pub fn newest() -> Option<i64> {
    let cmd = Cmd::find("journalctl").filter(|_| files::exists(Path::new(SOCKET)))?;
    let text = cmd.args(["-q", "-n", "1", "-o", "export"]).args(ours(owner())).run().ok()?.text();
    let time = text.lines().find_map(|line| line.strip_prefix("__REALTIME_TIMESTAMP="))?;
    Some(time.parse::<i64>().ok()? / 1_000_000)
}

/// Hands on the mail lines since a time, each without its end.
pub fn lines(since: i64, on_line: &mut dyn FnMut(&str)) -> Result<()> {
    let cmd = Cmd::require("journalctl", "name a log file: relayhost diagnose FILE")?
        .args(["-q", "--no-pager", "-o", "short-iso", &format!("--since=@{since}")])
        .args(ours(owner()))
        .within(WHOLE);
    let listened = cmd.listen(&mut |heard| {
        if let Heard::Line(line) = heard {
            on_line(line);
        }
    });
    listened?.checked().map(|_| ())
}
