//! The access token of a login without a password: fetched when half of the life of the one before is over, kept in the
//! state directory, and put into Postfix's table. smtp(8) sees the table that was renamed into place, and needs no reload
//! (dict_changed_name in global/…/dict.c of Postfix). It is no change of the configuration: no generation, and no drift.

mod trouble;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::load::{self, Source};
use super::observe::postfix_of;
use super::provider::{demand_login, fetch, keep_login};
use super::recover::lock_and_recover;
use super::staging::Staged;
use super::transaction::last_run;
use super::{Place, Progress, stage};
use crate::error::{Error, NoToken, Result, shown};
use crate::model::desired::Desired;
use crate::model::ended::{Idle, Renewed};
use crate::model::oauth::reply::Granted;
use crate::model::oauth::token::Token;
use crate::model::oauth::{App, claims};
use crate::model::plan::action::{FileChange, MapChange};
use crate::model::postfix::managed::Managed;
use crate::model::postfix::postmap::MapSource;
use crate::model::postfix::settings::Settings;
use crate::model::state::generation::LastRun;
use crate::model::state::mark::{digest_of_password, fits, is_of_token};
use crate::sys::{clock, files, random, service, signals, state, tokens};

/// The unit that renews the token, by the host's own answers.
const SERVICE: &str = "relayhost-token.service";
/// Unit that starts it when the token is due. Made (systemd-run) once that is known.
const TIMER: &str = "relayhost-token.timer";

/// Number of former tokens that are remembered without a look at which of them a file still has.
const REMEMBERED: usize = 64;

/// `relayhost token`.
#[derive(Debug)]
pub struct Asked {
    /// The answers.
    pub answers: PathBuf,
    /// Whether another token is fetched in any case.
    pub force: bool,
    /// Whether the claims are shown.
    pub show: bool,
    /// How long to wait for another run.
    pub patience: Duration,
}

/// Fetches a token if it is time, and puts it into Postfix's table where that logs in by these answers.
pub fn renew(asked: &Asked, progress: &mut dyn Progress) -> Result<std::result::Result<Renewed, Idle>> {
    let source = Source::new(&asked.answers)?;
    let _held = lock_and_recover(asked.patience, Place::here(), progress)?;
    let mut desired = source.load()?;
    if desired.app().is_none() {
        return Ok(Err(Idle::NoToken));
    }
    // Read before another token is fetched: the record of that would hide that the one before was lost.
    let last = last_run()?;
    let fetched = ensure(&mut desired, asked.force, progress);
    let fetched = trouble::note(&desired, &asked.answers, fetched);
    if asked.answers == Path::new(load::DEFAULT) {
        rest(&desired);
    }
    let fetched = fetched?.is_some();
    let renewed = renewed(&desired, fetched, &last, asked.show, progress);
    // systemd starts nothing by a timer that comes while this run is at work.
    if asked.answers == Path::new(load::DEFAULT) && is_due(&desired) {
        rest(&desired);
    }
    Ok(Ok(renewed?))
}

/// Whether the token that is kept is to be renewed by now.
fn is_due(desired: &Desired) -> bool {
    let kept = tokens::kept().ok().flatten();
    kept.is_some_and(|token| {
        desired.app().is_some_and(|app| token.is_for(app)) && token.is_due(clock::unix())
    })
}

/// Puts the token that is kept into the table, and says how it is.
fn renewed(
    desired: &Desired,
    fetched: bool,
    last: &LastRun,
    show: bool,
    progress: &mut dyn Progress,
) -> Result<Renewed> {
    let put = put(desired, last, progress)?;
    if put == Put::ByHand {
        progress.note(&format!(
            "somebody has written another password for {} and {} into {} by hand, and it stays: `relayhost apply --force` puts the access token in its place",
            desired.username(),
            desired.relayhost(),
            shown(Managed::SaslPasswd.path())
        ));
    }
    let token = tokens::kept()?.filter(|token| desired.app().is_some_and(|app| token.is_for(app)));
    let moment = |seconds: u64| clock::moment(i64::try_from(seconds).unwrap_or_default());
    let told = |token: &Token| claims::shown(token.secret().expose());
    Ok(Renewed {
        fetched,
        in_force: put == Put::InForce,
        by_hand: put == Put::ByHand,
        ends: token.as_ref().map(|token| moment(token.ends)).unwrap_or_default(),
        due: token.as_ref().map(|token| moment(token.due())).unwrap_or_default(),
        claims: show.then(|| token.as_ref().map(told).unwrap_or_default()),
    })
}

