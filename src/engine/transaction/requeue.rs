//! Has mail that waits leave as the tables in force say. A message has in the queue the envelope sender that cleanup(8) gave it, so
//! another relay would be shown a sender of before, and refuse it for good. Postfix puts messages through its address rewriting
//! again (`postsuper -r`): each is moved to the maildrop, from which pickup(8) and cleanup(8) make a new queue file of the same
//! age. Meanwhile main.cf is one by which former senders become the present one and no mail is returned
//! ([`FormerSenders::main_cf`]); like the guarded one it follows from the files of the generation, so no record is needed. Each
//! message is put through once: what Postfix makes of it then is final. As long as one is left, main.cf stays so, and the next
//! command goes on.

use std::collections::HashSet;
use std::time::Duration;

use super::Transaction;
use super::side::{Side, bytes_on};
use crate::engine::queue::list_within;
use crate::engine::{Place, Progress};
use crate::error::{Error, Result};
use crate::model::former_senders::{FormerSenders, SenderTables};
use crate::model::inspection::queue::Waiting;
use crate::model::log::stamp::Calendar;
use crate::model::observed::QueueDirectories;
use crate::model::postfix::maincf::MainCf;
use crate::model::postfix::managed::Managed;
use crate::model::postfix::postmap::MapSource;
use crate::sys::postfix::{self, Instance};
use crate::sys::{clock, daemons, queue_files};

/// What became of the mail that waited with a former sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Requeued {
    /// Messages that went through the tables in force.
    moved: usize,
    /// Messages that did not yet.
    left: usize,
    /// Why it is not known which messages wait.
    unknown: Option<String>,
}

impl Requeued {
    /// Nothing was done, since the queue could not be listed.
    pub(super) fn unlisted(error: &Error) -> Self {
        Self { moved: 0, left: 0, unknown: Some(error.to_string()) }
    }

    /// Whether no such message is left.
    pub(super) fn is_over(&self) -> bool {
        self.left == 0 && self.unknown.is_none()
    }

    /// The words for it.
    pub(super) fn text(&self) -> String {
        let messages = |count: usize| format!("{count} {}", if count == 1 { "message" } else { "messages" });
        let moved = (self.moved > 0).then(|| {
            let have = if self.moved == 1 { "has" } else { "have" };
            format!("{} that waited now {have} the sender of this configuration", messages(self.moved))
        });
        let left = match &self.unknown {
            Some(why) => Some(format!("whether mail waits with a former sender is not known ({why})")),
            None => (self.left > 0).then(|| {
                let has = if self.left == 1 { "has" } else { "have" };
                format!("{} still {has} a former sender", messages(self.left))
            }),
        };
        let left = left.map(|left| {
            left + ", and until they have this one Postfix returns no mail (soft_bounce): the next command of relayhost goes on, \
                    `relayhost recover` say"
        });
        moved.into_iter().chain(left).collect::<Vec<_>>().join("; ")
    }
}

/// The longest time for all messages: pickup(8) and cleanup(8) take about a thousand in a second.
const PATIENCE: Duration = Duration::from_secs(60);
/// What that time is for.
const AWAITED: &str = "Postfix to give the mail in its queue the sender of this configuration";
/// How long a message is left to the delivery agent that has it in hand: longer than smtp(8) waits for a connection by default
/// (smtp_connect_timeout). Then it is put through all the same: should the relay answer after all, the message arrives twice, and
/// is not returned.
const IN_DELIVERY: Duration = Duration::from_secs(35);
/// Time for one listing of the queue, the pause between two looks, and the looks between two words to pickup(8).
const LISTING: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_millis(50);
const LOOKS: usize = 20;

