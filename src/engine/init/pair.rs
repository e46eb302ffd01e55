//! Puts answers and password into their places as one change, beside an administrator who may edit either at any moment.
//!
//! All files of one change lie in one staging directory beside the answers: the new password (`secret`), which the answers
//! name there until it is in its place; a directory for each exchange, with the new file and then the old one; and `known`,
//! the digests of all files that `init` has seen or made. A file that came out of an exchange and is not known is an edit.
//! So the next run can finish a change that was stopped, or clear it up, and loses no edit.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::Target;
use crate::error::{Edit, Error, Result, shown};
use crate::model::secret::Secret;
use crate::model::state::generation::{Inode, sha256};
use crate::sys::{files, inode, kept, swap};

/// The new password.
const SECRET: &str = "secret";
/// The digests, one a line.
const KNOWN: &str = "known";
/// Beginning of the names of the directories of exchanges.
const EXCHANGE: &str = "exchange-";
/// Number of attempts to replace one file while somebody goes on changing it.
const TRIES: usize = 5;

/// Puts the new answers into place, and the password, if it gets a file of its own. `text` makes the answers that name
/// this password file. Answers and password change in one step, by the exchange of the answers: these name the new
/// password where it was built. Returns the password's path, and adds to `lines` as [`settle_all`] does.
///
/// `Error::ChangedMeanwhile` if that met an edit: nothing is changed then.
pub fn put(
    target: &Target,
    password: Option<&Secret>,
    text: &dyn Fn(Option<&Path>) -> String,
    lines: &mut Vec<String>,
) -> Result<Option<PathBuf>> {
    files::ensure_directory(target.directory(), 0o755)?;
    let seen = inode::look(&target.answers)?;
    // From here on `settle` alone removes it: an edit may come into it.
    let staging = files::staging(&target.answers)?.keep();
    let secret = password.map(|_| staging.join(SECRET));
    let build = || {
        if let (Some(password), Some(secret)) = (password, &secret) {
            files::create(secret, format!("{}\n", password.expose()).as_bytes(), 0o600)?;
            files::sync_directory(&staging)?;
            know(&staging, target.seen_password())?;
        }
        let text = text(secret.as_deref());
        let new = prepare(&staging, &target.answers, text.as_bytes(), seen.as_ref())?;
        // Then an edit of the password stays in its place, too, but for one that comes after this moment: that is kept.
        target.refuse_if_edited()?;
        swap::put(&new, &target.answers, seen.as_ref())
    };
    let mut put = build();
    if let Some(secret) = &secret {
        // An error does not tell whether the files were exchanged: fsync(2) comes after it. The answers tell it.
        if names(&target.answers, secret).unwrap_or(true) {
            let settled = settle_and_tell(target, &staging, lines);
            return put.map(|()| Some(if settled { target.password.clone() } else { secret.clone() }));
        }
        put = put.and(Err(swap::changed(&target.answers, &target.answers)));
    }
    settle_and_tell(target, &staging, lines);
    put.map(|()| None)
}

/// Finishes, or clears up, every change that a stopped `init` has left beside these answers. Adds to `lines` one for each
/// edit that it kept, and for each change that it could not clear up.
pub fn settle_all(target: &Target, lines: &mut Vec<String>) {
    for staging in files::stagings(target.directory()).unwrap_or_default() {
        settle_and_tell(target, &staging, lines);
    }
}

/// Whether all is in its place.
fn settle_and_tell(target: &Target, staging: &Path, lines: &mut Vec<String>) -> bool {
    let settled = settle(target, staging, lines);
    let left =
        settled.err().map(|error| format!("`{}` is left by `relayhost init`: {error}", shown(staging)));
    let is_done = left.is_none();
    lines.extend(left);
    is_done
}

/// Finishes the change whose files lie in this staging directory, if the answers name a password in it; then keeps every
/// edit that came out of an exchange, and removes the directory.
fn settle(target: &Target, staging: &Path, lines: &mut Vec<String>) -> Result<()> {
    // An earlier version gave the password another name.
    for name in files::list(staging)? {
        if names(&target.answers, &staging.join(&name))? {
            bring_home(target, staging, &staging.join(name), lines)?;
        }
    }
    rescue(target, staging, lines)?;
    let remove = |path: &Path| files::remove_all(path).map_err(Error::io("remove", path));
    // What is known goes last: whatever stops this, old files are not taken for edits.
    exchanges(staging)?.iter().try_for_each(|directory| remove(directory))?;
    remove(staging)
}

fn exchanges(staging: &Path) -> Result<Vec<PathBuf>> {
    let names = files::list(staging)?.into_iter().filter(|name| name.starts_with(EXCHANGE));
    Ok(names.map(|name| staging.join(name)).collect())
}

