//! The part of a plan that is about access tokens. They are renewed beside the runs; mail stops when one has ended, or when
//! the secret, the certificate or the person's login has ended that it is fetched with.

use super::ending::{Ending, SOON};
use super::{Plan, Remedy, State};
use crate::model::desired::Desired;
use crate::model::oauth::login::{Login, Logins, missing};
use crate::model::oauth::token::Token;
use crate::model::oauth::tokens::Tokens;
use crate::model::oauth::trouble::Troubles;
use crate::model::oauth::{App, Proof, Provider};

/// Seconds of a day.
const DAY: i64 = 86_400;

/// What a look at the tokens needs to know. Times are in seconds since 1970.
pub struct Sight<'a> {
    /// The tokens that were fetched last.
    pub kept: Option<&'a Tokens>,
    /// The failures since then.
    pub troubles: &'a Troubles,
    /// The logins of persons.
    pub logins: Option<&'a Logins>,
    /// The time of the look.
    pub now: u64,
    /// How long Postfix keeps a message (`maximal_queue_lifetime`), in seconds, if it is known.
    pub lifetime: Option<u64>,
    /// Writes a moment for a person.
    pub when: &'a dyn Fn(u64) -> String,
}

impl Sight<'_> {
    /// The login of the person that an application fetches tokens by.
    fn login(&self, app: &App) -> Option<&Login> {
        self.logins.and_then(|logins| logins.of(app))
    }
}

/// The remedy for a token that is missing.
const BY_APPLY: &str = "relayhost apply (fetches one, and tries it at the relay)";

/// A login by an access token, as findings are about it.
struct Subject<'a> {
    app: &'a App,
    /// Its name, if there are several.
    name: Option<&'a str>,
}

impl Subject<'_> {
    /// What was found of it.
    fn found(&self, text: &str) -> String {
        self.name.map_or_else(|| text.to_owned(), |name| format!("{name}: {text}"))
    }
}

impl Plan {
    /// Adds whether each login by an access token has one, and whether it lives; then when what it is fetched with ends.
    /// Nothing for a login without a token that relayhost fetches.
    pub fn token(&mut self, desired: &Desired, sight: &Sight) {
        let logins = desired.token_logins();
        for login in &logins {
            let name = Some(login.name.as_str()).filter(|_| logins.len() > 1);
            self.token_of(&Subject { app: login.app, name }, sight);
        }
    }

    fn token_of(&mut self, of: &Subject, sight: &Sight) {
        let app = of.app;
        let trouble = sight.troubles.of(app);
        let by_login = format!("`{}`", app.login);
        let kept = sight.kept.and_then(|kept| kept.of(app));
        let ends = kept.map(|token| i64::try_from(token.ends).unwrap_or(i64::MAX));
        self.note(of, Ending::TOKEN, ends, sight);
        let (state, found, remedy) = match kept {
            None => {
                let needs_login = app.person().is_some() && sight.login(app).is_none();
                let remedy = if needs_login { by_login.as_str() } else { BY_APPLY };
                (State::Differs, "none was fetched for these answers".to_owned(), Some(remedy))
            }
            Some(token) if !token.is_alive(sight.now) => {
                (State::Differs, ended(token, sight), Some("relayhost token"))
            }
            Some(token) if token.is_due(sight.now) => {
                let found = "more than half of its life is over, and it was not renewed";
                let ends = (sight.when)(token.ends);
                (
                    State::Warning,
                    format!("{found}; it ends {ends}, and mail waits then"),
                    Some("relayhost token"),
                )
            }
            Some(_) => {
                self.add("token", State::Fine, of.found("lives, and is not due"), None);
                return self.credential(of, sight);
            }
        };
        let course = trouble.map(|trouble| {
            format!("; to fetch one fails: {} ({})", trouble.cause, trouble.course(sight.when))
        });
        let found = of.found(&format!("{found}{}", course.unwrap_or_default()));
        let remedy = trouble.map(|trouble| trouble.remedy.as_str()).or(remedy);
        self.add("token", state, found, remedy.map(Remedy::say));
        self.credential(of, sight);
    }

    /// Adds when the application's client secret or certificate ends, or the login of the person.
    fn credential(&mut self, of: &Subject, sight: &Sight) {
        let app = of.app;
        if app.person().is_some() {
            self.login(of, sight);
        }
        let (what, name, ends) = match (&app.proof, app.secret_ends) {
            (Proof::Certificate(certificate), _) => ("certificate", "certificate", Some(certificate.ends)),
            (Proof::Secret(_), ends) => ("client secret", "client_secret", ends),
            // A person's application need not have a secret.
            (_, Some(ends)) => ("client secret", "client_secret", Some(ends)),
            _ => return,
        };
        let Some(ends) = ends else {
            if app.provider == Provider::Microsoft {
                let remedy = format!(
                    "add client_secret_ends = \"YYYY-MM-DD\" under [{}]: Entra shows it as \"Expires\" beside the secret",
                    app.table
                );
                self.add(
                    format!("token.{name}"),
                    State::Note,
                    of.found("nobody has said when the client secret ends"),
                    Remedy::say(remedy),
                );
            }
            return;
        };
        self.ends(of, name, ends, "", Remedy::say(replace(app, what)), sight);
    }

