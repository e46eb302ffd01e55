//! Presets of relay providers: the data of `providers.toml`, and the rule by which a name finds its preset. A preset
//! fills in the keys that the answers leave out; its other facts are for people.

pub mod choose;

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::error::Complaint;
use crate::model::desired::{Mechanism, Tls};
use crate::model::oauth::Provider as Identity;
use crate::model::text;

/// The facts about one provider; providers.toml explains each key.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Provider {
    /// Title in one line, for people.
    pub title: String,
    /// Other names by which people look for it.
    #[serde(default, skip_serializing)]
    pub also: Vec<String>,
    /// The kind of user name and password, in a few words.
    pub login: String,
    /// Whether some relays of this kind need no login.
    #[serde(default)]
    pub optional_login: bool,
    /// Host name of the relay, perhaps with `{domain}` in it.
    host: Option<String>,
    /// The word for a part: region, cloud, domain.
    pub part: Option<String>,
    /// The part that is used if none is named.
    pub standard: Option<String>,
    /// The known parts.
    #[serde(default)]
    pub parts: Vec<Part>,
    /// TCP ports, the preferred one first.
    pub ports: Vec<Port>,
    /// Level of TLS that Postfix uses.
    pub tls: Tls,
    /// SASL mechanism that Postfix uses.
    pub mechanism: Mechanism,
    /// The identity provider whose access tokens the relay takes.
    #[serde(default, skip_serializing)]
    pub identity: Option<Identity>,
    /// Mechanisms that the relay announces.
    pub offers: Vec<String>,
    /// Description of the user name.
    pub username: Option<String>,
    /// The user name itself, where it is the same for everybody.
    pub fixed_username: Option<String>,
    /// Set if the user name is a mail address: the domain that it has as a rule, empty where each customer has one.
    #[serde(default, skip_serializing)]
    pub user_domain: Option<String>,
    /// Whether its app passwords are 16 letters, which it shows in four groups.
    #[serde(default, skip_serializing)]
    pub grouped_password: bool,
    /// Description of the password.
    pub password: Option<String>,
    /// Conditions to fulfil before the first message.
    #[serde(default)]
    pub ready: Vec<String>,
    /// Sender addresses that the relay accepts.
    pub sender: Option<String>,
    /// Limits on the amount of mail in a given time.
    #[serde(default)]
    pub limits: Vec<String>,
    /// Largest message, in bytes.
    pub size: Option<u64>,
    /// Whether its IPv6 side refuses most hosts.
    #[serde(default, skip_serializing)]
    pub prefers_ipv4: bool,
    /// Notes about Postfix with this relay.
    #[serde(default)]
    pub postfix: Vec<String>,
    /// Known problems and announced changes.
    #[serde(default)]
    pub warnings: Vec<Warning>,
    /// The relay's replies when it refuses.
    #[serde(default)]
    pub replies: Vec<Reply>,
    /// The reason why a password is of no use there.
    pub unusable: Option<String>,
    /// The vendor's page.
    pub source: String,
    /// The day on which these facts were last compared with that page: YYYY-MM-DD.
    pub checked: String,
    /// Keys whose values were not confirmed by any page of the vendor.
    #[serde(default)]
    pub unconfirmed: Vec<String>,
}

impl Provider {
    /// Whether `name` is a host of this provider.
    fn has_host(&self, name: &str) -> bool {
        let mut hosts = self.host.iter().chain(self.parts.iter().map(|part| &part.host));
        hosts.any(|host| is_host(host, name))
    }

    /// The host of the standard part or of the first one, or the only host; perhaps with `{domain}` in it.
    pub fn any_host(&self) -> Option<&str> {
        let standard = self.parts.iter().find(|part| self.standard.as_ref() == Some(&part.name));
        let part = standard.or(self.parts.first()).map(|part| part.host.as_str());
        part.or(self.host.as_deref())
    }
}

/// A part of a provider that has a host of its own: a region, a cloud, a stream.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The name after the slash.
    pub name: String,
    /// The name in words.
    pub title: String,
    /// Its host name.
    pub host: String,
}

/// A port, and how TLS starts there.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Port {
    /// TCP port.
    pub port: u16,
    /// How TLS starts.
    pub tls: Start,
}

/// How TLS starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// By a command, in a connection that begins in clear (RFC 3207).
    StartTls,
    /// With the first byte (RFC 8314 §3.3).
    Implicit,
}

/// A known problem, or an announced change.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Warning {
    /// The day since or from which it exists: YYYY-MM-DD.
    pub from: Option<String>,
    /// Whether it is about logging in with a password, so that `check` tells it to who does.
    #[serde(default, skip_serializing)]
    pub password: bool,
    /// The problem, in words.
    pub text: String,
}

/// A reply that refuses.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// Its words, or enough of them to tell it from other replies.
    pub reply: String,
    /// Its meaning.
    pub means: String,
    /// The remedy.
    pub remedy: String,
    /// The id of the cause that relayhost names, in the catalogue.
    pub cause: String,
}

/// The data of providers.toml, as build.rs has written them.
const DATA: &str = include_str!(concat!(env!("OUT_DIR"), "/providers.json"));

/// All presets by name.
pub fn providers() -> &'static BTreeMap<String, Provider> {
    static TABLE: OnceLock<BTreeMap<String, Provider>> = OnceLock::new();
    // The file is compiled in, and a test parses it; only a broken build could give an empty table.
    TABLE.get_or_init(|| serde_json::from_str(DATA).unwrap_or_default())
}

/// The presets with this host, by name.
pub fn with_host(name: &str) -> impl Iterator<Item = (&'static str, &'static Provider)> {
    let all = providers().iter().filter(move |(_, provider)| provider.has_host(name));
    all.map(|(name, provider)| (name.as_str(), provider))
}

