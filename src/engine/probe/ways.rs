//! The ways of the answers beside that of everybody, each as answers of its own, so that a probe of it is a probe like any
//! other.

use std::collections::BTreeSet;

use crate::model::accounts::Account;
use crate::model::desired::{Desired, Rewrite};
use crate::model::exits::{FALLBACK, named, routed};
use crate::model::probe::Probe;
use crate::model::routes::{Routes, Via};
use crate::model::state::last_probes::{RefusedProbe, Verdicts};
use crate::model::way_out::{Auth, Relay, WayOut};
use crate::sys::clock;

/// Whose each way is, and answers in which it is the only one. A login that is there twice is tried once, and a server of routes
/// for each of their domains: it may take mail to one and not to another.
pub(super) fn others(desired: &Desired) -> Vec<(String, Desired)> {
    let mut tried = BTreeSet::from([desired.first.login()]);
    let mut all = Vec::new();
    for account in &desired.accounts {
        if tried.insert(account.way.login()) {
            all.push((named(account), of_sender(desired, account, &account.way)));
        }
    }
    all.extend(routes(desired));
    for way in &desired.fallbacks {
        if tried.insert(way.login()) {
            all.push((FALLBACK.into(), alone(desired, way.clone())));
        }
    }
    all
}

/// The accounts whose mail goes on to this fallback relay, if their own does not take it, each as answers in which it is the only
/// way, with a sender of the account. A sender that the relay sees of several is tried once, and that of everybody is not: it
/// was tried with the relay itself.
pub(super) fn senders_at<'d>(desired: &'d Desired, fallback: &WayOut) -> Vec<(&'d Account, Desired)> {
    let everybody = alone(desired, fallback.clone());
    let mut tried = BTreeSet::from([seen(&everybody)]);
    let others = desired.accounts.iter().filter(|account| account.way.login() != fallback.login());
    let all = others.map(|account| (account, of_sender(desired, account, fallback)));
    all.filter(|(_, one)| tried.insert(seen(one))).collect()
}

/// The sender that a relay sees of the alerts of these answers.
fn seen(desired: &Desired) -> String {
    let from = desired.alert_sender("");
    let one = desired.one_sender.as_ref().map(|one| one.address.clone());
    desired.rewrite_of(&from, "").map(|rewrite| rewrite.public.clone()).or(one).unwrap_or(from)
}

/// Answers in which this way is the only one, and an account's sender the only sender, which the relay sees as it does of all its
/// mail.
fn of_sender(desired: &Desired, account: &Account, way: &WayOut) -> Desired {
    let public = |from: &str| desired.rewrite_of(from, "").map(|rewrite| rewrite.public.clone());
    let rewrite = |local: String| Rewrite { public: public(&local).unwrap_or_else(|| local.clone()), local };
    let rewrites = account.somebody().map(rewrite).into_iter().collect();
    Desired { one_sender: None, rewrites, ..alone(desired, way.clone()) }
}

/// The servers of accounts, each login once, and of routes, each domain once.
pub(super) fn accounts_and_routes(desired: &Desired) -> Vec<(String, Desired)> {
    let fallbacks: Vec<String> = desired.fallbacks.iter().map(WayOut::next_hop).collect();
    let mut all = others(desired);
    // Of a login whose access token has not come the run has said so.
    all.retain(|(_, one)| !fallbacks.contains(&one.first.next_hop()) && !one.first.waits_for_token());
    all
}

/// What a probe of one of these ways says of all tables with its login.
pub(super) fn verdicts(desired: &Desired, one: &Desired, found: &Probe) -> Verdicts {
    let is_for_many =
        desired.routes.0.iter().any(|route| route.is_for_many() && Some(route.table()) == one.first.table);
    // It was asked for a domain below, which nobody may have.
    if is_for_many && found.is_refused_at("recipient") {
        return Verdicts::new();
    }
    let Some(verdict) = found.verdict(&clock::wall()) else { return Verdicts::new() };
    let accounts = desired.accounts.iter().map(|account| &account.way);
    let alike = accounts.filter(|way| way.login() == one.first.login());
    let tables = alike.map(|way| (way.table.clone(), way.next_hop()));
    let tables = tables.chain([(one.first.table.clone(), one.first.next_hop())]);
    let named = |(table, relay): (Option<String>, String)| {
        Some((table?, verdict.clone().map(|refused| RefusedProbe { relay, ..refused })))
    };
    tables.filter_map(named).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::answers::Answers;
    use crate::model::answers::complete::{Secrets, complete};
    use crate::model::causes::failure::Failure;
    use crate::model::probe::{Ending, ProbeStage};

    #[test]
    fn a_server_of_routes_is_tried_for_each_of_their_domains() {
        let text = "version = 1
            [relay]
            host = \"smtp.example.com\"
            [verify]
            to = \"ops@example.com\"
            [[routes]]
            to = [\"a.example\", \"b.example\"]
            via = \"smtp.example.com:25\"
            [[routes]]
            to = [\".d.example\"]
            via = \"hub.example\"
            [[routes]]
            to = [\"c.example\"]
            via = \"direct\"";
        let desired = complete(&Answers::parse("a", text.as_bytes()).unwrap(), Secrets::default()).unwrap();
        let of = |all: Vec<(String, Desired)>| -> Vec<String> {
            all.into_iter().filter_map(|(_, one)| one.verify.to).collect()
        };
        let all = ["somebody@a.example", "somebody@b.example", "somebody@any.d.example"];
        assert_eq!(of(others(&desired)), all);
        assert_eq!(of(accounts_and_routes(&desired)), all);
        let refused = |stage, table: &str| {
            let stage = ProbeStage { name: stage, ..ProbeStage::default() };
            let ending = Ending::Failed(Failure::unknown(true, "", "no", Vec::new()));
            let found = Probe { stages: vec![stage], ending, ..Probe::default() };
            let (_, one) =
                routes(&desired).find(|(_, one)| one.first.table.as_deref() == Some(table)).unwrap();
            verdicts(&desired, &one, &found).len()
        };
        assert_eq!(refused("recipient", "[[routes]] of b.example"), 1);
        assert_eq!(refused("recipient", "[[routes]] of .d.example"), 0, "of that name alone");
        assert_eq!(refused("greeting", "[[routes]] of .d.example"), 1);
        let tables: Vec<String> = routes(&desired).filter_map(|(_, one)| one.first.table).collect();
        assert_eq!(
            tables,
            ["[[routes]] of a.example", "[[routes]] of b.example", "[[routes]] of .d.example"]
        );
    }
}
