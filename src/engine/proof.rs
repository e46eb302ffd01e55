//! The record of the last test message that the relay took.

use super::Progress;
use crate::model::desired::Desired;
use crate::model::message::delivery::Delivery;
use crate::model::message::proof::Proof;
use crate::model::recipients::ROOT;
use crate::sys::state;

/// Records that the relay took the message, at the time `taken`. It was delivered, whether that can be recorded or not. One to
/// root, or by a route, is no record of the way of the alerts, which has what the mailbox said, too.
pub fn record(delivery: &Delivery, desired: &Desired, taken: &str, progress: &mut dyn Progress) {
    if delivery.to != ROOT
        && desired.route_of(&delivery.to).is_none()
        && desired.way_of(&delivery.from).next_hop() == desired.relayhost()
        && let Some(proof) = Proof::of(delivery, desired, taken.to_owned())
        && let Err(error) = state::write_proof(&proof)
    {
        progress.note(&format!(
            "the relay took the message; that could not be recorded, so `relayhost check` does not show it ({error})"
        ));
    }
}
