//! `[verify.arrival]`: the mailbox in which the test message is looked for.

use std::net::IpAddr;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::oauth::Refused;
use super::values::{Checked, host, plain_text, port, possible, refuse};
use super::{Answers, SecretSource, source};
use crate::error::{Complaint, Result};
use crate::model::arrival::mailbox::Mailbox;
use crate::model::desired::Tls;
use crate::model::secret::Secret;
use crate::model::text;

/// Port of IMAP with TLS from the first byte, and of IMAP with STARTTLS (RFC 8314 §3.2, RFC 3501 §2.1).
const PORTS: [u16; 2] = [993, 143];
/// Most folders that may be named.
const MOST_FOLDERS: usize = 20;
/// Longest name of a folder, in bytes.
const LONGEST_FOLDER: usize = 200;

/// `[verify.arrival]` as typed.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Arrival {
    /// Name of the IMAP server.
    pub imap: Option<Spanned<String>>,
    /// TCP port.
    pub port: Option<Spanned<i64>>,
    /// Level of TLS.
    pub tls: Option<Spanned<Tls>>,
    /// TLS from the first byte.
    pub implicit_tls: Option<Spanned<bool>>,
    /// Login.
    pub username: Option<Spanned<String>>,
    /// Password in the file itself.
    pub password: Option<Spanned<Secret>>,
    /// File whose first line is the password.
    pub password_file: Option<Spanned<String>>,
    /// Environment variable that holds the password.
    pub password_env: Option<Spanned<String>>,
    /// systemd credential that holds the password.
    pub password_credential: Option<Spanned<String>>,
    /// Folders that are looked into.
    pub folders: Option<Vec<Spanned<String>>>,
    /// Whether the message is removed once it was seen.
    pub remove: Option<bool>,
    /// Whether a configuration counts only if its message arrives.
    pub required: Option<bool>,
}

impl Arrival {
    /// Each way in which the password is given, with its place.
    fn passwords(&self) -> impl Iterator<Item = (Range<usize>, SecretSource)> {
        let inline = self.password.as_ref();
        let inline = inline.map(|value| (value.span(), SecretSource::Inline(value.get_ref().clone())));
        let file = source(self.password_file.as_ref(), SecretSource::File);
        let environment = source(self.password_env.as_ref(), SecretSource::Environment);
        let credential = source(self.password_credential.as_ref(), SecretSource::Credential);
        [inline, file, environment, credential].into_iter().flatten()
    }

    /// The mailbox. `password` comes from the source that the table names.
    pub(super) fn mailbox(&self, password: Option<Secret>) -> std::result::Result<Mailbox, Refused> {
        let (Some(imap), Some(username)) = (&self.imap, &self.username) else {
            let (key, remedy) = if self.imap.is_none() {
                ("imap", "add the name of the mailbox's server, such as imap = \"imap.example.com\"")
            } else {
                ("username", "add the login of the mailbox, such as username = \"ops@example.com\"")
            };
            return Err((None, Complaint::new(format!("[verify.arrival] has no `{key}`"), remedy)));
        };
        let host = at(imap, server(imap.get_ref()))?;
        let typed_port = self.port.as_ref().map(|typed| at(typed, port_of(*typed.get_ref()))).transpose()?;
        let is_implicit = typed_port.is_none_or(|port| port == PORTS[0]);
        let implicit_tls = self.implicit_tls.as_ref().map_or(is_implicit, |value| *value.get_ref());
        let username = at(username, plain_text(username.get_ref(), "username").map(str::to_owned))?;
        let place = self.passwords().next().map(|(span, _)| span);
        let Some(password) = password else {
            let remedy = "set password_file under [verify.arrival] to a file of root's with mode 0600 (or password, \
                          password_env, password_credential)";
            return Err((None, Complaint::new("[verify.arrival] has no password", remedy)));
        };
        let password = sound(password, &username).map_err(|complaint| (place, complaint))?;
        Ok(Mailbox {
            is_checked: self.is_checked(&host)?,
            host,
            port: typed_port.unwrap_or(if implicit_tls { PORTS[0] } else { PORTS[1] }),
            implicit_tls,
            username,
            password,
            folders: self.folders()?,
            remove: self.remove.unwrap_or_default(),
            required: self.required.unwrap_or_default(),
        })
    }

