//! An access token that was fetched, as it is kept between runs.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{App, Proof};
use crate::model::secret::Secret;
use crate::model::state::generation::sha256;

/// Version of the record.
const VERSION: u32 = 1;

/// The record of a token. Its `Debug` does not show it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    version: u32,
    /// The application that it was fetched for, as [`App::print`] says.
    app: String,
    access: String,
    /// When it was fetched, in seconds since 1970.
    pub fetched: u64,
    /// When it ends, in seconds since 1970.
    pub ends: u64,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("fetched", &self.fetched)
            .field("ends", &self.ends)
            .finish_non_exhaustive()
    }
}

impl Token {
    /// A token for an application, fetched at a time, that lives for so many seconds.
    pub fn new(app: &App, token: &Secret, fetched: u64, life: u64) -> Self {
        let ends = fetched.saturating_add(life);
        Self { version: VERSION, app: app.print(), access: token.expose().to_owned(), fetched, ends }
    }

    /// The token itself.
    pub fn secret(&self) -> Secret {
        Secret::new(self.access.clone())
    }

    /// Whether it was fetched for this application, with this secret.
    pub fn is_for(&self, app: &App) -> bool {
        self.app == app.print()
    }

    /// When another one is to be fetched, in seconds since 1970: after half of its life, so that there is as much time again
    /// for trying.
    pub fn due(&self) -> u64 {
        self.fetched + self.ends.saturating_sub(self.fetched) / 2
    }

    /// Whether another one is to be fetched now. A clock that was set back behind the time of fetching says nothing about
    /// the end, so it is due too.
    pub fn is_due(&self, now: u64) -> bool {
        now >= self.due() || now < self.fetched
    }

    /// Whether it can still log in.
    pub fn is_alive(&self, now: u64) -> bool {
        now < self.ends
    }
}

impl App {
    /// A fingerprint of the application and its secret: a token that was fetched by other answers is not used.
    pub fn print(&self) -> String {
        let proof = match &self.proof {
            Proof::Secret(secret) => secret.expose(),
            Proof::Certificate(certificate) => &certificate.thumbprint,
            Proof::ServiceAccount(account) => &account.key_id,
        };
        let parts = [&self.token_url, &self.client_id, &self.scope, &self.mailbox, proof];
        sha256(parts.map(|part| format!("{} {part}", part.len())).join("\n").as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::oauth::Cloud;

    fn app(secret: &str) -> App {
        App::microsoft(&Cloud::of(None), "t", "id".into(), Proof::Secret(Secret::new(secret)))
    }

    #[test]
    fn a_token_is_due_at_half_of_its_life_and_belongs_to_its_application() {
        let token = Token::new(&app("s"), &Secret::new("x"), 1000, 3600);
        assert_eq!((token.due(), token.ends), (2800, 4600));
        for (now, due, alive) in [
            (999, true, true),
            (1000, false, true),
            (2799, false, true),
            (2800, true, true),
            (4600, true, false),
        ] {
            assert_eq!((token.is_due(now), token.is_alive(now)), (due, alive), "{now}");
        }
        assert!(token.is_for(&app("s")) && !token.is_for(&app("other")));
        assert!(!format!("{token:?}").contains('x'));
    }

    #[test]
    fn the_form_on_disk_is_frozen() {
        let text = r#"{"version":1,"app":"00","access":"x","fetched":1,"ends":2}"#;
        let read: Token = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
    }
}
