//! The files that are looked at on demand (`Managed::is_on_demand`): a generation keeps them only where its change is about
//! them. So what such a file was at the time of a generation is in the first one from then on that keeps it: nothing of
//! relayhost's had changed it until then.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::model::postfix::managed::Managed;
use crate::model::state::generation::Generation;
use crate::sys::state;

/// The names that a change keeps since it is about one of them, or about another file of the same kind.
pub fn of_change<'a>(mut names: impl Iterator<Item = &'a String>) -> Vec<String> {
    let all: Vec<String> = Managed::demanded().collect();
    if names.any(|name| all.contains(name)) { all } else { Vec::new() }
}

/// By name, the generation that has what the file was when the generation of this number was made. Files of which nothing was
/// changed since are not among them.
pub fn since(number: u32) -> Result<BTreeMap<String, Generation>> {
    let all: Vec<String> = Managed::demanded().collect();
    let mut found = BTreeMap::new();
    let mut numbers = state::numbers()?;
    numbers.retain(|known| *known >= number);
    numbers.sort_unstable();
    for number in numbers {
        let generation = match state::generation(number) {
            Err(error) if error.is_lost_record() => continue,
            other => other?,
        };
        for name in all.iter().filter(|name| generation.files.contains_key(*name)) {
            found.entry(name.clone()).or_insert_with(|| generation.clone());
        }
        if found.len() == all.len() {
            break;
        }
    }
    Ok(found)
}

/// The number of the first generation that keeps one: it stays for `restore 0`, which has that file from there.
pub fn first() -> Option<u32> {
    since(0).ok()?.into_values().map(|generation| generation.number).min()
}
