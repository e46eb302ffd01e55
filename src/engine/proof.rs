//! The record of the last test message that the relay took.

use super::Progress;
use crate::model::desired::Desired;
use crate::model::message::delivery::Delivery;
use crate::model::message::proof::Proof;
use crate::sys::state;

/// Records that the relay took the message, at the time `taken`. It was delivered, whether that can be recorded or not.
pub fn record(delivery: &Delivery, desired: &Desired, taken: &str, progress: &mut dyn Progress) {
    if let Some(proof) = Proof::of(delivery, desired, taken.to_owned())
        && let Err(error) = state::write_proof(&proof)
    {
        progress.note(&format!(
            "the relay took the message; that could not be recorded, so `relayhost check` does not show it ({error})"
        ));
    }
}
