//! The screens of `apply`, `repair`, `pending` and `verify`: the change of the host, and the fate of the test
//! message.

use super::screen::Screen;
use super::terminal::Mark;
use super::{plan, probe};
use crate::error::{Exit, typed};
use crate::model::arrival::Arrival;
use crate::model::ended::{Applied, Deferred, Drilled, Verified};
use crate::model::exits::EVERYBODY;
use crate::model::message::delivery::{Delivery, InQueue, Instead, Outcome};
use crate::model::plan::State;

/// Shows what a run did to the host, and what it leaves to a person.
pub fn applied(screen: &Screen, done: &Applied) {
    if let Some(probe) = &done.probe {
        if done.is_vetoed() {
            probe::probed(screen, probe);
            result(screen, done);
            return;
        }
        probe::warnings(screen, probe);
    }
    if done.actions.is_empty() {
        nothing_to_do(screen, done);
    }
    if let Some(delivery) = &done.delivery {
        self::delivery(screen, delivery);
    }
    result(screen, done);
    if let (Some(generation), None, false) = (done.generation, done.put_back, done.in_tree) {
        screen.field("undo", &format!("relayhost restore {generation}"));
    }
    for finding in done.findings.iter().flatten() {
        plan::with_remedy(screen, finding);
    }
}

fn nothing_to_do(screen: &Screen, done: &Applied) {
    // The summary reads as if mail leaves, which is wrong beside a message that was not accepted, or beside mail that waits.
    let is_accepted = done.delivery.as_ref().is_none_or(|delivery| delivery.outcome.exit() == Exit::Done);
    let is_left = done.findings.iter().flatten().any(|finding| finding.state == State::Differs);
    let is_amiss = done.leaving.as_ref().is_some_and(|leaving| !leaving.amiss().is_empty());
    let is_proved = is_accepted && !is_left && !is_amiss;
    let state = if is_proved { &done.summary } else { "packages, files and service are as the answers say" };
    let but = match &done.leaving {
        Some(leaving) if leaving.is_stopped() => {
            "; but mail does not leave: look at what is below (relayhost diagnose says more)"
        }
        Some(_) if is_amiss => "; but look at what is below (relayhost diagnose says more)",
        _ => "",
    };
    screen.line("", &format!("nothing to do: {state}{but}"));
    if done.leaving.as_ref().is_some_and(|leaving| leaving.is_stopped()) {
        let status = "the exit status is 0, since there was nothing to do; `relayhost check` ends with 3 while mail does not leave";
        screen.field("result", status);
    }
    if let Some(leaving) = done.leaving.as_ref().filter(|_| !is_amiss) {
        screen.line("", &leaving.sentence());
    }
}

fn result(screen: &Screen, done: &Applied) {
    done.result().iter().for_each(|result| screen.field("result", result));
}

/// Shows that an order was recorded.
pub fn deferred(screen: &Screen, deferred: &Deferred) {
    let Deferred { holder, next } = deferred;
    screen.marked(
        Mark::Note,
        &format!("deferred: {holder} is in an RPM transaction, in which nothing can be installed"),
        2,
    );
    screen.below(&format!("-> it is recorded; {next}"));
}

/// Shows the fate of the test message.
pub fn delivery(screen: &Screen, delivery: &Delivery) {
    screen.field("from", &delivery.from);
    screen.field("to", &delivery.to);
    if let Some(queue_id) = &delivery.queue_id {
        screen.field("queue id", queue_id);
    }
    if let Some([before, queue, connect, send]) = delivery.delays {
        screen.field(
            "took",
            &format!(
                "{:.1} s: {before} before the queue manager, {queue} in it, {connect} connecting and logging in, {send} sending",
                delivery.waited.as_secs_f64()
            ),
        );
    }
    match (&delivery.outcome, &delivery.arrival) {
        (Outcome::Accepted { relay, redirected, instead, .. }, arrival) => {
            if let Some(instead) = instead {
                self::instead(screen, relay, instead);
            }
            let arrives_at = redirected.as_ref().unwrap_or(&delivery.to);
            if let Some(address) = redirected {
                let text = format!("this host makes {} into {address}, who gets its mail", delivery.to);
                screen.field(
                    "caveat",
                    &format!("{text} (`relayhost route --to {}` shows where)", typed(&delivery.to)),
                );
            }
            if let Some(arrival) = arrival {
                self::arrival(screen, arrival);
                return;
            }
            let text = "the relay has accepted it; that it arrives, only the mailbox of";
            screen.field("note", &format!("{text} {arrives_at} can tell"));
        }
        (Outcome::Failed(failure), _) => {
            probe::failure(screen, failure);
            for line in &failure.evidence {
                screen.field("log", line);
            }
            if delivery.queue == InQueue::TakenOut {
                let text = match &delivery.queue_id {
                    Some(id) => format!("the test message {id} was taken out of the queue again"),
                    None => "the test message was taken out of the maildrop again".into(),
                };
                screen.field("queue", &text);
            }
        }
    }
}

