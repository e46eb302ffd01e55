//! Says what a whole line is, and judges whether a piece counts: a text about mail has the same words as evidence, among
//! much prose.

use super::piece::{self, Piece};
use super::trace::NEAR;
use super::unread::Unread;
use super::{
    HELD, HELD_BYTES, NOISE, PROSE, Paste, QUESTION, SHARE, bare, cut, exception, mailer, network, part,
    phrase, reply, shell, unexplained,
};
use crate::model::log::aside::Aside;
use crate::model::log::event::Attempt;
use crate::model::log::line::Line;
use crate::model::log::stamp::Seconds;

/// What is said of a failure in the words of a program that talks to a relay itself.
const OF_PROGRAM: &str = "another program than Postfix wrote that, and talks to the relay itself: mend it in that program's own settings; \
     or have it hand its mail to Postfix (localhost, port 25, without login and TLS), which relayhost sets up";

/// An exception of which it is not known yet whether it is about mail.
#[derive(Debug)]
pub struct Waiting {
    text: String,
    first: u64,
    last: u64,
    /// Lines after it so far, without those of a stack.
    lines: u8,
}

/// Whether a line is one of swaks' transcript of a conversation, which is evidence by its form: what is said, and what it says
/// of the connection (swaks(1), "OUTPUT OPTIONS").
fn is_of_transcript(line: &str) -> bool {
    const MARKS: [&str; 10] =
        ["=== ", "*** ", "<-  ", " -> ", "<~  ", " ~> ", "<** ", "<~* ", "**> ", "*~> "];
    MARKS.iter().any(|mark| line.starts_with(mark))
}

/// What an exception says, or a program without a reason, if it is all that there is.
fn asked(text: &str) -> Option<Piece> {
    let of_tls = || network::of_tls(text);
    exception::read(text, None).or_else(|| unexplained::read(text, false)).or_else(of_tls)
}

