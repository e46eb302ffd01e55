//! Shows that each fallback relay takes mail when those before it cannot be reached. The host's own Postfix, its configuration
//! and its queue are not touched.

use std::path::Path;
use std::time::Duration;

use super::load::load;
use super::observe::observe;
use super::recover::{recover_beside, tell_of_damage};
use super::verify::Request;
use super::verify::drill::through;
use super::verify::missing;
use super::{Place, Progress};
use crate::error::{Error, Exit, Result, shown};
use crate::model::ended::{Drill, Drilled};
use crate::model::plan::Plan;
use crate::sys::{beside, clock, last_drill};

/// Sends a message by each fallback relay of the answers in this file. `to` and `deadline`, which is for each message, count
/// more than what the answers say.
pub fn drill(
    answers: &Path,
    to: Option<&str>,
    deadline: Option<Duration>,
    progress: &mut dyn Progress,
) -> Result<Drilled> {
    let (desired, recovered) = recover_beside(load(answers), progress)?;
    let request = Request::typed(&desired, answers, to, deadline)?;
    if desired.fallbacks.is_empty() {
        return Err(Error::Answers {
            file: shown(answers),
            place: None,
            problem: "there is no fallback relay, so no mail leaves while the relay cannot be reached".into(),
            remedy: "name one in the answers (`[[relay.fallback]]` with its `host`), then `relayhost apply`"
                .into(),
        });
    }
    tell_of_damage(progress);
    beside::sweep();
    let observed = observe(&desired, Place::Host)?;
    let plan = Plan::new(&desired, &observed)?;
    let mut postfix = observed.postfix.ok_or_else(missing)?;
    let mut drills = Vec::new();
    for way in &desired.fallbacks {
        progress.note(&format!("{}: as if the relays before it could not be reached", way.next_hop()));
        let mut delivery = through(&desired, &mut postfix, way, &request, progress)?;
        if let Some(failure) = delivery.failure_mut() {
            failure.remedy = plan.allowed(&failure.remedy);
        }
        drills.push(Drill { relay: way.next_hop(), delivery });
    }
    let drilled = Drilled { drills, recovered };
    let is_proof = drilled.worst().is_none_or(|delivery| delivery.exit() == Exit::Done);
    // A message to somebody else that fails says nothing of the alerts.
    if (is_proof || desired.verify.to.as_ref() == Some(&request.to))
        && let Err(error) = last_drill::write(drilled.record(&clock::wall()).as_ref())
    {
        progress.note(&format!("`relayhost check` does not show how this drill ended ({error})"));
    }
    Ok(drilled)
}
