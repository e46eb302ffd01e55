//! The server that is to take a test message: the relay, or where the recipient's domain has a route, that of the route.

use super::fallback::Relays;
use crate::engine::Progress;
use crate::model::desired::{Desired, WayOut};
use crate::model::recipients::ROOT;
use crate::model::routes::{Route, Via};
use crate::sys::dns;

/// Says of a recipient whose mail goes by a route that the relay is not tried.
pub(super) fn tell_of_route(desired: &Desired, to: &str, progress: &mut dyn Progress) {
    if let Some(route) = desired.route_of(to) {
        progress.note(&format!(
            "note: mail to {to} goes by a route of the answers, to {}: this message says nothing of the relay",
            route.goal()
        ));
    }
}

/// Says of a sender of alerts that has an account that the login of everybody is not tried.
pub(super) fn tell_of_account(desired: &Desired, from: &str, progress: &mut dyn Progress) {
    let way = desired.way_of(from);
    if way.next_hop() != desired.relayhost() {
        progress.note(&format!(
            "note: {from} has an account: this message leaves by the account of {}, and says nothing of {}",
            way.username(),
            desired.relayhost()
        ));
    }
}

/// Whoever is to take the message.
pub(super) struct Goal {
    /// In words, or as main.cf names the relay.
    pub text: String,
    /// Its name, if it is one server that has one.
    pub host: Option<String>,
    /// Whether it is the first relay of the answers.
    pub is_first: bool,
    /// Where it is, if that is not the first relay.
    ends: Vec<End>,
    /// The first relay, and those that Postfix tries after any next hop.
    pub relays: Relays,
    /// How smtp(8) names a place at which nobody is to answer, if there is one.
    pub nobody: Option<String>,
}

/// A server; with a name that is not known before, where MX records decide.
struct End {
    server: Option<dns::Identity>,
    port: u16,
}

impl Goal {
    /// The goal of a message to this recipient; one to root goes on to those whom the answers name.
    pub fn new(desired: &Desired, from: &str, to: &str) -> Self {
        let way = desired.way_of(from);
        let named = [to.to_owned()];
        let recipients = if to == ROOT && !desired.root.is_empty() { &desired.root[..] } else { &named };
        let mut routes: Vec<Option<&Route>> = recipients.iter().map(|one| desired.route_of(one)).collect();
        routes.dedup();
        let text = |route: Option<&Route>| route.map_or_else(|| way.next_hop(), Route::goal);
        let mut texts: Vec<String> = routes.iter().copied().map(text).collect();
        texts.dedup();
        let end = |route: Option<&Route>| match route.map(|route| &route.via) {
            None => End { server: Some(dns::Identity::new(&way.relay.host)), port: way.relay.port },
            Some(Via::Host { host, port }) => End { server: Some(dns::Identity::new(host)), port: *port },
            Some(Via::Direct) => End { server: None, port: 25 },
        };
        let is_first = routes.iter().all(Option::is_none) && way.next_hop() == desired.relayhost();
        let host = |route: Option<&Route>| match route.map(|route| &route.via) {
            None => Some(way.relay.host.clone()),
            Some(Via::Host { host, .. }) => Some(host.clone()),
            Some(Via::Direct) => None,
        };
        let host = if let [route] = routes[..] { host(route) } else { None };
        let ends = routes.iter().copied().filter(|_| !is_first).map(end).collect();
        Self { text: texts.join(" or "), host, is_first, ends, relays: Relays::new(desired), nobody: None }
    }

    /// The goal of a message that nobody but this relay is to take. `nobody`: how smtp(8) names the place that it tries before.
    pub fn of(way: &WayOut, nobody: Option<String>) -> Self {
        let end = End { server: Some(dns::Identity::new(&way.relay.host)), port: way.relay.port };
        Self {
            text: way.next_hop(),
            host: Some(way.relay.host.clone()),
            is_first: false,
            ends: vec![end],
            relays: Relays::none(),
            nobody,
        }
    }

    /// Whether an attempt was made there, or where Postfix goes on.
    pub fn is(&self, name: &str, address: &str, port: u16) -> bool {
        self.is_itself(name, address, port)
            || self.relays.place(name, address, port).is_some_and(|place| place > 0)
    }

    /// Whether an attempt was made there. What has the name of a fallback relay is that one, though both have one address.
    pub fn is_itself(&self, name: &str, address: &str, port: u16) -> bool {
        if self.host.as_deref() != Some(name) && self.relays.has_after_first(name, port) {
            return false;
        }
        let is_first = || self.is_first && self.relays.place(name, address, port) == Some(0);
        is_first() || self.ends.iter().any(|end| end.is(name, address, port))
    }
}

impl End {
    fn is(&self, name: &str, address: &str, port: u16) -> bool {
        self.port == port && self.server.as_ref().is_none_or(|server| server.is(name, address))
    }
}
