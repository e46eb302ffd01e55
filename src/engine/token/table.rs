//! The entries of Postfix's table that have access tokens: each login's own, under the next hop of each of its ways.

use crate::engine::observe::postfix_of;
use crate::engine::staging::Staged;
use crate::engine::{Place, Progress, stage};
use crate::error::{Error, Result, shown};
use crate::model::desired::{Desired, WayOut};
use crate::model::plan::action::{FileChange, MapChange};
use crate::model::postfix::managed::Managed;
use crate::model::postfix::postmap::{Entries, MapSource};
use crate::model::state::generation::LastRun;
use crate::model::state::mark::{digest_of_password, fits, is_of_token, is_without_password};
use crate::sys::{files, signals};

/// The table.
const FILE: Managed = Managed::SaslPasswd;

/// The entry of the table by which Postfix logs in at a way of the answers.
#[derive(Debug, PartialEq, Eq)]
enum Entry {
    /// There is none, or one of another user, or one with the password of other answers.
    Absent,
    /// A person wrote its password.
    ByHand,
    /// Its password is a token of relayhost's, or it waits for the first one.
    Ours(String),
}

/// What became of the token of a way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// Postfix logs in with it.
    InForce,
    /// Postfix does not log in by these answers, or has no token for it.
    NotAsked,
    /// A person has written another password in its place.
    ByHand,
}

/// The source of the table; `None` if there is none.
fn source() -> Result<Option<MapSource>> {
    Ok(files::read_whole(&FILE.path())?.map(MapSource::new))
}

/// The entry of a way's user. `last`: the last run, as it was known before a token was fetched.
fn entry(there: &Entries, way: &WayOut, last: &LastRun) -> Entry {
    let key = way.next_hop();
    let is_users = |found: &&String| found.split_once(':').is_some_and(|(user, _)| user == way.username());
    let Some(found) = there.get(&key.to_lowercase()).filter(is_users) else { return Entry::Absent };
    let tokens = last.tokens.as_ref();
    let is_token = tokens.is_some_and(|tokens| tokens.contains(&digest_of_password(found)));
    let wrote = last.wrote.get(&format!("{} {key}", FILE.name()));
    match wrote.filter(|wrote| fits(wrote, found, tokens)) {
        _ if is_token => Entry::Ours(found.clone()),
        // The record of the tokens may be lost; then the entry of the last run is believed.
        Some(wrote) if is_of_token(wrote) => Entry::Ours(found.clone()),
        // By other answers relayhost wrote a password: these are not in force yet, or not any more.
        Some(_) => Entry::Absent,
        None => Entry::ByHand,
    }
}

/// The ways at which Postfix logs in with a token of relayhost's. `last`: as for [`entry`].
pub fn of_tokens<'a>(desired: &'a Desired, last: &LastRun) -> Result<Vec<&'a WayOut>> {
    let there = source()?.map(|source| source.entries()).unwrap_or_default();
    let ways = desired.ways().filter(|way| way.app().is_some());
    Ok(ways.filter(|way| matches!(entry(&there, way, last), Entry::Ours(_))).collect())
}

/// Puts the tokens into Postfix's table, where Postfix logs in by them: of each way its next hop, and what became of it.
/// `last`: as for [`entry`]. The caller holds the lock.
pub fn put(desired: &Desired, last: &LastRun, progress: &mut dyn Progress) -> Result<Vec<(String, Put)>> {
    let ways: Vec<&WayOut> = desired.ways().filter(|way| way.app().is_some()).collect();
    let Some(before) = source()? else {
        return Ok(ways.into_iter().map(|way| (way.next_hop(), Put::NotAsked)).collect());
    };
    let there = before.entries();
    let (mut put, mut another) = (Vec::new(), Vec::new());
    for way in ways {
        let became = match entry(&there, way, last) {
            Entry::Absent => Put::NotAsked,
            Entry::ByHand => Put::ByHand,
            Entry::Ours(found) if way.waits_for_token() => {
                if is_without_password(&found) {
                    Put::NotAsked
                } else {
                    Put::InForce
                }
            }
            Entry::Ours(found) => {
                another.extend(way.login_entry().filter(|(_, wanted)| *wanted != found));
                Put::InForce
            }
        };
        put.push((way.next_hop(), became));
    }
    if !another.is_empty() {
        write(&before, &another, progress)?;
    }
    Ok(put)
}

/// Writes these entries.
fn write(before: &MapSource, another: &[(String, String)], progress: &mut dyn Progress) -> Result<()> {
    let postfix = postfix_of(Place::here())?;
    let missing = || Error::MapType { kind: postfix.setting("default_database_type").to_owned() };
    let kind = postfix.map_kind.clone().ok_or_else(missing)?;
    let mut after = before.clone();
    after.set_all(another.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    let keys = another.iter().map(|(key, _)| key.clone()).collect();
    let why = "the access token is another".to_owned();
    let change = MapChange { keys, ..MapChange::new(FILE, &kind, Some(before), after, why) };
    stage(progress, FILE.name(), |_| {
        // The two renames belong together: a signal waits.
        let _held = signals::hold();
        Staged::new(&FileChange::Map(change))?.put_alone()?;
        let text = match another.len() {
            1 => "has the new token; Postfix needs no reload".to_owned(),
            count => format!("has {count} new tokens; Postfix needs no reload"),
        };
        Ok(text)
    })
}

/// Says that a person has written another password for a way, and that it stays.
pub fn note_by_hand(desired: &Desired, put: &[(String, Put)], progress: &mut dyn Progress) {
    for (hop, _) in put.iter().filter(|(_, put)| *put == Put::ByHand) {
        let user = desired.ways().find(|way| way.next_hop() == *hop).map(WayOut::username);
        progress.note(&format!(
            "somebody has written another password for {} and {hop} into {} by hand, and it stays: `relayhost apply --force` puts the access token in its place",
            user.unwrap_or_default(),
            shown(FILE.path())
        ));
    }
}
