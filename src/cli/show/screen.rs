//! The output of one command: the only code that writes to the terminal.

use std::time::Duration;

use serde_json::Value;

use super::terminal::{Mark, Terminal};
use crate::engine::{End, Progress};
use crate::error::Error;
use crate::model::text;
use crate::sys::output::{self, Output};

/// The output, and the stage that is under way.
pub struct Screen {
    /// Abilities of the output.
    pub terminal: Terminal,
    output: Output,
    stage: Option<String>,
}

const INDENT: &str = "      ";

impl Screen {
    /// Writes text to standard output, or with `json` one document there and everything else to standard error.
    pub fn new(json: bool) -> Self {
        let (terminal, output) =
            if json { (Terminal::plain(), Output::Error) } else { (Terminal::detect(), Output::Text) };
        Self { terminal, output, stage: None }
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

    /// Writes a line; what does not fit goes on under the text, not under `head`.
    pub fn line(&self, head: &str, text: &str) {
        self.write(&format!("{}\n", self.wrapped(head, text, head.len())));
    }

    /// Writes a label and a text in two columns.
    pub fn field(&self, name: &str, value: &str) {
        self.line(&format!("  {name:<9}"), value);
    }

    /// Breaks text at spaces only: a name or a setting that is cut in two cannot be copied.
    pub fn wrapped(&self, head: &str, line: &str, indent: usize) -> String {
        let indent = " ".repeat(indent);
        let options = textwrap::Options::new(self.terminal.width)
            .initial_indent(head)
            .subsequent_indent(&indent)
            .word_separator(textwrap::WordSeparator::AsciiSpace)
            .word_splitter(textwrap::WordSplitter::NoHyphenation)
            .break_words(false);
        textwrap::fill(&output::without_passwords(&text::one_line(line)), options)
    }

    /// Writes the JSON document, if `--json` was typed; false if it could not be written.
    pub fn document(&self, document: &Value) -> bool {
        self.output != Output::Error || Output::Text.write_document(document).is_ok()
    }

    /// Writes an error of this command line and what to do next, on standard error.
    pub fn error(&mut self, error: &Error, command: &str) {
        self.stage = None;
        let message = format!(
            "relayhost: {}\n  -> {}\n",
            text::harmless(&error.to_string()),
            text::harmless(&error.hint(command))
        );
        let _ = Output::Error.write(&message);
    }
}

impl Progress for Screen {
    fn begin(&mut self, stage: &str) {
        self.stage = Some(stage.to_owned());
        if self.terminal.live {
            self.write(&format!("{} {stage}", self.terminal.mark(Mark::Busy)));
        }
    }

    fn say(&mut self, line: &str) {
        let line = output::without_passwords(&text::one_line(line));
        if !self.terminal.live {
            self.write(&format!("{INDENT}{line}\n"));
            return;
        }
        let room = self.terminal.width.saturating_sub(INDENT.len() + 1);
        let short: String = line.chars().take(room).collect();
        let stage = self.stage.clone().unwrap_or_default();
        self.write(&format!(
            "\r\u{1b}[K{INDENT}{}\n{} {stage}",
            self.terminal.dim(&short),
            self.terminal.mark(Mark::Busy)
        ));
    }

    fn note(&mut self, text: &str) {
        let line = self.wrapped(INDENT, text, INDENT.len());
        if !self.terminal.live {
            self.write(&format!("{line}\n"));
            return;
        }
        match &self.stage {
            None => self.write(&format!("{line}\n")),
            Some(stage) => {
                self.write(&format!("\r\u{1b}[K{line}\n{} {stage}", self.terminal.mark(Mark::Busy)));
            }
        }
    }

    fn end(&mut self, end: End, result: &str, took: Duration) {
        let stage = self.stage.take().unwrap_or_default();
        if self.terminal.live {
            self.write("\r\u{1b}[K");
        }
        let mark = match end {
            End::Good => Mark::Good,
            End::Bad => Mark::Bad,
            End::Open => Mark::Warning,
        };
        self.marked(mark, &format!("{stage}: {result} ({:.1} s)", took.as_secs_f64()), 2);
    }
}
