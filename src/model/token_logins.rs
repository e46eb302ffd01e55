//! The logins of the answers by access tokens that relayhost fetches. Ways with the same application, mailbox and scope share
//! one token, so they are one login here.

use crate::model::oauth::App;
use crate::model::way_out::WayOut;

/// A login by an access token.
#[derive(Debug)]
pub struct TokenLogin<'a> {
    /// The application that fetches it.
    pub app: &'a App,
    /// The ways that log in with it, at least one.
    pub ways: Vec<&'a WayOut>,
    /// Its name, which no other one has: the user, or where another has the same user, the next hop.
    pub name: String,
    /// Whether mail of everybody leaves with it, unless an account or a route takes it.
    pub is_default: bool,
}

/// The logins of these ways, the first of which is that of everybody.
pub fn token_logins<'a>(ways: impl Iterator<Item = &'a WayOut>) -> Vec<TokenLogin<'a>> {
    let mut all: Vec<(String, TokenLogin)> = Vec::new();
    for (number, way) in ways.enumerate() {
        let Some(app) = way.app() else { continue };
        let print = app.print();
        if let Some((_, login)) = all.iter_mut().find(|(known, _)| *known == print) {
            login.ways.push(way);
            continue;
        }
        let name = way.username().to_owned();
        all.push((print, TokenLogin { app, ways: vec![way], name, is_default: number == 0 }));
    }
    let mut all: Vec<TokenLogin> = all.into_iter().map(|(_, login)| login).collect();
    let users: Vec<String> = all.iter().map(|login| login.name.to_lowercase()).collect();
    for login in &mut all {
        let user = login.name.to_lowercase();
        if users.iter().filter(|other| **other == user).count() > 1 {
            login.name = login.ways.first().map(|way| way.next_hop()).unwrap_or_default();
        }
    }
    all
}

impl TokenLogin<'_> {
    /// Whether a person means it by this word: its user, or the next hop of one of its ways.
    pub fn is_called(&self, word: &str) -> bool {
        self.ways.iter().any(|way| way.username().eq_ignore_ascii_case(word) || way.next_hop() == word)
    }

    /// The command by which a person logs in for it. `login`: the command for these answers; `others`: whether there are
    /// other logins of persons.
    pub fn command(&self, login: &str, others: bool) -> String {
        if others { format!("{login} --as {}", crate::error::typed(&self.name)) } else { login.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::oauth::{Cloud, Proof};
    use crate::model::secret::Secret;
    use crate::model::way_out::{Auth, IpPolicy, Mechanism, Relay, Tls};

    fn way(nth: usize, user: &str, tenant: Option<&str>) -> WayOut {
        let relay = Relay {
            host: "a.example".into(),
            port: 587,
            tls: Tls::Secure,
            implicit_tls: false,
            ip: IpPolicy::Leave,
        };
        let app =
            |tenant| App::microsoft(&Cloud::of(None), tenant, "id".into(), Proof::Secret(Secret::new("s")));
        let auth = Auth::Login {
            mechanism: Mechanism::Xoauth2,
            username: user.into(),
            password: Secret::new(""),
            app: tenant.map(app).map(Box::new),
        };
        WayOut { relay, auth, nth, table: None }
    }

    #[test]
    fn ways_with_one_application_are_one_login_and_each_has_a_name_of_its_own() {
        let ways = [
            way(0, "a@x", Some("t")),
            way(1, "b@x", Some("t")),
            way(2, "c@x", None),
            way(3, "A@x", Some("u")),
            way(4, "d@x", Some("v")),
        ];
        let all = token_logins(ways.iter());
        let seen: Vec<_> =
            all.iter().map(|one| (one.name.as_str(), one.ways.len(), one.is_default)).collect();
        assert_eq!(seen, [("[a.example]:587", 2, true), ("[a.example]:000587", 1, false), ("d@x", 1, false)]);
        let called = |word: &str| all.iter().filter(|one| one.is_called(word)).count();
        assert_eq!([called("b@x"), called("a@X"), called("[a.example]:000587"), called("c@x")], [1, 2, 1, 0]);
        assert_eq!(all[2].command("relayhost login", true), "relayhost login --as d@x");
        assert_eq!(all[1].command("relayhost login", true), "relayhost login --as '[a.example]:000587'");
        assert_eq!(all[0].command("relayhost login", false), "relayhost login");
    }
}
