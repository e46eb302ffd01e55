//! Writes an answers file and its password file, both root's alone from the first instant. Their contents were
//! decided before (`model::answers::interview`).

use std::path::{Path, PathBuf};
use std::time::Duration;

pub mod found;
mod pair;

use super::Progress;
use super::load::{DEFAULT, PASSWORD_LIMIT, Source, load_file, refuse_exposed};
use crate::error::{Advice, Complaint, Error, Result, shown, typed};
use crate::model::answers::access::{Access, CERTIFICATE_FILE};
use crate::model::answers::choices::{Choices, PASSWORD_FILE, is_written_as_it_is};
use crate::model::answers::interview::sheet::Sheet;
use crate::model::answers::{Answers, SIZE_LIMIT, SecretSource};
use crate::model::desired::Desired;
use crate::model::ended::Written;
use crate::model::oauth::Flow;
use crate::model::observed::parse_settings;
use crate::model::probe::Probe;
use crate::model::secret::Secret;
use crate::model::state::generation::sha256;
use crate::sys::state::{self, Lock};
use crate::sys::{clock, files, host, postfix, secrets, selinux, swap, trust, tty};

/// Longest wait for another relayhost before the answers are written.
const PATIENCE: Duration = Duration::from_secs(600);

/// The paths of the files that `init` writes.
#[derive(Debug, Clone)]
pub struct Target {
    /// The answers file.
    pub answers: PathBuf,
    /// The file for the password alone.
    pub password: PathBuf,
    /// Digests of the two files as they were seen: what a person has decided to replace.
    seen: [Option<String>; 2],
}

impl Target {
    /// The answers file's path, made absolute; the password goes beside it.
    pub fn new(answers: &Path) -> Result<Self> {
        let answers = files::absolute(answers)?;
        let password = if answers == Path::new(DEFAULT) {
            PathBuf::from(PASSWORD_FILE)
        } else {
            answers.with_extension("password")
        };
        if password == answers {
            return Err(not_written(
                format!("`{}` ends as the password's own file does", shown(answers)),
                "give the answers file a name that ends with .toml",
            ));
        }
        if !is_written_as_it_is(&password) {
            return Err(not_written(
                format!("`{}` cannot stand in an answers file as it is", shown(&password)),
                "give another path, without control characters, quotes and backslashes",
            ));
        }
        Ok(Self { answers, password, seen: [None, None] }.seen_again())
    }

    /// The same files as they are now.
    fn seen_again(&self) -> Self {
        let seen = [&self.answers, &self.password].map(|path| digest(path));
        Self { seen, ..self.clone() }
    }

    fn seen_password(&self) -> Option<String> {
        let [_, password] = &self.seen;
        password.clone()
    }

    /// Refuses to go on if somebody has changed a file since it was seen: while the questions were asked, or the relay was
    /// tried.
    fn refuse_if_edited(&self) -> Result<()> {
        let paths = [&self.answers, &self.password];
        match paths.into_iter().zip(&self.seen).find(|(path, seen)| digest(path) != **seen) {
            Some((path, _)) => Err(swap::changed(path, path)),
            None => Ok(()),
        }
    }

    fn directory(&self) -> &Path {
        self.answers.parent().unwrap_or(Path::new("/"))
    }

    /// Refuses to overwrite a file, unless with `force`. A link, or a directory that others may change, is refused in
    /// any case. `own`: the password gets a file of its own.
    pub fn refuse_if_taken(&self, own: bool, force: bool) -> Result<()> {
        for path in self.paths(own) {
            files::refuse_link(path)?;
            match trust::place(path) {
                Err(Error::Untrusted { path, problem, .. }) => {
                    return Err(not_written(
                        format!("`{}` {problem}", shown(path)),
                        "put the answers into a directory of root's that nobody else can write to, such as /etc/relayhost",
                    ));
                }
                other => other?,
            }
        }
        match self.taken(own).first() {
            Some(taken) if !force => Err(not_written(
                taken.as_str(),
                "run `this command` with --force, which replaces it; what no option is about stays (--password-file FILE takes a password that is in a file already)",
            )),
            _ => Ok(()),
        }
    }

