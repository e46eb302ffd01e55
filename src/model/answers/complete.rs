//! Turns answers into `Desired`: fills in presets and defaults, and refuses invalid values, with place and remedy.

use std::net::IpAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;

use super::{Answers, IpChoice};
use crate::error::Result;
use crate::model::desired::{Auth, Desired, IpPolicy, Mechanism, Relay, Rewrite, Tls, Verify};
use crate::model::providers::{self, Preset, Start};
use crate::model::secret::Secret;
use crate::model::text;

/// Completes and checks `answers`. `password` comes from the source that the answers name, if they name one.
pub fn complete(answers: &Answers, password: Option<Secret>) -> Result<Desired> {
    let reader = Reader { answers };
    let preset = reader.preset()?;
    let auth = reader.auth(preset.as_ref(), password)?;
    // Without a login, one's own relay is like any other relay, so its preset is not used.
    let preset = preset.filter(|preset| preset.host.is_some() || !matches!(auth, Auth::None));
    let relay = reader.relay(preset.as_ref(), &auth)?;
    let rewrites = reader.rewrites()?;
    let verify = reader.verify(&rewrites)?;
    let extra_packages = reader.extra_packages()?;
    let packages_from = reader.packages_from()?;
    Ok(Desired { relay, auth, rewrites, verify, extra_packages, packages_from })
}

const DEFAULT_DEADLINE: Duration = Duration::from_secs(90);

/// The checks, one method per table of the answers.
struct Reader<'a> {
    answers: &'a Answers,
}

