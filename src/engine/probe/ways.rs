//! The ways of the answers beside that of everybody, each as answers of its own, so that a probe of it is a probe like any
//! other.

use std::collections::BTreeSet;

use crate::model::desired::{Desired, Rewrite};
use crate::model::exits::{FALLBACK, named, routed};
use crate::model::routes::{Routes, Via};
use crate::model::way_out::{Auth, Relay, WayOut};

/// Whose each way is, and answers in which it is the only one. A login that is there twice is tried once.
pub(super) fn others(desired: &Desired) -> Vec<(String, Desired)> {
    let mut tried = BTreeSet::from([desired.first.login()]);
    let mut all = Vec::new();
    for account in &desired.accounts {
        if tried.insert(account.way.login()) {
            let mut one = alone(desired, account.way.clone());
            one.one_sender = None;
            one.rewrites = account
                .somebody()
                .map(|from| Rewrite { local: from.clone(), public: from })
                .into_iter()
                .collect();
            all.push((named(account), one));
        }
    }
    for (whose, one) in routes(desired) {
        if tried.insert(one.first.login()) {
            all.push((whose, one));
        }
    }
    for way in &desired.fallbacks {
        if tried.insert(way.login()) {
            all.push((FALLBACK.into(), alone(desired, way.clone())));
        }
    }
    all
}

/// The servers of accounts and of routes, each login once.
pub(super) fn accounts_and_routes(desired: &Desired) -> Vec<(String, Desired)> {
    let fallbacks: Vec<String> = desired.fallbacks.iter().map(WayOut::next_hop).collect();
    let mut all = others(desired);
    all.retain(|(_, one)| !fallbacks.contains(&one.first.next_hop()));
    all
}

/// The servers of routes, each as answers in which it is the only way; without those that MX records name.
pub(super) fn routes(desired: &Desired) -> impl Iterator<Item = (String, Desired)> {
    desired.routes.0.iter().filter_map(|route| {
        let Via::Host { host, port } = &route.via else { return None };
        let relay = Relay { host: host.clone(), port: *port, tls: route.tls, ..desired.first.relay.clone() };
        let way = WayOut { relay, auth: Auth::None, nth: 0, table: Some(route.table()) };
        let mut one = alone(desired, way);
        one.verify.to = Some(route.somebody());
        Some((routed(route), one))
    })
}

/// The fallback relays, each as answers in which it is the only way; not those whose access token could not be fetched.
pub(super) fn fallbacks(desired: &Desired) -> impl Iterator<Item = Desired> {
    desired.fallbacks.iter().filter(|way| !way.waits_for_token()).map(|way| alone(desired, way.clone()))
}

fn alone(desired: &Desired, first: WayOut) -> Desired {
    Desired {
        first,
        fallbacks: Vec::new(),
        accounts: Vec::new(),
        routes: Routes::default(),
        ..desired.clone()
    }
}
