//! The screen of `history`.

use super::plan;
use super::screen::Screen;
use crate::error::typed;
use crate::model::ended::{Change, Edited, Listed, Replaced, Restored};
use crate::model::postfix::managed::Managed;
use crate::model::state::generation::{Fate, Generation};
use crate::model::state::taken_back::By;

/// Shows where the files are that a restore has replaced.
pub fn restored(screen: &Screen, restored: &Restored) {
    if let Some(replaced) = &restored.replaced {
        edited(screen, replaced);
    }
    if let Some(text) = restored.unlike_answers() {
        screen.field("answers", &text);
    }
    if let Some(replaced) = &restored.replaced {
        screen.field("undo", &replaced.undo());
    }
}

fn edited(screen: &Screen, Replaced { previous, edited }: &Replaced) {
    if !edited.is_empty() {
        let names = edited.iter().map(|edited| edited.name.as_str()).collect::<Vec<_>>().join(", ");
        screen.field("edited", &format!("by hand since the last run, and not in force now: {names}"));
    }
    for Edited { name, is_there } in edited {
        let kept = typed(format!("/var/lib/relayhost/generations/{previous:04}/before/{name}"));
        let now = typed(Managed::path_of(name));
        screen.field("", &if *is_there { format!("diff {kept} {now}") } else { format!("less {kept}") });
    }
}

/// Shows the generations, or the one that was asked for with what its change did.
pub fn listed(screen: &Screen, listed: &Listed) {
    generations(screen, listed);
    for Change { file, diff } in listed.changes.iter().flatten() {
        screen.section(file);
        match diff.as_deref() {
            None => screen.line("   ", "its text is not kept any more"),
            Some("") => screen.line("   ", "no line that may be shown differs: comments in it, white space, or the entry of somebody else"),
            Some(diff) => plan::diff(screen, diff),
        }
    }
}

fn generations(screen: &Screen, listed: &Listed) {
    match listed.generations.as_slice() {
        [] if listed.is_damaged => screen
            .line("", "the records of all earlier changes are damaged or lost, so nothing can be put back"),
        [] => screen.line("", "no change by relayhost is recorded here"),
        _ => {}
    }
    let taken_back = &listed.taken_back;
    for generation in &listed.generations {
        let fate = match taken_back.get(&generation.number) {
            Some(By::Change(number)) => format!("{} by number {number}", TAKEN_BACK.0),
            Some(By::Hand) => format!("{} by hand", TAKEN_BACK.0),
            None => explained(generation.fate).0.to_owned(),
        };
        let head = format!("{:>4}  {}  ", generation.number, generation.time);
        let files = match generation.changed_files().as_slice() {
            [] => "no file".to_owned(),
            files => files.join(", "),
        };
        let text = format!("before {} ({fate}), which changed {files}", generation.command);
        screen.write(&format!("{}\n", screen.wrapped(&head, &text, 6)));
    }
    let there = |fate: &Fate| {
        let is_shown = |one: &&Generation| !taken_back.contains_key(&one.number);
        listed.generations.iter().filter(is_shown).any(|generation| generation.fate == *fate)
    };
    let known: Vec<_> = [Fate::Kept, Fate::Undone, Fate::Open].into_iter().filter(there).collect();
    let is_shown = |one: &Generation| taken_back.contains_key(&one.number);
    let taken_back = listed.generations.iter().any(is_shown).then_some(TAKEN_BACK);
    if known.is_empty() && taken_back.is_none() {
        return;
    }
    screen.write("\n");
    let restore = ("restore N", "puts back the files that the change of line N has replaced");
    for (word, meaning) in known.into_iter().map(explained).chain(taken_back).chain([restore]) {
        screen.line(&format!("  {word:<11}"), meaning);
    }
}

/// The words for a change that a later command took back, and what they mean.
const TAKEN_BACK: (&str, &str) =
    ("taken back", "the change was made, and all of it is again as it was at a time before");

/// The word for the fate of a change, and what it means.
fn explained(fate: Fate) -> (&'static str, &'static str) {
    match fate {
        Fate::Open => {
            ("stopped", "the run was ended half way; what it left was cleared up, or is by the next command")
        }
        Fate::Kept => ("kept", "the change was made, and was not taken back"),
        Fate::Undone => {
            ("put back", "the run took its change back itself: the relay refused, or something failed")
        }
    }
}
