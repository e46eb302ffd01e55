//! The access token of a login without a password: fetched when half of the life of the one before is over, kept in the state
//! directory, and put into Postfix's table. smtp(8) sees the table that was renamed into place, and needs no reload
//! (dict_changed_name in global/…/dict.c of Postfix). It is no change of the configuration: no generation, and no drift.

mod trouble;

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::load::{self, Source};
use super::observe::{ca_files, postfix_of};
use super::recover::lock_and_recover;
use super::staging::Staged;
use super::{Place, Progress, stage};
use crate::error::{Error, NoToken, Result};
use crate::model::desired::Desired;
use crate::model::ended::{Idle, Renewed};
use crate::model::oauth::token::Token;
use crate::model::oauth::{App, claims, reply, request};
use crate::model::plan::action::{FileChange, MapChange};
use crate::model::postfix::managed::Managed;
use crate::model::postfix::postmap::MapSource;
use crate::sys::{clock, files, http, random, secrets, service, signals, signature, tokens};

/// Most time for one question to the identity provider.
const PATIENCE: Duration = Duration::from_secs(30);

/// The unit that renews the token, by the host's own answers.
const SERVICE: &str = "relayhost-token.service";
/// Unit that starts it when the token is due. Made (systemd-run) once that is known.
const TIMER: &str = "relayhost-token.timer";

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
    let fetched = ensure(&mut desired, asked.force, progress);
    let fetched = trouble::note(&desired, &asked.answers, fetched);
    if asked.answers == Path::new(load::DEFAULT) {
        rest(&desired);
    }
    let fetched = fetched?;
    let in_force = put(&desired, progress)?;
    let token = tokens::kept()?.filter(|token| desired.app().is_some_and(|app| token.is_for(app)));
    let moment = |seconds: u64| clock::moment(i64::try_from(seconds).unwrap_or_default());
    let shown = |token: &Token| claims::shown(token.secret().expose());
    Ok(Ok(Renewed {
        fetched: fetched.is_some(),
        in_force,
        ends: token.as_ref().map(|token| moment(token.ends)).unwrap_or_default(),
        due: token.as_ref().map(|token| moment(token.due())).unwrap_or_default(),
        claims: asked.show.then(|| token.as_ref().map(shown).unwrap_or_default()),
    }))
}

