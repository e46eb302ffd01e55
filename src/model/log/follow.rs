//! Follows all messages of a log at once, in memory that does not grow with the log. The follower is fed with blocks of
//! whole lines, and remembers the messages that failed and did not get through, grouped by cause.

use std::rc::Rc;

use super::Reader;
use super::aside::Aside;
use super::before::{Before, Tail};
use super::event::{Attempt, Event, Gone, Status, host_named, parse_event};
use super::groups::{Groups, stayed, unknown, unknown_in_queue};
use super::hosts::Hosts;
use super::known::Known;
use super::line::{Line, Writer, parse_line};
use super::messages::{Ended, Messages, State, earlier, later};
pub use super::question::{Question, WayOf};
use super::reached::stage_of;
use super::scan::{Found, Scanner};
use super::sentences::verdict_after;
use super::stamp::{Calendar, Seconds};
use super::taken::LastTaken;
use super::witness::{ON_THE_WAY, Witness, is_of_transport, killed};
use super::wrap::unwrap;
use crate::model::causes::catalogue::{Verdict, fitting};
use crate::model::causes::words::Words;
use crate::model::causes::{About, Basis, Cause};
use crate::model::text::{domain_of, masked};

/// Bytes of a line that are read; JSON needs a line that is whole.
const LINE: usize = 64 * 1024;

/// Daemons whose death is trouble even if the catalogue does not know the words. The programs that people run (sendmail,
/// postqueue, postmap …) also end with `fatal:`, because of what somebody typed.
/// Those on the way of an outgoing message are in `ON_THE_WAY`.
const BESIDE_THE_WAY: [&str; 7] = ["anvil", "bounce", "master", "scache", "smtpd", "tlsmgr", "virtual"];

/// Follower of a log, with all that it has seen so far.
#[derive(Default)]
pub struct Follower<'a> {
    pub(super) question: Question<'a>,
    calendar: Calendar,
    scanner: Rc<Scanner>,
    pub(super) witness: Witness,
    pub(super) messages: Messages,
    pub(super) groups: Groups,
    pub(super) hosts: Hosts,
    known: Known,
    tail: Tail,
    pub(super) accepted: u64,
    pub(super) span: (Option<Seconds>, Option<Seconds>),
    pub(super) taken: LastTaken,
    pub(super) postfix_lines: bool,
}

impl<'a> Follower<'a> {
    /// A follower that has read nothing yet.
    pub fn new(question: Question<'a>) -> Self {
        Self { question, ..Self::default() }
    }
}

impl Reader for Follower<'_> {
    fn source(&mut self, calendar: Calendar) {
        self.calendar = calendar;
    }

    fn feed(&mut self, block: &[u8]) {
        let first = self.edge(block.split(|c| *c == b'\n').find(|line| !line.is_empty()));
        let last = self.edge(block.rsplit(|c| *c == b'\n').find(|line| !line.is_empty()));
        if self.question.skips(last) {
            return;
        }
        let begin = first.max(self.question.since.filter(|_| first.is_some()));
        // A listing of the queue is in no order of time.
        let (earliest, latest) = (earlier(begin, last), later(begin, last));
        self.span = (earlier(self.span.0, earliest), later(self.span.1, latest));
        let straddles = self.question.skips(first);
        let (scanner, tail) = (Rc::clone(&self.scanner), std::mem::take(&mut self.tail));
        let mut last_accepted = None;
        scanner.scan(block, |found| match found {
            Found::Accepted(record, rest) => {
                let is_early = straddles && self.question.skips(self.when_and_where(record).0);
                if !is_early {
                    self.accept(&scanner, record, rest, tail.before(text_before(rest, block)));
                    last_accepted = Some(record);
                }
            }
            Found::Line(line, before) => self.line(&scanner, line, tail.before(before)),
        });
        self.tail = tail.then(block);
        if let Some(head) = last_accepted
            && let Some(time) = self.edge(Some(head))
        {
            self.taken.add(head, time);
        }
    }

    fn aside(&mut self, aside: Aside) {
        let Aside { attempt, cause, text, time } = aside;
        if self.question.skips(time) {
            return;
        }
        let host = self.hosts.only().unwrap_or_default();
        let group = if let Some(cause) = cause {
            self.groups.number(host, cause, attempt.words())
        } else {
            self.group_of(host, &attempt, None, Before { here: b"", earlier: b"" })
        };
        if let Some(text) = text {
            self.groups.written(group, &text);
        }
        self.groups.tell(group, time);
    }
}

