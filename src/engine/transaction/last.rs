//! What the last runs left: the files that `check` and `apply` compare with the host, and `restore` puts back.

use std::collections::{BTreeMap, BTreeSet};

use super::side::{Side, bytes_on};
use crate::error::Result;
use crate::model::postfix::maincf::MainCf;
use crate::model::postfix::managed::Managed;
use crate::model::state::generation::{Change, Fate, Generation, LastRun};
use crate::sys::{state, tokens};

/// The result of the last run that is in force; empty if there is none.
pub fn last_run() -> Result<LastRun> {
    run_before(u32::MAX)
}

/// The result of the last run in force before the one with this number; empty if there is none, or if a later one
/// cannot be read: then nobody knows which run was the last, and a comparison with an earlier one would blame
/// somebody for what relayhost itself has written.
pub fn run_before(number: u32) -> Result<LastRun> {
    // A record that cannot be used counts as lost.
    let tokens = tokens::kept().ok().flatten().map(|kept| kept.digests());
    let mut numbers = state::numbers()?;
    numbers.extend(state::generations_aside());
    numbers.sort_unstable();
    for number in numbers.into_iter().rev().filter(|known| *known < number) {
        let generation = match state::generation(number) {
            Err(error) if error.is_lost_record() => return Ok(LastRun { tokens, ..LastRun::default() }),
            other => other?,
        };
        if generation.fate != Fate::Kept {
            continue;
        }
        let mut after = BTreeMap::new();
        for file in Managed::ALL {
            after.extend(bytes_after(&generation, file)?.map(|bytes| (file, bytes)));
        }
        let is_restore = generation.is_restore();
        let Generation { time, wrote, unproven, files, .. } = generation;
        // A restore puts back pairs that it has not built, and what a run left alone it has not built either.
        let is_built =
            |change: &Change| change.before.as_ref().map(|inode| &inode.sha256) != change.after.as_ref();
        let files = files.into_iter().filter(|(_, change)| is_built(change) && !is_restore);
        let built = files.filter_map(|(name, change)| Some((name, change.after?))).collect();
        return Ok(LastRun { time, number, unproven, wrote, after, built, tokens });
    }
    Ok(LastRun { tokens, ..LastRun::default() })
}

/// By the name of a parameter: main.cf as it was before the run that set it first, of those runs that set it one after the
/// other up to now. One whose generation is lost is left out.
pub fn main_cf_before<'a>(names: impl Iterator<Item = &'a str>) -> Result<BTreeMap<String, MainCf>> {
    let mut open: BTreeSet<&str> = names.collect();
    let mut found = BTreeMap::new();
    let file = Managed::MainCf.name();
    for number in if open.is_empty() { Vec::new() } else { state::numbers()? }.into_iter().rev() {
        let Ok(generation) = state::generation(number) else { break };
        if generation.fate != Fate::Kept {
            continue;
        }
        open.retain(|name| generation.wrote.contains_key(*name));
        let before = generation.files.get(file).and_then(|change| change.before.as_ref());
        let bytes = before.and_then(|before| state::bytes_before(number, file, before).ok());
        let Some(main_cf) = bytes.map(MainCf::new).filter(|_| !open.is_empty()) else { break };
        found.extend(open.iter().map(|name| ((*name).to_owned(), main_cf.clone())));
    }
    Ok(found)
}

/// A source as a run left it; `None` if it left none, or its bytes are lost.
fn bytes_after(generation: &Generation, file: Managed) -> Result<Option<Vec<u8>>> {
    match bytes_on(generation, Side::After, file.name()) {
        Err(error) if error.is_lost_record() => Ok(None),
        bytes => bytes,
    }
}
