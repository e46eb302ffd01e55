//! A way out: a relay, the login of this host there, and the TLS on the way to it. Every table and parameter that is about a
//! relay is made from the list of them.

use serde::{Deserialize, Serialize};

use crate::error::Complaint;
use crate::model::oauth::App;
use crate::model::secret::Secret;

/// A relay, and the login of this host there.
#[derive(Debug, Clone)]
pub struct WayOut {
    /// The relay.
    pub relay: Relay,
    /// The login.
    pub auth: Auth,
    /// How many ways before it lead to the same port of the same relay: each has a next hop of its own.
    pub nth: usize,
    /// The table of the answers that has it; `None`: `[relay]` and `[auth]`.
    pub table: Option<String>,
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

impl WayOut {
    /// The relay as Postfix has it as a next hop, and as the key of tables: `[host]:port`. The brackets prevent an MX look-up.
    /// For another way to the same port there are zeros before it, which Postfix reads as the same number (find_inet_port in
    /// util/find_inet.c), and which make it another key.
    pub fn next_hop(&self) -> String {
        format!("[{}]:{}{}", self.relay.host, "0".repeat(self.nth), self.relay.port)
    }

    /// Key and value in the password table; `None` without a login. As long as no token has been fetched for it, it has no
    /// password: the plugin refuses that, and mail waits (smtp_sasl_authenticate in smtp/smtp_sasl_glue.c), while without an
    /// entry smtp(8) would try to send it without a login, and the relay would refuse it for good. smtp(8) asks for the name
    /// alone first, then for the next hop (smtp_sasl_passwd_lookup there).
    pub fn login_entry(&self) -> Option<(String, String)> {
        match &self.auth {
            Auth::None => None,
            Auth::Login { username, password, .. } => {
                Some((self.next_hop(), format!("{username}:{}", password.expose())))
            }
        }
    }

    /// Key and value in the table of TLS policies, which smtp(8) asks for the next hop as it stands
    /// (tls_policy_lookup in smtp/smtp_tls_policy.c).
    pub fn policy_entry(&self) -> (String, String) {
        (self.next_hop(), self.relay.tls.word().to_owned())
    }

    /// Whether the login has to wait for its first token.
    pub fn waits_for_token(&self) -> bool {
        matches!(&self.auth, Auth::Login { app: Some(_), password, .. } if password.expose().is_empty())
    }

    /// The relay, the login and the level of TLS, in words.
    pub fn summary(&self) -> String {
        let login = match self.username() {
            "" => "no login".to_owned(),
            user => format!("login {user}"),
        };
        format!("{}, {login}, TLS {}", self.next_hop(), self.relay.tls.word())
    }

    /// Refuses this way if Postfix cannot use it after these, the first of which comes first.
    pub fn fits<'a>(&self, before: impl Iterator<Item = &'a Self>) -> Result<(), Complaint> {
        let mut login = None;
        for (number, other) in before.enumerate() {
            if number == 0 && other.relay.implicit_tls != self.relay.implicit_tls {
                return Err(self.begins_otherwise(other));
            }
            if other.is_at(self) {
                let which = if number == 0 { "the first relay" } else { "there already" };
                let problem = format!("the fallback relay {} is {which}", self.next_hop());
                return Err(Complaint::new(
                    problem,
                    "name another relay, or another port; or remove this table",
                ));
            }
            login = login.or(Some(other).filter(|other| other.logs_in()));
        }
        match login.filter(|other| self.logs_in() && !self.can_share_filter(other)) {
            Some(other) => Err(self.filters_otherwise(other)),
            None => Ok(()),
        }
    }

    /// Whether its next hop is that of another way.
    fn is_at(&self, other: &Self) -> bool {
        let key = |way: &Self| (way.nth, way.relay.port);
        key(self) == key(other) && self.relay.host == other.relay.host
    }

    /// Its server, and the table of the answers that names it.
    fn place(&self) -> String {
        let table = self.table.as_deref().unwrap_or("[relay]");
        format!("{}:{} of {table}", self.relay.host, self.relay.port)
    }

    /// PLAIN and LOGIN send the same words, so that one filter can let both pass.
    fn can_share_filter(&self, other: &Self) -> bool {
        let is_plain = |way: &Self| matches!(way.mechanism(), Mechanism::Plain | Mechanism::Login);
        self.mechanism() == other.mechanism() || is_plain(self) && is_plain(other)
    }

    /// smtp_tls_wrappermode is one for all next hops; no TLS policy has it (postconf(5), up to Postfix 3.12).
    fn begins_otherwise(&self, first: &Self) -> Complaint {
        let word = |way: &Self| if way.relay.implicit_tls { "with the first byte" } else { "after STARTTLS" };
        let problem = format!(
            "TLS begins {} at {} and {} at {}: Postfix has one setting for all relays (smtp_tls_wrappermode)",
            word(self),
            self.place(),
            word(first),
            first.place()
        );
        let remedy =
            "take ports of one kind for all: 587 (STARTTLS) for each, or 465 (implicit_tls = true) for each";
        Complaint::new(problem, remedy)
    }

    /// smtp_sasl_mechanism_filter is one for all next hops.
    fn filters_otherwise(&self, other: &Self) -> Complaint {
        let problem = format!(
            "the login at {} is by {} and that at {} by {}: Postfix has one setting for all relays (smtp_sasl_mechanism_filter)",
            self.place(),
            self.mechanism().name(),
            other.place(),
            other.mechanism().name()
        );
        let remedy = "set one mechanism for both (plain and login may stand together), or take a relay that needs no login";
        Complaint::new(problem, remedy)
    }

    /// The server and the login, by which two ways are one.
    pub fn login(&self) -> (String, u16, String) {
        (self.relay.host.clone(), self.relay.port, self.username().to_owned())
    }

    /// Whether this host logs in there.
    pub fn logs_in(&self) -> bool {
        matches!(self.auth, Auth::Login { .. })
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

    /// The application that fetches the access token of the login, if one does.
    pub fn app(&self) -> Option<&App> {
        match &self.auth {
            Auth::Login { app: Some(app), .. } => Some(app),
            _ => None,
        }
    }

    /// Whether the password would cross the network unencrypted.
    pub fn password_in_clear(&self) -> bool {
        (matches!(self.mechanism(), Mechanism::Plain | Mechanism::Login) || self.mechanism().takes_token())
            && self.relay.tls < Tls::Encrypt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_has_its_own_keys() {
        let relay = Relay {
            host: "b.example.com".into(),
            port: 2525,
            tls: Tls::May,
            implicit_tls: false,
            ip: IpPolicy::Leave,
        };
        let login = |password: &str, app| Auth::Login {
            mechanism: Mechanism::Plain,
            username: "u@example.com".into(),
            password: Secret::new(password),
            app,
        };
        let mut way = WayOut { relay, auth: login("p:q", None), nth: 0, table: None };
        let own = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(way.login_entry(), Some(own("[b.example.com]:2525", "u@example.com:p:q")));
        assert_eq!(way.policy_entry(), own("[b.example.com]:2525", "may"));
        assert_eq!(way.summary(), "[b.example.com]:2525, login u@example.com, TLS may");
        assert!(way.password_in_clear());
        way.auth = Auth::None;
        assert_eq!((way.login_entry(), way.logs_in()), (None, false));
        assert_eq!(way.summary(), "[b.example.com]:2525, no login, TLS may");
    }
}
