//! A record of the attempts to fetch a token that fail, so that `check` and the error can say since when they do.

use std::path::Path;

use crate::engine::load::DEFAULT;
use crate::error::{Error, NoToken, Result};
use crate::model::desired::Desired;
use crate::model::host_kind::HostKind;
use crate::model::oauth::trouble::Trouble;
use crate::sys::{clock, host, tokens};

/// Notes how an attempt by these answers ended, and adds to its error since when attempts fail and when the next one is. The
/// caller holds the lock. A record that cannot be written is left out: the attempt itself counts more.
pub fn note<T>(desired: &Desired, answers: &Path, result: Result<T>) -> Result<T> {
    let Some(app) = desired.app() else { return result };
    let why = match result {
        Err(Error::NoToken(why)) => *why,
        other => {
            if other.is_ok() {
                let _ = tokens::keep_trouble(None);
            }
            return other;
        }
    };
    let now = clock::unix();
    // There has never been a token: the error of the command that wanted the first one says everything.
    let Some(kept) = tokens::kept().ok().flatten() else { return Err(Error::NoToken(Box::new(why))) };
    // The timer of the host's own answers makes the next attempt.
    let kept = Some(kept).filter(|token| token.is_for(app));
    let is_timed = answers == Path::new(DEFAULT) && host::kind() == HostKind::Systemd;
    let next = kept.filter(|_| is_timed).map(|token| now.saturating_add(token.pause(now, 0).as_secs()));
    let trouble = Trouble::new(app, tokens::trouble().as_ref(), now, next, [&why.cause, &why.remedy.text()]);
    let _ = tokens::keep_trouble(Some(&trouble));
    if trouble.since == now && next.is_none() {
        return Err(Error::NoToken(Box::new(why)));
    }
    let course = trouble.course(&|at| clock::moment(i64::try_from(at).unwrap_or_default()));
    Err(Error::NoToken(Box::new(NoToken { cause: format!("{}; {course}", why.cause), ..why })))
}
