//! The routes of the answers on this host: whether mail to each domain goes where they say.

use std::path::Path;
use std::time::Duration;

use super::route::{addresses, answered, asking};
use crate::error::{Complaint, Result, shown};
use crate::model::desired::Desired;
use crate::model::observed::{Observed, Postfix};
use crate::model::plan::Plan;
use crate::model::plan::routes::judge;
use crate::model::route::route;
use crate::sys::clock;

/// Time for the look-ups of all routes.
const ALL: Duration = Duration::from_secs(3);

/// Adds to a plan what becomes of mail to the domains of the routes with the answers in force.
pub fn foresee(desired: &Desired, observed: &Observed, plan: &mut Plan) -> Result<()> {
    if let Some(postfix) = observed.postfix.as_ref().filter(|_| !desired.routes.is_empty()) {
        plan.routes(desired, judged(desired, postfix)?);
    }
    Ok(())
}

/// Refuses answers that this host cannot fulfil: whatever they say, mail to a domain would not take its route.
pub fn demand(desired: &Desired, observed: &Observed, answers: &Path) -> Result<()> {
    let Some(postfix) = &observed.postfix else { return Ok(()) };
    match judged(desired, postfix)?.into_iter().next() {
        Some(complaint) => Err(complaint.of(&shown(answers), None)),
        None => Ok(()),
    }
}

/// The complaints about the routes. One that could not be looked at within the time has none.
fn judged(desired: &Desired, postfix: &Postfix) -> Result<Vec<Complaint>> {
    if desired.routes.is_empty() {
        return Ok(Vec::new());
    }
    let Some((host, known)) = answered(desired, postfix)? else { return Ok(Vec::new()) };
    let (from, _) = addresses(Some(desired), &host.settings);
    let until = clock::now() + ALL;
    Ok(asking(&host, Some(&known), until, |ask| {
        let in_time = desired.routes.0.iter().take_while(|_| clock::now() < until);
        in_time.filter_map(|one| judge(one, &route(&host, &from, &one.somebody(), ask), &host)).collect()
    }))
}
