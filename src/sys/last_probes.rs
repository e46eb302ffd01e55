//! The record of the last probes of accounts and routes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::records::{self, DIRECTORY};
use super::{secrets, state};
use crate::error::Result;
use crate::model::state::last_probes::{LastProbes, Verdicts};

/// The file.
pub fn path() -> PathBuf {
    Path::new(DIRECTORY).join("probes.json")
}

/// The record, if there is one that can be read.
pub fn read() -> Option<LastProbes> {
    if state::is_there() { records::read(&path()).ok().flatten() } else { None }
}

/// Records what probes have found of the ways with these tables. `probe` does not have the lock of the host, which a run has for
/// minutes, so whoever writes has a lock of its own for that moment.
pub fn note(verdicts: Verdicts, tables: &BTreeSet<String>) -> Result<()> {
    let _moment = records::moment(Path::new(DIRECTORY));
    let known = read().unwrap_or_default();
    let mut record = known.clone().after(verdicts, tables);
    record.refused.values_mut().for_each(|refused| refused.text = secrets::hide(&refused.text));
    if record.refused == known.refused { Ok(()) } else { state::write_record(&path(), &record) }
}