impl Follower<'_> {
    /// The time of a line. Its host is remembered.
    fn edge(&mut self, line: Option<&[u8]>) -> Option<Seconds> {
        let raw = String::from_utf8_lossy(head_of(line?, LINE));
        let raw = unwrap(&raw);
        let Some(line) = parse_line(&raw) else {
            // It may be a line of another program, or the part of one that was cut before its `]: `.
            return self.calendar.read(&raw).map(|(stamp, _)| stamp.time);
        };
        self.postfix_lines = true;
        let (time, host) = line.when_and_where(&self.calendar);
        self.hosts.number(host);
        time
    }

    /// Time and host of the record of an accepted message.
    pub(super) fn when_and_where(&self, record: &[u8]) -> (Option<Seconds>, Option<String>) {
        let raw = String::from_utf8_lossy(record);
        let raw = unwrap(&raw);
        let (time, host) =
            parse_line(&raw).map(|line| line.when_and_where(&self.calendar)).unwrap_or_default();
        (time, host.map(str::to_owned))
    }

    /// Takes the record of an accepted message; `rest` is the text from its line on.
    fn accept(&mut self, scanner: &Scanner, record: &[u8], rest: &[u8], before: Before) {
        self.accepted += 1;
        let Some(message) = scanner.message(record) else { return };
        if !self.witness.is_empty()
            && let Some(pid) = message.pid().or_else(|| pid_of(rest))
        {
            // Most logs have only one host.
            let host = self.hosts.only().unwrap_or_else(|| {
                let (_, host) = self.when_and_where(record);
                self.hosts.number(host.as_deref())
            });
            self.fell(host, pid, message, record, before);
            self.witness.forget(host, pid);
        }
        if self.groups.have_ways {
            self.left(message, record, before);
        }
        if self.messages.may_have(message.queue_id) {
            self.got_through(self.messages.key(message.queue_id, message.to()));
        }
    }

    fn got_through(&mut self, key: u64) {
        if let Some(group) = self.messages.accepted(key) {
            self.groups.forget(group, key);
        }
    }

    fn line(&mut self, scanner: &Scanner, line: &[u8], before: Before) {
        let text = String::from_utf8_lossy(head_of(line, LINE));
        let text = unwrap(&text);
        let Some(parsed) = parse_line(&text).or_else(|| Line::of_system(&text)) else { return };
        self.postfix_lines |= !parsed.daemon.is_empty();
        let (time, host) = parsed.when_and_where(&self.calendar);
        if self.question.skips(time) {
            return;
        }
        let host = self.hosts.number(host);
        match parse_event(&parsed) {
            Event::Attempt(attempt) if attempt.status == Status::Sent => self.sent(host, &attempt, time),
            Event::Attempt(attempt) => {
                // The queue id and the recipient as they are in the file, as `accept` sees them.
                let key = match scanner.message(line) {
                    Some(message) => self.messages.key(message.queue_id, message.to()),
                    None => self.messages.key(attempt.queue_id.as_bytes(), attempt.to.as_bytes()),
                };
                self.failed(host, key, &attempt, before, time);
            }
            Event::Gone { queue_id, gone: Gone::Expired } => self.expired(host, &parsed, &queue_id, time),
            Event::Gone { queue_id, gone: Gone::Deleted } => {
                self.messages.ended(queue_id.as_bytes(), Ended::Deleted);
            }
            Event::Gone { queue_id, gone: Gone::Requeued } => {
                self.messages.ended(queue_id.as_bytes(), Ended::Requeued);
            }
            Event::Queued { .. } => {}
            Event::Gone { .. } | Event::Other => {
                self.witness.hear(host, &parsed);
                self.alone(host, &parsed, time);
            }
        }
    }

    /// Takes a delivery that no other host accepted: to a mailbox on this host.
    fn sent(&mut self, host: u16, attempt: &Attempt, time: Option<Seconds>) {
        let key = self.messages.key(attempt.queue_id.as_bytes(), attempt.to.as_bytes());
        self.got_through(key);
        let domain = domain_of(attempt.submitted());
        let is_elsewhere = self.question.elsewhere.iter().any(|known| known.eq_ignore_ascii_case(domain));
        if attempt.is_local() && is_elsewhere {
            let about =
                About { host: self.hosts.name(host), example: attempt.submitted(), ..About::default() };
            let cause = (self.question.circumstances)(&about).explained(stayed(domain));
            let group = self.groups.number(host, cause, &attempt.reason);
            self.count(group, key, attempt, time);
        }
    }

    /// Counts an attempt under the group of its cause.
    fn count(&mut self, group: u32, key: u64, attempt: &Attempt, time: Option<Seconds>) {
        let state = if attempt.status == Status::Deferred { State::Deferred } else { State::Lost };
        self.messages.failed(key, attempt.queue_id.as_bytes(), group, state, time);
        self.groups.show(group, key, &attempt.queue_id, &attempt.to, attempt.words());
    }

    fn failed(&mut self, host: u16, key: u64, attempt: &Attempt, before: Before, time: Option<Seconds>) {
        // A bounce that no mailbox here takes is not reported: the message that bounced is itself a failure.
        if attempt.is_local() && before.is_bounce(&attempt.queue_id) {
            return;
        }
        // smtpd(8) probes addresses that strangers name; what `sendmail -bv` was asked to probe has another sender.
        if attempt.status == Status::Undeliverable && before.is_probe(&attempt.queue_id) {
            return;
        }
        let previous = self.messages.group(key);
        // If qmgr(8) made no attempt, the cause is that of the last one, which is in the table, or was met with these
        // words.
        let way = self.way_of(attempt, before);
        let words = self.known.hash(host, &[attempt.words(), &format!("{way:?}")]);
        let met = self.known.group(!words);
        let repeated = attempt.is_repeated().then(|| previous.or(met));
        let group = repeated.flatten().unwrap_or_else(|| self.group_of(host, attempt, way, before));
        // The key is not the hash of the words as evidence: the same words may come with more evidence.
        self.known.learn(!words, Some(group));
        self.witness.ended(host, attempt.pid, &attempt.queue_id);
        if let Some(previous) = previous {
            self.groups.forget(previous, key);
        }
        self.count(group, key, attempt, time);
    }

    /// The way of a message, where mail of this host takes several.
    fn way_of(&self, attempt: &Attempt, before: Before) -> Option<usize> {
        self.question.way?(before.known_sender_of(&attempt.queue_id).as_deref(), &attempt.to)
    }

    fn group_of(&mut self, host: u16, attempt: &Attempt, way: Option<usize>, before: Before) -> u32 {
        let words = masked(attempt.words());
        let legs = self.witness.legs(host, attempt, &words, &self.question);
        let evidence: Vec<&str> = legs.iter().flat_map(|leg| leg.evidence.iter().copied()).collect();
        let telling = evidence.first().copied().unwrap_or(&words);
        let target = legs.first().and_then(|leg| self.question.target_of(leg, attempt));
        let domain = domain_of(&attempt.to);
        // What the cause may depend on, beside the words.
        let key = {
            let port = target.as_ref().map_or(0, |(_, _, port)| *port);
            let names_recipient = telling.contains(&format!("name={domain} "));
            format!("{} {port} {names_recipient} {way:?}", attempt.agent)
        };
        let hash = self.known.hash(host, &[evidence.as_slice(), &[&key]].concat());
        if let Some(group) = self.known.group(hash) {
            return group;
        }
        let sender = before.sender_of(&attempt.queue_id);
        let about = About {
            relay: None,
            sender: &sender,
            // The texts are shown for all messages that fail like this one, so they name no recipient.
            to: "",
            host: self.hosts.name(host),
            example: attempt.submitted(),
            domain,
            agent: &attempt.agent,
        };
        let otherwise = unknown(attempt);
        let mut cause = self.question.cause_at(&legs, attempt, &about, Some(&otherwise)).unwrap_or(otherwise);
        // The words are of another program: that they are about the relay is a conclusion.
        if attempt.agent.is_empty() && cause.basis == Basis::Postfix {
            cause.basis = Basis::Inferred;
        }
        // `unknown mail transport error` says less than the last words of the daemon that died.
        let telling = evidence.last().filter(|_| is_of_transport(&words)).copied().unwrap_or(telling);
        let group = self.groups.number(host, cause, telling);
        // Of a fallback relay nothing says that the failure of the message's own server is over.
        if let Some((name, _, port)) =
            target.filter(|_| legs.first().is_some_and(|leg| leg.fallback.is_none()))
        {
            self.groups.at(group, &name, port);
        }
        self.groups.on(group, way);
        self.known.learn(hash, Some(group));
        group
    }

    /// What is left open at the end of the log, by the host: the cause of lines that no record of an attempt follows, and
    /// the words that name it.
    pub(super) fn open(&self) -> Vec<(u16, Cause, &str)> {
        let mut all = Vec::new();
        for (host, mut evidence) in self.witness.open() {
            let Some(words) = evidence.first().copied() else { continue };
            evidence.extend(verdict_after(words));
            let target = host_named(words);
            let relay = target.as_ref();
            let relay =
                relay.and_then(|(name, address, port)| Some((name.as_str(), address.as_str(), (*port)?)));
            let about = About { relay, host: self.hosts.name(host), ..About::default() };
            // What a relay said was no success, whether or not the catalogue knows the words.
            let refused = stage_of(words).filter(|_| words.contains(" said: 5"));
            let otherwise = refused.map(|stage| Cause::unknown(stage, Verdict::Refused));
            let cause = self.question.cause(&evidence, &about, otherwise);
            all.extend(cause.map(|cause| (host, cause, words)));
        }
        all.sort_by(|one, other| (one.0, &one.1.id, one.2).cmp(&(other.0, &other.1.id, other.2)));
        all
    }

    fn expired(&mut self, host: u16, line: &Line, queue_id: &str, time: Option<Seconds>) {
        let words = line.text.split_once(": ").map_or(line.text, |(_, rest)| rest);
        let about = About { host: self.hosts.name(host), ..About::default() };
        let cause = self.question.cause(&[words], &about, None).unwrap_or_else(unknown_in_queue);
        let group = self.groups.number(host, cause, words);
        self.messages.ended(queue_id.as_bytes(), Ended::Expired(group, time));
        let key = self.messages.key(queue_id.as_bytes(), b"");
        self.groups.show(group, key, queue_id, "", words);
    }

    /// Takes a line that reports trouble without naming a message.
    fn alone(&mut self, host: u16, line: &Line, time: Option<Seconds>) {
        if !line.is_trouble() {
            return;
        }
        let is_daemon = ON_THE_WAY.contains(&line.daemon) || BESIDE_THE_WAY.contains(&line.daemon);
        let dies = is_daemon && line.is_last_word();
        let by = match line.writer {
            Writer::System => "system",
            Writer::Daemon if dies => line.daemon,
            Writer::Daemon => "",
        };
        let hash = self.known.hash(host, &[line.text, by]);
        if !self.known.has(hash) {
            let group = self.alone_group(host, line, dies);
            self.known.learn(hash, group);
        }
        let group = self.known.group(hash);
        if let Some(group) = group {
            self.groups.tell(group, time);
        }
    }

    fn alone_group(&mut self, host: u16, line: &Line, dies: bool) -> Option<u32> {
        let words = masked(line.text);
        let mut evidence = vec![Words::of_line(line, &words)];
        let dies_on_the_way = dies && ON_THE_WAY.contains(&line.daemon);
        let known = dies_on_the_way || fitting(&evidence).any(|entry| entry.alone);
        // What a process complained of tells more than that a signal killed it.
        let complaints = killed(line).into_iter().flat_map(|pid| self.witness.said(host, pid, ""));
        evidence.extend(complaints.map(Words::from));
        let about = About { host: self.hosts.name(host), ..About::default() };
        let cause = known.then(|| self.question.cause(&evidence, &about, None)).flatten();
        let cause = cause.or_else(|| dies.then(unknown_in_queue))?;
        Some(self.groups.number(host, cause, &words))
    }
}

/// What is in a block before the text that begins with the line of a record.
fn text_before<'b>(rest: &[u8], block: &'b [u8]) -> &'b [u8] {
    let end = (rest.as_ptr() as usize).checked_sub(block.as_ptr() as usize);
    end.and_then(|end| block.get(..end)).unwrap_or_default()
}

/// The process that wrote the first line of a text, whatever is around that line.
fn pid_of(text: &[u8]) -> Option<u32> {
    let line = head_of(text.split(|c| *c == b'\n').next()?, LINE);
    let line = String::from_utf8_lossy(line);
    parse_line(&unwrap(&line)).map(|line| line.pid)
}

fn head_of(line: &[u8], most: usize) -> &[u8] {
    line.get(..most).unwrap_or(line)
}
