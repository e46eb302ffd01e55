//! The route by which Postfix would talk to the relay: everything that a probe must know to do the same. Made from
//! the answers and the host's settings, or from the host's settings alone.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Warning;
use super::doubt::{Doubt, Matter};
use super::mechanism::Filter;
use crate::model::causes::catalogue::Fact;
use crate::model::causes::hop::Suspect;
use crate::model::desired::{Auth, Desired, Tls};
use crate::model::oauth::App;
use crate::model::packages::need::{Need, needs};
use crate::model::packages::plugin::PluginKind;
use crate::model::plan::parameters::{protocols, words};
use crate::model::postfix::own_names::OwnNames;
use crate::model::postfix::settings::{self, Settings, value, value_or};
use crate::model::route::judge::own;
use crate::model::route::nexthop::NextHop;
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
    /// Whether Postfix is to log in (smtp_sasl_auth_enable).
    pub asks_login: bool,
    /// Login and password.
    pub login: Option<(String, Secret)>,
    /// The application that fetches the access token of the login, if the answers name one.
    pub app: Option<App>,
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
    /// The table of the answers that has the relay, if that is not `[relay]`.
    pub table: Option<String>,
    /// Largest message that this host takes, in bytes; 0: no limit.
    pub size_limit: u64,
    /// Actions of this host's Postfix that a probe does not imitate.
    pub doubts: Vec<Doubt>,
    /// Faults of the way that the host's Postfix takes, to be shown.
    pub warnings: Vec<Warning>,
    /// Those faults, by which a refusal is explained.
    pub suspects: Vec<Suspect>,
    /// The package with the plugin of the login's mechanism.
    pub package: String,
    /// The mechanism for whose plugin alone the relay's offer is of no use.
    pub lacks: Option<&'static PluginKind>,
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
    /// The family that the settings give, with this value of `inet_protocols`.
    pub fn new(settings: &Settings, protocols: &str) -> Self {
        let protocols = words(protocols);
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
        has_ipv4_route: bool,
    ) -> Self {
        let relay = &desired.first.relay;
        let origin = value_or(settings, "myorigin", host_name);
        let sender = desired.alert_sender(origin);
        let names = OwnNames::new(settings);
        let rewritten =
            |address: &str| desired.public_of(address, origin, &names).unwrap_or(address).to_owned();
        let login = match &desired.first.auth {
            Auth::None => None,
            Auth::Login { username, password, .. } => Some((username.clone(), password.clone())),
        };
        let (text, host) = (desired.relayhost(), relay.host.clone());
        let relayhost = NextHop { text, host, port: relay.port, mx: false, more: false };
        let protocols = protocols(relay.ip, settings, has_ipv4_route);
        let package = needs(desired).into_iter().rev().find_map(|need| match need {
            Need::Package { name, plugin: Some(_) } => Some(name),
            _ => None,
        });
        Self {
            implicit_tls: relay.implicit_tls,
            family: Family::new(settings, protocols.unwrap_or_else(|| value(settings, "inet_protocols"))),
            asks_login: login.is_some(),
            login,
            app: desired.app().cloned(),
            filter: Filter::new(desired.mechanism().filter()),
            options: ["noanonymous".into(), "noanonymous".into()],
            plugins,
            recipient: desired.verify.to.as_deref().map(rewritten),
            sender: [sender.clone(), rewritten(&sender)],
            package: package.unwrap_or_default(),
            table: desired.first.table.clone(),
            ..Self::new(relayhost, relay.tls, settings, host_name)
        }
    }

    /// A route to this relay with a level of TLS, as far as the settings alone tell. It has no login and no sender.
    pub(super) fn new(relay: NextHop, tls: Tls, settings: &Settings, host_name: &str) -> Self {
        let limit = value(settings, "smtp_mx_address_limit").parse().unwrap_or(5);
        let own = value_or(settings, "myhostname", host_name);
        let helo = Some(value_or(settings, "smtp_helo_name", own)).filter(|name| !name.is_empty());
        let patterns =
            if tls == Tls::Verify { "smtp_tls_verify_cert_match" } else { "smtp_tls_secure_cert_match" };
        let servername = match value(settings, "smtp_tls_servername") {
            "" => None,
            "hostname" | "nexthop" => Some(relay.host.clone()),
            name => Some(name.to_owned()),
        };
        let doubt = |(from, text)| Doubt { from, text: format!("Postfix {text}") };
        Self {
            relayhost: relay.text,
            host: relay.host,
            mx: relay.mx,
            port: relay.port,
            tls,
            implicit_tls: false,
            cert_match: words(value(settings, patterns)),
            servername,
            family: Family::new(settings, value(settings, "inet_protocols")),
            lookup: Lookup::new(settings),
            address_limit: if limit == 0 { usize::MAX } else { limit },
            helo: helo.unwrap_or(host_name).to_owned(),
            asks_login: false,
            login: None,
            app: None,
            filter: Filter::default(),
            options: [String::new(), String::new()],
            plugins: None,
            sender: [String::new(), String::new()],
            recipient: None,
            table: None,
            size_limit: value(settings, "message_size_limit").parse().unwrap_or_default(),
            doubts: settings::doubts(settings).map(doubt).collect(),
            warnings: Vec::new(),
            suspects: Vec::new(),
            package: String::new(),
            lacks: None,
        }
    }

    /// Takes the decisions of the way that the host's Postfix takes with these answers: what it would do, the probe does.
    pub fn follow(&mut self, way: &Way, deviations: Vec<(&'static str, Fault)>) {
        if way.relay.as_ref().is_some_and(|relay| relay.text == self.relayhost) {
            let (tls, doubt) = level(&way.tls);
            self.tls = tls;
            self.cert_match = cert_match(&way.tls).unwrap_or_else(|| self.cert_match.clone());
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

    /// The remedy for too little TLS: what this host sets against the answers, or else the answers.
    pub fn more_tls(&self) -> String {
        let own = self.suspects.iter().find(|suspect| suspect.hop == "tls");
        let table = self.table.as_deref().unwrap_or("[relay]");
        let answers = || format!("set tls = \"encrypt\" under {table} in the answers");
        own.map_or_else(answers, |suspect| suspect.fault.remedy.clone())
    }

    /// Adds what keeps a message from the relay, which the probe passes by.
    pub fn stopped(&mut self, faults: Vec<Fault>) {
        for fault in faults {
            self.doubts.push(Doubt { from: Matter::All, text: fault.text.clone() });
            self.warnings.push(Warning {
                id: "route-transport",
                text: fault.text,
                remedy: fault.remedy,
                plugin: None,
            });
        }
    }

    /// Adds the faults of a way: each as a warning, and as a doubt if the probe does not do what Postfix does there.
    pub(super) fn warn(&mut self, way: &Way, deviations: Vec<(&'static str, Fault)>) {
        let own = own(way).map(|(name, fault)| (name, fault, true));
        let others = deviations.into_iter().map(|(name, fault)| (name, fault, false));
        for (name, fault, is_own) in own.chain(others) {
            let (id, is_followed) = match name {
                "rewrite" => ("route-rewrite", false),
                "filter" => ("route-filter", false),
                "alias" | "transport" => ("route-transport", false),
                "service" => ("route-service", false),
                "address" => ("route-address", true),
                "tls" => ("route-tls", true),
                "login" => ("route-login", true),
                _ => ("route-sender", true),
            };
            if !is_followed && fault.stops {
                self.doubts.push(Doubt { from: Matter::All, text: fault.text.clone() });
            }
            let (text, remedy) = (fault.text.clone(), fault.remedy.clone());
            self.warnings.push(Warning { id, text, remedy, plugin: None });
            // What the probe does not do as Postfix does explains nothing that it met.
            if is_followed {
                self.suspects.push(Suspect { hop: name, fault, is_own, is_mended: false });
            }
        }
    }

    /// Facts that a cause may depend on.
    pub fn facts(&self) -> BTreeSet<Fact> {
        let forbids_plaintext = |list: &String| words(list).iter().any(|word| word == "noplaintext");
        // An account's sender stays as it is.
        let has_account = self.table.as_deref().is_some_and(|table| table.starts_with("[[senders]]"));
        let login = match (self.asks_login, &self.login) {
            (_, Some(_)) => Fact::AnswersHaveLogin,
            (true, None) => Fact::EntryMissing,
            (false, None) => Fact::AnswersHaveNoLogin,
        };
        let facts = [
            (self.tls == Tls::None).then_some(Fact::TlsOff),
            (self.sender[0] == self.sender[1] && !has_account).then_some(Fact::SenderNotRewritten),
            self.options.iter().any(forbids_plaintext).then_some(Fact::Noplaintext),
            self.lacks.map(|_| Fact::PluginMissing),
            self.filter.is_for_tokens().then_some(Fact::LoginByToken),
            Some(login),
        ];
        facts.into_iter().flatten().collect()
    }
}

/// The patterns of names that a policy has for the certificate, `match=a:b`.
pub(super) fn cert_match(level: &Level) -> Option<Vec<String>> {
    let patterns = level.limits.iter().find_map(|(limit, _)| limit.strip_prefix("match="))?;
    Some(patterns.split(':').map(str::to_owned).collect())
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