    /// Descriptions of the files that are there already, without a secret.
    pub fn taken(&self, own: bool) -> Vec<String> {
        let there = |path: &Path| {
            let what = if path == self.answers {
                what_is_in(path)
            } else {
                "perhaps another relay's password".into()
            };
            format!("`{}` is there already: {what}", shown(path))
        };
        self.paths(own).into_iter().filter(|path| files::exists(path)).map(there).collect()
    }

    /// Whether these are the host's own answers, which the other commands go by.
    pub fn is_of_host(&self) -> bool {
        self.answers == Path::new(DEFAULT)
    }

    /// Words for the answers that an `init` which wrote nothing has left; none if there are none.
    pub fn as_it_was(&self) -> String {
        let is_there = files::exists(&self.answers);
        if is_there { format!("; {} is as it was", shown(&self.answers)) } else { String::new() }
    }

    /// The commands to call once the answers are written.
    fn next_steps(&self, has_person: bool) -> Vec<String> {
        let other = self.answers != Path::new(DEFAULT);
        let answers = if other { format!(" --answers {}", typed(&self.answers)) } else { String::new() };
        let commands = if has_person { ["login", "apply"] } else { ["plan", "apply"] };
        commands.map(|command| format!("relayhost {command}{answers}")).to_vec()
    }

    fn paths(&self, own: bool) -> Vec<&Path> {
        if own { vec![&self.answers, &self.password] } else { vec![&self.answers] }
    }
}

fn digest(path: &Path) -> Option<String> {
    files::read(path, SIZE_LIMIT).ok().flatten().map(|bytes| sha256(&bytes))
}

/// A description of an answers file in a few words, without a secret.
fn what_is_in(path: &Path) -> String {
    let bytes = files::read(path, SIZE_LIMIT).ok().flatten().unwrap_or_default();
    let Ok(answers) = Answers::parse("", &bytes) else { return "it is not an answers file".into() };
    let relay = &answers.tables.relay;
    let words = [
        relay.provider.as_ref().map(|name| format!("provider {}", name.get_ref())),
        relay.host.as_ref().map(|host| format!("relay {}", host.get_ref())),
        answers.tables.auth.username.as_ref().map(|name| format!("login {}", name.get_ref())),
    ];
    let words: Vec<String> = words.into_iter().flatten().collect();
    if words.is_empty() {
        "answers without a relay".into()
    } else {
        format!("answers for {}", words.join(", "))
    }
}

/// The domain that Postfix gives to local senders: its setting, or its default, which follows from the host's name.
pub fn local_domain() -> String {
    let set = || {
        let settings = parse_settings(&postfix::settings(&["mail_version", "myorigin"]).ok()?);
        settings.get("myorigin").filter(|origin| origin.contains('.')).cloned()
    };
    let origin = if postfix::is_installed() { set() } else { None };
    origin.unwrap_or_else(|| {
        let name = host::hostname().to_lowercase();
        // postconf(5), mydomain: a host without a domain is in localdomain.
        if name.contains('.') { name } else { format!("{name}.localdomain") }
    })
}

/// Reads the password from the first line of standard input. Errors if that is a terminal, which would show it.
pub fn password_from_stdin() -> Result<Secret> {
    let wrong = |problem: &str, remedy: &str| Error::Answers {
        file: "--password-stdin".into(),
        place: None,
        problem: problem.into(),
        remedy: remedy.into(),
    };
    if tty::is_input() {
        return Err(wrong(
            "standard input is the terminal",
            "leave --password-stdin out, and the password is asked for",
        ));
    }
    let bytes = host::read_stdin(PASSWORD_LIMIT)?;
    if bytes.len() as u64 > PASSWORD_LIMIT {
        return Err(wrong("that is too long for a password", "give the password alone, on one line"));
    }
    let text = String::from_utf8(bytes).map_err(|_| wrong("that is not UTF-8 text", "give it as UTF-8"))?;
    Ok(Secret::new(text.lines().next().unwrap_or_default()))
}

/// A path made absolute, since any command may read the answers from another directory.
pub fn absolute(path: &Path) -> Result<String> {
    Ok(files::absolute(path)?.display().to_string())
}

