//! Answers in several files: the administrator's own, and those that other packages install.

use super::recipients::Recipients;
use super::{Auth, Network, Packages, Relay, Rewrites, Sender, Tables, Verify};

impl Tables {
    /// Fills open keys one by one; the ways to give a password are one key; so are `[auth.oauth]` as a
    /// whole, the fallback relays, since their order counts, and `[verify.arrival]`. Every `[[senders]]`,
    /// `[[routes]]` and `[[alarm]]` counts.
    pub(super) fn complete_with(&mut self, lower: Self) {
        // Without `..`: a key that is forgotten here must not compile, since it would be lost silently.
        let Self {
            version: _, // each file's own, and checked when it was read
            relay: Relay { provider, host, port, tls, implicit_tls, ip, fallback },
            auth,
            sender: Sender { default, name, rewrite: Rewrites(rewrites) },
            recipients: Recipients { root },
            senders,
            routes,
            verify: Verify { to, deadline, arrival },
            packages: Packages { extra, from },
            network: Network { proxy },
            alarm,
        } = lower;
        let relay = &mut self.relay;
        fill(&mut relay.provider, provider);
        fill(&mut relay.host, host);
        fill(&mut relay.port, port);
        fill(&mut relay.tls, tls);
        fill(&mut relay.implicit_tls, implicit_tls);
        fill(&mut relay.ip, ip);
        if relay.fallback.is_empty() {
            relay.fallback = fallback;
        }
        self.auth.complete_with(auth);
        fill(&mut self.sender.default, default);
        fill(&mut self.sender.name, name);
        let own = &mut self.sender.rewrite.0;
        for (local, public) in rewrites {
            if own.iter().all(|(known, _)| known.get_ref() != local.get_ref()) {
                own.push((local, public));
            }
        }
        fill(&mut self.recipients.root, root);
        self.senders.extend(senders);
        self.routes.extend(routes);
        fill(&mut self.verify.to, to);
        fill(&mut self.verify.deadline, deadline);
        fill(&mut self.verify.arrival, arrival);
        self.packages.extra.extend(extra);
        fill(&mut self.packages.from, from);
        fill(&mut self.network.proxy, proxy);
        self.alarm.extend(alarm);
    }
}

impl Auth {
    fn complete_with(&mut self, lower: Self) {
        let Self { mechanism, username, password, password_file, password_env, password_credential, oauth } =
            lower;
        fill(&mut self.mechanism, mechanism);
        fill(&mut self.username, username);
        if self.oauth.is_none() && self.passwords().next().is_none() {
            self.password = password;
            self.password_file = password_file;
            self.password_env = password_env;
            self.password_credential = password_credential;
            self.oauth = oauth;
        }
    }
}

fn fill<T>(value: &mut Option<T>, lower: Option<T>) {
    *value = value.take().or(lower);
}

#[cfg(test)]
mod tests {
    use crate::model::answers::Answers;

    fn both(upper: &str, lower: &str) -> Answers {
        let mut answers = Answers::parse("answers.toml", upper.as_bytes()).unwrap();
        let lower = Answers::parse_at("op5.toml", lower.as_bytes(), answers.end()).unwrap();
        answers.complete_with(lower);
        answers
    }

    #[test]
    fn the_admins_own_word_counts_and_the_rest_is_filled_in() {
        let answers = both(
            "version = 1\n[relay]\nhost = \"own.example.com\"\n[auth]\npassword_file = \"/p\"\n",
            "version = 1\n[relay]\nhost = \"their.example.com\"\nport = 25\n[auth]\nusername = \"u\"\npassword = \"x\"\n\
             [sender]\nrewrite = { a = \"b\" }\n",
        );
        let tables = &answers.tables;
        assert_eq!(tables.relay.host.as_ref().unwrap().get_ref(), "own.example.com");
        assert_eq!(*tables.relay.port.as_ref().unwrap().get_ref(), 25);
        assert_eq!(tables.auth.username.as_ref().unwrap().get_ref(), "u");
        assert!(tables.auth.password.is_none(), "the password is in one place");
        assert_eq!(tables.sender.rewrite.0.len(), 1);
        assert!(answers.secret_source().is_ok());
    }

    #[test]
    fn an_error_names_the_file_that_the_value_is_in() {
        let answers = both("version = 1\n[relay]\nhost = \"a\"\n", "version = 1\n\n[relay]\nport = 99999\n");
        let port = answers.tables.relay.port.as_ref().unwrap().span();
        let host = answers.tables.relay.host.as_ref().unwrap().span();
        assert!(answers.error(Some(port), "x", "y").to_string().starts_with("op5.toml, line 4, column 8"));
        assert!(
            answers.error(Some(host), "x", "y").to_string().starts_with("answers.toml, line 3, column 8")
        );
        let wrong = Answers::parse_at("op5.toml", b"version = 1\nbogus = 1\n", answers.end()).unwrap_err();
        assert!(wrong.to_string().starts_with("op5.toml, line 2, column 1"), "{wrong}");
    }
}
