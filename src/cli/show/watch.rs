//! The screens of `watch` and `alarm`.

use super::screen::Screen;
use super::terminal::Mark;
use crate::model::ended::{Alarmed, Watched};
use crate::model::incident::event::Kind;

/// Shows what has opened and closed, what is open, and what is amiss and no incident yet.
pub fn watched(screen: &Screen, watched: &Watched) {
    for event in &watched.events {
        let mark = if event.kind == Kind::Closed { Mark::Good } else { Mark::Bad };
        let line = format!("{} {}: {}", event.incident.id, event.kind.word(), event.summary(&watched.host));
        screen.marked(mark, &line, 2);
    }
    let is_new = |id: &str| watched.events.iter().any(|event| event.incident.id == id);
    for incident in watched.open.iter().filter(|incident| !is_new(&incident.id)) {
        screen.marked(Mark::Bad, &format!("{} is still open: {}", incident.id, incident.story()), 2);
        screen.remedy(&incident.remedy);
    }
    for young in &watched.young {
        screen.marked(Mark::Warning, &young.sentence(&watched.calendar), 2);
        screen.remedy(&young.remedy);
    }
    if watched.events.is_empty() && watched.open.is_empty() && watched.young.is_empty() {
        let sentence = watched.compared.leaving.as_ref().map(|leaving| leaving.sentence());
        let mark = if watched.compared.is_in_order() { Mark::Good } else { Mark::Warning };
        screen.marked(mark, &format!("no incident is open; {}", sentence.unwrap_or_default()), 2);
    }
}

/// Shows what is left to do after a test, and who is not told at all: the lines of the stages have shown the rest.
pub fn alarmed(screen: &Screen, alarmed: &Alarmed) {
    for told in &alarmed.told {
        if let Err(refusal) = &told.outcome {
            screen.line("", &format!("{}:", told.way));
            screen.remedy(&refusal.remedy);
        }
    }
    if let Some(remark) = alarmed.remark() {
        screen.line("", remark);
    }
}
