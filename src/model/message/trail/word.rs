//! The word on a message from log and queue together: its end, by an attempt or without one, or a doubt.

use crate::model::inspection::queue::{Addressee, Contents, QueueFile, Recipient};
use crate::model::log::event::plain;
use crate::model::log::{Attempt, Gone, Hop, Status};
use crate::model::message::gap::Gap;

impl Gone {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Expired => "expired, returned to sender",
            Self::Deleted => "taken out of the queue by postsuper",
            Self::Discarded => "discarded by a rule",
            Self::Returned => "returned to sender",
            Self::Refused => "refused by a rule or a milter of this host",
            Self::GivenBack => "given back to the maildrop",
            Self::Requeued => "requeued by postsuper",
            Self::Removed => "removed from the queue",
        }
    }
}

/// Where the message is, according to one attempt.
#[derive(Debug, Clone, PartialEq)]
pub enum Whereabouts {
    /// The relay accepted it.
    Accepted(Attempt),
    /// It was delivered on this host, or discarded.
    StayedHere(Attempt),
    /// Another host than the relay accepted it.
    WentElsewhere(Attempt),
    /// Postfix keeps it and will try again.
    Deferred(Attempt),
    /// Postfix gave up.
    Bounced(Attempt),
}

impl Whereabouts {
    /// The attempt that says so.
    pub fn attempt(&self) -> &Attempt {
        match self {
            Self::Accepted(attempt)
            | Self::StayedHere(attempt)
            | Self::WentElsewhere(attempt)
            | Self::Deferred(attempt)
            | Self::Bounced(attempt) => attempt,
        }
    }
}

/// The word on a message from log and queue together.
#[derive(Debug, Clone, PartialEq)]
pub enum Word {
    /// Nothing yet: not tried, or an attempt is under way.
    Open,
    /// Log and queue agree.
    Said(Whereabouts),
    /// They agree that the message is gone, and that no attempt ended it.
    Gone(Gone),
    /// They contradict each other, as the text says. One of them may be late; if the contradiction stays, somebody other
    /// than Postfix has written to the log.
    Doubt(String),
    /// The log may lack lines of Postfix, so the lines that it has say nothing.
    Incomplete(Gap),
}

impl Word {
    /// The attempt behind this word, if there is one.
    pub fn attempt(&self) -> Option<&Attempt> {
        match self {
            Self::Said(found) => Some(found.attempt()),
            Self::Open | Self::Gone(_) | Self::Doubt(_) | Self::Incomplete(_) => None,
        }
    }
}

/// State of the recipient in the queue: of one address, or of several if it is an alias.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether the file is in the queue.
    pub(super) there: bool,
    /// Whether the file was only seen before cleanup(8) had finished it.
    pub(super) unfinished: bool,
    /// The recipients in the file that `to` stands for; `None` if the finished file was never seen.
    pub(super) ours: Option<Vec<Addressee>>,
    /// Those of them that Postfix still has to deliver to, with the reasons that the queue shows.
    pub(super) waiting: Vec<Recipient>,
    /// The file in the maildrop that has the message.
    given_back: Option<String>,
}

impl Standing {
    /// Takes from the message's queue file the recipients that `to` stands for, with the reasons that the queue shows.
    pub fn new(to: &str, file: &QueueFile, shown: &[Recipient]) -> Self {
        let to = plain(to);
        let is_ours = |one: &&Addressee| [&one.address, &one.original].iter().any(|it| plain(it) == to);
        let ours: Option<Vec<Addressee>> = match &file.contents {
            Some(Contents::Of(all)) => Some(all.iter().filter(is_ours).cloned().collect()),
            Some(Contents::Unfinished) | None => None,
        };
        let reason = |address: &str| {
            let shown = shown.iter().find(|shown| plain(&shown.address) == plain(address));
            shown.map(|shown| shown.reason.clone()).unwrap_or_default()
        };
        let to_do = ours.iter().flatten().filter(|one| file.there && !one.done);
        let waiting =
            to_do.map(|one| Recipient { address: one.address.clone(), reason: reason(&one.address) });
        Self {
            there: file.there,
            unfinished: file.contents == Some(Contents::Unfinished),
            waiting: waiting.collect(),
            given_back: file.given_back.clone(),
            ours,
        }
    }

    /// Whether the queue has nothing left to do for the recipient.
    pub fn is_done(&self) -> bool {
        !self.there || self.ours.is_some() && self.waiting.is_empty()
    }

    /// Whether cleanup(8) still has the message, so that no program has tried it.
    pub fn is_unfinished(&self) -> bool {
        self.there && self.unfinished
    }

