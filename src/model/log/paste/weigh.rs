//! Says what a whole line is, and judges whether a piece counts: a text about mail has the same words as evidence, among
//! much prose.

use super::piece::{self, Piece};
use super::unread::Unread;
use super::{
    HELD, HELD_BYTES, NOISE, PROSE, Paste, QUESTION, SHARE, bare, mailer, part, phrase, reply, shell,
};
use crate::model::log::aside::Aside;
use crate::model::log::line::Line;
use crate::model::log::stamp::Seconds;

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
                line(format!("x systemd: Failed to start Postfix (postfix.service): {text}"))
            }
            _ if text.starts_with("Loaded: masked") => {
                line("x systemd: Unit postfix.service is masked".into())
            }
            _ => OTHERS.iter().any(|head| text.starts_with(head)).then_some(Piece::Nothing),
        }
    }

    /// Reads a whole line, whose first and last line in the input have these numbers.
    pub(super) fn understand(&mut self, text: &str, first: u64, last: u64) {
        if text.is_empty() {
            return;
        }
        if let Some(found) = part::find(text) {
            self.of_postfix(&found, first);
            return;
        }
        if let Some(told) = shell::not_mailed(text) {
            self.not_mailed = Some(told);
            return;
        }
        let time = self.calendar.read_any(text.trim_start_matches(['<', '['])).map(|(stamp, _)| stamp.time);
        if self.of_mailer(text, time, first) {
            return;
        }
        if Line::of_system(text).is_some() && time.is_some() {
            self.lines([text.to_owned()]);
            return;
        }
        let is_quoted = text.contains(" status=") && part::is_of_another(text, &self.calendar);
        let piece =
            if self.is_noise() || is_quoted { None } else { self.of_unit(text).or_else(|| bare::read(text)) };
        match piece {
            Some(Piece::Nothing) => {}
            Some(piece) => {
                self.evidence += 1;
                self.hold(piece, time, first);
            }
            // A line of another program.
            None if time.is_some() => {}
            None => {
                self.prose += 1;
                self.unread.add(first, last);
                if self.question.len() <= QUESTION {
                    self.question.push((text.to_owned(), first, last));
                }
            }
        }
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
        // Sendmail's own line says more.
        if let Some(told) = self.not_mailed.take().filter(|_| self.evidence == 0) {
            self.evidence += 1;
            self.hold(told, None, self.number);
        }
        if self.evidence > 0 || self.bounce.is_mail || lines.len() > QUESTION {
            return;
        }
        self.unread = Unread::default();
        for (text, first, last) in lines {
            match phrase::read(&text) {
                Some(piece) => self.hold(piece, None, first),
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
            Piece::Attempt(attempt) => {
                // What was said before it may be evidence for it.
                self.flush();
                self.inner.aside(Aside { attempt: *attempt, cause: None, time });
            }
            Piece::Cause(cause, words) => {
                let attempt = piece::attempt("", &words);
                self.inner.aside(Aside { attempt, cause: Some(*cause), time });
            }
            Piece::Nothing => {}
        }
    }
}
