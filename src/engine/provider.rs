//! Questions to an identity provider, and what it gives.

use std::time::Duration;

use super::observe::ca_files;
use crate::error::{Error, NoToken, RUN_AGAIN, Result};
use crate::model::oauth::answer::Answer;
use crate::model::oauth::login::{Login, Logins, missing};
use crate::model::oauth::refusal::{Refusal, UNKNOWN};
use crate::model::oauth::reply::{self, Granted};
use crate::model::oauth::{App, request};
use crate::model::plan::token::replace;
use crate::model::secret::Secret;
use crate::model::state::generation::hex;
use crate::sys::{clock, http, random, secrets, signals, signature, tokens};

/// Most time for one question.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks for an access token. The caller keeps the result by [`keep_login`] before it uses it, since a new refresh token may
/// have come with it.
pub fn fetch(app: &App) -> Result<Granted> {
    let now = clock::unix();
    app.ended(now).map_or(Ok(()), |day| {
        Err(refused(Refusal {
            id: "oauth-certificate-unknown",
            cause: format!("the certificate has ended on {}", clock::date(day)),
            remedy: replace(app, "certificate"),
            evidence: String::new(),
            passes: false,
        }))
    })?;
    let given = match app.person() {
        Some(_) => Some(refresh_token(app)?),
        None => assertion(app, now)?,
    };
    // The provider may repeat the assertion or the refresh token in its answer.
    if let Some(given) = &given {
        secrets::know("", given);
    }
    let answer = ask(app, &app.token_url, &request::form(app, given.as_ref()))?;
    granted(app, reply::read(app, &answer, clock::unix()).map_err(refused)?)
}

/// Has the granted tokens hidden. An error if Exchange Online would not take the access token.
pub fn granted(app: &App, granted: Granted) -> Result<Granted> {
    secrets::know(&app.mailbox, &granted.token.secret());
    if let Some(refresh) = &granted.refresh {
        secrets::know("", refresh);
    }
    match reply::unfit(app, &granted.token) {
        None => Ok(granted),
        Some(why) => Err(refused(Refusal {
            id: "token-audience",
            cause: format!("the token is not for Exchange: {why}"),
            remedy: "have the token's scope be that of Exchange: take the preset of your cloud".into(),
            evidence: String::new(),
            passes: false,
        })),
    }
}

/// Notes that the login of a person was used, and keeps its new refresh token; it is on the disk when this returns. `apps`:
/// the applications of the answers, whose logins stay. The caller holds the lock.
pub fn keep_login(app: &App, apps: &[App], granted: &Granted) -> Result<()> {
    if app.person().is_none() {
        return Ok(());
    }
    let kept = tokens::logins().ok().flatten();
    let login = kept.as_ref().and_then(|logins| logins.of(app)).cloned();
    let (now, refresh) = (clock::unix(), granted.refresh.as_ref());
    let login = match (login, refresh) {
        (Some(login), _) => login.used(refresh, now),
        (None, Some(refresh)) => Login::new(app, refresh, now),
        (None, None) => return Ok(()),
    };
    tokens::keep_logins(&Logins::with(kept, login, apps))
}

/// Fails if the application needs a person who has logged in, and nobody has.
pub fn demand_login(app: &App) -> Result<()> {
    app.person().map_or(Ok(()), |_| refresh_token(app).map(|_| ()))
}

/// The refresh token of the person who has logged in for an application.
fn refresh_token(app: &App) -> Result<Secret> {
    // The command that took the lock has moved a record that cannot be used aside, and reported it.
    let kept = tokens::logins().ok().flatten();
    if let Some(login) = kept.as_ref().and_then(|logins| logins.of(app)) {
        return Ok(login.secret());
    }
    Err(refused(Refusal {
        id: UNKNOWN,
        cause: missing(kept.as_ref()).to_owned(),
        remedy: format!("`{}`", app.login),
        evidence: String::new(),
        passes: false,
    }))
}

fn assertion(app: &App, now: u64) -> Result<Option<Secret>> {
    let Some(assertion) = request::assertion(app, now, &hex(&random::bytes::<16>())) else { return Ok(None) };
    let signed = signature::sign(&assertion).ok_or_else(|| {
        let cause = "the system gives no random numbers".to_owned();
        silent(cause, RUN_AGAIN.into(), true)
    });
    signed.map(Some)
}

/// Puts one question to an address of the provider's.
pub fn ask(app: &App, url: &str, form: &Secret) -> Result<Answer> {
    let way = http::Via::new(app.proxy.as_deref()).map_err(|variable| {
        let cause = format!("the environment's {variable} is not the address of a proxy that can be used");
        let remedy = format!("set {variable} as http://proxy.example.com:3128, or unset it; network.proxy in the answers counts before it");
        silent(cause, remedy, false)
    })?;
    let bundle = ca_files("").into_iter().next();
    let answer = http::post(url, form, &way, bundle.as_deref(), reply::LIMIT, clock::now() + PATIENCE);
    signals::check()?;
    let host = url.trim_start_matches("https://").split('/').next().unwrap_or_default();
    answer.map_err(|words| {
        let proxy = way.proxy().map(|proxy| format!(", through the proxy {proxy}")).unwrap_or_default();
        let remedy = format!("see that this host reaches https://{host}: a firewall, DNS, or a proxy (proxy under [network] in the answers, or HTTPS_PROXY) may stand between");
        silent(format!("{host}{proxy}: {words}"), remedy, true)
    })
}

/// The error for a provider that refuses.
pub fn refused(why: Refusal) -> Error {
    let Refusal { id, cause, remedy, evidence, passes } = why;
    Error::NoToken(Box::new(NoToken {
        id,
        cause,
        remedy: remedy.into(),
        evidence,
        answered: true,
        passes,
        until: None,
        login: None,
    }))
}

/// The error for a provider that could not be asked, or did not answer. `passes`: whether a later attempt may succeed.
fn silent(cause: String, remedy: String, passes: bool) -> Error {
    let (id, evidence) = (UNKNOWN, String::new());
    Error::NoToken(Box::new(NoToken {
        id,
        cause,
        remedy: remedy.into(),
        evidence,
        answered: false,
        passes,
        until: None,
        login: None,
    }))
}
