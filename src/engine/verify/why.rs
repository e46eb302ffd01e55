//! Why the test message failed, or nothing is heard of it: which lines of the log are evidence, and what they decide.

use super::Message;
use crate::engine::observe::observe;
use crate::engine::pursuit::Pursuit;
use crate::engine::{Place, fate};
use crate::error::Result;
use crate::model::causes::catalogue::Verdict;
use crate::model::causes::{Cause, Circumstances, diagnose};
use crate::model::log::Attempt;
use crate::model::message::delivery::Outcome;
use crate::model::message::trail::{Author, Gone};
use crate::model::observed::Queue;
use crate::sys::service;

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

    /// What became of a message that left the queue, and no attempt was its end. The lines beside that explain it.
    pub(super) fn gone(&self, gone: Gone, pursuit: &Pursuit) -> Result<Outcome> {
        let evidence = pursuit.trail().end_evidence();
        let cause = match gone {
            Gone::Refused | Gone::GivenBack => diagnose(&evidence, &self.circumstances()?),
            _ => None,
        };
        let cause = cause.filter(|cause| cause.verdict == Verdict::Unreached);
        Ok(cause.map_or_else(|| fate::gone(gone, &evidence), |cause| Outcome::failed(cause, &evidence)))
    }

    /// Whether master(8) has given up starting a daemon that the message needs, and Postfix alone can have said so. A daemon
    /// that has nothing to do does not run on a healthy host either, so in a file that line explains at the deadline why
    /// nothing was heard, and does not bring the end about: where a transport is really missing, qmgr(8) puts the message
    /// off for it, and the queue shows that.
    pub(super) fn is_throttled(pursuit: &Pursuit) -> bool {
        pursuit.trail().author() == Author::Postfix && pursuit.trail().throttled().is_some()
    }

    /// Whether a daemon does not run that the log says master(8) has given up.
    pub(super) fn misses_daemon(&self, pursuit: &Pursuit) -> bool {
        let queue = Queue::new(&self.postfix.settings);
        pursuit.trail().throttled().is_some_and(|name| !service::runs_daemon(&queue, name))
    }
}
