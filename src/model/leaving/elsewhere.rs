//! Attempts that say nothing of the first relay: on another way than that of the alerts, or at a fallback relay.

use super::around::sender_of;
use super::record::{Record, Source};
use super::tally::Judged;
use super::ways::Kind;
use crate::model::log::stamp::Seconds;
use crate::model::log::{Attempt, Status};

impl Record {
    /// Notes an attempt that was on another way than that of the alerts; false: it was none. `line` is a part of `block`.
    pub(super) fn tell_elsewhere(
        &mut self,
        attempt: &Attempt,
        time: Seconds,
        (line, block): (&[u8], &[u8]),
        source: &Source,
        judged: &mut Judged,
    ) -> bool {
        if !source.alerts.have_other_ways() {
            return false;
        }
        let from = sender_of(&attempt.queue_id, line, block);
        let Some(other) = source.alerts.other_way(from.as_deref(), &attempt.to) else { return false };
        let is_former = Some(time) < self.begun;
        let way = source.alerts.ways.get(other.at);
        if let Some(way) = way.filter(|way| !is_former || way.is_itself_tried(attempt)) {
            self.counted.tell((way, other, from.as_deref()), attempt, time, (line, block), judged);
        }
        self.count_fallback(attempt, time, source);
        self.gone(&attempt.queue_id);
        true
    }

    /// Counts a message that a fallback relay took, whosever it was.
    pub(super) fn count_fallback(&mut self, attempt: &Attempt, time: Seconds, source: &Source) {
        let target = attempt.target().filter(|_| attempt.status == Status::Sent && attempt.agent == "smtp");
        let Some(target) = target.filter(|target| source.relay.has_fallback(target)) else { return };
        let mut all = source.alerts.ways.iter().filter(|way| way.kind == Kind::Fallback);
        if let Some(way) = all.find(|way| way.is_itself(&target)) {
            self.counted.of(way).took(&attempt.queue_id, time, None);
        }
    }
}
