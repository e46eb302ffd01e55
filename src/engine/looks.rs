//! Collects facts about faults that no log shows, with Postfix's own programs. `model::inspection` says what they mean.

use std::path::Path;

use super::queue::list;
use super::tables::{ASKING, ask_all};
use crate::error::{Error, Result};
use crate::model::causes::{Circumstances, diagnose};
use crate::model::inspection::{Clock, NotListed, Queue, Sight, Table, parse_tracking};
use crate::model::log::follow::WayOf;
use crate::model::log::stamp::{Calendar, Seconds};
use crate::model::observed::{Database, Postfix, parse_settings};
use crate::model::postfix::managed::MapKind;
use crate::model::postfix::postmap::MapSource;
use crate::model::postfix::settings::{naming_tables, value};
use crate::model::postfix::tables::named;
use crate::model::route::nexthop::NextHop;
use crate::sys::run::Cmd;
use crate::sys::{clock, files, postfix};

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
    way: &WayOf,
) -> Result<Sight<'a>> {
    let settings = parse_settings(&postfix::settings(&naming_tables())?);
    let mut tables = Vec::new();
    for parameter in naming_tables() {
        for name in named(value(&settings, parameter)) {
            tables.push(table(parameter, name.trim_start_matches("proxy:"))?);
        }
    }
    let queue = match queue(calendar, now, circumstances, way) {
        Err(error) if error.interruption().is_some() => return Err(error),
        queue => queue.map_err(|error| NotListed { why: error.to_string(), remedy: to_list(&error) }),
    };
    Ok(Sight { postfix: known, has_key: has_key(known, &tables)?, tables, queue, clock: clock(now) })
}

fn table(parameter: &'static str, name: &str) -> Result<Table> {
    let (kind, path) = name.split_once(':').unwrap_or(("", name));
    let (mut source, mut database) = (None, Database::NotNeeded);
    let mut unread = None;
    if path.starts_with('/') {
        match files::read_whole(Path::new(path)) {
            Ok(bytes) => source = bytes.map(MapSource::new),
            Err(error) if error.interruption().is_some() => return Err(error),
            // One table that cannot be read hides nothing else.
            Err(error) => unread = Some(error.to_string()),
        }
    }
    if let (Some(kind), true) = (MapKind::new(kind), path.starts_with('/') && parameter != "alias_maps") {
        database = postfix::read_database(Path::new(path), &kind, None)?;
    }
    Ok(Table { parameter, name: name.to_owned(), source, unread, database })
}

/// Whether smtp(8) finds a password for the relay.
fn has_key(known: &Postfix, tables: &[Table]) -> Result<Option<bool>> {
    let relayhost = known.setting("relayhost");
    let passwords: Vec<&Table> =
        tables.iter().filter(|table| table.parameter == "smtp_sasl_password_maps").collect();
    if known.setting("smtp_sasl_auth_enable") != "yes" || relayhost.is_empty() || passwords.is_empty() {
        return Ok(None);
    }
    let Some(relay) = NextHop::parse(relayhost) else { return Ok(None) };
    for table in passwords {
        match ask_all(&table.name, &relay.login_keys(), clock::now() + ASKING) {
            Ok(found) if found.is_empty() => {}
            Ok(_) => return Ok(Some(true)),
            // The table cannot be read; that is said elsewhere.
            Err(Error::Program { .. }) => return Ok(None),
            Err(other) => return Err(other),
        }
    }
    Ok(Some(false))
}

fn queue(
    calendar: &Calendar,
    now: Seconds,
    circumstances: &dyn Fn() -> Circumstances,
    way: &WayOf,
) -> Result<Queue> {
    list(calendar, Queue::default, |queue, message| {
        let sender = Some(message.sender.as_str()).filter(|sender| !sender.is_empty());
        queue.ways.extend(message.recipients.iter().map(|one| way(sender, &one.address)));
        let cause = diagnose(&[message.reason()], &circumstances());
        queue.add(message, cause.as_ref().map_or("unknown", |cause| &cause.id), now);
    })
}

/// The remedy for a queue that could not be listed.
fn to_list(error: &Error) -> String {
    match error {
        Error::Timeout { .. } => {
            "`ps -C postqueue -o pid,user,args` shows listings that wait for their readers and hold up all others; end \
             those (`kill PID`), and run `relayhost diagnose` again"
                .into()
        }
        error => error.hint("relayhost diagnose"),
    }
}

fn clock(now: Seconds) -> Clock {
    let times =
        WRITTEN.iter().filter_map(|path| Some(((*path).to_owned(), files::modified(Path::new(path))?)));
    let chrony = Cmd::find("chronyc").and_then(|cmd| {
        let output = cmd.args(["-c", "tracking"]).run().ok()?;
        if output.success() {
            parse_tracking(&output.text())
        } else {
            Some(Err("chronyd does not run".into()))
        }
    });
    Clock { now, youngest: times.max_by_key(|(_, time)| *time), chrony }
}
