//! The choices that `init` gathers, and the answers file that it writes from them. Each choice is checked by writing
//! the file and reading it like any other, so that the terminal and a file give the same messages.

use std::path::Path;

use super::Answers;
use super::access::Access;
use super::complete::{Secrets, complete};
use super::kept::Kept;
use super::lines::{quoted, setting};
use crate::error::{Complaint, Error, Result};
use crate::model::desired::{Desired, Mechanism, Rewrite, Tls};
use crate::model::oauth::Provider as Identity;
use crate::model::providers::{self, Preset, providers};
use crate::model::secret::Secret;
use crate::model::text;

/// The answers known so far.
#[derive(Debug, Clone, Default)]
pub struct Choices {
    /// Name of a preset, with its part.
    pub provider: Option<String>,
    /// Host name or address of the relay.
    pub host: Option<String>,
    /// TCP port.
    pub port: Option<i64>,
    /// Level of TLS.
    pub tls: Option<Tls>,
    /// Login name.
    pub username: Option<String>,
    /// The password itself.
    pub password: Option<Secret>,
    /// A login by an access token; `None`: by a password, or none.
    pub access: Option<Access>,
    /// Path of the file of the password, the client secret, the certificate or the key that the answers name; `None`: the
    /// answers contain the password itself.
    pub password_file: Option<String>,
    /// Local address → public address.
    pub rewrites: Vec<Rewrite>,
    /// The address of all other senders of this host.
    pub sender: Option<String>,
    /// The name beside it.
    pub sender_name: Option<String>,
    /// Recipient of the test message.
    pub to: Option<String>,
    /// Whoever is to have root's mail.
    pub root: Vec<String>,
    /// What the answers that are edited say beyond that.
    pub kept: Kept,
}

/// Host name in the place of one that is not chosen yet (RFC 2606).
const OPEN: &str = "relay.invalid";

