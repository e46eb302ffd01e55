//! What is known beside the words of a failure: of the host, its answers and its Postfix, where they count; and what the log
//! itself says of the attempt.

mod facts;

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use crate::error::Advice;
use crate::model::causes::catalogue::{Entry, Fact, Stage};
use crate::model::causes::circumstances::facts::{in_force, of_answers};
use crate::model::causes::form::{Form, Value, fill};
use crate::model::causes::hop::{Suspect, explained};
use crate::model::causes::table::{is_of_route, of_table};
use crate::model::causes::words::Words;
use crate::model::causes::{About, Cause};
use crate::model::desired::Desired;
use crate::model::observed::Observed;
use crate::model::probe::route::Route;
use crate::model::providers::with_host;
use crate::model::route::nexthop::NextHop;
use crate::model::routes::{Route as ViaRoute, Via};

/// Words after `the recipient` if there are several.
const NOBODY: &str = "named in the log";
/// Ports at which relays listen, and those of content filters as their manuals have them (amavis: 10024, and 10025 back to
/// Postfix).
const OF_RELAYS: [u16; 7] = [25, 465, 587, 588, 2465, 2525, 2587];
const OF_FILTERS: RangeInclusive<u16> = 10_024..=10_030;
/// Words for the user if the answers have no login.
const NO_LOGIN: &str = "this host";

/// Values to fill into the texts, and the facts. Values come from the answers, or from a log that anybody may have
/// written; an unknown one is empty.
#[derive(Debug, Clone, Default)]
pub struct Circumstances {
    /// The facts of the host; `None` if they are not known.
    facts: Option<BTreeSet<Fact>>,
    relayhost: String,
    /// `relayhost` in force on this host; empty if it is not known, or there is none.
    in_force: String,
    /// The relay's name without brackets and port.
    host: String,
    /// The port at which it was tried.
    port: Option<u16>,
    /// The delivery agent, and the domain of the recipient, as the record of the attempt has them; empty without one.
    agent: String,
    domain: String,
    user: String,
    /// Words for the user if it is not known, or there is none.
    no_user: &'static str,
    package: String,
    to: String,
    sender: String,
    /// The preset that the relay belongs to.
    provider: Option<&'static str>,
    /// The faults of the message's way through this host.
    suspects: Vec<Suspect>,
    /// The table of the answers that has the relay at which it failed; `None`: those of the first relay.
    table: Option<String>,
    /// Whether this host has no answers that could be applied.
    is_unanswered: bool,
}

impl Circumstances {
    /// The circumstances, with the faults of the message's way through this host.
    #[must_use]
    pub fn with(self, suspects: Vec<Suspect>) -> Self {
        Self { suspects, ..self }
    }

    /// The circumstances, with the user of the entry by which smtp(8) logs in: it need not be that of the answers.
    #[must_use]
    pub fn logged_in_as(self, user: Option<String>) -> Self {
        Self { user: user.unwrap_or(self.user), ..self }
    }

    /// The circumstances of an attempt at one of several relays: `host` is its name, and `relayhost` what the message was to
    /// go to.
    #[must_use]
    pub fn at(self, desired: &Desired, host: Option<&str>, relayhost: &str) -> Self {
        // Several accounts may be at one host: the message's own next hop tells them apart.
        let at = |host: &str| {
            let ways = desired.ways().filter(|way| way.relay.host.eq_ignore_ascii_case(host));
            ways.min_by_key(|way| way.next_hop() != relayhost)
        };
        let is_goal = |route: &&ViaRoute| route.goal() == relayhost;
        let is_there = |route: &&ViaRoute| host.is_none_or(|host| is_via(route, host));
        let routes = || desired.routes.0.iter();
        let named = || desired.ways().find(|way| way.next_hop() == relayhost);
        // The server of a route may have the name of a relay: mail of the route has no login there.
        let route = routes().find(|route| named().is_none() && is_goal(route) && is_there(route));
        let way =
            host.and_then(at).or_else(|| named().filter(|_| host.is_none())).filter(|_| route.is_none());
        let route =
            route.or_else(|| routes().find(|route| is_goal(route) || host.is_some() && is_there(route)));
        let table = way.map_or_else(|| route.map(ViaRoute::table), |way| way.table.clone());
        let is_direct = way.is_none() && route.is_some_and(|route| route.via == Via::Direct);
        let is_first = relayhost == desired.relayhost();
        let user =
            way.filter(|way| way.next_hop() != desired.relayhost()).map(|way| way.username().to_owned());
        let relayhost = if is_first { self.relayhost.clone() } else { relayhost.to_owned() };
        let known = Self { relayhost, table, ..self.logged_in_as(user) };
        if is_direct { known.knowing(Fact::Direct) } else { known }
    }

