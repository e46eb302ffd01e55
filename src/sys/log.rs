//! The mail log as it grows: a file, followed through rotation, and the journal. Both at once where both are there,
//! since rsyslog may be installed and not running.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{files, journal};
use crate::error::{Error, Result};

/// Most that is read in one go, in bytes, so that a flood cannot fill the memory.
const CHUNK: u64 = 4 * 1024 * 1024;

/// Everything that is logged from now on.
#[derive(Debug)]
pub struct Follower {
    file: Option<FileTail>,
    journal: Option<journal::Tail>,
}

#[derive(Debug)]
struct FileTail {
    path: PathBuf,
    /// The file, and after a rotation the one before it as well: syslogd goes on writing there until it is told.
    open: Vec<OpenFile>,
}

#[derive(Debug)]
struct OpenFile {
    file: File,
    inode: u64,
    rest: Vec<u8>,
}

/// Starts to follow. `postlog` is Postfix's own `maillog_file`, empty if it has none.
pub fn follow(postlog: &str) -> Result<Follower> {
    let paths = [postlog, "/var/log/maillog", "/var/log/mail.log"];
    let path =
        paths.iter().filter(|path| path.starts_with("/var/")).map(Path::new).find(|path| files::exists(path));
    let file = path.map(FileTail::open).transpose()?;
    let journal = journal::Tail::open();
    if file.is_none() && journal.is_none() {
        return Err(Error::NoLog);
    }
    Ok(Follower { file, journal })
}

/// Whether there is a log to follow; `Error::NoLog` if not.
pub fn require(postlog: &str) -> Result<()> {
    follow(postlog).map(|_| ())
}

/// The last line near the end of the mail log, if it is a file, of those with one of these texts.
pub fn last_line_with(texts: &[&str]) -> Option<String> {
    const NEAR: u64 = 64 * 1024;
    let mut file = File::open("/var/log/maillog").or_else(|_| File::open("/var/log/mail.log")).ok()?;
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
    /// The lines since the last call. Does not wait.
    pub fn lines(&mut self) -> Result<Vec<String>> {
        let mut lines = match &mut self.file {
            Some(tail) => tail.lines()?,
            None => Vec::new(),
        };
        if let Some(journal) = &mut self.journal {
            lines.extend(journal.lines()?);
        }
        Ok(lines)
    }

    /// Where it looks, for messages.
    pub fn sources(&self) -> String {
        let file = self.file.as_ref().map(|tail| tail.path.display().to_string());
        let journal = self.journal.as_ref().map(|_| "the journal".to_owned());
        file.into_iter().chain(journal).collect::<Vec<_>>().join(" and ")
    }
}

impl FileTail {
    fn open(path: &Path) -> Result<Self> {
        let mut now = OpenFile::new(path).map_err(|source| fault(path, source))?;
        now.file.seek(SeekFrom::End(0)).map_err(|source| fault(path, source))?;
        Ok(Self { path: path.into(), open: vec![now] })
    }

    fn lines(&mut self) -> Result<Vec<String>> {
        let newest = self.open.last().map(|open| open.inode);
        if let Ok(found) = std::fs::metadata(&self.path)
            && Some(found.ino()) != newest
            && let Ok(new) = OpenFile::new(&self.path)
        {
            self.open.drain(..self.open.len().saturating_sub(1));
            self.open.push(new);
        }
        let mut lines = Vec::new();
        for open in &mut self.open {
            lines.extend(open.read_on().map_err(|source| fault(&self.path, source))?);
        }
        Ok(lines)
    }
}

impl OpenFile {
    fn new(path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
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