    /// Whether the certificate is checked. There is no level without TLS: the password would cross the network in clear.
    fn is_checked(&self, host: &str) -> std::result::Result<bool, Refused> {
        let level = self.tls.as_ref().map_or(Tls::Secure, |tls| *tls.get_ref());
        let span = self.tls.as_ref().or(None).map(Spanned::span).or(self.imap.as_ref().map(Spanned::span));
        if level < Tls::Encrypt {
            let problem =
                format!("tls is `{}`, and the mailbox's password would be readable on the way", level.word());
            let remedy = "remove it, or set tls = \"encrypt\" where the certificate cannot be checked";
            return Err((span, Complaint::new(problem, remedy)));
        }
        let checked = possible(level, host.parse::<IpAddr>().is_ok(), true);
        let checked = checked.map_err(|Complaint { problem, .. }| {
            let remedy = "set `imap` to the name that the server's certificate carries, or tls = \"encrypt\"";
            (span, Complaint::new(problem, remedy))
        });
        checked.map(|()| level >= Tls::Verify)
    }

    fn folders(&self) -> std::result::Result<Vec<String>, Refused> {
        let Some(folders) = &self.folders else { return Ok(Vec::new()) };
        if let Some(beyond) = folders.get(MOST_FOLDERS) {
            let problem = format!("these are more than {MOST_FOLDERS} folders");
            return Err((
                Some(beyond.span()),
                Complaint::new(problem, "remove the line: then all folders are looked into"),
            ));
        }
        folders.iter().map(|name| at(name, folder(name.get_ref()))).collect()
    }
}

impl Answers {
    /// The source of the mailbox's password; an error if the answers name more than one.
    pub fn mailbox_source(&self) -> Result<SecretSource> {
        let mut found = self.arrival().into_iter().flat_map(Arrival::passwords);
        match (found.next(), found.next()) {
            (None, _) => Ok(SecretSource::Absent),
            (Some((_, source)), None) => Ok(source),
            (_, Some((second, _))) => {
                let remedy = "keep one of password, password_file, password_env and password_credential";
                Err(self.error(Some(second), "the password of the mailbox is given twice", remedy))
            }
        }
    }

    /// The mailbox's password if it stands in the answers; something in its place if it is elsewhere, for answers that are
    /// checked and not used.
    pub(super) fn mailbox_stand_in(&self) -> Result<Option<Secret>> {
        Ok(match self.mailbox_source()? {
            SecretSource::Absent => None,
            SecretSource::Inline(secret) => Some(secret),
            SecretSource::File(_) | SecretSource::Environment(_) | SecretSource::Credential(_) => {
                Some(Secret::new("x"))
            }
        })
    }

    /// The place of the mailbox's password, if the answers name one.
    pub fn mailbox_place(&self) -> Option<Range<usize>> {
        self.arrival().and_then(|arrival| arrival.passwords().next()).map(|(span, _)| span)
    }

    /// The login of the mailbox, as typed; empty without one.
    pub fn mailbox_user(&self) -> &str {
        let user = self.arrival().and_then(|arrival| arrival.username.as_ref());
        user.map_or("", |user| user.get_ref())
    }

    fn arrival(&self) -> Option<&Arrival> {
        self.tables.verify.arrival.as_ref().map(Spanned::get_ref)
    }
}

/// The result of the check of one value, with its place.
fn at<T, U>(value: &Spanned<T>, checked: Checked<U>) -> std::result::Result<U, Refused> {
    checked.map_err(|complaint| (Some(value.span()), complaint))
}

fn server(typed: &str) -> Checked<String> {
    let remedy = "write the name of the mailbox's server alone, such as \"imap.example.com\"";
    host(typed).map_err(|complaint| Complaint::new(complaint.problem, remedy))
}

fn port_of(typed: i64) -> Checked<u16> {
    let remedy = "IMAP listens on 993 (TLS from the first byte) or 143 (STARTTLS) as a rule";
    port(typed).map_err(|complaint| Complaint::new(complaint.problem, remedy))
}

