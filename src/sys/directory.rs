//! Reads a directory of package files with its SHA256SUMS, and refuses files that somebody else than root could have put
//! there. `model::packages` chooses among them.

use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;
use sha2::{Digest, Sha256};

use super::trust;
use crate::error::{Advice, Error, Result, typed};
use crate::model::packages::candidate::{self, Candidate};
use crate::model::packages::header;
use crate::model::packages::sums::{self, Sums};
use crate::model::state::generation::hex;

/// The name of the list of packages.
const SUMS: &str = "SHA256SUMS";
/// Most packages in a directory; each takes some kilobytes of memory.
const MOST: usize = 2000;
/// Bytes of a file that are in memory at a time.
const CHUNK: usize = 64 * 1024;

const AGAIN: &str = "copy it again from where the packages come from";

/// An open directory. Its files are opened through its handle, also after the root directory of this process has changed.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    handle: File,
    packages: Vec<String>,
    sums: Sums,
}

/// The use of a package file that was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// A copy, which nobody can change after the check.
    Copy,
    /// A link, for a program that reads the file only.
    Link,
}

/// The error that a directory of packages, or a file in it, cannot be used.
pub fn refused(path: &Path, problem: impl Into<String>, remedy: impl Into<Advice>) -> Error {
    Error::Package { path: path.to_owned(), problem: problem.into(), remedy: remedy.into() }
}

impl Directory {
    /// Opens it, and reads its list.
    pub fn open(path: &Path) -> Result<Self> {
        // Whoever may write to a directory on the way may put another in place of the next.
        let (path, directory) = match trust::directory(path) {
            Ok(Some(opened)) => opened,
            Ok(None) => {
                return Err(refused(
                    path,
                    "is not there",
                    "mount it, or put the packages and their SHA256SUMS there; or take packages.from out of the answers",
                ));
            }
            Err(Error::Untrusted { path, problem, remedy }) => return Err(refused(&path, problem, remedy)),
            Err(Error::Io { path, source, .. }) if source.kind() == ErrorKind::NotADirectory => {
                return Err(refused(&path, "is not a directory", "name the directory that has the packages"));
            }
            Err(other) => return Err(other),
        };
        let mut packages: Vec<String> = fs::read_dir(&path)
            .and_then(|entries| {
                entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
            })
            .map_err(reading(&path))?;
        let is_package = |name: &str| Path::new(name).extension().is_some_and(|end| end == "rpm");
        packages.retain(|name| is_package(name) && !name.starts_with('.'));
        packages.sort_unstable();
        if packages.len() > MOST {
            let problem =
                format!("has {} packages, and relayhost looks at no more than {MOST}", packages.len());
            return Err(refused(&path, problem, "make a directory of those that are needed"));
        }
        let mut opened = Self { path, handle: directory, packages, sums: Sums::default() };
        opened.sums = opened.read_sums()?;
        Ok(opened)
    }

