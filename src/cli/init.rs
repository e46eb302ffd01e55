//! `relayhost init`: from flags and questions to an answers file. The relay is tried before anything is written, and on a
//! terminal the answer that it does not like can be corrected.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::admin::Outcome;
use super::ask::{self, Change};
use super::render::Renderer;
use super::terminal::Mark;
use crate::engine::init::{self, Target};
use crate::engine::{load, probe};
use crate::error::{Error, Exit, Result, shown};
use crate::model::answers::choices::{Choices, Complaint};
use crate::model::answers::interview::{Interview, Question, level};
use crate::model::desired::Rewrite;
use crate::model::json;
use crate::model::probe::{Ending, Probe};
use crate::sys::tty;

/// What may be known beforehand.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct Flags {
    /// A provider of `relayhost providers`, with its part: gmail, ses/eu-west-1
    #[arg(long, value_name = "NAME")]
    provider: Option<String>,
    /// The relay's host name or address
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
    /// The relay's port
    #[arg(long, value_name = "NUMBER")]
    port: Option<i64>,
    /// How much TLS is asked for
    #[arg(long, value_name = "LEVEL", value_parser = ["none", "may", "encrypt", "verify", "secure"])]
    tls: Option<String>,
    /// The login's name
    #[arg(long, value_name = "NAME")]
    username: Option<String>,
    /// The answers name this file for the password: root's, mode 0600, one line
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Read the password from standard input: its first line. It is never an argument, since anybody can see those
    #[arg(long, conflicts_with = "password_file")]
    password_stdin: bool,
    /// Write the password into the answers file, not into a file of its own
    #[arg(long, conflicts_with = "password_file")]
    inline_password: bool,
    /// A local sender and the address that the relay sees instead; may be repeated. `none`: nothing is rewritten
    #[arg(long, value_name = "LOCAL=PUBLIC")]
    rewrite: Vec<String>,
    /// Where the test message goes
    #[arg(long, value_name = "ADDRESS")]
    to: Option<String>,
    /// The answers file to write
    #[arg(long, value_name = "FILE", default_value = load::DEFAULT)]
    output: PathBuf,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
    /// Write without trying the relay
    #[arg(long)]
    no_probe: bool,
    /// Print one JSON document (docs/schema.json), and ask nothing
    #[arg(long)]
    pub json: bool,
}

/// Gathers the answers, tries them, and writes them.
pub fn run(flags: &Flags, out: &mut Renderer) -> Result<Outcome> {
    let target = Target::new(&flags.output)?;
    // Before anybody has typed anything.
    target.refuse_if_taken(flags.password_file.is_none() && !flags.inline_password, flags.force)?;
    let choices = flags.choices()?;
    choices.check().map_err(invalid)?;
    let mut interview = Interview::new(choices, &init::local_domain());
    if flags.rewrite == ["none"] {
        interview.leave_senders();
    }
    let somebody = !flags.json && tty::is_there();
    if somebody {
        ask::everything(&mut interview, out)?;
        confirm(&mut interview, flags, &target, out)?;
    } else {
        answer_from_flags(&mut interview)?;
    }
    let found = if flags.no_probe { None } else { try_relay(&mut interview, somebody, out)? };
    let tried = found.as_ref().map_or(json!({}), |found| json!({ "probe": json::probe(found) }));
    let summary = init::desired(interview.choices())?.summary();
    if let Some(failed) = found.filter(|found| !somebody && is_failed(found)) {
        out.write("\n");
        out.line("", "nothing was written; relayhost init --no-probe writes answers that were not tried");
        return Ok((failed.exit(), json::merged(body(&[], &summary, &[]), tried)));
    }
    let written = init::write(&target, interview.choices(), flags.inline_password, flags.force, out)?;
    out.write("\n");
    out.marked(Mark::Good, &format!("answers for this: {summary}"), 2);
    for path in &written {
        out.below(&format!("written: {} (0600, root's)", shown(path)));
    }
    let next = next_steps(&target);
    out.line("", &format!("next: {}", next.join(", then ")));
    Ok((Exit::Done, json::merged(body(&written, &summary, &next), tried)))
}