impl Choices {
    /// These choices, and those of `other` for what is not chosen here.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            provider: self.provider.or(other.provider),
            host: self.host.or(other.host),
            port: self.port.or(other.port),
            tls: self.tls.or(other.tls),
            username: self.username.or(other.username),
            password: self.password.or(other.password),
            access: self.access.or(other.access),
            password_file: self.password_file.or(other.password_file),
            rewrites: if self.rewrites.is_empty() { other.rewrites } else { self.rewrites },
            sender: self.sender.or(other.sender),
            sender_name: self.sender_name.or(other.sender_name),
            to: self.to.or(other.to),
            root: if self.root.is_empty() { other.root } else { self.root },
            kept: if self.kept.is_empty() { other.kept } else { self.kept },
        }
    }

    /// The preset of the chosen provider, if there is one.
    pub fn preset(&self) -> Option<Preset> {
        self.provider.as_deref().and_then(|name| providers::find(name).ok())
    }

    /// The identity provider of the chosen preset, if it has one.
    pub fn identity(&self) -> Option<Identity> {
        self.preset().and_then(|preset| preset.provider.identity)
    }

    /// Whether the relay is known to need a login.
    pub fn needs_login(&self) -> bool {
        self.preset().is_some_and(|preset| {
            preset.provider.mechanism != Mechanism::None && !preset.provider.optional_login
        })
    }

    /// Checks the choices made so far; open ones are no error.
    pub fn check(&self) -> std::result::Result<(), Complaint> {
        let mut trial = self.clone();
        // A preset whose part is open is left out. Any other is checked, since it may be unusable.
        let is_open = |name: &String| {
            providers()
                .get(name)
                .is_some_and(|provider| provider.part.is_some() && provider.standard.is_none())
        };
        trial.provider = trial.provider.filter(|name| !is_open(name));
        let own_host = self.preset().is_some_and(|preset| preset.host.is_some());
        if trial.host.is_none() && !own_host {
            trial.host = Some(OPEN.into());
        }
        if trial.username.is_none() && (trial.needs_login() || trial.password.is_some()) {
            trial.username = Some("x".into());
        }
        if trial.username.is_some() && trial.password.is_none() {
            trial.password = Some(Secret::new("x"));
        }
        if let Some(access) = &self.access {
            let (filled, secret) = access.filled();
            trial.username.get_or_insert_with(|| "x".into());
            trial.password_file = Some("/x".into());
            (trial.access, trial.password) = (Some(filled), Some(secret));
        }
        trial.desired().map(|_| ()).map_err(|error| match error {
            Error::Answers { problem, remedy, .. } => Complaint { problem, remedy },
            other => Complaint { problem: other.to_string(), remedy: other.step() },
        })
    }

    /// Checks each choice that was given as a flag by itself, then all of them. The complaint names the flag.
    pub fn check_flags(&self) -> std::result::Result<(), Complaint> {
        let (given, none) = (self.clone(), Self::default);
        let each = [
            ("--provider", Self { provider: given.provider, ..none() }),
            ("--host", Self { host: given.host, ..none() }),
            ("--port", Self { port: given.port, ..none() }),
            ("--tls", Self { tls: given.tls, ..none() }),
            ("--username", Self { username: given.username, ..none() }),
            ("--password-stdin", Self { password: given.password, ..none() }),
            ("--rewrite", Self { rewrites: given.rewrites, ..none() }),
            ("--sender", Self { sender: given.sender.clone(), ..none() }),
            ("--sender-name", Self { sender: given.sender, sender_name: given.sender_name, ..none() }),
            ("--to", Self { to: given.to, ..none() }),
            ("--root-to", Self { root: given.root, ..none() }),
        ];
        for (flag, alone) in each {
            let name =
                |of: Complaint| Complaint::new(format!("{flag}: {}", of.problem), of.remedy.by_flags());
            alone.check().map_err(name)?;
        }
        self.check()
    }

    /// The desired state of the host by these choices.
    pub fn desired(&self) -> Result<Desired> {
        let answers = Answers::parse("the new answers", self.text("", false).as_bytes())?;
        let (mailboxes, alarms) = (answers.mailbox_secrets_of_text()?, answers.alarm_stand_ins()?);
        let fallbacks = answers.fallback_stand_ins()?;
        complete(&answers, Secrets { login: self.password.clone(), fallbacks, mailboxes, alarms })
    }

    /// The text of the answers file. `written`, one line, names time and program. The password is in the text if it has
    /// no file of its own, and `shown` puts stars in its place.
    pub fn text(&self, written: &str, shown: bool) -> String {
        let mut lines = Vec::new();
        if !written.is_empty() {
            lines.push(format!("# {}", text::one_line(written)));
            lines.push("# relayhost-answers(5) explains every key.".into());
        }
        lines.push("version = 1\n\n[relay]".into());
        lines.extend(self.lines_of_preset());
        // An unknown name is written too: the reader must refuse it.
        lines.extend(self.provider.as_ref().map(|name| setting("provider", name)));
        lines.extend(self.host.as_ref().map(|host| setting("host", host)));
        lines.extend(self.port.map(|port| format!("port = {port}")));
        lines.extend(self.tls.map(|tls| format!("# {}\n{}", meaning(tls), setting("tls", tls.word()))));
        lines.extend(self.kept.lines(&["relay"]));
        lines.extend(self.lines_of_login(shown));
        let sender = self.sender.as_ref().map(|address| {
            format!("# whoever sends here leaves as this address\n{}", setting("default", address))
        });
        let name = self.sender_name.as_ref().map(|name| setting("name", name));
        let sender: Vec<String> = sender.into_iter().chain(name).collect();
        lines.extend((!sender.is_empty()).then(|| "\n[sender]".to_owned()));
        lines.extend(sender);
        if !self.rewrites.is_empty() {
            lines.push("\n[sender.rewrite]\n# local sender = the address that the relay sees;".into());
            lines.push("# @host stands for all senders of that host".into());
            lines.extend(self.rewrites.iter().map(|rule| setting(&quoted(&rule.local), &rule.public)));
        }
        lines.extend(self.lines_of_root());
        let to = self.to.as_ref().map(|to| format!("# where the test message goes\n{}", setting("to", to)));
        let verify: Vec<String> = to.into_iter().chain(self.kept.lines(&["verify"])).collect();
        lines.extend((!verify.is_empty()).then(|| "\n[verify]".to_owned()));
        lines.extend(verify);
        lines.join("\n") + "\n" + &self.kept.other_tables(shown)
    }

    /// The table `[recipients]`, if somebody is to have root's mail.
    fn lines_of_root(&self) -> Option<String> {
        let all: Vec<String> = self.root.iter().map(|address| quoted(address)).collect();
        let value = if all.len() == 1 { all.concat() } else { format!("[{}]", all.join(", ")) };
        (!all.is_empty())
            .then(|| format!("\n[recipients]\n# who gets root's mail, by /etc/aliases\nroot = {value}"))
    }

    /// What a preset stands for, as comments.
    fn lines_of_preset(&self) -> Vec<String> {
        let Some(preset) = self.preset() else { return Vec::new() };
        let mut lines = vec![format!("# {}", preset.provider.title)];
        if let (Some(host), None) = (&preset.host, &self.host) {
            lines.push("# It stands for these; what is set here without the # counts more:".into());
            lines.push(format!("#   {}", setting("host", host)));
            lines.push(format!("#   port = {}", preset.port()));
            lines.push(format!("#   {}", setting("tls", preset.provider.tls.word())));
            let ip = preset.provider.prefers_ipv4;
            lines.extend(
                ip.then(|| format!("#   {} # where this host can do with IPv4 alone", setting("ip", "ipv4"))),
            );
        }
        lines
    }

    /// The table `[auth]`, and `[auth.oauth]`; nothing without a user name. `shown`: with marks in place of the password.
    fn lines_of_login(&self, shown: bool) -> Vec<String> {
        let Some(username) = &self.username else { return Vec::new() };
        let mut lines = vec![format!("\n[auth]\n{}", setting("username", username))];
        if let Some(access) = &self.access {
            lines.push(setting("mechanism", Mechanism::Xoauth2.name()));
            lines.extend(access.lines(self.password_file.as_deref()));
            lines.extend(self.kept.lines(&["auth", "oauth"]));
            return lines;
        }
        lines.extend(match (&self.password_file, &self.password) {
            (Some(path), _) => {
                let file = setting("password_file", path);
                Some(format!("# root's alone; its one line is the password\n{file}"))
            }
            (None, Some(_)) if shown => Some(setting("password", "********")),
            (None, password) => password.as_ref().map(|password| setting("password", password.expose())),
        });
        lines.extend(self.kept.lines(&["auth"]));
        lines
    }
}

