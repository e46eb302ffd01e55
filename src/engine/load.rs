//! Makes the answers into `Desired`: reads the files and the password. They decide what root does, so a file that
//! somebody else could have changed is refused, and so is a password that others could have read.

use std::path::{Path, PathBuf};

use toml::Spanned;

use crate::error::{Advice, Error, LOG_IN, Result, shown, typed};
use crate::model::answers::access::CERTIFICATE_FILE;
use crate::model::answers::complete::complete;
use crate::model::answers::{Answers, SIZE_LIMIT, SecretSource};
use crate::model::desired::{Auth, Desired};
use crate::model::oauth::login::Logins;
use crate::model::secret::Secret;
use crate::model::state::generation;
use crate::sys::trust::{self, Guarded, Trusted};
use crate::sys::{acl, environment, files, host, secrets, tokens};

/// The host's answers file.
pub const DEFAULT: &str = "/etc/relayhost/answers.toml";

/// Longest password that is typed or piped in, in bytes.
pub const PASSWORD_LIMIT: u64 = 4096;

/// Longest file that holds the secret of a login, in bytes: an access token or a certificate with its key is longer than a
/// password.
const SECRET_LIMIT: u64 = 64 * 1024;

/// Directory for the answers of other packages: `NAME.toml`, read in the order of their names. answers.toml counts most.
pub const DROP_INS: &str = "/etc/relayhost/answers.d";

/// Names of standard input.
const STANDARD_INPUT: [&str; 4] = ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"];

/// The files that make up the answers of this host, the one that counts most first.
fn files_of_host() -> Vec<PathBuf> {
    let main = Path::new(DEFAULT).to_owned();
    let mut names = files::names(Path::new(DROP_INS));
    names.retain(|name| {
        Path::new(name).extension().is_some_and(|end| end == "toml") && !name.starts_with('.')
    });
    names.sort_unstable_by(|one, other| other.cmp(one));
    let drop_ins = names.into_iter().map(|name| Path::new(DROP_INS).join(name));
    std::iter::once(main).filter(|path| files::exists(path)).chain(drop_ins).collect()
}

/// Whether the host has answers at all.
pub fn is_answered() -> bool {
    !files_of_host().is_empty()
}

/// A fingerprint that changes whenever the answers or the password file change. It rests on more than the files' time:
/// clocks are set, and a file can be written twice in a second.
pub fn edition() -> String {
    let mut paths = files_of_host();
    let secrets: Vec<PathBuf> = paths
        .iter()
        .filter_map(|path| Answers::parse("", &files::read(path, SIZE_LIMIT).ok()??).ok())
        .filter_map(|answers| match answers.secret_source() {
            Ok(SecretSource::File(path)) => Some(PathBuf::from(path)),
            _ => None,
        })
        .collect();
    paths.extend(secrets);
    let each: Vec<String> =
        paths.iter().map(|path| format!("{} {}", path.display(), files::identity(path))).collect();
    generation::sha256(each.join("\n").as_bytes())
}

/// The source of the answers.
pub enum Source {
    /// A file. Those of the host (`DEFAULT`) include the drop-ins.
    File(PathBuf),
    /// Answers from standard input.
    Typed(Box<Answers>),
}

impl Source {
    /// The source that `--answers` names; `-` is standard input, which is read now: a pipe may hang, and nobody else
    /// is to wait for the lock meanwhile. The caller knows who wrote it, so no permissions are checked.
    pub fn new(path: &Path) -> Result<Self> {
        if !STANDARD_INPUT.iter().any(|name| path == Path::new(name)) {
            return Ok(Self::File(path.to_owned()));
        }
        let answers = parse("standard input", &host::read_stdin(SIZE_LIMIT)?, 0)?;
        Ok(Self::Typed(Box::new(answers)))
    }

    /// Reads and checks the answers, and the password that they name.
    pub fn load(self) -> Result<Desired> {
        let login = self.login();
        let answers = self.answers()?;
        let source = answers.secret_source()?;
        let secret = secret(&answers, source)?;
        let user = answers.tables.auth.username.as_ref().map_or("", |name| name.get_ref().as_str());
        // A PEM or JSON file has several lines, which no reply repeats as a whole; the tokens that are fetched with it are
        // hidden.
        if let Some(secret) = secret.as_ref().filter(|secret| !secret.expose().contains('\n')) {
            secrets::know(user, secret);
        }
        let mut desired = complete(&answers, secret)?;
        take_kept_token(&mut desired);
        if let Auth::Login { app: Some(app), .. } = &mut desired.auth {
            app.login = login;
        }
        Ok(desired)
    }

