//! Looks into the mailbox of the sender for the report on a message that came back after the relay had accepted it.

use std::time::Duration;

use super::door::{Door, Looked};
use crate::engine::leaving::calendar;
use crate::model::arrival::fate::Returned;
use crate::model::arrival::folders::{Folder, Kind};
use crate::model::arrival::letter::Sent;
use crate::model::arrival::mailbox::Mailbox;
use crate::model::arrival::returned;
use crate::model::causes::failure::Failure;
use crate::model::log::stamp::Calendar;
use crate::sys::clock;
use crate::sys::imap::{Session, Sought, Trouble};

/// Most messages of one search that are read.
const READ: usize = 5;
/// Longest time for one look: meanwhile nobody looks into the recipient's mailbox.
const PATIENCE: Duration = Duration::from_secs(2);

/// The look into the mailbox of the sender. It begins with the first pause of the look into the recipient's.
pub struct Returns<'a> {
    mailbox: Option<&'a Mailbox>,
    inside: Option<(Session, Vec<Folder>)>,
    /// Why it tells nothing, if so: it is not tried again.
    trouble: Option<Box<Failure>>,
}

impl<'a> Returns<'a> {
    /// The look into the sender's mailbox, if the answers name it beside the recipient's.
    pub fn new(recipient: &'a Mailbox) -> Self {
        Self { mailbox: recipient.sender.as_deref(), inside: None, trouble: None }
    }

    /// Why the message did not arrive, if a report on it has come.
    pub fn look(&mut self, sent: &Sent, to: &str) -> Option<Box<Failure>> {
        if self.trouble.is_some() {
            return None;
        }
        let found = self.found(sent, to);
        found.unwrap_or_else(|trouble| {
            self.trouble = Some(trouble);
            None
        })
    }

    /// What the sender's mailbox says, where no report on the message was found in it.
    pub fn returned(&self) -> Returned {
        match (self.mailbox, &self.trouble) {
            (None, _) => Returned::NotAsked,
            (Some(_), None) => Returned::Nothing,
            (Some(_), Some(trouble)) => Returned::Unknown(trouble.id.clone()),
        }
    }

    fn found(&mut self, sent: &Sent, to: &str) -> Looked<Option<Box<Failure>>> {
        let Some(mailbox) = self.mailbox else { return Ok(None) };
        let door = Door { mailbox, until: clock::now() + PATIENCE, grace: Duration::ZERO };
        let (session, folders) = match &mut self.inside {
            Some(inside) => inside,
            none => none.insert(door.enter()?),
        };
        session.allow(door.until);
        let named = !door.mailbox.folders.is_empty();
        // A report is no matter of a rule: without names, INBOX and the folder for junk are enough.
        let folders =
            folders.iter().filter(|folder| named || matches!(folder.kind, Kind::Inbox | Kind::Junk));
        let calendar = calendar();
        for folder in folders {
            let report = reported(session, folder, sent, to, &calendar);
            match report {
                Ok(None) | Err(Trouble::Refused(_)) => {}
                Ok(Some(failure)) => return Ok(Some(Box::new(failure))),
                Err(other) => return Err(Box::new(door.trouble(&other))),
            }
        }
        Ok(None)
    }
}

/// The report on this message, if it lies in the folder.
fn reported(
    session: &mut Session,
    folder: &Folder,
    sent: &Sent,
    to: &str,
    calendar: &Calendar,
) -> Result<Option<Failure>, Trouble> {
    let open = session.examine(&folder.raw)?;
    for uid in session.search(open, Sought::Mention(&sent.message_id))?.into_iter().rev().take(READ) {
        let bytes = session.message_of(uid)?.unwrap_or_default();
        if let Some(failure) = returned::read(&bytes, sent, to, calendar) {
            return Ok(Some(failure));
        }
    }
    Ok(None)
}