/// Whether a path stands in an answers file as it is: neither escaped, nor without bytes that are no text. `init` looks for
/// the path of a password there.
pub fn is_written_as_it_is(path: &Path) -> bool {
    path.to_str().is_some_and(|path| quoted(path).contains(path) && !path.contains(char::is_control))
}

pub(super) fn meaning(tls: Tls) -> &'static str {
    match tls {
        Tls::None => "no TLS",
        Tls::May => "TLS if the relay offers it",
        Tls::Encrypt => "TLS always; the certificate is not checked",
        Tls::Verify | Tls::Secure => "TLS always, and the certificate must be the relay's",
    }
}

/// Example answers for a preset: sample values for an administrator to replace, and the first part where one must be
/// chosen.
pub fn example(named: &str, preset: &Preset) -> Choices {
    let provider = preset.provider;
    let login = provider.username.is_some() && (provider.mechanism != Mechanism::None);
    let open = preset.host.is_none();
    let domain = provider.part.as_ref().map(|_| "example.com");
    let part = provider.parts.first().map(|part| part.name.as_str()).or(domain).filter(|_| open);
    Choices {
        provider: Some(part.map_or_else(|| named.to_owned(), |part| format!("{named}/{part}"))),
        host: (open && part.is_none()).then(|| "mail.example.com".to_owned()),
        username: login
            .then(|| provider.fixed_username.clone().unwrap_or_else(|| "alerts@example.com".into())),
        password_file: login.then(|| PASSWORD_FILE.to_owned()),
        password: login.then(|| Secret::new("x")),
        rewrites: vec![Rewrite { local: "@this-host.example".into(), public: "alerts@example.com".into() }],
        to: Some("ops@example.com".into()),
        ..Choices::default()
    }
}

