//! Opening what may be no file: a log's place may hold a FIFO, a device or a directory, and none of them may hold us up.

use std::fs::{self, File};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// Opens a regular file for reading, and nothing else: to open a FIFO would wait for a writer, and to read a device may
/// never end.
pub fn open_regular(path: &Path) -> std::io::Result<File> {
    let file = fs::OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(std::io::Error::other("not a regular file")) }
}

/// What somebody names as input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A pipe, as a shell's `<(…)` is.
    Pipe,
    /// A directory.
    Directory,
    /// Something else: a terminal, a disk, a socket.
    Device,
}

/// Opens what somebody names, for reading without waiting ([`super::signals::Input`] waits). A FIFO that nobody has open for
/// writing is empty.
pub fn open_input(path: &Path) -> std::io::Result<(File, Kind)> {
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY)
        .open(path)?;
    let kind = file.metadata()?.file_type();
    let kind = match () {
        () if kind.is_file() => Kind::File,
        () if kind.is_fifo() => Kind::Pipe,
        () if kind.is_dir() => Kind::Directory,
        () => Kind::Device,
    };
    Ok((file, kind))
}

/// What kind of thing a path leads to, if it is there and no regular file.
pub fn odd_kind(path: &Path) -> Option<&'static str> {
    let kind = fs::metadata(path).ok()?.file_type();
    Some(match () {
        () if kind.is_file() => return None,
        () if kind.is_dir() => "a directory",
        () if kind.is_fifo() => "a FIFO",
        () if kind.is_socket() => "a socket",
        () => "a device",
    })
}
