//! What an RPM scriptlet calls. Ends with 0 whatever happens, and says nothing: a scriptlet that fails, prints or waits
//! is trouble in somebody's transaction, and rpm 6 fails it for that (rpm: lib/transaction.cc).

use super::SlotName;
use crate::engine::defer::{Slot, Subject, scriptlet};
use crate::error::Exit;
use crate::sys::host;

/// Runs it and returns the exit status, which is 0.
pub fn run(slot: SlotName, instances: u32, asker: Option<String>, changed: Option<String>) -> u8 {
    let slot = match slot {
        SlotName::Post => Slot::Post,
        SlotName::PostTrans => Slot::PostTrans,
        SlotName::PreUn => Slot::PreUn,
        SlotName::PostUn => Slot::PostUn,
    };
    let subject = match (asker, changed) {
        (None, None) => Subject::Ourselves,
        (Some(name), _) if name == env!("CARGO_PKG_NAME") => Subject::Ourselves,
        (Some(name), _) => Subject::Asker(name),
        (None, Some(name)) => Subject::Changed(name),
    };
    if host::require_root().is_ok() {
        // `check` tells whether something waits; there is nobody here to tell.
        let _untold = scriptlet(slot, instances, &subject);
    }
    Exit::Done.code()
}