impl Transaction {
    /// The former senders, if this change is about senders and a Postfix runs that has mail.
    pub(super) fn former_senders(&self, side: Side) -> Option<(FormerSenders, QueueDirectories)> {
        let is_about_senders = self.generation.changed_files().contains(&Managed::Senders.name());
        if self.place == Place::Tree || !is_about_senders || !postfix::is_installed() {
            return None;
        }
        let known = self.guard.as_ref().map(|guard| guard.queue.clone());
        let queue = known.or_else(|| super::queue().ok())?;
        if !daemons::master_runs(&queue) || queue_files::is_empty(queue.directory.as_ref()) {
            return None;
        }
        Some((self.senders_of(side), queue))
    }

    fn senders_of(&self, side: Side) -> FormerSenders {
        let table =
            |side, file: Managed| MapSource::new(self.recorded(side, file.name()).unwrap_or_default());
        let tables = |side| SenderTables {
            senders: table(side, Managed::Senders),
            generic: table(side, Managed::Generic),
            accounts: table(side, Managed::Accounts),
        };
        FormerSenders::new(&tables(side.other()), &tables(side))
    }

    /// The bytes of a file on one side of this change. `None`: no file, or its bytes are lost.
    pub(super) fn recorded(&self, side: Side, name: &str) -> Option<Vec<u8>> {
        bytes_on(&self.generation, side, name).ok()?
    }

    /// The form of main.cf that this change has in force while mail is put through the tables of one side.
    pub(super) fn main_cf_meanwhile(&self, side: Side) -> Option<MainCf> {
        let main_cf = MainCf::new(self.recorded(side, Managed::MainCf.name())?);
        Some(self.senders_of(side).main_cf(&main_cf))
    }
}

/// Puts these messages through the tables, each once.
pub(super) fn put_through(
    waiting: Vec<String>,
    queue: &QueueDirectories,
    progress: &mut dyn Progress,
) -> Requeued {
    let (begin, mut moved) = (clock::now(), 0);
    // A run that was stopped has left those in the maildrop.
    let is_dropped = |id: &String| queue_files::is_dropped(&queue.directory, id);
    let (mut dropped, mut open): (Vec<String>, Vec<String>) = waiting.into_iter().partition(is_dropped);
    for look in 0.. {
        if !open.is_empty() {
            let there = queue_files::to_deliver(&queue.directory);
            let in_hand = if begin.elapsed() < IN_DELIVERY { queue_files::in_hand() } else { HashSet::new() };
            open.retain(|id| there.contains_key(id));
            let is_free = |id: &String| there.get(id).is_some_and(|inode| !in_hand.contains(inode));
            let (free, rest): (Vec<String>, Vec<String>) = open.into_iter().partition(is_free);
            open = rest;
            if !free.is_empty() {
                // What it could not move is still where it was.
                let _ = Instance::default().requeue(&free);
                let there = queue_files::to_deliver(&queue.directory);
                let (stayed, gone): (Vec<String>, Vec<String>) =
                    free.into_iter().partition(|id| there.contains_key(id));
                open.extend(stayed);
                dropped.extend(gone);
            }
        }
        let all = dropped.len();
        dropped.retain(is_dropped);
        moved += all - dropped.len();
        if open.is_empty() && dropped.is_empty() {
            break;
        }
        progress.wait(AWAITED, begin.elapsed(), PATIENCE);
        if look % LOOKS == 0 && !dropped.is_empty() {
            let _ = Instance::default().pick_up();
        }
        if begin.elapsed() >= PATIENCE || clock::sleep(TICK).is_err() {
            break;
        }
    }
    Requeued { moved, left: open.len() + dropped.len(), unknown: None }
}

/// The queue ids of the messages of former senders, but for those that somebody holds: postsuper would release them.
pub(super) fn former_mail(former: &FormerSenders) -> Result<Vec<String>> {
    let now = i64::try_from(clock::unix()).unwrap_or_default();
    let calendar = Calendar::new(clock::zone(), now);
    let add = |ids: &mut Vec<String>, message: &Waiting| {
        if !message.held && former.has(&message.sender) {
            ids.push(message.queue_id.clone());
        }
    };
    let (ids, end) = list_within(LISTING, &calendar, Vec::new, add);
    end.map(|()| ids)
}
