//! `relayhost login`: a person logs in once, by another device or at a page, and relayhost keeps the refresh token. The lock
//! is not held while the person logs in.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::load::Source;
use super::provider::{ask, granted, refused};
use super::recover::lock_and_recover;
use super::token::take;
use super::{Place, Progress, stage};
use crate::error::{Complaint, Error, Result};
use crate::model::desired::Desired;
use crate::model::ended::{Idle, LoggedIn};
use crate::model::oauth::person::{self, Challenge, Invitation, Page, Polled};
use crate::model::oauth::refusal::{Refusal, UNKNOWN};
use crate::model::oauth::reply::{self, Granted};
use crate::model::oauth::{App, Provider, claims};
use crate::model::secret::Secret;
use crate::model::text;
use crate::model::token_logins::TokenLogin;
use crate::sys::{clock, random, secrets};

/// Pause between two lines that say that relayhost still waits.
const LINE: Duration = Duration::from_secs(10);

/// A login that has begun.
#[derive(Debug)]
pub struct Login {
    answers: PathBuf,
    desired: Desired,
    app: App,
    /// What the person has to do.
    pub task: Task,
}

/// What the person has to do.
#[derive(Debug)]
pub enum Task {
    /// Type a code at another device.
    Type(Invitation),
    /// Log in at a page, and bring back the address that the browser ends at.
    Visit {
        /// The address of the page.
        address: String,
        /// The random values by which the pasted address is recognised, and its code redeemed.
        challenge: Challenge,
    },
}

/// Number of commands that are listed.
const LISTED: usize = 5;

/// The application that a person logs in for; `who`: the word for which of several.
fn which<'a>(desired: &'a Desired, who: Option<&str>) -> Result<std::result::Result<&'a App, Idle>> {
    let all = desired.token_logins();
    if let Some(who) = who.filter(|who| !all.iter().any(|login| login.is_called(who))) {
        return Err(nobody(who, &all));
    }
    if all.is_empty() {
        return Ok(Err(Idle::NoToken));
    }
    let has_person = |login: &&TokenLogin| login.app.person().is_some();
    let persons: Vec<&TokenLogin> = all.iter().filter(has_person).collect();
    if persons.is_empty() {
        return Ok(Err(Idle::NoPerson));
    }
    let is_meant = |login: &&&TokenLogin| who.is_none_or(|who| login.is_called(who));
    let meant: Vec<&&TokenLogin> = persons.iter().filter(is_meant).collect();
    let problem = match meant[..] {
        [login] => return Ok(Ok(login.app)),
        [] => format!("the login `{}` needs no person", text::one_line(who.unwrap_or_default())),
        _ => "these answers have several logins for which a person logs in".to_owned(),
    };
    Err(Complaint::new(problem, commands(&persons)).of("login", None))
}

/// The error for a name that is no login by an access token.
fn nobody(who: &str, all: &[TokenLogin]) -> Error {
    let problem =
        format!("`{}` is the user of no login by an access token in these answers", text::one_line(who));
    let persons: Vec<&TokenLogin> = all.iter().filter(|login| login.app.person().is_some()).collect();
    let names: Vec<String> = all.iter().map(|login| login.name.clone()).collect();
    let remedy = match (names.is_empty(), persons.is_empty()) {
        (true, _) => {
            "none of their logins is by an access token ([auth.oauth]), so nobody has to log in".into()
        }
        (false, true) => {
            format!("there is {}, for which nobody has to log in (auth.oauth.flow)", text::few(&names))
        }
        (false, false) => commands(&persons),
    };
    Complaint::new(problem, remedy).of("login", None)
}

/// The commands by which persons log in, of many the first.
fn commands(persons: &[&TokenLogin]) -> String {
    let commands = persons.iter().take(LISTED).map(|login| format!("`{}`", login.app.login));
    let commands = commands.collect::<Vec<_>>().join(", or ");
    let more = persons.len().saturating_sub(LISTED);
    if more > 0 { format!("{commands}, or {more} more") } else { commands }
}

impl Login {
    /// Begins the login that the answers ask for; `who`: which of several.
    pub fn begin(answers: &Path, who: Option<&str>) -> Result<std::result::Result<Self, Idle>> {
        let desired = Source::new(answers)?.load()?;
        let app = match which(&desired, who)? {
            Ok(app) => app.clone(),
            Err(idle) => return Ok(Err(idle)),
        };
        let Some(person) = app.person() else { return Ok(Err(Idle::NoPerson)) };
        let task = match &person.page {
            Page::Device(url) => {
                let answer = ask(&app, url, &person::begin(&app))?;
                let invitation = Invitation::read(&app, &answer, clock::unix()).map_err(refused)?;
                secrets::know("", &invitation.device);
                Task::Type(invitation)
            }
            Page::Code(page) => {
                let challenge = Challenge::new(random::bytes(), random::bytes());
                secrets::know("", challenge.verifier());
                Task::Visit { address: challenge.address(&app, page), challenge }
            }
        };
        Ok(Ok(Self { answers: answers.to_owned(), desired, app, task }))
    }

