//! When log and queue are looked at for the test message, and when Postfix is asked to try it again.

use std::time::{Duration, Instant};

use crate::engine::Progress;
use crate::error::Result;
use crate::model::causes::Cause;
use crate::model::log::Attempt;
use crate::sys::clock;
use crate::sys::postfix::Instance;

/// How often the log is read.
pub const TICK: Duration = Duration::from_millis(50);

/// The longest pause between two looks at the queue, which has to be read whole for the reasons of a deferral.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How long log and queue may disagree: a delivery agent logs before it notes in the queue, and syslog may be slow.
const GRACE: Duration = Duration::from_secs(3);

/// How long after an attempt that may succeed later Postfix is asked for another.
const RETRY: Duration = Duration::from_secs(4);

/// How often the queue is looked at for an attempt of which the log does not tell.
const LOOK: Duration = Duration::from_secs(1);

/// The looks at the queue: one soon after each new line of the log, and then fewer and fewer.
pub struct Looks {
    /// Number of lines of the log that tell of the message.
    lines: usize,
    pause: Duration,
    next: Instant,
    /// Since when log and queue disagree, if they do.
    doubted: Option<Instant>,
}

impl Looks {
    pub fn new(begin: Instant) -> Self {
        Self { lines: 0, pause: TICK, next: begin, doubted: None }
    }

    /// Notes how many lines of the log tell of the message by now.
    pub fn heard(&mut self, lines: usize) {
        if lines != self.lines {
            self.lines = lines;
            self.pause = TICK;
            self.at_once();
        }
    }

    /// Whether no line of the log tells of the message.
    pub fn is_silent(&self) -> bool {
        self.lines == 0
    }

    /// Whether the next look is due. Then the one after it is put off.
    pub fn is_due(&mut self) -> bool {
        let is_due = !self.is_silent() && clock::now() >= self.next;
        if is_due {
            self.next = clock::now() + self.pause;
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
        is_due
    }

    /// Has the next look be due at once.
    pub fn at_once(&mut self) {
        self.next = clock::now();
    }

    /// Whether log and queue have disagreed for longer than they may; `disagree`: whether they do now.
    pub fn are_at_odds(&mut self, disagree: bool) -> bool {
        self.doubted = self.doubted.filter(|_| disagree);
        disagree && self.doubted.get_or_insert(clock::now()).elapsed() >= GRACE
    }
}

/// Another attempt of a message that was put off for a reason that may pass (a cause marked `again` in the catalogue, such as
/// greylisting): Postfix itself would come back after five minutes.
#[derive(Default)]
pub struct Retry {
    /// The attempt after which another was asked for.
    after: Option<Attempt>,
    due: Option<Instant>,
    /// When the queue is looked at for an attempt of which the log does not tell.
    look: Option<Instant>,
    /// Whether Postfix was asked since.
    asked: bool,
    /// The cause of which the person was told.
    told: Option<String>,
}

impl Retry {
    /// The attempt after which another was asked for.
    pub fn after(&self) -> Option<&Attempt> {
        self.after.as_ref()
    }

    /// Whether an attempt is no news. Whoever repeats what the queue says, with another number of a process or other delays,
    /// says nothing.
    pub fn is_known(&self, attempt: &Attempt) -> bool {
        let is_same = |known: &Attempt| known == attempt || !self.asked && is_repeated(known, attempt);
        self.after.as_ref().is_some_and(is_same)
    }

    /// Has Postfix be asked for another attempt in a while. One that is due is never put off: any user can write lines that
    /// look like attempts.
    pub fn plan(&mut self, after: Option<Attempt>, cause: Cause, progress: &mut dyn Progress) {
        if self.told.as_ref() != Some(&cause.id) {
            progress.note(&format!("{}; trying again", cause.cause));
            self.told = Some(cause.id);
        }
        let at = clock::now() + RETRY;
        (self.after, self.asked) = (after, false);
        self.due = Some(self.due.map_or(at, |due| due.min(at)));
    }

    /// Asks Postfix for the attempt if it is due, and again later if that one ends without a word in the log. So it does where the
    /// first one has: `is_unheard` says whether the message was put off, and the log does not tell of that. A log loses lines when
    /// it is turned over, and nobody but the relay could say them again.
    pub fn ask_if_due(
        &mut self,
        instance: &Instance,
        queue_id: Option<&str>,
        is_unheard: impl Fn() -> bool,
    ) -> Result<()> {
        let now = clock::now();
        if self.due.is_none() && self.look.is_none_or(|look| now >= look) {
            self.look = Some(now + LOOK);
            self.due = is_unheard().then_some(now + RETRY);
        }
        if let (Some(due), Some(queue_id)) = (self.due, queue_id)
            && now >= due
        {
            instance.retry(queue_id)?;
            self.asked = true;
            self.due = Some(clock::now() + RETRY * 2);
        }
        Ok(())
    }
}

/// Whether two attempts say the same: the reason is what the queue confirms.
pub fn is_repeated(one: &Attempt, other: &Attempt) -> bool {
    one.status == other.status && one.words() == other.words() && one.target() == other.target()
}
