//! The bytes that generations keep of files, before and after a change.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::digest::{self, Content};
use super::records::{self, own_directory};
use super::{inode, swap};
use crate::error::{Error, Result};
use crate::model::state::generation::{Inode, sha256};

/// The directory of a generation.
pub fn generation_path(number: u32) -> PathBuf {
    records::generations().join(format!("{number:04}"))
}

fn path_before(number: u32, name: &str) -> PathBuf {
    generation_path(number).join("before").join(name)
}

fn path_after(number: u32, name: &str) -> PathBuf {
    generation_path(number).join("after").join(name)
}

/// The bytes of a file before the change of a generation. `Error::Record` if they are others than were recorded.
pub fn bytes_before(number: u32, name: &str, before: &Inode) -> Result<Vec<u8>> {
    bytes(&path_before(number, name), &before.sha256)
}

/// The bytes that a change gave to a file. `Error::Record` if they are others than were recorded.
pub fn bytes_after(number: u32, name: &str, digest: &str) -> Result<Vec<u8>> {
    bytes(&path_after(number, name), digest)
}

/// The bytes of a file in a generation: `before/main.cf`.
pub fn blob(number: u32, name: &str) -> Result<Option<Vec<u8>>> {
    records::read_bytes(&generation_path(number).join(name))
}

/// The file that has the bytes of before the change of a generation, at its beginning. `Error::Record` if they are others than
/// were recorded.
pub fn open_before(number: u32, name: &str, before: &Inode) -> Result<File> {
    open(&path_before(number, name), &before.sha256)
}

/// The same, as what a record of another change is made of.
pub fn content_before(number: u32, name: &str, before: &Inode) -> Result<Content> {
    open_before(number, name, before)?;
    Ok(Content { file: path_before(number, name), sha256: before.sha256.clone() })
}

/// The file that has the bytes that a change gave. `Error::Record` if they are others than were recorded.
pub fn open_after(number: u32, name: &str, digest: &str) -> Result<File> {
    open(&path_after(number, name), digest)
}

fn bytes(path: &Path, digest: &str) -> Result<Vec<u8>> {
    match records::read_bytes(path)? {
        Some(bytes) if sha256(&bytes) == digest => Ok(bytes),
        found => Err(lost(path, found.is_some())),
    }
}

fn open(path: &Path, digest: &str) -> Result<File> {
    let read = |mut file: File| {
        let found = digest::of(&mut file).map_err(Error::io("read", path))?;
        Ok((digest::rewound(file, path)?, found))
    };
    match records::read_by(path, read)? {
        Some((file, found)) if found == digest => Ok(file),
        found => Err(lost(path, found.is_some())),
    }
}

fn lost(path: &Path, is_there: bool) -> Error {
    let problem = if is_there { "is not what was recorded" } else { "is not there" };
    Error::Record { path: path.to_owned(), problem: problem.into() }
}

/// Copies the bytes for a record to a new file of root's alone. An error if they are others by now.
pub fn copy(content: &Content, to: &Path) -> Result<()> {
    let gone = || swap::changed(&content.file, &content.file);
    let mut from = inode::open(&content.file)?.ok_or_else(gone)?;
    if digest::create(to, &mut from)? == content.sha256 { Ok(()) } else { Err(gone()) }
}

/// Keeps a file that is about to be replaced as `found/NAME` of a generation, or beside its place if there is no room; as
/// [`digest::keep`] does. An error if somebody changes it meanwhile.
pub fn set_aside(number: u32, name: &str, content: &Content, path: &Path) -> Result<PathBuf> {
    let keep = |directory: &Path, name: &str| {
        let gone = || swap::changed(path, &content.file);
        let mut from = inode::open(&content.file)?.ok_or_else(gone)?;
        digest::keep(directory, name, &content.sha256, &mut from)
    };
    let directory = generation_path(number).join("found");
    let kept = own_directory(&directory).and_then(|_| keep(&directory, name)).or_else(|error| {
        // The state directory may be full, and this one not.
        let beside = path.parent().unwrap_or(Path::new("/"));
        keep(beside, &format!("{name}.found-by-relayhost")).map_err(|_| error)
    });
    let (kept, came) = kept?;
    if came == content.sha256 { Ok(kept) } else { Err(swap::changed(path, &content.file)) }
}

/// Keeps bytes beside a file, as [`digest::keep`] does.
pub fn keep(directory: &Path, name: &str, bytes: &[u8]) -> Result<PathBuf> {
    digest::keep(directory, name, &sha256(bytes), &mut &*bytes).map(|(path, _)| path)
}
