//! Writes an answers file: looks whether one is there, reads a password that was put ready, and puts both files in their
//! places, root's alone from the first instant. What is in them was decided before (`model::interview`).

use std::path::{Path, PathBuf};

use super::load::{DEFAULT, PASSWORD_LIMIT, Source};
use crate::error::{Error, Result};
use crate::model::answers::{Answers, SIZE_LIMIT};
use crate::model::choices::{Choices, PASSWORD_FILE};
use crate::model::desired::Desired;
use crate::model::observed::parse_settings;
use crate::model::secret::Secret;
use crate::sys::{clock, files, host, postfix, tty};

/// Where the answers go, and the password.
#[derive(Debug, Clone)]
pub struct Target {
    /// The answers file.
    pub answers: PathBuf,
    /// The file for the password alone.
    pub password: PathBuf,
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
                format!("`{}` ends as the password's own file does", answers.display()),
                "give the answers file a name that ends with .toml",
            ));
        }
        Ok(Self { answers, password })
    }

    /// Refuses if something is there that would be overwritten, and says what it is. Links and directories that others
    /// may change are refused in any case. `own`: the password gets a file of its own.
    pub fn refuse_if_taken(&self, own: bool, force: bool) -> Result<()> {
        for path in self.paths(own) {
            files::refuse_link(path)?;
            if let Some(problem) = files::open_directory(path)? {
                return Err(not_written(
                    problem,
                    "put the answers into a directory of root's that nobody else can write to, such as /etc/relayhost",
                ));
            }
        }
        match self.taken(own).first() {
            Some(taken) if !force => Err(not_written(
                taken.as_str(),
                "look at it; `relayhost init --force` replaces it (and --password-file uses a password that is there)",
            )),
            _ => Ok(()),
        }
    }

    /// What is there already, in words without a secret.
    pub fn taken(&self, own: bool) -> Vec<String> {
        let there = |path: &Path| {
            let what = if path == self.answers {
                what_is_in(path)
            } else {
                "perhaps another relay's password".into()
            };
            format!("`{}` is there already: {what}", path.display())
        };
        self.paths(own).into_iter().filter(|path| files::exists(path)).map(there).collect()
    }

    fn paths(&self, own: bool) -> Vec<&Path> {
        if own { vec![&self.answers, &self.password] } else { vec![&self.answers] }
    }
}

/// What a file says, in a few words without a secret.
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

/// The domain that Postfix gives to local senders: its own word, or what it would be by the host's name.
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

/// The first line of standard input, which somebody has put there; a terminal would show it.
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

/// A path from `/`: the answers are read from anywhere.
pub fn absolute(path: &Path) -> Result<String> {
    Ok(files::absolute(path)?.display().to_string())
}

/// Everything that the choices ask for, with the password, wherever that is.
pub fn desired(choices: &Choices) -> Result<Desired> {
    if choices.password.is_some() || choices.password_file.is_none() {
        return choices.desired();
    }
    let answers = Answers::parse("the new answers", choices.text("", false).as_bytes())?;
    Source::Typed(Box::new(answers)).load().map_err(|error| match error {
        // The answers are not on the disk: a place in them is none that can be looked at.
        Error::Answers { problem, remedy, .. } => {
            Error::Answers { file: "--password-file".into(), place: None, problem, remedy }
        }
        other => other,
    })
}

/// Writes both files, and returns their paths. `inline`: the password into the answers file itself.
pub fn write(target: &Target, choices: &Choices, inline: bool, force: bool) -> Result<Vec<PathBuf>> {
    let own_file = choices.password.is_some() && choices.password_file.is_none() && !inline;
    target.refuse_if_taken(own_file, force)?;
    let mut choices = choices.clone();
    if own_file {
        choices.password_file = Some(target.password.display().to_string());
    }
    let written = format!("Written by `relayhost init` on {}.", clock::wall());
    let answers = files::Staged::new(&target.answers, choices.text(&written, false).as_bytes(), 0o600)?;
    let mut paths = Vec::new();
    // The password first: answers that name a file which is not there would be no answers.
    if let (true, Some(password)) = (own_file, &choices.password) {
        let line = format!("{}\n", password.expose());
        files::Staged::new(&target.password, line.as_bytes(), 0o600)?.put(force)?;
        paths.push(target.password.clone());
    }
    if let Err(error) = answers.put(force) {
        if !force {
            // Nobody knows of it, and it was not there before.
            let _ = paths.iter().try_for_each(|path| files::remove(path));
        }
        return Err(error);
    }
    paths.insert(0, target.answers.clone());
    files::restore_labels(&paths)?;
    Ok(paths)
}

/// Nothing was written, and why.
pub fn not_written(why: impl Into<String>, remedy: &str) -> Error {
    Error::NotWritten { why: why.into(), remedy: remedy.to_owned() }
}