    /// The file in the maildrop that has the message, if Postfix gave it back.
    pub fn given_back(&self) -> Option<&str> {
        self.given_back.as_deref()
    }

    /// Whether the file lists this address, written as by `plain`, as one that `to` stands for.
    pub(super) fn lists(&self, address: &str) -> bool {
        self.ours.iter().flatten().any(|one| plain(&one.address) == address)
    }

    /// Addresses of the recipient that were not done when the file disappeared.
    pub(super) fn dropped(&self) -> impl Iterator<Item = String> {
        let ours = || self.ours.iter().flatten().filter(|_| !self.there);
        let is_done = move |one: &&Addressee| {
            ours().any(|other| other.done && plain(&other.address) == plain(&one.address))
        };
        ours().filter(move |one| !is_done(one)).map(|one| plain(&one.address))
    }
}

/// Whether two ends for the recipient mean the same: both accepted, both kept on this host, or both for one reason.
pub(super) fn agree(one: &Whereabouts, other: &Whereabouts) -> bool {
    let is_here = |it: &Whereabouts| matches!(it, Whereabouts::StayedHere(_)) || it.attempt().is_local();
    match (one, other) {
        (Whereabouts::Accepted(_), Whereabouts::Accepted(_)) => true,
        (one, other) if is_here(one) || is_here(other) => is_here(one) && is_here(other),
        (Whereabouts::WentElsewhere(one), Whereabouts::WentElsewhere(other))
        | (Whereabouts::Bounced(one), Whereabouts::Bounced(other)) => {
            one.reason == other.reason && one.relay == other.relay
        }
        _ => false,
    }
}

pub(super) fn whereabouts(attempt: &Attempt, is_relay: impl Fn(&str, &str, u16) -> bool) -> Whereabouts {
    let found = attempt.clone();
    match (attempt.status, &attempt.relay) {
        (Status::Deferred, _) => Whereabouts::Deferred(found),
        (Status::Bounced | Status::Undeliverable, _) => Whereabouts::Bounced(found),
        (Status::Sent, Hop::Host { name, address, port }) if is_relay(name, address, *port) => {
            Whereabouts::Accepted(found)
        }
        (Status::Sent, Hop::Host { .. }) => Whereabouts::WentElsewhere(found),
        (Status::Sent, Hop::None | Hop::Here(_)) => Whereabouts::StayedHere(found),
    }
}

/// The attempt with the reason that the queue shows; of several the last one. It gets the queue's words, which only
/// Postfix can write: a line may differ from them in the parts that are not compared.
pub(super) fn deferred(of_it: &[&Attempt], address: &str, reason: &str) -> Result<Option<Attempt>, String> {
    let mut fitting = of_it.iter().rev().filter(|attempt| is_same_reason(&attempt.reason, reason));
    let (Some(last), others) = (fitting.next(), fitting) else {
        return match of_it.last() {
            // The line is not in the log yet.
            None => Ok(None),
            Some(last) => Err(format!("the log says of {address}: {}; the queue says: {reason}", end(last))),
        };
    };
    let hop = |attempt: &Attempt| match &attempt.relay {
        Hop::Host { name, port, .. } => format!("{name}:{port}"),
        Hop::None => "nobody".into(),
        Hop::Here(agent) => agent.clone(),
    };
    for other in others {
        if hop(other) != hop(last) {
            return Err(format!(
                "the log says of {address} that both {} and {} put it off",
                hop(other),
                hop(last)
            ));
        }
    }
    Ok(Some(Attempt { reason: reason.to_owned(), ..(*last).clone() }))
}

/// Whether the reason in the log is the one that the queue shows. Both come from one text, in which each masks in its
/// own way what is not printable ASCII; and Postfix cuts a line of the log at 2000 bytes (`msg_syslog.c`).
pub(super) fn is_same_reason(logged: &str, shown: &str) -> bool {
    const LONG: usize = 1500;
    let bare =
        |text: &str| -> String { text.chars().filter(|c| c.is_ascii_graphic() && *c != '?').collect() };
    let (logged, shown) = (bare(logged), bare(shown));
    logged == shown || logged.len() >= LONG && shown.starts_with(&logged)
}

/// How an attempt ended, in words.
pub(super) fn end(attempt: &Attempt) -> String {
    let status = match attempt.status {
        Status::Sent => "delivered",
        Status::Deferred => "put off",
        Status::Bounced => "bounced",
        Status::Undeliverable => "undeliverable",
    };
    format!("{status} ({})", attempt.reason)
}
