//! The commands that an admin types. One run reads: lock; answers → desired; observe; plan; apply; verify.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::render::Renderer;
use super::{Change, Command, OnFailure};
use super::{diagnose, init, pending, probe, providers};
use crate::engine::apply::{Done, Options, apply};
use crate::engine::defer;
use crate::engine::load::{self, Source, load};
use crate::engine::observe::{observe, startup_files};
use crate::engine::recover::{self, Recovered, lock_and_recover, recover_if_stopped};
use crate::engine::supply;
use crate::engine::verify::{Request, last_proof, verify};
use crate::engine::{Place, ended_by, heed_signals, note_in_journal};
use crate::error::{Error, Exit, Result};
use crate::model::desired::Desired;
use crate::model::json;
use crate::model::plan::Plan;
use crate::model::state::order::{Message, Refusal, Wish};
use crate::model::text;
use crate::sys::host;

/// What a command ends with: the exit status, and its JSON.
pub type Outcome = (Exit, Value);

/// Runs a command and returns the exit status.
pub fn run(command: Command) -> u8 {
    host::protect_memory();
    heed_signals();
    load::know_passwords();
    match command {
        Command::Check { common, nagios } if nagios => check_nagios(&common.answers),
        Command::Check { common, .. } => report("check", common.json, |out| check(&common.answers, out)),
        Command::Plan { common } => report("plan", common.json, |out| plan(&common.answers, out)),
        Command::Apply { common, change, no_verify, verify, force, root } => {
            report("apply", common.json, |out| {
                if root.is_some() {
                    return apply_to_tree(
                        "apply --root",
                        &common.answers,
                        root.as_deref(),
                        &change,
                        force,
                        out,
                    );
                }
                let message = if no_verify {
                    Message::Never
                } else if verify {
                    Message::Always
                } else {
                    Message::IfChanged
                };
                apply_all("apply", &common.answers, &change, message, force, out)
            })
        }
        // An admin who says `repair` has said that the answers are right.
        Command::Repair { common, change } => report("repair", common.json, |out| {
            apply_all("repair", &common.answers, &change, Message::Always, true, out)
        }),
        Command::Verify { common, to, deadline } => {
            report("verify", common.json, |out| verify_only(&common.answers, to, deadline, out))
        }
        Command::Probe { common, current, timeout } => {
            report("probe", common.json, |out| probe::probe(&common.answers, current, timeout, out))
        }
        Command::Diagnose(arguments) if arguments.is_of_this_host() => {
            report("diagnose", arguments.json, |out| diagnose::run(arguments, out))
        }
        // A file from elsewhere takes no more rights than it has.
        Command::Diagnose(arguments) => {
            report_to_anybody("diagnose", arguments.json, |out| diagnose::run(arguments, out))
        }
        Command::Scriptlet { .. } => Exit::Done.code(), // taken by cli::run
        Command::Pending { due, json, lock_timeout } => {
            report("pending", json, |out| pending::pending(due, lock_timeout, out))
        }
        Command::Init { flags } => report("init", flags.json, |out| init::run(&flags, out)),
        Command::Providers { name, json } => {
            report_to_anybody("providers", json, |out| providers::run(name.as_deref(), out))
        }
        Command::Recover { json } => report("recover", json, recover),
        Command::History { json } => report("history", json, history),
        Command::Restore { number, json, lock_timeout } => {
            report("restore", json, |out| restore(number, lock_timeout, out))
        }
    }
}

/// Runs a command's work and shows its end: the JSON document, or the error.
fn report(name: &str, json: bool, work: impl FnOnce(&mut Renderer) -> Result<Outcome>) -> u8 {
    report_to_anybody(name, json, |out| host::require_root().and_then(|()| work(out)))
}

/// As `report`, for what takes no rights.
fn report_to_anybody(name: &str, json: bool, work: impl FnOnce(&mut Renderer) -> Result<Outcome>) -> u8 {
    let mut out = Renderer::new(json);
    let (exit, body) = match work(&mut out) {
        Ok(outcome) => outcome,
        Err(error) => {
            let error = ended_by(error);
            out.error(&error);
            (error.exit(), json::error(&error))
        }
    };
    // Whoever asked for a document and got none must not believe that all is well.
    let document = json::document(name, exit.code(), body);
    note_in_journal(&document);
    let written = out.document(&document);
    if written || exit != Exit::Done { exit.code() } else { Exit::Failed.code() }
}

