//! Logins by an access token: the application that fetches it, and what it says to the identity provider.

pub mod answer;
pub mod certificate;
pub mod claims;
pub mod login;
pub mod person;
pub mod proxy;
pub mod refusal;
pub mod reply;
pub mod request;
pub mod service_account;
pub mod steps;
pub mod token;
pub mod tokens;
pub mod trouble;

use serde::Deserialize;

use crate::error::LOG_IN;
use crate::model::secret::Secret;
use certificate::Certificate;
use person::{Page, Person};
use service_account::ServiceAccount;

/// An application that an identity provider knows, and that gets access tokens: for itself, or for a person who has logged
/// in once.
#[derive(Debug, Clone)]
pub struct App {
    /// The identity provider.
    pub provider: Provider,
    /// Its id there; the service account's address with Google.
    pub client_id: String,
    /// The address that it asks for tokens.
    pub token_url: String,
    /// The scope that it asks for; empty: none.
    pub scope: String,
    /// What it proves with that it is this application.
    pub proof: Proof,
    /// The day on which its client secret ends, in seconds since 1970, if the answers say it.
    pub secret_ends: Option<i64>,
    /// The mailbox that it sends for: the login's name.
    pub mailbox: String,
    /// The proxy that it asks through, if the answers name one.
    pub proxy: Option<String>,
    /// The command by which a person logs in for it.
    pub login: String,
    /// The table of the answers that has it.
    pub table: String,
}

/// The table of the application of everybody's login.
const TABLE: &str = "auth.oauth";

/// The address that Google gives tokens at.
const GOOGLE_TOKENS: &str = "https://oauth2.googleapis.com/token";
/// The scope of Google's that logs in to SMTP.
const GOOGLE_MAIL: &str = "https://mail.google.com/";

/// Identity providers that the answers may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Microsoft Entra.
    Microsoft,
    /// Google.
    Google,
    /// Any other with a token endpoint of RFC 6749.
    Other,
}

impl Provider {
    /// Its name for a person.
    pub fn title(self) -> &'static str {
        match self {
            Self::Microsoft => "Microsoft",
            Self::Google => "Google",
            Self::Other => "another provider",
        }
    }

    /// The word in the answers.
    pub fn word(self) -> &'static str {
        match self {
            Self::Microsoft => "microsoft",
            Self::Google => "google",
            Self::Other => "other",
        }
    }

    /// The flow that is offered first, as one that most of its users can take; `None`: a password. Of Google's flows one is
    /// for administrators of Workspace, and the other wants a project in the Google Cloud; an app password wants neither.
    pub fn usual(self) -> Option<Flow> {
        (self != Self::Google).then(|| self.flows().first().copied()).flatten()
    }

    /// The flows that it knows, the one to prefer first.
    pub fn flows(self) -> &'static [Flow] {
        match self {
            Self::Microsoft => &[Flow::Certificate, Flow::Secret, Flow::Device, Flow::Code],
            // Google's device flow does not give the scope of mail (developers.google.com, "OAuth 2.0 for TV and
            // Limited-Input Device Applications", allowed scopes).
            Self::Google => &[Flow::ServiceAccount, Flow::Code],
            Self::Other => &[Flow::Secret, Flow::Certificate, Flow::Device, Flow::Code],
        }
    }
}

/// Ways to a token that the answers may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flow {
    /// A client secret (RFC 6749 §4.4, §2.3.1).
    Secret,
    /// A certificate: an assertion that its key has signed (RFC 7523 §2.2).
    Certificate,
    /// A service account of Google, for a mailbox of its domain (RFC 7523 §2.1).
    ServiceAccount,
    /// A person who types a code at another device (RFC 8628).
    Device,
    /// A person who logs in at a page and brings back its address (RFC 6749 §4.1, RFC 7636).
    Code,
}

impl Flow {
    /// The word in the answers.
    pub fn word(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Certificate => "certificate",
            Self::ServiceAccount => "service-account",
            Self::Device => "device",
            Self::Code => "code",
        }
    }

    /// Whether a person logs in once: then a secret of the application is not needed.
    pub fn has_person(self) -> bool {
        matches!(self, Self::Device | Self::Code)
    }

    /// Whether the application may have a client secret.
    pub fn takes_secret(self) -> bool {
        self == Self::Secret || self.has_person()
    }

    /// The key of the answers that its secret is named by.
    pub fn key(self) -> &'static str {
        match self {
            Self::Secret | Self::Device | Self::Code => {
                "`client_secret_file` (or client_secret_env, client_secret_credential)"
            }
            Self::Certificate => "`certificate`",
            Self::ServiceAccount => "`key_file`",
        }
    }

    /// What to write where that key is missing.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Secret | Self::Device | Self::Code => {
                "set client_secret_file to a file of root's with mode 0600, whose one line is the secret"
            }
            Self::Certificate => {
                "set certificate to a file of root's with mode 0600, which has the certificate and its key (PEM)"
            }
            Self::ServiceAccount => "set key_file to the service account's JSON file, root's with mode 0600",
        }
    }
}

/// What an application proves itself with.
#[derive(Debug, Clone)]
pub enum Proof {
    /// A client secret.
    Secret(Secret),
    /// A certificate and its key.
    Certificate(Certificate),
    /// A service account and its key.
    ServiceAccount(ServiceAccount),
    /// The refresh token of a person who has logged in.
    Person(Person),
}

