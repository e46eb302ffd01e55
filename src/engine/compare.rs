//! Compares the host with the answers, for `check` and `plan`, and for the findings that a run leaves to a person.

use std::path::Path;

use super::load::load;
use super::observe::observe;
use super::recover::{damages, recover_if_stopped};
use super::route::as_answered;
use super::verify::last_proof;
use super::{Place, Progress, defer, supply};
use crate::error::Result;
use crate::model::desired::Desired;
use crate::model::ended::Compared;
use crate::model::plan::Plan;
use crate::sys::{clock, mail, tokens};

/// Clears up what a stopped run left, and compares the host with the answers in this file.
pub fn compare(answers: &Path, progress: &mut dyn Progress) -> Result<Compared> {
    let desired = load(answers)?;
    let recovered = recover_if_stopped(progress)?;
    Ok(Compared { summary: desired.summary(), plan: look(&desired)?, recovered })
}

/// The plan for the host as it is now, with everything that a person should know besides.
pub fn look(desired: &Desired) -> Result<Plan> {
    let observed = observe(desired, Place::Host)?;
    let mut plan = Plan::new(desired, &observed)?;
    if let Some(postfix) = &observed.postfix
        && let Some(way) = as_answered(desired, postfix, None)?
    {
        plan.route(desired, &way, &postfix.version);
    }
    plan.damaged(&damages());
    supply::foresee(desired, &mut plan);
    plan.findings.extend(defer::waiting()?);
    plan.clients(&mail::startup_files());
    plan.token(desired, tokens::kept().ok().flatten().as_ref(), clock::unix());
    plan.announced(desired);
    plan.proved(desired, last_proof().as_ref());
    Ok(plan)
}
