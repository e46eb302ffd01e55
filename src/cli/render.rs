//! The only code that writes to the terminal. Shows values of the model as text; the JSON forms are in
//! `model::record`.

use std::time::Duration;

use serde_json::Value;

use super::terminal::{Mark, Terminal};
use crate::engine::apply::Done;
use crate::engine::{End, Place, Progress};
use crate::error::{Error, Result};
use crate::model::desired::Desired;
use crate::model::message::delivery::{Delivery, InQueue, Outcome};
use crate::model::plan::{Finding, Plan, State};
use crate::model::state::generation::{Fate, Generation};
use crate::model::text;
use crate::sys::output::{self, Output};

/// Shows one command's course and end.
pub struct Renderer {
    pub(super) terminal: Terminal,
    /// `None`: nowhere.
    output: Option<Output>,
    stage: Option<String>,
}

const INDENT: &str = "      ";

impl Renderer {
    /// For text on standard output, or with `json` for one document there and everything else on standard error.
    pub fn new(json: bool) -> Self {
        let (terminal, output) =
            if json { (Terminal::plain(), Output::Error) } else { (Terminal::detect(), Output::Text) };
        Self { terminal, output: Some(output), stage: None }
    }

    /// Shows nothing.
    pub fn silent() -> Self {
        Self { terminal: Terminal::plain(), output: None, stage: None }
    }

    /// Writes text. A reader that has gone away is no reason to stop in the middle of the work.
    pub(super) fn write(&self, text: &str) {
        if let Some(output) = self.output {
            let _ = output.write(text);
        }
    }

    /// A line in front of which stands a mark; what does not fit goes on below, `indent` columns in.
    pub(super) fn marked(&self, mark: Mark, line: &str, indent: usize) {
        // The mark's own bytes are not columns: wrap with blanks in its place, and put it there afterwards.
        let blank = " ".repeat(self.terminal.mark_width() + 1);
        let wrapped = self.wrapped(&blank, line, blank.len() + indent);
        self.write(&format!("{} {}\n", self.terminal.mark(mark), wrapped.trim_start_matches(' ')));
    }

    /// A line below a marked one.
    pub(super) fn below(&self, line: &str) {
        let blank = " ".repeat(self.terminal.mark_width() + 1);
        self.write(&format!("{}\n", self.wrapped(&blank, line, blank.len() + 3)));
    }

    /// A line of its own; what does not fit goes on under the text, not under `head`.
    pub(super) fn line(&self, head: &str, text: &str) {
        self.write(&format!("{}\n", self.wrapped(head, text, head.len())));
    }

    /// A name and a text in two columns.
    pub(super) fn field(&self, name: &str, value: &str) {
        self.line(&format!("  {name:<9}"), value);
    }

    /// Breaks at spaces only: a name or a setting that is cut in two cannot be copied.
    pub(super) fn wrapped(&self, head: &str, line: &str, indent: usize) -> String {
        let indent = " ".repeat(indent);
        let options = textwrap::Options::new(self.terminal.width)
            .initial_indent(head)
            .subsequent_indent(&indent)
            .word_separator(textwrap::WordSeparator::AsciiSpace)
            .word_splitter(textwrap::WordSplitter::NoHyphenation)
            .break_words(false);
        textwrap::fill(&output::without_passwords(&text::one_line(line)), options)
    }

    /// The JSON document, if that is what was asked for; false if it could not be written.
    pub fn document(&self, document: &Value) -> bool {
        self.output != Some(Output::Error) || Output::Text.write_document(document).is_ok()
    }

    /// An error and what to do next, on standard error.
    pub fn error(&mut self, error: &Error) {
        self.stage = None;
        let message = format!(
            "relayhost: {}\n  -> {}\n",
            text::harmless(&error.to_string()),
            text::harmless(&error.hint())
        );
        let _ = Output::Error.write(&message);
    }

    /// What `check` found.
    pub fn findings(&self, desired: &Desired, plan: &Plan) {
        self.line("", &desired.summary());
        self.write("\n");
        let width = plan.findings.iter().map(|finding| finding.id.len()).max().unwrap_or_default();
        let width = if self.terminal.width < 70 { 0 } else { width };
        for finding in &plan.findings {
            self.marked(
                mark(finding.state),
                &format!("{:<width$}  {}", finding.id, finding.found),
                width + 2,
            );
            if let Some(remedy) = finding.remedy.as_ref().filter(|remedy| *remedy != "relayhost apply") {
                self.below(&format!("-> {remedy}"));
            }
        }
        let differing = count(plan, State::Differs);
        let total = plan.compared();
        let verdict = match (differing, plan.complete) {
            (0, true) => format!("{total} of {total} as the answers say"),
            (_, false) => {
                "Postfix is not installed; the rest can be compared when it is: relayhost apply".to_owned()
            }
            (n, true) => format!(
                "{n} of {total} not as the answers say: {}",
                plan.remedy("relayhost apply (relayhost plan shows what it would do)")
            ),
        };
        self.write("\n");
        self.line("", &verdict);
    }

    /// What `plan` would do.
    pub fn actions(&self, plan: &Plan) {
        if plan.actions.is_empty() {
            self.line("", "nothing to do: packages, files and service are as the answers say");
        }
        for (number, action) in plan.actions.iter().enumerate() {
            self.line(&format!("{}. ", number + 1), &action.describe());
            self.diff(&action.diff());
        }
        for what in &plan.foreign {
            self.marked(
                Mark::Warning,
                &format!("somebody changed {what}; apply stops at that, and --force overwrites it"),
                2,
            );
        }
        if !plan.complete {
            self.line("", "then configure Postfix; its files can be planned when it is installed");
        }
        let shown = |finding: &&Finding| {
            finding.state != State::Fine && finding.remedy.as_deref() != Some("relayhost apply")
        };
        plan.findings.iter().filter(shown).for_each(|finding| self.with_remedy(finding));
    }

