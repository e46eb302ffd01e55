//! The place of a certificate that the answers name, for whoever makes it.

use std::path::{Path, PathBuf};

use toml::Spanned;

use super::{DEFAULT, Source, is_answered};
use crate::error::{Result, command_line};
use crate::model::answers::access::CERTIFICATE_FILE;
use crate::model::answers::{Answers, Auth};

/// Number of commands that are listed.
const LISTED: usize = 5;

/// The place of the certificate that the answers name, which need not be there. A host without answers gets the usual one.
/// `user`: the login that it is for, where the answers name several.
pub fn place_of_certificate(path: &Path, user: Option<&str>) -> Result<PathBuf> {
    if path == Path::new(DEFAULT) && !is_answered() {
        return Ok(CERTIFICATE_FILE.into());
    }
    let answers = Source::new(path)?.answers()?;
    let all: Vec<(&str, &Spanned<String>)> = logins(&answers).filter_map(certificate).collect();
    let is_of =
        |named: &&(&str, &Spanned<String>)| user.is_none_or(|user| named.0.eq_ignore_ascii_case(user));
    let mut named: Vec<_> = all.iter().filter(is_of).collect();
    named.dedup_by(|one, other| one.1.get_ref() == other.1.get_ref());
    let place = match named[..] {
        [(_, place)] => place,
        [] if all.is_empty() => {
            let oauth = answers.tables.auth.oauth.as_ref().map(Spanned::span);
            let remedy = format!(
                "write flow = \"certificate\" and certificate = \"{CERTIFICATE_FILE}\" under [auth.oauth]"
            );
            return Err(answers.error(oauth, "the answers name no certificate", &remedy));
        }
        [] => {
            let problem = "the answers name no certificate for that login";
            return Err(answers.error(None, problem, commands(all.iter())));
        }
        _ => {
            let problem = "the answers name several certificates";
            return Err(answers.error(None, problem, commands(named.into_iter())));
        }
    };
    let path = PathBuf::from(place.get_ref());
    if path.is_absolute() {
        return Ok(path);
    }
    Err(answers.error(Some(place.span()), "this must be a path from `/`", "write the whole path"))
}

/// The tables of all logins at relays.
fn logins(answers: &Answers) -> impl Iterator<Item = &Auth> {
    let tables = &answers.tables;
    let fallbacks = tables.relay.fallback.iter().map(|table| &table.get_ref().auth);
    let accounts = tables.senders.iter().map(|table| &table.get_ref().auth);
    std::iter::once(&tables.auth).chain(fallbacks).chain(accounts)
}

/// The user of a login, and the place of its certificate.
fn certificate(auth: &Auth) -> Option<(&str, &Spanned<String>)> {
    let place = auth.oauth.as_ref()?.get_ref().certificate.as_ref()?;
    Some((auth.username.as_ref().map_or("", |name| name.get_ref().as_str()), place))
}

/// The commands for these certificates.
fn commands<'a>(all: impl ExactSizeIterator<Item = &'a (&'a str, &'a Spanned<String>)>) -> String {
    let more = all.len().saturating_sub(LISTED);
    let of = |user: &str| format!("`{}`", command_line(["login", "--new-certificate", "--as", user]));
    let listed: Vec<String> = all.take(LISTED).map(|(user, _)| of(user)).collect();
    let more = if more > 0 { format!(", or {more} more") } else { String::new() };
    format!("name the login: {}{more}", listed.join(", or "))
}
