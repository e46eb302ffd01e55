//! Facts about the host that the verdict on the test message goes by: settings anew, and daemons that do not run.

use super::Message;
use crate::engine::Place;
use crate::engine::observe::observe;
use crate::engine::pursuit::Pursuit;
use crate::error::{Result, human};
use crate::model::causes::catalogue::Verdict;
use crate::model::causes::failure::Failure;
use crate::model::causes::{Circumstances, diagnose};
use crate::model::log::Gone;
use crate::model::message::delivery::Outcome;
use crate::model::message::fate;
use crate::model::message::trail::Author;
use crate::model::observed::QueueDirectories;
use crate::sys::daemons;

impl Message<'_> {
    /// The host is looked at anew: it may have changed since the plan, and that may be the cause.
    pub(super) fn circumstances(&self) -> Result<Circumstances> {
        let now = observe(self.desired, Place::Host)?;
        Ok(Circumstances::new(self.desired, &now, &self.from, &self.request.to))
    }

    /// The outcome of a message that left the queue although no attempt was its end, with the lines that explain it.
    pub(super) fn gone(&self, gone: Gone, pursuit: &Pursuit) -> Result<Outcome> {
        let evidence = pursuit.trail().end_evidence();
        let cause = match gone {
            Gone::Refused | Gone::GivenBack => self.unreached(&evidence)?,
            _ => None,
        };
        Ok(cause.unwrap_or_else(|| fate::gone(gone, &evidence)))
    }

    /// The outcome of a message of which the log has no queue id. That it is in the maildrop is certain; the lines of a log
    /// that anybody can write explain it, and change nothing in the verdict.
    pub(super) fn unseen(&self, pursuit: &Pursuit, evidence: &[&str]) -> Result<Outcome> {
        let waited = human(self.begin.elapsed());
        // Any user can put more files into the maildrop than can be looked at: then nothing is known of it.
        if !matches!(pursuit.dropped(), Ok(Some(_))) {
            return Ok(fate::not_queued(&pursuit.sources(), &waited, self.postfix, evidence));
        }
        let evidence = pursuit.trail().intake_evidence();
        Ok(self.unreached(&evidence)?.unwrap_or_else(|| fate::stays_in_maildrop(&waited, &evidence)))
    }

    /// The failure that these lines tell of a message that no relay was asked to take.
    fn unreached(&self, evidence: &[&str]) -> Result<Option<Outcome>> {
        let cause = diagnose(evidence, &self.circumstances()?);
        let cause = cause.filter(|cause| cause.verdict == Verdict::Unreached);
        let lines = || evidence.iter().map(ToString::to_string).collect();
        Ok(cause.map(|cause| Outcome::Failed(Failure::of(cause, lines()))))
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
        let queue = QueueDirectories::new(&self.postfix.settings);
        pursuit.trail().throttled().is_some_and(|name| !daemons::runs_daemon(&queue, name))
    }
}
