//! The access tokens and the logins of persons between runs, in `/var/lib/relayhost/tokens/`: root's alone, and on the disk
//! before it counts.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::records::{self, DIRECTORY, own_directory};
use super::{files, state};
use crate::error::Result;
use crate::model::oauth::App;
use crate::model::oauth::login::Logins;
use crate::model::oauth::token::Token;
use crate::model::oauth::tokens::Tokens;
use crate::model::oauth::trouble::Troubles;

/// The directory of the records.
pub fn directory() -> PathBuf {
    Path::new(DIRECTORY).join("tokens")
}

fn access() -> PathBuf {
    directory().join("access.json")
}

fn trouble_path() -> PathBuf {
    directory().join("trouble.json")
}

/// The failures since the last tokens; none if the record cannot be used: the next failure makes it anew.
pub fn troubles() -> Troubles {
    let is_ours = state::is_there() && records::is_ours(&directory());
    is_ours.then(|| records::read(&trouble_path()).ok().flatten()).flatten().unwrap_or_default()
}

/// Keeps what failed; without any, no record stays. The caller holds the lock.
pub fn keep_troubles(troubles: &Troubles) -> Result<()> {
    if !troubles.is_empty() {
        own_directory(&directory())?;
        state::replace_record(&trouble_path(), troubles, Path::new(DIRECTORY), files::STAGING)
    } else if files::exists(&trouble_path()) {
        files::remove(&trouble_path())
    } else {
        Ok(())
    }
}

fn refresh() -> PathBuf {
    directory().join("logins.json")
}

/// The tokens that were fetched last; `None` if there are none. `Error::Record` if they cannot be used.
pub fn kept() -> Result<Option<Tokens>> {
    read(&access())
}

/// The token that is kept for an application; `None` also if the record cannot be used, which was moved aside, and reported,
/// when the lock was taken.
pub fn of(app: &App) -> Option<Token> {
    kept().ok().flatten().and_then(|kept| kept.of(app).cloned())
}

/// Keeps tokens in the place of those before; they are on the disk when this returns. The caller holds the lock.
pub fn keep(tokens: &Tokens) -> Result<()> {
    write(&access(), tokens)
}

/// The logins of persons; `None` if there are none. `Error::Record` if they cannot be used.
pub fn logins() -> Result<Option<Logins>> {
    read(&refresh())
}

/// Keeps logins in the place of those before; they are on the disk when this returns, and until then those before are. The
/// caller holds the lock.
pub fn keep_logins(logins: &Logins) -> Result<()> {
    write(&refresh(), logins)
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    if state::is_there() && records::is_ours(&directory()) { records::read(path) } else { Ok(None) }
}

fn write<T: Serialize>(path: &Path, record: &T) -> Result<()> {
    own_directory(&directory())?;
    // Built where it is swept if this run dies.
    state::replace_record(path, record, Path::new(DIRECTORY), files::STAGING)
}