impl Paste<'_> {
    /// Whether the input is evidence as a whole, so that its pieces count.
    pub(super) fn is_evidence(&self) -> bool {
        self.bounce.is_mail || self.prose <= PROSE || self.evidence.saturating_mul(SHARE) >= self.prose
    }

    /// Whether so many lines were of no use that pieces are no longer looked for.
    pub(super) fn is_noise(&self) -> bool {
        self.prose > NOISE && !self.is_evidence()
    }

    /// A line of what `systemctl status` shows of Postfix's unit; `None` if it is none.
    fn of_unit(&mut self, text: &str) -> Option<Piece> {
        const OTHERS: [&str; 10] = [
            "Loaded: ",
            "Active: ",
            "Docs: ",
            "Process: ",
            "Main PID: ",
            "Tasks: ",
            "Memory: ",
            "CPU: ",
            "CGroup: ",
            "Drop-In: ",
        ];
        if text.contains(".service - ") {
            self.of_unit = text.contains("postfix.service - ");
            return self.of_unit.then_some(Piece::Nothing);
        }
        let line = |text: String| Some(Piece::Line(text));
        match text {
            _ if !self.of_unit => None,
            _ if text.starts_with("Active: failed") => {
                line(format!(" systemd: Failed to start Postfix (postfix.service): {text}"))
            }
            _ if text.starts_with("Active: inactive") => {
                line(format!(" systemd: Unit postfix.service: {text}"))
            }
            _ if text.starts_with("Loaded: masked") => {
                line(" systemd: Unit postfix.service is masked".into())
            }
            _ => OTHERS.iter().any(|head| text.starts_with(head)).then_some(Piece::Nothing),
        }
    }

    /// Reads a whole line, whose first and last line in the input have these numbers.
    pub(super) fn understand(&mut self, text: &str, first: u64, last: u64) {
        if text.is_empty() {
            return;
        }
        // In a mail, a line of Postfix without a time may be the rest of a stranger's words.
        let found =
            part::find(text).filter(|found| !self.bounce.is_mail || found.time(&self.calendar).is_some());
        if let Some(found) = found {
            self.of_postfix(&found, first);
            return;
        }
        let is_frame = !self.is_noise() && self.trace.note(text);
        self.end_waiting(is_frame);
        if let Some(told) = shell::not_mailed(text) {
            self.vague.get_or_insert(told);
            return;
        }
        let stamp = self.calendar.read_any(text.trim_start_matches(['<', '[']));
        let (time, words) = stamp.map_or((None, text), |(stamp, rest)| (Some(stamp.time), rest));
        if self.of_mailer(text, time, first) {
            return;
        }
        if Line::of_system(text).is_some() && time.is_some() {
            self.lines([text.to_owned()]);
            return;
        }
        let piece = if self.is_noise() { None } else { self.piece(text, words) };
        match piece {
            Some(Piece::Nothing) => {}
            Some(piece) => {
                self.evidence += 1;
                self.hold(piece, time, first);
            }
            // A line of another program, or of a stack.
            None if time.is_some() || is_frame => {}
            None if self.may_wait(text) => {
                self.waiting = Some(Waiting { text: text.to_owned(), first, last, lines: 0 });
            }
            None => self.not_read(text, first, last),
        }
    }

    /// Takes a line that is no evidence, as far as is known.
    fn not_read(&mut self, text: &str, first: u64, last: u64) {
        self.prose += u64::from(!is_of_transcript(text));
        self.unread.add(first, last);
        if self.question.len() <= QUESTION {
            self.question.push((text.to_owned(), first, last));
        }
    }

    /// Whether a line may turn out to be about mail: Node, Java and Ruby show the frames of a stack after the exception.
    fn may_wait(&self, text: &str) -> bool {
        let is_free = self.waiting.is_none() && !self.is_noise() && !self.trace.is_about_other();
        is_free && asked(text).is_some()
    }

    /// Reads the exception that waits if the line that was noticed last is about mail; gives it up if that is too far away.
    fn end_waiting(&mut self, is_frame: bool) {
        let Some(waiting) = &mut self.waiting else { return };
        if self.trace.is_at_mail() {
            let Waiting { text, first, last, .. } = waiting;
            let (text, first, last) = (std::mem::take(text), *first, *last);
            self.waiting = None;
            match self.piece(&text, &text) {
                Some(Piece::Nothing) => {}
                Some(piece) => {
                    self.evidence += 1;
                    self.hold(piece, None, first);
                }
                None => self.not_read(&text, first, last),
            }
        } else if !is_frame {
            waiting.lines += 1;
            if waiting.lines > NEAR {
                self.give_up_waiting();
            }
        }
    }

    /// Takes the exception that waits as a line that is no evidence.
    pub(super) fn give_up_waiting(&mut self) {
        if let Some(Waiting { text, first, last, .. }) = self.waiting.take() {
            self.not_read(&text, first, last);
        }
    }

    /// The piece that a line is; `words` is the line without its time. One that counts only if no other says more is kept.
    fn piece(&mut self, text: &str, words: &str) -> Option<Piece> {
        let is_of_another = self.bounce.is_mail || part::is_of_another(text, &self.calendar);
        let program = part::other_program(text, &self.calendar);
        let bare = || if is_of_another { bare::of_another(text, program) } else { bare::read(text) };
        let piece = self.of_unit(text).or_else(bare).or_else(|| self.trace.read(words));
        if let Some(piece) = piece {
            return Some(piece.read_from(text));
        }
        let vague = self.trace.vague(words)?.read_from(text);
        self.vague.get_or_insert(vague);
        Some(Piece::Nothing)
    }

    /// Takes a line of Postfix's.
    fn of_postfix(&mut self, found: &part::Part, first: u64) {
        self.evidence += 1;
        self.hear(found.text);
        // A record whose beginning somebody left out.
        let is_record = found.text.contains("status=") && found.text.contains(" (");
        let is_cut = is_record && !found.text.contains("to=<");
        if let Some(piece) = is_cut.then(|| bare::read(found.text)).flatten() {
            self.hold(piece, None, first);
            return;
        }
        if cut::is_cut(found.text) {
            self.cut.add(first, first);
        }
        if let Some(piece) = cut::read(found.text) {
            self.hold(piece, found.time(&self.calendar), first);
            return;
        }
        let line = found.line(&self.calendar);
        if found.is_certain(&self.calendar) {
            self.lines([line]);
        } else {
            self.hold(Piece::Line(line), None, first);
        }
    }

    /// Takes the words of a line of Postfix's: a record, or what a verbose smtp(8) has heard of the relay (smtp_chat.c).
    fn hear(&mut self, words: &str) {
        if words.contains(" status=") {
            self.heard = None;
        }
        let heard = words.strip_prefix("< ").and_then(|heard| heard.split_once("]:"));
        let reply = heard.and_then(|(host, rest)| Some((host, rest.split_once(": ")?.1)));
        let Some((host, reply)) = reply.filter(|(_, reply)| reply::is_reply(reply)) else { return };
        let host = format!("{host}]");
        self.heard = Some(reply::of_reply(&host, reply));
    }

    /// Reads the relay's last refusal where the input ends without the record of an attempt.
    pub(super) fn end_talk(&mut self) {
        if let Some(piece) = self.heard.take() {
            self.hold(piece, None, self.number);
        }
    }

    /// Takes a line of another program that sends mail. False if it is none.
    fn of_mailer(&mut self, text: &str, time: Option<Seconds>, first: u64) -> bool {
        let told = if self.is_noise() { None } else { mailer::told(text) };
        let Some(told) = told else { return false };
        self.evidence += 1;
        self.seen.mailers.insert(told.mailer);
        if let Some(words) = told.failed {
            self.hold(Piece::Cause(Box::new(told.mailer.cause(&words)), words.clone()), time, first);
            if let Some(known) = mailer::known(&words) {
                self.hold(known, time, first);
            }
        }
        true
    }

    /// Reads an input that is one line and no evidence as a sentence that somebody asks about.
    pub(super) fn answer(&mut self) {
        let lines = std::mem::take(&mut self.question);
        // Any other line says more.
        if let Some(told) = self.vague.take().filter(|_| self.evidence == 0) {
            self.evidence += 1;
            self.hold(told, None, self.number);
        }
        if self.evidence > 0 || self.bounce.is_mail || lines.len() > QUESTION {
            return;
        }
        self.unread = Unread::default();
        for (text, first, last) in lines {
            if part::is_of_web_server(&text) {
                self.unread.add(first, last);
                continue;
            }
            let is_about_other = self.trace.is_about_other();
            match phrase::read(&text).or_else(|| asked(&text).filter(|_| !is_about_other)) {
                Some(piece) => self.hold(piece.read_from(&text), None, first),
                None => self.unread.add(first, last),
            }
        }
    }

    /// Keeps a piece until it is known whether the input is evidence, or a text about it.
    fn hold(&mut self, piece: Piece, time: Option<Seconds>, number: u64) {
        let is_new = !self.held.iter().rev().take(50).any(|(known, _, _)| *known == piece);
        if self.held.len() < HELD && self.held_bytes < HELD_BYTES {
            if is_new {
                self.held_bytes += piece.size();
                self.held.push((piece, time, number));
            }
        } else if self.is_evidence() {
            // The pieces no longer fit into memory. So far the input counts as evidence, so they are handed on now.
            self.held_bytes = 0;
            for (piece, time, _) in std::mem::take(&mut self.held) {
                self.hand_on(piece, time);
            }
            self.hand_on(piece, time);
        }
    }

    pub(super) fn hand_on(&mut self, piece: Piece, time: Option<Seconds>) {
        match piece {
            Piece::Line(line) => self.lines([line]),
            Piece::Attempt(attempt) => self.hand_on_attempt(*attempt, None, time),
            Piece::Told(attempt, text) => self.hand_on_attempt(*attempt, Some(text), time),
            Piece::Cause(cause, words) => {
                let attempt = piece::attempt("", &words);
                self.inner.aside(Aside { attempt, cause: Some(*cause), text: None, time });
            }
            Piece::Nothing => {}
        }
    }

    fn hand_on_attempt(&mut self, attempt: Attempt, text: Option<String>, time: Option<Seconds>) {
        let names_error =
            |text: &String| ["Exception", "Error", "err=", "error="].iter().any(|word| text.contains(word));
        let note = (self.source_number(), OF_PROGRAM);
        let is_noted = self.seen.notes.iter().any(|(source, text)| (*source, text.as_str()) == note);
        if !is_noted && (attempt.agent.is_empty() || text.as_ref().is_some_and(names_error)) {
            self.seen.notes.push((note.0, note.1.to_owned()));
        }
        // What was said before it may be evidence for it.
        self.flush();
        self.inner.aside(Aside { attempt, cause: None, text, time });
    }
}
