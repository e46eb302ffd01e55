//! Makes the answers into `Desired`: reads the files and the password. They decide what root does, so a file that
//! somebody else could have changed is refused, and so is a password that others could have read.

pub mod certificate;
mod secret;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) use secret::refuse_exposed;
use secret::secret;

use crate::error::{Advice, Complaint, Error, LOG_IN, Result, shown, typed};
use crate::model::accounts;
use crate::model::alarm::Way;
use crate::model::answers::arrival::Named as Mailbox;
use crate::model::answers::complete::{NamedSecret, Secrets, complete};
use crate::model::answers::fallback::Named;
use crate::model::answers::from_json::toml_of;
use crate::model::answers::{Answers, SIZE_LIMIT, SecretSource};
use crate::model::desired::{Auth, Desired, WayOut};
use crate::model::oauth::App;
use crate::model::oauth::login::Logins;
use crate::model::postfix::managed::Managed;
use crate::model::postfix::postmap::MapSource;
use crate::model::routes::Route;
use crate::model::secret::Secret;
use crate::model::state::generation;
use crate::sys::trust::{self, Guarded, Trusted};
use crate::sys::{files, host, secrets, tokens};

/// The host's answers file.
pub const DEFAULT: &str = "/etc/relayhost/answers.toml";

/// Longest password that is typed or piped in, in bytes.
pub const PASSWORD_LIMIT: u64 = 4096;

/// Length from which on a part of a webhook's address, or a header of it, is hidden: a shorter one is a word that may be
/// anywhere (`5`, `ping`).
const SHORTEST_SECRET: usize = 8;
/// Length from which on a part of a secret is hidden by itself, in bytes.
const LONG_PART: usize = 16;

