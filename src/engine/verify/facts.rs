//! Facts about the host that the verdict on the test message goes by: settings anew, and daemons that do not run.

use std::time::Instant;

use super::{GRACE, Message};
use crate::engine::Place;
use crate::engine::observe::observe;
use crate::engine::pursuit::Pursuit;
use crate::error::Result;
use crate::model::causes::Circumstances;
use crate::model::message::trail::Author;
use crate::model::observed::Queue;
use crate::sys::{clock, service};

impl Message<'_> {
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
