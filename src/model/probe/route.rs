//! The route by which Postfix would talk to the relay: everything that a probe must know to do the same. Made from
//! the answers and the host's settings, or from the host's settings alone.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Warning;
use super::doubt::{Doubt, Matter};
use super::mechanism::Filter;
use crate::model::causes::catalogue::Fact;
use crate::model::desired::{Auth, Desired, IpPolicy, Tls};
use crate::model::packages::need::{Need, needs};
use crate::model::plan::parameters::words;
use crate::model::postfix::settings::{self, Settings, value, value_or};
use crate::model::route::{Fault, Level, Way};
use crate::model::secret::Secret;

/// The way to the relay, and the parameters of the conversation there.
#[derive(Debug, Clone)]
pub struct Route {
    /// The value of `relayhost`.
    pub relayhost: String,
    /// The name or address in it, which Postfix calls the next hop.
    pub host: String,
    /// Whether Postfix asks for its MX records: it does for a `relayhost` without brackets.
    pub mx: bool,
    /// TCP port.
    pub port: u16,
    /// Level of TLS.
    pub tls: Tls,
    /// Whether TLS begins with the first byte.
    pub implicit_tls: bool,
    /// Patterns of the names that the certificate may have.
    pub cert_match: Vec<String>,
    /// The name that is sent in the TLS handshake, if Postfix sends one (smtp_tls_servername).
    pub servername: Option<String>,
    /// The kinds of addresses that are used, and their order.
    pub family: Family,
    /// The sources in which names are looked up.
    pub lookup: Lookup,
    /// Largest number of addresses that are tried (smtp_mx_address_limit).
    pub address_limit: usize,
    /// The name that this host gives itself in EHLO.
    pub helo: String,
    /// Login and password.
    pub login: Option<(String, Secret)>,
    /// The filter for login mechanisms.
    pub filter: Filter,
    /// Security options: without TLS, with TLS.
    pub options: [String; 2],
    /// Plugins that Cyrus SASL will have; `None` if unknown.
    pub plugins: Option<BTreeSet<String>>,
    /// Envelope sender, before and after the rewriting.
    pub sender: [String; 2],
    /// Recipient after the rewriting.
    pub recipient: Option<String>,
    /// Largest message that this host takes, in bytes; 0: no limit.
    pub size_limit: u64,
    /// Actions of this host's Postfix that a probe does not imitate.
    pub doubts: Vec<Doubt>,
    /// Faults of the way that the host's Postfix takes, to be shown.
    pub warnings: Vec<Warning>,
    /// Facts that a cause may depend on.
    pub facts: BTreeSet<Fact>,
    /// The package with the plugin of the login's mechanism.
    pub package: String,
}

/// `inet_protocols` and `smtp_address_preference`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    /// Whether IPv4 addresses are used.
    pub v4: bool,
    /// Whether IPv6 addresses are used.
    pub v6: bool,
    /// The kind of addresses that comes first.
    pub first: First,
}

/// The kind of addresses that comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// Neither: the order is left to chance.
    Any,
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// `smtp_host_lookup`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lookup {
    /// Whether the name servers are asked.
    pub dns: bool,
    /// Whether the system's resolver is asked (after DNS), and /etc/hosts with it.
    pub native: bool,
}

impl Family {
    /// The family that the settings give. `protocols` overrides `inet_protocols`.
    pub fn new(settings: &Settings, protocols: Option<&str>) -> Self {
        let protocols = words(protocols.unwrap_or_else(|| value(settings, "inet_protocols")));
        let has = |name: &str| protocols.iter().any(|word| word == name || word == "all");
        let first = match value(settings, "smtp_address_preference") {
            "ipv4" => First::V4,
            "ipv6" => First::V6,
            _ => First::Any,
        };
        Self { v4: has("ipv4"), v6: has("ipv6"), first }
    }

    /// The addresses in the order in which Postfix would try them, as far as it has one: with `any`, Postfix leaves
    /// the order to chance, and this keeps the name server's order.
    pub fn order(self, mut addresses: Vec<IpAddr>) -> Vec<IpAddr> {
        addresses.retain(|address| if address.is_ipv4() { self.v4 } else { self.v6 });
        match self.first {
            First::Any => {}
            First::V4 => addresses.sort_by_key(IpAddr::is_ipv6),
            First::V6 => addresses.sort_by_key(IpAddr::is_ipv4),
        }
        addresses
    }
}

