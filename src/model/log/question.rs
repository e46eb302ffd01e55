//! The question to a log.

use super::stamp::Seconds;
use crate::model::causes::words::Words;
use crate::model::causes::{About, Cause, Circumstances, diagnose};

/// Tells the account of a sender, by its number.
pub type AccountOf<'a> = dyn Fn(&str) -> Option<usize> + 'a;

/// The question to a log, and what the caller knows beforehand.
pub struct Question<'a> {
    /// Start time: earlier lines are skipped.
    pub since: Option<Seconds>,
    /// Domains whose mail is to leave this host; a local delivery for one of them is a failure.
    pub elsewhere: Vec<String>,
    /// The relays after which others are tried: what they say counts though another one takes the message.
    pub firsts: Vec<(String, u16)>,
    /// The account of a sender, by its number, where senders have accounts: the same words have another cause for each.
    pub account: Option<&'a AccountOf<'a>>,
    /// Returns the facts about the host for a failed attempt.
    pub circumstances: &'a dyn Fn(&About) -> Circumstances,
}

impl Default for Question<'_> {
    fn default() -> Self {
        Self {
            since: None,
            elsewhere: Vec::new(),
            firsts: Vec::new(),
            account: None,
            circumstances: &Circumstances::unknown,
        }
    }
}

impl Question<'_> {
    /// Whether a line of this time is too early to count.
    pub fn skips(&self, time: Option<Seconds>) -> bool {
        matches!((self.since, time), (Some(since), Some(time)) if time < since)
    }

    /// The cause of a failure, by its evidence; `otherwise`: the cause if the catalogue does not know the words.
    pub fn cause<'a, W: Copy + Into<Words<'a>>>(
        &self,
        evidence: &[W],
        about: &About,
        otherwise: Option<Cause>,
    ) -> Option<Cause> {
        let circumstances = (self.circumstances)(about);
        diagnose(evidence, &circumstances).or_else(|| Some(circumstances.explained(otherwise?)))
    }
}
