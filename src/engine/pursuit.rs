//! One message under way: its lines in the log, by the author who can have written them, and its state in the queue.

use std::collections::BTreeMap;
use std::fs::File;
use std::time::Duration;

use crate::error::{Error, Result, TestMessage};
use crate::model::inspection::queue::{Contents, QueueFile};
use crate::model::log::stamp::Calendar;
use crate::model::message::delivery::InQueue;
use crate::model::message::trail::{Author, Standing, Trail, Word};
use crate::sys::postfix::Instance;
use crate::sys::{clock, log_tail, queue_files, signals};

/// Longest time that a line of relayhost's own takes from syslog's socket, or postlog(1), to the log.
const PATIENCE: Duration = Duration::from_secs(5);
/// The pause between two looks for it.
const TICK: Duration = Duration::from_millis(5);

/// Longest time that the log may take to show a message when a signal is to end the run.
const UNSEEN_AT_THE_END: Duration = Duration::from_secs(2);

/// Lines that are kept about messages that Postfix made of the one that is followed. A message has a few.
const ONWARD: usize = 1000;

/// What was heard of the messages that Postfix made of one.
#[derive(Default)]
struct Onward {
    /// Lines that name one of them, by who can have written them.
    lines: Vec<(Author, String)>,
    /// Their queue files, opened while they were there.
    files: BTreeMap<String, File>,
}

impl Onward {
    /// Takes a line of the log. `trail` knows the queue ids that were logged with the Message-ID.
    fn hear(&mut self, line: &str, author: Author, trail: &Trail, queue_directory: &str) {
        let Some(queue_id) = trail.others().find(|id| line.contains(id)) else { return };
        if self.lines.len() < ONWARD {
            self.lines.push((author, line.to_owned()));
        }
        if !self.files.contains_key(queue_id)
            && let Some(file) = queue_files::open_queued(queue_directory, queue_id)
        {
            self.files.insert(queue_id.to_owned(), file);
        }
    }
}

/// A follower of one message to one recipient.
pub struct Pursuit {
    log: log_tail::Follower,
    instance: Instance,
    queue_directory: String,
    message_id: String,
    to: String,
    /// The queue file, opened while it was there.
    file: Option<File>,
    by_postfix: Trail,
    by_anybody: Trail,
    /// The messages that Postfix made of this one, if they are to be followed.
    onward: Onward,
    /// The line of relayhost's own that is looked for in the file, until it is there.
    mark: Option<String>,
}

impl Pursuit {
    /// Follows the message with this Message-ID through a log that was opened before it was sent.
    /// `instance`: the Postfix that has it.
    pub fn new(
        log: log_tail::Follower,
        instance: Instance,
        queue_directory: &str,
        message_id: &str,
        to: &str,
    ) -> Self {
        let trail = |author| Trail::new(message_id, to, author);
        let (by_postfix, by_anybody) = (trail(Author::Postfix), trail(Author::Anybody));
        Self {
            log,
            instance,
            queue_directory: queue_directory.to_owned(),
            message_id: message_id.to_owned(),
            to: to.to_owned(),
            file: None,
            by_postfix,
            by_anybody,
            onward: Onward::default(),
            mark: None,
        }
    }

    /// Reads on. The journal is looked at only now and then, unless `now` is set.
    pub fn read(&mut self, now: bool) -> Result<()> {
        let lines = self.log.lines(now)?;
        for line in &lines.postfix {
            self.by_postfix.feed(line);
            self.onward.hear(line, Author::Postfix, &self.by_postfix, &self.queue_directory);
        }
        for line in &lines.anybody {
            self.mark.take_if(|mark| line.contains(mark.as_str()));
            self.by_anybody.feed(line);
            self.onward.hear(line, Author::Anybody, &self.by_anybody, &self.queue_directory);
        }
        if let Some(gap) = self.log.gap() {
            self.by_anybody.miss(gap);
        }
        if let (None, Some(queue_id)) = (&self.file, self.trail().queue_id()) {
            self.file = queue_files::open_queued(&self.queue_directory, queue_id);
        }
        Ok(())
    }

    /// Goes on with the message of this queue id, which Postfix has made of this one: the trail is that of the new one.
    pub fn go_on(&mut self, queue_id: &str) {
        let author = self.trail().author();
        let mut trail = Trail::of_queued(&self.message_id, &self.to, author, queue_id);
        self.onward.lines.iter().filter(|(by, _)| *by == author).for_each(|(_, line)| trail.feed(line));
        let none = |author| Trail::new(&self.message_id, &self.to, author);
        (self.by_postfix, self.by_anybody) = match author {
            Author::Postfix => (trail, none(Author::Anybody)),
            Author::Anybody => (none(Author::Postfix), trail),
        };
        let opened = self.onward.files.remove(queue_id);
        self.file = opened.or_else(|| queue_files::open_queued(&self.queue_directory, queue_id));
    }

