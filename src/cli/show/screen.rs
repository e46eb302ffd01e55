//! The output of one command: the only code that writes to the terminal.

use std::fmt::Display;
use std::time::Duration;

use serde_json::Value;

use super::terminal::{Mark, REMEDY, Terminal, wrapped};
use crate::cli::arguments::Json;
use crate::engine::{End, Progress};
use crate::error::{Complaint, Error};
use crate::model::json::progress::{Step, progress};
use crate::model::oauth::person::Invitation;
use crate::model::text;
use crate::sys::output::{self, ChangingLine, Output};

/// The output, and the stage that is under way.
pub struct Screen {
    /// Abilities of the output.
    pub terminal: Terminal,
    output: Output,
    stage: Option<String>,
    /// The line of the stage, on a terminal.
    line: Option<ChangingLine>,
    /// What the stage was said to wait for.
    told: String,
    /// Whether the JSON document is one of many, each on a line of its own.
    is_of_many: bool,
    /// The command whose steps are written as documents; `None`: they are not.
    streaming: Option<String>,
    /// The wait of which the last document told, and for how many seconds it had lasted.
    waited: Option<(String, u64)>,
}

const INDENT: &str = "      ";

/// A wait that is not worth a line where no line can change.
const SHORT: Duration = Duration::from_secs(3);

impl Screen {
    /// Writes words to standard output.
    pub fn words() -> Self {
        Self::of("", None)
    }

    /// Writes words to standard output, or, where a form of JSON was asked for, documents there and words to standard error.
    pub fn of(command: &str, json: Option<Json>) -> Self {
        let (terminal, output) = match json {
            Some(_) => (Terminal::plain(), Output::Error),
            None => (Terminal::detect(), Output::Text),
        };
        let streaming = (json == Some(Json::Stream)).then(|| command.to_owned());
        Self {
            terminal,
            output,
            stage: None,
            line: None,
            told: String::new(),
            is_of_many: streaming.is_some(),
            streaming,
            waited: None,
        }
    }

    /// Writes text. A reader that has gone away is no reason to stop in the middle of the work.
    pub fn write(&self, text: &str) {
        let _ = self.output.write(text);
    }

    /// Writes a line behind a mark; what does not fit goes on below, `indent` columns in.
    pub fn marked(&self, mark: Mark, line: &str, indent: usize) {
        // The mark's own bytes are not columns: wrap with blanks in its place, and put it there afterwards.
        let blank = " ".repeat(self.terminal.mark_width() + 1);
        let wrapped = self.wrapped(&blank, line, blank.len() + indent);
        self.write(&format!("{} {}\n", self.terminal.mark(mark), wrapped.trim_start_matches(' ')));
    }

    /// Writes a line below a marked one.
    pub fn below(&self, line: &str) {
        let blank = " ".repeat(self.terminal.mark_width() + 1);
        self.write(&format!("{}\n", self.wrapped(&blank, line, blank.len() + 3)));
    }

    /// Writes the remedy below a marked line; nothing where there is none, as for a note.
    pub fn remedy(&self, remedy: &(impl Display + ?Sized)) {
        let remedy = remedy.to_string();
        if !remedy.is_empty() {
            self.below(&format!("{REMEDY}{remedy}"));
        }
    }

    /// Says what is wrong with what a person gave, and what to do.
    pub fn refused(&self, complaint: &Complaint) {
        self.step(Step::Note(&format!("{}: {}", complaint.problem, complaint.remedy)));
        self.marked(Mark::Bad, &complaint.problem, 2);
        self.remedy(&complaint.remedy);
    }

    /// Writes a line; what does not fit goes on under the text, not under `head`.
    pub fn line(&self, head: &str, text: &str) {
        self.write(&format!("{}\n", self.wrapped(head, text, head.len())));
    }

    /// Writes an empty line, and the first line of what follows.
    pub fn section(&self, title: &str) {
        self.write("\n");
        self.line("", title);
    }

    /// Writes the lines of a file as they are, two columns in.
    pub fn file(&self, text: &str) {
        for line in text.lines() {
            self.write(&format!("{}\n", format!("  {line}").trim_end()));
        }
    }

    /// Writes a label and a text in two columns.
    pub fn field(&self, name: &str, value: &str) {
        self.line(&format!("  {name:<8} "), value);
    }

