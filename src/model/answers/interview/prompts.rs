//! The questions in words, with the default and the help text of each.

use super::Interview;
use crate::model::answers::access::PASSWORD;
use crate::model::desired::Mechanism;
use crate::model::oauth::steps::{self, Name};
use crate::model::oauth::{Flow, Provider as Identity};
use crate::model::providers::choose::numbered;
use crate::model::text::with_numbers;

/// The user whose mail is rewritten by default.
const ALERTS: &str = "monitor";

/// The answer that every sender of this host is meant.
pub(super) const ALL: &str = "all";

/// The questions, in the order in which they are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// A provider, or the relay's host name.
    Relay,
    /// The provider's region, cloud, stream; or the tenant's domain.
    Part,
    /// The host name, for a provider that has none of its own.
    Host,
    /// Whether there is a login.
    Login,
    /// The port.
    Port,
    /// The level of TLS; only asked if it is to be changed.
    Tls,
    /// The login's name.
    Username,
    /// The way to log in: how an access token is fetched, or a password.
    Way,
    /// The tenant of Microsoft's that the application is in.
    Tenant,
    /// The application's id.
    Client,
    /// The file with the certificate or the key.
    File,
    /// The password, or the client secret.
    Password,
    /// The day on which the client secret ends.
    Ends,
    /// The local address that alerts come from.
    Local,
    /// The address that the relay sees instead.
    Public,
    /// The recipient of the test message.
    To,
}

impl Question {
    /// All, in the order in which they are asked.
    pub(super) const ALL: [Self; 16] = [
        Self::Relay,
        Self::Part,
        Self::Host,
        Self::Login,
        Self::Port,
        Self::Tls,
        Self::Way,
        Self::Username,
        Self::Tenant,
        Self::Client,
        Self::File,
        Self::Password,
        Self::Ends,
        Self::Local,
        Self::Public,
        Self::To,
    ];
    /// The questions whose answers can be corrected.
    pub(super) const CORRECTED: [Self; 11] = [
        Self::Relay,
        Self::Port,
        Self::Tls,
        Self::Way,
        Self::Username,
        Self::Tenant,
        Self::Client,
        Self::File,
        Self::Password,
        Self::Local,
        Self::To,
    ];

    /// The word by which a person or a program names the question.
    pub fn word(self) -> &'static str {
        match self {
            Self::Relay => "relay",
            Self::Part => "part",
            Self::Host => "host",
            Self::Login => "login",
            Self::Port => "port",
            Self::Tls => "tls",
            Self::Username => "user",
            Self::Way => "way",
            Self::Tenant => "tenant",
            Self::Client => "application",
            Self::File => "file",
            Self::Password => "password",
            Self::Ends => "ends",
            Self::Local => "sender",
            Self::Public => "public",
            Self::To => "recipient",
        }
    }

    /// The question of this word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|question| question.word() == word)
    }

    /// Whether its answer is never shown.
    pub fn is_secret(self) -> bool {
        self == Self::Password
    }

    /// The question whose answer a refused or missing access token is about, by the name of the cause.
    pub(super) fn of_refusal(cause: &str) -> Self {
        match cause {
            "oauth-secret-wrong" | "oauth-secret-ended" | "oauth-public-client" => Self::Password,
            "oauth-certificate-unknown" | "oauth-google-key-unknown" => Self::File,
            "oauth-application-unknown"
            | "oauth-application-off"
            | "oauth-client-refused"
            | "token-application" => Self::Client,
            "oauth-tenant-unknown" | "oauth-tenant-common" | "token-tenant" => Self::Tenant,
            "oauth-google-user-unknown" | "token-right-missing" => Self::Username,
            _ => Self::Way,
        }
    }

    /// The flag that answers this question.
    pub fn flag(self) -> &'static str {
        match self {
            Self::Relay => "--provider NAME or --host NAME",
            Self::Part => "--provider NAME/PART",
            Self::Host => "--host NAME",
            Self::Login | Self::Username => "--username NAME",
            Self::Port => "--port NUMBER",
            Self::Tls => "--tls LEVEL",
            Self::Way => "--flow WORD",
            Self::Tenant => "--tenant NAME",
            Self::Client => "--client-id ID",
            Self::File => "--password-file FILE",
            Self::Ends => "--client-secret-ends DAY",
            Self::Password => "--password-stdin or --password-file FILE",
            Self::Local | Self::Public => "--rewrite LOCAL=PUBLIC or --sender ADDRESS",
            Self::To => "--to ADDRESS",
        }
    }
}

/// A question as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// The question.
    pub question: Question,
    /// The question in words.
    pub text: String,
    /// The answer that an empty line gives.
    pub default: Option<String>,
    /// The text that `?` shows.
    pub help: String,
}

