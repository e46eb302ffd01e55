//! The screen of `history`.

use super::screen::Screen;
use crate::model::ended::Listed;
use crate::model::state::generation::Fate;

/// Shows the generations.
pub fn generations(screen: &Screen, listed: &Listed) {
    match listed.generations.as_slice() {
        [] if listed.is_damaged => screen
            .line("", "the records of all earlier changes are damaged or lost, so nothing can be put back"),
        [] => screen.line("", "no change by relayhost is recorded here"),
        _ => {}
    }
    for generation in &listed.generations {
        let fate = match generation.fate {
            Fate::Open => "stopped",
            Fate::Kept => "kept",
            Fate::Undone => "put back",
        };
        let head = format!("{:>4}  {}  ", generation.number, generation.time);
        let files = generation.changed_files().join(", ");
        let text = format!("before {} ({fate}), which changed {files}", generation.command);
        screen.write(&format!("{}\n", screen.wrapped(&head, &text, 6)));
    }
}
