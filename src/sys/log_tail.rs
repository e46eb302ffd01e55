//! Follows the mail log as it grows: a file, through rotation, and the journal. Both at once where both are there, since
//! rsyslog may be installed and not running.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::postfix::Instance;
use super::room::Room;
use super::{clock, files, input, journal, random, syslog};
use crate::error::{Error, Odd, Result, away, shown};
use crate::model::message::gap::Gap;

/// Most that is read in one go, in bytes, so that a flood cannot fill the memory.
const CHUNK: u64 = 4 * 1024 * 1024;

/// Time that Postfix, or a syslog daemon, may take to make its log with the first line.
const FIRST_LINE: Duration = Duration::from_secs(2);

/// The files into which syslog daemons write mail lines: EL, Debian.
pub const PLACES: [&str; 2] = ["/var/log/maillog", "/var/log/mail.log"];

/// The mail log from now on.
#[derive(Debug)]
pub struct Follower {
    file: Option<FileTail>,
    journal: Option<journal::Tail>,
    /// Whether Postfix writes its log itself (`maillog_file`), and not by syslog.
    by_postlog: bool,
    /// The Postfix whose log it is.
    instance: Instance,
}

/// Lines that came, by who can have written them.
#[derive(Debug, Default)]
pub struct Lines {
    /// Lines of the journal, written by Postfix or root alone.
    pub postfix: Vec<String>,
    /// Lines of a file, which anybody can have written.
    pub anybody: Vec<String>,
}

#[derive(Debug)]
struct FileTail {
    path: PathBuf,
    /// The file, and after a rotation the one before it as well: syslogd goes on writing there until logrotate signals it.
    open: Vec<OpenFile>,
    /// Room for its next lines, or the reason why it may lack some.
    room: std::result::Result<Room, Gap>,
}

#[derive(Debug)]
struct OpenFile {
    file: File,
    inode: u64,
    rest: Vec<u8>,
}

/// Starts to follow. `postlog` is Postfix's own `maillog_file`, empty if it has none.
pub fn follow(postlog: &str) -> Result<Follower> {
    follow_of(postlog, &Instance::default())
}

/// The same, of one Postfix of this host.
pub fn follow_of(postlog: &str, instance: &Instance) -> Result<Follower> {
    let mut follower = open(postlog, instance)?;
    if let (Some(journal), false) = (&mut follower.journal, follower.by_postlog) {
        // If this comes into the journal, so do Postfix's lines; if it cannot be sent, it will not come.
        let mark = mark();
        if syslog::mail(&mark).is_ok() {
            journal.expect(mark);
        }
    }
    Ok(follower)
}

fn open(postlog: &str, instance: &Instance) -> Result<Follower> {
    let paths =
        || [postlog].into_iter().chain(PLACES).filter(|path| path.starts_with("/var/")).map(Path::new);
    // Postfix, and a syslog daemon, make the file with the first line.
    if postlog.starts_with("/var/") {
        first_line(&[Path::new(postlog)], || instance.log(&mark()).map(|()| true))?;
    } else {
        // With the journal alone there is none, and nothing is wrong.
        let journal = journal::Tail::open().is_some();
        first_line(&PLACES.map(Path::new), || Ok(!journal && syslog::mail(&mark()).is_ok()))?;
    }
    let file = paths().find(|path| files::exists(path) && input::odd_kind(path).is_none());
    let file = file.map(FileTail::open).transpose()?;
    let journal = journal::Tail::open();
    if file.is_none() && journal.is_none() {
        let odd = paths().find_map(|path| Some((path, input::odd_kind(path)?)));
        return Err(odd.map_or(Error::NoLog, |(path, kind)| no_file(path, kind)));
    }
    Ok(Follower { file, journal, by_postlog: !postlog.is_empty(), instance: instance.clone() })
}

