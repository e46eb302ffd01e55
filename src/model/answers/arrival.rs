//! `[verify.arrival]`: the mailbox in which the test message is looked for; and `[verify.arrival.sender]`: the one in which a
//! message that comes back is looked for.

use std::net::IpAddr;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::complete::NamedSecret;
use super::oauth::{Oauth, Refused};
use super::values::{Checked, host, plain_text, port, possible, refuse};
use super::{Answers, SecretSource, source};
use crate::error::{Complaint, Result};
use crate::model::arrival::mailbox::{Access, Mailbox};
use crate::model::desired::Tls;
use crate::model::oauth::App;
use crate::model::secret::Secret;
use crate::model::text;

/// Port of IMAP with TLS from the first byte, and of IMAP with STARTTLS (RFC 8314 §3.2, RFC 3501 §2.1).
const PORTS: [u16; 2] = [993, 143];
/// The names of the tables.
const TABLE: &str = "verify.arrival";
const OF_SENDER: &str = "verify.arrival.sender";
/// Most folders that may be named.
const MOST_FOLDERS: usize = 20;
/// Longest name of a folder, in bytes.
const LONGEST_FOLDER: usize = 200;

/// One of the tables as typed.
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
    /// The application that fetches an access token, in a password's place.
    pub oauth: Option<Spanned<Oauth>>,
    /// Folders that are looked into.
    pub folders: Option<Vec<Spanned<String>>>,
    /// Whether the message is removed once it was seen.
    pub remove: Option<Spanned<bool>>,
    /// Whether a configuration counts only if its message arrives.
    pub required: Option<Spanned<bool>>,
    /// The mailbox of the sender, where a message that comes back arrives.
    pub sender: Option<Box<Spanned<Arrival>>>,
}

/// A table, with its name.
pub struct Named<'a> {
    name: &'static str,
    table: &'a Arrival,
}

impl Arrival {
    /// Each way in which a password, or the application's secret, is given, with its place.
    fn secrets(&self) -> impl Iterator<Item = (Range<usize>, SecretSource)> {
        let inline = self.password.as_ref();
        let inline = inline.map(|value| (value.span(), SecretSource::Inline(value.get_ref().clone())));
        let file = source(self.password_file.as_ref(), SecretSource::File);
        let environment = source(self.password_env.as_ref(), SecretSource::Environment);
        let credential = source(self.password_credential.as_ref(), SecretSource::Credential);
        let of_application = self.oauth.iter().flat_map(|oauth| oauth.get_ref().secrets());
        [inline, file, environment, credential].into_iter().flatten().chain(of_application)
    }

    /// The mailbox of `[verify.arrival]`. `secrets` come from the sources of [`Answers::mailboxes`], `proxy` is that of the
    /// answers.
    pub(super) fn mailbox(
        &self,
        secrets: Vec<NamedSecret>,
        proxy: Option<&str>,
    ) -> std::result::Result<Mailbox, Refused> {
        let mut secrets = secrets.into_iter();
        let mut secret = || secrets.next().unwrap_or_default();
        let named = Named { name: TABLE, table: self };
        let mailbox = named.mailbox(secret(), proxy)?;
        let Some(sender) = &self.sender else { return Ok(mailbox) };
        let whole = |(span, complaint): Refused| (span.or(Some(sender.span())), complaint);
        let named = Named { name: OF_SENDER, table: sender.get_ref() };
        let sender = named.only_a_mailbox().and_then(|()| named.mailbox(secret(), proxy)).map_err(whole)?;
        Ok(Mailbox { sender: Some(Box::new(sender)), ..mailbox })
    }
}

