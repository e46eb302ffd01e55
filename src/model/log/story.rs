//! The story of one message: each line of the log about it, in words, and the cause where an attempt failed.

use std::collections::HashMap;
use std::rc::Rc;

use super::Reader;
use super::event::{Attempt, Event, Gone, Hop, Status, parse_event, split_queue_id};
use super::follow::Question;
use super::line::parse_line;
use super::scan::{Found, Scanner};
use super::stamp::{Calendar, Seconds};
use super::witness::Witness;
use super::wrap::unwrap;
use crate::model::causes::{About, Cause};
use crate::model::text::{clipped, domain_of, masked};

/// Steps that are kept: of a message with more, the first and the newest ones.
const STEPS: usize = 400;
/// Steps among which one that happens again is looked for: an attempt at a few addresses.
const CYCLE: usize = 8;
/// Recipients whose state is kept.
const RECIPIENTS: usize = 10_000;
/// Bytes shown of a line.
const WORDS: usize = 2000;

/// Something that happened to the message.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Time of the step.
    pub time: Option<Seconds>,
    /// The step in words.
    pub text: String,
    /// Whether the step is no failure.
    pub good: bool,
    /// The cause, if an attempt failed.
    pub cause: Option<Cause>,
    /// Number of times that it happened.
    pub times: u64,
    /// Time of the last one, if there were several.
    pub last: Option<Seconds>,
}

/// The story of one message.
#[derive(Debug, Default)]
pub struct Story {
    /// The message's queue id.
    pub queue_id: String,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// Number of steps that were left out of the middle.
    pub left_out: usize,
    /// Recipients, and whether the last attempt for each failed.
    open: HashMap<String, bool>,
}

impl Story {
    /// Whether the message did not get through to every recipient, as far as the log tells.
    pub fn has_failed(&self) -> bool {
        if self.open.is_empty() {
            return self.steps.last().is_some_and(|step| !step.good);
        }
        self.open.values().any(|open| *open)
    }
}

/// Reads a log for the story of one message.
#[derive(Default)]
pub struct Narrator<'a> {
    /// The story as far as it was read.
    pub story: Story,
    question: Question<'a>,
    calendar: Calendar,
    scanner: Rc<Scanner>,
    witness: Witness,
    sender: String,
}

impl<'a> Narrator<'a> {
    /// A narrator for the message with this queue id.
    pub fn new(queue_id: &str, question: Question<'a>) -> Self {
        Self {
            story: Story { queue_id: queue_id.to_owned(), ..Story::default() },
            question,
            scanner: Rc::new(Scanner::of_message(queue_id)),
            ..Self::default()
        }
    }
}

impl Reader for Narrator<'_> {
    fn source(&mut self, calendar: Calendar) {
        self.calendar = calendar;
    }

    fn feed(&mut self, block: &[u8]) {
        let scanner = Rc::clone(&self.scanner);
        scanner.scan(block, |found| {
            if let Found::Line(line, _) = found {
                self.line(line);
            }
        });
    }
}

