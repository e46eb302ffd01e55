//! Opens paths that may lead to no regular file: a FIFO, a device or a directory may lie in the place of a log, and none
//! of them may hold relayhost up.

use std::fs::{self, File};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use crate::error::Odd;

/// Opens a regular file for reading, and nothing else: to open a FIFO would wait for a writer, and to read a device may
/// never end.
pub fn open_regular(path: &Path) -> std::io::Result<File> {
    let file = fs::OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(std::io::Error::other("not a regular file")) }
}

/// The kind of thing that a path of the caller's leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputKind {
    /// A regular file.
    File,
    /// A pipe, as a shell's `<(…)` is.
    Pipe,
    /// A directory.
    Directory,
    /// Something else: a terminal, a disk, a socket.
    Device,
}

/// Opens a path of the caller's for reading without waiting ([`super::signals::Input`] waits). A FIFO that nobody has
/// open for writing is empty.
pub fn open_input(path: &Path) -> std::io::Result<(File, InputKind)> {
    let file = fs::OpenOptions::new()
        .read(true)
        .custom_flags(nix::libc::O_NONBLOCK | nix::libc::O_NOCTTY)
        .open(path)?;
    let kind = file.metadata()?.file_type();
    let kind = match () {
        () if kind.is_file() => InputKind::File,
        () if kind.is_fifo() => InputKind::Pipe,
        () if kind.is_dir() => InputKind::Directory,
        () => InputKind::Device,
    };
    Ok((file, kind))
}

/// The kind of thing that a path leads to; `None` if there is nothing, or a regular file.
pub fn odd_kind(path: &Path) -> Option<Odd> {
    odd(&fs::metadata(path).ok()?)
}

/// The kind of a thing; `None` for a regular file.
pub fn odd(found: &fs::Metadata) -> Option<Odd> {
    let kind = found.file_type();
    Some(match () {
        () if kind.is_file() => return None,
        () if kind.is_dir() => Odd::Directory,
        () if kind.is_fifo() => Odd::Fifo,
        () if kind.is_socket() => Odd::Socket,
        () => Odd::Device,
    })
}
