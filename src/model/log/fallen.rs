//! What smtp(8) said of the first relay of the answers before another one took the message: a message that left hides a relay
//! that takes none.

use super::event::{host_named, split_queue_id};
use super::follow::Follower;
use super::reached::{furthest, stage_of};
use crate::model::causes::catalogue::{Stage, Verdict};
use crate::model::causes::{About, Cause};
use crate::model::text::masked;

impl Follower<'_> {
    /// Takes the lines of the process `pid` about this message; `record` is that of its acceptance.
    pub(super) fn fell(&mut self, host: u16, pid: u32, queue_id: &[u8], record: &[u8]) {
        let Some((first, usual)) = self.question.first.clone() else { return };
        let queue_id = String::from_utf8_lossy(queue_id);
        let said = self.witness.said(host, pid, &queue_id);
        let all: Vec<&str> = said.map(|line| split_queue_id(line).map_or(line, |(_, words)| words)).collect();
        let is_first = |words: &&&str| host_named(words).is_some_and(|(name, ..)| name == first);
        let Some(words) = all.iter().rev().find(is_first) else { return };
        let words = masked(words).into_owned();
        let evidence = furthest(&words, all.iter().copied());
        let target = host_named(&words);
        let relay = target.as_ref();
        let relay =
            relay.map(|(name, address, port)| (name.as_str(), address.as_str(), port.unwrap_or(usual)));
        let about = About { relay, host: self.hosts.name(host), agent: "smtp", ..About::default() };
        let verdict = if words.contains(" said: 5") { Verdict::Refused } else { Verdict::Unreached };
        let otherwise = Cause::unknown(stage_of(&words).unwrap_or(Stage::Connect), verdict);
        let cause = self.question.cause(&evidence, &about, Some(otherwise.clone())).unwrap_or(otherwise);
        let group = self.groups.number(host, cause, &words);
        let (time, _) = self.when_and_where(record);
        self.groups.tell(group, time);
    }
}
