//! The end of `relayhost token`.

use crate::error::{Exit, NoToken};

/// The access tokens after `token`, one for each login, everybody's first.
#[derive(Debug, Default)]
pub struct Renewed {
    /// The logins, at least one.
    pub logins: Vec<RenewedLogin>,
}

/// The access token of one login.
#[derive(Debug, Default)]
pub struct RenewedLogin {
    /// The login.
    pub name: String,
    /// Whether one was fetched.
    pub fetched: bool,
    /// Whether Postfix logs in with it.
    pub in_force: bool,
    /// Whether a person has written a password in its place.
    pub by_hand: bool,
    /// Its end, UTC (RFC 3339); empty if there is none.
    pub ends: String,
    /// When another one is to be fetched, UTC (RFC 3339); empty if there is none.
    pub due: String,
    /// Its claims, if they were asked for: names and values; none if it is no JWT.
    pub claims: Option<Vec<(&'static str, String)>>,
    /// Why none could be fetched, if one was due.
    pub failed: Option<NoToken>,
}

impl RenewedLogin {
    /// What is so now, in one line.
    pub fn text(&self) -> String {
        let what = if self.fetched { "another access token" } else { "the access token is not due" };
        let where_to = if self.in_force {
            "Postfix has it"
        } else if self.by_hand {
            "Postfix logs in with a password that somebody has written by hand"
        } else {
            "Postfix does not log in by these answers: `relayhost apply` has it do so"
        };
        format!("{what}: ends {}, renewed from {} on; {where_to}", self.ends, self.due)
    }
}

impl Renewed {
    /// Each login with what is so of it now, in one line; the name is left out where there is one alone.
    pub fn lines(&self) -> impl Iterator<Item = (&RenewedLogin, String)> {
        let is_one = self.logins.len() == 1;
        self.logins.iter().map(move |login| {
            let text = match &login.failed {
                Some(why) => why.to_string(),
                None if is_one => login.text(),
                None => format!("{}: {}", login.name, login.text()),
            };
            (login, text)
        })
    }

    /// What is so now, in one line.
    pub fn text(&self) -> String {
        self.lines().map(|(_, text)| text).collect::<Vec<_>>().join("; ")
    }

    /// The logins that were given no token, each with the reason.
    pub fn failed(&self) -> impl Iterator<Item = &NoToken> {
        self.logins.iter().filter_map(|login| login.failed.as_ref())
    }

    /// The exit status: that of the worst refusal, however many others were given one.
    pub fn exit(&self) -> Exit {
        let exits: Vec<Exit> = self.failed().map(NoToken::exit).collect();
        if exits.contains(&Exit::Refused) {
            Exit::Refused
        } else {
            exits.first().copied().unwrap_or(Exit::Done)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Advice;

    fn login(name: &str, answered: Option<bool>) -> RenewedLogin {
        let failed = answered.map(|answered| NoToken {
            id: "no-token",
            cause: "the secret has ended".into(),
            remedy: Advice::from("make another"),
            evidence: String::new(),
            answered,
            passes: false,
            until: None,
            login: Some(name.to_owned()),
        });
        RenewedLogin {
            name: name.to_owned(),
            fetched: true,
            in_force: true,
            failed,
            ..RenewedLogin::default()
        }
    }

    #[test]
    fn one_refused_login_of_several_is_named_and_decides_the_exit_status() {
        let of = |logins| Renewed { logins };
        assert_eq!(of(vec![login("a", None)]).exit(), Exit::Done);
        assert!(of(vec![login("a", None)]).text().starts_with("another access token: "));
        let some = of(vec![login("a", None), login("b", Some(false)), login("c", Some(true))]);
        assert_eq!(some.exit(), Exit::Refused);
        assert!(some.text().starts_with("a: another access token: "), "{}", some.text());
        assert!(
            some.text().contains("no access token was given for c: the secret has ended"),
            "{}",
            some.text()
        );
        assert_eq!(of(vec![login("a", None), login("b", Some(false))]).exit(), Exit::NoWord);
    }
}
