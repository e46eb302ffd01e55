//! The question to a log.

use super::stamp::Seconds;
use crate::model::causes::words::Words;
use crate::model::causes::{About, Cause, Circumstances, diagnose};

/// Tells the way of a message with this sender and this recipient, by its number among those of the answers; `None` where the
/// sender decides and is not known.
pub type WayOf<'a> = dyn Fn(Option<&str>, &str) -> Option<usize> + 'a;

/// The question to a log, and what the caller knows beforehand.
pub struct Question<'a> {
    /// Start time: earlier lines are skipped.
    pub since: Option<Seconds>,
    /// Domains whose mail is to leave this host; a local delivery for one of them is a failure.
    pub elsewhere: Vec<String>,
    /// The relays after which others are tried: what they say counts though another one takes the message.
    pub firsts: Vec<(String, u16)>,
    /// The relays that are tried after those: what they take in the place of another has not left by that one's way.
    pub fallbacks: Vec<(String, u16)>,
    /// The way of a message, where mail of this host takes several: the same words have another cause on each, and mail that
    /// left by one says nothing of another.
    pub way: Option<&'a WayOf<'a>>,
    /// Returns the facts about the host for a failed attempt.
    pub circumstances: &'a dyn Fn(&About) -> Circumstances,
}

impl Default for Question<'_> {
    fn default() -> Self {
        Self {
            since: None,
            elsewhere: Vec::new(),
            firsts: Vec::new(),
            fallbacks: Vec::new(),
            way: None,
            circumstances: &Circumstances::unknown,
        }
    }
}

impl Question<'_> {
    /// Whether a line of this time is too early to count.
    pub fn skips(&self, time: Option<Seconds>) -> bool {
        matches!((self.since, time), (Some(since), Some(time)) if time < since)
    }

    /// The way that a message took to a server; `None`: to one that took it in the place of the way's own.
    pub fn taken(
        &self,
        from: Option<&str>,
        to: &str,
        (name, address, port): (&str, &str, u16),
    ) -> Option<usize> {
        let is_there =
            |(host, of): &(String, u16)| *of == port && (host.eq_ignore_ascii_case(name) || host == address);
        if self.fallbacks.iter().any(is_there) { None } else { self.way?(from, to) }
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
