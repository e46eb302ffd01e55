//! The answers file as typed: TOML parsed into structs, each value with its place. `complete` decides the meaning of
//! the values and whether they fit together.

pub mod access;
pub mod alarm;
pub mod arrival;
pub mod choices;
pub mod complete;
pub mod earlier;
pub mod fallback;
mod fault;
pub mod from_json;
pub mod interview;
mod ip;
pub mod kept;
mod layers;
mod lines;
pub mod oauth;
mod reader;
pub mod recipients;
pub mod routes;
pub mod senders;
mod values;
mod ways;

use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use toml::Spanned;

use alarm::Alarm;
use arrival::Arrival;
use fallback::Fallback;
use fault::complaint;
pub use ip::IpChoice;
use oauth::Oauth;
use recipients::Recipients;
use routes::TypedRoute;
use senders::TypedAccount;

use crate::error::{Advice, Complaint, Error, Position, Result};
use crate::model::desired::{Mechanism, Tls};
use crate::model::secret::Secret;

/// The largest answers file that is read, in bytes. Real ones have a few hundred.
pub const SIZE_LIMIT: u64 = 1024 * 1024;

/// Answers as typed, with the text of their files, in which errors name line and column.
#[derive(Debug)]
pub struct Answers {
    /// The tables of the file.
    pub tables: Tables,
    /// The file that the tables came from.
    origin: Origin,
    /// The files that completed them, in the order of their places.
    others: Vec<Origin>,
}

/// A file that answers came from. Its text may hold a password, so it is kept as a `Secret`.
#[derive(Debug)]
struct Origin {
    file: String,
    text: Secret,
    /// Place of the file's first byte: places in several files must differ.
    start: usize,
}

/// All tables of an answers file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tables {
    /// Version of the format; 1.
    pub version: Option<Spanned<i64>>,
    /// `[relay]`.
    pub relay: Relay,
    /// `[auth]`.
    pub auth: Auth,
    /// `[sender]`.
    pub sender: Sender,
    /// `[recipients]`.
    pub recipients: Recipients,
    /// `[[senders]]`, one for each account.
    pub senders: Vec<Spanned<TypedAccount>>,
    /// `[[routes]]`, one for each way.
    pub routes: Vec<Spanned<TypedRoute>>,
    /// `[verify]`.
    pub verify: Verify,
    /// `[packages]`.
    pub packages: Packages,
    /// `[network]`.
    pub network: Network,
    /// `[[alarm]]`, one for each way.
    pub alarm: Vec<Spanned<Alarm>>,
}

/// `[relay]`: the relay, and the connection to it.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Relay {
    /// Name of a preset.
    pub provider: Option<Spanned<String>>,
    /// Host name or address.
    pub host: Option<Spanned<String>>,
    /// TCP port.
    pub port: Option<Spanned<i64>>,
    /// Level of TLS.
    pub tls: Option<Spanned<Tls>>,
    /// TLS from the first byte.
    pub implicit_tls: Option<Spanned<bool>>,
    /// IP versions that Postfix uses.
    pub ip: Option<Spanned<IpChoice>>,
    /// `[[relay.fallback]]`, in the order in which they are tried.
    pub fallback: Vec<Spanned<Fallback>>,
}

/// `[auth]`: the login of this host at the relay.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// SASL mechanism.
    pub mechanism: Option<Spanned<Mechanism>>,
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
    /// `[auth.oauth]`.
    pub oauth: Option<Spanned<Oauth>>,
}

/// `[sender]`: the sender addresses that the relay sees.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sender {
    /// The address of everybody without a line in `rewrite`.
    pub default: Option<Spanned<String>>,
    /// The name beside it.
    pub name: Option<Spanned<String>>,
    /// Local address to public address, in the file's order.
    pub rewrite: Rewrites,
}

/// Pairs of addresses in the order of the file, each with its place.
#[derive(Debug, Default)]
pub struct Rewrites(pub Vec<(Spanned<String>, Spanned<String>)>);

