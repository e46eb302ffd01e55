//! `relayhost init --from` and `--describe`: the questions for a program that puts them to a person itself.

use crate::cli::arguments::Init;
use crate::engine::init::{self, Target};
use crate::error::{Error, Result};
use crate::model::answers::choices::Choices;
use crate::model::answers::interview::sheet::{Filled, Sheet};
use crate::model::answers::interview::{Interview, Question};
use crate::model::ended::{Described, Ended};

/// Shows the questions, and how the sheet answers them. Nothing is written, and the relay is not tried.
pub fn describe(options: &Init, target: &Target) -> Result<Ended> {
    let (interview, filled, is_edit) = gone_through(options, target)?;
    Ok(Ended::Described(Box::new(Described::new(&interview, filled, is_edit))))
}

/// The interview that the sheet has answered. An error names the word of the question that is open, or whose answer is refused.
pub fn fill(options: &Init, target: &Target) -> Result<Interview> {
    let (interview, filled, _) = gone_through(options, target)?;
    let file = || options.from.as_deref().map_or_else(String::new, |path| path.display().to_string());
    if let Some((question, complaint)) = filled.refused {
        let problem = format!("`{}`: {}", question.word(), complaint.problem);
        return Err(Error::Answers { file: file(), place: None, problem, remedy: complaint.remedy });
    }
    if let Some(open) = filled.open {
        let word = open.question.word();
        let help = if open.help.is_empty() { String::new() } else { format!(" ({})", open.help) };
        let (problem, remedy) =
            (format!("has no answer to `{word}`: {}", open.text), format!("add \"{word}\"{help}"));
        return Err(Error::Answers { file: file(), place: None, problem, remedy: remedy.into() });
    }
    Ok(interview)
}

/// The interview after the sheet, and whether answers are there that it edits.
fn gone_through(options: &Init, target: &Target) -> Result<(Interview, Filled, bool)> {
    let sheet = options.from.as_deref().map_or_else(|| Ok(Sheet::default()), init::sheet)?;
    let (domain, earlier) = (init::local_domain(), init::earlier(target)?);
    let is_edit = earlier.is_some();
    let mut interview = match earlier {
        Some(earlier) => Interview::editing(Choices::default(), earlier, &domain),
        None => Interview::new(Choices::default(), &domain),
    };
    let mut filled = interview.fill(sheet);
    init::know(interview.choices());
    if filled.is_complete()
        && let Err(complaint) = init::secret_fits(interview.choices())
    {
        let is_typed = interview.choices().password.is_some();
        filled.refused = Some((if is_typed { Question::Password } else { Question::File }, complaint));
    }
    Ok((interview, filled, is_edit))
}
