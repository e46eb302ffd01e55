//! How Postfix would talk to the relay: all that a probe must know to do the same. Made from the answers and the
//! host's settings, or from the host's settings alone.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::doubt::Doubt;
use super::mechanism::Filter;
use crate::model::causes::catalogue::Fact;
use crate::model::desired::{Auth, Desired, IpPolicy, Tls};
use crate::model::packages::need::{Need, needs};
use crate::model::plan::parameters::words;
use crate::model::postfix::settings::{self, Settings, value, value_or};
use crate::model::secret::Secret;

/// The way to the relay, and what is said there.
#[derive(Debug, Clone)]
pub struct Route {
    /// The value of `relayhost`.
    pub relayhost: String,
    /// The name in it, or an address: what Postfix calls the next hop.
    pub host: String,
    /// Whether its MX records are asked for: a `relayhost` without brackets.
    pub mx: bool,
    /// TCP port.
    pub port: u16,
    /// Level of TLS.
    pub tls: Tls,
    /// TLS from the first byte.
    pub implicit_tls: bool,
    /// By which names the certificate is accepted.
    pub cert_match: Vec<String>,
    /// The name that is sent in the TLS handshake, if Postfix sends one (smtp_tls_servername).
    pub servername: Option<String>,
    /// Which addresses are used, and in which order.
    pub family: Family,
    /// Where names are looked up.
    pub lookup: Lookup,
    /// Most addresses that are tried (smtp_mx_address_limit).
    pub address_limit: usize,
    /// The name that we give ourselves.
    pub helo: String,
    /// Login and password.
    pub login: Option<(String, Secret)>,
    /// Which mechanisms may be used.
    pub filter: Filter,
    /// Security options: without TLS, with TLS.
    pub options: [String; 2],
    /// Plugins that Cyrus SASL will have; `None` if nobody knows.
    pub plugins: Option<BTreeSet<String>>,
    /// Envelope sender, before and after the rewriting.
    pub sender: [String; 2],
    /// Recipient after the rewriting.
    pub recipient: Option<String>,
    /// Greatest message that this host takes, in bytes; 0: no limit.
    pub size_limit: u64,
    /// What Postfix does here, and a probe does not.
    pub doubts: Vec<Doubt>,
    /// What a cause may ask for.
    pub facts: BTreeSet<Fact>,
    /// The package of the login's mechanism.
    pub package: String,
}

/// `inet_protocols` and `smtp_address_preference`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Family {
    /// IPv4 addresses are used.
    pub v4: bool,
    /// IPv6 addresses are used.
    pub v6: bool,
    /// Which ones come first.
    pub first: First,
}

/// Which addresses come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// As chance has it.
    Any,
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// `smtp_host_lookup`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lookup {
    /// The name servers are asked.
    pub dns: bool,
    /// The system's resolver is asked (after DNS), /etc/hosts with it.
    pub native: bool,
}

impl Family {
    /// `protocols` overrides `inet_protocols`.
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

    /// The addresses in the order in which Postfix would try them, as far as it has one: with `any`, chance orders
    /// them there, and the name server's order stays here.
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
    /// From the settings; smtp(8) asks DNS alone unless told otherwise.
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
    /// What the answers would make of this host. `host_name` stands for Postfix's own name where Postfix is not
    /// there yet; `plugins` are those on the host and those that would be installed.
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
            facts,
            package: package.unwrap_or_default(),
        }
    }
}

/// The facts that follow from what is asked for.
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

/// What of these settings a probe cannot do as Postfix does.
pub(super) fn doubts(settings: &Settings) -> Vec<Doubt> {
    let doubt = |(from, text)| Doubt { from, text: format!("Postfix {text}") };
    settings::doubts(settings).map(doubt).collect()
}