/// A password that SASL PLAIN can carry (RFC 4616: no NUL), and that a file of one line can hold.
fn sound(password: Secret, username: &str) -> Checked<Secret> {
    let text = password.expose();
    let problem = if text.is_empty() {
        "the password of the mailbox is empty"
    } else if text.chars().any(|c| c.is_control() && c != '\t') {
        "the password of the mailbox has a line end or another control character in it"
    } else {
        return Ok(password);
    };
    refuse(problem, format!("give the password of {} as it is, on one line", text::one_line(username)))
}

fn folder(typed: &str) -> Checked<String> {
    let name = plain_text(typed, "the name of a folder")?;
    if name.len() > LONGEST_FOLDER || name.contains(['*', '%']) {
        let problem = format!("`{}` is not the name of a folder", text::clipped(name, LONGEST_FOLDER));
        return refuse(problem, "write the folder's name as the mail program shows it, such as \"Junk\"");
    }
    Ok(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::answers::complete::{Secrets, complete};

    const HEAD: &str = "version = 1\n[relay]\nhost = \"a.example.com\"\n[verify]\nto = \"ops@example.com\"\n[verify.arrival]\n";
    const WHOLE: &str =
        "imap = \"IMAP.example.com\"\nusername = \"ops@example.com\"\npassword = \"secret:word\"\n";

    fn read(lines: &str) -> Result<Mailbox> {
        let answers = Answers::parse("answers.toml", format!("{HEAD}{lines}").as_bytes())?;
        let mailbox = match answers.mailbox_source()? {
            SecretSource::Inline(secret) => Some(secret),
            _ => None,
        };
        complete(&answers, Secrets { login: None, mailbox }).map(|desired| *desired.verify.arrival.unwrap())
    }

    #[track_caller]
    fn refused(lines: &str, place: &str, words: &str) {
        let error = read(lines).unwrap_err();
        let text = format!("{error} | {}", error.hint("relayhost check"));
        assert!(text.contains(place) && text.contains(words), "{text}");
        assert!(!text.contains("secret:word"), "{text}");
    }

    #[test]
    fn what_is_left_out_is_completed_and_tls_is_never_left_out() {
        let mailbox = read(WHOLE).unwrap();
        assert_eq!((mailbox.host.as_str(), mailbox.port), ("imap.example.com", 993));
        assert!(mailbox.implicit_tls && mailbox.is_checked && !mailbox.remove && !mailbox.required);
        assert!(mailbox.folders.is_empty());
        let starttls = read(&format!("{WHOLE}port = 143\n")).unwrap();
        assert!(!starttls.implicit_tls && starttls.is_checked);
        let either = read(&format!("{WHOLE}implicit_tls = false\ntls = \"encrypt\"\n")).unwrap();
        assert_eq!((either.port, either.is_checked), (143, false));
        let all =
            read(&format!("{WHOLE}folders = [\"INBOX\", \"Prüfung\"]\nremove = true\nrequired = true\n"))
                .unwrap();
        assert_eq!(all.folders, ["INBOX", "Prüfung"]);
        assert!(all.remove && all.required);
    }

    #[test]
    fn what_cannot_be_is_refused_at_its_place() {
        refused("username = \"u\"\npassword = \"p\"\n", "answers.toml", "has no `imap`");
        refused("imap = \"a.example.com\"\npassword = \"p\"\n", "answers.toml", "has no `username`");
        refused("imap = \"a.example.com\"\nusername = \"u\"\n", "answers.toml", "has no password");
        refused(&format!("{WHOLE}tls = \"may\"\n"), "line 10", "readable on the way");
        refused(&format!("{WHOLE}port = 0\n"), "line 10", "993");
        refused(&format!("{WHOLE}password_file = \"/p\"\n"), "line 10", "given twice");
        refused(&format!("{WHOLE}folders = [\"a\", \"*\"]\n"), "line 10", "not the name of a folder");
        refused(&format!("{WHOLE}folder = [\"a\"]\n"), "line 10", "folder");
        refused(&WHOLE.replace("IMAP.example.com", "imaps://x"), "line 7", "imap.example.com");
        refused(&WHOLE.replace("IMAP.example.com", "192.0.2.1"), "line 7", "tls = \"encrypt\"");
        refused(&WHOLE.replace("secret:word", "secret:word\\u0000"), "line 9", "control character");
    }
}
