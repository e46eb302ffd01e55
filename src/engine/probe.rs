//! Speaks to the relay as Postfix would, without sending mail: name, connection, TLS, login, sender, recipient, RSET.
//! It writes nothing, and never sends DATA. It tries one login at most: a refused password that is tried again locks
//! the account.

mod bounds;
mod facts;
pub mod first;
pub mod names;
mod session;
mod talk;
mod ways;

use std::path::Path;
use std::time::{Duration, Instant};

pub use bounds::Bounds;

use super::transaction::require_main_cf;
use super::{End, Progress, load, route as way, token};
use crate::error::{Error, Exit, NoToken, Result};
use crate::model::causes::failure::Failure;
use crate::model::desired::Desired;
use crate::model::exits::{EVERYBODY, FALLBACK, named};
use crate::model::leaving::ways::ways as ways_of;
use crate::model::observed::Postfix;
use crate::model::postfix::settings::Settings;
use crate::model::probe::route::Route;
use crate::model::probe::{Ending, Probe, ProbeStage, Probes};
use crate::model::state::last_probes::Verdicts;
use crate::sys::{clock, last_probes, postfix, signals};

/// The longest time for a probe without `--timeout`.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// Tries the configuration that `desired` asks for, which need not be in force. If Postfix is missing on the host, its
/// defaults stand for its settings. Needs no lock.
pub fn probe(desired: &Desired, timeout: Duration, progress: &mut dyn Progress) -> Result<Probe> {
    let (settings, postfix) = facts::observed(desired)?;
    try_answers(desired, settings, postfix.as_ref(), timeout, progress)
}

/// The same, of a Postfix that is known.
fn try_answers(
    desired: &Desired,
    settings: Settings,
    postfix: Option<&Postfix>,
    timeout: Duration,
    progress: &mut dyn Progress,
) -> Result<Probe> {
    let host = facts::host(settings);
    let (route, waits) = facts::route_of_answers(desired, postfix, &host);
    converse(&route, &host, waits, timeout, progress)
}

/// Tries answers that are being made: their access token is fetched first, and a provider that gives none is a failure of
/// the probe.
pub fn probe_typed(desired: &mut Desired, timeout: Duration, progress: &mut dyn Progress) -> Result<Probe> {
    let begin = clock::now();
    match borrow(desired, timeout, progress) {
        Ok(()) => probe(desired, timeout, progress),
        Err(Error::NoToken(why)) => Ok(without_token(desired, *why, begin, progress)),
        Err(other) => Err(other),
    }
}

/// Has the login of the way that is tried use its access token, if it has one.
fn borrow(desired: &mut Desired, timeout: Duration, progress: &mut dyn Progress) -> Result<()> {
    let Some(app) = desired.app().cloned() else { return Ok(()) };
    token::borrow(desired, &app, timeout, progress).map(|_| ())
}

/// The probe of a relay at which nobody can log in, since its access token was not given.
fn without_token(desired: &Desired, why: NoToken, begin: Instant, progress: &mut dyn Progress) -> Probe {
    let refused = why.exit() == Exit::Refused;
    let evidence = Some(why.evidence.clone()).filter(|words| !words.is_empty()).into_iter().collect();
    let failure = Failure::new(
        refused,
        why.id,
        format!("no access token was given: {}", why.cause),
        why.remedy,
        evidence,
    );
    let stage = ProbeStage {
        name: "token",
        good: false,
        text: failure.cause.clone(),
        offered: Vec::new(),
        said: None,
        took: begin.elapsed(),
    };
    progress.begin(stage.name);
    progress.end(End::Bad, &stage.text, stage.took);
    let relayhost = desired.relayhost();
    let to = desired.verify.to.clone();
    let ending = Ending::Failed(failure);
    Probe { relayhost, to, stages: vec![stage], took: begin.elapsed(), ending, ..Probe::default() }
}

/// Tries the answers in this file, or with `current` the settings of the host's Postfix.
pub fn probe_alone(
    answers: &Path,
    current: bool,
    timeout: Duration,
    progress: &mut dyn Progress,
) -> Result<Probe> {
    if !current {
        let mut desired = load::load(answers)?;
        borrow(&mut desired, timeout, progress)?;
        return probe(&desired, timeout, progress);
    }
    // The answers give the recipient and the local sender alone, and a host that was set up by hand has none.
    let answers = load::is_answered().then(|| load::load(answers)).transpose()?;
    require_main_cf()?;
    if !postfix::is_installed() {
        return Err(Error::NoRelay);
    }
    let known = way::host()?;
    let host = facts::host(known.settings.clone());
    let Some(route) = facts::route_of_host(answers.as_ref(), known, &host) else {
        return Err(Error::NoRelay);
    };
    converse(&route, &host, Vec::new(), timeout, progress)
}