impl Narrator<'_> {
    fn line(&mut self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let text = unwrap(&text);
        let Some(line) = parse_line(&text) else { return };
        let (time, host) = line.when_and_where(&self.calendar);
        if self.question.skips(time) {
            return;
        }
        let event = parse_event(&line);
        let Some((id, rest)) = split_queue_id(line.text) else {
            self.witness.hear(0, &line);
            // `sender non-delivery notification: ID` and the like are in lines of another message.
            return;
        };
        if id != self.story.queue_id {
            if let Event::Attempt(attempt) = event {
                self.witness.ended(0, attempt.pid, id);
            }
            if rest.ends_with(&self.story.queue_id) {
                let text = format!("came of {id}: {}", clipped(rest, WORDS));
                self.tell(Step { time, good: true, text, cause: None, times: 1, last: None });
            }
            return;
        }
        let (good, text, cause) = match event {
            Event::Attempt(attempt) => self.attempt(&attempt, host.unwrap_or_default()),
            Event::Queued { message_id, .. } => {
                (true, format!("was put into the queue; its Message-ID is <{message_id}>"), None)
            }
            Event::Gone { gone: gone @ (Gone::Expired | Gone::Deleted | Gone::Requeued), .. } => {
                let (good, text) = end_in_words(gone);
                (good, text.to_owned(), None)
            }
            Event::Gone { .. } | Event::Other => {
                if let Some(sender) = sender_in(line.daemon, rest) {
                    sender.clone_into(&mut self.sender);
                }
                self.witness.hear(0, &line);
                // Lines of smtp(8) beside the record of an attempt are about a host that it gave up.
                let good = !["smtp", "lmtp"].contains(&line.daemon)
                    && !rest.contains("reject")
                    && !rest.starts_with("warning");
                (good, in_words(line.daemon, rest), None)
            }
        };
        self.tell(Step { time, text, good, cause, times: 1, last: None });
    }

    /// Whether an attempt succeeded, in words, and the cause if it failed.
    fn attempt(&mut self, attempt: &Attempt, host: &str) -> (bool, String, Option<Cause>) {
        let to = if attempt.to.is_empty() { "<>" } else { &attempt.to };
        let words = masked(clipped(attempt.words(), WORDS)).into_owned();
        let hop = match &attempt.relay {
            Hop::Host { name, address, port } => format!("{name}[{address}]:{port}"),
            Hop::Here(agent) => format!("{agent}, on this host"),
            Hop::None => "nobody".into(),
        };
        let text = match (attempt.status, attempt.is_repeated()) {
            (Status::Sent, _) if attempt.is_local() => format!("was delivered to {to} on this host: {words}"),
            (Status::Sent, _) => format!("was accepted by {hop} for {to}: {words}"),
            (Status::Deferred, true) => format!("was not tried for {to}: {words}"),
            (Status::Deferred, false) if attempt.relay == Hop::None => {
                format!("stays in the queue for {to}: {words}")
            }
            (Status::Deferred, false) => format!("stays in the queue for {to}, after {hop}: {words}"),
            (Status::Bounced, _) => format!("was given up for {to}, after {hop}: {words}"),
            (Status::Undeliverable, _) => format!("would be given up for {to}, after {hop}: {words}"),
        };
        let good = attempt.status == Status::Sent;
        let cause = if good { None } else { self.cause(attempt, &words, host) };
        if self.story.open.len() < RECIPIENTS || self.story.open.contains_key(&attempt.to) {
            self.story.open.insert(attempt.to.clone(), !good);
        }
        self.witness.ended(0, attempt.pid, &attempt.queue_id);
        (good, text, cause)
    }

    fn cause(&self, attempt: &Attempt, words: &str, host: &str) -> Option<Cause> {
        let about = About {
            relay: None,
            sender: &self.sender,
            to: &attempt.to,
            host,
            example: attempt.submitted(),
            domain: domain_of(&attempt.to),
            agent: &attempt.agent,
        };
        let legs = self.witness.legs(0, attempt, words, &self.question);
        self.question.cause_at(&legs, attempt, &about, None)
    }

    fn tell(&mut self, step: Step) {
        // An attempt that is made again logs the same few lines again.
        let recent = self.story.steps.iter_mut().rev().take(CYCLE);
        let mut same = recent.filter(|one| one.text == step.text && one.cause == step.cause);
        if let Some(same) = same.next() {
            same.times += 1;
            same.last = step.time;
            return;
        }
        if self.story.steps.len() >= STEPS {
            self.story.steps.remove(STEPS / 2);
            self.story.left_out += 1;
        }
        self.story.steps.push(step);
    }
}

/// The meaning of any other line for the message, in words.
/// The sender in a line of qmgr(8).
fn sender_in<'a>(daemon: &str, rest: &'a str) -> Option<&'a str> {
    rest.strip_prefix("from=<").filter(|_| daemon == "qmgr")?.split('>').next()
}

/// The end of a message as a whole, and whether it is no failure.
fn end_in_words(gone: Gone) -> (bool, &'static str) {
    match gone {
        Gone::Deleted => (true, "was taken out of the queue by an admin"),
        Gone::Requeued => (true, "was requeued, and goes on under another queue id"),
        _ => (false, "was given up and returned to its sender: too long in the queue"),
    }
}

fn in_words(daemon: &str, rest: &str) -> String {
    let rest = masked(clipped(rest, WORDS));
    match daemon {
        "pickup" => format!("was handed in on this host: {rest}"),
        "smtpd" if rest.starts_with("client=") => {
            format!("came over SMTP from {}", rest.trim_start_matches("client="))
        }
        "qmgr" if rest.trim_end() == "removed" => "is done: nothing of it is left in the queue".into(),
        "qmgr" if rest.starts_with("from=") => format!("was taken up by the queue manager: {rest}"),
        "bounce" => match rest.rsplit_once("notification: ") {
            Some((kind, id)) => format!("a notice went out as {id} ({kind}notification)"),
            None => rest.into_owned(),
        },
        _ => format!("{daemon} says: {rest}"),
    }
}
