//! Speaks to the relay as Postfix would, without sending mail: name, connection, TLS, login, sender, recipient, and
//! back. Nothing is written, and DATA is never said. One login is tried at most: a refused password that is tried
//! again locks the account.

mod facts;
mod session;
mod talk;

use std::time::Duration;

use super::Progress;
use crate::error::{Error, Result};
use crate::model::desired::Desired;
use crate::model::probe::{Ending, Probe};
use crate::model::route::Route;

/// How long a probe may take unless told otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(30);

/// Tries what `desired` asks for. Postfix may be missing on the host: then its defaults stand for its settings. The
/// caller needs no lock, and nothing of the answers needs to be in force.
pub fn probe(desired: &Desired, timeout: Duration, progress: &mut dyn Progress) -> Result<Probe> {
    let host = facts::host()?;
    let (route, waits) = facts::route_of_answers(desired, &host);
    Ok(converse(&route, &host, waits, timeout, progress))
}

/// Tries what the host's Postfix is set to now. `answers` give the recipient, and the local sender, if there are some.
pub fn probe_current(
    answers: Option<&Desired>,
    timeout: Duration,
    progress: &mut dyn Progress,
) -> Result<Probe> {
    let host = facts::host()?;
    let Some(route) = facts::route_of_host(answers, &host)? else { return Err(Error::NoRelay) };
    Ok(converse(&route, &host, Vec::new(), timeout, progress))
}

/// `waits` are plugins that will be installed, and are not there yet.
fn converse(
    route: &Route,
    host: &facts::Host,
    waits: Vec<String>,
    timeout: Duration,
    progress: &mut dyn Progress,
) -> Probe {
    let mut talk = talk::Talk::new(route, host, waits, timeout, progress);
    let ending = match session::run(&mut talk) {
        Ok(()) => Ending::Willing,
        Err(stop) => *stop.ending,
    };
    talk.probe(ending)
}
