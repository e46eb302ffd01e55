//! A complaint about a value that somebody chose, before it is known where the value stands.

use super::{Advice, Error, Position};

/// The reason why a value is refused, and the remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// The fault.
    pub problem: String,
    /// The value to give instead.
    pub remedy: Advice,
}

impl Complaint {
    /// A complaint in these words.
    pub fn new(problem: impl Into<String>, remedy: impl Into<Advice>) -> Self {
        Self { problem: problem.into(), remedy: remedy.into() }
    }

    /// The error about a file of answers, or what stands for it; `place`: where the value is in it.
    pub fn of(self, file: &str, place: Option<Position>) -> Error {
        Error::Answers { file: file.to_owned(), place, problem: self.problem, remedy: self.remedy }
    }
}
