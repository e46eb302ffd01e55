//! Compares the host with the answers, for `check` and `plan`, and for what a run leaves to a person.

use super::observe::{observe, startup_files};
use super::recover::damages;
use super::verify::last_proof;
use super::{Place, defer, supply};
use crate::error::Result;
use crate::model::desired::Desired;
use crate::model::plan::Plan;

/// The plan for the host as it is now, with everything that a person should know besides.
pub fn look(desired: &Desired) -> Result<Plan> {
    let mut plan = Plan::new(desired, &observe(desired, Place::Host)?)?;
    plan.damaged(&damages());
    supply::foresee(desired, &mut plan);
    plan.waits(&defer::waiting()?);
    plan.clients(&startup_files());
    plan.proved(desired, last_proof().as_ref());
    Ok(plan)
}
