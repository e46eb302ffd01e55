//! A failure of one of Postfix's programs, with the cause by the words that it printed or logged.

use std::fmt;

use super::{Advice, Error};

/// An error, and the reason for it.
#[derive(Debug)]
pub struct Explained {
    /// The error.
    pub error: Error,
    /// The cause, in words for a person.
    pub cause: String,
    /// What mends it.
    pub remedy: Advice,
}

impl fmt::Display for Explained {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\nthe reason: {}", self.error, self.cause)
    }
}

impl Explained {
    /// The next step: it mends the reason, and then the same command is run again.
    pub fn step(&self) -> Advice {
        self.remedy.clone().and("; then run `this command` again")
    }
}