/// Whether a host of the data, perhaps with `{domain}` in it, is this one.
fn is_host(host: &str, name: &str) -> bool {
    match host.split_once("{domain}") {
        Some((before, after)) => {
            name.len() > before.len() + after.len() && name.starts_with(before) && name.ends_with(after)
        }
        None => host.eq_ignore_ascii_case(name),
    }
}

/// A provider and the part that was named, which together give the host.
#[derive(Debug, Clone)]
pub struct Preset {
    /// Its name, without the part.
    pub name: &'static str,
    /// The facts about it.
    pub provider: &'static Provider,
    /// The host; `None` for a provider that has none of its own.
    pub host: Option<String>,
}

impl Preset {
    /// The port to use.
    pub fn port(&self) -> u16 {
        self.provider.ports.first().map_or(587, |port| port.port)
    }

    /// How TLS starts on a port, if that is known.
    pub fn start(&self, port: u16) -> Option<Start> {
        self.provider.ports.iter().find(|known| known.port == port).map(|known| known.tls)
    }
}

/// Finds a preset by `NAME` or `NAME/PART`. The part is one of the provider's (`ses/eu-west-1`); where the host depends
/// on the tenant, it is the tenant's domain (`office365-connector/example.com`).
pub fn find(typed: &str) -> Result<Preset, Complaint> {
    let (name, part) = typed.split_once('/').map_or((typed, None), |(name, part)| (name, Some(part)));
    let Some((name, provider)) = providers().get_key_value(name) else { return Err(unknown(name)) };
    let host = match (&provider.part, &provider.host) {
        (None, host) if part.is_none() => host.clone(),
        (None, _) => {
            let problem =
                format!("provider `{name}` has no parts, and `{}` names one", text::one_line(typed));
            return Err(Complaint::new(problem, format!("write `{name}`")));
        }
        (Some(word), Some(template)) => Some(of_tenant(name, word, template, part)?),
        (Some(word), None) => Some(of_part(name, word, provider, part)?),
    };
    Ok(Preset { name, provider, host })
}

/// The host of a named part.
fn of_part(name: &str, word: &str, provider: &Provider, part: Option<&str>) -> Result<String, Complaint> {
    let known =
        || provider.parts.iter().map(|part| format!("{name}/{}", part.name)).collect::<Vec<_>>().join(", ");
    let Some(wanted) = part.or(provider.standard.as_deref()) else {
        let problem = format!("provider `{name}` needs its {word}");
        return Err(Complaint::new(problem, format!("take one of {}", known())));
    };
    let found = provider.parts.iter().find(|part| part.name == wanted).map(|part| part.host.clone());
    found.ok_or_else(|| {
        let problem = format!("provider `{name}` has no such {word}");
        match choose::part(provider, wanted) {
            Some(part) => {
                Complaint::new(problem, format!("write `{name}/{}`, which is {}", part.name, part.title))
            }
            None => Complaint::new(
                problem,
                format!("take one of {}; for a new one set `relay.host` as well", known()),
            ),
        }
    })
}

/// The host of a tenant.
fn of_tenant(name: &str, word: &str, template: &str, part: Option<&str>) -> Result<String, Complaint> {
    let Some(domain) = part else {
        let problem = format!("provider `{name}` needs the tenant's {word}");
        return Err(Complaint::new(problem, format!("write {name}/example.com, with your own domain")));
    };
    let label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric());
    if domain.len() > 200 || !domain.contains('.') || !domain.split('.').all(label) {
        let (problem, remedy) = if domain.contains('-') {
            // Microsoft removes the hyphen and adds text that cannot be guessed.
            (
                "has a hyphen, and the relay's name cannot be told from that",
                "leave `provider` out, and set `relay.host` to the domain's MX (`dig +short MX DOMAIN`)",
            )
        } else {
            ("is not a domain", "write the tenant's domain after the slash, such as example.com")
        };
        return Err(Complaint::new(format!("`{}` {problem}", text::one_line(domain)), remedy));
    }
    Ok(template.replace("{domain}", &domain.to_ascii_lowercase().replace('.', "-")))
}

fn unknown(typed: &str) -> Complaint {
    let nearest = nearest(typed);
    let all = || providers().keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    // What is like none of the names may be a password that was typed in the wrong place.
    let problem = if nearest.is_empty() {
        "this is no provider that relayhost knows".to_owned()
    } else {
        format!("provider `{}` is not known", text::one_line(typed))
    };
    let remedy = if nearest.is_empty() {
        format!("take one of {}, or leave it out and set `relay.host`", all())
    } else {
        format!(
            "take one of the nearest ones ({}), or leave it out and set `relay.host`; `relayhost providers` lists all",
            nearest.join(", ")
        )
    };
    Complaint::new(problem, remedy)
}

/// The names that the user may have meant, the likeliest first; at most three.
pub fn nearest(typed: &str) -> Vec<&'static str> {
    let typed = typed.trim().to_lowercase();
    let likeness = |known: &str| {
        if typed.len() >= 3 && (known.contains(&typed) || typed.contains(known)) {
            return 1.0;
        }
        strsim::jaro_winkler(known, &typed)
    };
    let mut found: Vec<(f64, &str)> = providers()
        .iter()
        .map(|(name, provider)| {
            let names = provider.also.iter().map(String::as_str).chain([name.as_str()]);
            (names.map(likeness).fold(0.0, f64::max), name.as_str())
        })
        .filter(|(likeness, _)| *likeness > 0.85)
        .collect();
    found.sort_by(|one, other| other.0.total_cmp(&one.0));
    found.into_iter().map(|(_, name)| name).take(3).collect()
}

#[cfg(test)]
#[path = "provider_tests.rs"]
mod tests;
