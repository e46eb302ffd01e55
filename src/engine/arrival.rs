//! Looks for the test message in the mailbox of its recipient, from the relay's acceptance until the deadline. One connection,
//! one login; the mailbox is opened read-only, unless the answers ask that the message be removed.

mod door;
mod returns;

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use door::{Door, Looked};
use returns::Returns;

use super::{End, Progress};
use crate::error::{Result, TestMessage, human};
use crate::model::arrival::fate::Returned;
use crate::model::arrival::folders::{Folder, Kind};
use crate::model::arrival::letter::{Letter, Sent};
use crate::model::arrival::mailbox::Mailbox;
use crate::model::arrival::{Arrival, Seen, fate};
use crate::model::causes::failure::Failure;
use crate::model::desired::Desired;
use crate::model::message::delivery::{Delivery, Outcome};
use crate::model::text;
use crate::sys::imap::{Open, Session, Sought, Trouble};
use crate::sys::{clock, signals};

/// The least time for the look: the relay may have taken nearly all of it.
const LEAST: Duration = Duration::from_secs(10);
/// How long a command may go on that began before the end.
const GRACE: Duration = Duration::from_secs(5);
/// The pause after which the other folders are looked into again, at first and at most; INBOX is watched meanwhile.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(10)];
/// The pause between two looks where the server cannot tell of what comes.
const POLL: Duration = Duration::from_secs(1);
/// Most messages of one search that are read.
const READ: usize = 5;

/// Adds to a message that the relay accepted whether it arrives, if the answers name the mailbox of its recipient. `begin` is
/// the moment of its submission. Somebody who ends the look does not undo what the relay has confirmed, unless the answers
/// require the arrival.
pub fn followed(
    mut delivery: Delivery,
    desired: &Desired,
    begin: Instant,
    deadline: Duration,
    progress: &mut dyn Progress,
) -> Result<Delivery> {
    let (Some(mailbox), Some(sent)) = (mailbox_of(&delivery, desired), delivery.sent.clone()) else {
        return Ok(delivery);
    };
    let stage = clock::now();
    progress.begin("arrival");
    let until = (begin + deadline).max(stage + LEAST);
    let door = Door { mailbox, until, grace: GRACE };
    let look = Look { door, sent, to: &delivery.to, from: &delivery.from, begin, stage };
    let arrival = look.arrival(progress);
    if let Err(ended) = cut_off(&delivery) {
        progress.end(End::Open, "cut off", stage.elapsed());
        return if mailbox.required { Err(ended) } else { Ok(delivery) };
    }
    let end = if arrival.failure.is_none() { End::Good } else { End::Bad };
    progress.end(end, &arrival.in_short(), stage.elapsed());
    delivery.arrival = Some(arrival);
    Ok(delivery)
}

/// The mailbox that is looked into for this message: the relay has accepted it, and it is its recipient's.
fn mailbox_of<'a>(delivery: &Delivery, desired: &'a Desired) -> Option<&'a Mailbox> {
    let is_accepted = matches!(delivery.outcome, Outcome::Accepted { .. });
    let is_theirs = desired.verify.to.as_ref() == Some(&delivery.to);
    desired.verify.arrival.as_deref().filter(|_| is_accepted && is_theirs)
}

/// Ends the run if a signal has cut the look off. One that comes after the relay's word, where nobody looks, changes nothing.
pub fn heed(delivery: &Delivery, desired: &Desired) -> Result<()> {
    let is_cut_off = delivery.arrival.is_none() && mailbox_of(delivery, desired).is_some();
    if is_cut_off { cut_off(delivery) } else { Ok(()) }
}

/// The signal that has ended the look for this message, as an error.
fn cut_off(delivery: &Delivery) -> Result<()> {
    let taken = || TestMessage::Taken(delivery.queue_id.clone());
    signals::check().map_err(|ended| ended.interrupted_with(|left| left.message = Some(taken())))
}

/// The look into a mailbox.
struct Look<'a> {
    door: Door<'a>,
    sent: Sent,
    to: &'a str,
    from: &'a str,
    begin: Instant,
    stage: Instant,
}

/// A message that was found.
struct Found<'a> {
    folder: &'a Folder,
    open: Open,
    uid: NonZeroU32,
    letter: Letter,
}

