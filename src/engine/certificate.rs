//! `relayhost login --new-certificate`: makes the certificate of an application and its key, where the answers have them.

use std::path::{Path, PathBuf};

use jiff::ToSpan;
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};

use super::load;
use super::load::certificate::place_of_certificate;
use crate::error::{Complaint, Error, RUN_AGAIN, Result, command_line, shown, typed};
use crate::model::ended::Certified;
use crate::model::oauth::certificate::Certificate;
use crate::model::secret::Secret;
use crate::model::state::generation::hex;
use crate::sys::{clock, files, host, keypair, trust};

/// Life of a certificate, in days. After more than two years nobody would remember how to replace it.
const DAYS: i64 = 730;

/// Longest file of a certificate that is looked at, in bytes.
const LIMIT: u64 = 64 * 1024;

/// Makes a certificate and its key. `another`: beside the pair that is there, which stays in use.
/// `user`: the login that it is for, where the answers name several.
pub fn make(answers: &Path, user: Option<&str>, another: bool) -> Result<Certified> {
    let place = place_of_certificate(answers, user)?;
    trust::place(&place)?;
    files::ensure_directory(place.parent().unwrap_or(Path::new("/")), 0o755)?;
    let is_there = files::exists(&place);
    if is_there && !another {
        return Err(refuse(
            format!("`{}` is there already{}", shown(&place), ends(&place)),
            format!("`{}` makes another one beside it", command(user)),
        ));
    }
    let pair = if is_there { with(&place, ".new") } else { place.clone() };
    if is_there && files::exists(&pair) {
        let remedy = format!(
            "upload {1}, then `mv {0} {2}`; or, if nobody has uploaded it, `mv -n {0} {0}.aside`, and run `this command` again",
            typed(&pair),
            typed(public_of(&pair)),
            typed(&place)
        );
        return Err(refuse(format!("`{}` is there already{}", shown(&pair), ends(&pair)), remedy));
    }
    let today = clock::today();
    let last = today.saturating_add(DAYS.days());
    // Entra's clock may be behind this host's.
    let made =
        keypair::make(&format!("relayhost on {}", host::hostname()), today.saturating_sub(1.day()), last);
    let made = made.map_err(|words| refuse(format!("no key could be made: {words}"), RUN_AGAIN.into()))?;
    let public = public_of(&pair);
    files::replace(&public, made.pem.as_bytes(), 0o644)?;
    // Written last, and by one rename: if the pair is there, it is whole, and so is the file of the certificate alone.
    files::replace(&pair, format!("{}{}", made.pem, made.key.expose()).as_bytes(), 0o600)?;
    let thumbprint = |algorithm| hex(digest(algorithm, &made.certificate).as_ref()).to_uppercase();
    Ok(Certified {
        pair,
        public,
        beside: is_there.then_some(place),
        is_answered: load::is_answered() || answers != Path::new(load::DEFAULT),
        sha1: thumbprint(&SHA1_FOR_LEGACY_USE_ONLY),
        sha256: thumbprint(&SHA256),
        ends: last.to_string(),
    })
}

/// The command that makes another one.
fn command(user: Option<&str>) -> String {
    let of = user.into_iter().flat_map(|user| ["--as", user]);
    command_line(["login", "--new-certificate", "--force"].into_iter().chain(of))
}

/// A path with something more at its end.
fn with(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// The file of the certificate alone, beside the pair. Entra wants the name to end so.
fn public_of(pair: &Path) -> PathBuf {
    with(pair, ".cer")
}

/// When a certificate that is there ends, in words; nothing if it cannot be read.
fn ends(path: &Path) -> String {
    let text = files::read(path, LIMIT).ok().flatten().and_then(|bytes| String::from_utf8(bytes).ok());
    let read = text.and_then(|text| Certificate::parse(&Secret::new(text)).ok());
    read.map(|read| format!(", and ends on {}", clock::date(read.ends))).unwrap_or_default()
}

fn refuse(problem: String, remedy: String) -> Error {
    Complaint::new(problem, remedy).of("login --new-certificate", None)
}
