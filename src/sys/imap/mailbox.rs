//! What is done in a mailbox: its folders are listed, opened read-only and searched, one message is read, or removed.

use std::num::NonZeroU32;
use std::time::Instant;

use imap_codec::imap_types::command::CommandBody;
use imap_codec::imap_types::core::{AString, Literal, NString, Vec1};
use imap_codec::imap_types::fetch::{MessageDataItem, MessageDataItemName};
use imap_codec::imap_types::flag::{Flag, StoreResponse, StoreType};
use imap_codec::imap_types::mailbox::Mailbox;
use imap_codec::imap_types::response::{Capability, Code, Data, Response, Status};
use imap_codec::imap_types::search::SearchKey;

use super::{Done, Session, Trouble, said_bye, unsayable};
use crate::model::arrival::folders::Listed;
use crate::sys::wire::Broken;

/// Most that is fetched of a message, in bytes. The test message has a few thousand, and what is put around it a few more.
const MESSAGE: NonZeroU32 = NonZeroU32::MIN.saturating_add(256 * 1024 - 1);
/// Most folders that are kept of a list.
const FOLDERS: usize = 5000;
/// How many of a folder's messages are searched, the newest. It may have a hundred thousand, and the test message is the newest
/// or soon was.
const NEWEST: u32 = 2000;

/// A folder that is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// Number of its messages.
    pub messages: u32,
    /// UIDs are the same as before as long as this is (RFC 3501 §2.3.1.1).
    pub validity: Option<NonZeroU32>,
}

/// What messages are searched for, by a Message-ID.
#[derive(Debug, Clone, Copy)]
pub enum Sought<'a> {
    /// The message of this id.
    MessageId(&'a str),
    /// Messages that have it anywhere: in a field that refers to it, or in a message that they have with them.
    Mention(&'a str),
}

impl Session {
    /// The folders of the mailbox.
    pub fn list(&mut self) -> Done<Vec<Listed>> {
        let mut all = Vec::new();
        let body = CommandBody::list("", "*").map_err(|_| unsayable())?;
        self.run(body, |data| {
            if let (Data::List { items, delimiter, mailbox }, true) = (data, all.len() < FOLDERS) {
                let raw = match &mailbox {
                    Mailbox::Inbox => b"INBOX".to_vec(),
                    Mailbox::Other(other) => other.as_ref().to_vec(),
                };
                let attributes = items.iter().map(ToString::to_string).collect();
                all.push(Listed { raw, delimiter: delimiter.map(|delimiter| delimiter.inner()), attributes });
            }
        })?;
        Ok(all)
    }

    /// Opens a folder so that nothing in it can change.
    pub fn examine(&mut self, raw: &[u8]) -> Done<Open> {
        let body = CommandBody::examine(folder(raw)?).map_err(|_| unsayable())?;
        self.open(body)
    }

    fn open(&mut self, body: CommandBody<'static>) -> Done<Open> {
        let (mut messages, mut validity) = (0, None);
        self.run_all(body, |response| match response {
            Response::Data(Data::Exists(number)) => messages = number,
            Response::Status(Status::Untagged(status)) => {
                if let Some(Code::UidValidity(value)) = status.code {
                    validity = Some(value);
                }
            }
            _ => {}
        })?;
        Ok(Open { messages, validity })
    }

    /// The UIDs of the newest messages of the open folder that have this in them. Which it is, the message tells.
    pub fn search(&mut self, open: Open, sought: Sought) -> Done<Vec<NonZeroU32>> {
        let Some(first) =
            NonZeroU32::new(open.messages.saturating_sub(NEWEST - 1).max(1)).filter(|_| open.messages > 0)
        else {
            return Ok(Vec::new());
        };
        let text = |text: &str| AString::try_from(text.to_owned()).map_err(|_| unsayable());
        let key = match sought {
            Sought::MessageId(id) => SearchKey::Header(text("Message-ID")?, text(id)?),
            Sought::Mention(id) => SearchKey::Text(text(id)?),
        };
        let newest = SearchKey::SequenceSet((first..).into());
        let criteria = Vec1::try_from(vec![newest, key]).map_err(|_| unsayable())?;
        let mut found = Vec::new();
        self.run(CommandBody::search(None, criteria, true), |data| {
            if let Data::Search(uids) = data {
                found.extend(uids);
            }
        })?;
        Ok(found)
    }

    /// The beginning of a message, which stays unread.
    pub fn message_of(&mut self, uid: NonZeroU32) -> Done<Option<Vec<u8>>> {
        let item = MessageDataItemName::BodyExt { section: None, partial: Some((0, MESSAGE)), peek: true };
        let body =
            CommandBody::fetch(uid, vec![MessageDataItemName::Uid, item], true).map_err(|_| unsayable())?;
        let mut found = None;
        self.run(body, |data| {
            let Data::Fetch { items, .. } = data else { return };
            let is_it = items.as_ref().contains(&MessageDataItem::Uid(uid));
            for item in items {
                if let (MessageDataItem::BodyExt { section: None, data: NString(Some(text)), .. }, true) =
                    (item, is_it)
                {
                    found = Some(text.into_inner().into_owned());
                }
            }
        })?;
        Ok(found)
    }

    /// Waits until something comes into the open folder (IDLE, RFC 2177), or `until`. A server without IDLE is not waited for:
    /// false.
    pub fn idle(&mut self, until: Instant) -> Done<bool> {
        if !self.can(&Capability::Idle) {
            return Ok(false);
        }
        let tag = self.send(CommandBody::Idle)?;
        self.continued(&tag)?;
        loop {
            match self.response(until.min(self.until)) {
                Ok(Response::Status(Status::Bye(bye))) => return Err(said_bye(&bye)),
                Ok(Response::Data(Data::Exists(_) | Data::Recent(_)))
                | Err(Trouble::Broken(Broken::TimedOut)) => break,
                Ok(_) => {}
                Err(other) => return Err(other),
            }
        }
        self.wire.send("DONE", self.until)?;
        self.answered(&tag, self.until, &mut |_| ())?;
        Ok(true)
    }

    /// Whether one message can be removed without others (UIDPLUS, RFC 4315).
    pub fn can_remove(&self) -> bool {
        self.can(&Capability::UidPlus)
    }

    /// Removes one message of a folder, if its UIDs are still those of `before`; false if they are not.
    pub fn remove(&mut self, raw: &[u8], before: Open, uid: NonZeroU32) -> Done<bool> {
        let now = self.open(CommandBody::select(folder(raw)?).map_err(|_| unsayable())?)?;
        if now.validity.is_none() || now.validity != before.validity {
            return Ok(false);
        }
        let mark = CommandBody::store(uid, StoreType::Add, StoreResponse::Silent, vec![Flag::Deleted], true);
        self.run(mark.map_err(|_| unsayable())?, |_| ())?;
        self.run(CommandBody::ExpungeUid { sequence_set: uid.into() }, |_| ())?;
        Ok(true)
    }
}

/// A folder's name as it was listed. It goes as a literal where it cannot stand in quotes.
fn folder(raw: &[u8]) -> Done<Mailbox<'static>> {
    let literal = Literal::try_from(raw.to_vec()).map_err(|_| unsayable())?;
    let text = std::str::from_utf8(raw).ok().and_then(|text| AString::try_from(text.to_owned()).ok());
    Ok(Mailbox::from(text.unwrap_or_else(|| AString::from(literal))))
}