/// Puts a password that the answers name where it was built into its place, and has the answers name that place. After
/// each step the answers name the new password. An edit of the old password is kept.
fn bring_home(target: &Target, staging: &Path, built: &Path, lines: &mut Vec<String>) -> Result<()> {
    let Some(password) = files::read_no_link(built)? else { return Ok(()) };
    replace(staging, &target.password, |before| {
        if let Some((inode, bytes)) = before
            && !known(staging)?.contains(&inode.sha256)
        {
            lines.push(edited(&target.password, bytes)?);
        }
        Ok(Some(password.clone()))
    })?;
    let [there, home] = [built, &target.password].map(|path| path.display().to_string());
    replace(staging, &target.answers, |before| {
        let text = before.and_then(|(_, bytes)| std::str::from_utf8(bytes).ok());
        // Somebody may have written other answers there meanwhile.
        Ok(text.filter(|text| text.contains(&there)).map(|text| text.replace(&there, &home).into_bytes()))
    })
}

/// Replaces a file by the bytes that `make` makes of what is there, until nobody changes it meanwhile; if it makes none,
/// the file stays.
fn replace(
    staging: &Path,
    path: &Path,
    mut make: impl FnMut(Option<&(Inode, Vec<u8>)>) -> Result<Option<Vec<u8>>>,
) -> Result<()> {
    for _ in 0..TRIES {
        let before = inode::take(path)?;
        let Some(bytes) = make(before.as_ref())? else { return Ok(()) };
        let before = before.as_ref().map(|(inode, _)| inode);
        match prepare(staging, path, &bytes, before).and_then(|new| swap::put(&new, path, before)) {
            Err(Error::ChangedMeanwhile { .. }) => {}
            other => return other,
        }
    }
    Err(swap::changed(path, path))
}

/// Makes the new file for a place, root's alone, in a directory in which it can be exchanged for the one that was `seen`.
fn prepare(staging: &Path, path: &Path, bytes: &[u8], seen: Option<&Inode>) -> Result<PathBuf> {
    know(staging, seen.map(|inode| inode.sha256.clone()).into_iter().chain([sha256(bytes)]))?;
    let directory = files::private_directory(staging, EXCHANGE)?.keep();
    swap::prepare(&directory, path.file_name().unwrap_or_default(), &inode::private(bytes), &mut &*bytes)
}

/// Keeps every file that came out of an exchange and is an edit. If the answers are not those that `init` wrote, the old
/// password is kept as well: it may be the one that goes with them.
fn rescue(target: &Target, staging: &Path, lines: &mut Vec<String>) -> Result<()> {
    let known = known(staging)?;
    let is_known = |bytes: &[u8]| known.contains(&sha256(bytes));
    let ours = files::read_no_link(&target.answers)?.is_none_or(|bytes| is_known(&bytes));
    let new = files::read_no_link(&staging.join(SECRET))?;
    for directory in exchanges(staging)? {
        for path in [&target.answers, &target.password] {
            let bytes = match files::read_no_link(&directory.join(name_of(path))) {
                // The link leads where it led; nothing is lost.
                Err(Error::Symlink { .. }) | Ok(None) => continue,
                other => other?.unwrap_or_default(),
            };
            if !is_known(&bytes) {
                lines.push(edited(path, &bytes)?);
            } else if !ours && path == &target.password && new.as_ref() != Some(&bytes) {
                let kept = keep(path, &bytes)?;
                lines.push(format!(
                    "somebody else has changed {} meanwhile; if the previous password goes with that, it is kept as {}",
                    shown(&target.answers),
                    shown(kept)
                ));
            }
        }
    }
    Ok(())
}

/// Keeps the bytes of an edit, and returns the line that says so.
fn edited(path: &Path, bytes: &[u8]) -> Result<String> {
    Ok(Edit::Kept { path: path.to_owned(), kept: keep(path, bytes)? }.line())
}

fn keep(path: &Path, bytes: &[u8]) -> Result<PathBuf> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    kept::keep(directory, &format!("{}.found-by-relayhost", name_of(path)), bytes)
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn known(staging: &Path) -> Result<BTreeSet<String>> {
    let bytes = files::read_no_link(&staging.join(KNOWN))?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect())
}

/// Notes digests of files that are no edits; they are on the disk when this returns.
fn know(staging: &Path, digests: impl IntoIterator<Item = String>) -> Result<()> {
    let mut all = known(staging)?;
    all.extend(digests);
    let new = staging.join("known.new");
    let _ = files::remove_all(&new); // of a run that was stopped
    files::create(&new, all.into_iter().collect::<Vec<_>>().join("\n").as_bytes(), 0o600)?;
    files::put_in_place(&new, &staging.join(KNOWN))
}

/// Whether the answers name this file.
fn names(answers: &Path, file: &Path) -> Result<bool> {
    let bytes = files::read_no_link(answers)?.unwrap_or_default();
    Ok(memchr::memmem::find(&bytes, file.as_os_str().as_encoded_bytes()).is_some())
}
