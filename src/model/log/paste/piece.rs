//! What a piece of evidence says, as far as that is clear without the line of a log.

use crate::model::causes::Cause;
use crate::model::causes::catalogue::fitting;
use crate::model::log::event::{Attempt, Hop, Status};
use crate::model::log::line::SEVERITIES;
use crate::model::log::sentences::verdict_after;

/// A piece.
#[derive(Debug, Clone, PartialEq)]
pub enum Piece {
    /// A line as syslog would have written it, without time.
    Line(String),
    /// The reason of an attempt whose record is not there; the queue id is empty.
    Attempt(Box<Attempt>),
    /// The same, and the text that says so in words of its own.
    Told(Box<Attempt>, String),
    /// A cause that is certain, and the words that show it.
    Cause(Box<Cause>, String),
    /// A line that is known and says nothing of mail: a prompt, a heading.
    Nothing,
}

impl Piece {
    /// Bytes of its words.
    pub fn size(&self) -> usize {
        match self {
            Self::Line(text) | Self::Cause(_, text) => text.len(),
            Self::Attempt(attempt) => attempt.reason.len(),
            Self::Told(attempt, text) => attempt.reason.len() + text.len(),
            Self::Nothing => 0,
        }
    }

    /// The same piece, with the text that it was read from, if that has other words: nobody is shown words that nobody wrote.
    pub fn read_from(self, text: &str) -> Self {
        match self {
            Self::Attempt(attempt) if !text.contains(&attempt.reason) => {
                Self::Told(attempt, text.trim().to_owned())
            }
            other => other,
        }
    }
}

/// The attempt of which only these words are known.
pub fn attempt(to: &str, words: &str) -> Attempt {
    let final_reply = words.contains(" said: 5");
    Attempt {
        queue_id: String::new(),
        agent: "smtp".into(),
        pid: 0,
        to: to.to_owned(),
        orig_to: None,
        relay: Hop::None,
        delays: [0.0; 4],
        status: if final_reply { Status::Bounced } else { Status::Deferred },
        reason: words.to_owned(),
    }
}

/// The attempt that failed for this reason.
pub fn of_reason(words: &str) -> Piece {
    Piece::Attempt(Box::new(attempt("", words.trim())))
}

/// The attempt of another program than Postfix that failed for this reason: it has no agent.
pub fn of_program(words: &str) -> Piece {
    Piece::Attempt(Box::new(Attempt { agent: String::new(), ..attempt("", words.trim()) }))
}

/// The reason with which an attempt ends after these words.
pub fn ended(words: &str) -> String {
    verdict_after(words).map_or_else(|| words.to_owned(), |end| format!("{end}: {words}"))
}

/// Whether the catalogue knows these words.
pub fn is_known(words: &str) -> bool {
    fitting(&[words]).next().is_some()
}

/// Whether the catalogue knows these words by more than their severity, which any program writes.
pub fn is_known_exactly(words: &str) -> bool {
    let ids = |words| fitting(&[words]).map(|entry| entry.id.as_str()).next();
    let general = SEVERITIES.map(ids);
    ids(words).is_some_and(|id| !general.contains(&Some(id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Piece {
        /// The reason of an attempt, if it is one.
        pub fn reason(self) -> Option<String> {
            match self {
                Self::Attempt(attempt) | Self::Told(attempt, _) => Some(attempt.reason),
                _ => None,
            }
        }
    }
}
