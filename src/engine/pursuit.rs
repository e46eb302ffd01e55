//! One message under way: what the log says of it, by who can have written that, and what the queue has of it.

use std::time::Duration;

use crate::error::{Error, Result, TestMessage};
use crate::model::log::stamp::Calendar;
use crate::model::message::trail::{Author, Standing, Trail, Word};
use crate::sys::{clock, log_tail, postfix, signals};

/// How long a line of our own may take from syslog's socket, or postlog(1), to the log.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is looked for.
const TICK: Duration = Duration::from_millis(5);

/// How long the log may take to show a message to a run that a signal is to end.
const UNSEEN_AT_THE_END: Duration = Duration::from_secs(2);

/// What follows one message to one recipient.
pub struct Pursuit {
    log: log_tail::Follower,
    queue_directory: String,
    to: String,
    by_postfix: Trail,
    by_anybody: Trail,
    /// The line of our own that is looked for in the file, until it is there.
    mark: Option<String>,
}

impl Pursuit {
    /// Follows the message with this Message-ID through a log that was opened before it was sent.
    pub fn new(log: log_tail::Follower, queue_directory: &str, message_id: &str, to: &str) -> Self {
        let trail = |author| Trail::new(message_id, to, author);
        let (by_postfix, by_anybody) = (trail(Author::Postfix), trail(Author::Anybody));
        let (to, queue_directory) = (to.to_owned(), queue_directory.to_owned());
        Self { log, queue_directory, to, by_postfix, by_anybody, mark: None }
    }

    /// Reads on. The journal is looked at only now and then, unless `now` is set.
    pub fn read(&mut self, now: bool) -> Result<()> {
        let lines = self.log.lines(now)?;
        lines.postfix.iter().for_each(|line| self.by_postfix.feed(line));
        for line in &lines.anybody {
            self.mark.take_if(|mark| line.contains(mark.as_str()));
            self.by_anybody.feed(line);
        }
        Ok(())
    }

    /// The trail that counts: that of the journal, if Postfix's lines come there.
    pub fn trail(&self) -> &Trail {
        if self.by_postfix.queue_id().is_some() || self.log.is_in_journal() {
            &self.by_postfix
        } else {
            &self.by_anybody
        }
    }

    /// Where the log is, for messages.
    pub fn sources(&self) -> String {
        self.log.sources()
    }

    /// The file that the trail is read from which anybody can write, and how a person writes to it.
    pub fn file(&self) -> (String, &'static str) {
        (self.log.file(), self.log.by_hand())
    }

    /// Those of our recipients that the queue has still to do.
    pub fn standing(&self) -> Result<Standing> {
        let trail = self.trail();
        let Some(queue_id) = trail.queue_id() else { return Ok(Standing::default()) };
        let envelope = postfix::envelope(&self.queue_directory, queue_id)?;
        let shown = if trail.needs_reasons() && !Standing::new(&self.to, &envelope, &[]).is_done() {
            let now = i64::try_from(clock::unix()).unwrap_or_default();
            postfix::waiting(queue_id, &Calendar::new(clock::zone(), now))?
        } else {
            Vec::new()
        };
        Ok(Standing::new(&self.to, &envelope, &shown))
    }

    /// What log and queue come to.
    pub fn word(&self, is_relay: impl Fn(&str, &str, u16) -> bool) -> Word {
        match (self.standing(), self.trail().author()) {
            (Ok(standing), _) => self.trail().word(&standing, is_relay),
            // Then only the log can tell.
            (Err(_), Author::Postfix) => self.trail().word(&Standing::default(), is_relay),
            (Err(error), Author::Anybody) => Word::Doubt(format!("the queue cannot be read: {error}")),
        }
    }

    /// Makes sure that everything that was logged until now has been read: writes a line of our own by the way that
    /// Postfix's lines take, and reads until it is there. False if it does not come. In the journal what was sent is there
    /// at once, and nothing needs to be made sure of.
    pub fn confirm(&mut self) -> Result<bool> {
        if self.trail().author() == Author::Postfix {
            return Ok(true);
        }
        let Ok(mark) = self.log.mark() else { return Ok(false) };
        self.mark = Some(mark);
        let begin = clock::now();
        loop {
            self.read(false)?;
            if self.mark.is_none() {
                // If Postfix's lines come into the journal, so have those that the file had.
                self.read(true)?;
                return Ok(true);
            }
            if begin.elapsed() >= PATIENCE {
                return Ok(false);
            }
            clock::sleep(TICK)?;
        }
    }

    /// A run that a signal ends leaves no test message behind, or says that one may be there.
    pub fn interrupted(&mut self, error: Error) -> Error {
        if error.interruption().is_none() {
            return error;
        }
        let _held = signals::hold();
        let begin = clock::now();
        while self.trail().queue_id().is_none() && begin.elapsed() < UNSEEN_AT_THE_END {
            let _ = self.read(false);
            let _ = clock::sleep(TICK); // signals are held
        }
        let queue_id = self.trail().queue_id().map(str::to_owned);
        let is_done = self.standing().map(|standing| standing.is_done());
        let taken = queue_id
            .as_deref()
            .map(|queue_id| -> Result<bool> { Ok(!is_done? && postfix::delete(queue_id)?) });
        let message = match (taken, queue_id) {
            (Some(Ok(true)), Some(queue_id)) => TestMessage::TakenOut { queue_id },
            (Some(Ok(false)), Some(queue_id)) => TestMessage::Left { queue_id },
            (_, queue_id) => TestMessage::Unknown { queue_id },
        };
        error.interrupted_with(|left| left.message = Some(message))
    }
}
