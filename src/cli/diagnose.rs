//! `relayhost diagnose`: what is read, and how what was found is shown.

use std::path::PathBuf;

use serde_json::json;

use super::admin::Outcome;
use super::render::Renderer;
use super::terminal::Mark;
use crate::engine::diagnose::{Asked, Found, Told, diagnose};
use crate::engine::load;
use crate::error::{Exit, Result};
use crate::model::json::log;
use crate::model::json::merged;
use crate::model::log::report::{Failure, Report};
use crate::model::log::stamp::{Calendar, Since};
use crate::model::log::story::Story;
use crate::model::message::trail::Author;
use crate::model::plan::State;

/// What may be typed after `diagnose`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Log files, compressed or not, in any order; `-` reads standard input [default: this host's own log]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// From when on: how long ago (24h, 7d) or a date [default: 24h of this host's log, all of a file]
    #[arg(long, value_name = "TIME", value_parser = Since::parse)]
    since: Option<Since>,
    /// Tell the story of one message
    #[arg(long, value_name = "ID", value_parser = queue_id)]
    queue_id: Option<String>,
    /// The answers, if there are any; for this host's own log only
    #[arg(long, value_name = "FILE", conflicts_with = "files")]
    answers: Option<PathBuf>,
    /// Print one JSON document (docs/schema.json)
    #[arg(long)]
    pub json: bool,
}

impl Arguments {
    /// Whether the host itself is looked at.
    pub fn is_of_this_host(&self) -> bool {
        self.files.is_empty()
    }
}

fn queue_id(text: &str) -> std::result::Result<String, String> {
    let is_id = (5..=28).contains(&text.len()) && text.bytes().all(|c| c.is_ascii_alphanumeric());
    if is_id { Ok(text.to_owned()) } else { Err("a queue id has 5 to 28 letters and digits".into()) }
}

/// Reads, and shows.
pub fn run(arguments: Arguments, out: &mut Renderer) -> Result<Outcome> {
    let asked = Asked {
        files: arguments.files,
        since: arguments.since,
        queue_id: arguments.queue_id,
        named: arguments.answers.is_some(),
        answers: arguments.answers.unwrap_or_else(|| load::DEFAULT.into()),
    };
    diagnose(&asked, |found| {
        out.diagnosis(found);
        let exit = match (found.has_failed(), found.trouble.is_empty()) {
            (true, _) => Exit::Refused,
            // What could not be read may have been all failures.
            (false, false) if !found.own || found.is_blind() => Exit::Failed,
            (false, _) => Exit::Done,
        };
        (exit, body(found))
    })
}

fn body(found: &Found) -> serde_json::Value {
    let log = match &found.log {
        Told::All(report) => log::report(report, &found.calendar),
        Told::One(story) => log::story(story, &found.calendar),
    };
    let author = match found.author {
        Author::Postfix => "postfix",
        Author::Anybody => "anybody",
    };
    let about = json!({ "sources": found.sources, "author": author, "unreadable": found.trouble });
    let body = json!({ "diagnosis": merged(about, log) });
    if found.own { merged(body, log::findings(&found.looks)) } else { body }
}

impl Renderer {
    fn diagnosis(&self, found: &Found) {
        match &found.log {
            Told::All(report) => self.report(report, found),
            Told::One(story) => self.story(story),
        }
        if found.own && found.author == Author::Anybody && !found.sources.is_empty() {
            self.line("", "(every user of this host can write to that log, in Postfix's name too)");
        }
        for trouble in &found.trouble {
            self.marked(Mark::Warning, trouble, 2);
        }
    }

    fn report(&self, report: &Report, found: &Found) {
        let sources = match found.sources.as_slice() {
            [] => "no log".to_owned(),
            [first, .., last] if found.sources.len() > 3 => {
                format!("{first} to {last} ({} files)", found.sources.len())
            }
            few => few.join(", "),
        };
        let span = match report.span {
            (Some(first), Some(last)) => {
                format!(": {} to {}", found.calendar.show(first), found.calendar.show(last))
            }
            _ if found.is_blind() => String::new(),
            _ => ": no line in that time".into(),
        };
        self.line("", &format!("{sources}{span}"));
        self.write("\n");
        let several = report.hosts.len() > 1;
        for failure in &report.failures {
            self.failure(failure, several, &found.calendar);
        }
        for finding in &found.looks {
            self.with_remedy(finding);
        }
        if !report.failures.is_empty() || !found.looks.is_empty() {
            self.write("\n");
        }
        self.line("", &verdict(report, found));
    }