fn compare(answers: &Path, out: &mut Renderer) -> Result<(Desired, Plan, Recovered)> {
    let desired = load(answers)?;
    let recovered = recover_if_stopped(out)?;
    let plan = look(&desired)?;
    Ok((desired, plan, recovered))
}

fn look(desired: &Desired) -> Result<Plan> {
    let mut plan = Plan::new(desired, &observe(desired, Place::Host)?)?;
    plan.damaged(&recover::damages());
    supply::foresee(desired, &mut plan);
    plan.waits(&defer::waiting()?);
    plan.clients(&startup_files());
    plan.proved(desired, last_proof().as_ref());
    Ok(plan)
}

fn check(answers: &Path, out: &mut Renderer) -> Result<Outcome> {
    let (desired, plan, recovered) = compare(answers, out)?;
    out.findings(&desired, &plan);
    Ok((differs_unless(plan.is_in_order()), json::with_recovery(json::findings(&plan), &recovered)))
}

fn check_nagios(answers: &Path) -> u8 {
    let out = Renderer::new(false);
    // One line is all that a monitoring system takes; what had to be recovered is in `history`.
    let result = host::require_root().and_then(|()| compare(answers, &mut Renderer::silent()));
    out.nagios(&result.map(|(desired, plan, _)| (desired, plan)).map_err(ended_by))
}

fn plan(answers: &Path, out: &mut Renderer) -> Result<Outcome> {
    let (_, plan, recovered) = compare(answers, out)?;
    out.actions(&plan);
    let body = json::merged(json::findings(&plan), json::actions(&plan.actions, plan.complete));
    let body = json::merged(body, json!({ "foreign": plan.foreign }));
    Ok((differs_unless(plan.is_in_order()), json::with_recovery(body, &recovered)))
}

fn apply_all(
    command: &str,
    answers: &Path,
    change: &Change,
    message: Message,
    force: bool,
    out: &mut Renderer,
) -> Result<Outcome> {
    defer::refuse_installer()?;
    let refusal = match change.on_failure {
        OnFailure::Keep => Refusal::Keep,
        OnFailure::Rollback if change.no_probe => Refusal::PutBack,
        OnFailure::Rollback => Refusal::AskFirst,
    };
    let wish = Wish { force, message, refusal };
    if let Some(holder) = defer::defer_inside_transaction(command, answers, wish)? {
        out.deferred(&holder, defer::who_does_it());
        return Ok((
            Exit::Deferred,
            json!({ "deferred": { "holder": holder, "next": defer::who_does_it() } }),
        ));
    }
    defer::refuse_without_proc()?;
    if Place::here() == Place::Tree {
        return apply_to_tree(command, answers, None, change, force, out);
    }
    let source = Source::new(answers)?;
    let held = lock_and_recover(change.lock_timeout, Place::Host, out)?;
    let asked = defer::asked()?;
    let desired = source.load()?;
    // Asked before anything is changed: without a recipient the work could not be proved.
    let request =
        if message == Message::Never { None } else { Some(request(&desired, answers, None, None)?) };
    let options = Options {
        place: Place::Host,
        command: command.to_owned(),
        patience: change.lock_timeout,
        request,
        always_verify: message == Message::Always,
        refusal,
        force,
        packages: None,
    };
    let done = apply(&held, &desired, &options, out)?;
    if done.exit() == Exit::Done && message != Message::Never && answers == Path::new(load::DEFAULT) {
        defer::fulfilled(asked, &desired, out)?;
    }
    out.done(&desired, &done, options.place);
    // It was done, whether the host can be looked at once more or not.
    let left = if done.exit() == Exit::Done { look(&desired).ok() } else { None };
    let left = left.map(|plan| plan.by_hand()).unwrap_or_default();
    for finding in &left {
        out.with_remedy(finding);
    }
    let left: Vec<_> = left.iter().map(json::finding).collect();
    Ok((done.exit(), json::merged(of(&done), json!({ "findings": left }))))
}

