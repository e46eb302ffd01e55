//! The ways of the answers beside that of everybody, for `verify --all`: a message by each account, and a probe of each server of
//! a route.

use std::collections::BTreeSet;

use super::goal::Goal;
use super::stage::{in_stage, missing};
use super::{Message, Request};
use crate::engine::Progress;
use crate::engine::probe::{Bounds, probe_routes};
use crate::error::{Exit, Result};
use crate::model::desired::Desired;
use crate::model::ended::{ByAccount, Others};
use crate::model::exits::{named, routed};
use crate::model::message::delivery::Delivery;
use crate::model::observed::Observed;
use crate::model::plan::Plan;
use crate::model::routes::Via;
use crate::sys::postfix::Instance;

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
    for account in &desired.accounts {
        let Some(from) = account.tester() else { continue };
        if refused.contains(&account.way.login()) {
            others.untried.push(format!("{}: the same login was refused already", named(account)));
            continue;
        }
        let relay = account.way.next_hop();
        if bounds.time_for(&named(account), &relay).is_none() {
            continue;
        }
        progress.note(&format!("{}: {relay}", named(account)));
        let goal = Goal::new(desired, &from, &request.to);
        let mut delivery = in_stage(request, progress, |progress| {
            let message = Message::new(desired, postfix, request, goal, Instance::default());
            message.sent_by(from).send(&mut |_| (), progress)
        })?;
        if let Some(failure) = delivery.failure_mut() {
            failure.remedy = plan.allowed(&failure.remedy);
        }
        if delivery.proof() == Exit::Refused {
            refused.insert(account.way.login());
        }
        let table = account.way.table.clone().unwrap_or_default();
        others.accounts.push(ByAccount { table, whose: named(account), relay, delivery });
    }
    others.untried.extend(bounds.untried());
    let (routes, untried) = probe_routes(desired, request.deadline, progress)?;
    others.routes = routes;
    others.untried.extend(untried);
    others.untried.extend(direct(desired));
    Ok(others)
}

/// The routes whose servers DNS names, which no probe tries.
fn direct(desired: &Desired) -> impl Iterator<Item = String> {
    let all = desired.routes.0.iter().filter(|route| route.via == Via::Direct);
    all.map(|route| {
        format!("{} goes to {}: relayhost verify --to ADDRESS there tries it", routed(route), route.goal())
    })
}
