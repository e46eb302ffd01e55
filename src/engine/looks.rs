//! Collects facts about faults that no log shows, with Postfix's own programs. `model::inspection` says what they mean.

use std::path::Path;

use super::queue::list;
use crate::error::Result;
use crate::model::causes::{Circumstances, diagnose};
use crate::model::inspection::{Clock, Queue, Sight, Table, parse_tracking};
use crate::model::log::stamp::{Calendar, Seconds};
use crate::model::observed::{Database, Postfix, parse_settings};
use crate::model::plan::parameters::words;
use crate::model::postfix::managed::MapKind;
use crate::model::postfix::postmap::MapSource;
use crate::model::postfix::settings::{naming_tables, value};
use crate::sys::{files, postfix, run};

/// Files that every system writes now and then: by the package manager, by ldconfig, by syslog.
const WRITTEN: [&str; 6] = [
    "/etc/ld.so.cache",
    "/etc/postfix/main.cf",
    "/var/lib/rpm",
    "/usr/lib/sysimage/rpm",
    "/var/log/maillog",
    "/var/log/messages",
];

/// Collects all facts.
pub fn look<'a>(
    known: &'a Postfix,
    calendar: &Calendar,
    now: Seconds,
    circumstances: &dyn Fn() -> Circumstances,
) -> Result<Sight<'a>> {
    let settings = parse_settings(&postfix::settings(&naming_tables())?);
    let mut tables = Vec::new();
    for parameter in naming_tables() {
        for name in words(value(&settings, parameter)).into_iter().filter(|word| word.contains(':')) {
            tables.push(table(parameter, name.trim_start_matches("proxy:"))?);
        }
    }
    Ok(Sight {
        postfix: known,
        has_key: has_key(known, &tables)?,
        tables,
        types: postfix::table_types()?,
        queue: queue(calendar, now, circumstances),
        clock: clock(now),
    })
}

fn table(parameter: &'static str, name: &str) -> Result<Table> {
    let (kind, path) = name.split_once(':').unwrap_or(("", name));
    let (mut source, mut database) = (None, Database::NotNeeded);
    if path.starts_with('/') {
        source = files::read_whole(Path::new(path))?.map(MapSource::new);
    }
    if let (Some(kind), true) = (MapKind::new(kind), path.starts_with('/') && parameter != "alias_maps") {
        database = postfix::read_database(Path::new(path), &kind)?;
    }
    Ok(Table { parameter, name: name.to_owned(), source, database })
}

/// Whether smtp(8) finds a password for the relay: it looks for the host's name first, then for the next hop as it
/// stands in relayhost (smtp_sasl_passwd_lookup in Postfix's src/smtp/smtp_sasl_glue.c).
fn has_key(known: &Postfix, tables: &[Table]) -> Result<Option<bool>> {
    let relayhost = known.setting("relayhost");
    let passwords: Vec<&Table> =
        tables.iter().filter(|table| table.parameter == "smtp_sasl_password_maps").collect();
    if known.setting("smtp_sasl_auth_enable") != "yes" || relayhost.is_empty() || passwords.is_empty() {
        return Ok(None);
    }
    let host = relayhost.trim_start_matches('[').split([']', ':']).next().unwrap_or_default();
    for table in passwords {
        for key in [relayhost, host] {
            match postfix::has_entry(&table.name, key)? {
                Some(true) => return Ok(Some(true)),
                Some(false) => {}
                // The table cannot be read; that is said elsewhere.
                None => return Ok(None),
            }
        }
    }
    Ok(Some(false))
}

fn queue(calendar: &Calendar, now: Seconds, circumstances: &dyn Fn() -> Circumstances) -> Option<Queue> {
    let mut queue = Queue::default();
    list(calendar, &mut |message| {
        let cause = diagnose(&[&message.reason], &circumstances());
        queue.add(message, cause.as_ref().map_or("unknown", |cause| &cause.id), now);
    })?;
    Some(queue)
}

fn clock(now: Seconds) -> Clock {
    let times =
        WRITTEN.iter().filter_map(|path| Some(((*path).to_owned(), files::modified(Path::new(path))?)));
    let chrony = run::find("chronyc").and_then(|program| {
        let output = run::Cmd::new(&program).args(["-c", "tracking"]).run().ok()?;
        if output.success() {
            parse_tracking(&output.text())
        } else {
            Some(Err("chronyd does not run".into()))
        }
    });
    Clock { now, youngest: times.max_by_key(|(_, time)| *time), chrony }
}
