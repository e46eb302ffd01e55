//! The arrival of the test message in the mailbox of its recipient: what was seen there, and what follows.

pub mod authentication;
pub mod fate;
pub mod folders;
pub mod letter;
pub mod mailbox;
pub mod returned;

use std::time::Duration;

use folders::Kind;
use letter::Letter;

use crate::model::causes::failure::Failure;

/// The result of the look into the mailbox.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The message, if it was seen.
    pub seen: Option<Box<Seen>>,
    /// Why it is not where a person reads it, or is not known to be.
    pub failure: Option<Failure>,
    /// Whether a configuration counts as one that works only if its message arrives.
    pub required: bool,
}

/// The test message, as it was seen in the mailbox.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The folder.
    pub folder: String,
    /// The use of the folder.
    pub kind: Kind,
    /// How often it lies in the mailbox.
    pub copies: usize,
    /// Time from the submission until it was seen.
    pub after: Duration,
    /// What it says of its way.
    pub letter: Letter,
    /// Whether it was removed: `None` if that was not asked for; why it was not, if so.
    pub removed: Option<Result<(), String>>,
}

impl Seen {
    /// The same in a few words: `in INBOX after 2.1 s; spf pass, dkim pass, dmarc pass; From alerts@example.com`.
    pub fn in_short(&self) -> String {
        let mut words = vec![format!("in {} after {:.1} s", self.folder, self.after.as_secs_f64())];
        words.extend(self.letter.authentication.as_ref().map(authentication::Authentication::words));
        words.push(format!("From {}", self.letter.from));
        words.join("; ")
    }
}

impl Arrival {
    /// What came of it in a few words, for the line of the stage.
    pub fn in_short(&self) -> String {
        match (&self.seen, &self.failure) {
            (Some(seen), None) => seen.in_short(),
            (Some(seen), Some(failure)) => format!("{} [{}]", seen.in_short(), failure.id),
            (None, Some(failure)) => format!("not seen [{}]", failure.id),
            (None, None) => "not looked for".into(),
        }
    }
}
