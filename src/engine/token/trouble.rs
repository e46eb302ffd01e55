//! A record of the attempts to fetch a token that fail, so that `check` and the error can say since when they do.

use std::path::Path;

use crate::engine::load::DEFAULT;
use crate::error::{Error, NoToken, Result};
use crate::model::host_kind::HostKind;
use crate::model::oauth::App;
use crate::model::oauth::trouble::{Trouble, Troubles};
use crate::sys::{clock, host, tokens};

/// Notes how an attempt for an application by these answers ended, and adds to its error since when attempts fail and when the
/// next one is. `apps`: the applications of the answers. The caller holds the lock. A record that cannot be written is left
/// out: the attempt itself counts more.
pub fn note<T>(app: &App, apps: &[App], is_default: bool, answers: &Path, result: Result<T>) -> Result<T> {
    let why = match result {
        Err(Error::NoToken(why)) => *why,
        other => {
            if other.is_ok() {
                over(app, apps);
            }
            return other;
        }
    };
    let now = clock::unix();
    // There has never been a token, and nothing is in force: the error of the command that wanted the first one says
    // everything. A run goes on without the token of another login.
    if is_default && tokens::kept().ok().flatten().is_none() {
        return Err(Error::NoToken(Box::new(why)));
    }
    let before = tokens::troubles();
    let trouble = |next| Trouble::new(app, before.of(app), now, next, [&why.cause, &why.remedy.text()]);
    // The timer of the host's own answers makes the next attempt.
    let is_timed = answers == Path::new(DEFAULT) && host::kind() == HostKind::Systemd;
    let pause = tokens::of(app).map_or_else(|| trouble(None).pause(now), |token| token.pause(now, 0));
    let trouble = trouble(is_timed.then(|| now.saturating_add(pause.as_secs())));
    let (since, next) = (trouble.since, trouble.next);
    let course = trouble.course(&|at| clock::moment(i64::try_from(at).unwrap_or_default()));
    keep(&before.with(app, Some(trouble), apps));
    if since == now && next.is_none() {
        return Err(Error::NoToken(Box::new(why)));
    }
    Err(Error::NoToken(Box::new(NoToken { cause: format!("{}; {course}", why.cause), ..why })))
}

/// Notes that an application has a token that is not due.
pub fn over(app: &App, apps: &[App]) {
    let before = tokens::troubles();
    if !before.is_empty() {
        keep(&before.with(app, None, apps));
    }
}

fn keep(troubles: &Troubles) {
    let _ = tokens::keep_troubles(troubles);
}
