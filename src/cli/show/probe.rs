//! The screen of `probe`, part of which `apply` and `init` show too.

use super::screen::Screen;
use super::terminal::Mark;
use crate::model::causes::failure::Failure;
use crate::model::exits::EVERYBODY;
use crate::model::probe::{Ending, Probe, Probes};

/// Shows the warnings of a probe.
pub fn warnings(screen: &Screen, probe: &Probe) {
    for warning in &probe.warnings {
        screen.marked(Mark::Warning, &format!("{}: {}", warning.id, warning.text), 2);
        screen.remedy(&warning.remedy);
    }
}

/// Shows the cause of a failure, and its remedy.
pub fn failure(screen: &Screen, failure: &Failure) {
    screen.field("cause", &format!("{} [{}]", failure.cause, failure.id));
    screen.field("remedy", &failure.remedy.text());
}

/// Shows the end of each probe, below all stages.
pub fn all(screen: &Screen, probes: &Probes) {
    if probes.others.is_empty() {
        return probed(screen, &probes.first);
    }
    screen.section(&format!("{EVERYBODY}: {}", probes.first.relayhost));
    probed(screen, &probes.first);
    for (whose, probe) in &probes.others {
        screen.section(&format!("{whose}: {}", probe.relayhost));
        probed(screen, probe);
    }
    if !probes.untried.is_empty() {
        screen.write("\n");
    }
    for text in &probes.untried {
        screen.marked(Mark::Note, text, 2);
    }
}

/// Shows the end of a probe, below its stages.
pub fn probed(screen: &Screen, probe: &Probe) {
    warnings(screen, probe);
    match &probe.ending {
        Ending::Willing => match &probe.to {
            Some(to) => screen.field(
                "note",
                &format!("{} would take mail from {} to {to}; none was sent", probe.relayhost, probe.from),
            ),
            None => screen.field(
                "note",
                &format!(
                    "{} takes the sender {}; there is no verify.to in the answers, so no recipient was tried",
                    probe.relayhost, probe.from
                ),
            ),
        },
        Ending::Untried { what } => screen.field("note", what),
        Ending::Failed(failure) => {
            self::failure(screen, failure);
            let reply = probe.stages.last().and_then(|stage| stage.said.as_ref());
            if let Some(reply) = reply.filter(|reply| !is_quoted(reply, &failure.evidence)) {
                screen.field("reply", reply);
            }
            for line in &failure.evidence {
                screen.field("evidence", line);
            }
            for doubt in &failure.doubts {
                screen.field("caveat", doubt);
            }
        }
    }
}

/// Whether a line of the evidence has all words of the relay's reply.
fn is_quoted(reply: &str, evidence: &[String]) -> bool {
    evidence.iter().any(|line| reply.split_whitespace().all(|word| line.contains(word)))
}