impl Named<'_> {
    /// Refuses keys of the recipient's mailbox in the table of the sender's.
    fn only_a_mailbox(&self) -> std::result::Result<(), Refused> {
        let Arrival { remove, required, sender, .. } = self.table;
        let spans = [remove.as_ref().map(Spanned::span), required.as_ref().map(Spanned::span)];
        let mut all = spans.into_iter().flatten().chain(sender.as_ref().map(|sender| sender.span()));
        let Some(span) = all.next() else { return Ok(()) };
        let problem =
            format!("this has no use in [{OF_SENDER}], in which nothing but a report is looked for");
        Err((Some(span), Complaint::new(problem, "remove it, or set it in [verify.arrival]")))
    }

    fn mailbox(&self, secret: NamedSecret, proxy: Option<&str>) -> std::result::Result<Mailbox, Refused> {
        let Self { name, table } = self;
        let (Some(imap), Some(username)) = (&table.imap, &table.username) else {
            let (key, remedy) = if table.imap.is_none() {
                ("imap", "add the name of the mailbox's server, such as imap = \"imap.example.com\"")
            } else {
                ("username", "add the login of the mailbox, such as username = \"ops@example.com\"")
            };
            return Err((None, Complaint::new(format!("[{name}] has no `{key}`"), remedy)));
        };
        let host = at(imap, server(imap.get_ref()))?;
        let typed_port = table.port.as_ref().map(|typed| at(typed, port_of(*typed.get_ref()))).transpose()?;
        let is_implicit = typed_port.is_none_or(|port| port == PORTS[0]);
        let implicit_tls = table.implicit_tls.as_ref().map_or(is_implicit, |value| *value.get_ref());
        let username = at(username, plain_text(username.get_ref(), "username").map(str::to_owned))?;
        let access = self.access(secret, &username, &host, proxy)?;
        Ok(Mailbox {
            is_checked: table.is_checked(&host)?,
            host,
            port: typed_port.unwrap_or(if implicit_tls { PORTS[0] } else { PORTS[1] }),
            implicit_tls,
            username,
            access,
            folders: table.folders()?,
            remove: table.remove.as_ref().is_some_and(|value| *value.get_ref()),
            required: table.required.as_ref().is_some_and(|value| *value.get_ref()),
            sender: None,
        })
    }

    /// What the login is proved by.
    fn access(
        &self,
        secret: NamedSecret,
        username: &str,
        host: &str,
        proxy: Option<&str>,
    ) -> std::result::Result<Access, Refused> {
        let secret = match secret {
            NamedSecret::Given(secret) => Some(secret),
            // It is not used.
            NamedSecret::Elsewhere => return Ok(Access::Password(Secret::new("x"))),
            NamedSecret::Absent => None,
        };
        if let Some(oauth) = &self.table.oauth {
            let whole = |(span, complaint): Refused| (span.or(Some(oauth.span())), complaint);
            let application = format!("{}.oauth", self.name);
            let app =
                oauth.get_ref().app(&application, secret.as_ref(), username, Some(host)).map_err(whole)?;
            if app.person().is_some() {
                let problem = format!("[{application}] has a flow in which a person logs in");
                let remedy = "take a flow without a person (flow = \"certificate\", \"secret\" or \"service_account\"): nobody is \
                              there when the mailbox is looked into";
                return Err((Some(oauth.span()), Complaint::new(problem, remedy)));
            }
            return Ok(Access::Application(Box::new(App { proxy: proxy.map(str::to_owned), ..app })));
        }
        let place = self.table.secrets().next().map(|(span, _)| span);
        let Some(password) = secret else {
            let name = self.name;
            let remedy = format!(
                "set password_file under [{name}] to a file of root's with mode 0600 (or password, password_env, \
                 password_credential), or add [{name}.oauth]"
            );
            return Err((None, Complaint::new(format!("[{name}] has no password"), remedy)));
        };
        sound(password, username).map(Access::Password).map_err(|complaint| (place, complaint))
    }
}

impl Arrival {
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

impl Named<'_> {
    /// The place of the secret, if the table names one.
    pub fn place(&self) -> Option<Range<usize>> {
        self.table.secrets().next().map(|(span, _)| span)
    }

    /// The login of the mailbox, as typed; empty without one.
    pub fn user(&self) -> &str {
        self.table.username.as_ref().map_or("", |user| user.get_ref())
    }

    /// Whether the secret is a password, on one line, and not what an application proves itself by.
    pub fn is_password(&self) -> bool {
        self.table.oauth.is_none()
    }
}