    /// A text of the catalogue about a cause at this stage, with the keys of the relay at which it failed.
    pub fn in_table(&self, text: String, stage: Stage) -> String {
        // Braces stand for values.
        let named = |table: &String| of_table(&text, stage, &table.replace(['{', '}', '`'], "_"));
        self.table.as_ref().map(named).unwrap_or(text)
    }

    /// The thing on this host that a cause is about: two logins that are refused are two faults.
    pub fn subject(&self, named: &str) -> String {
        let table = self.table.as_deref().unwrap_or_default();
        [named, table].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }

    /// The circumstances of a host that has a route out of it, or none.
    #[must_use]
    pub fn routed(self, has_route: bool) -> Self {
        if has_route { self } else { self.knowing(Fact::NoNetwork) }
    }

    fn knowing(mut self, fact: Fact) -> Self {
        self.facts.get_or_insert_default().insert(fact);
        self
    }

    /// The circumstances of a host on which `relayhost` has this value.
    #[must_use]
    pub fn relayed_by(self, relayhost: &str) -> Self {
        Self { in_force: relayhost.to_owned(), ..self }
    }

    /// The circumstances of a host that has no answers, if `is_unanswered`.
    #[must_use]
    pub fn unanswered(self, is_unanswered: bool) -> Self {
        Self { is_unanswered, ..self }
    }

    /// A remedy that can be followed here.
    pub fn advised(&self, remedy: Advice) -> Advice {
        if self.is_unanswered { remedy.unanswered() } else { remedy }
    }

    /// Whether the attempt was one at the relay, as far as the port tells; `None` if it does not.
    fn is_at_relay(&self) -> Option<bool> {
        let port = self.port?;
        match NextHop::parse(&self.in_force) {
            Some(relay) => Some(relay.port == port),
            None if OF_RELAYS.contains(&port) => Some(true),
            None => OF_FILTERS.contains(&port).then_some(false),
        }
    }

    /// The cause, with the fault of this host that it comes from, if there is one.
    #[must_use]
    pub fn explained(&self, cause: Cause) -> Cause {
        explained(cause, &self.suspects)
    }

    /// Circumstances for a log from elsewhere: nothing is known of the host, so entries that require facts do not fit.
    pub fn unknown(about: &About<'_>) -> Self {
        let About { relay, sender, to, .. } = *about;
        let circumstances = Self {
            relayhost: relay.map_or_else(String::new, |(name, _, port)| format!("{name}:{port}")),
            no_user: "this account",
            to: to.to_owned(),
            sender: sender.to_owned(),
            provider: relay.and_then(|(name, ..)| preset_of(name)),
            ..Self::default()
        };
        circumstances.of(about)
    }

    /// The circumstances of this attempt.
    #[must_use]
    pub fn of(self, about: &About<'_>) -> Self {
        let (host, port) = match about.relay {
            Some((name, address, port)) => {
                (if name.is_empty() { address } else { name }.to_owned(), Some(port))
            }
            None => (self.host, self.port),
        };
        Self { host, port, agent: about.agent.to_owned(), domain: about.domain.to_owned(), ..self }
    }

    /// The port at which the relay was tried, if it is known.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// Whether an entry whose words fit may be the cause: `None` if it cannot be, false if that depends on facts of the
    /// host, and those are not known.
    pub fn suit<'a, W: Copy + Into<Words<'a>>>(&self, entry: &Entry, evidence: &[W]) -> Option<bool> {
        let is_agent = entry.agent.as_ref().is_none_or(|agent| *agent == self.agent);
        let names_recipient = || {
            let found = evidence.iter().find_map(|line| entry.captures((*line).into()));
            let name = found.and_then(|found| found.get(1)).map(|name| name.as_bytes());
            name.is_some_and(|name| !name.is_empty() && name.eq_ignore_ascii_case(self.domain.as_bytes()))
        };
        // The login, its table and the level of TLS are the relay's, and a route has its own level.
        let of_relay = [Fact::SaslOff, Fact::TlsOff, Fact::EntryMissing, Fact::EntryDiffers];
        let is_routed = self.table.as_deref().is_some_and(is_of_route);
        let is_of_relay = is_routed && entry.facts.iter().any(|fact| of_relay.contains(fact));
        if !is_agent || is_of_relay || entry.of_recipient && !names_recipient() {
            return None;
        }
        match entry.of_relayhost.then(|| self.is_at_relay()) {
            Some(Some(false)) => return None,
            Some(None) => return Some(false),
            Some(Some(true)) | None => {}
        }
        match &self.facts {
            Some(facts) => entry.holds(facts).then_some(true),
            // Routes are the answers': who does not know them knows none.
            None => (!entry.facts.contains(&Fact::Direct)).then_some(entry.facts.is_empty()),
        }
    }

