//! Follows all messages of a log at once, in memory that does not grow with the log. The follower is fed with blocks of
//! whole lines, and remembers the messages that failed and did not get through, grouped by cause.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use super::before::{Before, Tail};
use super::event::{Attempt, Event, Gone, Status, parse_event};
use super::fold::soft;
use super::groups::{Groups, Kind};
use super::hosts::Hosts;
use super::line::{Line, Writer, parse_line};
use super::messages::{Messages, State, earlier, later};
use super::scan::{Accepted, Found, Scanner};
use super::stamp::{Calendar, Seconds};
use super::witness::{ON_THE_WAY, Witness, is_of_transport};
use super::wrap::unwrap;
use crate::model::causes::catalogue::{Stage, Verdict, fitting};
use crate::model::causes::words::Words;
use crate::model::causes::{About, Circumstances, diagnose};
use crate::model::text::masked;

/// Bytes of a line that are read; JSON needs a line that is whole.
const LINE: usize = 64 * 1024;
/// Texts whose cause is remembered.
const KNOWN: usize = 8192;

/// Daemons whose death is trouble even if the catalogue does not know the words. The programs that people run (sendmail,
/// postqueue, postmap …) also end with `fatal:`, because of what somebody typed.
const DAEMONS: [&str; 16] = [
    "anvil",
    "bounce",
    "cleanup",
    "error",
    "lmtp",
    "local",
    "master",
    "pickup",
    "proxymap",
    "qmgr",
    "scache",
    "smtp",
    "smtpd",
    "tlsmgr",
    "trivial-rewrite",
    "virtual",
];

/// The question to a log, and what the caller knows beforehand.
pub struct Question<'a> {
    /// Start time: earlier lines are skipped.
    pub since: Option<Seconds>,
    /// Domains whose mail is to leave this host; a local delivery for one of them is a failure.
    pub elsewhere: Vec<String>,
    /// Returns the facts about the host for a failed attempt.
    pub circumstances: &'a dyn Fn(&About) -> Circumstances,
}

/// Follower of a log, with all that it has seen so far.
pub struct Follower<'a> {
    question: Question<'a>,
    calendar: Calendar,
    scanner: Scanner,
    witness: Witness,
    pub(super) messages: Messages,
    pub(super) groups: Groups,
    pub(super) hosts: Hosts,
    hasher: RandomState,
    /// The group of each text that was met, by the hash of the text; `None` if the text is no trouble.
    known: HashMap<u64, Option<u32>>,
    folded: String,
    tail: Tail,
    pub(super) accepted: u64,
    pub(super) span: (Option<Seconds>, Option<Seconds>),
    pub(super) last_accepted: Option<Seconds>,
    pub(super) postfix_lines: bool,
}

impl<'a> Follower<'a> {
    /// A follower that has read nothing yet.
    pub fn new(question: Question<'a>) -> Self {
        Self {
            question,
            calendar: Calendar::utc(0),
            scanner: Scanner::default(),
            witness: Witness::default(),
            messages: Messages::default(),
            groups: Groups::default(),
            hosts: Hosts::default(),
            hasher: RandomState::new(),
            known: HashMap::new(),
            folded: String::new(),
            tail: Tail::default(),
            accepted: 0,
            span: (None, None),
            last_accepted: None,
            postfix_lines: false,
        }
    }

    /// Begins another file, whose times are read by this calendar. Files come in the order of their lines' times.
    pub fn source(&mut self, calendar: Calendar) {
        self.calendar = calendar;
    }

    /// Takes a block of whole lines.
    pub fn feed(&mut self, block: &[u8]) {
        let first = self.edge(block.split(|c| *c == b'\n').find(|line| !line.is_empty()));
        let last = self.edge(block.rsplit(|c| *c == b'\n').find(|line| !line.is_empty()));
        if let (Some(since), Some(last)) = (self.question.since, last)
            && last < since
        {
            return;
        }
        let begin = first.max(self.question.since.filter(|_| first.is_some()));
        self.span = (earlier(self.span.0, begin), later(self.span.1, last));
        let straddles = matches!((self.question.since, first), (Some(since), Some(first)) if first < since);
        let (scanner, tail) = (std::mem::take(&mut self.scanner), std::mem::take(&mut self.tail));
        let mut last_accepted = None;
        scanner.scan(block, |found| match found {
            Found::Accepted(record) => {
                if !straddles || !self.is_before(record.head) {
                    self.accept(&scanner, record);
                    last_accepted = Some(record.head);
                }
            }
            Found::Line(line, before) => self.line(&scanner, line, tail.before(before)),
        });
        self.scanner = scanner;
        self.tail = tail.then(block);
        if let Some(head) = last_accepted {
            self.last_accepted = later(self.last_accepted, self.edge(Some(head)));
        }
    }

