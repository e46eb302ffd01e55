//! Reads what is new in a mail log that is a file since an earlier look, through rotation and truncation: a bounded part.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::log_files::{whole_lines, with_rotated};
use super::{files, input};
use crate::error::{Error, Result};
use crate::model::leaving::record::Mark;
use crate::model::state::generation::sha256;

/// Bytes of the end of a log that the first look reads.
const FIRST: u64 = 2 * 1024 * 1024;
/// Bytes that a later look reads at most, of each file.
const MOST: u64 = 32 * 1024 * 1024;
/// Bytes before a mark that tell its file from another.
const BEFORE: u64 = 256;
/// Ends of the names of files that were packed.
const PACKED: [&str; 4] = [".gz", ".bz2", ".xz", ".zst"];

/// How a file was read.
#[derive(Debug)]
pub struct News {
    /// The place up to which it was read.
    pub mark: Mark,
    /// Whether lines since the last look are missing.
    pub missed: bool,
    /// Whether a first look has left out the beginning of the log.
    pub is_cut: bool,
}

/// Hands on the lines since the mark, in blocks of whole lines; without one, those of the end of the file.
pub fn read(path: &Path, mark: Option<&Mark>, on_block: &mut dyn FnMut(&[u8])) -> Result<News> {
    news(path, mark, on_block).map_err(Error::io("read", path))
}

fn news(path: &Path, mark: Option<&Mark>, on_block: &mut dyn FnMut(&[u8])) -> std::io::Result<News> {
    let mut file = input::open_regular(path)?;
    let (mut missed, mut is_cut) = (false, false);
    let from = match mark.filter(|mark| Path::new(&mark.path) == path) {
        None => {
            missed = mark.is_some();
            let from = file.metadata()?.len().saturating_sub(FIRST);
            is_cut = from > 0;
            from
        }
        Some(mark) if fits(&mut file, mark)? => mark.offset,
        Some(mark) => {
            missed = !older(path, mark, on_block)?;
            0
        }
    };
    let (offset, skipped) = read_on(&mut file, from, mark.is_none(), on_block)?;
    let (inode, before) = (file.metadata()?.ino(), digest(&mut file, offset)?);
    Ok(News {
        mark: Mark { path: path.display().to_string(), inode, offset, before },
        missed: missed || skipped,
        is_cut,
    })
}

/// Reads on in the file that has the mark, and in those that came after it. Returns whether it is there.
fn older(path: &Path, mark: &Mark, on_block: &mut dyn FnMut(&[u8])) -> std::io::Result<bool> {
    let mut all: Vec<_> = with_rotated(path, i64::MIN)
        .into_iter()
        .filter(|part| part != path && !PACKED.iter().any(|end| part.to_string_lossy().ends_with(end)))
        .filter_map(|part| Some((files::modified(&part)?, part)))
        .collect();
    all.sort_unstable();
    let (mut found, mut whole) = (false, true);
    for (_, part) in all {
        let Ok(mut file) = input::open_regular(&part) else { continue };
        if found {
            whole &= !read_on(&mut file, 0, false, on_block)?.1;
        } else if fits(&mut file, mark)? {
            found = true;
            whole &= !read_on(&mut file, mark.offset, false, on_block)?.1;
        }
    }
    Ok(found && whole)
}

/// Whether this file has the mark.
fn fits(file: &mut File, mark: &Mark) -> std::io::Result<bool> {
    let found = file.metadata()?;
    Ok(found.len() >= mark.offset
        && (found.ino() == mark.inode || mark.offset > 0)
        && digest(file, mark.offset)? == mark.before)
}

/// Digest of the bytes before a place.
fn digest(file: &mut File, offset: u64) -> std::io::Result<String> {
    let from = offset.saturating_sub(BEFORE);
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(from))?;
    file.take(offset - from).read_to_end(&mut bytes)?;
    Ok(sha256(&bytes))
}

