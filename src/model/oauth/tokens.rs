//! The access tokens that are kept between runs, one for each application of the answers, and what is remembered of those
//! before them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::App;
use super::token::Token;
use crate::model::secret::Secret;
use crate::model::state::generation::sha256;

/// Version of the record.
const VERSION: u32 = 1;

/// The record of the tokens. Logins with the same application, mailbox and scope share one.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(try_from = "Read")]
pub struct Tokens {
    version: u32,
    #[serde(rename = "tokens")]
    all: Vec<Token>,
    /// Tokens before them that lived when another one was fetched: a log may still show one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    former: Vec<Former>,
    /// Digests of the tokens before them: an entry of the table with one of them is no edit of a person's.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    earlier: Vec<String>,
}

/// A token that another one has replaced. Its `Debug` does not show it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Former {
    access: String,
    ends: u64,
}

impl std::fmt::Debug for Former {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Former").field("ends", &self.ends).finish_non_exhaustive()
    }
}

/// The record as it lies on the disk: a list, or, as earlier versions wrote it, the one token with what is remembered.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    version: u32,
    tokens: Option<Vec<Token>>,
    app: Option<String>,
    access: Option<String>,
    fetched: Option<u64>,
    ends: Option<u64>,
    #[serde(default)]
    former: Vec<Former>,
    #[serde(default)]
    earlier: Vec<String>,
}

impl TryFrom<Read> for Tokens {
    type Error = &'static str;

    fn try_from(read: Read) -> Result<Self, Self::Error> {
        let Read { version, tokens, app, access, fetched, ends, former, earlier } = read;
        let tokens = match (tokens, app, access, fetched, ends) {
            (Some(tokens), None, None, None, None) => tokens,
            (None, Some(app), Some(access), Some(fetched), Some(ends)) => {
                vec![Token::kept(app, access, fetched, ends)]
            }
            _ => return Err("neither a list of tokens nor one token"),
        };
        Ok(Self { version, all: tokens, former, earlier })
    }
}

/// Number of former tokens that are kept to be hidden, for each token.
const FORMER: usize = 8;

impl Tokens {
    /// These with another token, in the place of the one of the same application. Of the others those stay that are for one
    /// of `apps`, the applications of the answers; the rest is remembered.
    #[must_use]
    pub fn with<'a>(kept: Option<Self>, token: Token, apps: impl IntoIterator<Item = &'a App>) -> Self {
        let Self { all: before, former, mut earlier, .. } = kept.unwrap_or_default();
        let needed: BTreeSet<String> = apps.into_iter().map(App::print).collect();
        let now = token.fetched;
        let (mut all, mut replaced) = (Vec::new(), Vec::new());
        let mut token = Some(token);
        for one in before {
            match token.take_if(|token| token.app == one.app) {
                Some(token) => {
                    replaced.push(one);
                    all.push(token);
                }
                None if needed.contains(&one.app) => all.push(one),
                None => replaced.push(one),
            }
        }
        all.extend(token);
        earlier.extend(replaced.iter().map(Token::digest));
        let replaced = replaced
            .into_iter()
            .map(|one| Former { access: one.secret().expose().to_owned(), ends: one.ends });
        let lives = |one: &Former| one.ends > now;
        let former = replaced.chain(former).filter(lives).take(FORMER * all.len()).collect();
        Self { version: VERSION, all, former, earlier }
    }

    /// The token of an application.
    pub fn of(&self, app: &App) -> Option<&Token> {
        let print = app.print();
        self.all.iter().find(|token| token.app == print)
    }

    /// All tokens that may live: those in use, and those before them.
    pub fn secrets(&self) -> impl Iterator<Item = Secret> {
        let former = self.former.iter().map(|former| Secret::new(former.access.clone()));
        self.all.iter().map(Token::secret).chain(former)
    }

    /// Digests of these and of all tokens before them that are remembered.
    pub fn digests(&self) -> BTreeSet<String> {
        self.earlier.iter().cloned().chain(self.all.iter().map(Token::digest)).collect()
    }

    /// Whether so many tokens before them are remembered, for each, that it is time to [`Self::forget`].
    pub fn remembers_more_than(&self, most: usize) -> bool {
        self.earlier.len() > most * self.all.len().max(1)
    }

    /// Forgets the digests that are not among those that files have.
    pub fn forget(&mut self, needed: &BTreeSet<String>) {
        self.earlier.retain(|digest| needed.contains(digest));
    }
}