impl<'de> Deserialize<'de> for Rewrites {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = Rewrites;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table of addresses: { \"monitor@host.localdomain\" = \"alerts@example.com\" }")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Rewrites, A::Error> {
                std::iter::from_fn(|| map.next_entry().transpose())
                    .collect::<std::result::Result<_, _>>()
                    .map(Rewrites)
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

/// `[verify]`: the test message.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Verify {
    /// Its recipient.
    pub to: Option<Spanned<String>>,
    /// Longest time to wait for the relay's answer, and for the arrival.
    pub deadline: Option<Spanned<String>>,
    /// `[verify.arrival]`.
    pub arrival: Option<Spanned<Arrival>>,
}

/// `[packages]`: additional packages, and the directory to install from.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Packages {
    /// Additional packages that must be on the host.
    pub extra: Vec<Spanned<String>>,
    /// Directory with RPMs.
    pub from: Option<Spanned<String>>,
}

/// `[network]`: the way to the identity provider and to webhooks.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// Proxy for HTTPS.
    pub proxy: Option<Spanned<String>>,
}

/// The source of the password, as typed.
#[derive(Debug, Clone)]
pub enum SecretSource {
    /// No password anywhere.
    Absent,
    /// In the answers file itself.
    Inline(Secret),
    /// In a file of its own.
    File(String),
    /// In an environment variable.
    Environment(String),
    /// In a systemd credential.
    Credential(String),
}

impl SecretSource {
    /// Whether the password stands in the answers file itself.
    pub fn is_inline(&self) -> bool {
        matches!(self, Self::Inline(_))
    }
}

impl Auth {
    /// Each way in which the password is given, with its place.
    fn passwords(&self) -> impl Iterator<Item = (Range<usize>, SecretSource)> {
        let Self {
            mechanism: _,
            username: _,
            password,
            password_file,
            password_env,
            password_credential,
            oauth: _,
        } = self;
        let inline =
            password.as_ref().map(|value| (value.span(), SecretSource::Inline(value.get_ref().clone())));
        let file = source(password_file.as_ref(), SecretSource::File);
        let environment = source(password_env.as_ref(), SecretSource::Environment);
        let credential = source(password_credential.as_ref(), SecretSource::Credential);
        [inline, file, environment, credential].into_iter().flatten()
    }

    /// Each secret of the login: the password, or what an application proves itself with.
    fn secrets(&self) -> impl Iterator<Item = (Range<usize>, SecretSource)> {
        self.passwords().chain(self.oauth.iter().flat_map(|oauth| oauth.get_ref().secrets()))
    }

    /// The place of the login's secret, if the table names one.
    fn secret_place(&self) -> Option<Range<usize>> {
        self.secrets().next().map(|(span, _)| span)
    }
}

/// The source that a key names, with its place.
fn source(
    key: Option<&Spanned<String>>,
    source: fn(String) -> SecretSource,
) -> Option<(Range<usize>, SecretSource)> {
    key.map(|value| (value.span(), source(value.get_ref().clone())))
}