    /// Asks until the person has typed the code, and keeps the login.
    pub fn wait(self, patience: Duration, progress: &mut dyn Progress) -> Result<LoggedIn> {
        let Task::Type(invitation) = &self.task else { return Err(self.unfinished()) };
        let mut came = None;
        stage(progress, "login", |progress| {
            came = Some(self.poll(invitation, progress)?);
            Ok(format!("{} has let {} in", self.app.host(), self.app.mailbox))
        })?;
        self.keep(came, patience, progress)
    }

    fn poll(&self, invitation: &Invitation, progress: &mut dyn Progress) -> Result<Granted> {
        let (app, form) = (&self.app, person::poll(&self.app, &invitation.device));
        let (begin, mut interval, mut told) = (clock::now(), invitation.interval, clock::now());
        loop {
            clock::sleep(interval)?;
            let left = invitation.life.saturating_sub(begin.elapsed());
            if left.is_zero() {
                return Err(refused(Refusal {
                    id: UNKNOWN,
                    cause: "the code has ended before anybody typed it".into(),
                    remedy: format!("`{}` gives another one", app.login),
                    evidence: String::new(),
                    passes: false,
                }));
            }
            match ask(app, &app.token_url, &form) {
                Ok(answer) => match person::polled(app, &answer, clock::unix()) {
                    Ok(Polled::Granted(given)) => return granted(app, given),
                    Ok(Polled::Pending) => {}
                    Ok(Polled::TooFast) => interval = Invitation::slower(interval),
                    Err(why) if why.passes => interval = Invitation::after_silence(interval),
                    Err(why) => return Err(refused(why)),
                },
                Err(error) if error.can_retry() => {
                    progress.note(&error.to_string());
                    interval = Invitation::after_silence(interval);
                }
                Err(error) => return Err(error),
            }
            if is_time(&mut told) {
                progress.note(&format!("nobody has typed the code yet; it ends in {} s", left.as_secs()));
            }
        }
    }

    /// The code in the address that the person pastes. The error says why the address does not belong to this login, and
    /// what to paste instead.
    pub fn code(&self, pasted: &str) -> std::result::Result<Secret, Complaint> {
        match &self.task {
            Task::Visit { challenge, .. } => challenge.code(pasted),
            Task::Type(_) => Err(Complaint::new("this login has no address to bring", "type the code")),
        }
    }

    /// Redeems that code for the tokens, and keeps the login.
    pub fn redeem(self, code: &Secret, patience: Duration, progress: &mut dyn Progress) -> Result<LoggedIn> {
        let Task::Visit { challenge, .. } = &self.task else { return Err(self.unfinished()) };
        secrets::know("", code);
        let form = person::redeem(&self.app, challenge, code);
        let mut came = None;
        stage(progress, "login", |_| {
            let answer = ask(&self.app, &self.app.token_url, &form)?;
            let given = reply::read(&self.app, &answer, clock::unix()).map_err(refused)?;
            came = Some(granted(&self.app, given)?);
            Ok(format!("{} has let {} in", self.app.host(), self.app.mailbox))
        })?;
        self.keep(came, patience, progress)
    }

    /// Keeps the tokens that the login has brought.
    fn keep(
        mut self,
        came: Option<Granted>,
        patience: Duration,
        progress: &mut dyn Progress,
    ) -> Result<LoggedIn> {
        let Some(granted) = came else { return Err(self.unfinished()) };
        if granted.refresh.is_none() {
            return Err(self.without_refresh());
        }
        let user = claims::user(granted.token.secret().expose());
        let other = user.filter(|user| !user.eq_ignore_ascii_case(&self.app.mailbox));
        let _held = lock_and_recover(patience, Place::here(), progress)?;
        let renewed = take(&mut self.desired, &self.app, granted, &self.answers, progress)?;
        Ok(LoggedIn { mailbox: self.app.mailbox, other, renewed })
    }

    /// The error for a provider that gave an access token, and no refresh token to fetch the next one by.
    fn without_refresh(&self) -> Error {
        let remedy = match self.app.provider {
            Provider::Other => {
                "have the provider give the application refresh tokens; most want offline_access in auth.oauth.scope"
            }
            Provider::Google => {
                "remove the application at https://myaccount.google.com/connections, then log in again"
            }
            Provider::Microsoft => {
                "have the application's owner look for a policy of the tenant that forbids refresh tokens"
            }
        };
        refused(Refusal {
            id: UNKNOWN,
            cause: "the provider gave no refresh token, without which the login ends within hours".into(),
            remedy: remedy.into(),
            evidence: String::new(),
            passes: false,
        })
    }

    /// The error for a login that was begun by one flow and continued by the other.
    fn unfinished(&self) -> Error {
        refused(Refusal {
            id: UNKNOWN,
            cause: "the login did not come to its end".into(),
            remedy: format!("`{}`", self.app.login),
            evidence: String::new(),
            passes: true,
        })
    }
}

/// Whether it is time for another line of progress. `told`: when the last one was shown.
fn is_time(told: &mut Instant) -> bool {
    let is_time = told.elapsed() >= LINE;
    if is_time {
        *told = clock::now();
    }
    is_time
}