    fn failure(&self, failure: &Failure, several: bool, calendar: &Calendar) {
        let mark = if failure.ours { Mark::Bad } else { Mark::Note };
        let host = match &failure.host {
            Some(host) if several || !failure.ours => format!("{host}: "),
            _ => String::new(),
        };
        self.marked(mark, &format!("{host}{}: {}", failure.id, extent(failure, calendar)), 2);
        if failure.cause.is_empty() {
            self.below(&format!("the log says: {}", failure.words));
        } else {
            self.below(&failure.cause);
        }
        self.below(&format!("-> {}", failure.remedy));
        if let Some(example) = &failure.example {
            let to = if example.to.is_empty() { String::new() } else { format!(" to {}", example.to) };
            self.below(&format!("e.g. {}{to}: {}", example.queue_id, example.words));
        } else if !failure.cause.is_empty() {
            self.below(&format!("e.g. {}", failure.words));
        }
        let is_of_daemon = ["fatal: ", "panic: "].iter().any(|head| failure.words.starts_with(head));
        if is_of_daemon && failure.example.is_some() {
            self.below(&format!("the log says: {}", failure.words));
        }
        if failure.relays.len() > 1 {
            let more = if failure.more_relays { " and more" } else { "" };
            self.below(&format!("at {}{more}", failure.relays.join(", ")));
        }
    }

    fn story(&self, story: &Story) {
        let middle = story.steps().len() / 2;
        for (number, step) in story.steps().iter().enumerate() {
            if number == middle && story.left_out > 0 {
                self.line("", &format!("({} more like these)", story.left_out));
            }
            let time =
                step.time.map_or_else(String::new, |time| format!("{}  ", story.calendar().show(time)));
            let mark = if step.good { Mark::Good } else { Mark::Bad };
            self.marked(mark, &format!("{time}{}", step.text), time.len());
            if let Some(cause) = &step.cause {
                self.below(&format!("{} [{}]", cause.cause, cause.id));
                self.below(&format!("-> {}", cause.remedy));
            }
        }
        self.write("\n");
        let end = if story.has_failed() {
            "it did not get through, as far as the log tells"
        } else {
            "nothing of it failed at its end; a relay's acceptance is not yet arrival"
        };
        self.line("", end);
    }
}

fn count(number: u64, one: &str) -> String {
    format!("{number} {one}{}", if number == 1 { "" } else { "s" })
}

/// How much, and when.
fn extent(failure: &Failure, calendar: &Calendar) -> String {
    let tally = &failure.tally;
    let mut parts = Vec::new();
    if tally.messages > 0 {
        parts.push(count(tally.messages, "message"));
        match tally.waiting {
            0 => {}
            waiting if waiting == tally.messages => parts.push("still in the queue".into()),
            waiting => parts.push(format!("{waiting} still in the queue")),
        }
    }
    if failure.lines > 0 {
        parts.push(count(failure.lines, "line"));
    }
    match (tally.first, tally.last) {
        (Some(first), Some(last)) if first == last => parts.push(calendar.show(first)),
        (Some(first), Some(last)) => {
            parts.push(format!("{} to {}", calendar.show(first), calendar.show(last)));
        }
        _ => {}
    }
    if failure.over {
        parts.push("mail has left since".into());
    }
    parts.join(", ")
}

fn verdict(report: &Report, found: &Found) -> String {
    let ours = report.failures.iter().filter(|failure| failure.ours).count();
    let amiss = found.looks.iter().filter(|finding| finding.state == State::Differs).count();
    let mut parts = Vec::new();
    parts.push(match (ours, amiss) {
        (0, 0) if found.is_blind() => "nothing can be said: no log could be read".to_owned(),
        (0, _) if found.is_blind() => {
            format!("no log could be read; {} on the host", count(amiss as u64, "fault"))
        }
        (0, 0) => "no failure found".to_owned(),
        (_, 0) => format!("{} found in the log", count(ours as u64, "failure")),
        (0, _) => format!("no failure in the log; {} on the host", count(amiss as u64, "fault")),
        (_, _) => format!(
            "{} found in the log, {} on the host",
            count(ours as u64, "failure"),
            count(amiss as u64, "fault")
        ),
    });
    let others = report.failures.len() - ours;
    if others > 0 {
        parts.push(format!("{others} of other hosts, which do not count"));
    }
    if report.overflowed {
        parts.push("so many messages failed that the numbers are not exact".into());
    }
    if report.accepted > 0 {
        let noun = if report.accepted == 1 { "delivery was" } else { "deliveries were" };
        parts.push(format!("{} {noun} accepted by a relay, which is not yet arrival", report.accepted));
    }
    parts.join("; ")
}
