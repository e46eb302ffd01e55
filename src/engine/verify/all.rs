//! The ways of the answers beside that of everybody, for `verify --all`: a message by each account, and a probe of each server of
//! a route.

use std::collections::BTreeSet;
use std::time::Duration;

use super::goal::Goal;
use super::stage::{in_stage, missing};
use super::{Message, Request};
use crate::engine::Progress;
use crate::engine::probe::probe_routes;
use crate::error::{Exit, Result, human};
use crate::model::desired::Desired;
use crate::model::ended::{ByAccount, Others};
use crate::model::exits::{named, routed};
use crate::model::message::delivery::Delivery;
use crate::model::observed::Observed;
use crate::model::plan::Plan;
use crate::model::routes::Via;
use crate::sys::clock;
use crate::sys::postfix::Instance;

/// How many times the deadline of one message all may take.
const ALL: u32 = 10;

/// Tries them. A login that was refused is not tried again, and no account is tried after `ALL` times the deadline. `first`: the
/// message of everybody.
pub(super) fn others(
    desired: &Desired,
    observed: &Observed,
    (request, first): (&Request, &Delivery),
    progress: &mut dyn Progress,
) -> Result<Others> {
    let postfix = observed.postfix.as_ref().ok_or_else(missing)?;
    let plan = Plan::new(desired, observed)?;
    let (begin, limit) = (clock::now(), request.deadline * ALL);
    let (mut others, mut late) = (Others::default(), Vec::new());
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
        if begin.elapsed() >= limit {
            late.push(named(account));
            continue;
        }
        let relay = account.way.next_hop();
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
    others.untried.extend(too_late(&late, limit));
    others.routes = probe_routes(desired, request.deadline, progress)?;
    others.untried.extend(direct(desired));
    Ok(others)
}

/// That there was no time for these accounts.
fn too_late(late: &[String], limit: Duration) -> Option<String> {
    let (count, limit) = (late.len(), human(limit));
    late.first().map(|first| {
        format!("{count} accounts were not tried, since the others took {limit}: {first} and those after it")
    })
}

/// The routes whose servers DNS names, which no probe tries.
fn direct(desired: &Desired) -> impl Iterator<Item = String> {
    let all = desired.routes.0.iter().filter(|route| route.via == Via::Direct);
    all.map(|route| {
        format!("{} goes to {}: relayhost verify --to ADDRESS there tries it", routed(route), route.goal())
    })
}