    /// The trail that counts: that of the journal, if Postfix's lines arrive there.
    pub fn trail(&self) -> &Trail {
        if self.by_postfix.queue_id().is_some() || self.log.is_in_journal() {
            &self.by_postfix
        } else {
            &self.by_anybody
        }
    }

    /// Whether the queue file was there in time to be opened.
    pub fn has_file(&self) -> bool {
        self.file.is_some()
    }

    /// The places of the log, for messages.
    pub fn sources(&self) -> String {
        self.log.sources()
    }

    /// The file that anybody can write, from which the trail is read, and the command by which a person writes to it.
    pub fn file(&self) -> (String, &'static str) {
        (self.log.file(), self.log.by_hand())
    }

    /// The state of the message in the queue for its recipient.
    pub fn standing(&self) -> Result<Standing> {
        let trail = self.trail();
        let Some(queue_id) = trail.queue_id() else { return Ok(Standing::default()) };
        // Looks for the file before it reads: the last contents of a file that has gone count.
        let there = queue_files::is_queued(&self.queue_directory, queue_id);
        let contents = self.file.as_ref().map(queue_files::contents).transpose()?;
        let mut file = QueueFile { there, contents, given_back: None };
        let has_ended = matches!(&file.contents, Some(Contents::Of(all)) if all.iter().all(|one| one.done));
        if !there && !has_ended {
            file.given_back = self.dropped()?;
        }
        let shown = if trail.needs_reasons() && !Standing::new(&self.to, &file, &[]).is_done() {
            let now = i64::try_from(clock::unix()).unwrap_or_default();
            self.instance.waiting(queue_id, &Calendar::new(clock::zone(), now))?
        } else {
            Vec::new()
        };
        Ok(Standing::new(&self.to, &file, &shown))
    }

    /// Whether an attempt is over, after which Postfix has put the message off.
    pub fn is_deferred(&self) -> bool {
        let queue_id = self.trail().queue_id();
        queue_id.is_some_and(|queue_id| queue_files::is_deferred(&self.queue_directory, queue_id))
    }

    /// The file in the maildrop that has the message, if no daemon has taken it out of there.
    pub fn dropped(&self) -> Result<Option<String>> {
        queue_files::in_maildrop(&self.queue_directory, &self.message_id)
    }

    /// Takes the message out of the queue, or of the maildrop that Postfix gave it back to, if the message waits
    /// there for its recipient. postsuper(1) takes no file that cleanup(8) has not finished.
    pub fn take_out(&self) -> Result<InQueue> {
        let Some(queue_id) = self.trail().queue_id() else {
            return Ok(match self.dropped() {
                Ok(Some(name)) if self.instance.delete_dropped(&name)? => InQueue::TakenOut,
                Ok(None) => InQueue::Nothing,
                // Any user can put more files there than can be looked at.
                Ok(Some(_)) | Err(_) => InQueue::Left,
            });
        };
        let standing = self.standing()?;
        let is_taken = match standing.given_back() {
            Some(name) => self.instance.delete_dropped(name)?,
            None if !standing.is_done() => self.instance.delete(queue_id)?,
            None => return Ok(InQueue::Nothing),
        };
        if is_taken {
            return Ok(InQueue::TakenOut);
        }
        Ok(if self.standing()?.is_done() { InQueue::Nothing } else { InQueue::Left })
    }

    /// The verdict on the message by log and queue.
    pub fn word(&self, is_relay: impl Fn(&str, &str, u16) -> bool) -> Word {
        match (self.standing(), self.trail().author()) {
            (Ok(standing), _) => self.trail().word(&standing, is_relay),
            // Without the queue, only the log can tell.
            (Err(_), Author::Postfix) => self.trail().word(&Standing::default(), is_relay),
            (Err(error), Author::Anybody) => Word::Doubt(format!("the queue cannot be read: {error}")),
        }
    }

    /// Makes sure that everything that was logged until now has been read: writes a line of relayhost's own by the
    /// way that Postfix's lines take, and reads until it is there. False if it does not arrive. The journal has every
    /// line at once, so it needs no such line.
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
                // If Postfix's lines go into the journal, it has those of the file by now.
                self.read(true)?;
                return Ok(true);
            }
            if begin.elapsed() >= PATIENCE {
                return Ok(false);
            }
            clock::sleep(TICK)?;
        }
    }

    /// Takes the test message out of the queue when a signal ends the run, or has the error say that it may be there.
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
        let taken = queue_id.as_deref().map(|_| self.take_out());
        let message = match (taken, queue_id) {
            (Some(Ok(InQueue::TakenOut)), Some(id)) => TestMessage::TakenOut(id),
            (Some(Ok(InQueue::Nothing)), Some(id)) => TestMessage::Left(id),
            (_, id) => TestMessage::Unknown(id),
        };
        error.interrupted_with(|left| left.message = Some(message))
    }
}