    /// A finding, and below it what to do.
    pub(super) fn with_remedy(&self, finding: &Finding) {
        self.marked(mark(finding.state), &format!("{}: {}", finding.id, finding.found), 2);
        if let Some(remedy) = &finding.remedy {
            self.below(&format!("-> {remedy}"));
        }
    }

    fn diff(&self, diff: &str) {
        for line in diff.lines() {
            self.write(&format!("   {line}\n"));
        }
        if !diff.is_empty() {
            self.write("\n");
        }
    }

    /// The end of `apply`.
    pub fn done(&self, desired: &Desired, done: &Done, place: Place) {
        if let Some(probe) = &done.probe {
            if done.is_vetoed() {
                self.probe(probe);
                self.field("so", "nothing was done: nothing was installed, no file was touched (--no-probe: let the test message decide)");
                return;
            }
            self.warnings(probe);
        }
        if done.actions.is_empty() {
            self.line("", &format!("nothing to do: {}", desired.summary()));
        }
        if let Some(delivery) = &done.delivery {
            self.delivery(delivery);
        }
        if let (Some(generation), false, Place::Host) = (done.generation, done.undone, place) {
            self.field("undo", &format!("relayhost restore {generation}"));
        }
    }

    /// A last word on standard output.
    pub fn say_end(&self, text: &str) {
        self.write(&format!("{text}\n"));
    }

    /// What was called inside a transaction is recorded.
    pub fn deferred(&self, holder: &str, next: &str) {
        self.marked(
            Mark::Note,
            &format!("deferred: {holder} is in an RPM transaction, in which nothing can be installed"),
            2,
        );
        self.below(&format!("-> it is recorded; {next}"));
    }

    /// The generations; `is_damaged` if there may have been others.
    pub fn history(&self, generations: &[Generation], is_damaged: bool) {
        match generations {
            [] if is_damaged => self.line("", "no record of an earlier change can be read"),
            [] => self.line("", "nothing recorded: relayhost has changed nothing here"),
            _ => {}
        }
        for generation in generations {
            let fate = match generation.fate {
                Fate::Open => "stopped",
                Fate::Kept => "kept",
                Fate::Undone => "put back",
            };
            let head = format!("{:>4}  {}  ", generation.number, generation.time);
            let files = generation.changed_files().join(", ");
            let text = format!("before {} ({fate}), which changed {files}", generation.command);
            self.write(&format!("{}\n", self.wrapped(&head, &text, 6)));
        }
    }

    /// What became of the test message.
    pub fn delivery(&self, delivery: &Delivery) {
        self.field("from", &delivery.from);
        self.field("to", &delivery.to);
        if let Some(queue_id) = &delivery.queue_id {
            self.field("queue id", queue_id);
        }
        if let Some([before, queue, connect, send]) = delivery.delays {
            self.field(
                "took",
                &format!(
                    "{:.1} s: {before} before the queue manager, {queue} in it, {connect} connecting and logging in, {send} sending",
                    delivery.waited.as_secs_f64()
                ),
            );
        }
        match &delivery.outcome {
            Outcome::Accepted { .. } => self.field(
                "note",
                &format!(
                    "the relay has accepted it; that it arrives, only the mailbox of {} can tell",
                    delivery.to
                ),
            ),
            Outcome::Failed { id, cause, remedy, evidence, .. } => {
                self.field("cause", &format!("{cause} [{id}]"));
                self.field("remedy", remedy);
                for line in evidence {
                    self.field("log", line);
                }
                if let (InQueue::TakenOut, Some(id)) = (delivery.queue, &delivery.queue_id) {
                    self.field("queue", &format!("the test message {id} was taken out of the queue again"));
                }
            }
        }
    }

    /// One line for a monitoring system, and the status of a plugin: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
    pub fn nagios(&self, result: &Result<(Desired, Plan)>) -> u8 {
        let (code, word, text, data) = match result {
            Err(error) => (3, "UNKNOWN", format!("{error} -> {}", error.hint()), String::new()),
            Ok((desired, plan)) => {
                let (differs, warnings) = (count(plan, State::Differs), count(plan, State::Warning));
                let data =
                    format!(" | differs={differs};;0;0;{0} warnings={warnings};0;;0;{0}", plan.compared());
                let list = |state| {
                    let of_state = plan.findings.iter().filter(|finding| finding.state == state);
                    of_state.map(short).collect::<Vec<_>>().join("; ")
                };
                match (differs, warnings) {
                    (0, 0) => (0, "OK", desired.summary(), data),
                    (0, _) => (1, "WARNING", list(State::Warning), data),
                    _ => (
                        2,
                        "CRITICAL",
                        format!("{} -> {}", list(State::Differs), plan.remedy("relayhost plan")),
                        data,
                    ),
                }
            }
        };
        // A bar would begin the performance data.
        let text = text::one_line(&text.replace('\n', " ")).replace('|', "/");
        self.write(&format!("RELAYHOST {word} - {text}{data}\n"));
        code
    }
}

impl Progress for Renderer {
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

fn mark(state: State) -> Mark {
    match state {
        State::Fine => Mark::Good,
        State::Differs => Mark::Bad,
        State::Warning => Mark::Warning,
        State::Note => Mark::Note,
    }
}

fn short(finding: &Finding) -> String {
    format!("{}: {}", finding.id, finding.found)
}

fn count(plan: &Plan, state: State) -> usize {
    plan.findings.iter().filter(|finding| finding.state == state).count()
}