/// Reads a sheet of answers to the questions: from a file of root's that nobody else can read, since a password may be in it, or
/// from standard input (`-`).
pub fn sheet(path: &Path) -> Result<Sheet> {
    let is_stdin = path == Path::new("-");
    let name = if is_stdin { "standard input".to_owned() } else { shown(path) };
    let wrong =
        |problem: String, remedy: Advice| Error::Answers { file: name.clone(), place: None, problem, remedy };
    if is_stdin && tty::is_input() {
        let remedy = "`relayhost init` asks at a terminal; pipe the answers in, as JSON";
        return Err(wrong("is the terminal".into(), remedy.into()));
    }
    let read = if is_stdin { None } else { trust::read(path, SIZE_LIMIT, trust::Guarded::Secret)? };
    let bytes = match &read {
        Some(read) => read.bytes.clone(),
        None if is_stdin => host::read_stdin(SIZE_LIMIT)?,
        None => return Err(wrong("there is no such file".into(), "name another, or `-`".into())),
    };
    if bytes.len() as u64 > SIZE_LIMIT {
        return Err(wrong(format!("is larger than {SIZE_LIMIT} bytes"), "give the answers alone".into()));
    }
    let sheet = Sheet::parse(&bytes).map_err(|complaint| wrong(complaint.problem, complaint.remedy))?;
    match read {
        Some(read) if sheet.has_secret() => refuse_exposed(path, &read).map(|()| sheet),
        _ => Ok(sheet),
    }
}

/// Has the password of these choices hidden in all output.
pub fn know(choices: &Choices) {
    if let Some(password) = &choices.password {
        secrets::know(choices.username.as_deref().unwrap_or_default(), password);
    }
}

/// The configuration that the choices ask for, with the password, wherever it is kept.
pub fn desired(choices: &Choices) -> Result<Desired> {
    if choices.password.is_some() || choices.password_file.is_none() {
        know(choices);
        return choices.desired();
    }
    let answers = Answers::parse("the new answers", choices.text("", false).as_bytes())?;
    Source::Typed(Box::new(answers)).load().map_err(|error| match error {
        // The answers are not on the disk, so nobody could look up a place in them.
        Error::Answers { problem, remedy, .. } => {
            Error::Answers { file: "--password-file".into(), place: None, problem, remedy }
        }
        other => other,
    })
}

/// Checks the secret of a login by an access token, typed or in its file, as soon as it is known; open answers are no error.
pub fn secret_fits(choices: &Choices) -> std::result::Result<(), Complaint> {
    let Some(access) = &choices.access else { return Ok(()) };
    let missing = choices.password_file.as_deref().filter(|path| !files::exists(Path::new(path)));
    if let Some(path) = missing.filter(|_| access.flow == Flow::Certificate) {
        let remedy = format!(
            "`relayhost login --new-certificate`, typed in another terminal, makes {CERTIFICATE_FILE}; press Enter when it is there"
        );
        return Err(Complaint::new(format!("there is no file `{}`", shown(Path::new(path))), remedy));
    }
    // What was typed is hidden in all output once it counts: a mistake may be a word that has to be shown.
    let fits = if choices.password.is_some() { choices.desired() } else { desired(choices) };
    fits.map(|_| ()).map_err(|error| match error {
        Error::Answers { problem, remedy, .. } => Complaint { problem, remedy },
        other => Complaint::new(other.to_string(), other.step()),
    })
}

/// The answers that are there, as choices to edit; `None` if there are none. An error says why they cannot be edited by
/// questions.
pub fn earlier(target: &Target) -> Result<Option<Choices>> {
    if !files::exists(&target.answers) {
        return Ok(None);
    }
    let choices = load_file(&target.answers, 0)?.choices()?;
    know(&choices);
    Ok(Some(choices))
}

/// How answers are written.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    /// The password into the answers file itself.
    pub inline: bool,
    /// Files that exist are replaced.
    pub force: bool,
    /// The answers stay as they are where they name the password's own file: that alone is replaced.
    pub password_alone: bool,
}

