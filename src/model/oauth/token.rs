//! An access token that was fetched, as it is kept between runs.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

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
    /// Tokens before it that lived when it was fetched: a log may still show one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    former: Vec<Former>,
    /// Digests of the tokens before it: an entry of the table with one of them is no edit of a person's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<String>,
}

/// A token that another one has replaced.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Former {
    access: String,
    ends: u64,
}

/// Number of former tokens that are kept to be hidden.
const FORMER: usize = 8;

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
        let (app, access) = (app.print(), token.expose().to_owned());
        Self { version: VERSION, app, access, fetched, ends, former: Vec::new(), earlier: Vec::new() }
    }

    /// This token in the place of another one, which is remembered.
    #[must_use]
    pub fn after(mut self, before: Option<Self>) -> Self {
        let Some(before) = before else { return self };
        let last = Former { access: before.access, ends: before.ends };
        self.earlier = before.earlier;
        self.earlier.push(sha256(last.access.as_bytes()));
        let lives = |former: &Former| former.ends > self.fetched;
        self.former = std::iter::once(last).chain(before.former).filter(lives).take(FORMER).collect();
        self
    }

    /// The tokens before it that may live.
    pub fn former(&self) -> impl Iterator<Item = Secret> {
        self.former.iter().map(|former| Secret::new(former.access.clone()))
    }

    /// Digests of it and of all tokens before it that are remembered.
    pub fn digests(&self) -> BTreeSet<String> {
        self.earlier.iter().cloned().chain([sha256(self.access.as_bytes())]).collect()
    }

    /// Whether so many tokens before it are remembered that it is time to [`Self::forget`].
    pub fn remembers_more_than(&self, most: usize) -> bool {
        self.earlier.len() > most
    }

    /// Forgets the digests that are not among those that files have.
    pub fn forget(&mut self, needed: &BTreeSet<String>) {
        self.earlier.retain(|digest| needed.contains(digest));
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
        let spread = self.ends.saturating_sub(self.fetched) / 20;
        let spread = spread.saturating_mul(u64::from(chance)) / 255;
        if self.is_due(now) {
            Duration::from_secs(now.saturating_sub(self.due()).clamp(60, 3600) + spread.min(30))
        } else {
            Duration::from_secs(self.due() - now + spread)
        }
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

    #[test]
    fn a_token_remembers_those_before_it() {
        let token = |text: &str, now| Token::new(&app("s"), &Secret::new(text), now, 100);
        let mut last = token("one", 0).after(None);
        for (text, now) in [("two", 50), ("three", 120), ("four", 130)] {
            last = token(text, now).after(Some(last));
        }
        // Hidden are those that may live; known are all.
        assert_eq!(last.former().map(|one| one.expose().to_owned()).collect::<Vec<_>>(), ["three", "two"]);
        let digest = |text: &str| sha256(text.as_bytes());
        assert_eq!(last.digests(), ["one", "two", "three", "four"].map(digest).into());
        assert!(last.remembers_more_than(2) && !last.remembers_more_than(3));
        last.forget(&[digest("two")].into());
        assert_eq!(last.digests(), ["two", "four"].map(digest).into());
    }

    #[test]
    fn the_form_on_disk_is_frozen() {
        for text in [
            r#"{"version":1,"app":"00","access":"x","fetched":1,"ends":2}"#,
            r#"{"version":1,"app":"00","access":"x","fetched":1,"ends":2,"former":[{"access":"w","ends":2}],"earlier":["50e7"]}"#,
        ] {
            let read: Token = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), text);
        }
    }
}
