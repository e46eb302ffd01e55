//! Fetches the tokens of the answers' logins that are due, each by itself: one that is refused does not keep the others from
//! being fetched.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::trouble;
use crate::engine::provider::{fetch, keep_login};
use crate::engine::{Progress, stage};
use crate::error::{Error, NoToken, Result};
use crate::model::desired::Desired;
use crate::model::oauth::App;
use crate::model::oauth::reply::Granted;
use crate::model::oauth::token::Token;
use crate::model::oauth::tokens::Tokens;
use crate::model::postfix::managed::Managed;
use crate::model::postfix::postmap::MapSource;
use crate::model::state::mark::digest_of_password;
use crate::sys::{clock, files, state, tokens};

/// Number of former tokens, for each that is kept, that are remembered without a look at which of them a file still has.
const REMEMBERED: usize = 64;

/// What is asked for.
#[derive(Clone, Copy)]
pub struct Wish<'a> {
    /// The answers, if failures are to be noted.
    pub answers: Option<&'a Path>,
    /// Whether tokens that are not due are fetched too.
    pub force: bool,
    /// Whether the refusal of everybody's login ends it.
    pub needs_default: bool,
    /// The applications that it is about ([`App::print`]); `None`: all.
    pub only: Option<&'a BTreeSet<String>>,
}

/// What came of it.
#[derive(Default)]
pub struct Round {
    /// The applications for which one was fetched.
    pub fetched: BTreeSet<String>,
    /// Whether one of them had a token before.
    pub again: bool,
    /// Those that were refused, or got no answer.
    pub failed: Vec<Failed>,
}

/// A login whose token could not be fetched.
pub struct Failed {
    /// The application.
    pub print: String,
    /// Whether it is everybody's login.
    pub is_default: bool,
    /// Why. It names the login if there are several.
    pub why: NoToken,
}

impl Round {
    /// The same; an error if a token could not be fetched: for everybody's login, or for the first.
    pub fn demand(mut self) -> Result<Self> {
        self.failed.sort_by_key(|failed| !failed.is_default);
        match self.failed.first() {
            Some(failed) => Err(Error::NoToken(Box::new(failed.why.clone()))),
            None => Ok(self),
        }
    }
}

/// Has the answers' logins use tokens that are not due yet; fetches those that are. The caller holds the lock. An error ends
/// it at once; that no token was given is none.
pub fn ensure(desired: &mut Desired, wish: Wish, progress: &mut dyn Progress) -> Result<Round> {
    let logins = desired.token_logins();
    let is_one = logins.len() == 1;
    let of = |name: &str| Some(name.to_owned()).filter(|_| !is_one);
    let logins: Vec<(App, Option<String>, bool)> =
        logins.iter().map(|login| (login.app.clone(), of(&login.name), login.is_default)).collect();
    let apps: Vec<App> = logins.iter().map(|(app, ..)| app.clone()).collect();
    let (mut round, mut hosts) = (Round::default(), Hosts::default());
    for (app, name, is_default) in logins {
        let print = app.print();
        if wish.only.is_some_and(|only| !only.contains(&print)) {
            continue;
        }
        let had_one = tokens::of(&app).is_some();
        let result = one(&app, &apps, name.as_deref(), wish.force, &mut hosts, progress);
        let result = match wish.answers {
            Some(answers) => trouble::note(&app, &apps, is_default, answers, result),
            None => result,
        };
        match result {
            Ok(Some(token)) => {
                desired.take_token(&app, &token.secret());
                round.again |= had_one;
                round.fetched.insert(print);
            }
            Ok(None) => {}
            Err(Error::NoToken(why)) => {
                round.failed.push(Failed { print, is_default, why: NoToken { login: name, ..*why } });
                if is_default && wish.needs_default {
                    break;
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(round)
}

/// The hosts of identity providers, as this run has met them.
#[derive(Default)]
struct Hosts {
    /// Those that gave no answer, with the reason: they are asked once.
    mute: BTreeMap<String, NoToken>,
    /// Those that have answered for some login: where they are silent for another, that is about the other's tenant.
    spoke: BTreeSet<String>,
}

/// Fetches the token of one login, if it is due. `None`: the one that is kept is not.
fn one(
    app: &App,
    apps: &[App],
    name: Option<&str>,
    force: bool,
    hosts: &mut Hosts,
    progress: &mut dyn Progress,
) -> Result<Option<Token>> {
    let (now, kept) = (clock::unix(), tokens::of(app));
    if kept.as_ref().is_some_and(|token| !token.is_due(now)) && !force {
        return Ok(None);
    }
    let mut fetched = None;
    let result = stage(progress, "token", |_| {
        if let Some(why) = hosts.mute.get(app.host()) {
            return Err(Error::NoToken(Box::new(why.clone())));
        }
        let token = keep(app, apps, fetch(app)?)?;
        let end = clock::moment(i64::try_from(token.ends).unwrap_or_default());
        let whose = name.map(|name| format!("{name}: ")).unwrap_or_default();
        let text = format!("{whose}from {} until {end}", app.host());
        fetched = Some(token);
        Ok(text)
    });
    match (result, kept) {
        (Err(Error::NoToken(why)), kept) => {
            let host = app.host().to_owned();
            if why.answered {
                hosts.spoke.insert(host);
            } else if !hosts.spoke.contains(&host) {
                hosts.mute.insert(host, (*why).clone());
            }
            let alive = kept.filter(|token| token.is_alive(now));
            let until = alive.map(|token| clock::moment(i64::try_from(token.ends).unwrap_or_default()));
            Err(Error::NoToken(Box::new(NoToken { until, ..*why })))
        }
        (result, _) => {
            hosts.spoke.extend(fetched.is_some().then(|| app.host().to_owned()));
            result.map(|()| fetched)
        }
    }
}

/// Keeps what was granted: the refresh token first, since the one before it may not be good any more. `apps`: the
/// applications of the answers. The caller holds the lock.
pub fn keep(app: &App, apps: &[App], granted: Granted) -> Result<Token> {
    keep_login(app, apps, &granted)?;
    let token = granted.token;
    let mut all = Tokens::with(tokens::kept().ok().flatten(), token.clone(), apps);
    // If the files cannot be read, nothing is forgotten.
    if let Some(needed) = all.remembers_more_than(REMEMBERED).then(|| in_files().ok()).flatten() {
        all.forget(&needed);
    }
    tokens::keep(&all)?;
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