impl Lookup {
    /// The lookup that the settings give; by default smtp(8) asks DNS alone.
    pub fn new(settings: &Settings) -> Self {
        let off = match value(settings, "smtp_dns_support_level") {
            "" => value(settings, "disable_dns_lookups") == "yes",
            level => level == "disabled",
        };
        let named = words(value(settings, "smtp_host_lookup"));
        let has = |name: &str| named.iter().any(|word| word == name);
        Self { dns: has("dns") && !off, native: has("native") || off }
    }
}

impl Route {
    /// The route of this host with the answers in force. `host_name` stands for Postfix's own name if Postfix is not
    /// installed yet; `plugins` are those on the host and those that would be installed.
    pub fn of_answers(
        desired: &Desired,
        settings: &Settings,
        host_name: &str,
        plugins: Option<BTreeSet<String>>,
    ) -> Self {
        let relay = &desired.relay;
        let origin = value_or(settings, "myorigin", host_name);
        let sender = desired.alert_sender(origin);
        let rewritten = |address: &str| {
            desired.rewrite_of(address, origin).map_or_else(|| address.to_owned(), |rule| rule.public.clone())
        };
        let login = match &desired.auth {
            Auth::None => None,
            Auth::Login { username, password, .. } => Some((username.clone(), password.clone())),
        };
        let protocols = match relay.ip {
            IpPolicy::Leave => None,
            IpPolicy::Set(value) => Some(value),
        };
        let mut facts = facts(relay.tls, &sender, &rewritten(&sender));
        facts.insert(if login.is_some() { Fact::AnswersHaveLogin } else { Fact::AnswersHaveNoLogin });
        let package = needs(desired).into_iter().rev().find_map(|need| match need {
            Need::Package { name, plugin: Some(_) } => Some(name),
            _ => None,
        });
        Self {
            relayhost: desired.relayhost(),
            host: relay.host.clone(),
            mx: false,
            port: relay.port,
            tls: relay.tls,
            implicit_tls: relay.implicit_tls,
            cert_match: cert_match(settings, relay.tls),
            servername: servername(settings, &relay.host),
            family: Family::new(settings, protocols),
            lookup: Lookup::new(settings),
            address_limit: address_limit(settings),
            helo: helo(settings, host_name),
            login,
            filter: Filter::new(desired.mechanism().filter()),
            options: ["noanonymous".into(), "noanonymous".into()],
            plugins,
            recipient: desired.verify.to.as_deref().map(rewritten),
            sender: [sender.clone(), rewritten(&sender)],
            size_limit: size_limit(settings),
            doubts: doubts(settings),
            warnings: Vec::new(),
            facts,
            package: package.unwrap_or_default(),
        }
    }
}

