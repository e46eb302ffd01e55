//! The record of the last drill, if it had no success.

use std::fs;
use std::path::{Path, PathBuf};

use super::records::{self, DIRECTORY};
use super::{files, secrets, state};
use crate::error::{Error, Result};
use crate::model::state::last_drill::LastDrill;

/// The file.
pub fn path() -> PathBuf {
    Path::new(DIRECTORY).join("drill.json")
}

/// The record, if there is one that can be read.
pub fn read() -> Option<LastDrill> {
    if state::is_there() { records::read(&path()).ok().flatten() } else { None }
}

/// Records a drill without success; `None` removes the record of an earlier one.
pub fn write(end: Option<&LastDrill>) -> Result<()> {
    let path = path();
    match end {
        Some(end) => {
            let (text, remedy) = (secrets::hide(&end.text), secrets::hide(&end.remedy));
            state::write_record(&path, &LastDrill { text, remedy, ..end.clone() })
        }
        None if files::exists(&path) => {
            fs::remove_file(&path).map_err(|source| Error::Io { action: "remove", path, source })
        }
        None => Ok(()),
    }
}
