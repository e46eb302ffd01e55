//! The ways of the answers beside that of everybody, for `verify --all`: a message by each account, and a probe of each server of
//! a route.

use std::collections::BTreeSet;

use super::goal::Goal;
use super::stage::{in_stage, missing};
use super::{Message, Request};
use crate::engine::Progress;
use crate::engine::probe::{Bounds, probe_routes};
use crate::error::{Exit, Result};
use crate::model::accounts::Account;
use crate::model::causes::extent::Extent;
use crate::model::desired::Desired;
use crate::model::ended::{ByAccount, Others};
use crate::model::exits::{named, routed};
use crate::model::leaving::relay::Relay;
use crate::model::message::delivery::Delivery;
use crate::model::observed::Observed;
use crate::model::plan::Plan;
use crate::model::routes::Via;
use crate::sys::postfix::Instance;
use crate::sys::state;

/// Tries them. A login that was refused is not tried again, and `Bounds` has the limit of all. `first`: the
/// message of everybody.
pub(super) fn others(
    desired: &Desired,
    observed: &Observed,
    (request, first): (&Request, &Delivery),
    progress: &mut dyn Progress,
) -> Result<Others> {
    let postfix = observed.postfix.as_ref().ok_or_else(missing)?;
    let plan = Plan::new(desired, observed)?;
    let (mut others, mut bounds) = (Others::default(), Bounds::of_all(request.deadline));
    // A relay may lock a login that is refused several times; what it takes proves each account by a message of its own.
    let mut refused = BTreeSet::new();
    if first.proof() == Exit::Refused {
        refused.insert(desired.way_of(&first.from).login());
    }
    for (account, from) in testers(desired) {
        if refused.contains(&account.way.login()) {
            others.untried.push(format!("{}: the same login was refused already", tried(account, &from)));
            continue;
        }
        let relay = account.way.next_hop();
        let whose = tried(account, &from);
        if bounds.time_for(&whose, &relay).is_none() {
            continue;
        }
        progress.note(&format!("{whose}: {relay}"));
        let goal = Goal::new(desired, &from, &request.to);
        let mut delivery = in_stage(request, progress, |progress| {
            let message = Message::new(desired, postfix, request, goal, Instance::default());
            message.sent_by(from).send(&mut |_| (), progress)
        })?;
        if let Some(failure) = delivery.failure_mut() {
            failure.remedy = plan.allowed(&failure.remedy);
        }
        if delivery.proof() == Exit::Refused && !is_of_sender(&delivery) {
            refused.insert(account.way.login());
        }
        let table = account.way.table.clone().unwrap_or_default();
        others.accounts.push(ByAccount { table, whose, relay, delivery });
    }
    others.untried.extend(bounds.untried());
    let (routes, untried) = probe_routes(desired, request.deadline, progress)?;
    others.routes = routes;
    others.untried.extend(untried);
    others.untried.extend(direct(desired));
    Ok(others)
}

/// The senders that send a message each: the first of each account, and those that the log has as refused for their addresses.
fn testers(desired: &Desired) -> impl Iterator<Item = (&Account, String)> {
    let records = state::leaving().ok().flatten().unwrap_or_default();
    let record = records.relays.get(&Relay::of(desired).key()).cloned().unwrap_or_default();
    desired.accounts.iter().flat_map(move |account| {
        let tally = record.counted.ways.get(account.way.table.as_deref().unwrap_or_default());
        let mut all: Vec<String> = account.tester().into_iter().collect();
        let is_there = |sender: &&String| account.from.contains(sender) && !all.contains(sender);
        let others = tally.into_iter().flat_map(|tally| tally.senders.keys()).filter(is_there);
        let others: Vec<String> = others.cloned().collect();
        all.extend(others);
        all.into_iter().map(move |from| (account, from))
    })
}

/// Whose message it is, of the senders of an account.
fn tried(account: &Account, from: &str) -> String {
    match account.from.len() {
        0 | 1 => named(account),
        count => format!("{from} (of {count} senders of that account)"),
    }
}

/// Whether a relay refused the address of the sender: its login is right.
fn is_of_sender(delivery: &Delivery) -> bool {
    let evidence = delivery.failure().into_iter().flat_map(|failure| &failure.evidence);
    evidence.into_iter().any(|words| Extent::of(words) == Extent::Sender)
}

/// The routes whose servers DNS names, which no probe tries.
fn direct(desired: &Desired) -> impl Iterator<Item = String> {
    let all = desired.routes.0.iter().filter(|route| route.via == Via::Direct);
    all.map(|route| {
        format!("{} goes to {}: relayhost verify --to ADDRESS there tries it", routed(route), route.goal())
    })
}
