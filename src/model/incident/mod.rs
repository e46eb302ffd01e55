//! Incidents: what is amiss with mail that leaves, from the look that first saw it to the look that saw it no more. However
//! many alerts fail of it, it is one incident for each topic.

mod bounds;
pub mod event;
pub mod record;
pub mod sight;
pub mod slots;
pub mod unwritten;
pub mod views;
pub mod young;

use serde::{Deserialize, Serialize};

use crate::model::log::stamp::Seconds;

/// What an incident is about. There is one at a time for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Topic {
    /// Mail does not leave, or a message waits for too long, or nobody has seen any leave for too long.
    Mail,
    /// The host is not as the answers say.
    Host,
    /// The access token, a login, a certificate or a secret has ended, or ends soon.
    Login,
    /// The mail log takes no lines, or a service of Postfix's that messages wait for does not run.
    Log,
    /// The host could not be looked at.
    Look,
}

impl Topic {
    /// All topics.
    pub const ALL: [Self; 5] = [Self::Mail, Self::Host, Self::Login, Self::Log, Self::Look];

    /// Its word, for ids and programs.
    pub fn word(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Host => "host",
            Self::Login => "login",
            Self::Log => "log",
            Self::Look => "look",
        }
    }
}

/// How bad it is, as monitoring systems count it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It may keep mail from leaving.
    Warning,
    /// It keeps mail from leaving, or the host is not as the answers say.
    Critical,
}

impl Severity {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// What one look saw of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The topic.
    pub topic: Topic,
    /// How bad it is.
    pub severity: Severity,
    /// The cause, in words.
    pub cause: String,
    /// The name of the cause in the catalogue, or of the finding.
    pub cause_id: String,
    /// A digest of what it is, without the ages that its words have: another trouble has another one.
    pub trouble: String,
    /// The remedy, in words; empty if none is known.
    pub remedy: String,
    /// The time from which on it is known.
    pub since: Seconds,
    /// Whether it is the host that keeps mail from leaving: then what differs on the host is no second incident.
    pub covers_host: bool,
}

/// An incident that is open, or was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// Its name, which no other incident of this host has.
    pub id: String,
    /// The topic.
    pub topic: Topic,
    /// How bad it is.
    pub severity: Severity,
    /// The cause, in words.
    pub cause: String,
    /// The name of the cause.
    pub cause_id: String,
    /// The digest of its trouble; empty in a record of an earlier version.
    #[serde(default)]
    pub trouble: String,
    /// The cause that it opened with, if it has another one now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_as: Option<OpenedAs>,
    /// The remedy, in words.
    pub remedy: String,
    /// The time from which on it is known.
    pub since: Seconds,
    /// The time of the look that opened it.
    pub opened: Seconds,
    /// Messages that waited for the relay at the last look; `None` if that is not known.
    pub waiting: Option<u64>,
    /// Whether there may have been more.
    #[serde(default)]
    pub at_least: bool,
    /// The arrival of the oldest of them.
    pub oldest: Option<Seconds>,
}

/// The cause that an incident opened with: who was told of it is not told of another one alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenedAs {
    /// The cause, in words.
    pub cause: String,
    /// The digest of its trouble.
    pub trouble: String,
}

impl Incident {
    /// Its cause in words, with the one that it opened with, if that was another.
    pub fn story(&self) -> String {
        match &self.opened_as {
            Some(first) => format!("opened as: {}; later: {}", first.cause, self.cause),
            None => self.cause.clone(),
        }
    }

    /// The same incident, as a later look has found it. Its words have ages in them: they stay as they are while it is the same
    /// trouble, or each look would write. The remedy has none, and is always that of now.
    #[must_use]
    fn now(self, seen: Sighting) -> Self {
        let Sighting { severity, cause, cause_id, trouble, remedy, .. } = seen;
        let is_same = self.cause_id == cause_id && (self.trouble.is_empty() || self.trouble == trouble);
        if is_same && self.severity == severity {
            return Self { trouble, remedy, ..self };
        }
        let first = self.opened_as.unwrap_or(OpenedAs { cause: self.cause, trouble: self.trouble });
        let opened_as = Some(first).filter(|first| first.trouble != trouble);
        Self { severity, cause, cause_id, trouble, opened_as, remedy, ..self }
    }
}
