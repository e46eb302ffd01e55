//! Reads whole logs: the files that syslog writes and logrotate rotates, the journal, files that the caller names, and
//! standard input. Hands on whole lines, in blocks of bounded size.

use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use memchr::{memchr, memrchr};
use nix::errno::Errno;
use nix::unistd::{Whence, lseek};

use super::archive::{Packing, unpack};
use super::log_tail::{PLACES, no_file};
use super::signals::Input;
use super::{input, journal, utf16};
use crate::error::{Error, Result, shown, typed};

/// Bytes of a block. No line of a mail log is as long; a longer line is cut to this. A block that was read is searched while
/// the processor's second cache, of a megabyte or so, still has it.
const BLOCK: usize = 512 * 1024;

/// Bytes of the beginning, by which a log is known.
const HEAD: u64 = 64 * 1024;

/// A log that was opened.
pub struct Log {
    /// Its name in messages.
    pub name: String,
    /// The time of the last write, in seconds since 1970; `None` if it is not known.
    pub changed: Option<i64>,
    /// Whether it can be opened and read once more.
    pub is_file: bool,
    /// Its beginning, unpacked.
    pub head: Vec<u8>,
    rest: Box<dyn Read>,
}

/// The place of the host's own mail log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Own {
    /// Files, the rotated ones among them as far back as the caller asks.
    Files(Vec<PathBuf>),
    /// The journal.
    Journal,
}

/// Finds the host's own log. `postlog` is Postfix's `maillog_file`, empty if it has none; `since` is in seconds since
/// 1970. The journal is taken where no file is written.
pub fn own(postlog: &str, since: i64) -> Result<Own> {
    let newest = newest(postlog);
    let journal = journal::newest().map(Written::new);
    match (newest, journal) {
        (None, None) => Err(no_log(postlog)),
        // rsyslog may be installed and not running; then the file ends where it was stopped.
        (None, Some(_)) => Ok(Own::Journal),
        (Some((file, _)), Some(journal)) if journal.is_clearly_after(file) => Ok(Own::Journal),
        (Some((_, path)), _) => Ok(Own::Files(with_rotated(&path, since))),
    }
}

/// Finds the host's own log where it is a file: the part that is written now.
pub fn file(postlog: &str) -> Result<PathBuf> {
    newest(postlog).map(|(_, path)| path).ok_or_else(|| no_log(postlog))
}

/// The places in which the log may be.
fn places(postlog: &str) -> impl Iterator<Item = &Path> {
    [postlog].into_iter().filter(|path| path.starts_with('/')).chain(PLACES).map(Path::new)
}

fn newest(postlog: &str) -> Option<(Written, PathBuf)> {
    let files = places(postlog).filter_map(|path| Some((Written::new(changed(path)?), path.to_owned())));
    files.max()
}

fn no_log(postlog: &str) -> Error {
    let odd = places(postlog).find_map(|path| Some((path, input::odd_kind(path)?)));
    odd.map_or(Error::NoLog, |(path, kind)| no_file(path, kind))
}

/// The time of the last write to a log. A time in the future is from before the clock was set back, so it sorts before all
/// past ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Written {
    has_been: bool,
    time: i64,
}

impl Written {
    /// Clocks are set by a little all the time, and two logs of the same lines are not written at once, seconds.
    const LITTLE: i64 = 60;

    fn new(time: i64) -> Self {
        Self::at(time, i64::try_from(super::clock::unix()).unwrap_or(i64::MAX))
    }

    fn at(time: i64, now: i64) -> Self {
        Self { has_been: time <= now + Self::LITTLE, time }
    }

    fn is_clearly_after(self, other: Self) -> bool {
        (self.has_been, self.time) > (other.has_been, other.time + Self::LITTLE)
    }
}

