//! The failures in a log, in the order in which an admin needs them: those that still hold messages first, then those
//! with most messages. A failure that is only the consequence of another one is left out.

use std::collections::{BTreeSet, HashSet};

use super::event::host_named;
use super::follow::Follower;
use super::groups::{Example, Group};
use super::hosts::{is_one_of, is_same};
use super::messages::{Tally, earlier, later};
use super::stamp::Seconds;
use super::taken::{LastTaken, Taken};
use crate::model::causes::Cause;
use crate::model::causes::catalogue::{Stage, catalogue, entry};
use crate::model::causes::extent::Extent;

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
    /// The cause; its name is `unknown` for words that the catalogue does not have.
    pub cause: Cause,
    /// The host that wrote the lines; `None` if they do not tell.
    pub host: Option<String>,
    /// Whether that host is the one in question.
    pub ours: bool,
    /// Number of messages, and the times.
    pub tally: Tally,
    /// Lines that reported it without naming a message.
    pub lines: u64,
    /// Whether it is over: nothing of it waits, it stopped all mail, and mail has left since by each way of the answers on which it
    /// happened, or where these are not known, by the same relay.
    pub over: bool,
    /// The last acceptance after it: by a relay where it happened, or by any.
    pub taken: Option<Taken>,
    /// The ways of the answers on which it happened, by their numbers, where mail takes several.
    pub ways: BTreeSet<usize>,
    /// Relays where it happened.
    pub relays: Vec<String>,
    /// Whether there were more relays.
    pub more_relays: bool,
    /// An example message, if one is still known.
    pub example: Option<Example>,
    /// The log's words.
    pub words: String,
}

/// News of the host's log.
#[derive(Debug)]
pub enum News<'a> {
    /// The log is open: its places.
    Begun(&'a str),
    /// Something failed for this reason, for the first time since then.
    Failed(&'a Failure),
    /// It has failed again.
    Again(&'a Failure),
    /// A relay has accepted mail after it, and nothing of it waits.
    Over(&'a Failure),
    /// All messages that had failed for the reason of this name have got through.
    Through(&'a str),
}

impl Failure {
    /// The order of failures for a person: this host's first, those that are over last, then those for which mail waits, then
    /// the most frequent.
    fn rank(&self) -> impl Ord + use<> {
        let weight = (self.tally.waiting > 0, self.tally.messages, self.lines);
        (!self.ours, self.over, std::cmp::Reverse(weight), self.cause.id.clone())
    }

    /// Notes the ways on which messages wait (`None`: of one that is not known): a failure there is not over, whatever took mail
    /// since.
    pub fn wait_on(&mut self, ways: &BTreeSet<Option<usize>>) {
        let is_here = |way: &Option<usize>| way.is_none_or(|way| self.ways.contains(&way));
        if self.ways.is_empty() || ways.iter().any(is_here) {
            self.over = false;
        }
    }

    /// The failures of a group.
    fn of(group: &Group, tally: Tally, host: &str, ours: bool, taken: &LastTaken) -> Self {
        let (first, last) = (earlier(tally.first, group.told.0), later(tally.last, group.told.1));
        let by_same = if group.ways.is_empty() {
            taken.after(&group.relays, last)
        } else {
            taken.after_on(&group.ways, last)
        };
        Self {
            cause: group.cause.clone(),
            host: (!host.is_empty()).then(|| host.to_owned()),
            ours,
            tally: Tally { first, last, ..tally },
            lines: group.lines,
            over: tally.waiting == 0 && by_same.is_some() && stops_all(group, &tally),
            taken: by_same.or_else(|| taken.after(&[], last)).cloned(),
            ways: group.ways.clone(),
            relays: group.relays.clone(),
            more_relays: group.more_relays,
            example: group.example().cloned().filter(|_| tally.messages > 0),
            words: group.words.clone(),
        }
    }

    /// A failure that the log ends with: no record of an attempt says what came of it.
    fn open(cause: Cause, host: &str, ours: bool, words: &str) -> Self {
        let relay = host_named(words).and_then(|(name, _, port)| Some(format!("{name}:{}", port?)));
        Self {
            cause,
            host: (!host.is_empty()).then(|| host.to_owned()),
            ours,
            tally: Tally::default(),
            lines: 1,
            over: false,
            taken: None,
            ways: BTreeSet::new(),
            relays: relay.into_iter().collect(),
            more_relays: false,
            example: None,
            words: words.to_owned(),
        }
    }
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
        host.is_empty()
            || is_one_of(host, &self.names)
            || !(self.strict || all.iter().any(|name| is_ours(name)))
    }
}

impl Report {
    /// The report on all that the follower has read.
    pub fn new(follower: &Follower, owner: &Owner) -> Self {
        let hosts: Vec<String> = follower.hosts.names().map(str::to_owned).collect();
        let tallies = follower.messages.tallies();
        let failure = |(number, group): (u32, &Group)| {
            let tally = tallies.get(&number).copied().unwrap_or_default();
            let host = follower.hosts.name(group.host);
            Failure::of(group, tally, host, owner.owns(host, &hosts), &follower.taken)
        };
        let mut failures: Vec<Failure> = (0u32..).zip(follower.groups.all()).map(failure).collect();
        failures.retain(|one| one.tally.messages > 0 || one.lines > 0);
        // In the host's own log the record of an attempt is still to come.
        let open = if owner.strict { Vec::new() } else { follower.open() };
        let told = failures.len();
        for (host, cause, words) in open {
            let host = follower.hosts.name(host);
            let is_same =
                |one: &Failure| one.cause.id == cause.id && one.host.as_deref().unwrap_or_default() == host;
            match failures.iter().position(is_same) {
                // The same lines have been counted as they stand.
                Some(number) if number < told => {}
                Some(number) => failures.iter_mut().skip(number).take(1).for_each(|one| one.lines += 1),
                None => failures.push(Failure::open(cause, host, owner.owns(host, &hosts), words)),
            }
        }
        let explained: HashSet<(Option<String>, &str)> = failures.iter().flat_map(consequences).collect();
        failures.retain(|one| {
            one.tally.messages > 0 || !explained.contains(&(one.host.clone(), one.cause.id.as_str()))
        });
        failures.sort_by_key(Failure::rank);
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

/// Whether what failed stops all mail, so that an acceptance shows its end: the relay takes other messages while it refuses
/// one sender or one recipient, Postfix takes the mail of others while it refuses one local login, and mail leaves in spite of a
/// warning about the configuration.
fn stops_all(group: &Group, tally: &Tally) -> bool {
    let is_of_one = entry(&group.cause.id).is_some_and(|entry| entry.of_recipient || entry.one_caller);
    let is_warning =
        tally.messages == 0 && group.cause.stage == Stage::Config && group.words.starts_with("warning: ");
    let extent = Extent::of(&group.words);
    !is_of_one && !is_warning && matches!(extent, Extent::All | Extent::Quota | Extent::Later)
}

/// Causes that a failure explains on its host, because its entry is more exact (`over`). Of these, what only lines report
/// is no failure of its own.
fn consequences(failure: &Failure) -> impl Iterator<Item = (Option<String>, &'static str)> {
    let entry = catalogue().iter().find(|entry| entry.id == failure.cause.id);
    entry.into_iter().flat_map(|entry| &entry.over).map(|id| (failure.host.clone(), id.as_str()))
}