/// Path of the file that `init` writes the password to.
pub const PASSWORD_FILE: &str = "/etc/relayhost/password";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_about_a_flag_names_it() {
        let wrong = |text: &str| Some(text.to_owned());
        let rewrites = vec![Rewrite { local: "a".into(), public: "b".into() }];
        for (flag, choices) in [
            ("--provider", Choices { provider: wrong("nobody"), ..Choices::default() }),
            ("--host", Choices { host: wrong("a b"), ..Choices::default() }),
            ("--port", Choices { port: Some(70_000), ..Choices::default() }),
            ("--username", Choices { username: wrong("a\nb"), ..Choices::default() }),
            ("--password-stdin", Choices { password: Some(Secret::new("a\0")), ..Choices::default() }),
            ("--rewrite", Choices { rewrites, ..Choices::default() }),
            ("--to", Choices { to: wrong("y"), ..Choices::default() }),
        ] {
            let problem = choices.check_flags().unwrap_err().problem;
            assert!(problem.starts_with(&format!("{flag}: ")), "{problem}");
        }
        for choices in [
            Choices { provider: wrong("gmial"), ..Choices::default() },
            Choices { provider: wrong("nobody-knows-it"), ..Choices::default() },
            Choices { host: wrong("smtp.example.com:99999"), ..Choices::default() },
        ] {
            let remedy = choices.check_flags().unwrap_err().remedy.text();
            assert!(
                remedy.contains("--") && !remedy.contains("relay.host") && !remedy.contains("(`port`)"),
                "{remedy}"
            );
        }
        let (host, tls) = (wrong("192.0.2.1"), Some(Tls::Verify));
        assert!(
            Choices { host, tls, ..Choices::default() }.check_flags().is_err(),
            "only both together are wrong"
        );
        assert_eq!(Choices { tls, ..Choices::default() }.check_flags(), Ok(()));
    }

    #[test]
    fn the_example_of_every_preset_is_valid_answers() {
        for (name, provider) in providers() {
            let part = if provider.parts.is_empty() {
                provider.part.as_ref().map(|_| "example.com")
            } else {
                provider.parts.last().map(|part| part.name.as_str())
            };
            let named = part.map_or(name.clone(), |part| format!("{name}/{part}"));
            let preset = providers::find(&named).unwrap();
            let choices = example(&named, &preset);
            match (choices.desired(), &provider.unusable) {
                (Ok(desired), None) => {
                    let relay = &desired.first.relay;
                    assert_eq!(relay.host, preset.host.unwrap_or_else(|| "mail.example.com".into()));
                    assert_eq!(relay.port, provider.ports[0].port);
                    assert_eq!(desired.mechanism(), provider.mechanism, "{named}");
                }
                (Err(_), Some(_)) => {}
                (other, _) => panic!("{named}: {other:?}"),
            }
        }
    }

    #[test]
    fn the_example_of_a_preset_without_a_standard_part_names_one() {
        for (name, line) in [
            ("ses", "provider = \"ses/us-east-1\""),
            ("office365-connector", "provider = \"office365-connector/example.com\""),
            ("smarthost", "host = \"mail.example.com\""),
        ] {
            let (name, provider) = providers().get_key_value(name).unwrap();
            let text = example(name, &providers::Preset { name, provider, host: None }).text("", true);
            assert!(text.lines().any(|found| found == line), "{text}");
        }
    }

    #[test]
    fn what_is_open_is_no_complaint_and_what_is_wrong_is_one() {
        assert_eq!(Choices::default().check(), Ok(()));
        assert_eq!(Choices { provider: Some("office365".into()), ..Choices::default() }.check(), Ok(()));
        for provider in ["gogle", "gmail/eu", "ses/eu-west-9", "outlook"] {
            let complaint = Choices { provider: Some(provider.into()), ..Choices::default() }.check();
            assert!(complaint.is_err_and(|complaint| complaint.problem.contains("provider `")), "{provider}");
        }
        assert_eq!(Choices { provider: Some("ses".into()), ..Choices::default() }.check(), Ok(()));
        let host = Choices { host: Some("smtp://x".into()), ..Choices::default() }.check().unwrap_err();
        assert!(
            host.problem.contains("is not a host name") && host.remedy.text().contains("without `smtp://`")
        );
        let password =
            Choices { password: Some(Secret::new("x ")), ..Choices::default() }.check().unwrap_err();
        assert!(password.problem.contains("ends with a space"), "{password:?}");
        let rewrites = vec![Rewrite { local: "@example.com".into(), public: "a@example.com".into() }];
        let to = Some("ops@example.com".into());
        let to = Choices { rewrites, to, ..Choices::default() }.check().unwrap_err();
        assert!(to.problem.contains("would rewrite this recipient too"), "{to:?}");
    }

    #[test]
    fn the_file_says_what_the_preset_adds_and_shows_no_password() {
        let preset = providers::find("office365").unwrap();
        let mut choices = example("office365", &preset);
        let text = choices.text("made for a test", false);
        for part in [
            "# made for a test\n",
            "provider = \"office365\"",
            "#   host = \"smtp.office365.com\"",
            "#   tls = \"secure\"",
            "password_file = \"/etc/relayhost/password\"",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        choices.password_file = None;
        choices.password = Some(Secret::new("hunter2"));
        assert!(choices.text("", false).contains("hunter2"));
        assert!(!choices.text("", true).contains("hunter2"));
    }
}