impl Interview {
    pub(super) fn prompt(&self, question: Question) -> Prompt {
        let provider = self.provider();
        let before = &self.before;
        let names = || with_numbers(numbered().iter().map(|(name, _)| *name));
        let (text, default, help) = match question {
            Question::Relay => (
                "Which relay? A number or a name of the list, or the host name of a relay".to_owned(),
                before.provider.clone().or_else(|| before.host.clone()),
                format!("known providers: {}; a part of a name will do, and `relayhost providers NAME` explains one", names()),
            ),
            Question::Part => {
                let word = provider.and_then(|provider| provider.part.as_deref()).unwrap_or("part");
                let parts = provider.map(|provider| provider.parts.as_slice()).unwrap_or_default();
                let known: Vec<_> = parts.iter().map(|part| format!("{} ({})", part.name, part.title)).collect();
                let help = if known.is_empty() { "your own domain, such as example.com".into() } else { known.join(", ") };
                let earlier = before.provider.as_deref().and_then(|name| name.split_once('/'));
                let earlier = earlier.filter(|(name, _)| self.choices.provider.as_deref() == Some(*name)).map(|(_, part)| part.to_owned());
                (format!("Which {word}?"), earlier.or_else(|| provider?.standard.clone()), help)
            }
            Question::Host => ("The relay's host name".to_owned(), before.host.clone(), "such as mail.example.com; an address works too".into()),
            Question::Login => {
                let usual = provider.is_none_or(|provider| provider.mechanism != Mechanism::None);
                (
                    "Does the relay want a login?".to_owned(),
                    Some(if usual && !(self.is_edit && before.username.is_none()) { "yes" } else { "no" }.to_owned()),
                    "yes: by user name and password; no: it knows this host by its address".into(),
                )
            }
            Question::Port => (
                "The relay's port".to_owned(),
                before.port.map(|port| port.to_string()).or_else(|| {
                    let usual = self.choices.preset().map_or(587, |preset| preset.port());
                    Some(if self.has_login() { usual } else { 25 }.to_string())
                }),
                "587 and 25 have STARTTLS, 465 has TLS from the first byte (Postfix 3.0 and later)".into(),
            ),
            Question::Tls => (
                "TLS: none, may, encrypt or secure".to_owned(),
                before.tls.or(self.choices.tls).or_else(|| Some(self.choices.desired().ok()?.first.relay.tls)).map(|tls| tls.word().to_owned()),
                "none: never; may: if the relay offers it; encrypt: always, whoever answers; secure: always, and the certificate must be the relay's".into(),
            ),
            Question::Username => {
                let what = provider.and_then(|provider| provider.username.clone());
                let what = what.unwrap_or_else(|| "the name of the account at the relay, often a full mail address".into());
                ("User name".to_owned(), before.username.clone(), what)
            }
            Question::Way | Question::Tenant | Question::Client | Question::File | Question::Ends => self.of_token(question),
            Question::Password if self.choices.access.is_some() => self.of_token(question),
            Question::Password => {
                let what = provider.and_then(|provider| provider.password.clone());
                let what = what.unwrap_or_else(|| "the password of that account".into());
                ("Password".to_owned(), self.kept_secret(), what)
            }
            Question::Local => (
                "Which local address do alerts come from? (all: everybody who sends here; none: nothing is rewritten)".to_owned(),
                before.sender.is_some().then(|| ALL.to_owned()).or_else(|| before.rewrites.first().map(|rewrite| rewrite.local.clone())).or_else(|| self.is_edit.then(|| "none".into())).or_else(|| Some(format!("{ALERTS}@{}", self.domain))),
                "relays refuse addresses that exist on this host only, so they are rewritten; one address: mail from it gets the address that is asked for next; all: mail of every user of this host does, cron's and root's too; none: every sender stays".into(),
            ),
            Question::Public => {
                let sender = provider.and_then(|provider| provider.sender.clone());
                (
                    "Which address shall the relay see instead?".to_owned(),
                    before.sender.clone().or_else(|| before.rewrites.first().map(|rewrite| rewrite.public.clone())).or_else(|| self.own_address()),
                    format!("the relay takes: {}", sender.as_deref().unwrap_or(if self.has_login() {
                        "as a rule, the login's own address"
                    } else {
                        "as a rule, an address of a domain that it knows"
                    })),
                )
            }
            Question::To => (
                "Where shall the test message go?".to_owned(),
                before.to.clone().or_else(|| self.choices.sender.clone()).or_else(|| self.choices.rewrites.first().map(|rewrite| rewrite.public.clone())).or_else(|| self.own_address()),
                "a mailbox that you can look into".into(),
            ),
        };
        let offered = self.offered.as_ref().filter(|(of, _)| *of == question).map(|(_, offer)| offer.clone());
        Prompt { question, text, default: offered.or(default), help }
    }

    /// The words for a password that an empty line keeps.
    fn kept_secret(&self) -> Option<String> {
        self.has_secret().then(|| "the same as before".to_owned())
    }

    /// Text, default and help of a question about a login by an access token.
    fn of_token(&self, question: Question) -> (String, Option<String>, String) {
        let (before, identity) = (&self.before, self.choices.identity());
        let earlier = before.access.as_ref();
        if question == Question::Way {
            let usual = identity.and_then(Identity::usual).filter(|_| !self.is_edit);
            let usual = earlier.map(|access| access.flow).or(usual).map_or(PASSWORD, Flow::word);
            let password = match identity {
                Some(Identity::Google) => "an app password of the account",
                _ => "as long as the provider takes one",
            };
            return (
                "How shall this host log in?".to_owned(),
                Some(usual.to_owned()),
                format!("{}; {PASSWORD}: {password}", identity.map(steps::ways).unwrap_or_default()),
            );
        }
        let name = match question {
            Question::Tenant => Name::Tenant,
            Question::Client => Name::Client,
            Question::File => Name::File,
            Question::Ends => Name::Ends,
            _ => Name::Secret,
        };
        let given = match name {
            Name::Tenant => earlier.and_then(|access| access.tenant.clone()),
            Name::Client => earlier.and_then(|access| access.client_id.clone()),
            Name::File => before.password_file.clone(),
            Name::Secret => self.kept_secret(),
            Name::Ends => earlier.and_then(|access| access.ends.clone()),
        };
        let wanted = self.choices.access.as_ref().and_then(|access| access.wanted(name));
        let [text, help] =
            wanted.map(|wanted| [wanted.question.clone(), wanted.help.clone()]).unwrap_or_default();
        (text, given.or_else(|| wanted?.usual.clone()), help)
    }
}