/// Number of users with whom a token is hidden that is not known to be one user's.
const USERS: usize = 8;

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
        .flat_map(|answers| answers.sources().unwrap_or_default())
        .filter_map(|source| match source {
            SecretSource::File(path) => Some(PathBuf::from(path)),
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
        let bytes = host::read_stdin(SIZE_LIMIT)?;
        let of_json = if bytes.len() as u64 > SIZE_LIMIT { Ok(None) } else { toml_of(&bytes) };
        let of_json = of_json.map_err(|Complaint { problem, remedy }| Error::Answers {
            file: "standard input".into(),
            place: None,
            problem,
            remedy,
        })?;
        let answers = match of_json {
            Some(text) => parse("standard input, as TOML", text.as_bytes(), 0),
            None => parse("standard input", &bytes, 0),
        };
        Ok(Self::Typed(Box::new(answers?)))
    }

    /// The text of answers from standard input, which no file has.
    pub fn text(&self) -> Option<Secret> {
        match self {
            Self::Typed(answers) => Some(answers.text().clone()),
            Self::File(_) => None,
        }
    }

    /// Reads and checks the answers, and the password that they name.
    pub fn load(self) -> Result<Desired> {
        let login = self.login();
        let answers = self.answers()?;
        let is_password = answers.tables.auth.oauth.is_none();
        let login_secret = secret(&answers, answers.secret_source()?, answers.secret_place(), is_password)?;
        let user = answers.tables.auth.username.as_ref().map_or("", |name| name.get_ref().as_str());
        // A PEM or JSON file has several lines, which no reply repeats as a whole; the tokens that are fetched with it are
        // hidden.
        if let Some(secret) = login_secret.as_ref().filter(|secret| !secret.expose().contains('\n')) {
            secrets::know(user, secret);
        }
        let fallbacks = fallback_secrets(&answers)?;
        let mailboxes = mailbox_secrets(&answers)?;
        let addresses = answers.alarm_sources()?.into_iter();
        let alarms =
            addresses.map(|(source, span)| secret(&answers, source, span, false)).collect::<Result<_>>()?;
        let mut desired = complete(&answers, Secrets { login: login_secret, fallbacks, mailboxes, alarms })?;
        keep_next_hops(&mut desired);
        know_alarms(&desired);
        take_kept_tokens(&mut desired);
        name_commands(&mut desired, &login);
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

/// Has the accounts keep the next hops that are in force; a caller who may not read the table gets those of a host without one.
fn keep_next_hops(desired: &mut Desired) {
    let Desired { first, fallbacks, accounts, routes, .. } = desired;
    if accounts.is_empty() {
        return;
    }
    let entries = |file: Managed| {
        let table = files::read_whole(&file.path()).ok().flatten().map(MapSource::new);
        table.map(|table| table.entries()).unwrap_or_default()
    };
    let relays = std::iter::once(&*first).chain(fallbacks.iter()).map(WayOut::next_hop);
    let others = relays.chain(routes.0.iter().filter_map(Route::next_hop));
    // Of an account with a login its entry tells; the other table may have thousands.
    let needs_senders = accounts.iter().any(|account| !account.way.logs_in());
    let senders = if needs_senders { entries(Managed::Accounts) } else { Arc::default() };
    accounts::keep_next_hops(accounts, others, (&*entries(Managed::SaslPasswd), &*senders));
}

/// Has the addresses of webhooks hidden, whole and without the name of the host, and the values of their headers.
fn know_alarms(desired: &Desired) {
    let webhooks = desired.alarms.iter().filter_map(|way| match way {
        Way::Webhook(webhook) => Some(webhook),
        Way::Command(_) | Way::Nagios(_) => None,
    });
    for webhook in webhooks {
        secrets::know("", &webhook.url);
        let wholes =
            std::iter::once(webhook.path()).chain(webhook.headers.iter().map(|(_, value)| value.expose()));
        let parts = wholes.flat_map(|whole| std::iter::once(whole).chain(long_parts(whole)));
        for part in parts.filter(|part| part.len() >= SHORTEST_SECRET) {
            secrets::know("", &Secret::new(part));
        }
    }
}

/// The parts of a secret that a receiver may repeat alone: segments of a path, values of a query, words of a header. A short one
/// may be any word.
fn long_parts(whole: &str) -> impl Iterator<Item = &str> {
    whole.split(['/', '?', '&', '=', ' ']).filter(|part| part.len() >= LONG_PART)
}

/// Has each login use the token that is kept for its application, and has every token that is kept hidden. A record that
/// cannot be used is reported by the commands that need it, and not here.
fn take_kept_tokens(desired: &mut Desired) {
    let apps: Vec<App> = desired.apps().cloned().collect();
    if apps.is_empty() {
        return;
    }
    for login in tokens::logins().ok().flatten().iter().flat_map(Logins::secrets) {
        secrets::know("", &login);
    }
    let Some(kept) = tokens::kept().ok().flatten() else { return };
    for (app, token) in apps.iter().filter_map(|app| Some((app, kept.of(app)?))) {
        desired.take_token(app, &token.secret());
    }
    let of_tokens = || desired.ways().filter(|way| way.app().is_some());
    for way in of_tokens() {
        if let Auth::Login { username, password, .. } = &way.auth {
            secrets::know(username, password);
        }
    }
    // Nobody remembers whose a former one was.
    let users: BTreeSet<&str> = of_tokens().map(WayOut::username).take(USERS).collect();
    for token in kept.secrets() {
        for user in &users {
            secrets::know(user, &token);
        }
    }
}

/// Gives each application the command by which a person logs in for it. `login`: that of these answers.
fn name_commands(desired: &mut Desired, login: &str) {
    let logins = desired.token_logins();
    let others = logins.iter().filter(|one| one.app.person().is_some()).count() > 1;
    let commands: BTreeMap<String, String> =
        logins.iter().map(|one| (one.app.print(), one.command(login, others))).collect();
    for way in desired.ways_mut() {
        if let Auth::Login { app: Some(app), .. } = &mut way.auth {
            app.login = commands.get(&app.print()).cloned().unwrap_or_else(|| login.to_owned());
        }
    }
}

/// The secrets of the logins at the fallback relays, and of those of the accounts.
fn fallback_secrets(answers: &Answers) -> Result<Vec<NamedSecret>> {
    let read = |named: Named| {
        let secret = secret(answers, named.source, named.place, named.is_password)?;
        if let Some(secret) = secret.as_ref().filter(|secret| !secret.expose().contains('\n')) {
            secrets::know(&named.user, secret);
        }
        Ok(secret.into())
    };
    answers.fallback_secrets()?.into_iter().map(read).collect()
}

/// The secrets of the mailboxes that are looked into.
fn mailbox_secrets(answers: &Answers) -> Result<Vec<NamedSecret>> {
    let read = |mailbox: &Mailbox<'_>| {
        let source = answers.mailbox_source(mailbox)?;
        let secret = secret(answers, source, mailbox.place(), mailbox.is_password())?;
        if let Some(secret) = secret.as_ref().filter(|secret| !secret.expose().contains('\n')) {
            secrets::know(mailbox.user(), secret);
        }
        Ok(secret.map_or(NamedSecret::Absent, NamedSecret::Given))
    };
    answers.mailboxes().iter().map(read).collect()
}

/// Registers the password of the host's answers, for a command that does not load them, so that nothing shown contains it. A
/// caller who may not read them registers none.
pub fn know_password() {
    if host::require_root().is_ok() && is_answered() {
        let _ = load(Path::new(DEFAULT));
    }
}

/// Loads and checks the answers that `path` names, as `--answers` does.
pub fn load(path: &Path) -> Result<Desired> {
    Source::new(path)?.load()
}

/// Reads one file; its places are counted from `start`.
pub(super) fn load_file(path: &Path, start: usize) -> Result<Answers> {
    let read = read(path)?;
    let answers = parse(&shown(path), &read.bytes, start)?;
    if answers.has_inline_secret()? {
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
    Answers::parse("", &read).and_then(|answers| answers.has_inline_secret()).unwrap_or(true)
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
