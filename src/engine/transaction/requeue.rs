//! Has mail that waits leave as the tables in force say. A message has in the queue the envelope sender that cleanup(8) gave it, so
//! another relay would be shown a sender of before, and refuse it for good. Postfix puts messages through its address rewriting
//! again (`postsuper -r`): each is moved to the maildrop, from which pickup(8) and cleanup(8) make a new queue file of the same
//! age. Meanwhile main.cf is one by which former senders become the present one and no mail is returned
//! ([`FormerSenders::main_cf`]); like the guarded one it follows from the files of the generation, so no record is needed.

use std::time::Duration;

use super::Transaction;
use crate::engine::Place;
use crate::engine::queue::list_within;
use crate::model::former_senders::{FormerSenders, SenderTables};
use crate::model::inspection::queue::Waiting;
use crate::model::log::stamp::Calendar;
use crate::model::observed::QueueDirectories;
use crate::model::postfix::maincf::MainCf;
use crate::model::postfix::managed::Managed;
use crate::model::postfix::postmap::MapSource;
use crate::sys::postfix::{self, Instance};
use crate::sys::{clock, daemons, queue_files, state};

/// Which files of a change are in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// Those from before it.
    Before,
    /// Its own.
    After,
}

impl Side {
    fn other(self) -> Self {
        if self == Self::Before { Self::After } else { Self::Before }
    }

    fn name(self) -> &'static str {
        if self == Self::Before { "before" } else { "after" }
    }
}

/// What became of the mail that waited with a former sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Requeued {
    /// Messages that got the sender that the tables in force say.
    moved: usize,
    /// Messages that still have another.
    left: usize,
}

impl Requeued {
    /// The words for it.
    pub(super) fn text(self) -> String {
        let messages = |count: usize| format!("{count} {}", if count == 1 { "message" } else { "messages" });
        let mut text =
            format!("{} that waited now have the sender of this configuration", messages(self.moved));
        if self.left > 0 {
            text += &format!(
                "; {} could not get it, and a relay may refuse the sender: `postqueue -p` shows them",
                messages(self.left)
            );
        }
        text
    }
}

/// The longest time for all messages: pickup(8) and cleanup(8) take about a thousand in a second.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time for one listing of the queue, and the pause between two looks.
const LISTING: Duration = Duration::from_secs(10);
const TICK: Duration = Duration::from_millis(50);

impl Transaction {
    /// The former senders, if this change is about senders and a Postfix runs that has mail.
    pub(super) fn former_senders(&self, side: Side) -> Option<(FormerSenders, QueueDirectories)> {
        let is_about_senders = self.generation.changed_files().contains(&Managed::Senders.name());
        if self.place == Place::Tree || !is_about_senders || !postfix::is_installed() {
            return None;
        }
        let queue = super::queue().ok()?;
        if !daemons::master_runs(&queue) || queue_files::is_empty(queue.directory.as_ref()) {
            return None;
        }
        let has_inline = postfix::table_types().is_ok_and(|types| types.iter().any(|kind| kind == "inline"));
        Some((self.senders_of(side, has_inline), queue))
    }

    fn senders_of(&self, side: Side, has_inline: bool) -> FormerSenders {
        let table =
            |side, file: Managed| MapSource::new(self.recorded(side, file.name()).unwrap_or_default());
        let tables = |side| SenderTables {
            senders: table(side, Managed::Senders),
            generic: table(side, Managed::Generic),
            accounts: table(side, Managed::Accounts),
        };
        FormerSenders::new(&tables(side.other()), &tables(side), has_inline)
    }

    /// The bytes of a file on one side of this change. `None`: no file, or its bytes are lost.
    pub(super) fn recorded(&self, side: Side, name: &str) -> Option<Vec<u8>> {
        let change = self.generation.files.get(name)?;
        let before = change.before.as_ref().map(|inode| &inode.sha256);
        let wanted = if side == Side::Before { before } else { change.after.as_ref() };
        wanted?;
        // Of a file that stays there are only the bytes of before.
        let side = if wanted == before { Side::Before } else { side };
        state::blob(self.generation.number, &format!("{}/{name}", side.name())).ok()?
    }

    /// The form of main.cf that this change has in force while mail is put through the tables of one side.
    pub(super) fn main_cf_meanwhile(&self, side: Side) -> Option<MainCf> {
        let main_cf = MainCf::new(self.recorded(side, Managed::MainCf.name())?);
        Some(self.senders_of(side, true).main_cf(&main_cf))
    }
}

/// Puts messages through the tables until none has a former sender.
pub(super) fn put_through(former: &FormerSenders, queue: &QueueDirectories) -> Requeued {
    let (begin, mut moved) = (clock::now(), 0);
    // Waits a moment; false once the time is over, or a signal has come.
    let wait = || begin.elapsed() < PATIENCE && clock::sleep(TICK).is_ok();
    loop {
        let open = former_mail(former);
        if open.is_empty() || !wait() {
            return Requeued { moved, left: open.len() };
        }
        // Those that are being delivered are left to that: a copy of one would arrive, too.
        let free = queue_files::without_deliveries(&queue.directory, open);
        if free.is_empty() {
            continue;
        }
        if Instance::default().requeue(&free).is_err() {
            return Requeued { moved, left: free.len() };
        }
        while queue_files::are_dropped(&queue.directory, &free) && wait() {}
        moved += free.len();
    }
}

/// The queue ids of the messages of former senders, but for those that somebody holds: postsuper would release them.
pub(super) fn former_mail(former: &FormerSenders) -> Vec<String> {
    let now = i64::try_from(clock::unix()).unwrap_or_default();
    let calendar = Calendar::new(clock::zone(), now);
    let add = |ids: &mut Vec<String>, message: &Waiting| {
        if !message.held && former.has(&message.sender) {
            ids.push(message.queue_id.clone());
        }
    };
    list_within(LISTING, &calendar, Vec::new, add).0
}
