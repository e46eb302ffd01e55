//! Reads evidence in whatever form people have it: a log in any dress, pieces of one, listings of the queue, bounces, the
//! words of other programs. Each is rewritten as the lines and asides that the readers of a log know. Only for files and
//! pastes: in the host's own log every line is from syslog, and in any other form it could be a forger's.

mod bare;
mod bounce;
mod cut;
mod encoded;
mod exception;
mod fields;
mod join;
mod json;
mod laid_out;
mod listing;
pub mod mailer;
mod network;
mod part;
mod phrase;
mod piece;
mod plain;
mod reply;
mod shell;
mod strip;
mod trace;
mod unexplained;
mod unread;
mod weigh;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use memchr::{memchr, memmem};

use self::bounce::Bounce;
use self::encoded::Encoded;
use self::fields::Fields;
use self::join::Open;
use self::listing::Listing;
use self::mailer::Mailer;
use self::piece::Piece;
use self::trace::Trace;
use self::unread::Unread;
use self::weigh::Waiting;
use super::Reader;
use super::aside::Aside;
use super::stamp::{Calendar, Seconds};
use crate::model::text::{clipped, counted};

/// Bytes at the beginning of a source that are always read line by line. If nearly all of them are lines of syslog, the rest
/// is handed on as it is; otherwise so many more are read.
const CAREFUL: usize = 256 * 1024;
/// One line of another form is allowed among so many lines of a source.
const FEW: u64 = 20;
/// Most bytes of a line that are read.
const LINE: usize = 64 * 1024;
/// Most pieces that wait for the end of the input, and most bytes of them.
const HELD: usize = 1000;
const HELD_BYTES: usize = 1024 * 1024;
/// Most lines of prose beside which any piece counts. In more prose, one line of evidence for each `SHARE` lines of it
/// makes pieces count.
const PROSE: u64 = 20;
const SHARE: u64 = 3;
/// Most lines of an input without any evidence that is read as a sentence that somebody asks about: a paragraph may be a
/// text about mail.
const QUESTION: usize = 1;
/// Lines of prose after which only lines of Postfix are looked for, unless there is much evidence.
const NOISE: u64 = 20_000;

/// What was seen besides lines of Postfix.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Sentences for people, with the number of the source, from 0: the lines that were not read, messages that wait without
    /// a reason.
    pub notes: Vec<(usize, String)>,
    /// Other programs that send mail, whose lines are there.
    pub mailers: BTreeSet<Mailer>,
    /// Whether a listing of the queue told what waits.
    pub queue: bool,
}

/// Reader of any evidence, in front of a reader of logs.
pub struct Paste<'r> {
    inner: &'r mut dyn Reader,
    calendar: Calendar,
    /// Whether the source is read line by line, and what was read of it.
    careful: bool,
    bytes: usize,
    number: u64,
    odd: u64,
    /// The line that the next may continue.
    open: Option<Open>,
    /// A JSON text over several lines, the number of its first, and how often it looked as if it ended.
    json: Option<(String, u64, u8)>,
    fields: Fields,
    listing: Listing,
    bounce: Bounce,
    encoded: Encoded,
    out: Vec<u8>,
    held: Vec<(Piece, Option<Seconds>, u64)>,
    held_bytes: usize,
    prose: u64,
    evidence: u64,
    unread: Unread,
    /// Lines that a terminal has cut off.
    cut: Unread,
    /// The first lines that were not read, with the numbers of their first and last line in the input.
    question: Vec<(String, u64, u64)>,
    /// What a verbose smtp(8) has heard last that refuses, if no record of an attempt came after it.
    heard: Option<Piece>,
    /// What a line says that counts only if no other says more.
    vague: Option<Piece>,
    /// What the lines so far were about, and an exception that waits for one about mail.
    trace: Trace,
    waiting: Option<Waiting>,
    /// Whether the source is a page of HTML: a line began with a tag.
    is_page: bool,
    /// Whether the status of Postfix's unit is being shown, and not another's.
    of_unit: bool,
    sources: usize,
    seen: Seen,
}