impl Reader<'_> {
    fn fail<T>(&self, span: Range<usize>, problem: &str, remedy: &str) -> Result<T> {
        Err(self.answers.error(Some(span), problem, remedy))
    }

    fn fail_whole<T>(&self, problem: &str, remedy: &str) -> Result<T> {
        Err(self.answers.error(None, problem, remedy))
    }

    /// The text of a value; an error if it holds a control character. Every value ends up in a file of Postfix, where a
    /// line end starts a new setting.
    fn plain_text<'t>(&self, value: &'t Spanned<String>, what: &str) -> Result<&'t str> {
        let text = value.get_ref();
        if text.chars().any(char::is_control) {
            return self.fail(
                value.span(),
                &format!("{what} has a control character or line end in it"),
                "remove it",
            );
        }
        if text.trim() != text || text.is_empty() {
            return self.fail(
                value.span(),
                &format!("{what} is empty, or begins or ends with a space"),
                "remove the spaces, or the whole line if there is nothing to say",
            );
        }
        Ok(text)
    }

    fn preset(&self) -> Result<Option<Preset>> {
        let Some(name) = &self.answers.tables.relay.provider else { return Ok(None) };
        match providers::find(name.get_ref()) {
            Ok(Preset { name: known, provider, .. }) if provider.unusable.is_some() => self.fail(
                name.span(),
                &format!(
                    "provider `{known}` cannot be used: {}",
                    provider.unusable.as_deref().unwrap_or_default()
                ),
                "take another relay; `relayhost providers` lists those that are known",
            ),
            Ok(preset) => Ok(Some(preset)),
            Err(unknown) => self.fail(name.span(), &unknown.problem, &unknown.remedy),
        }
    }

    fn auth(&self, preset: Option<&Preset>, password: Option<Secret>) -> Result<Auth> {
        let typed = &self.answers.tables.auth;
        let secret_span = [
            typed.password.as_ref().map(Spanned::span),
            typed.password_file.as_ref().map(Spanned::span),
            typed.password_env.as_ref().map(Spanned::span),
            typed.password_credential.as_ref().map(Spanned::span),
        ]
        .into_iter()
        .flatten()
        .next();
        let given = typed.username.is_some() || secret_span.is_some();
        let mechanism = match (&typed.mechanism, preset.map(|preset| preset.provider)) {
            (Some(mechanism), _) => *mechanism.get_ref(),
            (None, Some(provider)) if !provider.optional_login => provider.mechanism,
            (None, Some(provider)) if given && provider.mechanism != Mechanism::None => provider.mechanism,
            (None, _) if given => Mechanism::Plain,
            (None, _) => Mechanism::None,
        };
        if mechanism == Mechanism::None {
            let given = typed.username.as_ref().map(Spanned::span).or(secret_span);
            return match given {
                None => Ok(Auth::None),
                Some(span) => self.fail(
                    span,
                    "a login is given, but the mechanism is `none`",
                    "remove username and password, or set auth.mechanism = \"plain\"",
                ),
            };
        }
        let Some(name) = &typed.username else {
            return self.fail_whole(
                "authentication needs `auth.username`",
                "add it, or set auth.mechanism = \"none\" for a relay without authentication",
            );
        };
        let username = self.plain_text(name, "auth.username")?;
        if username.contains(':') {
            return self.fail(
                name.span(),
                "a user name with a colon cannot be used",
                "Postfix ends the user name at the first colon of sasl_passwd; ask the provider for another login name",
            );
        }
        let password = self.password(mechanism, password, secret_span)?;
        Ok(Auth::Login { mechanism, username: username.to_owned(), password })
    }

    fn password(
        &self,
        mechanism: Mechanism,
        password: Option<Secret>,
        span: Option<Range<usize>>,
    ) -> Result<Secret> {
        let Some(password) = password else {
            if mechanism == Mechanism::Gssapi {
                return Ok(Secret::new(""));
            }
            return self.fail_whole(
                "authentication needs a password",
                "set auth.password_file to a file of root's with mode 0600 (or password, password_env, password_credential)",
            );
        };
        let text = password.expose();
        let problem = if text.is_empty() {
            "the password is empty"
        } else if text.chars().any(|c| c.is_control() && c != '\t') {
            "the password has a line end or another control character in it"
        } else if text.ends_with([' ', '\t']) {
            "the password ends with a space, which Postfix's table format cannot hold"
        } else {
            return Ok(password);
        };
        Err(self.answers.error(
            span,
            problem,
            "give the password as it is, on one line; or have another one set at the relay",
        ))
    }

    fn relay(&self, preset: Option<&Preset>, auth: &Auth) -> Result<Relay> {
        let typed = &self.answers.tables.relay;
        let host = match (&typed.host, preset.and_then(|preset| preset.host.clone())) {
            (Some(host), _) => self.host(host)?,
            (None, Some(host)) => host,
            (None, None) => {
                return self.fail_whole(
                    "there is no `relay.host`",
                    "add `host = \"the.relay's.name\"` under [relay]",
                );
            }
        };
        let is_implicit = match (&typed.port, preset) {
            (None, None) => false,
            (None, Some(preset)) => preset.start(preset.port()) == Some(Start::Implicit),
            (Some(port), _) => {
                let known = |preset: &Preset| preset.start(u16::try_from(*port.get_ref()).ok()?);
                preset.and_then(known).map_or(*port.get_ref() == 465, |start| start == Start::Implicit)
            }
        };
        let implicit_tls = typed.implicit_tls.as_ref().map_or(is_implicit, |value| *value.get_ref());
        let port = match (&typed.port, preset) {
            (Some(port), _) => match u16::try_from(*port.get_ref()) {
                Ok(number) if number > 0 => number,
                _ => {
                    return self.fail(
                        port.span(),
                        &format!("{} is not a TCP port", port.get_ref()),
                        "take a number from 1 to 65535; relays usually listen on 587, 465 or 25",
                    );
                }
            },
            (None, Some(preset)) if implicit_tls == is_implicit => preset.port(),
            (None, _) if implicit_tls => 465,
            (None, Some(preset)) => preset.port(),
            (None, None) if matches!(auth, Auth::None) => 25,
            (None, None) => 587,
        };
        let tls = match (&typed.tls, preset) {
            (Some(tls), _) => *tls.get_ref(),
            (None, Some(preset)) if host.parse::<IpAddr>().is_ok() => preset.provider.tls.min(Tls::Encrypt),
            (None, Some(preset)) => preset.provider.tls,
            (None, None) if implicit_tls || !matches!(auth, Auth::None) => Tls::Encrypt,
            (None, None) => Tls::May,
        };
        if tls >= Tls::Verify && host.parse::<IpAddr>().is_ok() {
            let span = typed.tls.as_ref().map_or(0..0, Spanned::span);
            return self.fail(
                span,
                &format!("tls is `{}`, and a certificate cannot be checked for an address", tls.word()),
                "set relay.host to the name that the relay's certificate carries, or tls = \"encrypt\"",
            );
        }
        if implicit_tls && tls < Tls::Encrypt {
            let span = typed.tls.as_ref().map_or(0..0, Spanned::span);
            return self.fail(
                span,
                &format!("implicit_tls is true, but tls is `{}`", tls.word()),
                "set tls = \"encrypt\" (or verify, secure), or implicit_tls = false",
            );
        }
        let ip = match typed.ip.as_ref().map(Spanned::get_ref) {
            None if preset.is_some_and(|preset| preset.provider.prefers_ipv4) => IpPolicy::PreferV4,
            None => IpPolicy::Leave,
            Some(IpChoice::Any) => IpPolicy::Set("all"),
            Some(IpChoice::Ipv4) => IpPolicy::Set("ipv4"),
            Some(IpChoice::Ipv6) => IpPolicy::Set("ipv6"),
        };
        Ok(Relay { host, port, tls, implicit_tls, ip })
    }

    fn host(&self, value: &Spanned<String>) -> Result<String> {
        let host = value.get_ref().to_ascii_lowercase();
        if host.parse::<IpAddr>().is_ok() {
            return Ok(host);
        }
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let remedy = if host.contains(['[', ']']) {
            "write it without brackets; relayhost adds them"
        } else if host.contains("://") {
            "write the name alone, without `smtp://`"
        } else if host.contains(':') {
            "write the name alone, and the port as `port = 587`"
        } else if host.contains('@') {
            "write the relay's host name, not a mail address"
        } else if !host.is_ascii() {
            "write the name in its ASCII form (xn--…)"
        } else {
            "write the name or the address of the relay alone, such as \"smtp.example.com\""
        };
        if host.len() <= 253
            && host.split('.').all(label)
            && !host.chars().all(|c| c.is_ascii_digit() || c == '.')
        {
            return Ok(host);
        }
        // The text before an @ may be a login with its password.
        let shown = value.get_ref().rsplit('@').next().unwrap_or_default();
        self.fail(value.span(), &format!("`{}` is not a host name", text::one_line(shown)), remedy)
    }

    fn rewrites(&self) -> Result<Vec<Rewrite>> {
        let mut rewrites = Vec::new();
        for (key, value) in &self.answers.tables.sender.rewrite.0 {
            let local = key.get_ref();
            if local.contains('*') || local.starts_with('/') || local == "@" || local.is_empty() {
                return self.fail(
                    key.span(),
                    &format!("`{}` would rewrite every address, the recipients' too", text::one_line(local)),
                    "list the senders: \"monitor@this.host\", or \"@this.host\" for all of this host's",
                );
            }
            let user_only = !local.contains('@') && text::is_address(&format!("{local}@x"));
            let domain_only = local.starts_with('@') && text::is_address(&format!("x{local}"));
            if !(user_only || domain_only || text::is_address(local)) {
                return self.fail(
                    key.span(),
                    &format!("`{}` is not a mail address", text::one_line(local)),
                    "write user@host, or @host for all senders of a host",
                );
            }
            if !text::is_address(value.get_ref()) {
                return self.fail(
                    value.span(),
                    &format!("`{}` is not a mail address", text::one_line(value.get_ref())),
                    "write one complete address, such as alerts@example.com",
                );
            }
            if rewrites.iter().any(|other: &Rewrite| other.local.to_lowercase() == local.to_lowercase()) {
                return self.fail(
                    key.span(),
                    &format!("`{local}` is there twice; upper and lower case are the same to Postfix"),
                    "keep one of the two",
                );
            }
            rewrites.push(Rewrite { local: local.clone(), public: value.get_ref().clone() });
        }
        Ok(rewrites)
    }

    fn verify(&self, rewrites: &[Rewrite]) -> Result<Verify> {
        let typed = &self.answers.tables.verify;
        let deadline = match &typed.deadline {
            None => DEFAULT_DEADLINE,
            Some(value) => match text::parse_duration(value.get_ref()) {
                Ok(deadline) => deadline,
                Err(problem) => return self.fail(value.span(), &problem, text::DURATION_REMEDY),
            },
        };
        let Some(value) = &typed.to else { return Ok(Verify { to: None, deadline }) };
        let to = value.get_ref();
        if !text::is_recipient(to) {
            return self.fail(
                value.span(),
                &format!("`{}` is not a mail address", text::one_line(to)),
                "write one complete ASCII address of a mailbox elsewhere, such as ops@example.com",
            );
        }
        // generic(5): smtp_generic_maps rewrites recipients too.
        let domain = to.rfind('@').and_then(|at| to.get(at..)).unwrap_or_default();
        let hit = |rewrite: &&Rewrite| {
            rewrite.local.eq_ignore_ascii_case(to)
                || (rewrite.local.starts_with('@') && rewrite.local.eq_ignore_ascii_case(domain))
        };
        if let Some(rewrite) = rewrites.iter().find(hit) {
            return self.fail(
                value.span(),
                &format!("the rewrite of `{}` would rewrite this recipient too", rewrite.local),
                "rewrite the senders one by one, or send the test to another domain",
            );
        }
        Ok(Verify { to: Some(to.clone()), deadline })
    }

    fn packages_from(&self) -> Result<Option<PathBuf>> {
        let Some(from) = &self.answers.tables.packages.from else { return Ok(None) };
        let text = self.plain_text(from, "packages.from")?;
        if text.starts_with('/') {
            return Ok(Some(text.into()));
        }
        self.fail(
            from.span(),
            &format!("`{}` is not the whole path of a directory", text::one_line(text)),
            "write it from the root on, such as \"/mnt/rpms\"",
        )
    }

    fn extra_packages(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for value in &self.answers.tables.packages.extra {
            let name = value.get_ref();
            let good = |c: char| c.is_ascii_alphanumeric() || "+-._()".contains(c);
            if name.is_empty() || name.starts_with('-') || !name.chars().all(good) {
                return self.fail(
                    value.span(),
                    &format!("`{}` is not a package name", text::one_line(name)),
                    "write names as `rpm -q` knows them, not paths",
                );
            }
            names.push(name.clone());
        }
        Ok(names)
    }
}

#[cfg(test)]
#[path = "complete_tests.rs"]
mod tests;
