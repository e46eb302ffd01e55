//! A failure on the way to the relay, of a message or of a probe: its cause, by the catalogue or without it.

use super::Cause;
use super::catalogue::{Entry, Verdict, entry};
use crate::error::{Advice, Exit};
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
    pub remedy: Advice,
    /// Lines of the log that show the cause; for a probe, those that Postfix would have logged.
    pub evidence: Vec<String>,
    /// Reasons why Postfix may succeed where a probe failed.
    pub doubts: Vec<String>,
}

impl Failure {
    /// A failure with this name of its cause, cause and remedy.
    pub fn new(
        refused: bool,
        id: &str,
        cause: String,
        remedy: impl Into<Advice>,
        evidence: Vec<String>,
    ) -> Self {
        let exit = if refused { Exit::Refused } else { Exit::NoWord };
        Self { exit, id: id.to_owned(), cause, remedy: remedy.into(), evidence, doubts: Vec::new() }
    }

    /// Takes the step out of the remedy that makes a probe: one was made.
    pub fn tried_here(&mut self) {
        self.remedy = self.remedy.probed();
    }

    /// Whether it may pass by itself, so that the answers need not be wrong: nobody is there now, say. Of words that the
    /// catalogue does not know, what no relay has refused may.
    pub fn may_pass(&self) -> bool {
        let unknown = || self.exit != Exit::Refused && self.id == "unknown";
        entry(&self.id).map_or_else(unknown, Entry::may_pass)
    }

    /// Whether it stays until somebody changes the answers or the relay, by all that is known.
    pub fn is_in_answers(&self) -> bool {
        entry(&self.id).is_some_and(|entry| !entry.may_pass()) && self.doubts.is_empty()
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
        Self::new(refused, "unknown", cause, remedy, evidence)
    }
}
