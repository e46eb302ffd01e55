//! The screen of `init --describe`.

use super::screen::Screen;
use super::terminal::Mark;
use crate::model::answers::interview::Prompt;
use crate::model::ended::Described;

/// Shows each question by its word, how it is answered, and what is open.
pub fn described(screen: &Screen, end: &Described) {
    let filled = &end.filled;
    for asked in &filled.asked {
        let answer = asked.answer.as_deref().unwrap_or("(not shown)");
        let whence = if asked.given { "" } else { ", which is the default" };
        let said = asked.said.as_ref().map(|said| format!(" ({said})")).unwrap_or_default();
        question(screen, Mark::Good, &asked.prompt, &format!("{answer}{whence}{said}"));
    }
    for more in &filled.more {
        let default = more.default.as_deref().unwrap_or("none");
        question(screen, Mark::Note, more, &format!("{default}, unless it is given"));
    }
    if let Some((refused, complaint)) = &filled.refused {
        screen.marked(Mark::Bad, &format!("{}: {}", refused.word(), complaint.problem), 2);
        screen.remedy(&complaint.remedy);
    }
    if let Some(open) = &filled.open {
        question(screen, Mark::Warning, open, "no answer yet");
        screen.below(&open.help);
    }
    if let Some(preview) = &end.preview {
        screen.section("the answers file that these answers make:");
        screen.file(preview);
    }
}

fn question(screen: &Screen, mark: Mark, prompt: &Prompt, answer: &str) {
    screen.marked(mark, &format!("{:<11} {} {answer}", prompt.question.word(), prompt.text), 2);
}
