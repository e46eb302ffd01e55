//! The access token and the logins of persons between runs, in `/var/lib/relayhost/tokens/`: root's alone, and on the disk
//! before it counts.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::records::{self, DIRECTORY, own_directory};
use super::{files, state};
use crate::error::Result;
use crate::model::oauth::login::Logins;
use crate::model::oauth::token::Token;
use crate::model::oauth::trouble::Trouble;

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

/// The failures since the last token; `None` if there were none, or if the record cannot be used: the next failure makes it
/// anew.
pub fn trouble() -> Option<Trouble> {
    let is_ours = state::is_there() && records::is_ours(&directory());
    is_ours.then(|| records::read(&trouble_path()).ok().flatten()).flatten()
}

/// Keeps what failed, or with `None` forgets it. The caller holds the lock.
pub fn keep_trouble(trouble: Option<&Trouble>) -> Result<()> {
    match trouble {
        Some(trouble) => {
            own_directory(&directory())?;
            state::replace_record(&trouble_path(), trouble, Path::new(DIRECTORY), files::STAGING)
        }
        None if files::exists(&trouble_path()) => files::remove(&trouble_path()),
        None => Ok(()),
    }
}

fn refresh() -> PathBuf {
    directory().join("logins.json")
}

/// The token that was fetched last; `None` if there is none. `Error::Record` if it cannot be used.
pub fn kept() -> Result<Option<Token>> {
    read(&access())
}

/// Keeps a token in the place of the one before; it is on the disk when this returns. The caller holds the lock.
pub fn keep(token: &Token) -> Result<()> {
    write(&access(), token)
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
