//! The two sides of a change: the files from before it, and its own.

use crate::error::Result;
use crate::model::state::generation::Generation;
use crate::sys::state;

/// Which files of a change are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Those from before it.
    Before,
    /// Its own.
    After,
}

impl Side {
    /// The other one.
    pub(super) fn other(self) -> Self {
        if self == Self::Before { Self::After } else { Self::Before }
    }
}

/// The bytes of a file on one side of a change; `None`: there is no such file. `Error::Record` if they are lost.
pub fn bytes_on(generation: &Generation, side: Side, name: &str) -> Result<Option<Vec<u8>>> {
    let Some(change) = generation.files.get(name) else { return Ok(None) };
    match (&change.before, &change.after) {
        (Some(before), _) if side == Side::Before => state::bytes_before(generation.number, name, before),
        // Of a file that stays there are only the bytes of before.
        (Some(before), Some(after)) if before.sha256 == *after => {
            state::bytes_before(generation.number, name, before)
        }
        (_, Some(after)) if side == Side::After => state::bytes_after(generation.number, name, after),
        _ => return Ok(None),
    }
    .map(Some)
}
