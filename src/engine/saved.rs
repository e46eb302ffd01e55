//! Answers from standard input as those of the host, for a program that configures many hosts: `apply --save` writes them, and
//! `plan` says whether they are written.

use std::path::Path;

use super::load::DEFAULT;
use super::{Progress, stage};
use crate::error::Result;
use crate::model::answers::SIZE_LIMIT;
use crate::model::secret::Secret;
use crate::sys::{files, selinux, trust};

/// The permissions of that file.
const MODE: u32 = 0o600;

/// Whether the answers file of the host has this text, and is root's alone.
pub fn is_saved(text: &Secret) -> bool {
    let read = trust::read(Path::new(DEFAULT), SIZE_LIMIT, trust::Guarded::Secret);
    let is_it = |read: trust::Trusted| read.mode == MODE && read.bytes == text.expose().as_bytes();
    read.is_ok_and(|read| read.is_some_and(is_it))
}

/// Refuses a place for that file which is a link, or at which somebody else could put another file.
pub fn demand_place() -> Result<()> {
    files::refuse_link(Path::new(DEFAULT))?;
    trust::place(Path::new(DEFAULT))
}

/// Writes this text as the answers file of the host, root's alone. False if it is there already.
pub fn save(text: &Secret, progress: &mut dyn Progress) -> Result<bool> {
    if is_saved(text) {
        return Ok(false);
    }
    let path = Path::new(DEFAULT);
    stage(progress, "answers", |_| {
        demand_place()?;
        files::ensure_directory(path.parent().unwrap_or(path), 0o755)?;
        files::replace(path, text.expose().as_bytes(), MODE)?;
        selinux::restore_labels(&[path.to_owned()])?;
        Ok(format!("saved as {DEFAULT}"))
    })?;
    Ok(true)
}
