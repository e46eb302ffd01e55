//! Looks into the tables that Postfix reads now: every password, and the value of any key.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::Result;
use crate::model::observed::{Database, parse_settings};
use crate::model::postfix::maincf::MainCf;
use crate::model::postfix::managed::{Managed, MapKind};
use crate::model::postfix::postmap::{Entries, MapSource};
use crate::model::postfix::settings::value;
use crate::model::postfix::tables::{OF_PASSWORDS, Table, of_passwords, pattern_values, tables, within};
use crate::model::route::nexthop::NextHop;
use crate::sys::{clock, files, host, postfix, secrets};

/// Time for one table: its server may be down.
pub const ASKING: Duration = Duration::from_secs(10);

/// Most entries that are learned from tables. Each costs some kilobytes of memory, and time for every text that is shown.
pub const MOST: usize = 1000;

/// Has [`know_passwords`] called before anything leaves.
pub fn search_passwords() {
    secrets::search_later(know_passwords);
}

/// Registers every password that a client of this host's Postfix can send, so that it is hidden: all entries of the tables
/// that main.cf or a service of master.cf names; those for the relay first, and of a table that cannot be listed, these
/// alone. What cannot be read gives Postfix no password either. A caller who is not root may read none.
pub fn know_passwords() {
    if host::require_root().is_err() {
        return;
    }
    let (relay, mut named) = named();
    // relayhost's own table may be named again at any time, by `restore`.
    named.extend(MapKind::new("texthash").map(|kind| kind.table(&Managed::SaslPasswd.path())));
    let tables: BTreeSet<Table> = named.iter().flat_map(|value| tables(value)).collect();
    let keys = NextHop::parse(&relay).map(|relay| relay.login_keys()).unwrap_or_default();
    let (mut first, mut rest) = (Vec::new(), BTreeSet::new());
    for table in &tables {
        match table {
            Table::Entry(entry) => first.push(entry.clone()),
            Table::Patterns(path) => rest.extend(pattern_values(&read(path))),
            Table::Asked(name) => {
                let answer = ask_all(name, &keys, clock::now() + ASKING);
                first.extend(answer.unwrap_or_default().into_values());
            }
            Table::File { kind, path } => {
                let source = MapSource::new(read(path));
                first.extend(keys.iter().filter_map(|key| source.get(key)));
                rest.extend(source.values());
                // smtp(8) reads the database, whatever the source says.
                let entries = MapKind::new(kind).map(|kind| read_database(&kind, path)).unwrap_or_default();
                first.extend(keys.iter().filter_map(|key| entries.get(key).cloned()));
                rest.extend(entries.values().cloned());
            }
        }
    }
    for entry in first.into_iter().chain(rest).take(MOST) {
        secrets::know_entry(&entry);
    }
}

/// The value of `relayhost`, and the values that name tables of passwords. Postfix itself is asked only where other
/// parameters stand in them.
fn named() -> (String, Vec<String>) {
    let main_cf = MainCf::new(read(&Managed::MainCf.path()));
    let relay = main_cf.get("relayhost").unwrap_or_default();
    let named = of_passwords(|name| main_cf.get(name), &read(Path::new(postfix::MASTER_CF)));
    let is_whole = !named.iter().chain([&relay]).any(|value| value.contains('$'));
    if is_whole { (relay, named) } else { expanded().unwrap_or((relay, named)) }
}

fn expanded() -> Result<(String, Vec<String>)> {
    let parameters: Vec<&str> = ["relayhost"].into_iter().chain(OF_PASSWORDS).collect();
    let settings = parse_settings(&postfix::settings(&parameters)?);
    let named = of_passwords(|name| settings.get(name).cloned(), &postfix::services()?);
    Ok((value(&settings, "relayhost").to_owned(), named))
}

/// The bytes of a file; none if it cannot be read.
fn read(path: &Path) -> Vec<u8> {
    let bytes = if files::is_link_of_others(path) { Ok(None) } else { files::read_whole(path) };
    bytes.ok().flatten().unwrap_or_default()
}

/// The contents of a table's database; none if it cannot be read.
fn read_database(kind: &MapKind, path: &Path) -> Arc<Entries> {
    let is_foreign = kind.database(path).is_some_and(|database| files::is_link_of_others(&database));
    match (!is_foreign).then(|| postfix::read_database(path, kind, None)) {
        Some(Ok(Database::Read { entries, .. })) => entries,
        _ => Arc::default(),
    }
}

/// The value of a key in one table, asked until this time.
fn ask(table: &str, key: &str, until: Instant) -> Result<Option<String>> {
    Ok(ask_all(table, &[key.to_owned()], until)?.remove(key))
}

/// The values of those keys that one table has, asked until this time. What stands in the setting itself may be a password,
/// and must not become an argument of postmap, which every user can read.
pub fn ask_all(table: &str, keys: &[String], until: Instant) -> Result<BTreeMap<String, String>> {
    // Not by proxymap(8): it reports a table that it cannot read once only, and smtp(8) needs that line as its reason.
    let table = table.trim_start_matches("proxy:");
    let mut found = BTreeMap::new();
    for key in keys {
        let Some(answer) = within(table, key, |name, key| ask(name, key, until)) else {
            return postfix::look_up(table, keys, until.saturating_duration_since(clock::now()));
        };
        found.extend(answer?.map(|value| (key.clone(), value)));
    }
    Ok(found)
}