impl Route {
    /// Takes the decisions of the way that the host's Postfix takes with these answers: what it would do, the probe does.
    pub fn follow(&mut self, way: &Way, deviations: Vec<(&'static str, Fault)>) {
        if way.relay.as_ref().is_some_and(|relay| relay.text == self.relayhost) {
            let (tls, doubt) = level(&way.tls);
            self.tls = tls;
            self.implicit_tls = way.tls.wrapper;
            self.doubts.extend(doubt.map(|text| Doubt { from: Matter::All, text }));
            self.login = way.login.as_ref().map(|login| (login.user.clone(), login.password.clone()));
            self.sender = [way.from.clone(), way.seen.sender.clone()];
            if self.recipient.is_some() {
                self.recipient = Some(way.seen.recipient.clone());
            }
        }
        self.warn(way, deviations);
    }

    /// The remedy for a hop of this host's that makes the relay refuse at this matter: what the answers say is not what the
    /// relay was told.
    pub fn remedy(&self, refused: Matter) -> Option<String> {
        let concerns = |warning: &&Warning| {
            let matter = match warning.id {
                "route-tls" => Matter::Tls,
                "route-login" => Matter::Login,
                "route-rewrite" | "route-sender" => Matter::Sender,
                _ => return false,
            };
            matter <= refused
        };
        self.warnings.iter().rfind(concerns).map(|warning| warning.remedy.clone())
    }

    /// Adds what keeps a message from the relay, which the probe passes by.
    pub fn stopped(&mut self, faults: Vec<Fault>) {
        for fault in faults {
            self.doubts.push(Doubt { from: Matter::All, text: fault.text.clone() });
            self.warnings.push(Warning { id: "route-transport", text: fault.text, remedy: fault.remedy });
        }
    }

    /// Adds the faults of a way: each as a warning, and as a doubt if the probe does not do what Postfix does there.
    pub(super) fn warn(&mut self, way: &Way, deviations: Vec<(&'static str, Fault)>) {
        let own = way.hops.iter().flat_map(|hop| hop.faults.iter().map(|fault| (hop.name, fault.clone())));
        for (name, fault) in own.chain(deviations) {
            let (id, is_followed) = match name {
                "rewrite" => ("route-rewrite", false),
                "filter" => ("route-filter", false),
                "transport" => ("route-transport", false),
                "service" => ("route-service", false),
                "address" => ("route-address", true),
                "tls" => ("route-tls", true),
                "login" => ("route-login", true),
                _ => ("route-sender", true),
            };
            if !is_followed && fault.stops {
                self.doubts.push(Doubt { from: Matter::All, text: fault.text.clone() });
            }
            self.warnings.push(Warning { id, text: fault.text, remedy: fault.remedy });
        }
    }
}

/// The level of TLS in force, and the doubt about it if the probe cannot try that level.
pub(super) fn level(level: &Level) -> (Tls, Option<String>) {
    let other =
        |name: &str| Some(format!("the level `{name}` cannot be tried here: the certificate is not checked"));
    match level.word.as_str() {
        "none" => (Tls::None, None),
        "may" => (Tls::May, None),
        "encrypt" => (Tls::Encrypt, None),
        "verify" => (Tls::Verify, None),
        "secure" => (Tls::Secure, None),
        name @ ("dane" | "half-dane") => (Tls::May, other(name)),
        name => (Tls::Encrypt, other(name)),
    }
}

/// The facts that follow from the level of TLS and from the rewriting of the sender.
pub(super) fn facts(tls: Tls, sender: &str, rewritten: &str) -> BTreeSet<Fact> {
    let all = [(tls == Tls::None, Fact::TlsOff), (sender == rewritten, Fact::SenderNotRewritten)];
    all.into_iter().filter(|(holds, _)| *holds).map(|(_, fact)| fact).collect()
}

pub(super) fn cert_match(settings: &Settings, tls: Tls) -> Vec<String> {
    words(match tls {
        Tls::Verify => value(settings, "smtp_tls_verify_cert_match"),
        _ => value(settings, "smtp_tls_secure_cert_match"),
    })
}

pub(super) fn servername(settings: &Settings, host: &str) -> Option<String> {
    match value(settings, "smtp_tls_servername") {
        "" => None,
        "hostname" | "nexthop" => Some(host.to_owned()),
        name => Some(name.to_owned()),
    }
}

pub(super) fn address_limit(settings: &Settings) -> usize {
    let limit = value(settings, "smtp_mx_address_limit").parse().unwrap_or(5);
    if limit == 0 { usize::MAX } else { limit }
}

pub(super) fn helo(settings: &Settings, host_name: &str) -> String {
    let own = value_or(settings, "myhostname", host_name);
    let name = value_or(settings, "smtp_helo_name", own);
    if name.is_empty() { host_name.to_owned() } else { name.to_owned() }
}

pub(super) fn size_limit(settings: &Settings) -> u64 {
    value(settings, "message_size_limit").parse().unwrap_or_default()
}

/// Doubts about the settings that a probe cannot follow as Postfix does.
pub(super) fn doubts(settings: &Settings) -> Vec<Doubt> {
    let doubt = |(from, text)| Doubt { from, text: format!("Postfix {text}") };
    settings::doubts(settings).map(doubt).collect()
}
