//! The way to a file, followed step by step through open directories, links too: each is judged before the next is opened
//! in it.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::Mode;

use super::super::files;
use super::{Guarded, demand_none, fault, objection};
use crate::error::{Error, Result};

/// Most links that are followed; the kernel's own limit (path_resolution(7)).
const LINKS: usize = 40;
/// Another remedy for a file that lies where others may write.
const ELSEWHERE: &str = "put it where only root may write, such as /etc/relayhost";

/// Opens a name in a directory; a link is opened itself, not the file that it leads to.
pub fn open(directory: &File, name: impl AsRef<OsStr>, flags: OFlag, path: &Path) -> Result<File> {
    let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let opened = openat(directory, name.as_ref(), flags, Mode::empty());
    opened.map(File::from).map_err(|error| fault(path)(error.into()))
}

/// A directory on the way, or the thing at its end. Opened without access to its content (O_PATH): that waits for no
/// FIFO and does nothing to a device.
pub struct Step {
    pub handle: File,
    pub path: PathBuf,
}

impl Step {
    pub fn again(&self) -> Result<Self> {
        let handle = self.handle.try_clone().map_err(fault(&self.path))?;
        Ok(Self { handle, path: self.path.clone() })
    }
}

/// The way to a file from `/`, or from the root of a tree.
pub struct Walk {
    base: Step,
    /// What each directory on the way must be: `Directory` or `Closed`.
    directories: Guarded,
    /// The other remedy for a way on which others may write.
    instead: &'static str,
    whole: PathBuf,
    pub steps: Vec<Step>,
    /// The end of the way, where nothing is there.
    pub missing: Option<PathBuf>,
    rest: VecDeque<OsString>,
    links: usize,
}

impl Walk {
    pub fn new(path: &Path) -> Result<Self> {
        Self::through(path, Guarded::Directory)
    }

    /// A way all of whose directories must be so.
    pub fn through(path: &Path, directories: Guarded) -> Result<Self> {
        let root = PathBuf::from("/");
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let opened = nix::fcntl::open(&root, flags, Mode::empty());
        let handle = opened.map(File::from).map_err(|error| fault(&root)(error.into()))?;
        Self::begin(Step { handle, path: root }, &files::absolute(path)?, ELSEWHERE, directories)
    }

    /// The way to a path in the tree that begins at `base`.
    pub fn from(base: Step, path: &Path, instead: &'static str) -> Result<Self> {
        Self::begin(base, path, instead, Guarded::Directory)
    }

    /// The same way, with another remedy where others may write.
    pub fn or(self, instead: &'static str) -> Self {
        Self { instead, ..self }
    }

    fn begin(base: Step, path: &Path, instead: &'static str, directories: Guarded) -> Result<Self> {
        let (whole, rest, steps) = (base.path.join(path), VecDeque::new(), Vec::new());
        let mut way = Self { base, directories, instead, whole, steps, missing: None, rest, links: 0 };
        way.begin_at_root()?;
        way.lead(path);
        Ok(way)
    }

    fn begin_at_root(&mut self) -> Result<()> {
        self.steps.clear();
        let Step { handle, path } = self.base.again()?;
        self.step(handle, path)
    }

    /// Puts the names of a path before those that are still to be followed.
    fn lead(&mut self, path: &Path) {
        for part in path.components().rev() {
            match part {
                Component::Normal(name) => self.rest.push_front(name.to_owned()),
                Component::ParentDir => self.rest.push_front("..".into()),
                Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
            }
        }
    }

    /// Follows the way to its end; false if there is nothing there. `to_directory`: the end must be a directory.
    pub fn go(&mut self, to_directory: bool) -> Result<bool> {
        while let Some(name) = self.rest.pop_front() {
            if name == ".." {
                // The parent of / is / itself.
                if self.steps.len() > 1 {
                    self.steps.pop();
                }
                continue;
            }
            let Some(here) = self.steps.last() else { return Ok(false) };
            let path = here.path.join(&name);
            let handle = match open(&here.handle, &name, OFlag::O_PATH, &path) {
                Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
                    self.missing = self.rest.is_empty().then_some(path);
                    return Ok(false);
                }
                other => other?,
            };
            let found = handle.metadata().map_err(fault(&path))?;
            if found.is_symlink() {
                self.judge(&handle, &path, Guarded::Link)?;
                self.follow(&handle, &path)?;
            } else if found.is_dir() {
                self.step(handle, path)?;
            } else if self.rest.is_empty() && !to_directory {
                self.steps.push(Step { handle, path });
            } else {
                return Err(fault(&path)(Errno::ENOTDIR.into()));
            }
        }
        Ok(true)
    }

    fn step(&mut self, handle: File, path: PathBuf) -> Result<()> {
        // The caller may check the last one more strictly; it is a directory on the way in any case.
        self.judge(&handle, &path, self.directories)?;
        self.steps.push(Step { handle, path });
        Ok(())
    }

    pub fn judge(&self, handle: &File, path: &Path, kind: Guarded) -> Result<()> {
        let objection = objection(path, &handle.metadata().map_err(fault(path))?, kind);
        let add = |(problem, remedy)| (problem, format!("{remedy}; or {}", self.instead));
        demand_none(path, objection.map(add))
    }

    fn follow(&mut self, link: &File, path: &Path) -> Result<()> {
        self.links += 1;
        if self.links > LINKS {
            return Err(fault(&self.whole)(Errno::ELOOP.into()));
        }
        // An empty name: the link that is open (readlinkat(2), since Linux 2.6.39).
        let target = PathBuf::from(readlinkat(link, "").map_err(|error| fault(path)(error.into()))?);
        if target.is_absolute() {
            self.begin_at_root()?;
        }
        self.lead(&target);
        Ok(())
    }
}