    /// Adds when the login of a person ends: the refresh token is not used any more then.
    fn login(&mut self, of: &Subject, sight: &Sight) {
        let app = of.app;
        let Some(login) = sight.login(app) else {
            let remedy = Remedy::say(format!("`{}`", app.login));
            return self.add("token.login", State::Differs, of.found(missing(sight.logins)), remedy);
        };
        // Providers of which that is not known say nothing of it in their answers.
        let Some(idle) = idle(app.provider) else { return };
        let ends = i64::try_from(login.used).unwrap_or(i64::MAX).saturating_add(idle * DAY);
        let remedy = format!(
            "relayhost token --force (each use makes it last for {idle} days more; once it has ended, `{}`)",
            app.login
        );
        let since = format!(", since it was last used on {}", day(sight, login.used));
        self.ends(of, "login", ends, &since, Remedy::say(remedy), sight);
    }

    /// Notes when something ends, for a monitoring system.
    fn note(&mut self, of: &Subject, what: &'static str, ends: Option<i64>, sight: &Sight) {
        let (login, now) = (of.name.map(str::to_owned), i64::try_from(sight.now).unwrap_or(i64::MAX));
        self.endings.push(Ending { what, login, ends, now });
    }

    /// Adds when something ends without which no token can be fetched. `why` follows the day.
    fn ends(
        &mut self,
        of: &Subject,
        what: &'static str,
        ends: i64,
        why: &str,
        remedy: Remedy,
        sight: &Sight,
    ) {
        let left = ends - i64::try_from(sight.now).unwrap_or(i64::MAX);
        let days = left.div_euclid(DAY);
        let day = day(sight, u64::try_from(ends).unwrap_or_default());
        let [first, week, last] = SOON;
        self.note(of, what, Some(ends), sight);
        let (state, found) = match left {
            _ if left < 0 => {
                (State::Differs, format!("it has ended on {day}{why}: no token can be fetched any more"))
            }
            _ if days < last => (State::Differs, format!("it ends within a day, on {day}{why}")),
            _ if days < week => (State::Warning, format!("it ends within a week, on {day}{why}")),
            _ if days < first => (State::Warning, format!("it ends in {days} days, on {day}{why}")),
            _ => (State::Fine, format!("lasts until {day}")),
        };
        self.add(format!("token.{what}"), state, of.found(&found), remedy);
    }
}

/// The day of a moment, in seconds since 1970.
fn day(sight: &Sight, moment: u64) -> String {
    (sight.when)(moment).chars().take(10).collect()
}

/// Days after which a refresh token ends that was not used: learn.microsoft.com, "Refresh tokens in the Microsoft identity
/// platform"; developers.google.com, "Using OAuth 2.0 to Access Google APIs" (six months). `None`: not known.
fn idle(provider: Provider) -> Option<i64> {
    match provider {
        Provider::Microsoft => Some(90),
        Provider::Google => Some(180),
        Provider::Other => None,
    }
}

/// The words for a token that has ended: since when mail waits, and when it comes back.
fn ended(token: &Token, sight: &Sight) -> String {
    let when = sight.when;
    let text = format!("it has ended {}: mail waits", when(token.ends));
    match sight.lifetime.map(|lifetime| (lifetime, token.ends.saturating_add(lifetime))) {
        // A message that has waited for half of its time is near its end.
        Some((lifetime, bounces)) if sight.now >= token.ends.saturating_add(lifetime / 2) => {
            format!(
                "{text}, and what has waited since then comes back to its sender from {} on",
                when(bounces)
            )
        }
        Some((_, bounces)) => format!("{text}, until {} (maximal_queue_lifetime)", when(bounces)),
        None => format!("{text}, and is bounced after maximal_queue_lifetime"),
    }
}

/// Who must do what before the end of a secret or a certificate, and after it.
pub fn replace(app: &App, what: &str) -> String {
    match (app.provider, what) {
        (Provider::Microsoft, "certificate") => "`relayhost login --new-certificate --force` makes another one beside it; have the application's owner upload that in Entra (App registrations, the application, Certificates & secrets, Certificates), and type the command that it prints; then `relayhost token --force`".into(),
        (Provider::Microsoft, _) => "have the application's owner make another one in Entra (App registrations, the application, Certificates & secrets), put its Value in the place of the old one, and correct client_secret_ends; then `relayhost token --force`".into(),
        _ => format!("have whoever looks after the application at the provider make another {what}, and put it in the place of the old one; then `relayhost token --force`"),
    }
}

/// Seconds of `maximal_queue_lifetime`: a number and its unit, days where there is none (postconf(5)).
pub fn seconds(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let unit: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" | "" => 86_400,
        "w" => 604_800,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