/// A cloud of Microsoft's: the hosts that tokens come from, and that they are for.
#[derive(Debug, Clone, Copy)]
pub struct Cloud {
    login: &'static str,
    outlook: &'static str,
    /// The host that the scope SMTP.Send of a person is of.
    smtp: &'static str,
}

impl Cloud {
    /// The cloud of a relay's host name; the public one for any other name.
    pub fn of(relay: Option<&str>) -> Self {
        match relay {
            Some("smtp.office365.us") => {
                let outlook = "outlook.office365.us";
                Self { login: "login.microsoftonline.us", outlook, smtp: outlook }
            }
            Some("smtp.partner.outlook.cn") => {
                let outlook = "partner.outlook.cn";
                Self { login: "login.partner.microsoftonline.cn", outlook, smtp: outlook }
            }
            _ => Self {
                login: "login.microsoftonline.com",
                outlook: "outlook.office365.com",
                smtp: "outlook.office.com",
            },
        }
    }
}

impl App {
    /// An application of Entra. Its tokens are for Exchange's SMTP alone (`/.default` of Exchange's own resource).
    pub fn microsoft(cloud: &Cloud, tenant: &str, client_id: String, proof: Proof) -> Self {
        Self {
            provider: Provider::Microsoft,
            client_id,
            token_url: format!("https://{}/{tenant}/oauth2/v2.0/token", cloud.login),
            scope: format!("https://{}/.default", cloud.outlook),
            proof,
            secret_ends: None,
            mailbox: String::new(),
            proxy: None,
            login: LOG_IN.into(),
            table: TABLE.into(),
        }
    }

    /// An application of Entra by which a person sends from a mailbox. Its tokens are for SMTP alone, and come with a
    /// refresh token.
    pub fn microsoft_person(
        cloud: &Cloud,
        tenant: &str,
        client_id: String,
        flow: Flow,
        secret: Option<Secret>,
        mailbox: &str,
    ) -> Self {
        let at = |name| format!("https://{}/{tenant}/oauth2/v2.0/{name}", cloud.login);
        let page =
            if flow == Flow::Code { Page::Code(at("authorize")) } else { Page::Device(at("devicecode")) };
        Self {
            scope: format!("https://{}/SMTP.Send offline_access", cloud.smtp),
            mailbox: mailbox.to_owned(),
            ..Self::microsoft(cloud, tenant, client_id, Proof::Person(Person { page, secret }))
        }
    }

    /// An application of Google's by which a person sends from their own mailbox.
    pub fn google_person(client_id: String, secret: Option<Secret>, mailbox: &str) -> Self {
        let page = Page::Code("https://accounts.google.com/o/oauth2/v2/auth".into());
        Self {
            provider: Provider::Google,
            client_id,
            token_url: GOOGLE_TOKENS.into(),
            scope: GOOGLE_MAIL.into(),
            proof: Proof::Person(Person { page, secret }),
            mailbox: mailbox.to_owned(),
            proxy: None,
            secret_ends: None,
            login: LOG_IN.into(),
            table: TABLE.into(),
        }
    }

    /// An application of another provider.
    pub fn other(token_url: String, scope: String, client_id: String, proof: Proof, mailbox: &str) -> Self {
        let mailbox = mailbox.to_owned();
        Self {
            provider: Provider::Other,
            client_id,
            token_url,
            scope,
            proof,
            mailbox,
            proxy: None,
            secret_ends: None,
            login: LOG_IN.into(),
            table: TABLE.into(),
        }
    }

    /// The host that it asks for tokens.
    pub fn host(&self) -> &str {
        self.token_url.trim_start_matches("https://").split('/').next().unwrap_or_default()
    }

    /// The person who logs in for it, if one does.
    pub fn person(&self) -> Option<&Person> {
        match &self.proof {
            Proof::Person(person) => Some(person),
            _ => None,
        }
    }

    /// A service account of Google, which sends for a mailbox of the domain that has delegated this to it.
    pub fn google(account: ServiceAccount, mailbox: &str) -> Self {
        Self {
            provider: Provider::Google,
            client_id: account.email.clone(),
            token_url: GOOGLE_TOKENS.into(),
            scope: GOOGLE_MAIL.into(),
            proof: Proof::ServiceAccount(account),
            secret_ends: None,
            mailbox: mailbox.to_owned(),
            proxy: None,
            login: LOG_IN.into(),
            table: TABLE.into(),
        }
    }

    /// What it is, and what it proves itself with, for a person.
    pub fn identity(&self) -> String {
        let proof = if matches!(self.proof, Proof::Secret(_)) {
            "client secret"
        } else if matches!(self.proof, Proof::Certificate(_)) {
            "certificate"
        } else {
            "key"
        };
        format!("the {proof} of {}, from {}", self.client_id, self.provider.title())
    }

    /// The end of its certificate, in seconds since 1970, if that is over at a time.
    pub fn ended(&self, now: u64) -> Option<i64> {
        match &self.proof {
            Proof::Certificate(certificate) if i64::try_from(now).is_ok_and(|now| now > certificate.ends) => {
                Some(certificate.ends)
            }
            _ => None,
        }
    }
}