/// Writes the answers that were gathered. `probe`: the result of the probe, if there was one.
pub fn write(
    target: &Target,
    choices: &Choices,
    manner: Manner,
    probe: Option<Probe>,
    progress: &mut dyn Progress,
) -> Result<Written> {
    let summary = desired(choices)?.summary();
    let has_person = choices.access.as_ref().is_some_and(Access::has_person);
    let (paths, mut notes) = write_files(target, choices, manner, progress)?;
    if let Some(kept) = choices.kept.ways(&shown(&target.answers)) {
        progress.note(&kept);
        notes.push(kept);
    }
    Ok(Written { paths, notes, summary, next: target.next_steps(has_person), probe })
}

/// The end of an `init` without a terminal whose answers the relay has refused: nothing is written.
pub fn refused(choices: &Choices, probe: Probe) -> Result<Written> {
    let summary = desired(choices)?.summary();
    Ok(Written { paths: Vec::new(), notes: Vec::new(), summary, next: Vec::new(), probe: Some(probe) })
}

/// Writes both files, and returns their paths, and lines about edits that it met. An `init` that is stopped leaves the old
/// pair or the new.
fn write_files(
    target: &Target,
    choices: &Choices,
    manner: Manner,
    progress: &mut dyn Progress,
) -> Result<(Vec<PathBuf>, Vec<String>)> {
    // A run that has the lock removes the leftovers of a stopped run, so this one needs the lock too.
    let lock = state::lock(PATIENCE, &mut |line| progress.note(line))?;
    target.refuse_if_edited()?;
    let mut lines = clear_up_beside(&lock, target);
    let target = &target.seen_again();
    let own_file = choices.password.is_some() && choices.password_file.is_none() && !manner.inline;
    target.refuse_if_taken(own_file, manner.force)?;
    let written = format!("Written by `relayhost init` on {}.", clock::wall());
    let home = target.password.display().to_string();
    let same = if manner.password_alone { naming(target)? } else { None };
    let text = |password: Option<&Path>| {
        if let (Some([before, value, after]), Some(password)) = (&same, password) {
            // Once the password is in its place the answers are the same bytes as before.
            let value = value.replace(&home, &password.display().to_string());
            return [before.as_str(), &value, after].concat();
        }
        let place = password.map(|path| path.display().to_string());
        Choices { password_file: place.or_else(|| choices.password_file.clone()), ..choices.clone() }
            .text(&written, false)
    };
    let put = pair::put(target, choices.password.as_ref().filter(|_| own_file), &text, &mut lines);
    for line in &lines {
        progress.note(line);
    }
    let paths = [Some(target.answers.clone()), put?].into_iter().flatten().collect::<Vec<_>>();
    selinux::restore_labels(&paths)?;
    Ok((paths, lines))
}

/// The text of the answers before, in and after the value that names the password's own file; `None` if they name another
/// one, or none.
fn naming(target: &Target) -> Result<Option<[String; 3]>> {
    let Some(text) = files::text(&target.answers) else { return Ok(None) };
    let answers = Answers::parse(&shown(&target.answers), text.as_bytes())?;
    let is_named =
        matches!(answers.secret_source()?, SecretSource::File(path) if Path::new(&path) == target.password);
    let Some(place) = answers.secret_place().filter(|_| is_named) else { return Ok(None) };
    let parts = [text.get(..place.start), text.get(place.clone()), text.get(place.end..)];
    Ok(match parts {
        [Some(before), Some(value), Some(after)] => Some([before, value, after].map(str::to_owned)),
        _ => None,
    })
}

/// Clears up what a stopped `init` has left beside the host's answers. Returns a line for each edit that it kept, and for
/// each thing that could not be cleared up.
pub fn clear_up(lock: &Lock) -> Vec<String> {
    Target::new(Path::new(DEFAULT)).map_or_else(|_| Vec::new(), |target| clear_up_beside(lock, &target))
}

fn clear_up_beside(_lock: &Lock, target: &Target) -> Vec<String> {
    let mut lines = Vec::new();
    pair::settle_all(target, &mut lines);
    lines
}

/// The error of an `init` that wrote nothing.
pub fn not_written(why: impl Into<String>, remedy: impl Into<Advice>) -> Error {
    Error::NotWritten { why: why.into(), remedy: remedy.into() }
}
