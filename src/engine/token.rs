//! The access tokens of logins without a password: fetched when half of the life of the one before is over, kept in the
//! state directory, and put into Postfix's table. smtp(8) sees the table that was renamed into place, and needs no reload
//! (dict_changed_name in global/…/dict.c of Postfix). It is no change of the configuration: no generation, and no drift.

mod fetching;
mod table;
mod trouble;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use fetching::{Round, Wish, ensure, keep};
use table::{Put, note_by_hand, of_tokens, put};

use super::load::{self, Source};
use super::provider::{demand_login, fetch};
use super::recover::lock_and_recover;
use super::transaction::last_run;
use super::{Place, Progress};
use crate::error::Result;
use crate::model::desired::Desired;
use crate::model::ended::{Idle, Renewed, RenewedLogin};
use crate::model::oauth::reply::Granted;
use crate::model::oauth::token::Token;
use crate::model::oauth::{App, claims};
use crate::model::secret::Secret;
use crate::model::state::generation::LastRun;
use crate::model::token_logins::TokenLogin;
use crate::sys::{clock, random, service, signals, state, tokens};

/// The unit that renews the tokens, by the host's own answers.
const SERVICE: &str = "relayhost-token.service";
/// Unit that starts it when a token is due. Made (systemd-run) once that is known.
const TIMER: &str = "relayhost-token.timer";

/// `relayhost token`.
#[derive(Debug)]
pub struct Asked {
    /// The answers.
    pub answers: PathBuf,
    /// Whether other tokens are fetched in any case.
    pub force: bool,
    /// Whether the claims are shown.
    pub show: bool,
    /// How long to wait for another run.
    pub patience: Duration,
}

/// Fetches each token if it is time, and puts them into Postfix's table where that logs in by these answers. With one login
/// an error if its token cannot be fetched; of several each has its own end.
pub fn renew(asked: &Asked, progress: &mut dyn Progress) -> Result<std::result::Result<Renewed, Idle>> {
    let source = Source::new(&asked.answers)?;
    let _held = lock_and_recover(asked.patience, Place::here(), progress)?;
    let mut desired = source.load()?;
    let count = desired.token_logins().len();
    if count == 0 {
        return Ok(Err(Idle::NoToken));
    }
    // Read before other tokens are fetched: the record of those would hide that the one before was lost.
    let last = last_run()?;
    let wish = Wish { answers: Some(&asked.answers), force: asked.force, needs_default: false, only: None };
    let round = ensure(&mut desired, wish, progress);
    let is_hosts = asked.answers == Path::new(load::DEFAULT);
    if is_hosts {
        rest(&desired);
    }
    let round = if count == 1 { round?.demand()? } else { round? };
    let renewed = renewed(&desired, &round, &last, asked.show, progress);
    // systemd starts nothing by a timer that comes while this run is at work.
    if is_hosts && is_due(&desired, &round) {
        rest(&desired);
    }
    Ok(Ok(renewed?))
}

/// Whether a token that is kept is to be renewed by now, other than those that cannot be.
fn is_due(desired: &Desired, round: &Round) -> bool {
    let has_failed = |app: &App| round.failed.iter().any(|failed| failed.print == app.print());
    let mut logins = desired.token_logins().into_iter().filter(|login| !has_failed(login.app));
    logins.any(|login| tokens::of(login.app).is_some_and(|token| token.is_due(clock::unix())))
}

/// Puts the tokens that are kept into the table, and says how they are.
fn renewed(
    desired: &Desired,
    round: &Round,
    last: &LastRun,
    show: bool,
    progress: &mut dyn Progress,
) -> Result<Renewed> {
    let put = put(desired, last, progress)?;
    note_by_hand(desired, &put, progress);
    let logins = desired.token_logins();
    Ok(Renewed { logins: logins.iter().map(|login| renewed_login(login, round, &put, show)).collect() })
}

fn renewed_login(login: &TokenLogin, round: &Round, put: &[(String, Put)], show: bool) -> RenewedLogin {
    let print = login.app.print();
    let token = tokens::of(login.app);
    let moment = |seconds: u64| clock::moment(i64::try_from(seconds).unwrap_or_default());
    let told = |token: &Token| claims::shown(token.secret().expose());
    let ways: Vec<String> = login.ways.iter().map(|way| way.next_hop()).collect();
    let became = |one: Put| put.iter().filter(|(hop, _)| ways.contains(hop)).any(|(_, put)| *put == one);
    RenewedLogin {
        name: login.name.clone(),
        fetched: round.fetched.contains(&print),
        in_force: became(Put::InForce) && !became(Put::NotAsked) && !became(Put::ByHand),
        by_hand: became(Put::ByHand),
        ends: token.as_ref().map(|token| moment(token.ends)).unwrap_or_default(),
        due: token.as_ref().map(|token| moment(token.due())).unwrap_or_default(),
        claims: show.then(|| token.as_ref().map(told).unwrap_or_default()),
        failed: round.failed.iter().find(|failed| failed.print == print).map(|failed| failed.why.clone()),
    }
}

