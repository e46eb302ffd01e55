//! The passwords that this run knows. Whatever relayhost shows or keeps passes `hide` at the one place where it leaves:
//! standard output and error, the document, the journal, a record. So nobody who shows a stranger's words can forget it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::model::postfix::postmap::MapSource;
use crate::model::secret::Secret;
use crate::model::secret::mask::Mask;
use crate::model::text;

static KNOWN: Mutex<Option<Mask>> = Mutex::new(None);

/// The search for passwords that has not been made yet.
static SEARCH: Mutex<Option<fn()>> = Mutex::new(None);

fn known() -> MutexGuard<'static, Option<Mask>> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has passwords searched by `work` before anything leaves: not at once, since by then most commands have read the tables
/// for themselves, and a search costs a program for each table that was not read. The search itself must let nothing leave.
pub fn search_later(work: fn()) {
    *SEARCH.lock().unwrap_or_else(PoisonError::into_inner) = Some(work);
}

/// Makes the search, if it has not been made: before a table changes, and before the process enters a tree.
pub fn search() {
    // Held until the end of the search: whoever comes meanwhile waits as well.
    let mut search = SEARCH.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(work) = search.take() {
        work();
    }
}

/// From now on this login's password is hidden.
pub fn know(user: &str, password: &Secret) {
    known().get_or_insert_default().know(user, password);
}

/// From now on every password in a password table (sasl_passwd) is hidden.
pub fn know_table(source: &MapSource) {
    for entry in source.values() {
        know_entry(&entry);
    }
}

/// The same for one entry, `user:password`. Postfix takes an entry without a colon for a user with an empty password;
/// whoever wrote it may have meant a password, unless it is an address.
pub fn know_entry(entry: &str) {
    if let Some((user, password)) = entry.split_once(':') {
        know(user, &Secret::new(password));
    } else if !text::is_full_address(entry) {
        know("", &Secret::new(entry));
    }
}

/// The text without the passwords that are known by now.
pub fn hide(text: &str) -> String {
    search();
    known().as_ref().map_or_else(|| text.to_owned(), |mask| mask.hide(text))
}

/// A document without them; what a program goes by in it stays.
pub fn hide_in(document: Value) -> Value {
    search();
    match known().as_ref() {
        Some(mask) => mask.hide_in(document),
        None => document,
    }
}
