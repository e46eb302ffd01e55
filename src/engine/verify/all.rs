//! The ways of the answers beside that of everybody, for `verify --all`: a message by each account, and a probe of each server of
//! a route.

use std::collections::BTreeSet;

use super::goal::Goal;
use super::stage::{in_stage, missing};
use super::{Message, Request};
use crate::engine::Progress;
use crate::engine::probe::probe_routes;
use crate::error::{Result, human};
use crate::model::desired::Desired;
use crate::model::ended::{ByAccount, Others};
use crate::model::exits::{named, routed};
use crate::model::observed::Observed;
use crate::model::plan::Plan;
use crate::model::routes::Via;
use crate::sys::clock;
use crate::sys::postfix::Instance;

/// How many times the deadline of one message all may take.
const ALL: u32 = 10;

/// Tries them. Each login is tried once, and no account is tried after `ALL` times the deadline.
pub(super) fn others(
    desired: &Desired,
    observed: &Observed,
    request: &Request,
    progress: &mut dyn Progress,
) -> Result<Others> {
    let postfix = observed.postfix.as_ref().ok_or_else(missing)?;
    let plan = Plan::new(desired, observed)?;
    let (begin, limit) = (clock::now(), request.deadline * ALL);
    let (mut others, mut late) = (Others::default(), Vec::new());
    let mut tried = BTreeSet::from([desired.first.login()]);
    for account in &desired.accounts {
        let Some(from) = account.tester() else { continue };
        if !tried.insert(account.way.login()) {
            others.untried.push(format!("{}: the same login was tried already", named(account)));
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
        let table = account.way.table.clone().unwrap_or_default();
        others.accounts.push(ByAccount { table, whose: named(account), relay, delivery });
    }
    if let Some(first) = late.first() {
        let text = format!(
            "{} accounts were not tried, since the others took {}: {first} and those after it",
            late.len(),
            human(limit)
        );
        others.untried.push(text);
    }
    others.routes = probe_routes(desired, request.deadline, progress)?;
    let direct = desired.routes.0.iter().filter(|route| route.via == Via::Direct);
    others.untried.extend(direct.map(|route| {
        format!("{} goes to {}: relayhost verify --to ADDRESS there tries it", routed(route), route.goal())
    }));
    Ok(others)
}