/// Tries the relay. If there is somebody, has the answer corrected that it does not like, and tries again; what is
/// written untried, or against the relay's word, is theirs to say.
fn try_relay(interview: &mut Interview, somebody: bool, out: &mut Renderer) -> Result<Option<Probe>> {
    loop {
        if somebody {
            out.write("\n");
        }
        let found = probe::probe(&init::desired(interview.choices())?, probe::TIMEOUT, out)?;
        out.probe(&found);
        if !somebody || !is_failed(&found) {
            return Ok(Some(found));
        }
        let stage = found.stages.last().map_or("", |stage| stage.name);
        let cause = if let Ending::Failed(failure) = &found.ending { failure.id.as_str() } else { "" };
        match ask::change(out, Interview::suspect(stage, cause))? {
            Change::Write => return Ok(Some(found)),
            Change::Answer(question) => {
                interview.reopen(question);
                ask::everything(interview, out)?;
            }
        }
    }
}

/// Not only that something could not be tried here.
fn is_failed(found: &Probe) -> bool {
    matches!(found.ending, Ending::Failed(_))
}

/// Shows what will be written, and has wrong answers corrected.
fn confirm(interview: &mut Interview, flags: &Flags, target: &Target, out: &mut Renderer) -> Result<()> {
    loop {
        show(interview.choices(), flags, target, out);
        let text = if flags.no_probe { "Write this?" } else { "Try the relay with this, and write it?" };
        if ask::whether(out, text, true)? {
            return Ok(());
        }
        match ask::change(out, Question::Relay)? {
            Change::Write => return Ok(()),
            Change::Answer(question) => {
                interview.reopen(question);
                ask::everything(interview, out)?;
            }
        }
    }
}

/// The file as it will be, without the password.
fn show(choices: &Choices, flags: &Flags, target: &Target, out: &Renderer) {
    let mut shown = choices.clone();
    let own = shown.password.is_some() && !flags.inline_password;
    if own {
        shown.password_file = Some(target.password.display().to_string());
    }
    out.write("\n");
    out.line("", &format!("This is what goes into {}:", crate::error::shown(&target.answers)));
    for taken in target.taken(own) {
        out.marked(Mark::Warning, &format!("{taken}; it will be replaced"), 2);
    }
    out.write("\n");
    for line in shown.text("", true).lines() {
        out.write(&format!("{}\n", format!("  {line}").trim_end()));
    }
}

/// Without a terminal: what is not given has the value that would have been offered, and what has none is missing.
fn answer_from_flags(interview: &mut Interview) -> Result<()> {
    interview.no_one_to_ask();
    while let Some(prompt) = interview.next() {
        if prompt.default.is_none() {
            return Err(Error::Answers {
                file: "init".into(),
                place: None,
                problem: format!("there is no terminal to ask at: {}", prompt.text),
                remedy: format!("give it as {}{}", prompt.question.flag(), hint(&prompt.help)),
            });
        }
        interview.answer(prompt.question, "").map_err(invalid)?;
    }
    Ok(())
}

fn hint(help: &str) -> String {
    if help.is_empty() { String::new() } else { format!(" ({help})") }
}

fn next_steps(target: &Target) -> Vec<String> {
    let other = target.answers != Path::new(load::DEFAULT);
    let answers =
        if other { format!(" --answers {}", crate::error::typed(&target.answers)) } else { String::new() };
    ["plan", "apply"].map(|command| format!("relayhost {command}{answers}")).to_vec()
}

fn body(written: &[PathBuf], summary: &str, next: &[String]) -> Value {
    let written: Vec<_> = written.iter().map(|path| path.display().to_string()).collect();
    json!({ "written": written, "summary": summary, "next": next })
}

impl Flags {
    fn choices(&self) -> Result<Choices> {
        let pair = |text: &String| match text.rsplit_once('=') {
            Some((local, public)) => Ok(Rewrite { local: local.into(), public: public.into() }),
            None => Err(invalid(Complaint {
                problem: format!("`--rewrite {}` has no `=`", crate::model::text::one_line(text)),
                remedy: "write LOCAL=PUBLIC, such as monitor@this.host=alerts@example.com; or none".into(),
            })),
        };
        let rewrites =
            if self.rewrite == ["none"] { Ok(Vec::new()) } else { self.rewrite.iter().map(pair).collect() };
        let password_file = match &self.password_file {
            None => None,
            Some(path) => Some(init::absolute(path)?),
        };
        Ok(Choices {
            provider: self.provider.clone(),
            host: self.host.clone(),
            port: self.port,
            tls: self.tls.as_deref().map(level).transpose().map_err(invalid)?,
            username: self.username.clone(),
            password: if self.password_stdin { Some(init::password_from_stdin()?) } else { None },
            password_file,
            rewrites: rewrites?,
            to: self.to.clone(),
        })
    }
}

fn invalid(complaint: Complaint) -> Error {
    Error::Answers { file: "init".into(), place: None, problem: complaint.problem, remedy: complaint.remedy }
}
