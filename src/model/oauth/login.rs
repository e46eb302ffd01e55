//! The logins of persons, as they are kept between runs: a refresh token each.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::App;
use crate::model::secret::Secret;

/// Version of the record.
const VERSION: u32 = 1;

/// Number of logins that are kept beside those of the answers: answers that are being tried, or that were in force before, have
/// others.
const OTHERS: usize = 7;

/// The record of the logins, the last first.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logins {
    version: u32,
    logins: Vec<Login>,
}

/// A login. Its `Debug` does not show the token.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The application that it was made for, as [`App::print`] says.
    app: String,
    refresh: String,
    /// When the person logged in, in seconds since 1970.
    pub since: u64,
    /// When the refresh token last brought an access token, in seconds since 1970: Microsoft's ends when that was 90 days
    /// ago.
    pub used: u64,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("since", &self.since).field("used", &self.used).finish_non_exhaustive()
    }
}

impl Login {
    /// A login that was made now, in seconds since 1970.
    pub fn new(app: &App, refresh: &Secret, now: u64) -> Self {
        Self { app: app.print(), refresh: refresh.expose().to_owned(), since: now, used: now }
    }

    /// The refresh token.
    pub fn secret(&self) -> Secret {
        Secret::new(self.refresh.clone())
    }

    /// The login after it was used now; `refresh` is the token in the place of the old one, if there is another.
    #[must_use]
    pub fn used(self, refresh: Option<&Secret>, now: u64) -> Self {
        let refresh = refresh.map_or(self.refresh, |refresh| refresh.expose().to_owned());
        Self { refresh, used: now, ..self }
    }
}

impl Logins {
    /// The logins with this one as the last; that of the same application before is dropped. `apps`: the applications of the
    /// answers, whose logins stay.
    #[must_use]
    pub fn with<'a>(kept: Option<Self>, login: Login, apps: impl IntoIterator<Item = &'a App>) -> Self {
        let needed: BTreeSet<String> = apps.into_iter().map(App::print).collect();
        let mut others = OTHERS;
        let stays = |other: &Login| {
            let is_needed = needed.contains(&other.app);
            others = if is_needed { others } else { others.saturating_sub(1) };
            is_needed || others > 0
        };
        let before = kept.into_iter().flat_map(|kept| kept.logins).filter(|other| other.app != login.app);
        let before: Vec<Login> = before.filter(stays).collect();
        Self { version: VERSION, logins: std::iter::once(login).chain(before).collect() }
    }

    /// The login for an application, with its tenant, mailbox and scope.
    pub fn of(&self, app: &App) -> Option<&Login> {
        let print = app.print();
        self.logins.iter().find(|login| login.app == print)
    }

    /// All refresh tokens.
    pub fn secrets(&self) -> impl Iterator<Item = Secret> {
        self.logins.iter().map(Login::secret)
    }
}

/// Why there is no login, in words. `kept`: the logins of others.
pub fn missing(kept: Option<&Logins>) -> &'static str {
    match kept {
        Some(_) => {
            "the login that is kept is one for another application, tenant, mailbox or scope than that of the answers, and is not used"
        }
        None => "nobody has logged in yet for the application of the answers",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::oauth::{Cloud, Flow};

    fn app(tenant: &str, mailbox: &str) -> App {
        App::microsoft_person(&Cloud::of(None), tenant, "id".into(), Flow::Device, None, mailbox)
    }

    #[test]
    fn a_login_belongs_to_its_application_tenant_and_mailbox() {
        let made = app("t", "a@x");
        let logins = Logins::with(None, Login::new(&made, &Secret::new("r1"), 10), [&made]);
        assert_eq!(logins.of(&made).unwrap().secret().expose(), "r1");
        assert!(logins.of(&app("u", "a@x")).is_none() && logins.of(&app("t", "b@x")).is_none());
        assert!(!format!("{logins:?}").contains("r1"));
        let used = logins.of(&made).unwrap().clone().used(Some(&Secret::new("r2")), 20);
        let logins = Logins::with(Some(logins), used.used(None, 30), [&made]);
        let login = logins.of(&made).unwrap();
        assert_eq!(
            (login.secret().expose(), login.since, login.used, logins.logins.len()),
            ("r2", 10, 30, 1)
        );
    }

    #[test]
    fn the_logins_of_other_answers_stay_and_not_without_end() {
        let app = |number: u64| app(&format!("t{number}"), "a@x");
        let login = |number| Login::new(&app(number), &Secret::new("r"), number);
        let needed = [app(0), app(19)];
        let logins = (0..20).fold(None, |kept, number| Some(Logins::with(kept, login(number), &needed)));
        let logins = logins.unwrap();
        let kept: Vec<u64> = (0..20).filter(|number| logins.of(&app(*number)).is_some()).collect();
        assert_eq!(kept, [0, 13, 14, 15, 16, 17, 18, 19]);
    }

    #[test]
    fn the_form_on_disk_is_frozen() {
        let text = r#"{"version":1,"logins":[{"app":"00","refresh":"x","since":1,"used":2}]}"#;
        let read: Logins = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }
}