impl Answers {
    /// The tables of mailboxes that are there.
    pub fn mailboxes(&self) -> Vec<Named<'_>> {
        let recipient = self.tables.verify.arrival.as_ref().map(Spanned::get_ref);
        let sender = recipient.and_then(|table| table.sender.as_ref()).map(|sender| sender.get_ref());
        let named = |(name, table): (_, Option<_>)| table.map(|table| Named { name, table });
        [(TABLE, recipient), (OF_SENDER, sender)].into_iter().filter_map(named).collect()
    }

    /// The source of the mailbox's secret; an error if the table names more than one.
    pub fn mailbox_source(&self, mailbox: &Named<'_>) -> Result<SecretSource> {
        let mut found = mailbox.table.secrets();
        match (found.next(), found.next()) {
            (None, _) => Ok(SecretSource::Absent),
            (Some((_, source)), None) => Ok(source),
            (_, Some((second, _))) => {
                let remedy = format!(
                    "keep one of password, password_file, password_env, password_credential and [{}.oauth]",
                    mailbox.name
                );
                Err(self.error(Some(second), "the password of the mailbox is given twice", &remedy))
            }
        }
    }

    /// The sources of all secrets that the answers name.
    pub fn sources(&self) -> Result<Vec<SecretSource>> {
        let login = std::iter::once(self.secret_source());
        let mailboxes = self.mailboxes();
        let mailboxes = mailboxes.iter().map(|mailbox| self.mailbox_source(mailbox));
        let alarms = self.alarm_sources()?.into_iter().map(|(source, _)| Ok(source));
        let fallbacks = self.fallback_secrets()?.into_iter().map(|named| Ok(named.source));
        login.chain(fallbacks).chain(mailboxes).chain(alarms).collect()
    }

    /// The sources of all mailboxes' secrets.
    fn mailbox_sources(&self) -> Result<Vec<SecretSource>> {
        self.mailboxes().iter().map(|mailbox| self.mailbox_source(mailbox)).collect()
    }

    /// The mailboxes' secrets as far as the answers themselves have them.
    pub(super) fn mailbox_secrets_of_text(&self) -> Result<Vec<NamedSecret>> {
        let of_text = |source| match source {
            SecretSource::Absent => NamedSecret::Absent,
            SecretSource::Inline(secret) => NamedSecret::Given(secret),
            SecretSource::File(_) | SecretSource::Environment(_) | SecretSource::Credential(_) => {
                NamedSecret::Elsewhere
            }
        };
        Ok(self.mailbox_sources()?.into_iter().map(of_text).collect())
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
        let given = |secret| match secret {
            NamedSecret::Elsewhere => NamedSecret::Given(Secret::new("secret:word")),
            other => other,
        };
        let mailboxes = answers.mailbox_secrets_of_text()?.into_iter().map(given).collect();
        complete(&answers, Secrets { mailboxes, ..Secrets::default() })
            .map(|desired| *desired.verify.arrival.unwrap())
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
    fn an_application_takes_the_place_of_the_password() {
        let head = "imap = \"outlook.office365.com\"\nusername = \"ops@example.com\"\n[verify.arrival.oauth]\nprovider = \"microsoft\"\n";
        let rest = "tenant = \"example.com\"\nclient_id = \"12345678-90ab-cdef-1234-567890abcdef\"\n";
        let secret = "flow = \"secret\"\nclient_secret_file = \"/s\"\n";
        let mailbox = read(&format!("{head}{rest}{secret}")).unwrap();
        let Access::Application(app) = mailbox.access else { panic!("{mailbox:?}") };
        assert_eq!(app.scope, "https://outlook.office365.com/.default");
        refused(&format!("{head}{secret}"), "line 9", "[verify.arrival.oauth] has no `client_id`");
        refused(&format!("{head}{rest}flow = \"device\"\n"), "line 9", "a person logs in");
        refused(&format!("password = \"secret:word\"\n{head}{rest}{secret}"), "line 15", "given twice");
        refused(&format!("{head}{rest}{secret}tenent = 1\n"), "line 15", "tenant");
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
