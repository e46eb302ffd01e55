//! The end of `init --describe`.

use crate::model::answers::interview::sheet::Filled;
use crate::model::answers::interview::{Interview, Question};
use crate::model::oauth::steps::{Part, first, second};

/// The questions of `init`, and how they are answered.
#[derive(Debug)]
pub struct Described {
    /// The questions.
    pub filled: Filled,
    /// The words that answer each question that has such words, with what each stands for.
    pub options: Vec<(Question, Vec<(String, String)>)>,
    /// What an administrator does at the identity provider, for a login by an access token.
    pub steps: Vec<Part>,
    /// Whether answers are there, which are the defaults.
    pub is_edit: bool,
    /// The answers file that these answers make, with stars in the place of a password; `None` as long as not all is known.
    pub preview: Option<String>,
}

impl Described {
    /// What is shown of an interview that a sheet has gone through.
    pub fn new(interview: &Interview, filled: Filled, is_edit: bool) -> Self {
        let questions =
            filled.asked.iter().map(|asked| &asked.prompt).chain(&filled.open).chain(&filled.more);
        let options = questions.map(|prompt| (prompt.question, interview.options(prompt.question)));
        let options = options.filter(|(_, options)| !options.is_empty()).collect();
        let chosen = interview.choices();
        let steps = chosen.access.as_ref().map_or_else(Vec::new, |access| {
            let values = access.values(chosen.username.as_deref(), chosen.password_file.as_deref());
            let (provider, flow) = (access.provider, access.flow);
            first(provider, flow, &values).into_iter().chain(second(provider, flow, &values)).collect()
        });
        let preview = filled.is_complete().then(|| chosen.text("", true));
        Self { filled, options, steps, is_edit, preview }
    }

    /// The words that answer a question, with what each stands for; none if any text may be its answer.
    pub fn options_of(&self, question: Question) -> &[(String, String)] {
        let found = self.options.iter().find(|(of, _)| *of == question);
        found.map_or(&[], |(_, options)| options.as_slice())
    }
}
