//! The files that tables are built of: the line of each key, and of a table of patterns the line that fits.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use crate::model::postfix::lines;
use crate::model::postfix::postmap::MapSource;
use crate::model::postfix::tables::{is_built, kind, path_of};
use crate::model::route::local::alias_entry;
use crate::model::route::tables::Source;
use crate::sys::{clock, files, postfix, scratch};

/// The most that is read of a table's source, in bytes.
const SOURCE: u64 = 8 * 1024 * 1024;

/// An entry: the number of its line, and its value.
type Line = (usize, String);

/// The sources of a host's tables, each read once.
pub struct Sources {
    /// The tables in the syntax of aliases(5).
    aliases: Vec<String>,
    known: BTreeMap<String, Option<BTreeMap<String, Line>>>,
    until: Instant,
}

impl Sources {
    /// Sources that are read until this time. `aliases`: the tables in the syntax of aliases(5).
    pub fn new(aliases: Vec<String>, until: Instant) -> Self {
        Self { aliases, known: BTreeMap::new(), until }
    }

    /// The entry of a key. `found`: the value that the table has. An error if it cannot be found out.
    pub fn entry(&mut self, table: &str, key: &str, found: Option<&str>) -> Source {
        if ["regexp", "pcre", "cidr"].contains(&kind(table)) {
            let line = found.and_then(|_| self.pattern(table, key));
            return line.zip(found).map(|(line, value)| Some((line, value.to_owned()))).ok_or(());
        }
        let aliases = &self.aliases;
        let read = || entries(table, aliases.iter().any(|one| one == table));
        let entries = self.known.entry(table.to_owned()).or_insert_with(read);
        Ok(entries.as_ref().ok_or(())?.get(&key.to_lowercase()).cloned())
    }

    /// The line of the pattern that fits a key. Postfix's own program is asked, since no library here has the same patterns:
    /// it gets beginnings of the file of several lengths, and the shortest one with an answer ends with that line.
    fn pattern(&self, table: &str, key: &str) -> Option<usize> {
        let bytes = files::read(Path::new(path_of(table)?), SOURCE).ok()??;
        let all = lines::logical(&bytes);
        let ends: Vec<usize> = all.iter().filter_map(|line| Some(line.parts.last()?.end)).collect();
        let scratch = scratch::directory().ok()?;
        let fits = |number: usize| {
            let left = self.until.saturating_duration_since(clock::now());
            let file = scratch.path().join(number.to_string());
            files::create(&file, bytes.get(..*ends.get(number)?)?, 0o600).ok()?;
            let name = [kind(table), &file.to_string_lossy()].join(":");
            postfix::look_up(&name, &[key.to_owned()], left).ok().map(|found| !found.is_empty())
        };
        let (mut low, mut high) = (0, all.len().checked_sub(1)?);
        while low < high {
            let middle = low.midpoint(high);
            if fits(middle)? { high = middle } else { low = middle + 1 }
        }
        let start = all.get(low)?.parts.first()?.start;
        Some(lines::ends(bytes.get(..start)?) + 1)
    }
}

/// The source of a table that has entries, and no patterns; `None` if it cannot be read.
pub fn source_of(table: &str) -> Option<MapSource> {
    let path = path_of(table).filter(|_| is_built(table) || kind(table) == "texthash")?;
    files::read(Path::new(path), SOURCE).ok()?.map(MapSource::new)
}

fn entries(table: &str, is_of_aliases: bool) -> Option<BTreeMap<String, Line>> {
    let source = source_of(table)?;
    let mut all = BTreeMap::new();
    for (line, key, value) in source.numbered() {
        let (key, value) =
            if is_of_aliases { alias_entry(&key, &value) } else { (key.to_lowercase(), value) };
        if !value.is_empty() {
            all.entry(key).or_insert((line, value));
        }
    }
    Some(all)
}