/// Writes a line if no file is in any of these places, and if a daemon took the line, waits a moment for the file that the
/// daemon makes.
fn first_line(places: &[&Path], write: impl FnOnce() -> Result<bool>) -> Result<()> {
    let is_there = || places.iter().any(|path| files::exists(path));
    if is_there() || !write()? {
        return Ok(());
    }
    let begin = clock::now();
    while !is_there() && begin.elapsed() < FIRST_LINE {
        clock::sleep(Duration::from_millis(20))?;
    }
    Ok(())
}

/// An error if the mail log is no regular file.
pub fn no_file(path: &Path, kind: Odd) -> Error {
    Error::Log {
        name: shown(path),
        problem: format!("is {kind}, and the mail log there must be a file: relayhost cannot read it"),
        remedy: format!(
            "move it away ({}), have syslog write a file there (`systemctl restart rsyslog`, `logger -p mail.info hello`), and run `this command` again",
            away(path)
        )
        .into(),
    }
}

/// An error unless there is a log to follow.
pub fn require(postlog: &str) -> Result<()> {
    open(postlog, &Instance::default()).map(|_| ())
}

/// A text that nobody can guess, and so write before relayhost does.
fn mark() -> String {
    let bytes: [u8; 16] = random::bytes();
    format!(
        "mark {:032x}: relayhost waits for this line, to have read all before it",
        u128::from_ne_bytes(bytes)
    )
}

/// The last line near the end of the mail log, if it is a file, of those with one of these texts.
pub fn last_line_with(texts: &[&str]) -> Option<String> {
    const NEAR: u64 = 64 * 1024;
    let mut file = PLACES.iter().find_map(|path| input::open_regular(Path::new(path)).ok())?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(NEAR))).ok()?;
    let mut bytes = Vec::new();
    file.take(NEAR).read_to_end(&mut bytes).ok()?;
    String::from_utf8_lossy(&bytes)
        .lines()
        .rev()
        .find(|line| texts.iter().any(|text| line.contains(text)))
        .map(str::to_owned)
}

impl Follower {
    /// The lines since the last call. Does not wait; the journal is looked at now and then, unless `now` is set.
    pub fn lines(&mut self, now: bool) -> Result<Lines> {
        let anybody = match &mut self.file {
            Some(tail) => tail.lines()?,
            None => Vec::new(),
        };
        let postfix = match &mut self.journal {
            Some(journal) => journal.lines(now)?,
            None => Vec::new(),
        };
        Ok(Lines { postfix, anybody })
    }

    /// Whether Postfix's lines come into the journal, as far as that is known yet. Then the file does not count, since
    /// others can write to it.
    pub fn is_in_journal(&self) -> bool {
        self.file.is_none() || self.journal.as_ref().is_some_and(journal::Tail::has_expected)
    }

    /// The reason why the file may lack lines, from the time when it was opened until the last call of `lines`.
    pub fn gap(&self) -> Option<&Gap> {
        self.file.as_ref().and_then(|tail| tail.room.as_ref().err())
    }

    /// The same, unless the journal may have the lines.
    pub fn gap_without_journal(&self) -> Option<&Gap> {
        self.gap().filter(|_| self.journal.is_none() || self.by_postlog)
    }

    /// Writes a text on the way that Postfix's lines take, and returns it: once the caller reads it in the log, all
    /// lines that were written before it have been read too.
    pub fn mark(&mut self) -> Result<String> {
        let mark = mark();
        if self.by_postlog {
            self.instance.log(&mark)?;
        } else {
            syslog::mail(&mark)?;
        }
        Ok(mark)
    }

    /// The file that it follows, if there is one.
    pub fn file(&self) -> String {
        self.file.as_ref().map(|tail| shown(&tail.path)).unwrap_or_default()
    }

    /// The command by which a person writes a line that has to come into that file.
    pub fn by_hand(&self) -> &'static str {
        if self.by_postlog { "postlog hello" } else { "logger -p mail.info hello" }
    }

    /// The places that it follows, for messages.
    pub fn sources(&self) -> String {
        let file = self.file.as_ref().map(|tail| shown(&tail.path));
        let journal = self.journal.as_ref().map(|_| "the journal".to_owned());
        file.into_iter().chain(journal).collect::<Vec<_>>().join(" and ")
    }
}

