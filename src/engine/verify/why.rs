//! Why the test message failed, or nothing is heard of it: which lines of the log are evidence, and what they decide.

use std::time::Instant;

use super::{GRACE, Message};
use crate::engine::Place;
use crate::engine::observe::observe;
use crate::engine::pursuit::Pursuit;
use crate::error::Result;
use crate::model::causes::catalogue::Verdict;
use crate::model::causes::{Cause, Circumstances, diagnose};
use crate::model::log::Attempt;
use crate::model::message::trail::Author;
use crate::model::observed::Queue;
use crate::sys::{clock, service};

impl Message<'_> {
    /// Why an attempt failed. Its reason is confirmed. Where anybody can write to the log, the lines beside it are not: they may
    /// explain more, and change neither whose fault it is nor whether the same attempt may succeed later.
    pub(super) fn cause(
        &self,
        attempt: &Attempt,
        evidence: &[&str],
        pursuit: &Pursuit,
    ) -> Result<Option<Cause>> {
        let circumstances = self.circumstances()?;
        let full = diagnose(evidence, &circumstances);
        if pursuit.trail().author() == Author::Postfix {
            return Ok(full);
        }
        let alone = diagnose(evidence.get(..1).unwrap_or_default(), &circumstances);
        let unknown = if attempt.is_refusal() { Verdict::Refused } else { Verdict::Unreached };
        let (verdict, again) = alone.as_ref().map_or((unknown, false), |cause| (cause.verdict, cause.again));
        Ok(match full {
            // Less than the reason says does no harm: any user can prevent a verdict anyway.
            Some(full) if full.again == again && full.verdict == Verdict::Unreached => Some(full),
            Some(full) => Some(Cause { verdict, again, ..full }),
            None => alone,
        })
    }

    /// Why no attempt has ended. Where anybody can write to the log, dead daemons are a cause only if one does not run.
    pub(super) fn cause_of_silence(&self, evidence: &[&str], pursuit: &Pursuit) -> Result<Option<Cause>> {
        let is_known = pursuit.trail().author() == Author::Postfix || self.misses_daemon(pursuit);
        let cause = diagnose(evidence, &self.circumstances()?);
        Ok(cause.filter(|cause| is_known && cause.verdict == Verdict::Unreached))
    }

    /// The host is looked at anew: it may have changed since the plan, and that may be the cause.
    pub(super) fn circumstances(&self) -> Result<Circumstances> {
        let now = observe(self.desired, Place::Host)?;
        Ok(Circumstances::new(self.desired, &now, &self.from, &self.request.to))
    }

    /// Whether master(8) has given up starting a daemon that the message needs. Where anybody can write that, the daemon
    /// has not to run either, for a while.
    pub(super) fn is_throttled(&self, pursuit: &Pursuit, since: &mut Option<Instant>) -> bool {
        if pursuit.trail().author() == Author::Postfix {
            return pursuit.trail().throttled().is_some();
        }
        if !self.misses_daemon(pursuit) {
            *since = None;
            return false;
        }
        since.get_or_insert(clock::now()).elapsed() >= GRACE
    }

    /// Whether a daemon does not run that the log says master(8) has given up.
    pub(super) fn misses_daemon(&self, pursuit: &Pursuit) -> bool {
        let queue = Queue::new(&self.postfix.settings);
        pursuit.trail().throttled().is_some_and(|name| !service::runs_daemon(&queue, name))
    }
}