    /// A line behind `head`, without passwords and wrapped to the terminal.
    pub fn wrapped(&self, head: &str, line: &str, indent: usize) -> String {
        wrapped(self.terminal.width, head, &output::without_passwords(&text::one_line(line)), indent)
    }

    /// Writes the JSON document, if `--json` was typed; false if it could not be written.
    pub fn document(&self, document: &Value) -> bool {
        self.output != Output::Error || Output::Text.write_document(document, self.is_of_many).is_ok()
    }

    /// Writes one of many JSON documents, if `--json` was typed: each is a line, that of the end too. Whether it was typed.
    pub fn document_of_many(&mut self, document: &Value) -> bool {
        self.is_of_many = true;
        self.document(document);
        self.output == Output::Error
    }

    /// Writes the document of a step, where they are asked for.
    fn step(&self, step: Step) {
        if let Some(command) = &self.streaming {
            self.document(&progress(command, self.stage.as_deref(), step));
        }
    }

    /// Tells a program that shows the run of a person's login; `show::login` has the words.
    pub fn invitation(&self, invitation: &Invitation) {
        self.step(Step::Invite(invitation));
    }

    /// Tells such a program of the page to log in at. Whether there is one.
    pub fn visit(&self, address: &str) -> bool {
        self.step(Step::Visit(address));
        self.streaming.is_some()
    }

    /// Writes a line above that of the stage under way.
    fn above(&self, line: &str) {
        match &self.line {
            Some(changing) => changing.above(line),
            None => self.write(&format!("{line}\n")),
        }
    }

    /// Writes a line of relayhost's own.
    fn note_in_words(&self, text: &str) {
        self.above(&self.wrapped(INDENT, text, INDENT.len()));
    }

    /// Writes an error of this command line and what to do next, on standard error.
    pub fn error(&mut self, error: &Error, command: &str) {
        (self.stage, self.line) = (None, None);
        let message = format!(
            "relayhost: {}\n  -> {}",
            text::harmless(&error.to_string()),
            text::harmless(&error.hint(command))
        );
        let _ = Output::Error.write(&Terminal::of_errors().fill(&output::without_passwords(&message)));
    }
}

impl Progress for Screen {
    fn begin(&mut self, stage: &str) {
        (self.stage, self.told, self.waited) = (Some(stage.to_owned()), String::new(), None);
        self.step(Step::Begin);
        if self.terminal.live {
            let head = format!("{} ", self.terminal.mark(Mark::Busy));
            let columns = self.terminal.width.saturating_sub(self.terminal.mark_width() + 2);
            self.line = Some(ChangingLine::begin(head, stage, columns));
        }
    }

    fn wait(&mut self, what: &str, lasts: Duration, limit: Duration) {
        let waits = Some((what.to_owned(), lasts.as_secs()));
        if self.waited != waits {
            self.waited = waits;
            self.step(Step::Wait(what, lasts, limit));
        }
        match &self.line {
            Some(line) => line.wait_for(what, limit),
            None if lasts >= SHORT && self.told != what => {
                what.clone_into(&mut self.told);
                self.note_in_words(&format!("waiting for {what}, {} s at most", limit.as_secs()));
            }
            None => {}
        }
    }

    fn say(&mut self, line: &str) {
        self.step(Step::Output(line));
        let line = output::without_passwords(&text::one_line(line));
        let room = if self.terminal.live { self.terminal.width - INDENT.len() - 1 } else { usize::MAX };
        let short: String = line.chars().take(room).collect();
        self.above(&format!("{INDENT}{}", self.terminal.dim(&short)));
    }

    fn note(&mut self, text: &str) {
        self.step(Step::Note(text));
        self.note_in_words(text);
    }

    fn end(&mut self, end: End, result: &str, took: Duration) {
        let ended = match end {
            End::Good => "good",
            End::Bad => "bad",
            End::Open => "open",
        };
        self.step(Step::End(ended, result, took));
        let stage = self.stage.take().unwrap_or_default();
        self.line = None;
        let mark = match end {
            End::Good => Mark::Good,
            End::Bad => Mark::Bad,
            End::Open => Mark::Warning,
        };
        self.marked(mark, &format!("{stage}: {result} ({:.1} s)", took.as_secs_f64()), 2);
    }
}
