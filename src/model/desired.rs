//! The desired state of the host: complete and valid. `complete` makes it from the answers; an `Option` remains only
//! for what may really be absent.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::alarm::Way;
use crate::model::arrival::mailbox::Mailbox;
use crate::model::oauth::App;
use crate::model::one_sender::OneSender;
use crate::model::postfix::managed::Managed;
use crate::model::postfix::own_names::OwnNames;
use crate::model::postfix::postmap::rewrite_keys;
use crate::model::postfix::settings::Settings;
use crate::model::secret::Secret;

/// Everything that the answers ask for.
#[derive(Debug, Clone)]
pub struct Desired {
    /// The relay that mail goes to.
    pub relay: Relay,
    /// The login of this host at the relay.
    pub auth: Auth,
    /// Local address → public address (smtp_generic_maps), in the file's order.
    pub rewrites: Vec<Rewrite>,
    /// The sender of all others on this host, if the answers name one.
    pub one_sender: Option<OneSender>,
    /// Whoever is to have root's mail; empty: the answers do not say.
    pub root: Vec<String>,
    /// The test message.
    pub verify: Verify,
    /// Additional packages that must be on the host.
    pub extra_packages: Vec<String>,
    /// The directory that packages are installed from, instead of repositories.
    pub packages_from: Option<PathBuf>,
    /// The ways by which `relayhost watch` tells what is wrong.
    pub alarms: Vec<Way>,
}

/// The relay and the way to it.
#[derive(Debug, Clone)]
pub struct Relay {
    /// Host name in lower case, or an address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Level of TLS.
    pub tls: Tls,
    /// TLS from the first byte (RFC 8314 §3.3).
    pub implicit_tls: bool,
    /// Value of `inet_protocols`, the IP versions that Postfix uses; `None`: the host's own value stays.
    pub ip: IpPolicy,
}

/// TLS levels, as in Postfix's `smtp_tls_security_level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// Never.
    None,
    /// If offered.
    May,
    /// Always; the certificate is not checked.
    Encrypt,
    /// Always; the certificate must be valid for the name in DNS.
    Verify,
    /// Always; the certificate must be valid for the relay's name.
    Secure,
}

impl Tls {
    /// The word in main.cf.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::May => "may",
            Self::Encrypt => "encrypt",
            Self::Verify => "verify",
            Self::Secure => "secure",
        }
    }
}

/// The treatment of `inet_protocols`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpPolicy {
    /// The answers are silent: the host's own setting stays.
    Leave,
    /// It is set to this value.
    Set(&'static str),
    /// The answers are silent, and the provider's IPv6 side refuses most hosts: IPv4 alone, where this host can do with it.
    PreferV4,
}

/// SASL mechanisms that answers may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mechanism {
    /// No authentication.
    None,
    /// PLAIN (RFC 4616), or LOGIN where a relay offers only that: the same package, the same words in another order.
    Plain,
    /// LOGIN only.
    Login,
    /// CRAM-MD5 (RFC 2195).
    CramMd5,
    /// DIGEST-MD5 (RFC 2831).
    DigestMd5,
    /// SCRAM-SHA-256 (RFC 7677).
    #[serde(rename = "scram-sha-256")]
    ScramSha256,
    /// NTLM.
    Ntlm,
    /// GSSAPI, Kerberos (RFC 4752).
    Gssapi,
    /// XOAUTH2, an access token in the form of Google and Microsoft.
    Xoauth2,
    /// OAUTHBEARER, an access token in the form of RFC 7628.
    Oauthbearer,
}

impl Mechanism {
    /// Value of `smtp_sasl_mechanism_filter`.
    pub fn filter(self) -> &'static str {
        if self == Self::Plain { "plain, login" } else { self.name() }
    }

    /// Name in SMTP, in lower case; empty for none.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Plain => "plain",
            Self::Login => "login",
            Self::CramMd5 => "cram-md5",
            Self::DigestMd5 => "digest-md5",
            Self::ScramSha256 => "scram-sha-256",
            Self::Ntlm => "ntlm",
            Self::Gssapi => "gssapi",
            Self::Xoauth2 => "xoauth2",
            Self::Oauthbearer => "oauthbearer",
        }
    }

    /// Whether the password of the login is an access token (RFC 6750).
    pub fn takes_token(self) -> bool {
        matches!(self, Self::Xoauth2 | Self::Oauthbearer)
    }
}

/// The login of this host at the relay.
#[derive(Debug, Clone)]
pub enum Auth {
    /// No login: the relay knows this host by its address, or not at all.
    None,
    /// A user name, and a password or an access token.
    Login {
        /// SASL mechanism.
        mechanism: Mechanism,
        /// Login name; no colon in it, since a colon ends it in sasl_passwd.
        username: String,
        /// Password, or access token. Empty for GSSAPI, and as long as `app` has fetched no token.
        password: Secret,
        /// The application that fetches the access token, if relayhost is to fetch it.
        app: Option<Box<App>>,
    },
}

/// One line of the generic table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewrite {
    /// `user@host`, `user` or `@host`.
    pub local: String,
    /// The address that the relay sees.
    pub public: String,
}

/// The test message.
#[derive(Debug, Clone)]
pub struct Verify {
    /// Its recipient, if the answers name one.
    pub to: Option<String>,
    /// Longest time to wait for the relay's answer, and for the arrival.
    pub deadline: Duration,
    /// The mailbox in which its arrival is looked for, if the answers name one.
    pub arrival: Option<Box<Mailbox>>,
}

