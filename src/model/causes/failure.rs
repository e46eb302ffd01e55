//! A failure on the way to the relay, of a message or of a probe: its cause, by the catalogue or without it.

use super::Cause;
use super::catalogue::Verdict;
use crate::error::{Exit, with_commands};
use crate::model::text::quoted;

/// Remedy for words of a relay that the catalogue does not know.
pub const ASK: &str = "relayhost does not know these words; ask whoever runs the relay what they mean";

/// Remedy for words that the catalogue does not know, where no relay has refused: they may be Postfix's own.
pub const READ: &str = "relayhost does not know these words; the lines round them in the mail log show whether Postfix or the relay said them";

/// Reason why the relay has not accepted a message, or would not.
#[derive(Debug, Clone)]
pub struct Failure {
    /// `Refused` or `NoWord`.
    pub exit: Exit,
    /// Stable name of the cause; `unknown` if the catalogue has none.
    pub id: String,
    /// Cause in a sentence.
    pub cause: String,
    /// Next step for the administrator.
    pub remedy: String,
    /// Lines of the log that show the cause; for a probe, those that Postfix would have logged.
    pub evidence: Vec<String>,
    /// Reasons why Postfix may succeed where a probe failed.
    pub doubts: Vec<String>,
}

impl Failure {
    /// A failure with this name of its cause, cause and remedy.
    pub fn new(refused: bool, id: &str, cause: String, remedy: String, evidence: Vec<String>) -> Self {
        let exit = if refused { Exit::Refused } else { Exit::NoWord };
        Self { exit, id: id.to_owned(), cause, remedy, evidence, doubts: Vec::new() }
    }

    /// Has the remedy name the command that was typed, flags and all, where it says to run `relayhost apply`.
    pub fn name_command(&mut self, typed: &str) {
        self.remedy =
            with_commands(&self.remedy, |named| (named == "relayhost apply").then(|| typed.to_owned()));
    }

    /// Has the remedy say that the person at the terminal is asked next, where it says to correct the answers and to run
    /// `relayhost apply`.
    pub fn ask_next(&mut self) {
        for run in [", and run `relayhost apply`", " and run `relayhost apply`", ", then `relayhost apply`"] {
            self.remedy = self.remedy.replace(run, ": the next question is for that");
        }
    }

    /// Takes out of the remedy that a probe is to be made: one has been.
    pub fn tried_here(&mut self) {
        self.remedy = self.remedy.replace("`relayhost probe` tries it from here; ", "");
    }

    /// A failure whose cause the catalogue knows.
    pub fn of(cause: Cause, evidence: Vec<String>) -> Self {
        Self::new(cause.verdict == Verdict::Refused, &cause.id, cause.cause, cause.remedy, evidence)
    }

    /// A failure that the catalogue does not know: it shows the relay's own `words`, and no guess. `otherwise` is the
    /// sentence before them if the relay has not refused.
    pub fn unknown(refused: bool, otherwise: &str, words: &str, evidence: Vec<String>) -> Self {
        let cause = format!("{}: {}", if refused { "the relay refused" } else { otherwise }, quoted(words));
        let remedy = if refused { ASK } else { READ };
        Self::new(refused, "unknown", cause, remedy.to_owned(), evidence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::causes::{Circumstances, diagnose};

    #[test]
    fn a_person_who_is_asked_next_is_not_sent_to_run_something() {
        let words =
            "SASL authentication failed; server r[192.0.2.1] said: 535 5.7.8 Error: authentication failed";
        let mut failure = Failure::of(diagnose(&[words], &Circumstances::default()).unwrap(), Vec::new());
        assert!(failure.remedy.contains("`relayhost apply`"), "{failure:?}");
        failure.ask_next();
        assert!(failure.remedy.ends_with(": the next question is for that"), "{failure:?}");
        failure.name_command("relayhost init");
        assert!(!failure.remedy.contains("relayhost init"), "{failure:?}");
    }
}
