//! The routes and the accounts of the answers on this host: whether mail takes the ways that they say.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use super::Place;
use super::probe::names::addresses as names;
use super::route::{Answered, KnownTables, addresses, asking, host_of};
use super::tables::ask_all;
use crate::error::{Complaint, Result, shown};
use crate::model::desired::Desired;
use crate::model::observed::{Observed, Postfix};
use crate::model::plan::itself::Itself;
use crate::model::plan::{Plan, accounts, routes};
use crate::model::postfix::own_names::OwnNames;
use crate::model::postfix::settings::Settings;
use crate::model::probe::route::{Family, Lookup};
use crate::model::route::host::Host;
use crate::model::route::local::{has_tables, is_local, stays};
use crate::model::route::{Way, route};
use crate::sys::{clock, host, network, passwd};

/// Time for the look-ups of all routes, and of all accounts.
const ALL: Duration = Duration::from_secs(3);

/// Adds to a plan what becomes of mail to the domains of the routes, and from the senders with accounts, with the answers in
/// force, as the host is `answered` then.
pub fn foresee(
    desired: &Desired,
    observed: &Observed,
    answered: Option<&Answered>,
    plan: &mut Plan,
) -> Result<()> {
    let Some(postfix) = &observed.postfix else { return Ok(()) };
    // A look asks no name server.
    plan.loops(loops(desired, postfix, |_| Vec::new())?);
    let judged = answered.map(|answered| Judged::new(desired, postfix, answered)).unwrap_or_default();
    if !desired.routes.is_empty() {
        let settings = &postfix.settings;
        let has_unlisted = desired.routes.has_pattern(settings) && has_tables(settings);
        plan.routes(desired, judged.routes, has_unlisted);
    }
    if !desired.accounts.is_empty() {
        plan.accounts(desired, judged.accounts, &missing_logins(desired));
    }
    Ok(())
}

/// The logins of the answers that this host does not have. A tree gets its own later.
fn missing_logins(desired: &Desired) -> BTreeSet<String> {
    let users = desired.accounts.iter().filter_map(|account| account.users.as_ref());
    let logins: BTreeSet<&str> = users.flat_map(|users| &users.logins).map(String::as_str).collect();
    match Place::here() {
        Place::Host => passwd::missing(logins.into_iter(), clock::now() + ALL),
        Place::Tree => BTreeSet::new(),
    }
}

/// Refuses answers that this host cannot fulfil: whatever they say, mail would not take its route, or leave by its account.
pub fn demand(desired: &Desired, observed: &Observed, answers: &Path) -> Result<()> {
    let Some(postfix) = &observed.postfix else { return Ok(()) };
    let loops = loops(desired, postfix, addresses_of(&postfix.settings))?;
    let has_ways = !desired.accounts.is_empty() || !desired.routes.is_empty();
    let answered = if has_ways { Answered::new(desired, postfix)? } else { None };
    let Judged { routes, accounts } =
        answered.map(|answered| Judged::new(desired, postfix, &answered)).unwrap_or_default();
    match loops.into_iter().chain(routes).chain(accounts).next() {
        Some(complaint) => Err(complaint.of(&shown(answers), None)),
        None => Ok(()),
    }
}

/// The addresses that smtp(8) would find for a relay's name, for all names within a bounded time.
fn addresses_of(settings: &Settings) -> impl Fn(&str) -> Vec<IpAddr> {
    let (family, lookup) = (Family::new(settings, "all"), Lookup::new(settings));
    let until = clock::now() + ALL;
    move |name| {
        if clock::now() < until {
            names(name, family, lookup, || until).unwrap_or_default()
        } else {
            Vec::new()
        }
    }
}