    /// The time of a line. Its host is remembered.
    fn edge(&mut self, line: Option<&[u8]>) -> Option<Seconds> {
        let raw = String::from_utf8_lossy(head_of(line?, LINE));
        let raw = unwrap(&raw);
        let (time, host) = match parse_line(&raw) {
            Some(line) => {
                self.postfix_lines = true;
                line.when_and_where(&self.calendar)
            }
            // A line of another program, or the part of one that was cut before its `]: `.
            None => return self.calendar.read(&raw).map(|(stamp, _)| stamp.time),
        };
        self.hosts.number(host);
        time
    }

    fn is_before(&self, head: &[u8]) -> bool {
        let raw = String::from_utf8_lossy(head);
        let raw = unwrap(&raw);
        let time = parse_line(&raw).and_then(|line| line.when_and_where(&self.calendar).0);
        matches!((self.question.since, time), (Some(since), Some(time)) if time < since)
    }

    fn accept(&mut self, scanner: &Scanner, record: Accepted) {
        self.accepted += 1;
        let Some(message) = scanner.message(record.head) else { return };
        if !self.witness.is_empty()
            && let Some(pid) = message.pid()
        {
            let host = self.host_of(record.head);
            self.witness.forget(host, pid);
        }
        if self.messages.may_have(message.queue_id) {
            self.got_through(self.messages.key(message.queue_id, message.to));
        }
    }

    /// The host of a line. Most logs have only one.
    fn host_of(&mut self, head: &[u8]) -> u16 {
        if let Some(only) = self.hosts.only() {
            return only;
        }
        let raw = String::from_utf8_lossy(head);
        let raw = unwrap(&raw);
        let host = parse_line(&raw).and_then(|line| line.when_and_where(&self.calendar).1);
        self.hosts.number(host)
    }

    fn got_through(&mut self, key: u64) {
        if let Some(group) = self.messages.accepted(key)
            && let Some(group) = self.groups.get_mut(group)
        {
            group.forget(key);
        }
    }

