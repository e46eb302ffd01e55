//! `relayhost probe`: what it tries, and how what it found is shown.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::admin::Outcome;
use super::render::Renderer;
use super::terminal::Mark;
use crate::engine::load;
use crate::engine::probe;
use crate::error::Result;
use crate::model::json;
use crate::model::probe::{Ending, Probe};

/// Tries the answers, or with `current` what is in force.
pub fn probe(answers: &Path, current: bool, timeout: Duration, out: &mut Renderer) -> Result<Outcome> {
    let found = if current {
        // They only tell whom to ask for; a host that was set up by hand has none.
        let answers = load::is_answered().then(|| load::load(answers)).transpose()?;
        probe::probe_current(answers.as_ref(), timeout, out)?
    } else {
        probe::probe(&load::load(answers)?, timeout, out)?
    };
    out.probe(&found);
    Ok((found.exit(), json!({ "probe": json::probe(&found) })))
}

impl Renderer {
    /// What a probe found that did not stop it.
    pub fn warnings(&self, probe: &Probe) {
        for warning in &probe.warnings {
            self.marked(Mark::Warning, &format!("{}: {}", warning.id, warning.text), 2);
            self.below(&format!("-> {}", warning.remedy));
        }
    }

    /// What a probe found, below its stages.
    pub fn probe(&self, probe: &Probe) {
        self.warnings(probe);
        match &probe.ending {
            Ending::Willing => match &probe.to {
                Some(to) => self.field(
                    "note",
                    &format!("{} would take mail from {} to {to}; none was sent", probe.relayhost, probe.from),
                ),
                None => self.field(
                    "note",
                    &format!(
                        "{} takes the sender {}; there is no verify.to in the answers, so no recipient was tried",
                        probe.relayhost, probe.from
                    ),
                ),
            },
            Ending::Untried { what } => self.field("note", what),
            Ending::Failed(failure) => {
                self.field("cause", &format!("{} [{}]", failure.cause, failure.id));
                self.field("remedy", &failure.remedy);
                let heard = probe.stages.last().and_then(|stage| stage.said.as_ref());
                if let Some(heard) = heard.filter(|_| failure.evidence.iter().all(|line| !line.contains(" said: "))) {
                    self.field("heard", heard);
                }
                for line in &failure.evidence {
                    self.field("words", line);
                }
                for doubt in &failure.doubts {
                    self.field("but", doubt);
                }
            }
        }
    }
}
