//! Carries out the requests in the queue when the RPM transaction is over: one run serves them all. A request that
//! could not be carried out stays, with its reason.

use std::path::Path;
use std::time::Duration;

use super::defer::{refuse_without_proc, rest, rest_a_while};
use super::recover::tell_of_damage;
use super::run::{Given, Task, run};
use super::{Place, Progress, load, wait};
use crate::error::{Exit, Result};
use crate::model::ended::{Applied, Ended, Idle};
use crate::model::state::order::Order;
use crate::model::state::pending::{Attempt, Moment};
use crate::sys::{host, pending, secrets, signals};

/// Rounds of one call: requests that come while it works are served too, and a loop of requests ends.
const ROUNDS: usize = 3;

/// Carries out the requests that wait. `only_due`: only if it is time to try them again.
pub fn drain(only_due: bool, patience: Duration, progress: &mut dyn Progress) -> Result<Ended> {
    pending::sweep();
    let mut ended = Ended::Idle(Idle::Nothing);
    for _ in 0..ROUNDS {
        if matches!(ended, Ended::Applied(_)) && signals::pending().is_some() {
            // The finished run counts; requests that came meanwhile stay for the next run.
            break;
        }
        // Looks once before any wait: most calls find nothing.
        let entries = pending::entries()?;
        if entries.is_empty() {
            if matches!(ended, Ended::Idle(_)) {
                tell_of_damage(progress);
            }
            break;
        }
        refuse_without_proc()?;
        if Place::here() == Place::Tree {
            ended = Ended::Idle(Idle::FirstBoot);
            break;
        }
        let (now, answers) = (host::moment(), load::edition());
        if only_due && !entries.iter().any(|(_, entry)| entry.is_due(&now, &answers)) {
            let last = entries.iter().find_map(|(_, entry)| entry.last_exit()).unwrap_or(Exit::Done);
            ended = if matches!(ended, Ended::Idle(_)) { Ended::Idle(Idle::NotDue(last)) } else { ended };
            break;
        }
        if !load::is_answered() {
            ended = Ended::Idle(Idle::NoAnswers);
            break;
        }
        let (applied, again) = attempt(only_due, patience, answers, progress)?;
        ended = Ended::Applied(applied);
        if !again {
            break;
        }
    }
    rest();
    Ok(ended)
}

/// Carries out the requests that wait, and notes in the queue why if that fails. Returns whether another round may do
/// more: for new requests, or with answers that have changed. `answers`: their fingerprint.
fn attempt(
    only_due: bool,
    patience: Duration,
    mut answers: String,
    progress: &mut dyn Progress,
) -> Result<(Applied, bool)> {
    let file = Path::new(load::DEFAULT);
    let task = Task {
        command: "pending",
        place: Place::Host,
        answers: file.to_owned(),
        patience,
        packages: None,
        attended: false,
    };
    let given = || {
        // Requests that came while this run waited for the lock are served too.
        let serves = pending::entries()?;
        answers = load::edition();
        let order = serves.iter().map(|(_, entry)| entry.order).reduce(Order::and).unwrap_or_default();
        Ok(Given { desired: load::load(file)?, order, save: None, serves })
    };
    let result = wait_for_turn(only_due, patience, progress).and_then(|()| run(&task, given, progress));
    let result = match result.map_err(signals::blame) {
        // An interruption is no attempt: the entries stay as they are, for the next run.
        Err(error) if error.interruption().is_some() => {
            rest_a_while();
            return Err(error);
        }
        other => other,
    };
    let _held = signals::hold();
    let failure = failure(&result, &answers);
    if let Some(failure) = &failure {
        for (name, entry) in pending::entries()? {
            pending::settle(&name, &entry, Some(&entry.clone().tried(failure.clone())))?;
        }
    }
    let applied = result.inspect_err(|_| rest())?;
    Ok((applied, failure.is_none() || load::edition() != answers))
}

fn wait_for_turn(only_due: bool, patience: Duration, progress: &mut dyn Progress) -> Result<()> {
    wait::for_locks(patience, progress)?;
    // Only the service, which starts with the boot, waits for the network: a person wants the error at once.
    if !only_due {
        return Ok(());
    }
    // Answers that cannot be read are an error of the run.
    load::load(Path::new(load::DEFAULT)).map_or(Ok(()), |desired| wait::for_network(&desired, progress))
}

/// The record of the attempt, if it failed.
fn failure(result: &Result<Applied>, answers: &str) -> Option<Attempt> {
    let (exit, text, remedy) = match result {
        Ok(applied) if applied.is_settled() => return None,
        Ok(applied) => {
            let texts = applied.failure().map(|failure| (failure.cause.clone(), failure.remedy.text()));
            let (text, remedy) = texts.unwrap_or_default();
            (applied.exit(), text, remedy)
        }
        Err(error) => (error.exit(), error.to_string(), error.hint("relayhost pending")),
    };
    let [text, remedy] = [text, remedy].map(|text| secrets::hide(&text));
    let Moment { wall: at, boot, up } = host::moment();
    let put_back = result.as_ref().ok().and_then(|applied| applied.put_back);
    Some(Attempt { at, exit: exit.code(), text, remedy, boot, up, answers: answers.into(), put_back })
}
