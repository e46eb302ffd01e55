//! What smtp(8) said of the first relay of the answers before another one took the message: a message that left hides a relay
//! that takes none.

use super::before::Before;
use super::event::host_named;
use super::follow::Follower;
use super::reached::stage_of;
use super::scan::Message;
use super::taken::server;
use crate::model::causes::catalogue::{Stage, Verdict};
use crate::model::causes::{About, Cause};
use crate::model::text::masked;

impl Follower<'_> {
    /// Takes the lines of the process `pid` about this message; `record` is that of its acceptance.
    pub(super) fn fell(&mut self, host: u16, pid: u32, message: Message, record: &[u8], before: Before) {
        if self.question.firsts.is_empty() {
            return;
        }
        let queue_id = String::from_utf8_lossy(message.queue_id);
        let said = self.witness.said(host, pid, &queue_id);
        let legs = self.question.legs_before(said);
        let Some(own) = legs.first().filter(|leg| leg.fallback.is_none()) else { return };
        let first = |words: &str| {
            let (name, ..) = host_named(words)?;
            self.question.firsts.iter().find(|(first, _)| *first == name)
        };
        let Some((_, usual)) = own.evidence.iter().find_map(|words| first(words)).cloned() else { return };
        let Some(words) = own.evidence.first().map(|words| masked(words)) else { return };
        let sender = before.known_sender_of(&queue_id);
        let to = String::from_utf8_lossy(message.to());
        let way = self.question.way.and_then(|way| way(sender.as_deref(), &to));
        let sender = sender.unwrap_or_default();
        let target = host_named(&words);
        let relay = target.as_ref();
        let relay =
            relay.map(|(name, address, port)| (name.as_str(), address.as_str(), port.unwrap_or(usual)));
        let about = About {
            relay,
            sender: &sender,
            host: self.hosts.name(host),
            example: &to,
            agent: "smtp",
            ..About::default()
        };
        let verdict = if words.contains(" said: 5") { Verdict::Refused } else { Verdict::Unreached };
        let otherwise = Cause::unknown(stage_of(&words).unwrap_or(Stage::Connect), verdict);
        let cause = self.question.cause(&own.evidence, &about, Some(otherwise.clone())).unwrap_or(otherwise);
        let group = self.groups.number(host, cause, &words);
        if let Some((name, _, port)) = &target {
            self.groups.at(group, name, port.unwrap_or(usual));
        }
        self.groups.on(group, way);
        let (time, _) = self.when_and_where(record);
        self.groups.tell(group, time);
    }

    /// Takes the record of a message that another host accepted: mail has left by its way, unless another relay took it in the
    /// place of the way's own.
    pub(super) fn left(&mut self, message: Message, record: &[u8], before: Before) {
        let Some((name, address, port)) = server(record) else { return };
        let sender = before.known_sender_of(&String::from_utf8_lossy(message.queue_id));
        let to = String::from_utf8_lossy(message.to());
        let way = self.question.taken(sender.as_deref(), &to, (&name, &address, port));
        if let (Some(way), (Some(time), _)) = (way, self.when_and_where(record)) {
            self.taken.on(way, format!("{name}:{port}"), time);
        }
    }
}