    /// Its path, links resolved.
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn read_sums(&self) -> Result<Sums> {
        let path = self.path.join(SUMS);
        let remedy = format!(
            "write it where the packages come from: `cd {} && sha256sum *.rpm >{SUMS}`",
            typed(&self.path)
        );
        let file = match self.file(SUMS) {
            Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                return Err(refused(
                    &path,
                    "is not there, so relayhost cannot tell which files belong to the directory",
                    remedy,
                ));
            }
            other => other?,
        };
        let mut bytes = Vec::new();
        file.take(sums::SIZE_LIMIT + 1).read_to_end(&mut bytes).map_err(reading(&path))?;
        if bytes.len() as u64 > sums::SIZE_LIMIT {
            return Err(refused(
                &path,
                format!("is larger than {} bytes, and no list of packages", sums::SIZE_LIMIT),
                remedy,
            ));
        }
        Sums::parse(&bytes).map_err(|problem| refused(&path, problem, remedy))
    }

    /// All packages, by their headers. The error names the first file that does not belong there, is damaged, or is no
    /// package.
    pub fn candidates(&self) -> Result<Vec<Candidate>> {
        self.packages.iter().map(|name| self.candidate(name)).collect()
    }

    fn candidate(&self, name: &str) -> Result<Candidate> {
        let path = self.path.join(name);
        let file = self.file(name)?;
        if self.sums.digest(name).is_none() {
            return Err(refused(
                &path,
                format!("is not in {SUMS}"),
                "remove it; or if it belongs there, add the line that `sha256sum` writes for it where it comes from",
            ));
        }
        let size = file.metadata().map_err(reading(&path))?.len();
        let bytes = headers(&mut (&file).take(size)).map_err(|source| match source.kind() {
            ErrorKind::UnexpectedEof => refused(
                &path,
                format!("ends in its headers, after {size} bytes: it is cut off, or no package"),
                AGAIN,
            ),
            ErrorKind::Unsupported => {
                refused(&path, "is not an RPM package", "remove it, and its line in SHA256SUMS")
            }
            ErrorKind::InvalidData => refused(&path, candidate::DAMAGED, AGAIN),
            _ => reading(&path)(source),
        })?;
        let headers = candidate::read(name, &bytes).map_err(|problem| refused(&path, problem, AGAIN))?;
        match headers.size {
            Some(whole) if whole > size => {
                Err(refused(&path, format!("is cut off: {size} of {whole} bytes are there"), AGAIN))
            }
            Some(whole) if whole < size => {
                Err(refused(&path, format!("has {size} bytes, and the package in it {whole}"), AGAIN))
            }
            _ => Ok(headers.candidate),
        }
    }

    /// Checks the bytes of a package against the list, and puts them at `to`, which is new.
    pub fn put(&self, name: &str, to: &Path, how: Put) -> Result<()> {
        let path = self.path.join(name);
        let mut file = self.file(name)?;
        let writing = Error::io("write", to);
        let mut copy = match how {
            Put::Copy => Some(
                fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to).map_err(writing)?,
            ),
            Put::Link => {
                std::os::unix::fs::symlink(&path, to).map_err(writing)?;
                None
            }
        };
        let (mut digest, mut buffer) = (Sha256::new(), vec![0; CHUNK]);
        loop {
            let count = match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(source) => return Err(reading(&path)(source)),
            };
            let bytes = buffer.get(..count).unwrap_or_default();
            digest.update(bytes);
            if let Some(copy) = &mut copy {
                copy.write_all(bytes).map_err(writing)?;
            }
        }
        let found = hex(&digest.finalize());
        if self.sums.digest(name) == Some(found.as_str()) {
            return Ok(());
        }
        Err(refused(&path, format!("is not the file that {SUMS} means: its SHA-256 is {found}"), AGAIN))
    }

    /// Opens a file of the directory, if it is root's alone to write.
    fn file(&self, name: &str) -> Result<File> {
        let path = self.path.join(name);
        // O_NONBLOCK: a FIFO would wait for its writer.
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let file = match openat(&self.handle, name, flags, Mode::empty()) {
            Err(nix::errno::Errno::ELOOP) => {
                return Err(refused(&path, "is a symbolic link", "put the file itself there"));
            }
            other => File::from(other.map_err(|error| reading(&path)(error.into()))?),
        };
        let found = file.metadata().map_err(reading(&path))?;
        if !found.is_file() {
            return Err(refused(&path, "is not a regular file", "put the file itself there"));
        }
        match trust::objection(&path, &found, trust::Guarded::File) {
            Some((problem, remedy)) => Err(refused(&path, problem, remedy)),
            None => Ok(file),
        }
    }
}

fn reading(path: &Path) -> impl Fn(std::io::Error) -> Error {
    Error::io("read", path)
}

/// The lead and the two headers of a package. `Unsupported` if the beginning is not that of a package; `InvalidData` if
/// the rest is not.
fn headers(file: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    more(file, &mut bytes, header::LEAD)?;
    if !bytes.starts_with(b"\xed\xab\xee\xdb") {
        return Err(ErrorKind::Unsupported.into());
    }
    for padded in [true, false] {
        let begin = bytes.len();
        more(file, &mut bytes, header::INTRO)?;
        let rest = header::rest(bytes.get(begin..).unwrap_or_default()).ok_or(ErrorKind::InvalidData)?;
        more(file, &mut bytes, if padded { rest.next_multiple_of(8) } else { rest })?;
    }
    Ok(bytes)
}

fn more(file: &mut impl Read, bytes: &mut Vec<u8>, count: usize) -> std::io::Result<()> {
    let count = u64::try_from(count).map_err(|_| ErrorKind::InvalidData)?;
    let got = file.take(count).read_to_end(bytes)?;
    if got as u64 == count { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
}