/// Works on a tree that is not running, `root` or the one that we are in, from inside it: so no link of the tree can lead
/// out of it, and the tree's own rpm, postconf and postmap are used. Nothing is started or sent.
fn apply_to_tree(
    command: &str,
    answers: &Path,
    root: Option<&Path>,
    change: &Change,
    force: bool,
    out: &mut Renderer,
) -> Result<Outcome> {
    // The lock is the tree's, and the answers are outside it: they cannot be read once it is entered.
    let desired = load(answers)?;
    let mut packages = None;
    if let Some(root) = root {
        packages = supply::outside(&desired)?;
        host::enter_tree(root)?;
    }
    let options = Options {
        place: Place::Tree,
        command: command.to_owned(),
        patience: change.lock_timeout,
        request: None,
        always_verify: false,
        refusal: Refusal::Keep,
        force,
        packages,
    };
    let held = lock_and_recover(change.lock_timeout, Place::Tree, out)?;
    let done = apply(&held, &desired, &options, out)?;
    defer::prove_at_boot()?;
    out.done(&desired, &done, options.place);
    Ok((done.exit(), of(&done)))
}

/// The JSON of what was done.
pub fn of(done: &Done) -> Value {
    let body =
        json::done(&done.actions, done.generation, done.undone, done.delivery.as_ref(), &done.recovered);
    match &done.probe {
        Some(probe) => json::merged(body, json!({ "probe": json::probe(probe) })),
        None => body,
    }
}

fn verify_only(
    answers: &Path,
    to: Option<String>,
    deadline: Option<Duration>,
    out: &mut Renderer,
) -> Result<Outcome> {
    let desired = load(answers)?;
    let request = request(&desired, answers, to, deadline)?;
    let recovered = recover_if_stopped(out)?;
    recover::tell_of_damage(out);
    let delivery = verify(&desired, &observe(&desired, Place::Host)?, &request, out)?;
    out.delivery(&delivery);
    Ok((delivery.outcome.exit(), json::with_recovery(json::delivery(&delivery), &recovered)))
}

fn recover(out: &mut Renderer) -> Result<Outcome> {
    const NOTHING: &str = "nothing to clear up";
    // What was done has its own line already.
    let recovered = recover::recover_at_boot(out)?;
    if recovered.is_none() {
        out.say_end(NOTHING);
    }
    Ok((Exit::Done, json!({ "result": recovered.as_deref().unwrap_or(NOTHING) })))
}

fn history(out: &mut Renderer) -> Result<Outcome> {
    let recovered = recover_if_stopped(out)?;
    let is_damaged = recover::tell_of_damage(out);
    let generations = recover::history()?;
    out.history(&generations, is_damaged);
    Ok((Exit::Done, json::with_recovery(json::history(&generations), &recovered)))
}

fn restore(number: Option<u32>, patience: Duration, out: &mut Renderer) -> Result<Outcome> {
    defer::refuse_without_proc()?;
    let held = lock_and_recover(patience, Place::here(), out)?;
    let number = recover::restore(number, out)?;
    Ok((Exit::Done, json::with_recovery(json!({ "generation": number }), &held.recovered)))
}

fn request(
    desired: &Desired,
    answers: &Path,
    to: Option<String>,
    deadline: Option<Duration>,
) -> Result<Request> {
    let to = match to {
        None => {
            let request = Request::of(desired, answers)?;
            return Ok(Request { deadline: deadline.unwrap_or(request.deadline), ..request });
        }
        Some(to) if !text::is_recipient(&to) => {
            return Err(Error::Answers {
                file: "--to".into(),
                place: None,
                problem: format!("`{}` is not a mail address", text::one_line(&to)),
                remedy: "give one complete address, such as ops@example.com".into(),
            });
        }
        Some(to) => to,
    };
    Ok(Request { to, deadline: deadline.unwrap_or(desired.verify.deadline) })
}

fn differs_unless(in_order: bool) -> Exit {
    if in_order { Exit::Done } else { Exit::Differs }
}
