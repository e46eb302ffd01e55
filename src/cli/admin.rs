//! The commands that an admin types. One run reads: answers → desired; observe; plan; apply; verify.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::render::Renderer;
use super::{Command, Common};
use crate::engine::apply::{Done, Options, apply};
use crate::engine::load::load;
use crate::engine::observe::observe;
use crate::engine::verify::{Request, verify};
use crate::error::{Error, Exit, Result};
use crate::model::desired::Desired;
use crate::model::plan::Plan;
use crate::model::record;
use crate::model::text;
use crate::sys::host;

/// What a command ends with: the exit status, and its JSON.
type Outcome = (Exit, Value);

/// Runs a command and returns the exit status.
pub fn run(command: Command) -> u8 {
    host::protect_memory();
    match command {
        Command::Check { common, nagios } if nagios => check_nagios(&common.answers),
        Command::Check { common, .. } => report("check", &common, |out| check(&common.answers, out)),
        Command::Plan { common } => report("plan", &common, |out| plan(&common.answers, out)),
        Command::Apply { common, no_verify, verify, lock_timeout } => report("apply", &common, |out| {
            let message = if no_verify {
                Message::Never
            } else if verify {
                Message::Always
            } else {
                Message::IfChanged
            };
            apply_all(&common.answers, message, lock_timeout, out)
        }),
        Command::Verify { common, to, deadline } => {
            report("verify", &common, |out| verify_only(&common.answers, to, deadline, out))
        }
    }
}

/// Runs a command's work and shows its end: the JSON document, or the error.
fn report(name: &str, common: &Common, work: impl FnOnce(&mut Renderer) -> Result<Outcome>) -> u8 {
    let mut out = Renderer::new(common.json);
    match host::require_root().and_then(|()| work(&mut out)) {
        Ok((exit, body)) => {
            out.document(&record::document(name, exit.code(), body));
            exit.code()
        }
        Err(error) => {
            let exit = error.exit();
            out.error(&error);
            out.document(&record::document(name, exit.code(), record::error(&error)));
            exit.code()
        }
    }
}

fn compare(answers: &Path) -> Result<(Desired, Plan)> {
    let desired = load(answers)?;
    let plan = Plan::new(&desired, &observe(&desired)?)?;
    Ok((desired, plan))
}

fn check(answers: &Path, out: &mut Renderer) -> Result<Outcome> {
    let (desired, plan) = compare(answers)?;
    out.findings(&desired, &plan);
    Ok((differs_unless(plan.is_in_order()), record::findings(&plan)))
}

fn check_nagios(answers: &Path) -> u8 {
    let result = host::require_root().and_then(|()| compare(answers));
    Renderer::new(false).nagios(&result)
}

fn plan(answers: &Path, out: &mut Renderer) -> Result<Outcome> {
    let (_, plan) = compare(answers)?;
    out.actions(&plan);
    let body = record::merged(record::findings(&plan), record::actions(&plan.actions, plan.complete));
    Ok((differs_unless(plan.is_in_order()), body))
}

/// When `apply` sends the test message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Message {
    Never,
    IfChanged,
    Always,
}

fn apply_all(
    answers: &Path,
    message: Message,
    lock_patience: Duration,
    out: &mut Renderer,
) -> Result<Outcome> {
    let (desired, plan) = compare(answers)?;
    // Asked before anything is changed: without a recipient the work could not be proved.
    let request =
        if message == Message::Never { None } else { Some(request(&desired, answers, None, None)?) };
    let Done { actions } = apply(&desired, plan, &Options { lock_patience }, out)?;
    out.done(&desired, &actions);
    let body = record::merged(json!({ "changed": !actions.is_empty() }), record::actions(&actions, true));
    let request = request.filter(|_| message == Message::Always || !actions.is_empty());
    let Some(request) = request else { return Ok((Exit::Done, body)) };
    let delivery = verify(&desired, &observe(&desired)?, &request, out)?;
    out.delivery(&delivery);
    Ok((delivery.outcome.exit(), record::merged(body, record::delivery(&delivery))))
}

fn verify_only(
    answers: &Path,
    to: Option<String>,
    deadline: Option<Duration>,
    out: &mut Renderer,
) -> Result<Outcome> {
    let desired = load(answers)?;
    let request = request(&desired, answers, to, deadline)?;
    let delivery = verify(&desired, &observe(&desired)?, &request, out)?;
    out.delivery(&delivery);
    Ok((delivery.outcome.exit(), record::delivery(&delivery)))
}

fn request(
    desired: &Desired,
    answers: &Path,
    to: Option<String>,
    deadline: Option<Duration>,
) -> Result<Request> {
    let answer_error = |problem: String, remedy: &str| Error::Answers {
        file: answers.display().to_string(),
        place: None,
        problem,
        remedy: remedy.to_owned(),
    };
    let to = match to {
        Some(to) if !text::is_address(&to) => {
            return Err(Error::Answers {
                file: "--to".into(),
                place: None,
                problem: format!("`{}` is not a mail address", text::one_line(&to)),
                remedy: "give one complete address, such as ops@example.com".into(),
            });
        }
        Some(to) => to,
        None => desired.verify.to.clone().ok_or_else(|| {
            answer_error(
                "there is no recipient for the test message".into(),
                "add `to = \"you@your.domain\"` under [verify], or use --no-verify",
            )
        })?,
    };
    Ok(Request { to, deadline: deadline.unwrap_or(desired.verify.deadline) })
}

fn differs_unless(in_order: bool) -> Exit {
    if in_order { Exit::Done } else { Exit::Differs }
}