/// Shows the fate of the message of `verify`, and with `--all` what became of the other ways.
pub fn verified(screen: &Screen, verified: &Verified) {
    if verified.others.is_some() {
        screen.section(EVERYBODY);
    }
    delivery(screen, &verified.delivery);
    verified.unlike.iter().for_each(|text| screen.field("caveat", text));
    let Some(others) = &verified.others else { return };
    for one in &others.accounts {
        screen.section(&format!("{}: {}", one.whose, one.relay));
        delivery(screen, &one.delivery);
    }
    for (whose, probe) in &others.routes {
        screen.section(&format!("{whose}: {}, probed and not verified", probe.relayhost));
        probe::probed(screen, probe);
    }
    screen.write("\n");
    let accounts = others.accounts.iter().map(|one| (one.whose.as_str(), &one.delivery));
    for (whose, delivery) in std::iter::once((EVERYBODY, &verified.delivery)).chain(accounts) {
        let mark = if delivery.proof() == Exit::Done { Mark::Good } else { Mark::Bad };
        screen.marked(mark, &format!("{whose}: {}", delivery.outcome.as_proof()), 2);
    }
    for (whose, probe) in &others.routes {
        let (mark, text) = match probe.exit() {
            Exit::Done => (Mark::Good, "would take mail; no message was sent"),
            _ => (Mark::Bad, "would take none, or it is not known"),
        };
        screen.marked(mark, &format!("{whose}: {} {text}", probe.relayhost), 2);
    }
    for text in &others.untried {
        screen.marked(Mark::Note, text, 2);
    }
}

/// Shows the fate of each message of a drill.
pub fn drilled(screen: &Screen, drilled: &Drilled) {
    for drill in &drilled.drills {
        screen.section(&format!("fallback relay {}", drill.relay));
        self::delivery(screen, &drill.delivery);
    }
    screen.line("", "the host's own Postfix, its queue and its configuration were not touched");
}

/// Shows why another relay than the first took the message.
fn instead(screen: &Screen, relay: &str, instead: &Instead) {
    screen.field("caveat", &instead.in_words(relay));
    screen.field("remedy", &instead.remedy().text());
    if let Some(failure) = &instead.failure {
        for line in &failure.evidence {
            screen.field("log", line);
        }
    }
}

/// Shows what was seen in the mailbox.
fn arrival(screen: &Screen, arrival: &Arrival) {
    if let Some(seen) = &arrival.seen {
        let (letter, copies) = (&seen.letter, seen.copies);
        screen.field("arrived", &format!("in {} after {:.1} s", seen.folder, seen.after.as_secs_f64()));
        if copies > 1 {
            screen.field("copies", &format!("{copies}: something on the way sends it more than once"));
        }
        let legs: Vec<String> =
            letter.legs.iter().map(|leg| format!("{} {:+} s", leg.by, leg.seconds)).collect();
        screen.field("legs", &format!("{} (each by its own clock)", legs.join(", ")));
        if let Some(words) = &letter.greylisted {
            screen
                .field("put off", &format!("at first, by a receiver that did not know the sender: {words}"));
        }
        screen.field(
            "from",
            &format!("{}, as a person sees it; the text {}", letter.from, letter.text.words()),
        );
        match &letter.authentication {
            Some(said) => {
                let words = format!("{} (by {})", said.words(), said.by);
                let all: Vec<&str> = [words.as_str()].into_iter().chain(said.faults()).collect();
                screen.field("receiver", &all.join("; "));
            }
            None => screen.field("receiver", "says nothing of SPF, DKIM and DMARC"),
        }
        match &seen.removed {
            Some(Ok(())) => screen.field("removed", "the test message was removed from the mailbox"),
            Some(Err(why)) => screen.field("removed", &format!("no: {why}")),
            None => {}
        }
    }
    arrival.failure.iter().for_each(|failure| probe::failure(screen, failure));
}