/// A file and its older parts: `maillog-20261122`, `maillog.1.gz`, `maillog.20261122-000000`.
pub(super) fn with_rotated(path: &Path, since: i64) -> Vec<PathBuf> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let directory = path.parent().unwrap_or(Path::new("/"));
    let is_part = |other: &str| {
        let rest = other.strip_prefix(&name).and_then(|rest| rest.strip_prefix(['-', '.']));
        rest.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let parts = super::files::names(directory).into_iter().filter(|other| is_part(other));
    let mut all: Vec<PathBuf> = parts.map(|name| directory.join(name)).collect();
    all.retain(|part| changed(part).is_some_and(|changed| changed >= since));
    all.push(path.to_owned());
    all
}

fn changed(path: &Path) -> Option<i64> {
    use std::os::unix::fs::MetadataExt;
    fs::metadata(path).ok().filter(fs::Metadata::is_file).map(|found| found.mtime())
}

/// Opens a file; `-` is standard input. The host's `own` log is text, whatever a power cut or a truncation has left in it.
pub fn open(path: &Path, own: bool) -> Result<Log> {
    if path == Path::new("-") {
        let input = Input::standard().map_err(Error::io("read", "standard input"))?;
        return Log::new("standard input".into(), None, input, false);
    }
    let name = shown(path);
    let (file, kind) = input::open_input(path).map_err(Error::io("read", path))?;
    let unfit = match kind {
        input::InputKind::File | input::InputKind::Pipe => None,
        input::InputKind::Directory => {
            let name = typed(name.trim_end_matches('/'));
            Some(("is a directory", format!("name the files in it: relayhost diagnose {name}/maillog*")))
        }
        input::InputKind::Device => {
            Some(("is a device", "name a file or a pipe, or `-` for standard input".into()))
        }
    };
    if let Some((problem, remedy)) = unfit {
        return Err(Error::Log { name, problem: problem.into(), remedy: remedy.into() });
    }
    // A FIFO that nobody writes to must not hold up a signal.
    let file = if matches!(kind, input::InputKind::File) { Input::at_hand(file) } else { Input::new(file) };
    if own {
        Log::new(name, changed(path), Sparse(file), own)
    } else {
        Log::new(name, changed(path), file, own)
    }
}

/// A file that is read without its holes: a hole may be as long as the log once was, or as the disk is.
struct Sparse(Input<fs::File>);

impl Read for Sparse {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.read(buffer)?;
        if count > 0 && buffer.iter().take(count).all(|byte| *byte == 0) {
            let here = self.0.inner().stream_position()?;
            let offset = i64::try_from(here).unwrap_or(i64::MAX);
            match lseek(&*self.0.inner(), offset, Whence::SeekData) {
                Ok(_) => {}
                // Only a hole follows.
                Err(Errno::ENXIO) => drop(self.0.inner().seek(SeekFrom::End(0))?),
                // A file system that knows no holes, or a kernel before 3.1.
                Err(_) => drop(self.0.inner().seek(SeekFrom::Start(here))?),
            }
        }
        Ok(count)
    }
}

/// Bytes without a zero that a file has in one line at least, if it is a text.
const TEXT: usize = 20;

/// A log whose zero bytes become empty lines: a syslog daemon leaves a hole if it writes on at its old position after
/// its file was cut, and a file system leaves zeros after a power cut.
struct Filled(Box<dyn Read>);

impl Read for Filled {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.read(buffer)?;
        buffer.iter_mut().take(count).filter(|byte| **byte == 0).for_each(|byte| *byte = b'\n');
        Ok(count)
    }
}

