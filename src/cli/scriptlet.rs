//! `scriptlet`, which RPM scriptlets call. Ends with 0 whatever happens, and prints nothing: a scriptlet that fails,
//! prints or waits disturbs somebody's transaction, and rpm 6 fails it for that (rpm: lib/transaction.cc).

use super::arguments::Scriptlet;
use crate::engine::defer::{Subject, scriptlet};
use crate::error::Exit;
use crate::sys::host;

/// Runs it and returns the exit status, which is 0.
pub fn run(options: Scriptlet) -> u8 {
    let subject = match (options.asker, options.changed) {
        (None, None) => Subject::Ourselves,
        (Some(name), _) if name == env!("CARGO_PKG_NAME") => Subject::Ourselves,
        (Some(name), _) => Subject::Asker(name),
        (None, Some(name)) => Subject::Changed(name),
    };
    if host::require_root().is_ok() {
        // There is nobody here to read an error; `check` says whether something waits.
        let _unread = scriptlet(options.slot, options.instances, &subject);
    }
    Exit::Done.code()
}