    fn line(&mut self, scanner: &Scanner, line: &[u8], before: Before) {
        let text = String::from_utf8_lossy(head_of(line, LINE));
        let text = unwrap(&text);
        let Some(parsed) = parse_line(&text).or_else(|| Line::of_system(&text)) else { return };
        self.postfix_lines |= !parsed.daemon.is_empty();
        let (time, host) = parsed.when_and_where(&self.calendar);
        if matches!((self.question.since, time), (Some(since), Some(time)) if time < since) {
            return;
        }
        let host = self.hosts.number(host);
        match parse_event(&parsed) {
            Event::Attempt(attempt) if attempt.status == Status::Sent => self.sent(host, &attempt, time),
            Event::Attempt(attempt) => {
                // The queue id and the recipient as they are in the file, as `accept` sees them.
                let key = match scanner.message(line) {
                    Some(message) => self.messages.key(message.queue_id, message.to),
                    None => self.messages.key(attempt.queue_id.as_bytes(), attempt.to.as_bytes()),
                };
                self.failed(host, key, &attempt, before, time);
            }
            Event::Gone { queue_id, gone: Gone::Expired } => self.expired(host, &parsed, &queue_id, time),
            Event::Gone { queue_id, gone: Gone::Deleted } => self.messages.deleted(queue_id.as_bytes()),
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
        let domain = attempt.to.rsplit('@').next().unwrap_or_default();
        let is_elsewhere = self.question.elsewhere.iter().any(|known| known.eq_ignore_ascii_case(domain));
        if attempt.is_local() && is_elsewhere {
            let kind = Kind::stayed(domain);
            let group = self.groups.number(host, kind, &attempt.reason);
            self.messages.failed(key, attempt.queue_id.as_bytes(), group, State::Lost, time);
            if let Some(group) = self.groups.get_mut(group) {
                group.show(key, &attempt.queue_id, &attempt.to, attempt.words());
            }
        }
    }

    fn failed(&mut self, host: u16, key: u64, attempt: &Attempt, before: Before, time: Option<Seconds>) {
        // A bounce that no mailbox here takes is not reported: the message that bounced is itself a failure.
        if attempt.is_local() && before.is_bounce(&attempt.queue_id) {
            return;
        }
        let previous = self.messages.group(key);
        // If qmgr(8) made no attempt, the cause is that of the last one, which is in the table, or was met with these
        // words.
        let words = self.hash(host, &[attempt.words()]);
        let repeated = attempt.is_repeated().then(|| previous.or(self.known.get(&!words).copied().flatten()));
        let group = repeated.flatten().unwrap_or_else(|| self.group_of(host, attempt, before, words));
        // The key is not the hash of the words as evidence: the same words may come with more evidence.
        self.learn(!words, Some(group));
        self.witness.ended(host, attempt.pid, &attempt.queue_id);
        let state = if attempt.status == Status::Deferred { State::Deferred } else { State::Lost };
        self.messages.failed(key, attempt.queue_id.as_bytes(), group, state, time);
        if let Some(previous) = previous.filter(|previous| *previous != group)
            && let Some(previous) = self.groups.get_mut(previous)
        {
            previous.forget(key);
        }
        if let Some(group) = self.groups.get_mut(group) {
            group.show(key, &attempt.queue_id, &attempt.to, attempt.words());
        }
    }

    fn group_of(&mut self, host: u16, attempt: &Attempt, before: Before, words_hash: u64) -> u32 {
        let words = masked(attempt.words());
        let evidence = self.witness.evidence(host, attempt, &words);
        let mut folded = std::mem::take(&mut self.folded);
        let hash = if evidence.len() == 1 {
            words_hash
        } else {
            hash_of(&self.hasher, &mut folded, host, &evidence)
        };
        self.folded = folded;
        if let Some(Some(group)) = self.known.get(&hash) {
            return *group;
        }
        let target = attempt.target();
        let sender = before.sender_of(&attempt.queue_id);
        let about = About {
            relay: target.as_ref().map(|(name, address, port)| (name.as_str(), address.as_str(), *port)),
            sender: &sender,
            // The texts are shown for all messages that fail like this one, so they name no recipient.
            to: "",
            host: self.hosts.name(host),
        };
        let cause = diagnose(&evidence, &(self.question.circumstances)(&about));
        let kind = cause.map_or_else(|| Kind::unknown(attempt), Kind::Known);
        // `unknown mail transport error` says less than the last words of the daemon that died.
        let telling = evidence.last().filter(|_| is_of_transport(&words)).copied().unwrap_or(&words);
        let group = self.groups.number(host, kind, telling);
        if let (Some((name, _, port)), Some(group)) = (target, self.groups.get_mut(group)) {
            group.at(&name, port);
        }
        self.learn(hash, Some(group));
        group
    }

    fn expired(&mut self, host: u16, line: &Line, queue_id: &str, time: Option<Seconds>) {
        let words = line.text.split_once(": ").map_or(line.text, |(_, rest)| rest);
        let about = About { relay: None, sender: "", to: "", host: self.hosts.name(host) };
        let kind = match diagnose(&[words], &(self.question.circumstances)(&about)) {
            Some(cause) => Kind::Known(cause),
            None => Kind::Unknown(Stage::Queue, Verdict::Unreached),
        };
        let group = self.groups.number(host, kind, words);
        self.messages.expired(queue_id.as_bytes(), group, time);
        let key = self.messages.key(queue_id.as_bytes(), b"");
        if let Some(group) = self.groups.get_mut(group) {
            group.show(key, queue_id, "", words);
        }
    }

    /// Takes a line that reports trouble without naming a message.
    fn alone(&mut self, host: u16, line: &Line, time: Option<Seconds>) {
        if !line.is_trouble() {
            return;
        }
        let dies = line.text.starts_with("fatal: ") || line.text.starts_with("panic: ");
        let dies = dies && DAEMONS.contains(&line.daemon);
        let by = match line.writer {
            Writer::System => "system",
            Writer::Daemon if dies => line.daemon,
            Writer::Daemon => "",
        };
        let hash = self.hash(host, &[line.text, by]);
        let group = if let Some(group) = self.known.get(&hash) {
            *group
        } else {
            let group = self.alone_group(host, line, dies);
            self.learn(hash, group);
            group
        };
        if let Some(group) = group.and_then(|group| self.groups.get_mut(group)) {
            group.lines += 1;
            group.told = (earlier(group.told.0, time), later(group.told.1, time));
        }
    }

    fn alone_group(&mut self, host: u16, line: &Line, dies: bool) -> Option<u32> {
        let words = masked(line.text);
        let evidence = [Words::of_line(line, &words)];
        let dies_on_the_way = dies && ON_THE_WAY.contains(&line.daemon);
        let known = dies_on_the_way || fitting(&evidence).any(|entry| entry.alone);
        let about = About { relay: None, sender: "", to: "", host: self.hosts.name(host) };
        let cause = known.then(|| diagnose(&evidence, &(self.question.circumstances)(&about))).flatten();
        let kind = match cause {
            Some(cause) => Kind::Known(cause),
            None if dies => Kind::Unknown(Stage::Queue, Verdict::Unreached),
            None => return None,
        };
        Some(self.groups.number(host, kind, &words))
    }

    fn hash(&mut self, host: u16, texts: &[&str]) -> u64 {
        hash_of(&self.hasher, &mut self.folded, host, texts)
    }

    fn learn(&mut self, hash: u64, group: Option<u32>) {
        if self.known.len() >= KNOWN {
            self.known.clear();
        }
        self.known.insert(hash, group);
    }

    /// The calendar that turns times of this log into words.
    pub fn calendar(&self) -> &Calendar {
        &self.calendar
    }
}

fn hash_of(hasher: &RandomState, folded: &mut String, host: u16, texts: &[&str]) -> u64 {
    folded.clear();
    for text in texts {
        soft(text, folded);
        folded.push('\n');
    }
    hasher.hash_one((host, folded.as_str()))
}

fn head_of(line: &[u8], most: usize) -> &[u8] {
    line.get(..most).unwrap_or(line)
}
