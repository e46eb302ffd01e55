//! The commands that change the host: `apply`, `repair`, and `pending`, which systemd calls for what waits.

use std::path::Path;

use super::arguments::{Apply, Change, OnFailure, Pending, Repair};
use super::show::screen::Screen;
use crate::engine::apply::{self, Options};
use crate::engine::compare::look;
use crate::engine::defer::{self, Drained, drain};
use crate::engine::load::{self, Source, load};
use crate::engine::recover::lock_and_recover;
use crate::engine::verify::Request;
use crate::engine::{Place, supply};
use crate::error::{Exit, Result};
use crate::model::ended::{Deferred, Ended, Idle};
use crate::model::state::order::{Message, Refusal, Wish};
use crate::sys::host;

/// Runs `apply`.
pub fn apply(options: &Apply, screen: &mut Screen) -> Result<Ended> {
    let Apply { common, change, force, root, .. } = options;
    if root.is_some() {
        return apply_to_tree("apply --root", &common.answers, root.as_deref(), change, *force, screen);
    }
    let message = if options.no_verify {
        Message::Never
    } else if options.verify {
        Message::Always
    } else {
        Message::IfChanged
    };
    apply_all("apply", &common.answers, change, message, *force, screen)
}

/// Runs `repair`. An admin who types it has said that the answers are right.
pub fn repair(options: &Repair, screen: &mut Screen) -> Result<Ended> {
    apply_all("repair", &options.common.answers, &options.change, Message::Always, true, screen)
}

/// Runs `pending`.
pub fn pending(options: &Pending, screen: &mut Screen) -> Result<Ended> {
    Ok(match drain(options.due, options.lock_timeout, screen)? {
        Drained::Ran(ran) => Ended::Applied(ran.1),
        Drained::Nothing => Ended::Idle(Idle::Nothing),
        Drained::NotDue(last) => Ended::Idle(Idle::NotDue(last)),
        Drained::FirstBoot => Ended::Idle(Idle::FirstBoot),
        Drained::NoAnswers => Ended::Idle(Idle::NoAnswers),
    })
}

fn apply_all(
    command: &str,
    answers: &Path,
    change: &Change,
    message: Message,
    force: bool,
    screen: &mut Screen,
) -> Result<Ended> {
    defer::refuse_installer()?;
    let refusal = match change.on_failure {
        OnFailure::Keep => Refusal::Keep,
        OnFailure::Rollback if change.no_probe => Refusal::PutBack,
        OnFailure::Rollback => Refusal::AskFirst,
    };
    let wish = Wish { force, message, refusal };
    if let Some(holder) = defer::defer_inside_transaction(command, answers, wish)? {
        return Ok(Ended::Deferred(Deferred { holder, next: defer::who_does_it() }));
    }
    defer::refuse_without_proc()?;
    if Place::here() == Place::Tree {
        return apply_to_tree(command, answers, None, change, force, screen);
    }
    let source = Source::new(answers)?;
    let held = lock_and_recover(change.lock_timeout, Place::Host, screen)?;
    let asked = defer::asked()?;
    let desired = source.load()?;
    // Asked before anything is changed: without a recipient the work could not be proved.
    let request = if message == Message::Never { None } else { Some(Request::of(&desired, answers)?) };
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
    let mut done = apply::apply(&held, &desired, &options, screen)?;
    if done.exit() == Exit::Done && message != Message::Never && answers == Path::new(load::DEFAULT) {
        defer::fulfilled(asked, &desired, screen)?;
    }
    // It was done, whether the host can be looked at once more or not.
    let left = if done.exit() == Exit::Done { look(&desired).ok() } else { None };
    done.findings = Some(left.map(|plan| plan.by_hand()).unwrap_or_default());
    Ok(Ended::Applied(done))
}

/// Works on a tree that is not running, `root` or the one that we are in, from inside it: so no link of the tree can lead
/// out of it, and the tree's own rpm, postconf and postmap are used. Nothing is started or sent.
fn apply_to_tree(
    command: &str,
    answers: &Path,
    root: Option<&Path>,
    change: &Change,
    force: bool,
    screen: &mut Screen,
) -> Result<Ended> {
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
    let held = lock_and_recover(change.lock_timeout, Place::Tree, screen)?;
    let done = apply::apply(&held, &desired, &options, screen)?;
    defer::prove_at_boot()?;
    Ok(Ended::Applied(done))
}