impl Log {
    fn new(name: String, changed: Option<i64>, input: impl Read + Send + 'static, own: bool) -> Result<Self> {
        let (packing, mut rest) = unpack(input).map_err(|source| Error::Log {
            name: name.clone(),
            problem: format!("cannot be read: {source}"),
            remedy: "check that it is the file you mean, and whole".into(),
        })?;
        if let Packing::Other(what, program) = packing {
            return Err(Error::Log {
                remedy: format!("{program} {} | relayhost diagnose -", typed(&name)).into(),
                name,
                problem: format!("is {what}"),
            });
        }
        rest = if own {
            Box::new(Filled(rest))
        } else {
            utf16::as_utf8(rest).map_err(|error| unpacking(&name, &error))?
        };
        let mut head = Vec::new();
        rest.by_ref().take(HEAD).read_to_end(&mut head).map_err(|error| unpacking(&name, &error))?;
        // Zeros in a text are a hole; a program or an image has other bytes as well that no text has.
        let is_text = !head.iter().any(|byte| matches!(byte, 1..=6 | 14..=26))
            && head.split(|byte| *byte == 0 || *byte == b'\n').any(|line| line.len() >= TEXT);
        if memchr(0, &head).is_some() && is_text {
            head.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = b'\n');
            rest = Box::new(Filled(rest));
        } else if memchr(0, &head).is_some() {
            return Err(Error::Log {
                name,
                problem: "is no text".into(),
                remedy: "name a mail log: /var/log/maillog, what logrotate made of it, or `journalctl -u postfix` in a file".into(),
            });
        }
        Ok(Self { name, is_file: changed.is_some(), changed, head, rest })
    }

    /// Hands on everything in it, in blocks of whole lines. A line that is longer than a block is cut to one.
    pub fn blocks(self, mut on_block: impl FnMut(&[u8])) -> Result<()> {
        let Self { name, head, rest, .. } = self;
        let input = std::io::Cursor::new(head).chain(rest);
        let rest = whole_lines(input, &mut on_block).map_err(|error| unpacking(&name, &error))?;
        on_block(&rest);
        Ok(())
    }
}

/// Hands on all whole lines, in blocks of them. A line that is longer than a block is cut to one. Returns the last line, if
/// it has no end yet.
pub(super) fn whole_lines(mut input: impl Read, on_block: &mut dyn FnMut(&[u8])) -> std::io::Result<Vec<u8>> {
    let mut buffer = vec![0; BLOCK];
    let (mut filled, mut cutting) = (0, false);
    loop {
        let room = buffer.get_mut(filled..).unwrap_or_default();
        let count = match input.read(room) {
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if count == 0 {
            buffer.truncate(filled);
            return Ok(buffer);
        }
        let new = buffer.get(filled..filled + count).unwrap_or_default();
        let mut begin = 0;
        if cutting {
            let Some(end) = memchr(b'\n', new) else { continue };
            (begin, cutting) = (end + 1, false);
        }
        let last = memrchr(b'\n', new).map(|at| filled + at + 1);
        filled += count;
        if let Some(end) = last {
            on_block(buffer.get(begin..end).unwrap_or_default());
            buffer.copy_within(end..filled, 0);
            filled -= end;
        } else if filled == buffer.len() {
            on_block(&buffer);
            (filled, cutting) = (0, true);
        }
    }
}

fn unpacking(name: &str, error: &std::io::Error) -> Error {
    Error::Log {
        name: name.to_owned(),
        problem: format!("cannot be unpacked: {error}"),
        remedy: "unpack it with its own program, and pipe that into `relayhost diagnose -`; a file that is being written by logrotate is whole a little later".into(),
    }
}

/// Hands on the mail lines of the journal since a time, in blocks of whole lines.
pub fn journal(since: i64, mut on_block: impl FnMut(&[u8])) -> Result<()> {
    let mut block = Vec::with_capacity(BLOCK);
    journal::lines(since, &mut |line| {
        if !block.is_empty() && block.len() + line.len() >= BLOCK {
            on_block(&block);
            block.clear();
        }
        block.extend_from_slice(line.as_bytes());
        block.push(b'\n');
    })?;
    on_block(&block);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Written;

    #[test]
    fn a_log_that_was_last_written_before_the_clock_was_set_back_is_not_the_newer_one() {
        const NOW: i64 = 1000;
        let after = |one, other| Written::at(one, NOW).is_clearly_after(Written::at(other, NOW));
        assert!(after(900, 800) && !after(900, 850) && !after(800, 900));
        // One of the files was written to later.
        assert!(after(900, 5000) && !after(5000, 900));
        assert!(after(6000, 5000) && !after(1010, 1000));
        let newest = [900, 5000, 950].map(|time| Written::at(time, NOW)).into_iter().max();
        assert_eq!(newest.map(|written| written.time), Some(950));
    }
}
