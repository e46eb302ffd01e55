//! Answers that are there already, as `init` edits them: what it asks for becomes choices, which it offers, and what it does
//! not ask for is kept as it is.

use toml::{Table, Value};

use super::access::Access;
use super::choices::Choices;
use super::kept::Kept;
use super::{Answers, SecretSource};
use crate::error::Result;
use crate::model::desired::{Mechanism, Rewrite};

/// The keys that `init` writes itself, by their tables.
const ASKED: [(&[&str], &[&str]); 7] = [
    (&[], &["version"]),
    (&["relay"], &["provider", "host", "port", "tls"]),
    (&["auth"], &["username", "password", "password_file"]),
    (
        &["auth", "oauth"],
        &[
            "provider",
            "tenant",
            "client_id",
            "flow",
            "certificate",
            "key_file",
            "client_secret_file",
            "client_secret_ends",
        ],
    ),
    (&["sender"], &["rewrite", "default", "name"]),
    (&["recipients"], &["root"]),
    (&["verify"], &["to"]),
];

impl Answers {
    /// The choices that `init` would have written as these answers. Refused where they say something that it cannot ask for.
    pub fn choices(&self) -> Result<Choices> {
        let tables = &self.tables;
        let (password, password_file) = match self.secret_source()? {
            SecretSource::Absent => (None, None),
            SecretSource::Inline(secret) => (Some(secret), None),
            SecretSource::File(path) => (None, Some(path)),
            SecretSource::Environment(_) | SecretSource::Credential(_) => {
                return Err(self.no_question("they take the password from the environment or from systemd"));
            }
        };
        let access = self.access()?;
        let is_token =
            tables.auth.mechanism.as_ref().is_some_and(|name| *name.get_ref() == Mechanism::Xoauth2);
        if access.is_none() && is_token {
            return Err(self.no_question("they have a token that is fetched by another program"));
        }
        let rule = |(local, public): &(toml::Spanned<String>, toml::Spanned<String>)| Rewrite {
            local: local.get_ref().clone(),
            public: public.get_ref().clone(),
        };
        Ok(Choices {
            provider: value(tables.relay.provider.as_ref()),
            host: value(tables.relay.host.as_ref()),
            port: tables.relay.port.as_ref().map(|port| *port.get_ref()),
            tls: tables.relay.tls.as_ref().map(|tls| *tls.get_ref()),
            username: value(tables.auth.username.as_ref()),
            password,
            access,
            password_file,
            sender: value(tables.sender.default.as_ref()),
            sender_name: value(tables.sender.name.as_ref()),
            rewrites: tables.sender.rewrite.0.iter().map(rule).collect(),
            to: value(tables.verify.to.as_ref()),
            root: tables.recipients.root.iter().flat_map(|all| all.get_ref().texts()).collect(),
            kept: self.kept(is_token),
        })
    }

    /// The login by an access token.
    fn access(&self) -> Result<Option<Access>> {
        let Some(oauth) = self.tables.auth.oauth.as_ref().map(toml::Spanned::get_ref) else {
            return Ok(None);
        };
        let (Some(provider), Some(flow)) = (&oauth.provider, &oauth.flow) else {
            return Err(self.no_question("auth.oauth names no provider, or no flow"));
        };
        Ok(Some(Access {
            provider: *provider.get_ref(),
            flow: *flow.get_ref(),
            tenant: value(oauth.tenant.as_ref()),
            client_id: value(oauth.client_id.as_ref()),
            ends: value(oauth.client_secret_ends.as_ref()),
        }))
    }

    fn no_question(&self, why: &str) -> crate::error::Error {
        let problem = format!("`relayhost init` has no question for these answers: {why}");
        self.error(None, &problem, "edit the file itself; relayhost-answers(5) explains every key")
    }

    /// What `init` does not ask for. `is_token`: the mechanism is the one that `init` writes.
    fn kept(&self, is_token: bool) -> Kept {
        let mut all: Table = toml::from_str(self.origin.text.expose()).unwrap_or_default();
        for (path, keys) in ASKED {
            let mut table = Some(&mut all);
            for name in path {
                table = table.and_then(|table| table.get_mut(*name)).and_then(Value::as_table_mut);
            }
            if let Some(table) = table {
                table.retain(|key, _| !keys.contains(&key));
            }
        }
        if is_token && let Some(auth) = all.get_mut("auth").and_then(Value::as_table_mut) {
            auth.remove("mechanism");
        }
        drop_empty(&mut all);
        Kept(all)
    }
}

/// Drops the tables in which nothing is left.
fn drop_empty(table: &mut Table) {
    table.retain(|_, value| {
        if let Some(inner) = value.as_table_mut() {
            drop_empty(inner);
            return !inner.is_empty();
        }
        true
    });
}

