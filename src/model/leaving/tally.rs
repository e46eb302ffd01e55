//! What the log has told of each way: how many messages it took, and whether the last did not leave by it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::around::said;
use super::ways::{Kind, Other, Way};
use crate::model::causes::extent::Extent;
use crate::model::log::fold::soft;
use crate::model::log::stamp::Seconds;
use crate::model::log::{Attempt, Status};
use crate::model::text::{clipped, masked};

/// Bytes that are kept of a reason.
const WORDS: usize = 500;
/// Most kinds of reasons that are judged for one block of a log, or for one listing of the queue.
const KINDS: usize = 64;

/// Most senders of one way that are remembered as refused.
const SENDERS: usize = 16;

/// What the log has told of one way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// The server of which all this is told, by name and port.
    #[serde(default)]
    server: String,
    /// The time from which on its mail is its own: what the log has of before was another way's. `None`: all that is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    born: Option<Seconds>,
    /// Messages that its own server took.
    pub taken: u64,
    /// Messages that a fallback relay took in its place.
    pub instead: u64,
    /// When its own server took the last.
    pub last: Option<Seconds>,
    /// The last failure that keeps all mail from this way, if its server has taken none since.
    pub refused: Option<Refused>,
    /// The last failure of each sender that the relay refuses for its address: other senders leave.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub senders: BTreeMap<String, Refused>,
    /// Queue id of the message that was counted last: it has a line for each recipient.
    queue_id: String,
}

/// A failure that keeps all mail from a way.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// When.
    pub time: Seconds,
    /// What its server said, or Postfix; empty: nothing was found.
    pub text: String,
    /// What smtp(8) said of all addresses of its server, for the cause: what is true of one kind of addresses alone is none, if the
    /// other kind failed too.
    #[serde(default)]
    pub beside: Vec<String>,
    /// What smtp(8) said of the fallback relay that did not take it either, and then of its other addresses; empty: there was none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
    /// The fallback relay that took the message; empty: it has not left.
    pub by: String,
    /// The server that refused it for good, so that Postfix returned it; empty: none did, and it was returned all the same.
    /// `None`: it was not returned.
    #[serde(default)]
    pub returned: Option<String>,
}

/// What the log has told of all ways.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tallies {
    /// The time from which on messages are counted.
    pub since: Option<Seconds>,
    /// By the tables of the answers.
    pub ways: BTreeMap<String, Tally>,
}

/// The reasons that were judged.
#[derive(Debug, Clone, Default)]
pub struct Judged(BTreeMap<String, Extent>);

impl Judged {
    /// Whether this reason, of a message on this way, keeps all mail of its sender from it, or all mail.
    pub fn stops(&mut self, reason: &str, other: Other) -> bool {
        match self.extent(reason) {
            Some(Extent::All | Extent::Quota) => true,
            Some(Extent::Sender) => other.is_listed,
            Some(Extent::Domain) => other.meets_alike,
            Some(Extent::Message | Extent::Later) | None => false,
        }
    }

    /// How much mail this reason stops; `None`: too many were judged.
    fn extent(&mut self, reason: &str) -> Option<Extent> {
        let mut kind = String::new();
        soft(reason, &mut kind);
        if self.0.len() >= KINDS && !self.0.contains_key(&kind) {
            return None;
        }
        Some(*self.0.entry(kind).or_insert_with(|| Extent::of(reason)))
    }
}

impl Refused {
    /// What was said on this way: `own` of its own server, if that is not what was said `last`; `all` of each.
    pub fn of(way: &Way, own: Option<String>, last: &str, all: &[String]) -> Self {
        // Where MX records decide, no server's name is known before.
        let at_fallback = !way.is_by_mx() && way.relay().other_named_in(last).is_some();
        if !at_fallback {
            return Self { text: own.unwrap_or_else(|| last.to_owned()), ..Self::default() };
        }
        let after = way.relay().alike(last, all).into_iter().map(str::to_owned).collect();
        Self { text: own.unwrap_or_default(), after, ..Self::default() }
    }
}

impl Tally {
    fn count(&mut self, queue_id: &str) -> u64 {
        let is_same = self.queue_id == queue_id;
        queue_id.clone_into(&mut self.queue_id);
        u64::from(!is_same)
    }

    /// Whether the way was there at this time.
    pub fn has_come(&self, time: Seconds) -> bool {
        self.born <= Some(time)
    }

    /// Notes that its own server took a message of this sender.
    pub fn took(&mut self, queue_id: &str, time: Seconds, from: Option<&str>) {
        self.taken += self.count(queue_id);
        self.last = Some(time);
        self.refused = None;
        if let Some(from) = from.filter(|_| !self.senders.is_empty()) {
            self.senders.remove(&from.to_lowercase());
        }
    }

    /// Notes a failure. `sender`: whose address the relay refuses, if that is what it is about.
    fn fail(&mut self, refused: Refused, sender: Option<&str>) {
        let Some(sender) = sender else {
            self.refused = Some(refused);
            return;
        };
        self.senders.insert(sender.to_lowercase(), refused);
        if self.senders.len() > SENDERS {
            let oldest =
                self.senders.iter().min_by_key(|(_, one)| one.time).map(|(sender, _)| sender.clone());
            if let Some(oldest) = oldest {
                self.senders.remove(&oldest);
            }
        }
    }
}