/// The digest of a password, as the record has those of its tokens.
pub fn digest_of(password: &str) -> String {
    sha256(password.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::oauth::{Cloud, Proof};

    fn app(secret: &str) -> App {
        App::microsoft(&Cloud::of(None), "t", "id".into(), Proof::Secret(Secret::new(secret)))
    }

    fn fetched(secret: &str, text: &str, now: u64) -> Token {
        Token::new(&app(secret), &Secret::new(text), now, 100)
    }

    fn texts(secrets: impl Iterator<Item = Secret>) -> Vec<String> {
        secrets.map(|secret| secret.expose().to_owned()).collect()
    }

    #[test]
    fn tokens_remember_those_before_them() {
        let mut last = None;
        for (text, now) in [("one", 0), ("two", 50), ("three", 120), ("four", 130)] {
            last = Some(Tokens::with(last, fetched("s", text, now), [&app("s")]));
        }
        let mut last = last.unwrap();
        // Hidden are those that may live; known are all.
        assert_eq!(texts(last.secrets()), ["four", "three", "two"]);
        assert_eq!(last.digests(), ["one", "two", "three", "four"].map(digest_of).into());
        assert!(last.remembers_more_than(2) && !last.remembers_more_than(3));
        last.forget(&[digest_of("two")].into());
        assert_eq!(last.digests(), ["two", "four"].map(digest_of).into());
        assert!(!format!("{last:?}").contains("three"));
    }

    #[test]
    fn each_application_has_its_own_and_the_token_of_other_answers_is_remembered() {
        let [one, other, gone] = ["one", "other", "gone"].map(app);
        let all = [&one, &other];
        let tokens = Tokens::with(None, fetched("gone", "g", 0), [&gone]);
        let tokens = Tokens::with(Some(tokens), fetched("one", "a", 10), all);
        let tokens = Tokens::with(Some(tokens), fetched("other", "b", 20), all);
        let tokens = Tokens::with(Some(tokens), fetched("one", "c", 30), all);
        let of = |app: &App| tokens.of(app).map(|token| token.secret().expose().to_owned());
        assert_eq!([of(&one), of(&other), of(&gone)], [Some("c".into()), Some("b".into()), None]);
        assert_eq!(tokens.digests(), ["a", "b", "c", "g"].map(digest_of).into());
        assert_eq!(texts(tokens.secrets()), ["c", "b", "a", "g"]);
    }

    #[test]
    fn the_form_on_disk_is_frozen_and_that_of_one_token_is_read() {
        for text in [
            r#"{"version":1,"tokens":[{"app":"00","access":"x","fetched":1,"ends":2},{"app":"01","access":"y","fetched":1,"ends":2}]}"#,
            r#"{"version":1,"tokens":[],"former":[{"access":"w","ends":2}],"earlier":["50e7"]}"#,
        ] {
            let read: Tokens = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&read).unwrap(), text);
        }
        let one = r#"{"version":1,"app":"00","access":"x","fetched":1,"ends":2,"former":[{"access":"w","ends":2}],"earlier":["50e7"]}"#;
        let list = r#"{"version":1,"tokens":[{"app":"00","access":"x","fetched":1,"ends":2}],"former":[{"access":"w","ends":2}],"earlier":["50e7"]}"#;
        let read: Tokens = serde_json::from_str(one).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), list);
        for damaged in [
            r#"{"version":1}"#,
            r#"{"version":1,"tokens":[],"app":"00"}"#,
            r#"{"version":1,"app":"00","access":"x"}"#,
        ] {
            assert!(serde_json::from_str::<Tokens>(damaged).is_err(), "{damaged}");
        }
    }
}