/// Keeps what a person's login for an application has brought, and puts the token into the table where Postfix logs in by
/// these answers. The caller holds the lock.
pub fn take(
    desired: &mut Desired,
    app: &App,
    granted: Granted,
    answers: &Path,
    progress: &mut dyn Progress,
) -> Result<RenewedLogin> {
    let last = last_run()?;
    let apps: Vec<App> = desired.apps().cloned().collect();
    let token = keep(app, &apps, granted)?;
    desired.take_token(app, &token.secret());
    // A token has come, so the record of failed attempts is removed.
    trouble::over(app, &apps);
    if answers == Path::new(load::DEFAULT) {
        rest(desired);
    }
    let round = Round { fetched: BTreeSet::from([app.print()]), ..Round::default() };
    let put = put(desired, &last, progress)?;
    note_by_hand(desired, &put, progress);
    let logins = desired.token_logins();
    let login = logins.iter().find(|login| login.app.print() == app.print());
    Ok(login.map(|login| renewed_login(login, &round, &put, false)).unwrap_or_default())
}

/// The tokens of a run, before anything is changed: a provider that refuses everybody's login ends the run; the others are
/// told of, and their mail waits. The table gets those now whose application had one already; others are a change like any
/// other.
pub fn ready(desired: &mut Desired, answers: &Path, place: Place, progress: &mut dyn Progress) -> Result<()> {
    if place == Place::Tree || desired.apps().next().is_none() {
        return Ok(());
    }
    let last = last_run()?;
    let wish = Wish { answers: Some(answers), force: false, needs_default: true, only: None };
    let mut round = ensure(desired, wish, progress)?;
    if round.failed.iter().any(|failed| failed.is_default) {
        round = round.demand()?;
    }
    let otherwise = if desired.fallbacks.is_empty() { "" } else { ", or leaves by a fallback relay" };
    for failed in &round.failed {
        progress.note(&format!(
            "{}; mail with that login waits until one comes{otherwise}, and the run goes on -> {}",
            failed.why,
            failed.why.remedy.text()
        ));
    }
    let has_news = !round.fetched.is_empty() || !round.failed.is_empty();
    if has_news && answers == Path::new(load::DEFAULT) {
        rest(desired);
    }
    if round.again {
        put(desired, &last, progress)?;
    }
    Ok(())
}

/// Has systemd, where it runs, call `relayhost token` when the first token is due; after a failure, later and later.
fn rest(desired: &Desired) {
    let (now, troubles, [chance]) = (clock::unix(), tokens::troubles(), random::bytes());
    let pause = |app: &App| match tokens::of(app) {
        Some(token) => Some(token.pause(now, chance)),
        None => troubles.of(app).map(|trouble| trouble.pause(now)),
    };
    let Some(pause) = desired.apps().filter_map(pause).min() else { return };
    let _held = signals::hold();
    service::order("stop", TIMER);
    service::order_later(SERVICE, pause);
}

/// Tokens of its own after a restore, which has put old ones back. A failure stops nothing: without a network it is only
/// reported.
pub fn after_restore(progress: &mut dyn Progress) {
    let answers = Path::new(load::DEFAULT);
    let Ok(mut desired) = load::load(answers) else { return };
    if desired.apps().next().is_none() || Place::here() == Place::Tree {
        return;
    }
    // A host that was put back to another login, or to a password that a person wrote, needs none.
    let Ok(last) = last_run() else { return };
    let Ok(in_use) = of_tokens(&desired, &last) else { return };
    let only: BTreeSet<String> = in_use.iter().filter_map(|way| way.app()).map(App::print).collect();
    if only.is_empty() {
        return;
    }
    let wish = Wish { answers: Some(answers), force: true, needs_default: false, only: Some(&only) };
    let round = ensure(&mut desired, wish, progress);
    rest(&desired);
    // Without another one, the one that is kept is younger than what was put back.
    if let Err(error) = put(&desired, &last, progress) {
        progress.note(&format!("{error}; `relayhost token` tries it again"));
    }
    let failed = match round {
        Ok(round) => round.failed.iter().map(|failed| failed.why.to_string()).collect(),
        Err(error) => vec![error.to_string()],
    };
    for why in failed {
        progress.note(&format!("{why}; `relayhost token` tries it again"));
    }
}

/// A token of an application for one look at the relay: the one that is kept, or one that nobody keeps. The login of a person
/// may come back with another refresh token, which is kept. The answers' logins with that application use it from now on.
pub fn borrow(
    desired: &mut Desired,
    app: &App,
    patience: Duration,
    progress: &mut dyn Progress,
) -> Result<Secret> {
    let alive = tokens::of(app).filter(|token| token.is_alive(clock::unix()));
    let token = if let Some(token) = alive {
        token
    } else if app.person().is_none() {
        fetch(app)?.token
    } else {
        demand_login(app)?;
        let _lock = state::lock(patience, &mut |line| progress.note(line))?;
        let only = BTreeSet::from([app.print()]);
        let wish = Wish { answers: None, force: false, needs_default: false, only: Some(&only) };
        ensure(desired, wish, progress)?.demand()?;
        // It was fetched just now, or by another run before this one had the lock.
        tokens::of(app).map_or_else(|| fetch(app).map(|granted| granted.token), Ok)?
    };
    desired.take_token(app, &token.secret());
    Ok(token.secret())
}