/// A text as typed.
fn value(value: Option<&toml::Spanned<String>>) -> Option<String> {
    value.map(|value| value.get_ref().clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWERS: &str = "version = 1\n[relay]\nhost = \"smtp.example.com\"\nport = 2525\nip = \"ipv4\"\n\
        [auth]\nusername = \"u\"\npassword_file = \"/etc/relayhost/password\"\nmechanism = \"plain\"\n\
        [sender.rewrite]\n\"a@b.localdomain\" = \"a@example.com\"\n\"@c.localdomain\" = \"c@example.com\"\n\
        [verify]\nto = \"ops@example.com\"\ndeadline = \"30s\"\n[packages]\nextra = [\"x\", \"y\"]\n";

    fn choices(text: &str) -> Result<Choices> {
        Answers::parse("answers", text.as_bytes()).and_then(|answers| answers.choices())
    }

    #[test]
    fn what_is_asked_for_is_offered_and_the_rest_is_written_again() {
        let again = choices(&choices(ANSWERS).unwrap().text("", false)).unwrap();
        let first = choices(ANSWERS).unwrap();
        assert_eq!((again.port, &again.username), (Some(2525), &first.username));
        assert_eq!(again.password_file.as_deref(), Some("/etc/relayhost/password"));
        assert_eq!(again.rewrites.len(), 2);
        assert_eq!(again.kept, first.kept);
        let text = first.text("", false);
        for line in ["ip = \"ipv4\"", "mechanism = \"plain\"", "deadline = \"30s\"", "extra = [\"x\", \"y\"]"]
        {
            assert_eq!(text.lines().filter(|found| *found == line).count(), 1, "{line} in {text}");
        }
    }

    #[test]
    fn a_login_by_a_token_is_edited_too() {
        let text = "version = 1\n[relay]\nprovider = \"office365\"\n[auth]\nusername = \"a@example.com\"\n\
            mechanism = \"xoauth2\"\n[auth.oauth]\nprovider = \"microsoft\"\ntenant = \"example.com\"\n\
            client_id = \"12345678-90ab-cdef-1234-567890abcdef\"\nflow = \"certificate\"\n\
            certificate = \"/etc/relayhost/oauth.pem\"\n[network]\nproxy = \"http://proxy.example.com:3128\"\n";
        let again = choices(text).unwrap().text("", false);
        for line in text.lines() {
            assert!(again.lines().any(|found| found == line), "{line} in {again}");
        }
    }

    #[test]
    fn the_mailbox_is_kept_and_its_password_not_shown() {
        let mailbox = "[verify.arrival]\nimap = \"imap.example.com\"\nusername = \"ops@example.com\"\n\
            folders = [\"INBOX\", \"Junk\"]\n";
        for password in ["password = \"secret word\"", "password_file = \"/p\"", "password_env = \"X\""] {
            let text = format!("{ANSWERS}{mailbox}{password}\n");
            let choices = choices(&text).unwrap();
            let (whole, shown) = (choices.text("", false), choices.text("", true));
            for line in mailbox.lines().chain([password]) {
                assert_eq!(whole.lines().filter(|found| *found == line).count(), 1, "{line} in {whole}");
            }
            assert!(!shown.contains("secret word"), "{shown}");
            assert!(choices.check().is_ok(), "{:?}", choices.check());
        }
    }

    #[test]
    fn an_application_of_the_mailbox_is_kept() {
        let arrival = "[verify.arrival]\nimap = \"imap.example.com\"\nusername = \"ops@example.com\"\n\n[verify.arrival.oauth]\n\
            provider = \"microsoft\"\ntenant = \"example.com\"\nclient_id = \"12345678-90ab-cdef-1234-567890abcdef\"\n\
            flow = \"certificate\"\ncertificate = \"/etc/relayhost/oauth.pem\"\n";
        let choices = choices(&format!("{ANSWERS}{arrival}")).unwrap();
        let text = choices.text("", false);
        let sorted = |text: &str| {
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines.sort();
            lines
        };
        let written =
            text.split_once("[verify.arrival]").map(|(_, rest)| format!("[verify.arrival]{rest}")).unwrap();
        for line in sorted(arrival) {
            assert!(sorted(&written).contains(&line), "{line} in {text}");
        }
        assert!(choices.check().is_ok(), "{:?}", choices.check());
    }

    #[test]
    fn applications_of_other_logins_are_kept() {
        let app = |table: &str, more: &str| {
            format!(
                "[{table}.auth]\nusername = \"b@example.com\"\n[{table}.auth.oauth]\nprovider = \"microsoft\"\n\
                 tenant = \"other.example.com\"\nclient_id = \"12345678-90ab-cdef-1234-567890abcdef\"\n{more}"
            )
        };
        let certificate = "flow = \"certificate\"\ncertificate = \"/etc/relayhost/b.pem\"\n";
        let text = format!(
            "version = 1\n[relay]\nprovider = \"office365\"\n[[relay.fallback]]\nhost = \"b.example.com\"\n{}\
             [auth]\nusername = \"a@example.com\"\nmechanism = \"xoauth2\"\n[auth.oauth]\nprovider = \"microsoft\"\n\
             tenant = \"example.com\"\nclient_id = \"12345678-90ab-cdef-1234-567890abcdef\"\nflow = \"device\"\n\
             [[senders]]\nfrom = [\"c@example.com\"]\n{}",
            app("relay.fallback", certificate),
            app("senders", "flow = \"device\"\n")
        );
        let choices = choices(&text).unwrap();
        let again = choices.text("", false);
        for line in text.lines() {
            let count = |text: &str| text.lines().filter(|found| *found == line).count();
            assert_eq!(count(&again), count(&text), "{line} in {again}");
        }
        assert!(choices.check().is_ok(), "{:?}", choices.check());
    }

    #[test]
    fn what_has_no_question_is_refused() {
        for text in ["password_env = \"X\"", "password_credential = \"x\"", "mechanism = \"xoauth2\""] {
            let text =
                format!("version = 1\n[relay]\nhost = \"a.example.com\"\n[auth]\nusername = \"u\"\n{text}\n");
            assert!(choices(&text).is_err_and(|error| error.to_string().contains("no question")), "{text}");
        }
    }
}