/// Tries each way of the answers in this file once: the relay, the accounts of senders, the servers of routes and the fallback
/// relays. `timeout` is for each; `Bounds` has the limit of all.
pub fn probe_all(answers: &Path, timeout: Duration, progress: &mut dyn Progress) -> Result<Probes> {
    let mut desired = load::load(answers)?;
    borrow(&mut desired, timeout, progress)?;
    let (settings, postfix) = facts::observed(&desired)?;
    progress.note(&format!("{EVERYBODY}: {}", desired.relayhost()));
    let first = try_answers(&desired, settings.clone(), postfix.as_ref(), timeout, progress)?;
    let (mut others, mut verdicts) = (Vec::new(), Verdicts::new());
    let mut bounds = Bounds::of_all(timeout);
    bounds.heed(&desired.relayhost(), &first);
    for (whose, mut one) in ways::others(&desired) {
        if bounds.time_for(&whose, &one.relayhost()).is_none() {
            continue;
        }
        progress.note(&format!("{whose}: {}", one.relayhost()));
        let begin = clock::now();
        if let Some(app) = one.app().cloned() {
            // It is kept beside those of all the answers.
            match token::borrow(&mut desired, &app, timeout, progress) {
                Ok(token) => one.take_token(&app, &token),
                Err(Error::NoToken(why)) => {
                    others.push((whose, without_token(&one, *why, begin, progress)));
                    continue;
                }
                Err(other) => return Err(other),
            }
        }
        // The way of the test message through this host says nothing of another's.
        let tried = try_answers(&one, settings.clone(), None, timeout, progress)?;
        bounds.heed(&one.relayhost(), &tried);
        verdicts.extend(ways::verdicts(&desired, &one, &tried));
        others.push((whose, tried));
    }
    if answers == Path::new(load::DEFAULT) {
        remember(&desired, verdicts, progress);
    }
    let mut found = Probes { first, others, untried: bounds.untried() };
    probe_senders(&desired, &settings, timeout, &mut found, progress)?;
    Ok(found)
}

/// Notes what was found of the ways of the host's own answers, for `check`.
pub fn remember(desired: &Desired, verdicts: Verdicts, progress: &mut dyn Progress) {
    let tables = ways_of(desired).into_iter().map(|way| way.table).collect();
    if let Err(error) = last_probes::note(verdicts, &tables) {
        progress.note(&format!("`relayhost check` does not show what the probes found ({error})"));
    }
}

/// Tries the senders of accounts at each fallback relay that would take mail of everybody: a login that is refused is not tried
/// again.
fn probe_senders(
    desired: &Desired,
    settings: &Settings,
    timeout: Duration,
    found: &mut Probes,
    progress: &mut dyn Progress,
) -> Result<()> {
    let mut bounds = Bounds::of_all(timeout);
    for fallback in ways::fallbacks(desired) {
        let Some(of_relay) = found.willing_mut(&fallback.relayhost()) else { continue };
        for (account, one) in ways::senders_at(desired, &fallback.first) {
            let whose = format!("{FALLBACK}, of {}", named(account));
            if bounds.time_for(&whose, &one.relayhost()).is_none() {
                continue;
            }
            progress.note(&format!("{whose}: {}", one.relayhost()));
            let tried = try_answers(&one, settings.clone(), None, timeout, progress)?;
            of_relay.heed_sender(account, &fallback.first, &tried);
        }
    }
    found.untried.extend(bounds.untried());
    Ok(())
}

/// Whose mail was tried, each with its probe, and what was not tried.
pub type Tried = (Vec<(String, Probe)>, Vec<String>);

/// Tries each server of a route once for each domain, without a message. `timeout` is for each; `Bounds` has the limit of all. Returns what was
/// found, and what was not tried.
pub fn probe_routes(desired: &Desired, timeout: Duration, progress: &mut dyn Progress) -> Result<Tried> {
    let (settings, _) = facts::observed(desired)?;
    let timeout = timeout.min(TIMEOUT);
    let (mut all, mut bounds) = (Vec::new(), Bounds::of_all(timeout));
    for (whose, one) in ways::routes(desired) {
        if bounds.time_for(&whose, &one.relayhost()).is_some() {
            progress.note(&format!("{whose}: {}", one.relayhost()));
            let found = try_answers(&one, settings.clone(), None, timeout, progress)?;
            bounds.heed(&one.relayhost(), &found);
            all.push((whose, found));
        }
    }
    Ok((all, bounds.untried()))
}

/// Runs the stages. `waits` are plugins that will be installed, and are not there yet.
fn converse(
    route: &Route,
    host: &facts::Host,
    waits: Vec<String>,
    timeout: Duration,
    progress: &mut dyn Progress,
) -> Result<Probe> {
    let mut talk = talk::Talk::new(route, host, waits, timeout, progress);
    let ending = match session::run(&mut talk) {
        Ok(()) => Ending::Willing,
        Err(stop) => *stop.ending,
    };
    // The findings of a probe that was cut off say nothing of the relay.
    signals::check()?;
    Ok(talk.probe(ending))
}