impl Look<'_> {
    fn arrival(&self, progress: &mut dyn Progress) -> Arrival {
        let required = self.door.mailbox.required;
        match self.seen(progress) {
            Err(failure) => Arrival { seen: None, failure: Some(*failure), required },
            Ok(seen) => {
                let failure = (seen.kind == Kind::Junk).then(|| fate::in_junk(&seen, self.to));
                Arrival { seen: Some(Box::new(seen)), failure, required }
            }
        }
    }

    fn seen(&self, progress: &mut dyn Progress) -> Looked<Seen> {
        self.wait("the mailbox", progress);
        let (mut session, folders) = self.door.enter()?;
        let mut returns = Returns::new(self.door.mailbox);
        let found = self.find(&mut session, &folders, &mut returns, progress)?;
        let after = self.begin.elapsed();
        let is_own = |found: &&Found| found.folder.kind != Kind::All;
        let copies = found.iter().filter(is_own).count().max(1);
        let removed = self.door.mailbox.remove.then(|| remove(&mut session, &found));
        session.close();
        let best = found.into_iter().min_by_key(|found| found.folder.kind);
        let Some(Found { folder, letter, .. }) = best else {
            return Err(self.not_arrived(&folders, &returns.returned()).into());
        };
        Ok(Seen { folder: folder.name.clone(), kind: folder.kind, copies, after, letter, removed })
    }

    /// Says what the stage waits for.
    fn wait(&self, what: &str, progress: &mut dyn Progress) {
        progress.wait(what, self.stage.elapsed(), self.door.until.saturating_duration_since(self.stage));
    }

    /// Looks until the message is there or the time is over. The first folder, INBOX as a rule, is looked into first and last
    /// in each round, and stays open while relayhost waits, so that nothing comes in between.
    fn find<'f>(
        &self,
        session: &mut Session,
        folders: &'f [Folder],
        returns: &mut Returns<'_>,
        progress: &mut dyn Progress,
    ) -> Looked<Vec<Found<'f>>> {
        let Some((first, others)) = folders.split_first() else { return Ok(Vec::new()) };
        let mut pause = PAUSES[0];
        loop {
            let is_last = clock::now() >= self.door.until;
            let mut found = self.look_into(session, first)?;
            // A second copy may lie in the folder for junk; a round through all would only take time.
            let is_there = !found.is_empty();
            for folder in others.iter().filter(|folder| !is_there || folder.kind == Kind::Junk) {
                found.extend(self.look_into(session, folder)?);
            }
            if !is_there {
                found.extend(self.look_into(session, first)?);
            }
            if !found.is_empty() {
                return Ok(found);
            }
            if let Some(failure) = returns.look(&self.sent, self.to) {
                return Err(failure);
            }
            // A look into the sender's mailbox takes time too: the recipient's is looked into once more after the last one.
            if is_last {
                return Ok(found);
            }
            self.wait("the message in the mailbox", progress);
            let next = self.door.until.min(clock::now() + pause);
            if !session.idle(next).map_err(|trouble| self.door.trouble(&trouble))? {
                let interrupted = clock::sleep(POLL.min(next.saturating_duration_since(clock::now())));
                interrupted.map_err(|_| self.not_arrived(folders, &returns.returned()))?;
            }
            pause = (pause * 2).min(PAUSES[1]);
        }
    }

    /// The message in one folder. A folder that the server does not open has none.
    fn look_into<'f>(&self, session: &mut Session, folder: &'f Folder) -> Looked<Vec<Found<'f>>> {
        let mut found = Vec::new();
        let mut look = || {
            let open = session.examine(&folder.raw)?;
            for uid in session.search(open, Sought::MessageId(&self.sent.message_id))?.into_iter().take(READ)
            {
                let bytes = session.message_of(uid)?.unwrap_or_default();
                let letter = Letter::read(&bytes, &self.sent);
                found.extend(letter.map(|letter| Found { folder, open, uid, letter }));
            }
            Ok(())
        };
        match look() {
            Ok(()) | Err(Trouble::Refused(_)) => Ok(found),
            Err(other) => Err(self.door.trouble(&other).into()),
        }
    }

    fn not_arrived(&self, folders: &[Folder], returned: &Returned) -> Failure {
        let names: Vec<String> = folders.iter().map(|folder| folder.name.clone()).collect();
        fate::not_arrived(self.to, self.from, &names, &human(self.begin.elapsed()), returned)
    }
}

/// Removes the message, each copy by its UID. The error is a clause for a person.
fn remove(session: &mut Session, found: &[Found]) -> std::result::Result<(), String> {
    if !session.can_remove() {
        return Err("the server cannot remove one message without others (no UIDPLUS)".into());
    }
    for Found { folder, open, uid, .. } in found {
        match session.remove(&folder.raw, *open, *uid) {
            Ok(true) => {}
            Ok(false) => return Err(format!("the folder {} was made anew meanwhile", folder.name)),
            Err(Trouble::Refused(words)) => {
                return Err(format!("the server refused that: {}", text::plain(&words)));
            }
            Err(_) => return Err("the connection broke".into()),
        }
    }
    Ok(())
}
