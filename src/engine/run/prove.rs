//! The end of a run: the test message, and the effect of its verdict on the change of the files.

use super::Given;
use crate::engine::arrival::heed;
use crate::engine::observe::observe;
use crate::engine::transaction::{self, Transaction, or_undo};
use crate::engine::verify::{Request, verify};
use crate::engine::{Place, Progress, defer, stage};
use crate::error::{Edit, Error, Exit, Files, Result};
use crate::model::message::delivery::Delivery;
use crate::model::state::order::{Consequence, PutBack};
use crate::sys::signals;

/// The outcome of the proof.
pub struct Proved {
    /// The fate of the test message, if one was sent.
    pub delivery: Option<Delivery>,
    /// Why the files were put back, if they were.
    pub put_back: Option<PutBack>,
    /// The reason why a proof could not be recorded, if so.
    pub unrecorded: Option<String>,
}

/// The configuration before the change, and what of the change is to be proved beside the way of an alert.
#[derive(Debug, Clone, Copy)]
pub struct Before {
    /// Whether it has worked: it gives way only to one that is seen to work.
    pub has_worked: bool,
    /// The generation of an earlier change that no message has proved, and this one may.
    pub unproven: Option<u32>,
    /// Whether the change has written who gets root's mail.
    pub has_alias: bool,
}

/// What a relay has confirmed stays in force, also if the disk is full by then.
fn unrecorded(recorded: Result<()>, progress: &mut dyn Progress) -> Option<String> {
    let error = recorded.err()?;
    let line = format!(
        "the relay took the message, and the configuration stays; that could not be recorded ({error}), so the next `relayhost apply` sends another message"
    );
    progress.note(&line);
    Some(line)
}

/// Ends a change for which no message is sent. `left_out`: packages without which none could be; they are the error.
pub fn keep(
    place: Place,
    transaction: Option<Transaction>,
    left_out: Vec<String>,
    progress: &mut dyn Progress,
) -> Result<Proved> {
    // The first boot of a tree proves its configuration. If that cannot be recorded, the change does not stay.
    let is_tree = place == Place::Tree;
    let recorded = if is_tree { defer::prove_at_boot() } else { Ok(()) };
    let ((), transaction) = or_undo(recorded, transaction, progress)?;
    let unproven = is_tree || !left_out.is_empty();
    transaction.map(|transaction| transaction.keep(unproven, progress)).transpose()?;
    if left_out.is_empty() {
        Ok(Proved { delivery: None, put_back: None, unrecorded: None })
    } else {
        Err(Error::Image { missing: left_out })
    }
}

/// Sends the test message and follows it; then, if that is to be proved too, one to root. Returns the fate of the first, unless
/// that of the second is worse; and what kept the second from having one, a signal say: the relay's word on the first counts
/// all the same.
fn follow(
    given: &Given,
    message: &Request,
    before: Before,
    queued: &mut dyn FnMut(&str),
    progress: &mut dyn Progress,
) -> Result<(Delivery, Result<()>)> {
    let (desired, now) = (&given.desired, observe(&given.desired, Place::Host)?);
    let delivery = verify(desired, &now, message, queued, progress)?;
    let is_open = before.has_alias || before.unproven.is_some();
    let is_cut_off = heed(&delivery, desired).is_err();
    if desired.root.is_empty() || !is_open || is_cut_off || delivery.verdict() != Exit::Done {
        return Ok((delivery, Ok(())));
    }
    Ok(match verify(desired, &now, &message.of_root(), queued, progress) {
        Ok(of_root) if of_root.verdict() == Exit::Done => (delivery, Ok(())),
        Ok(of_root) => (of_root, Ok(())),
        Err(error) => (delivery, Err(error)),
    })
}

/// Sends the test message and follows it. The relay's answer decides whether the change stays.
pub fn prove(
    given: &Given,
    message: &Request,
    before: Before,
    mut transaction: Option<Transaction>,
    progress: &mut dyn Progress,
) -> Result<Proved> {
    let mut sent = |queue_id: &str| transaction.iter_mut().for_each(|transaction| transaction.sent(queue_id));
    let (verdict, after) = match follow(given, message, before, &mut sent, progress) {
        Ok((delivery, after)) => (Ok(delivery), after),
        Err(error) => (Err(signals::blame(error)), Ok(())),
    };
    let exit = verdict.as_ref().ok().map(Delivery::verdict);
    match (given.order.consequence(exit, before.has_worked), verdict) {
        (Consequence::Undo, verdict) => {
            let (delivery, transaction) = or_undo(verdict, transaction, progress)?;
            let why = PutBack::after(delivery.outcome.exit());
            let put_back = transaction.is_some().then_some(why);
            transaction.map(|transaction| undo(transaction, why, progress)).transpose()?;
            Ok(Proved { delivery: Some(delivery), put_back, unrecorded: None })
        }
        (consequence, Ok(delivery)) => {
            let is_proved = consequence == Consequence::Keep;
            let number = transaction.as_ref().map(Transaction::number);
            let recorded = match (transaction, before.unproven) {
                (Some(transaction), _) if is_proved => transaction.stay(false, progress),
                (Some(transaction), _) => transaction.keep(true, progress).map(Ok)?,
                (None, Some(number)) if is_proved => transaction::prove(number),
                (None, _) => Ok(()),
            };
            let unrecorded = unrecorded(recorded, progress);
            // The look for the arrival may have been cut off, or the message to root.
            let cut_off = after.and_then(|()| heed(&delivery, &given.desired)).map_err(signals::blame);
            cut_off.map_err(|cause| {
                cause.interrupted_with(|left| left.files = number.map_or(left.files, Files::New))
            })?;
            Ok(Proved { delivery: Some(delivery), put_back: None, unrecorded })
        }
        (_, Err(cause)) => {
            let _held = signals::hold();
            let number = transaction.as_ref().map(Transaction::number);
            transaction.map(|transaction| transaction.keep(true, progress)).transpose()?;
            Err(cause.interrupted_with(|left| left.files = number.map_or(left.files, Files::New)))
        }
    }
}

/// Puts back the files after a test message that the relay did not take.
fn undo(transaction: Transaction, why: PutBack, progress: &mut dyn Progress) -> Result<()> {
    // From the end of the message until the files are put back, a signal waits.
    let _held = signals::hold();
    stage(progress, "undo", |progress| {
        let put_back = transaction.undo(why.text(), progress)?;
        put_back.edits.iter().for_each(|edit| progress.note(&edit.line()));
        if let Some(untold) = put_back.untold {
            progress.note(&format!("Postfix could not be told: {untold}"));
        }
        Ok(format!("the previous configuration was restored{}", Edit::except(&put_back.edits)))
    })
}