impl<'r> Paste<'r> {
    /// A reader that hands on to another.
    pub fn new(inner: &'r mut dyn Reader) -> Self {
        Self {
            inner,
            calendar: Calendar::default(),
            careful: true,
            bytes: 0,
            number: 0,
            odd: 0,
            open: None,
            json: None,
            fields: Fields::default(),
            listing: Listing::default(),
            bounce: Bounce::default(),
            encoded: Encoded::default(),
            out: Vec::new(),
            held: Vec::new(),
            held_bytes: 0,
            prose: 0,
            evidence: 0,
            unread: Unread::default(),
            cut: Unread::default(),
            question: Vec::new(),
            heard: None,
            vague: None,
            trace: Trace::default(),
            waiting: None,
            is_page: false,
            of_unit: false,
            sources: 0,
            seen: Seen::default(),
        }
    }

    /// The number of the source that is being read.
    fn source_number(&self) -> usize {
        self.sources.saturating_sub(1)
    }

    /// Ends the input. Returns what else was seen.
    pub fn end(mut self) -> Seen {
        self.end_source();
        self.seen
    }

    fn end_source(&mut self) {
        self.encoded.end();
        self.decoded();
        self.settle();
        self.give_up_json();
        let last = self.fields.end();
        self.lines(last);
        self.listing.end();
        self.take_listed();
        self.bounce.end(&self.calendar);
        self.take_bounced();
        self.give_up_waiting();
        self.answer();
        self.end_talk();
        let is_evidence = self.is_evidence();
        for (piece, time, number) in std::mem::take(&mut self.held) {
            if is_evidence { self.hand_on(piece, time) } else { self.unread.add(number, number) }
        }
        self.flush();
        let mut notes = Vec::new();
        self.seen.queue |= self.listing.empty || self.listing.untried + self.listing.held > 0;
        if self.listing.empty {
            notes.push("the queue is empty: no message waits on that host".to_owned());
        }
        if self.listing.untried > 0 {
            notes.push(format!(
                "in the queue without a reason: {}, which Postfix has not tried yet, or is trying now",
                counted(self.listing.untried, "message")
            ));
        }
        if self.listing.held > 0 {
            notes.push(format!(
                "on hold, so that Postfix does not try: {}; `postsuper -H ALL` releases all that are",
                counted(self.listing.held, "message")
            ));
        }
        notes.extend(std::mem::take(&mut self.cut).ranges().map(|lines| cut::sentence(&lines)));
        // Most lines of a mail are not part of the bounce, and need not be named as not read.
        if !self.bounce.is_mail {
            notes.extend(std::mem::take(&mut self.unread).sentence());
        }
        let source = self.source_number();
        self.seen.notes.extend(notes.into_iter().map(|note| (source, note)));
        (self.bounce, self.listing, self.unread, self.question) = Default::default();
        (self.trace, self.is_page) = Default::default();
        (self.bytes, self.number, self.odd, self.prose, self.evidence, self.held_bytes) = (0, 0, 0, 0, 0, 0);
        self.careful = true;
    }
}

impl Reader for Paste<'_> {
    fn source(&mut self, calendar: Calendar) {
        self.end_source();
        self.calendar = calendar.clone();
        self.sources += 1;
        self.inner.source(calendar);
    }

    fn feed(&mut self, mut block: &[u8]) {
        while self.careful && !block.is_empty() {
            let (part, rest) = split_at_line(block, CAREFUL);
            self.read_lines(part);
            block = rest;
        }
        if !block.is_empty() {
            self.inner.feed(block);
        }
    }

    fn aside(&mut self, aside: Aside) {
        self.inner.aside(aside);
    }
}

