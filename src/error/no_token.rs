//! The error that an identity provider gave no access token.

use std::fmt;

use super::{Advice, Exit};

/// Why there is no access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoToken {
    /// The cause's name in the catalogue, or `no-token`.
    pub id: &'static str,
    /// The cause.
    pub cause: String,
    /// Who must do what.
    pub remedy: Advice,
    /// The provider's own words; empty if it said none.
    pub evidence: String,
    /// Whether the provider has answered.
    pub answered: bool,
    /// Whether the same question may succeed later with nothing changed.
    pub passes: bool,
    /// Until when the token that is there lasts, if one is.
    pub until: Option<String>,
    /// The login that it was for, if there are several.
    pub login: Option<String>,
}

impl NoToken {
    /// The exit status: refused, or no word.
    pub fn exit(&self) -> Exit {
        if self.answered && !self.passes { Exit::Refused } else { Exit::NoWord }
    }
}

impl fmt::Display for NoToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whom = self.login.as_ref().map(|login| format!(" for {login}")).unwrap_or_default();
        write!(f, "no access token was given{whom}: {}", self.cause)?;
        if !self.evidence.is_empty() {
            write!(f, " ({})", self.evidence)?;
        }
        self.until.as_ref().map_or(Ok(()), |until| write!(f, "; the one in use lasts until {until}"))
    }
}