impl Answers {
    /// Reads answers from the bytes of `file` (a name for messages). `Error::Answers`, with the place, for anything but
    /// TOML 1.0 with these tables.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self> {
        Self::parse_at(file, bytes, 0)
    }

    /// Like `parse`; places are counted from `start`, the `end` of the answers that these will complete.
    pub fn parse_at(file: &str, bytes: &[u8], start: usize) -> Result<Self> {
        let text = String::from_utf8_lossy(bytes);
        let origin = Origin { file: file.into(), text: Secret::new(&*text), start };
        if let Err(error) = std::str::from_utf8(bytes) {
            let place = start + error.valid_up_to();
            let remedy =
                "answers are a TOML text file; the examples in /usr/share/doc/relayhost/examples show one";
            return Err(origin.error(Some(place..place), "this is not UTF-8 text", remedy));
        }
        if text.trim().is_empty() {
            let remedy = "have `relayhost init` write one, or start from one of the examples in /usr/share/doc/relayhost/examples";
            return Err(origin.error(None, "the file is empty", remedy));
        }
        // Empty lines in front shift every place, and have no meaning in TOML.
        let moved = Secret::new("\n".repeat(start) + &*text);
        match toml::from_str::<Tables>(moved.expose()) {
            Ok(tables) => {
                version(&origin, tables.version.as_ref())?;
                Ok(Self { tables, origin, others: Vec::new() })
            }
            Err(error) => {
                let Complaint { problem, remedy } =
                    complaint(moved.expose(), error.span().map(|span| span.start), error.message());
                Err(origin.error(error.span(), &problem, remedy))
            }
        }
    }

    /// An error about the value at `span`, or about the file as a whole.
    pub fn error(&self, span: Option<Range<usize>>, problem: &str, remedy: impl Into<Advice>) -> Error {
        let start = span.as_ref().map_or(0, |span| span.start);
        let origin = self.others.iter().rev().find(|origin| origin.start <= start);
        origin.unwrap_or(&self.origin).error(span, problem, remedy)
    }

    /// The file that has a value, and the place in it.
    pub fn place_of(&self, span: Range<usize>) -> (String, Option<Position>) {
        match self.error(Some(span), "", "") {
            Error::Answers { file, place, .. } => (file, place),
            _ => (self.origin.file.clone(), None),
        }
    }

    /// The text of the file that counts most.
    pub fn text(&self) -> &Secret {
        &self.origin.text
    }

    /// The first place after these answers.
    pub fn end(&self) -> usize {
        let last = self.others.last().unwrap_or(&self.origin);
        last.start + last.text.expose().len() + 1
    }

    /// Fills the keys that these answers leave open from `lower`, which was parsed at their `end`.
    pub fn complete_with(&mut self, lower: Self) {
        self.others.push(lower.origin);
        self.others.extend(lower.others);
        self.tables.complete_with(lower.tables);
    }

    /// The source of the login's secret; an error if the answers name more than one.
    pub fn secret_source(&self) -> Result<SecretSource> {
        self.source_of(&self.tables.auth)
    }

    /// The source of the secret of a login; an error if its table names more than one.
    fn source_of(&self, auth: &Auth) -> Result<SecretSource> {
        let mut found = auth.secrets();
        match (found.next(), found.next()) {
            (None, _) => Ok(SecretSource::Absent),
            (Some((_, source)), None) => Ok(source),
            (Some((first, _)), Some((second, _))) => {
                let (span, problem, remedy) = if auth.oauth.is_none() {
                    let remedy = "keep one of password, password_file, password_env and password_credential";
                    (second, "the password is given twice", remedy)
                } else if auth.passwords().next().is_some() {
                    let remedy = "remove the password: relayhost fetches the access token by the table oauth";
                    (first, "there is a password beside the table oauth of the login", remedy)
                } else {
                    let remedy = "keep the one that belongs to the flow: certificate, key_file, or one of \
                                  client_secret_file, client_secret_env and client_secret_credential";
                    (second, "the table oauth of the login has two secrets", remedy)
                };
                Err(self.error(Some(span), problem, remedy))
            }
        }
    }

    /// The place of the login's secret, if the answers name one.
    pub fn secret_place(&self) -> Option<Range<usize>> {
        self.tables.auth.secret_place()
    }
}

/// Checks the version, which every file must state for itself.
fn version(origin: &Origin, version: Option<&Spanned<i64>>) -> Result<()> {
    match version {
        None => Err(origin.error(None, "there is no `version`", "write `version = 1` as the first line")),
        Some(version) if *version.get_ref() != 1 => Err(origin.error(
            Some(version.span()),
            &format!("version {} is not known", version.get_ref()),
            "write `version = 1`, or update relayhost if these answers are for a newer one",
        )),
        Some(_) => Ok(()),
    }
}

impl Origin {
    fn error(&self, span: Option<Range<usize>>, problem: &str, remedy: impl Into<Advice>) -> Error {
        let place = |span: Range<usize>| place_at(self.text.expose(), span.start.saturating_sub(self.start));
        Error::Answers {
            file: self.file.clone(),
            place: span.map(place),
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }
}

/// Line and column of a byte offset.
fn place_at(text: &str, offset: usize) -> Position {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    Position { line: before.matches('\n').count() + 1, column: line.chars().count() + 1 }
}

#[cfg(test)]
#[path = "answers_tests.rs"]
mod tests;