/// The token of a run, before anything is changed: a provider that refuses ends the run. The table gets it now if it has
/// this application's token already; otherwise it is a change like any other.
pub fn ready(desired: &mut Desired, answers: &Path, place: Place, progress: &mut dyn Progress) -> Result<()> {
    if place == Place::Tree || desired.app().is_none() {
        return Ok(());
    }
    let fetched = ensure(desired, false, progress);
    let fetched = trouble::note(desired, answers, fetched)?;
    if fetched.is_some() && answers == Path::new(load::DEFAULT) {
        rest(desired);
    }
    if fetched == Some(Fetched::Again) {
        put(desired, progress)?;
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

/// A token of its own after a restore, which has put an old one back. Nothing stops for it: offline it is told.
pub fn after_restore(progress: &mut dyn Progress) {
    let Ok(mut desired) = load::load(Path::new(load::DEFAULT)) else { return };
    if desired.app().is_none() || Place::here() == Place::Tree {
        return;
    }
    // A host that was put back to another login needs none.
    if !entry(&desired).is_ok_and(|entry| entry.is_some()) {
        return;
    }
    let fetched = ensure(&mut desired, true, progress);
    rest(&desired);
    // Without another one, the one that is kept is younger than what was put back.
    if let Err(error) = put(&desired, progress).and(fetched) {
        progress.note(&format!("{error}; `relayhost token` tries it again"));
    }
}

/// A token for one look at the relay: the one that is kept, or one that nobody keeps.
pub fn borrow(desired: &mut Desired) -> Result<()> {
    let Some(app) = desired.app() else { return Ok(()) };
    let kept =
        tokens::kept().ok().flatten().filter(|token| token.is_for(app) && token.is_alive(clock::unix()));
    let token = kept.map_or_else(|| fetch(app), Ok)?;
    desired.take_token(token.secret());
    Ok(())
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
    // A record that cannot be used was set aside, and told, when the lock was taken.
    let kept = tokens::kept().ok().flatten().filter(|token| token.is_for(app));
    if kept.as_ref().is_some_and(|token| !token.is_due(now)) && !force {
        return Ok(None);
    }
    let mut fetched = None;
    let result = stage(progress, "token", |_| {
        let token = fetch(app)?;
        tokens::keep(&token)?;
        let text = format!(
            "from {} until {}",
            host(app),
            clock::moment(i64::try_from(token.ends).unwrap_or_default())
        );
        fetched = Some(token);
        Ok(text)
    });
    match (result, fetched, &kept) {
        (Ok(()), Some(token), _) => {
            secrets::know(desired.username(), &token.secret());
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

/// The host that an application asks.
fn host(app: &App) -> &str {
    app.token_url.trim_start_matches("https://").split('/').next().unwrap_or_default()
}

/// Asks the identity provider.
fn fetch(app: &App) -> Result<Token> {
    let now = clock::unix();
    let no_token = |cause: String, remedy: String, evidence: String, answered: bool, passes: bool| {
        Error::NoToken(Box::new(NoToken { cause, remedy, evidence, answered, passes, until: None }))
    };
    app.ended(now).map_or(Ok(()), |day| {
        let cause = format!("the certificate has ended on {}", clock::date(day));
        let remedy = "make another certificate, upload it in Entra (App registrations, the application, Certificates & secrets), and put it in the place of the old one";
        Err(no_token(cause, remedy.into(), String::new(), true, false))
    })?;
    let signed = match request::assertion(app, now, &hex_id()) {
        None => None,
        Some(assertion) => Some(signature::sign(&assertion).ok_or_else(|| {
            no_token(
                "the system gives no random numbers".into(),
                "run the same command again".into(),
                String::new(),
                false,
                true,
            )
        })?),
    };
    let form = request::form(app, signed.as_ref());
    let bundle = ca_files("").into_iter().next();
    let until = clock::now() + PATIENCE;
    let answer =
        http::post(&app.token_url, &form, app.proxy.as_deref(), bundle.as_deref(), reply::LIMIT, until);
    signals::check()?;
    let answer = answer.map_err(|words| {
        let remedy = format!("see that this host reaches https://{}: a firewall, DNS, or a proxy (proxy under [network] in the answers, or HTTPS_PROXY) may stand between", host(app));
        // What stands before an @ is a login.
        let proxy = app.proxy.as_deref().and_then(|proxy| proxy.rsplit(['@', '/']).next());
        let proxy = proxy.map(|proxy| format!(", through the proxy {proxy}")).unwrap_or_default();
        no_token(format!("{}{proxy}: {words}", host(app)), remedy, String::new(), false, true)
    })?;
    let token = reply::read(app, &answer, clock::unix())
        .map_err(|why| no_token(why.cause, why.remedy, why.evidence, true, why.passes))?;
    match reply::unfit(app, &token) {
        None => Ok(token),
        Some(why) => {
            let remedy = "have the token's scope be that of Exchange: take the preset of your cloud";
            Err(no_token(
                format!("the token is not for Exchange: {why}"),
                remedy.into(),
                String::new(),
                true,
                false,
            ))
        }
    }
}

/// An id that does not come again.
fn hex_id() -> String {
    crate::model::state::generation::hex(&random::bytes::<16>())
}

/// The table of passwords, with the entry by which Postfix logs in to the answers' relay as the answers' user; `None` if there
/// is no such entry.
fn entry(desired: &Desired) -> Result<Option<(MapSource, String)>> {
    let Some(bytes) = files::read_whole(&Managed::SaslPasswd.path())? else { return Ok(None) };
    let source = MapSource::new(bytes);
    let is_ours = |found: &String| found.split_once(':').is_some_and(|(user, _)| user == desired.username());
    let found = source.get(&desired.relayhost()).filter(is_ours);
    Ok(found.map(|found| (source, found)))
}

/// Puts the token into Postfix's table, if Postfix logs in by it. Returns whether it does. The caller holds the lock.
fn put(desired: &Desired, progress: &mut dyn Progress) -> Result<bool> {
    let file = Managed::SaslPasswd;
    let Some((key, wanted)) = desired.entries(file).into_iter().next() else { return Ok(false) };
    let Some((before, found)) = entry(desired)? else { return Ok(false) };
    if found == wanted {
        return Ok(true);
    }
    let postfix = postfix_of(Place::here())?;
    let missing = || Error::MapType { kind: postfix.setting("default_database_type").to_owned() };
    let kind = postfix.map_kind.clone().ok_or_else(missing)?;
    let mut after = before.clone();
    after.set(&key, &wanted);
    let why = "the access token is another".to_owned();
    let change = MapChange { file, kind, before: Some(before), after, why, keys: vec![key] };
    stage(progress, file.name(), |_| {
        // The two renames belong together: a signal waits.
        let _held = signals::hold();
        Staged::new(&FileChange::Map(change))?.put_alone()?;
        Ok("has the new token; Postfix needs no reload".into())
    })?;
    Ok(true)
}