/// Keeps what a person's login has brought, and puts the token into the table where Postfix logs in by these answers. The
/// caller holds the lock.
pub fn take(
    desired: &mut Desired,
    granted: Granted,
    answers: &Path,
    progress: &mut dyn Progress,
) -> Result<Renewed> {
    let last = last_run()?;
    if let Some(token) = desired.app().map(|app| keep(app, granted)).transpose()? {
        desired.take_token(token.secret());
    }
    // A token has come, so the record of failed attempts is removed.
    let _ = tokens::keep_trouble(None);
    if answers == Path::new(load::DEFAULT) {
        rest(desired);
    }
    renewed(desired, true, &last, false, progress)
}

/// The token of a run, before anything is changed: a provider that refuses ends the run. The table gets it now if it has
/// this application's token already; otherwise it is a change like any other.
pub fn ready(desired: &mut Desired, answers: &Path, place: Place, progress: &mut dyn Progress) -> Result<()> {
    if place == Place::Tree || desired.app().is_none() {
        return Ok(());
    }
    let last = last_run()?;
    let fetched = ensure(desired, false, progress);
    let fetched = trouble::note(desired, answers, fetched)?;
    if fetched.is_some() && answers == Path::new(load::DEFAULT) {
        rest(desired);
    }
    if fetched == Some(Fetched::Again) {
        put(desired, &last, progress)?;
    }
    Ok(())
}

/// Has systemd, where it runs, call `relayhost token` when the token is due; after a failure, later and later.
fn rest(desired: &Desired) {
    let Some(app) = desired.app() else { return };
    let Some(token) = tokens::kept().ok().flatten().filter(|token| token.is_for(app)) else { return };
    let [first] = random::bytes();
    let _held = signals::hold();
    service::order("stop", TIMER);
    service::order_later(SERVICE, token.pause(clock::unix(), first));
}

/// A token of its own after a restore, which has put an old one back. A failure stops nothing: without a network it is only
/// reported.
pub fn after_restore(progress: &mut dyn Progress) {
    let Ok(mut desired) = load::load(Path::new(load::DEFAULT)) else { return };
    if desired.app().is_none() || Place::here() == Place::Tree {
        return;
    }
    // A host that was put back to another login, or to a password that a person wrote, needs none.
    let Ok(last) = last_run() else { return };
    if !matches!(entry(&desired, &last), Ok(Entry::Ours(..))) {
        return;
    }
    let fetched = ensure(&mut desired, true, progress);
    rest(&desired);
    // Without another one, the one that is kept is younger than what was put back.
    if let Err(error) = put(&desired, &last, progress).and(fetched) {
        progress.note(&format!("{error}; `relayhost token` tries it again"));
    }
}

/// A token for one look at the relay: the one that is kept, or one that nobody keeps. The login of a person may come back
/// with another refresh token, which is kept.
pub fn borrow(desired: &mut Desired, patience: Duration, progress: &mut dyn Progress) -> Result<()> {
    let Some(app) = desired.app() else { return Ok(()) };
    let kept =
        tokens::kept().ok().flatten().filter(|token| token.is_for(app) && token.is_alive(clock::unix()));
    if let Some(token) = kept {
        desired.take_token(token.secret());
        return Ok(());
    }
    if app.person().is_none() {
        let token = fetch(app)?.token;
        desired.take_token(token.secret());
        return Ok(());
    }
    demand_login(app)?;
    let _lock = state::lock(patience, &mut |line| progress.note(line))?;
    ensure(desired, false, progress).map(|_| ())
}

/// How a token came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fetched {
    /// The first one of this application.
    First,
    /// After another one of the same application.
    Again,
}

/// Has the answers' login use a token that is not due yet; fetches one if need be. `None`: the one that was kept. The caller
/// holds the lock.
fn ensure(desired: &mut Desired, force: bool, progress: &mut dyn Progress) -> Result<Option<Fetched>> {
    let Some(app) = desired.app() else { return Ok(None) };
    let now = clock::unix();
    // A record that cannot be used was moved aside, and reported, when the lock was taken.
    let kept = tokens::kept().ok().flatten().filter(|token| token.is_for(app));
    if kept.as_ref().is_some_and(|token| !token.is_due(now)) && !force {
        return Ok(None);
    }
    let mut fetched = None;
    let result = stage(progress, "token", |_| {
        let token = keep(app, fetch(app)?)?;
        let text = format!(
            "from {} until {}",
            app.host(),
            clock::moment(i64::try_from(token.ends).unwrap_or_default())
        );
        fetched = Some(token);
        Ok(text)
    });
    match (result, fetched, &kept) {
        (Ok(()), Some(token), _) => {
            desired.take_token(token.secret());
            Ok(Some(if kept.is_some() { Fetched::Again } else { Fetched::First }))
        }
        (Err(Error::NoToken(why)), _, Some(kept)) if kept.is_alive(now) => {
            let until = Some(clock::moment(i64::try_from(kept.ends).unwrap_or_default()));
            Err(Error::NoToken(Box::new(NoToken { until, ..*why })))
        }
        (Err(error), ..) => Err(error),
        (Ok(()), None, _) => Ok(None),
    }
}