    /// Reads the facts off a host for a message from `sender` to `to`.
    pub fn new(desired: &Desired, observed: &Observed, sender: &str, to: &str) -> Self {
        let (mut facts, package) = of_answers(desired, observed, to);
        let user = desired.first.username().to_owned();
        let relayhost = match &observed.postfix {
            None => desired.relayhost(),
            Some(postfix) => {
                facts.extend(in_force(desired, postfix, sender));
                postfix.setting("relayhost").to_owned()
            }
        };
        let provider = preset_of(&desired.first.relay.host);
        let (to, sender) = (to.to_owned(), sender.to_owned());
        Self {
            facts: Some(facts),
            in_force: relayhost.clone(),
            relayhost,
            host: desired.first.relay.host.clone(),
            port: Some(desired.first.relay.port),
            user,
            package,
            to,
            sender,
            provider,
            no_user: NO_LOGIN,
            ..Self::default()
        }
    }

    /// Circumstances for a conversation that Postfix did not have: the facts are the route's.
    pub fn of_route(route: &Route) -> Self {
        Self {
            facts: Some(route.facts()),
            relayhost: route.relayhost.clone(),
            in_force: route.relayhost.clone(),
            host: route.host.clone(),
            port: Some(route.port),
            user: route.login.as_ref().map_or_else(String::new, |(user, _)| user.clone()),
            no_user: NO_LOGIN,
            package: route.lacks.map_or(route.package.as_str(), |kind| kind.package).to_owned(),
            to: route.recipient.clone().unwrap_or_default(),
            sender: route.sender[1].clone(),
            provider: preset_of(&route.host),
            suspects: route.suspects.clone(),
            table: route.table.clone(),
            ..Self::default()
        }
    }

    /// The note of an entry for users of the relay's preset.
    pub fn note<'a>(&self, entry: &'a Entry) -> Option<&'a str> {
        self.provider.and_then(|name| entry.provider.get(name)).map(String::as_str)
    }

    /// A text with the values filled in; of the evidence `first`, the text of the pattern's first group, and the address.
    pub fn fill(&self, text: &str, [first, address]: [Option<&str>; 2], form: Form) -> String {
        let value = |name, text, unknown, form| Value { name, text, unknown, form };
        let port = self.port.map_or_else(String::new, |port| port.to_string());
        let nameless = if port.is_empty() { Some(text.replace("port {port}", "{port}")) } else { None };
        fill(
            nameless.as_deref().unwrap_or(text),
            &[
                value("relayhost", &self.relayhost, "the relay", Form::Relay),
                value("host", &self.host, "the relay", Form::Host),
                value("address", address.unwrap_or_default(), "that address", Form::Address),
                value("port", &port, "that port", Form::Port),
                value("user", &self.user, self.no_user, Form::Login),
                value("package", &self.package, "its package", Form::Package),
                value("to", &self.to, NOBODY, Form::Mail),
                value("sender", &self.sender, "this sender", Form::Mail),
                value("1", first.unwrap_or_default(), "", form),
            ],
        )
    }
}

/// Whether a route leads to a server of this name.
fn is_via(route: &ViaRoute, host: &str) -> bool {
    matches!(&route.via, Via::Host { host: via, .. } if via.eq_ignore_ascii_case(host))
}

/// The preset to which a relay of this name belongs.
fn preset_of(host: &str) -> Option<&'static str> {
    with_host(host).next().map(|(name, _)| name)
}

#[cfg(test)]
impl Circumstances {
    /// Circumstances of a host with these facts.
    pub fn with_facts(facts: &[Fact]) -> Self {
        Self {
            facts: Some(facts.iter().copied().collect()),
            relayhost: "[r]:587".into(),
            host: "r".into(),
            port: Some(587),
            user: "u".into(),
            no_user: NO_LOGIN,
            package: "cyrus-sasl-plain".into(),
            to: "o@x".into(),
            sender: "monitor@h".into(),
            ..Self::default()
        }
    }
}
