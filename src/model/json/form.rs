//! The JSON of `init --describe`.

use serde_json::{Value, json};

use super::merged;
use crate::model::answers::interview::{Prompt, Question};
use crate::model::ended::Described;
use crate::model::oauth::steps::Part;
use crate::model::text::one_line;

/// The object `form`.
pub fn described(end: &Described) -> Value {
    let filled = &end.filled;
    let asked = filled.asked.iter().map(|asked| {
        let answered = json!({
            "answer": asked.answer.as_deref().map(one_line),
            "given": asked.given,
            "said": asked.said.as_deref().map(one_line),
        });
        merged(prompt(end, &asked.prompt), answered)
    });
    let refused = filled.refused.as_ref().map(|(question, complaint)| {
        json!({
            "question": question.word(),
            "problem": one_line(&complaint.problem),
            "remedy": complaint.remedy.to_string(),
        })
    });
    json!({
        "edits": end.is_edit,
        "asked": asked.collect::<Vec<_>>(),
        "open": filled.open.as_ref().map(|open| prompt(end, open)),
        "refused": refused,
        "more": filled.more.iter().map(|more| prompt(end, more)).collect::<Vec<_>>(),
        "steps": end.steps.iter().map(step).collect::<Vec<_>>(),
        "preview": end.preview,
    })
}

fn prompt(end: &Described, prompt: &Prompt) -> Value {
    let options = end.options_of(prompt.question).iter();
    json!({
        "question": prompt.question.word(),
        "text": prompt.text,
        "help": prompt.help,
        "default": prompt.default,
        "secret": prompt.question.is_secret(),
        "options": options.map(|(word, title)| json!({ "answer": word, "title": title })).collect::<Vec<_>>(),
        "free": end.options_of(prompt.question).is_empty()
            || matches!(prompt.question, Question::Relay | Question::Local),
    })
}

fn step(part: &Part) -> Value {
    json!({ "title": part.title, "steps": part.steps, "commands": part.commands, "wait": part.wait })
}