impl FileTail {
    fn open(path: &Path) -> Result<Self> {
        let mut now = OpenFile::new(path).map_err(|source| fault(path, source))?;
        now.file.seek(SeekFrom::End(0)).map_err(|source| fault(path, source))?;
        let room = Room::reserve(path, now.inode);
        Ok(Self { path: path.into(), open: vec![now], room })
    }

    fn lines(&mut self) -> Result<Vec<String>> {
        let newest = self.open.last().map(|open| open.inode);
        if let Ok(found) = std::fs::metadata(&self.path)
            && Some(found.ino()) != newest
            && let Ok(new) = OpenFile::new(&self.path)
        {
            self.open.drain(..self.open.len().saturating_sub(1));
            self.open.push(new);
            self.miss(Gap::TurnedOver);
        }
        let mut lines = Vec::new();
        for open in &mut self.open {
            lines.extend(open.read_on().map_err(|source| fault(&self.path, source))?);
        }
        // After reading: what was read had room if the log has not grown beyond it by now.
        if let Ok(room) = &mut self.room
            && let Err(gap) = room.keep()
        {
            self.miss(gap);
        }
        Ok(lines)
    }

    /// The first reason counts.
    fn miss(&mut self, gap: Gap) {
        if self.room.is_ok() {
            self.room = Err(gap);
        }
    }
}

impl OpenFile {
    fn new(path: &Path) -> std::io::Result<Self> {
        let file = input::open_regular(path)?;
        let inode = file.metadata()?.ino();
        Ok(Self { file, inode, rest: Vec::new() })
    }

    fn read_on(&mut self) -> std::io::Result<Vec<String>> {
        if self.file.metadata()?.len() < self.file.stream_position()? {
            // Cut in place (logrotate's copytruncate).
            self.file.seek(SeekFrom::Start(0))?;
            self.rest.clear();
        }
        (&self.file).take(CHUNK).read_to_end(&mut self.rest)?;
        let end = self.rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let whole: Vec<u8> = self.rest.drain(..end).collect();
        if self.rest.len() as u64 > CHUNK {
            self.rest.clear(); // no line of a mail log is that long
        }
        Ok(String::from_utf8_lossy(&whole).lines().map(str::to_owned).collect())
    }
}

fn fault(path: &Path, source: std::io::Error) -> Error {
    Error::Io { action: "read", path: path.into(), source }
}

#[cfg(test)]
mod tests {
    use super::super::scratch;
    use super::*;
    use std::io::Write;

    #[test]
    fn a_file_is_followed_through_rotation_and_truncation() {
        let directory = scratch::directory().unwrap();
        let path = directory.path().join("maillog");
        files::create(&path, b"old\n", 0o600).unwrap();
        let mut tail = FileTail::open(&path).unwrap();
        let append = |text: &str| {
            std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(text.as_bytes()).unwrap();
        };
        append("one\ntw");
        assert_eq!(tail.lines().unwrap(), ["one"]);
        append("o\nlast of the old\n");
        std::fs::rename(&path, directory.path().join("maillog.1")).unwrap();
        files::create(&path, b"first of the new\n", 0o600).unwrap();
        assert_eq!(tail.lines().unwrap(), ["two", "last of the old", "first of the new"]);
        std::fs::OpenOptions::new()
            .append(true)
            .open(directory.path().join("maillog.1"))
            .unwrap()
            .write_all(b"syslogd not told yet\n")
            .unwrap();
        assert_eq!(tail.lines().unwrap(), ["syslogd not told yet"]);
        std::fs::OpenOptions::new().write(true).truncate(true).open(&path).unwrap();
        append("cut\n");
        assert_eq!(tail.lines().unwrap(), ["cut"]);
    }
}
