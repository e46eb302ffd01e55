//! Tries the relay with the choices, before anything is written.

use crate::cli::show;
use crate::cli::show::screen::Screen;
use crate::engine::init;
use crate::engine::probe;
use crate::error::Result;
use crate::model::answers::choices::Choices;
use crate::model::probe::{Ending, Probe};
use crate::sys::environment;

/// Tries the relay, and shows how that ended.
pub fn once(choices: &Choices, somebody: bool, screen: &mut Screen) -> Result<Probe> {
    if somebody {
        screen.write("\n");
    }
    let mut desired = init::desired(choices)?;
    let mut found = probe::probe_typed(&mut desired, probe::TIMEOUT, screen)?;
    if let Ending::Failed(failure) = &mut found.ending {
        let remedy = if somebody { failure.remedy.asked_next() } else { failure.remedy.unwritten() };
        // There are no answers yet that `relayhost apply` could be run with.
        failure.remedy = remedy.applied_by(&environment::command_line());
    }
    show::probe::probed(screen, &found);
    Ok(found)
}

/// Whether the relay refused or could not be reached. A part that could not be tried here is no failure.
pub fn is_failed(found: &Probe) -> bool {
    matches!(found.ending, Ending::Failed(_))
}

/// Whether the relay took the login, whatever it refused after that.
pub fn took_login(found: &Probe) -> bool {
    found.stages.last().is_some_and(|stage| ["sender", "recipient"].contains(&stage.name))
}