impl Paste<'_> {
    fn read_lines(&mut self, block: &[u8]) {
        let lines = block.split_inclusive(|c| *c == b'\n');
        let mut lines = lines.map(|line| (line, plain::is_plain(line))).peekable();
        while let Some((line, is_plain)) = lines.next() {
            let next_is_plain = lines.peek().is_some_and(|(_, is_plain)| *is_plain);
            if next_is_plain && is_plain && self.is_between() {
                self.number += 1;
                // The record of the attempt says what came of it.
                if self.heard.is_some() && memmem::find(line, b" status=").is_some() {
                    self.heard = None;
                }
                self.out.extend_from_slice(line);
            } else {
                self.line(line.get(..LINE).unwrap_or(line));
            }
        }
        self.bytes += block.len();
        self.flush();
        if self.bytes >= CAREFUL && self.odd.saturating_mul(FEW) < self.number && self.is_between() {
            self.careful = false;
        }
    }

    /// Whether no form is being read that takes several lines.
    fn is_between(&mut self) -> bool {
        if self.json.is_some() || self.encoded.is_open() {
            return false;
        }
        self.settle();
        true
    }

    fn flush(&mut self) {
        if !self.out.is_empty() {
            self.inner.feed(&self.out);
            self.out.clear();
        }
    }

    fn lines(&mut self, lines: impl IntoIterator<Item = String>) {
        for line in lines {
            self.out.extend_from_slice(line.as_bytes());
            self.out.push(b'\n');
        }
    }

    /// Reads a line as it stands in the input.
    fn line(&mut self, raw: &[u8]) {
        self.number += 1;
        let text = strip::strip(raw);
        if !plain::is_plain(raw) && !plain::is_read_anyway(raw, &self.calendar) {
            self.odd += 1;
        }
        let is_encoded = self.encoded.take(&text);
        self.decoded();
        if !is_encoded {
            self.of_page(&text, &String::from_utf8_lossy(raw));
        }
    }

    /// Reads the lines of an encoded part.
    fn decoded(&mut self) {
        let lines = std::mem::take(&mut self.encoded.lines);
        let was_page = std::mem::replace(&mut self.is_page, true);
        for line in lines {
            let line = clipped(&line, LINE);
            self.of_page(&strip::strip(line.as_bytes()), line);
        }
        self.is_page = was_page;
    }

    /// Reads a line that may have tags of HTML in it.
    fn of_page(&mut self, text: &str, raw: &str) {
        self.is_page |= strip::begins_with_tag(text);
        // In a line of a log a stranger may have written them, to begin a line of his own.
        let is_of_log = || {
            let is_stamped = self.calendar.read_any(text.trim_start_matches(['<', '['])).is_some();
            is_stamped || part::find(text).is_some()
        };
        let lines = if self.is_page { strip::without_tags(text).filter(|_| !is_of_log()) } else { None };
        let text = strip::without_last_tags(text);
        match lines {
            Some(lines) => lines.lines().for_each(|line| self.stripped(line, line)),
            None => self.stripped(text, raw),
        }
    }

    fn stripped(&mut self, text: &str, raw: &str) {
        if self.in_json(text) || self.in_other_form(text) {
            return;
        }
        if text.trim().is_empty() {
            self.settle();
            return;
        }
        if self.is_noise() {
            self.settle();
            self.understand(text.trim(), self.number, self.number);
            return;
        }
        if let Some(open) = &mut self.open
            && open.take(text, self.number, raw, &self.calendar)
        {
            return;
        }
        self.settle();
        self.open = Some(Open::new(text.to_owned(), self.number, raw));
    }

    /// Takes a line of a form other than a log's. True if it is part of one.
    fn in_other_form(&mut self, text: &str) -> bool {
        let mut done = Vec::new();
        let is_field = self.fields.take(text, &self.calendar, &mut done);
        for line in done {
            self.understand(&line, self.number, self.number);
        }
        let is_taken =
            is_field || self.listing.take(text, &self.calendar) || self.bounce.take(text, &self.calendar);
        self.take_listed();
        self.take_bounced();
        if is_taken {
            self.settle();
        }
        is_taken
    }

    fn take_listed(&mut self) {
        let lines = std::mem::take(&mut self.listing.lines);
        self.evidence += lines.len() as u64;
        self.lines(lines);
    }

    fn take_bounced(&mut self) {
        for (piece, time) in std::mem::take(&mut self.bounce.pieces) {
            self.evidence += 1;
            self.hand_on(piece, time);
        }
    }

    /// Reads the line that no other has continued.
    fn settle(&mut self) {
        if let Some(Open { text, first, last, .. }) = self.open.take() {
            self.understand(text.trim(), first, last);
        }
    }
}

/// A block in two parts: whole lines of so many bytes or a few more, and the rest.
fn split_at_line(block: &[u8], bytes: usize) -> (&[u8], &[u8]) {
    let end =
        block.get(bytes..).and_then(|rest| memchr(b'\n', rest)).map_or(block.len(), |at| bytes + at + 1);
    block.split_at(end)
}
