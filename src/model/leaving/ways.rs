//! The ways of the answers, as a log names them: which of them an attempt was on.

use super::relay::Relay;
use crate::model::causes::extent::is_unserved;
use crate::model::desired::{Desired, WayOut};
use crate::model::exits::{EVERYBODY, FALLBACK, named, routed};
use crate::model::log::Attempt;
use crate::model::routes::{Route, Via};

/// The name of the first relay's table.
const FIRST: &str = "[relay]";

/// For whom a way is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// For all mail that has no other.
    Relay,
    /// For senders with an account.
    Account,
    /// For mail to some domains.
    Route,
    /// For what the others cannot take.
    Fallback,
}

/// A way of the answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// For whom it is.
    pub kind: Kind,
    /// Its table in the answers, by which it is remembered.
    pub table: String,
    /// Whose mail takes it, in words.
    pub whose: String,
    /// The next hop, or in words where MX records decide.
    pub by: String,
    /// Its server, with those that are tried after it; one without a name where MX records decide.
    relay: Relay,
    /// Whether it is for all domains below one, each with servers of its own.
    has_many: bool,
}

impl Way {
    /// Whether a host of an attempt is this way's own: name, address, port.
    pub fn is_at(&self, target: &(String, String, u16)) -> bool {
        if self.is_by_mx() { !self.relay.has_fallback(target) } else { self.is_itself(target) }
    }

    /// The same of a way that has a server.
    pub fn is_itself(&self, target: &(String, String, u16)) -> bool {
        self.relay.is(target)
    }

    /// Whether a host of an attempt is one of those that are tried after it.
    pub fn has_fallback(&self, target: &(String, String, u16)) -> bool {
        self.relay.has_fallback(target)
    }

    /// Whether a failure was on this way.
    pub fn is_missed_by(&self, attempt: &Attempt) -> bool {
        if self.is_by_mx() { !is_unserved(attempt.words()) } else { self.relay.is_missed_by(attempt) }
    }

    /// Whether its mail goes to the servers of many domains: a failure of one of them, which may be a slip of a sender's, says nothing
    /// of the others.
    pub fn has_many_servers(&self) -> bool {
        self.has_many
    }

    /// Whether these words, `[host]:port` or none, name no server that is tried after it.
    pub fn is_no_fallback(&self, at: &str) -> bool {
        !self.relay.fallbacks.iter().any(|(host, port)| format!("[{host}]:{port}") == at)
    }

    /// Whether no server has a name before, since MX records decide.
    pub fn is_by_mx(&self) -> bool {
        self.relay.host.is_empty()
    }

    /// Whether an attempt was at its own server; where MX records name that, any may be it.
    pub fn is_itself_tried(&self, attempt: &Attempt) -> bool {
        self.is_by_mx() || self.relay.is_itself_tried(attempt)
    }

    /// Its server by name and port, by which what was told of another that the answers had for it is known.
    pub fn server(&self) -> String {
        self.relay.key()
    }

    /// Its server.
    pub fn relay(&self) -> &Relay {
        &self.relay
    }
}

/// All of them: the first relay, the accounts, the routes, and the fallback relays, in the order of the answers.
pub fn ways(desired: &Desired) -> Vec<Way> {
    let way = |kind, out: &WayOut, whose: String| {
        let table = out.table.clone().unwrap_or_else(|| FIRST.to_owned());
        let relay = Relay { host: out.relay.host.clone(), port: out.relay.port, ..Relay::of(desired) };
        Way { kind, table, whose, by: out.next_hop(), relay, has_many: false }
    };
    let mut all = vec![way(Kind::Relay, &desired.first, EVERYBODY.into())];
    all.extend(desired.accounts.iter().map(|one| way(Kind::Account, &one.way, named(one))));
    all.extend(desired.routes.0.iter().map(|route| of_route(route, desired)));
    all.extend(desired.fallbacks.iter().map(|one| way(Kind::Fallback, one, FALLBACK.into())));
    all
}

fn of_route(route: &Route, desired: &Desired) -> Way {
    let (host, port) = match &route.via {
        Via::Host { host, port } => (host.clone(), *port),
        Via::Direct => (String::new(), 25),
    };
    Way {
        kind: Kind::Route,
        table: route.table(),
        whose: routed(route),
        by: route.goal(),
        has_many: route.via == Via::Direct && route.is_for_many(),
        relay: Relay { host, port, ..Relay::of(desired) },
    }
}

/// The way of a message that does not take the first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Other {
    /// Its place among `ways`.
    pub at: usize,
    /// Whether a refusal of the sender stops it: the answers name this sender. One of a domain can be anybody's.
    pub is_listed: bool,
    /// Whether a refusal of the recipient's domain stops it: its mail is to that domain alone, or the server knows this host by no
    /// login, and relays for it or does not.
    pub meets_alike: bool,
}
