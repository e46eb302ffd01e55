//! The secrets that the answers name: in a file, in the environment, as a credential of systemd's.

use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result, shown, typed};
use crate::model::answers::{Answers, SecretSource};
use crate::model::secret::Secret;
use crate::sys::trust::{self, Guarded, Trusted};
use crate::sys::{acl, environment};

/// Longest file that holds the secret of a login, in bytes: an access token or a certificate with its key is longer than a
/// password.
const SECRET_LIMIT: u64 = 64 * 1024;

/// What a source of a secret holds. `span`: its place in the answers; `is_password`: whether it is a password, not what an
/// application proves itself with.
pub(super) fn secret(
    answers: &Answers,
    source: SecretSource,
    span: Option<Range<usize>>,
    is_password: bool,
) -> Result<Option<Secret>> {
    match source {
        SecretSource::Absent => Ok(None),
        SecretSource::Inline(secret) => Ok(Some(secret)),
        SecretSource::File(path) => of_file(answers, &PathBuf::from(path), span, is_password).map(Some),
        SecretSource::Environment(name) => environment::secret_variable(&name).map(Some).ok_or_else(|| {
            answers.error(
                span,
                &format!("the environment has no variable {}", if_name(&name)),
                "export it before calling relayhost",
            )
        }),
        SecretSource::Credential(name) => {
            let path = environment::credential_path(&name).filter(|_| !name.contains('/'));
            let read =
                path.as_deref().map(|path| trust::read(path, SECRET_LIMIT, Guarded::Secret)).transpose()?;
            let Some(Some(read)) = read else {
                return Err(answers.error(
                    span,
                    &format!("systemd gave us no credential {}", if_name(&name)),
                    "add `LoadCredential=NAME:/path/of/the/file` to the unit that runs relayhost",
                ));
            };
            // systemd decides who may read it: its directory is the unit's alone (systemd.exec(5), "Credentials").
            password(answers, span, read.bytes).map(Some)
        }
    }
}

/// The secret in a file.
fn of_file(answers: &Answers, path: &Path, span: Option<Range<usize>>, is_password: bool) -> Result<Secret> {
    let what = if is_password { "password file" } else { "file" };
    if !path.is_absolute() {
        return Err(answers.error(span, "this must be a path from `/`", "write the whole path"));
    }
    let read = trust::read(path, SECRET_LIMIT, Guarded::Secret);
    if let Err(error @ Error::NoFile { .. }) = &read {
        return Err(answers.error(span, &format!("the {what} {error}"), error.step()));
    }
    let Some(read) = read? else {
        let problem = format!("there is no file `{}`", shown(path));
        return Err(answers.error(span, &problem, missing(path, is_password)));
    };
    refuse_exposed(path, &read)?;
    password(answers, span, read.bytes)
}

/// What to do about a file of a secret that is not there.
fn missing(path: &Path, is_password: bool) -> String {
    let text = if is_password { "the password" } else { "its text" };
    let into =
        if is_password { "write the password into it" } else { "have it there, root's, with mode 0600" };
    format!("{into}: `install -m 600 /dev/stdin {}`, then {text}, Enter, Ctrl-D", typed(path))
}

/// The words for a name in a message; text that does not look like a name may be the password itself.
fn if_name(name: &str) -> String {
    let good = |c: char| c.is_ascii_uppercase() || c == '_' || c == '-';
    if name.chars().all(good) { format!("`{name}`") } else { "of that name".into() }
}

/// Reads a password from the bytes of a file: one line end at the end is not part of it.
fn password(answers: &Answers, span: Option<Range<usize>>, bytes: Vec<u8>) -> Result<Secret> {
    let Ok(text) = String::from_utf8(bytes) else {
        return Err(answers.error(span, "the secret there is not UTF-8 text", "write it as UTF-8"));
    };
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Secret::new(line.strip_suffix('\r').unwrap_or(line)))
}

/// Refuses a secret that others may read. That nobody else may write it is known already.
pub(in crate::engine) fn refuse_exposed(path: &Path, read: &Trusted) -> Result<()> {
    let open = read.mode & 0o077;
    if open == 0 {
        return Ok(());
    }
    Err(Error::Exposed {
        path: path.to_owned(),
        problem: format!("has mode {:04o}{}, so that others can read it", read.mode, acl::note(path)),
        remedy: format!(
            "`chmod 600 {}`, and have another secret if others may have read this one",
            typed(path)
        )
        .into(),
    })
}