impl Desired {
    /// The value of `relayhost`, and the key of the password table: `[host]:port`. The brackets prevent an MX look-up.
    pub fn relayhost(&self) -> String {
        format!("[{}]:{}", self.relay.host, self.relay.port)
    }

    /// Keys and values that the answers put into a map, on a host with these parameters in force; none for main.cf, which
    /// has parameters, and for a file that has a text.
    pub fn entries(&self, file: Managed, settings: &Settings) -> Vec<(String, String)> {
        match (file, &self.auth) {
            (Managed::MainCf | Managed::Plugin | Managed::From, _) | (Managed::SaslPasswd, Auth::None) => {
                Vec::new()
            }
            (Managed::Senders, _) => {
                let others = self.others();
                let entries = |sender: &OneSender| sender.entries(&others, settings);
                self.one_sender.as_ref().map(entries).unwrap_or_default()
            }
            // No token has been fetched yet.
            (Managed::SaslPasswd, Auth::Login { app: Some(_), password, .. })
                if password.expose().is_empty() =>
            {
                Vec::new()
            }
            (Managed::SaslPasswd, Auth::Login { username, password, .. }) => {
                vec![(self.relayhost(), format!("{username}:{}", password.expose()))]
            }
            (Managed::Aliases, _) if self.root.is_empty() => Vec::new(),
            (Managed::Aliases, _) => vec![("root".into(), self.root.join(", "))],
            (Managed::Generic, _) => {
                self.rewrites.iter().map(|rewrite| (rewrite.local.clone(), rewrite.public.clone())).collect()
            }
        }
    }

    /// The text that the answers make of a file of which nothing is anybody else's; `None`: they ask for no such file.
    pub fn text(&self, file: Managed, settings: &Settings) -> Option<String> {
        let sender = self.one_sender.as_ref().filter(|_| file == Managed::From)?;
        Some(sender.text(&self.others(), settings))
    }

    /// The senders with lines of their own.
    pub fn others(&self) -> Vec<&str> {
        self.rewrites.iter().map(|rewrite| rewrite.local.as_str()).collect()
    }

    /// The relay and the login, in one line.
    pub fn summary(&self) -> String {
        let login = match &self.auth {
            Auth::None => "no login".to_owned(),
            Auth::Login { username, .. } => format!("login {username}"),
        };
        format!("mail is to leave through {}, {login}, TLS {}", self.relayhost(), self.relay.tls.word())
    }

    /// The application that fetches the access token of the login, if one does.
    pub fn app(&self) -> Option<&App> {
        match &self.auth {
            Auth::Login { app: Some(app), .. } => Some(app),
            _ => None,
        }
    }

    /// Has the login use this access token.
    pub fn take_token(&mut self, token: Secret) {
        if let Auth::Login { password, app: Some(_), .. } = &mut self.auth {
            *password = token;
        }
    }

    /// The login's name; empty without a login.
    pub fn username(&self) -> &str {
        match &self.auth {
            Auth::None => "",
            Auth::Login { username, .. } => username,
        }
    }

    /// The mechanism, `None` without authentication.
    pub fn mechanism(&self) -> Mechanism {
        match &self.auth {
            Auth::None => Mechanism::None,
            Auth::Login { mechanism, .. } => *mechanism,
        }
    }

    /// The local address that alerts come from: the first that is rewritten; root's where none is. `origin` is what
    /// Postfix appends to a bare user name (`myorigin`).
    pub fn alert_sender(&self, origin: &str) -> String {
        let keys = || self.rewrites.iter().map(|rewrite| rewrite.local.as_str());
        let whole = keys().find(|key| key.contains('@') && !key.starts_with('@')).map(str::to_owned);
        let user = || keys().find(|key| !key.contains('@')).map(|user| format!("{user}@{origin}"));
        let domain = || keys().find(|key| key.starts_with('@')).map(|domain| format!("root{domain}"));
        whole.or_else(user).or_else(domain).unwrap_or_else(|| format!("root@{origin}"))
    }

    /// The rewrite that generic(5) applies to an address.
    pub fn rewrite_of(&self, address: &str, origin: &str) -> Option<&Rewrite> {
        let of = |key: &String| self.rewrites.iter().find(|rewrite| rewrite.local.to_lowercase() == *key);
        rewrite_keys(address, origin).iter().find_map(of)
    }

    /// The address that the relay is to see of a sender on a host with these names of its own, if the answers decide it.
    pub fn public_of(&self, address: &str, origin: &str, own: &OwnNames) -> Option<&str> {
        let one = || self.one_sender.as_ref().filter(|_| own.has_address(address));
        let rewrite = self.rewrite_of(address, origin).map(|rewrite| rewrite.public.as_str());
        rewrite.or_else(|| Some(one()?.address.as_str()))
    }

    /// Whether the answers send as this address: it is the login's, or one that a local sender gets.
    pub fn sends_as(&self, address: &str) -> bool {
        let login =
            matches!(&self.auth, Auth::Login { username, .. } if username.eq_ignore_ascii_case(address));
        let one = self.one_sender.as_ref().is_some_and(|one| one.address.eq_ignore_ascii_case(address));
        login || one || self.rewrites.iter().any(|rewrite| rewrite.public.eq_ignore_ascii_case(address))
    }

    /// Whether the password would cross the network unencrypted.
    pub fn password_in_clear(&self) -> bool {
        (matches!(self.mechanism(), Mechanism::Plain | Mechanism::Login) || self.mechanism().takes_token())
            && self.relay.tls < Tls::Encrypt
    }
}