    fn answers(self) -> Result<Answers> {
        match self {
            Self::Typed(answers) => Ok(*answers),
            Self::File(path) if path == Path::new(DEFAULT) => {
                let files = files_of_host();
                let mut files = files.iter().map(PathBuf::as_path);
                let mut answers = load_file(files.next().unwrap_or(&path), 0)?;
                for path in files {
                    let lower = load_file(path, answers.end())?;
                    answers.complete_with(lower);
                }
                Ok(answers)
            }
            Self::File(path) => load_file(&path, 0),
        }
    }

    /// The command by which a person logs in by these answers.
    fn login(&self) -> String {
        match self {
            Self::File(path) if path == Path::new(DEFAULT) => LOG_IN.into(),
            Self::File(path) => format!("relayhost login --answers {}", typed(path)),
            Self::Typed(_) => "relayhost login --answers - <FILE".into(),
        }
    }
}

/// Has the login use the token that is kept, if it belongs to this application, and has every token that is kept hidden. A
/// record that cannot be used is reported by the commands that need it, and not here.
fn take_kept_token(desired: &mut Desired) {
    let Some(app) = desired.app() else { return };
    let user = desired.username().to_owned();
    for login in tokens::logins().ok().flatten().iter().flat_map(Logins::secrets) {
        secrets::know("", &login);
    }
    let Some(token) = tokens::kept().ok().flatten() else { return };
    for one in token.former().chain([token.secret()]) {
        secrets::know(&user, &one);
    }
    if token.is_for(app) {
        desired.take_token(token.secret());
    }
}

/// Registers the password of the host's answers, for a command that does not load them, so that nothing shown contains it. A
/// caller who may not read them registers none.
pub fn know_password() {
    if host::require_root().is_ok() && is_answered() {
        let _ = load(Path::new(DEFAULT));
    }
}

/// The place of the certificate that the answers name, which need not be there. A host without answers gets the usual one.
pub fn place_of_certificate(path: &Path) -> Result<PathBuf> {
    if path == Path::new(DEFAULT) && !is_answered() {
        return Ok(CERTIFICATE_FILE.into());
    }
    let answers = Source::new(path)?.answers()?;
    let oauth = answers.tables.auth.oauth.as_ref();
    let Some(place) = oauth.and_then(|oauth| oauth.get_ref().certificate.as_ref()) else {
        let remedy = format!(
            "write flow = \"certificate\" and certificate = \"{CERTIFICATE_FILE}\" under [auth.oauth]"
        );
        return Err(answers.error(oauth.map(Spanned::span), "the answers name no certificate", &remedy));
    };
    let path = PathBuf::from(place.get_ref());
    if path.is_absolute() {
        return Ok(path);
    }
    Err(answers.error(Some(place.span()), "this must be a path from `/`", "write the whole path"))
}

/// Loads and checks the answers that `path` names, as `--answers` does.
pub fn load(path: &Path) -> Result<Desired> {
    Source::new(path)?.load()
}

/// Reads one file; its places are counted from `start`.
pub(super) fn load_file(path: &Path, start: usize) -> Result<Answers> {
    let read = read(path)?;
    let answers = parse(&shown(path), &read.bytes, start)?;
    if matches!(answers.secret_source()?, SecretSource::Inline(_)) {
        refuse_exposed(path, &read)?;
    }
    Ok(answers)
}

fn parse(name: &str, bytes: &[u8], start: usize) -> Result<Answers> {
    if bytes.len() as u64 > SIZE_LIMIT {
        return Err(too_large(name));
    }
    Answers::parse_at(name, bytes, start)
}