/// The complaints about next hops that are this host itself, whosever mail they are for.
fn loops(
    desired: &Desired,
    postfix: &Postfix,
    found: impl Fn(&str) -> Vec<IpAddr>,
) -> Result<Vec<Complaint>> {
    let host = host_of(postfix.settings.clone(), &postfix.main_cf)?;
    // The system that runs is another host than a tree will be.
    let (name, addresses) = match Place::here() {
        Place::Host => (host::hostname(), network::addresses()),
        Place::Tree => Default::default(),
    };
    let own = Itself::new(&host.settings, &host.master, &name, addresses);
    let found = |name: &str| if Place::here() == Place::Host { found(name) } else { Vec::new() };
    Ok(own.complaints(desired, found))
}

/// The complaints. A way that could not be looked at within the time has none.
#[derive(Default)]
struct Judged {
    routes: Vec<Complaint>,
    accounts: Vec<Complaint>,
}

impl Judged {
    fn new(desired: &Desired, postfix: &Postfix, answered: &Answered) -> Self {
        if desired.accounts.is_empty() && desired.routes.is_empty() {
            return Self::default();
        }
        let Answered { host, known, .. } = answered;
        let (from, to) = addresses(Some(desired), &host.settings);
        let routes = desired.routes.0.iter().map(|one| (one, from.clone(), one.somebody()));
        let accounts = desired.accounts.iter().filter_map(|one| Some(((), one.somebody()?, to.clone())));
        let mut of_routes = judged(host, known, routes, |one, way, _| routes::judge(one, way, host));
        of_routes.extend(taken(host, known, desired));
        let mut accounts =
            judged(host, known, accounts, |(), way, from| accounts::judge(from, way, desired, host));
        accounts.extend(overruled(desired, postfix));
        Self { routes: of_routes, accounts }
    }
}

/// The complaints about tables of somebody else's that Postfix asks for a login before relayhost's: one that knows every login,
/// and one that keeps a login from its account.
fn overruled(desired: &Desired, postfix: &Postfix) -> Vec<Complaint> {
    let Some(limits) = desired.limits(&postfix.settings) else { return Vec::new() };
    let until = clock::now() + ALL;
    let limited = desired.accounts.iter().filter_map(|one| Some((one.users.as_ref()?, one.somebody()?)));
    let mut complaints = Vec::new();
    for (users, sender) in limited {
        let mut open = vec![accounts::NOBODY.to_owned()];
        open.extend(users.logins.iter().cloned());
        for table in accounts::before_ours(postfix) {
            // One that cannot be asked keeps everybody's mail, which other findings tell.
            let found = ask_all(&table, &open, until).unwrap_or_default();
            open.retain(|login| !found.contains_key(login));
            let wrong = found.iter().filter(|(login, senders)| {
                limits.lets(senders, &sender) == (login.as_str() == accounts::NOBODY)
            });
            complaints.extend(wrong.map(|(login, _)| accounts::overruled(&table, login, &sender)));
        }
    }
    complaints
}

/// The complaints about names of this host's own in tables, whose mail a route would take.
fn taken(host: &Host, known: &KnownTables, desired: &Desired) -> Vec<Complaint> {
    let own = OwnNames::new(&host.settings);
    asking(host, Some(known), clock::now() + ALL, |ask| {
        let complaint = |name: &String| {
            let route = desired.routes.taking(name, &host.settings)?;
            let address = format!("root@{name}");
            let is_listed = is_local(&address, &host.settings);
            (!is_listed && stays(host, &address, ask) == Ok(true)).then(|| routes::takes_own(route, name))
        };
        own.all().filter_map(complaint).collect()
    })
}

/// The complaints about these ways, each with its sender and recipient.
fn judged<T: Copy>(
    host: &Host,
    known: &KnownTables,
    mut all: impl Iterator<Item = (T, String, String)>,
    judge: impl Fn(T, &Way, &str) -> Option<Complaint>,
) -> Vec<Complaint> {
    let until = clock::now() + ALL;
    asking(host, Some(known), until, |ask| {
        let in_time = std::iter::from_fn(|| if clock::now() < until { all.next() } else { None });
        in_time.filter_map(|(one, from, to)| judge(one, &route(host, &from, &to, ask), &from)).collect()
    })
}
