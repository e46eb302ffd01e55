//! Speaks to the relay as Postfix would, without sending mail: name, connection, TLS, login, sender, recipient, and
//! back. Nothing is written, and DATA is never said. One login is tried at most: a refused password that is tried
//! again locks the account.

pub(super) mod facts;
mod session;
mod talk;

use std::time::Duration;

use super::{End, Progress, Silent};
use crate::error::{Error, Result};
use crate::model::desired::Desired;
use crate::model::probe::route::Route;
use crate::model::probe::{Ending, Probe};
use crate::sys::{clock, signals};

/// How long a probe may take unless told otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// Tries what `desired` asks for. Postfix may be missing on the host: then its defaults stand for its settings. The
/// caller needs no lock, and nothing of the answers needs to be in force.
pub fn probe(desired: &Desired, timeout: Duration, progress: &mut dyn Progress) -> Result<Probe> {
    let host = facts::host()?;
    let (route, waits) = facts::route_of_answers(desired, &host);
    converse(&route, &host, waits, timeout, progress)
}

/// Tries what the host's Postfix is set to now. `answers` give the recipient, and the local sender, if there are some.
pub fn probe_current(
    answers: Option<&Desired>,
    timeout: Duration,
    progress: &mut dyn Progress,
) -> Result<Probe> {
    let host = facts::host()?;
    let Some(route) = facts::route_of_host(answers, &host)? else { return Err(Error::NoRelay) };
    converse(&route, &host, Vec::new(), timeout, progress)
}

/// The probe as one stage of a command that goes on afterwards, unless the relay would refuse for certain. A probe that
/// cannot be made stops nothing: the test message says more.
pub fn probe_first(
    desired: &Desired,
    patience: Duration,
    progress: &mut dyn Progress,
) -> Result<Option<Probe>> {
    let begin = clock::now();
    progress.begin("probe");
    let result = probe(desired, TIMEOUT.min(patience), &mut Silent);
    let text = match &result {
        Ok(found) => match (&found.ending, found.stages.last()) {
            (Ending::Willing, _) => format!("{} would take the message", found.relayhost),
            (Ending::Failed(failure), Some(stage)) if found.is_veto() => {
                format!("{}: {}", stage.name, failure.cause)
            }
            (_, Some(stage)) => {
                format!("no verdict, the test message decides: {}: {}", stage.name, stage.text)
            }
            (_, None) => "no verdict, the test message decides".to_owned(),
        },
        Err(error) if error.interruption().is_some() => "cut off".to_owned(),
        Err(error) => format!("could not be made, the test message decides: {error}"),
    };
    let end = match &result {
        Ok(found) if matches!(found.ending, Ending::Willing) => End::Good,
        Ok(found) if found.is_veto() => End::Bad,
        _ => End::Open,
    };
    let cut_off = signals::check();
    progress.end(if cut_off.is_ok() { end } else { End::Open }, &text, begin.elapsed());
    cut_off.map(|()| result.ok())
}

/// `waits` are plugins that will be installed, and are not there yet.
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
    // What it found when it was cut off says nothing of the relay.
    signals::check()?;
    Ok(talk.probe(ending))
}