impl Tallies {
    /// Forgets what was told: the log is read from its beginning once more.
    pub fn begin(&mut self, since: Option<Seconds>) {
        self.since = since;
        for tally in self.ways.values_mut() {
            *tally = Tally { server: tally.server.clone(), born: tally.born, ..Tally::default() };
        }
    }

    /// Keeps those of these ways alone. One that was not there at the last look came with the configuration in force, which has
    /// `begun` then.
    pub fn keep(&mut self, ways: &[Way], begun: Option<Seconds>) {
        let servers: BTreeMap<&str, String> =
            ways.iter().map(|way| (way.table.as_str(), way.server())).collect();
        self.ways.retain(|table, tally| servers.get(table.as_str()) == Some(&tally.server));
        for (table, server) in servers {
            let born = || Tally { server, born: begun, ..Tally::default() };
            self.ways.entry(table.to_owned()).or_insert_with(born);
        }
    }

    /// That of a way.
    pub fn of(&mut self, way: &Way) -> &mut Tally {
        let (tally, server) = (self.ways.entry(way.table.clone()).or_default(), way.server());
        if tally.server != server {
            *tally = Tally { server, ..Tally::default() };
        }
        tally
    }

    /// What is known of a way with its server of now.
    pub fn known(&self, way: &Way) -> Tally {
        let tally = self.ways.get(&way.table).filter(|tally| tally.server == way.server());
        tally.cloned().unwrap_or_default()
    }

    /// Notes an attempt on a way that is not the first relay's. `line` is a part of `block`.
    pub fn tell(
        &mut self,
        (way, other, from): (&Way, Other, Option<&str>),
        attempt: &Attempt,
        time: Seconds,
        (line, block): (&[u8], &[u8]),
        judged: &mut Judged,
    ) {
        if !self.of(way).has_come(time) {
            return;
        }
        let is_sent = attempt.status == Status::Sent;
        let target = attempt.target();
        // All mail of a route is to one domain, whoever sends it.
        let from = from.filter(|_| way.kind == Kind::Account);
        let all = |attempt: &Attempt| said(attempt.pid, &attempt.queue_id, line, block, way.relay());
        match &target {
            _ if attempt.status == Status::Undeliverable => {}
            Some(target) if is_sent && attempt.agent == "smtp" && way.has_fallback(target) => {
                let by = format!("[{}]:{}", target.0, target.2);
                let beside = of_own(way, &all(attempt));
                let text = beside.last().cloned().unwrap_or_default();
                let tally = self.of(way);
                tally.instead += tally.count(&attempt.queue_id);
                // Servers that MX records name put a message off, and nothing tells it from one that is dead.
                if !way.is_by_mx() && (text.is_empty() || judged.stops(&text, other)) {
                    let sender = from.filter(|_| judged.extent(&text) == Some(Extent::Sender));
                    tally.fail(Refused { time, text, beside, by, ..Refused::default() }, sender);
                }
            }
            Some(target) if is_sent && attempt.agent == "smtp" && way.is_at(target) => {
                self.of(way).took(&attempt.queue_id, time, from);
            }
            _ if is_sent || !matches!(attempt.agent.as_str(), "smtp" | "error") => {}
            _ if !way.has_many_servers() && way.is_missed_by(attempt) => {
                let missed = missed((way, other), attempt, &all(attempt), judged);
                if let Some((refused, extent)) = missed {
                    let sender = from.filter(|_| extent == Some(Extent::Sender));
                    self.of(way).fail(Refused { time, ..refused }, sender);
                }
            }
            _ => {}
        }
    }
}

/// Of what smtp(8) said, that which is about the way's own server.
fn of_own(way: &Way, all: &[String]) -> Vec<String> {
    way.relay().of_first(all).cloned().collect()
}

/// A failure on a way that keeps mail from it, and how much; `None`: it is about one message. `all`: what the process said before.
fn missed(
    (way, other): (&Way, Other),
    attempt: &Attempt,
    all: &[String],
    judged: &mut Judged,
) -> Option<(Refused, Option<Extent>)> {
    let last = masked(clipped(attempt.words(), WORDS)).into_owned();
    let beside = of_own(way, all);
    let own = beside.last().filter(|_| !way.relay().is_named_in(&last)).cloned();
    // A fallback relay that refuses the sender ends what its own server only puts off.
    let mut words = own.iter().chain([&last]).filter(|words| !words.is_empty());
    let extent = words.find(|words| judged.stops(words, other)).map(|words| judged.extent(words))?;
    let at = attempt.target().map_or_else(String::new, |(name, _, port)| format!("[{name}]:{port}"));
    let returned = (attempt.status == Status::Bounced).then_some(at);
    Some((Refused { beside, returned, ..Refused::of(way, own.clone(), &last, all) }, extent))
}
