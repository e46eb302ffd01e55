//! Compares the host with the answers, for `check` and `plan`, and for the findings that a run leaves to a person.

use std::path::Path;
use std::thread;

use super::leaving::{Look, calendar};
use super::load::load;
use super::observe::{internal, observe, startup_files};
use super::recover::{damages, recover_if_stopped};
use super::verify::last_proof;
use super::{Place, Progress, defer, supply};
use crate::error::Result;
use crate::model::desired::Desired;
use crate::model::ended::Compared;
use crate::model::leaving::Limits;
use crate::model::plan::Plan;

/// Clears up what a stopped run left, and compares the host with the answers in this file.
pub fn compare(answers: &Path, progress: &mut dyn Progress) -> Result<Compared> {
    let desired = load(answers)?;
    let recovered = recover_if_stopped(progress)?;
    Ok(Compared { summary: desired.summary(), plan: look(&desired)?, recovered, leaving: None })
}

/// Compares as `compare`, and looks whether mail leaves.
pub fn check(answers: &Path, limits: Limits, progress: &mut dyn Progress) -> Result<Compared> {
    let desired = load(answers)?;
    let recovered = recover_if_stopped(progress)?;
    let (plan, begun) = thread::scope(|scope| {
        // The queue is listed while rpm and Postfix are asked.
        let begun = scope.spawn(|| Look::begin(&desired));
        (look(&desired), begun.join())
    });
    let mut plan = plan?;
    let begun = begun.map_err(|_| internal())??;
    let leaving = plan.complete.then(|| begun.end(&desired, &plan.maillog_file, limits)).transpose()?;
    plan.findings.extend(leaving.iter().flat_map(|leaving| leaving.findings(&calendar())));
    Ok(Compared { summary: desired.summary(), plan, recovered, leaving: leaving.map(Box::new) })
}

/// The plan for the host as it is now, with everything that a person should know besides.
pub fn look(desired: &Desired) -> Result<Plan> {
    let mut plan = Plan::new(desired, &observe(desired, Place::Host)?)?;
    plan.damaged(&damages());
    supply::foresee(desired, &mut plan);
    plan.findings.extend(defer::waiting()?);
    plan.clients(&startup_files());
    plan.proved(desired, last_proof().as_ref());
    Ok(plan)
}
