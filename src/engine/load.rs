//! Answers to `Desired`: reads the file and the password, and refuses a password that others could have read.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::model::answers::{Answers, SIZE_LIMIT, SecretSource};
use crate::model::complete::complete;
use crate::model::desired::Desired;
use crate::model::secret::Secret;
use crate::sys::{files, host};

/// Where answers are looked for.
pub const DEFAULT: &str = "/etc/relayhost/answers.toml";

/// Longest password that is read from a file, in bytes.
const PASSWORD_LIMIT: u64 = 4096;

/// Loads and checks the answers in `path`; `-` is standard input.
pub fn load(path: &Path) -> Result<Desired> {
    let (name, bytes) = if path == Path::new("-") {
        ("standard input".to_owned(), host::read_stdin(SIZE_LIMIT)?)
    } else {
        (path.display().to_string(), read(path)?)
    };
    if bytes.len() as u64 > SIZE_LIMIT {
        return Err(too_large(&name));
    }
    let answers = Answers::parse(&name, &bytes)?;
    let source = answers.secret_source()?;
    if matches!(source, SecretSource::Inline(_)) && path != Path::new("-") {
        refuse_exposed(path)?;
    }
    complete(&answers, secret(&answers, source)?)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let problem = |problem: String, remedy: &str| Error::Answers {
        file: path.display().to_string(),
        place: None,
        problem,
        remedy: remedy.to_owned(),
    };
    match files::read(path, SIZE_LIMIT) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(problem(
            "there is no such file".into(),
            "copy one of the examples in /usr/share/doc/relayhost there, edit it, and `chmod 600` it; or name another with --answers",
        )),
        Err(Error::TooLarge { .. }) => Err(too_large(&path.display().to_string())),
        Err(Error::Io { source, .. }) => {
            Err(problem(format!("cannot be read: {source}"), "name the answers file with --answers FILE"))
        }
        Err(other) => Err(other),
    }
}

fn too_large(name: &str) -> Error {
    Error::Answers {
        file: name.to_owned(),
        place: None,
        problem: format!("is larger than {SIZE_LIMIT} bytes, so it cannot be an answers file"),
        remedy: "name the answers file with --answers FILE".into(),
    }
}

fn secret(answers: &Answers, source: SecretSource) -> Result<Option<Secret>> {
    let auth = &answers.tables.auth;
    match source {
        SecretSource::Absent => Ok(None),
        SecretSource::Inline(secret) => Ok(Some(secret)),
        SecretSource::File(path) => {
            let span = auth.password_file.as_ref().map(toml::Spanned::span);
            let path = PathBuf::from(path);
            if !path.is_absolute() {
                return Err(answers.error(
                    span,
                    "the password file must be a path from `/`",
                    "write the whole path",
                ));
            }
            let Some(bytes) = files::read(&path, PASSWORD_LIMIT)? else {
                return Err(answers.error(
                    span,
                    &format!("there is no file `{}`", path.display()),
                    &format!("write the password into it: `install -m 600 /dev/stdin {}`, then the password, Enter, Ctrl-D", path.display()),
                ));
            };
            refuse_exposed(&path)?;
            password(answers, span, bytes).map(Some)
        }
        SecretSource::Environment(name) => {
            let span = auth.password_env.as_ref().map(toml::Spanned::span);
            host::secret_variable(&name).map(Some).ok_or_else(|| {
                answers.error(
                    span,
                    &format!("the environment has no variable {}", if_name(&name)),
                    "export it before calling relayhost",
                )
            })
        }
        SecretSource::Credential(name) => {
            let span = auth.password_credential.as_ref().map(toml::Spanned::span);
            let bytes = match host::credential_path(&name) {
                Some(path) if !name.contains('/') => files::read(&path, PASSWORD_LIMIT)?,
                _ => None,
            };
            let Some(bytes) = bytes else {
                return Err(answers.error(
                    span,
                    &format!("systemd gave us no credential {}", if_name(&name)),
                    "add `LoadCredential=NAME:/path/of/the/file` to the unit that runs relayhost",
                ));
            };
            password(answers, span, bytes).map(Some)
        }
    }
}

/// A name for a message; what does not look like one may be the password itself.
fn if_name(name: &str) -> String {
    let good = |c: char| c.is_ascii_uppercase() || c == '_' || c == '-';
    if name.chars().all(good) { format!("`{name}`") } else { "of that name".into() }
}

/// A password as it lies in a file: one line end at the end is not part of it.
fn password(answers: &Answers, span: Option<std::ops::Range<usize>>, bytes: Vec<u8>) -> Result<Secret> {
    let Ok(text) = String::from_utf8(bytes) else {
        return Err(answers.error(span, "the password there is not UTF-8 text", "write it as UTF-8"));
    };
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Secret::new(line.strip_suffix('\r').unwrap_or(line)))
}

fn refuse_exposed(path: &Path) -> Result<()> {
    match files::exposure(path)? {
        None => Ok(()),
        Some(problem) => Err(Error::Exposed {
            path: path.to_owned(),
            problem,
            remedy: format!(
                "chown root: {0} && chmod 600 {0} — and change the password if others may have read it",
                path.display()
            ),
        }),
    }
}
