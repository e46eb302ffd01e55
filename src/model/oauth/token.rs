//! An access token that was fetched, for one application.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{App, Proof};
use crate::model::secret::Secret;
use crate::model::state::generation::sha256;

/// An access token. Its `Debug` does not show it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// The application that it was fetched for, as [`App::print`] says.
    pub(super) app: String,
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

/// Spread of the calls of hosts with one application, in parts of the life of its token.
const SPREAD: u64 = 20;

impl Token {
    /// A token for an application, fetched at a time, that lives for so many seconds.
    pub fn new(app: &App, token: &Secret, fetched: u64, life: u64) -> Self {
        Self::kept(app.print(), token.expose().to_owned(), fetched, fetched.saturating_add(life))
    }

    /// A token as a record has it.
    pub(super) fn kept(app: String, access: String, fetched: u64, ends: u64) -> Self {
        Self { app, access, fetched, ends }
    }

    /// Its digest, by which an entry of the table is known as relayhost's.
    pub fn digest(&self) -> String {
        sha256(self.access.as_bytes())
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

    /// The pause until the next call that is to fetch another one. After half of its life has passed without one, the pauses
    /// are as long as that is ago: 1, 2, 4 … 60 minutes, without end. `chance`, 0 to 255, spreads the hosts of one
    /// application over a twentieth of its life.
    pub fn pause(&self, now: u64, chance: u8) -> Duration {
        let spread = self.ends.saturating_sub(self.fetched) / SPREAD;
        let spread = spread.saturating_mul(u64::from(chance)) / 255;
        if self.is_due(now) {
            again(now, self.due()) + Duration::from_secs(spread.min(30))
        } else {
            Duration::from_secs(self.due() - now + spread)
        }
    }

    /// Whether it can still log in.
    pub fn is_alive(&self, now: u64) -> bool {
        now < self.ends
    }
}

/// The pause after an attempt that failed at `now`, if none has succeeded since then: as long as that is ago, and one minute
/// to one hour.
pub fn again(now: u64, since: u64) -> Duration {
    Duration::from_secs(now.saturating_sub(since).clamp(60, 3600))
}

impl App {
    /// A fingerprint of the application and its secret: a token that was fetched by other answers is not used.
    pub fn print(&self) -> String {
        let proof = match &self.proof {
            Proof::Secret(secret) => secret.expose(),
            Proof::Certificate(certificate) => &certificate.thumbprint,
            Proof::ServiceAccount(account) => &account.key_id,
            // A login stays when the application gets another secret.
            Proof::Person(_) => "",
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
    fn the_next_call_comes_when_it_is_due_and_after_failures_later_and_later() {
        let token = Token::new(&app("s"), &Secret::new("x"), 1000, 3600);
        assert_eq!(token.pause(1000, 0), Duration::from_secs(1800));
        assert_eq!(token.pause(1000, 255), Duration::from_secs(1980));
        let mut now = token.due();
        let mut pauses = Vec::new();
        for _ in 0..9 {
            let pause = token.pause(now, 0).as_secs();
            pauses.push(pause / 60);
            now += pause;
        }
        assert_eq!(pauses, [1, 1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(token.pause(0, 0), Duration::from_secs(60), "a clock that was set back");
    }
}