fn read(path: &Path) -> Result<Trusted> {
    let problem =
        |problem: String, remedy: Advice| Error::Answers { file: shown(path), place: None, problem, remedy };
    let result = match trust::read(path, SIZE_LIMIT, Guarded::File) {
        Err(Error::Untrusted { .. }) if may_hold_password(path) => {
            trust::read(path, SIZE_LIMIT, Guarded::Secret)
        }
        other => other,
    };
    match result {
        Ok(Some(read)) => Ok(read),
        // A pipe of the caller's, `<(command)` of the shell, has no name whose owner could be checked.
        Ok(None) if path.starts_with("/dev/fd") || path.starts_with("/proc") => Err(problem(
            "is no file on the disk, so nobody knows whose it is".into(),
            "give the answers on standard input: `--answers -`".into(),
        )),
        Ok(None) => Err(problem(
            "there is no such file".into(),
            "`relayhost init` writes the host's, or copy one of the examples in /usr/share/doc/relayhost/examples there, edit it, and `chmod 600` it; or name another with --answers".into(),
        )),
        Err(Error::TooLarge { .. }) => Err(too_large(&shown(path))),
        Err(error @ Error::NoFile { kind, .. }) => {
            Err(problem(format!("is {kind}, not a file"), error.step()))
        }
        Err(Error::Io { source, .. }) => {
            Err(problem(format!("cannot be read: {source}"), "name the answers file with --answers FILE".into()))
        }
        Err(Error::Untrusted { path: found, problem, remedy }) => Err(Error::Untrusted {
            path: found,
            problem,
            remedy: if stands_alone(path) {
                remedy.and(format!(
                    "; or, when you have read the answers, `relayhost apply --answers - <{}` takes them this once \
                     (check, verify and what waits for relayhost pending go on refusing the file)",
                    typed(path)
                ))
            } else {
                remedy
            },
        }),
        Err(other) => Err(other),
    }
}

/// Whether the answers in a file that is refused may have a password in them: for the remedy alone.
fn may_hold_password(path: &Path) -> bool {
    let read = files::read(path, SIZE_LIMIT).ok().flatten().unwrap_or_default();
    let secret = Answers::parse("", &read).and_then(|answers| answers.secret_source());
    !matches!(
        secret,
        Ok(SecretSource::Absent
            | SecretSource::File(_)
            | SecretSource::Environment(_)
            | SecretSource::Credential(_))
    )
}

/// Whether a file is all of the answers. A drop-in is not, nor is the host's file if there are drop-ins.
fn stands_alone(path: &Path) -> bool {
    let drop_in = files::absolute(path).is_ok_and(|path| path.starts_with(DROP_INS));
    !drop_in && (path != Path::new(DEFAULT) || files_of_host().len() == 1)
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
    let span = answers.secret_place();
    let what = if answers.tables.auth.oauth.is_some() { "file" } else { "password file" };
    match source {
        SecretSource::Absent => Ok(None),
        SecretSource::Inline(secret) => Ok(Some(secret)),
        SecretSource::File(path) => {
            let path = PathBuf::from(path);
            if !path.is_absolute() {
                return Err(answers.error(span, "this must be a path from `/`", "write the whole path"));
            }
            let read = trust::read(&path, SECRET_LIMIT, Guarded::Secret);
            if let Err(error @ Error::NoFile { .. }) = &read {
                return Err(answers.error(span, &format!("the {what} {error}"), error.step()));
            }
            let Some(read) = read? else {
                return Err(answers.error(
                    span,
                    &format!("there is no file `{}`", shown(&path)),
                    missing(answers, &path),
                ));
            };
            refuse_exposed(&path, &read)?;
            password(answers, span, read.bytes).map(Some)
        }
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

/// What to do about a file of a secret that is not there.
fn missing(answers: &Answers, path: &Path) -> String {
    let is_password = answers.tables.auth.oauth.is_none();
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
fn password(answers: &Answers, span: Option<std::ops::Range<usize>>, bytes: Vec<u8>) -> Result<Secret> {
    let Ok(text) = String::from_utf8(bytes) else {
        return Err(answers.error(span, "the secret there is not UTF-8 text", "write it as UTF-8"));
    };
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(Secret::new(line.strip_suffix('\r').unwrap_or(line)))
}

/// Refuses a secret that others may read. That nobody else may write it is known already.
fn refuse_exposed(path: &Path, read: &Trusted) -> Result<()> {
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