/// Keeps what was granted: the refresh token first, since the one before it may not be good any more. The caller holds the
/// lock.
pub fn keep(app: &App, granted: Granted) -> Result<Token> {
    keep_login(app, &granted)?;
    let mut token = granted.token.after(tokens::kept().ok().flatten());
    // If the files cannot be read, nothing is forgotten.
    if let Some(needed) = token.remembers_more_than(REMEMBERED).then(|| in_files().ok()).flatten() {
        token.forget(&needed);
    }
    tokens::keep(&token)?;
    Ok(token)
}

/// Digests of the passwords in the table, and in those of the generations, which a restore may put back.
fn in_files() -> Result<BTreeSet<String>> {
    let name = Managed::SaslPasswd.name();
    let mut tables = vec![files::read_whole(&Managed::SaslPasswd.path())?];
    for number in state::numbers()? {
        for part in ["before", "after"] {
            tables.push(state::blob(number, &format!("{part}/{name}"))?);
        }
    }
    let tables = tables.into_iter().flatten().map(MapSource::new);
    Ok(tables
        .flat_map(|table| table.values().map(|value| digest_of_password(&value)).collect::<Vec<_>>())
        .collect())
}

/// The entry of the table by which Postfix logs in to the answers' relay.
enum Entry {
    /// There is none, or one of another user, or one with the password of other answers.
    Absent,
    /// A person wrote its password.
    ByHand,
    /// Its password is a token of relayhost's.
    Ours(MapSource, String),
}

/// The entry of the answers' relay and user. `last`: the last run, as it was known before a token was fetched.
fn entry(desired: &Desired, last: &LastRun) -> Result<Entry> {
    let file = Managed::SaslPasswd;
    let Some(bytes) = files::read_whole(&file.path())? else { return Ok(Entry::Absent) };
    let source = MapSource::new(bytes);
    let key = desired.relayhost();
    let is_users = |found: &String| found.split_once(':').is_some_and(|(user, _)| user == desired.username());
    let Some(found) = source.get(&key).filter(is_users) else { return Ok(Entry::Absent) };
    let tokens = last.tokens.as_ref();
    let is_token = tokens.is_some_and(|tokens| tokens.contains(&digest_of_password(&found)));
    let wrote = last.wrote.get(&format!("{} {key}", file.name())).filter(|wrote| fits(wrote, &found, tokens));
    Ok(match wrote {
        _ if is_token => Entry::Ours(source, found),
        // The record of the tokens may be lost; then the entry of the last run is believed.
        Some(wrote) if is_of_token(wrote) => Entry::Ours(source, found),
        // By other answers relayhost wrote a password: these are not in force yet, or not any more.
        Some(_) => Entry::Absent,
        None => Entry::ByHand,
    })
}

/// What became of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Put {
    /// Postfix logs in with it.
    InForce,
    /// Postfix does not log in by these answers.
    NotAsked,
    /// A person has written another password in its place.
    ByHand,
}

/// Puts the token into Postfix's table, if Postfix logs in by one. `last`: as for [`entry`]. The caller holds the lock.
fn put(desired: &Desired, last: &LastRun, progress: &mut dyn Progress) -> Result<Put> {
    let file = Managed::SaslPasswd;
    let Some((key, wanted)) = desired.entries(file, &Settings::new()).into_iter().next() else {
        return Ok(Put::NotAsked);
    };
    let (before, found) = match entry(desired, last)? {
        Entry::Absent => return Ok(Put::NotAsked),
        Entry::ByHand => return Ok(Put::ByHand),
        Entry::Ours(before, found) => (before, found),
    };
    if found == wanted {
        return Ok(Put::InForce);
    }
    let postfix = postfix_of(Place::here())?;
    let missing = || Error::MapType { kind: postfix.setting("default_database_type").to_owned() };
    let kind = postfix.map_kind.clone().ok_or_else(missing)?;
    let mut after = before.clone();
    after.set(&key, &wanted);
    let why = "the access token is another".to_owned();
    let change =
        MapChange { file, kind, before: Some(before), after, why, keys: vec![key], removed: Vec::new() };
    stage(progress, file.name(), |_| {
        // The two renames belong together: a signal waits.
        let _held = signals::hold();
        Staged::new(&FileChange::Map(change))?.put_alone()?;
        Ok("has the new token; Postfix needs no reload".into())
    })?;
    Ok(Put::InForce)
}