/// Hands on the whole lines from a place on, of more than `MOST` bytes the last. Returns the end of the last whole line,
/// and whether bytes were left out. `within`: the place may be within a line.
fn read_on(
    file: &mut File,
    from: u64,
    within: bool,
    on_block: &mut dyn FnMut(&[u8]),
) -> std::io::Result<(u64, bool)> {
    let length = file.metadata()?.len();
    let start = from.max(length.saturating_sub(MOST));
    file.seek(SeekFrom::Start(start))?;
    let mut input = BufReader::new(file.take(length.saturating_sub(start)));
    if start > 0 && (within || start > from) {
        input.skip_until(b'\n')?;
    }
    let rest = whole_lines(&mut input, on_block)?;
    let end = length - input.get_ref().limit();
    Ok((end - rest.len() as u64, start > from))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use std::path::PathBuf;

    use super::super::scratch;
    use super::*;

    /// A log, and a reader that remembers its place.
    struct Log {
        directory: scratch::Scratch,
        mark: Option<Mark>,
    }

    impl Log {
        fn new() -> Self {
            Self { directory: scratch::directory().unwrap(), mark: None }
        }

        fn path(&self) -> PathBuf {
            self.directory.path().join("maillog")
        }

        fn append(&self, text: &str) {
            let options = std::fs::OpenOptions::new().append(true).create(true).open(self.path());
            options.unwrap().write_all(text.as_bytes()).unwrap();
        }

        fn read(&mut self) -> (String, bool) {
            let mut text = Vec::new();
            let found =
                read(&self.path(), self.mark.as_ref(), &mut |block| text.extend_from_slice(block)).unwrap();
            self.mark = Some(found.mark);
            (String::from_utf8(text).unwrap(), found.missed)
        }

        fn tells(&mut self, text: &str, missed: bool) {
            assert_eq!(self.read(), (text.to_owned(), missed));
        }
    }

    #[test]
    fn each_line_is_read_once_by_each_reader() {
        let mut log = Log::new();
        log.append("one\ntw");
        let mut other = Log { directory: scratch::directory().unwrap(), mark: None };
        log.tells("one\n", false);
        log.tells("", false);
        log.append("o\nthree\n");
        log.tells("two\nthree\n", false);
        // A second reader has not lost what the first has read.
        std::mem::swap(&mut other.mark, &mut log.mark);
        log.tells("one\ntwo\nthree\n", false);
    }

    #[test]
    fn a_log_is_followed_through_rotations_and_truncation() {
        let mut log = Log::new();
        log.append("one\n");
        log.tells("one\n", false);
        log.append("two\n");
        std::fs::rename(log.path(), log.directory.path().join("maillog-20261122")).unwrap();
        log.append("three\n");
        log.tells("two\nthree\n", false);
        std::fs::rename(log.path(), log.directory.path().join("maillog-20261123")).unwrap();
        log.append("four\n");
        // Cut in place, with a copy (copytruncate) and then without.
        log.tells("four\n", false);
        log.append("five\n");
        std::fs::copy(log.path(), log.directory.path().join("maillog-20261124")).unwrap();
        File::create(log.path()).unwrap();
        log.append("six, longer than before\n");
        log.tells("five\nsix, longer than before\n", false);
        File::create(log.path()).unwrap();
        log.append("seven, much longer than all that was before\n");
        log.tells("seven, much longer than all that was before\n", true);
        std::fs::remove_file(log.path()).unwrap();
        log.append("eight\n");
        log.tells("eight\n", true);
    }

    #[test]
    fn of_a_large_log_the_first_look_reads_the_end_and_a_later_one_says_what_it_left_out() {
        let mut log = Log::new();
        let line = "x".repeat(99) + "\n";
        log.append(&line.repeat(usize::try_from(FIRST).unwrap() / 50));
        let (text, missed) = log.read();
        assert!(text.len() as u64 <= FIRST && text.len() as u64 > FIRST - 200 && !missed);
        assert!(text.lines().all(|line| line.len() == 99));
        log.append(&line.repeat(usize::try_from(MOST).unwrap() / 99));
        let (text, missed) = log.read();
        assert!(text.len() as u64 <= MOST && text.lines().all(|line| line.len() == 99) && missed);
    }
}
