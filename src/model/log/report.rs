//! The failures in a log, in the order in which an admin needs them: those that still hold messages first, then those
//! with most messages. A failure that is only the consequence of another one is left out.

use std::collections::HashMap;

use super::follow::Follower;
use super::groups::{Example, Group, Kind};
use super::hosts::is_same;
use super::messages::{Tally, earlier, later};
use super::stamp::Seconds;
use crate::model::causes::catalogue::{Fix, Stage, Verdict, catalogue};

/// All findings in a log.
#[derive(Debug, Default)]
pub struct Report {
    /// Causes, and words that the catalogue does not know; the most important first.
    pub failures: Vec<Failure>,
    /// Records of acceptance by another host: one for each message and recipient.
    pub accepted: u64,
    /// Times of the first and the last line that counted.
    pub span: (Option<Seconds>, Option<Seconds>),
    /// Names of the hosts that wrote the log.
    pub hosts: Vec<String>,
    /// Whether any line was Postfix's.
    pub has_postfix: bool,
    /// Whether there were more messages than can be followed, so that the numbers are not exact.
    pub overflowed: bool,
}

/// One cause, or words that the catalogue does not know.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Stable name; `unknown` for words that the catalogue does not have.
    pub id: String,
    /// Stage of the message's way.
    pub stage: Stage,
    /// The side that kept the mail from arriving.
    pub verdict: Verdict,
    /// The host that wrote the lines; `None` if they do not tell.
    pub host: Option<String>,
    /// Whether that host is the one in question.
    pub ours: bool,
    /// Number of messages, and the times.
    pub tally: Tally,
    /// Lines that reported it without naming a message.
    pub lines: u64,
    /// Whether a relay accepted mail after the last of these failures.
    pub over: bool,
    /// The cause in words; empty if unknown.
    pub cause: String,
    /// Next step for the administrator.
    pub remedy: String,
    /// The relayhost command that can mend it.
    pub fix: Option<Fix>,
    /// Relays where it happened.
    pub relays: Vec<String>,
    /// Whether there were more relays.
    pub more_relays: bool,
    /// An example message, if one is still known.
    pub example: Option<Example>,
    /// The log's words.
    pub words: String,
}

/// The hosts whose failures count.
#[derive(Debug, Clone, Default)]
pub struct Owner {
    /// Names of the host in question.
    pub names: Vec<String>,
    /// Whether the log is that host's own: failures under other names in it do not count. In other logs, all hosts count
    /// if this one is not among them.
    pub strict: bool,
}

impl Owner {
    fn owns(&self, host: &str, all: &[String]) -> bool {
        let is_ours = |name: &str| self.names.iter().any(|own| is_same(own, name));
        // A host that has not been given its name yet logs as `localhost`.
        host.is_empty()
            || host == "localhost"
            || is_ours(host)
            || !(self.strict || all.iter().any(|name| is_ours(name)))
    }
}

impl Report {
    /// The report on all that the follower has read.
    pub fn new(follower: &Follower, owner: &Owner) -> Self {
        let hosts: Vec<String> = follower.hosts.names().map(str::to_owned).collect();
        let tallies = follower.messages.tallies();
        let all = (0u32..).zip(follower.groups.all());
        let mut failures: Vec<Failure> = all
            .filter_map(|(number, group)| {
                let host = follower.hosts.name(group.host);
                failure(group, tallies.get(&number), host, follower.last_accepted)
            })
            .map(|failure| Failure {
                ours: owner.owns(failure.host.as_deref().unwrap_or_default(), &hosts),
                ..failure
            })
            .collect();
        let over = consequences(&failures);
        let mut number = 0;
        failures.retain(|_| {
            number += 1;
            !over.get(number - 1).copied().unwrap_or_default()
        });
        failures.sort_by_key(|one| {
            let weight = (one.tally.waiting > 0, one.tally.messages, one.lines);
            (!one.ours, std::cmp::Reverse(weight), one.id.clone())
        });
        Self {
            failures,
            accepted: follower.accepted,
            span: follower.span,
            hosts,
            has_postfix: follower.postfix_lines,
            overflowed: follower.messages.overflowed,
        }
    }

    /// Whether the host in question has failures.
    pub fn has_failed(&self) -> bool {
        self.failures.iter().any(|failure| failure.ours)
    }
}

fn failure(
    group: &Group,
    tally: Option<&Tally>,
    host: &str,
    last_accepted: Option<Seconds>,
) -> Option<Failure> {
    let tally = tally.copied().unwrap_or_default();
    if tally.messages == 0 && group.lines == 0 {
        return None;
    }
    let tally =
        Tally { first: earlier(tally.first, group.told.0), last: later(tally.last, group.told.1), ..tally };
    let (id, stage, verdict, fix, cause, remedy) = match &group.kind {
        Kind::Known(cause) => {
            let texts = (cause.cause.clone(), cause.remedy.clone());
            (cause.id.clone(), cause.stage, cause.verdict, cause.fix, texts.0, texts.1)
        }
        Kind::Unknown(stage, verdict) => {
            let remedy = match verdict {
                Verdict::Refused => {
                    "relayhost does not know these words; ask whoever runs the relay what they mean"
                }
                Verdict::Unreached => {
                    "relayhost does not know these words; look at the lines of the log round them"
                }
            };
            ("unknown".to_owned(), *stage, *verdict, None, String::new(), remedy.to_owned())
        }
    };
    Some(Failure {
        id,
        stage,
        verdict,
        host: (!host.is_empty()).then(|| host.to_owned()),
        ours: true,
        tally,
        lines: group.lines,
        over: tally.waiting == 0 && last_accepted.is_some() && last_accepted > tally.last,
        cause,
        remedy,
        fix,
        relays: group.relays.clone(),
        more_relays: group.more_relays,
        example: group.example().cloned().filter(|_| tally.messages > 0),
        words: group.words.clone(),
    })
}

/// For each failure, whether only lines report it, and it follows from another one of the same host: the entry of that
/// one is more exact (`over`).
fn consequences(failures: &[Failure]) -> Vec<bool> {
    if failures.len() < 2 {
        return Vec::new();
    }
    let over: HashMap<&str, &[String]> =
        catalogue().iter().map(|entry| (entry.id.as_str(), entry.over.as_slice())).collect();
    let follows = |one: &Failure| {
        let explains = |other: &&Failure| {
            other.host == one.host && over.get(other.id.as_str()).is_some_and(|over| over.contains(&one.id))
        };
        one.tally.messages == 0 && failures.iter().any(|other| explains(&other))
    };
    failures.iter().map(follows).collect()
}
