//! Turns answers into `Desired`: fills in presets and defaults, and refuses invalid values, with place and remedy.

use std::borrow::Borrow;
use std::net::IpAddr;
use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use toml::Spanned;

use super::Answers;
use super::oauth::{Oauth, token};
use crate::error::{Advice, Complaint, Result};
use crate::model::desired::{Auth, Desired, IpPolicy, Mechanism, Relay, Rewrite, Tls, Verify};
use crate::model::oauth::{App, proxy};
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
    let packages = &answers.tables.packages;
    let extra_packages = packages.extra.iter().map(|name| reader.of(name, package)).collect::<Result<_>>()?;
    let packages_from = packages.from.as_ref().map(|path| reader.of(path, directory)).transpose()?;
    Ok(Desired { relay, auth, rewrites, verify, extra_packages, packages_from })
}

const DEFAULT_DEADLINE: Duration = Duration::from_secs(90);

/// A value that has passed its check, or the reason why it has not.
type Checked<T> = std::result::Result<T, Complaint>;

fn refuse<T>(problem: impl Into<String>, remedy: impl Into<Advice>) -> Checked<T> {
    Err(Complaint::new(problem, remedy))
}

/// The values of the answers, one method per table. The functions below check single values.
struct Reader<'a> {
    answers: &'a Answers,
}

impl Reader<'_> {
    /// The result of a check, with the place of the value, or without one if it is about the answers as a whole.
    fn at<T>(&self, span: impl Into<Option<Range<usize>>>, checked: Checked<T>) -> Result<T> {
        checked.map_err(|Complaint { problem, remedy }| self.answers.error(span.into(), &problem, remedy))
    }

    /// The result of the check of one value.
    fn of<T, V, U>(&self, value: &Spanned<T>, check: impl FnOnce(&V) -> Checked<U>) -> Result<U>
    where
        T: Borrow<V>,
        V: ?Sized,
    {
        self.at(value.span(), check(value.get_ref().borrow()))
    }

    fn preset(&self) -> Result<Option<Preset>> {
        let usable = |preset: Preset| match &preset.provider.unusable {
            Some(why) => {
                let remedy = "take another relay; `relayhost providers` lists those that are known";
                refuse(format!("provider `{}` cannot be used: {why}", preset.name), remedy)
            }
            None => Ok(preset),
        };
        let name = self.answers.tables.relay.provider.as_ref();
        name.map(|name| self.of(name, |name: &str| providers::find(name).and_then(usable))).transpose()
    }

    fn auth(&self, preset: Option<&Preset>, password: Option<Secret>) -> Result<Auth> {
        let typed = &self.answers.tables.auth;
        let secret_span = self.answers.secret_place();
        let given = typed.username.as_ref().map(Spanned::span).or(secret_span.clone());
        let mechanism = self.mechanism(preset, given.is_some());
        if mechanism == Mechanism::None {
            let Some(span) = given else { return Ok(Auth::None) };
            let remedy = "remove username and password, or set auth.mechanism = \"plain\"";
            return self.at(span, refuse("a login is given, but the mechanism is `none`", remedy));
        }
        let Some(name) = &typed.username else {
            let remedy = "add it, or set auth.mechanism = \"none\" for a relay without authentication";
            return self.at(None, refuse("authentication needs `auth.username`", remedy));
        };
        let username = self.of(name, username)?;
        if let Some(oauth) = &typed.oauth {
            let relay = preset.and_then(|preset| preset.host.as_deref());
            let app = Some(Box::new(self.app(oauth, mechanism, password.as_ref(), &username, relay)?));
            return Ok(Auth::Login { mechanism, username, password: Secret::new(""), app });
        }
        let password = match password {
            Some(password) if mechanism.takes_token() => self.at(secret_span, token(password))?,
            Some(password) => self.at(secret_span, sound(password))?,
            None if mechanism.takes_token() => {
                let problem = format!(
                    "{} needs [auth.oauth], which says how to fetch an access token",
                    mechanism.name()
                );
                let remedy = "add [auth.oauth] (relayhost-answers(5) has its keys); or give a token that another program fetches as the password";
                let span = typed.mechanism.as_ref().map(Spanned::span);
                return self.at(span, refuse(problem, remedy));
            }
            None if mechanism == Mechanism::Gssapi => Secret::new(""),
            None => {
                let remedy = "set auth.password_file to a file of root's with mode 0600 (or password, password_env, password_credential)";
                return self.at(None, refuse("authentication needs a password", remedy));
            }
        };
        Ok(Auth::Login { mechanism, username, password, app: None })
    }

    /// The mechanism that is written, or that follows from the preset; `is_given`: whether there is a login.
    fn mechanism(&self, preset: Option<&Preset>, is_given: bool) -> Mechanism {
        let typed = &self.answers.tables.auth;
        match (&typed.mechanism, preset.map(|preset| preset.provider)) {
            (Some(mechanism), _) => *mechanism.get_ref(),
            (None, _) if typed.oauth.is_some() => Mechanism::Xoauth2,
            (None, Some(provider)) if !provider.optional_login => provider.mechanism,
            (None, Some(provider)) if is_given && provider.mechanism != Mechanism::None => provider.mechanism,
            (None, _) if is_given => Mechanism::Plain,
            (None, _) => Mechanism::None,
        }
    }

    /// The application that fetches access tokens.
    fn app(
        &self,
        oauth: &Spanned<Oauth>,
        mechanism: Mechanism,
        password: Option<&Secret>,
        username: &str,
        relay: Option<&str>,
    ) -> Result<App> {
        if !mechanism.takes_token() {
            let problem =
                format!("[auth.oauth] fetches an access token, and {} takes a password", mechanism.name());
            let remedy = "set auth.mechanism = \"xoauth2\" (or \"oauthbearer\"), or remove [auth.oauth]";
            return self.at(oauth.span(), refuse(problem, remedy));
        }
        let app = oauth.get_ref().app(password, username, relay);
        let mut app =
            app.or_else(|(span, complaint)| self.at(span.or(Some(oauth.span())), Err(complaint)))?;
        let proxy = self.answers.tables.network.proxy.as_ref();
        app.proxy = proxy.map(|value| self.of(value, proxy_url)).transpose()?;
        Ok(app)
    }

    fn relay(&self, preset: Option<&Preset>, auth: &Auth) -> Result<Relay> {
        let typed = &self.answers.tables.relay;
        let host = match (&typed.host, preset.and_then(|preset| preset.host.clone())) {
            (Some(typed), _) => self.of(typed, host)?,
            (None, Some(host)) => host,
            (None, None) => {
                let remedy = "add `host = \"the.relay's.name\"` under [relay]";
                return self.at(None, refuse("there is no `relay.host`", remedy));
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
            (Some(typed), _) => self.of(typed, |number: &i64| port(*number))?,
            (None, Some(preset)) if implicit_tls == is_implicit => preset.port(),
            (None, _) if implicit_tls => 465,
            (None, Some(preset)) => preset.port(),
            (None, None) if matches!(auth, Auth::None) => 25,
            (None, None) => 587,
        };
        let is_address = host.parse::<IpAddr>().is_ok();
        let tls = match (&typed.tls, preset) {
            (Some(tls), _) => *tls.get_ref(),
            (None, Some(preset)) if is_address => preset.provider.tls.min(Tls::Encrypt),
            (None, Some(preset)) => preset.provider.tls,
            (None, None) if implicit_tls || !matches!(auth, Auth::None) => Tls::Encrypt,
            (None, None) => Tls::May,
        };
        let tls_span = typed.tls.as_ref().map_or(0..0, Spanned::span);
        self.at(tls_span, possible(tls, is_address, implicit_tls))?;
        let ip = match &typed.ip {
            Some(ip) => IpPolicy::Set(ip.get_ref().word()),
            None if preset.is_some_and(|preset| preset.provider.prefers_ipv4) => IpPolicy::PreferV4,
            None => IpPolicy::Leave,
        };
        Ok(Relay { host, port, tls, implicit_tls, ip })
    }

    fn rewrites(&self) -> Result<Vec<Rewrite>> {
        let mut rewrites: Vec<Rewrite> = Vec::new();
        for (key, value) in &self.answers.tables.sender.rewrite.0 {
            let local = self.of(key, local_sender)?;
            let public = self.of(value, public_sender)?;
            if rewrites.iter().any(|other| other.local.to_lowercase() == local.to_lowercase()) {
                let problem =
                    format!("`{local}` is there twice; upper and lower case are the same to Postfix");
                return self.at(key.span(), refuse(problem, "keep one of the two"));
            }
            rewrites.push(Rewrite { local, public });
        }
        Ok(rewrites)
    }

    fn verify(&self, rewrites: &[Rewrite]) -> Result<Verify> {
        let typed = &self.answers.tables.verify;
        let deadline =
            typed.deadline.as_ref().map_or(Ok(DEFAULT_DEADLINE), |value| self.of(value, duration))?;
        let to =
            typed.to.as_ref().map(|value| self.of(value, |to: &str| recipient(to, rewrites))).transpose()?;
        Ok(Verify { to, deadline })
    }
}

/// A text without control characters: every value ends up in a file of Postfix, where a line end starts a new setting.
fn plain_text<'t>(text: &'t str, what: &str) -> Checked<&'t str> {
    if text.chars().any(char::is_control) {
        return refuse(format!("{what} has a control character or line end in it"), "remove it");
    }
    if text.trim() != text || text.is_empty() {
        let remedy = "remove the spaces, or the whole line if there is nothing to say";
        return refuse(format!("{what} is empty, or begins or ends with a space"), remedy);
    }
    Ok(text)
}

fn username(typed: &str) -> Checked<String> {
    let name = plain_text(typed, "auth.username")?;
    if name.contains(':') {
        let remedy = "Postfix ends the user name at the first colon of sasl_passwd; ask the provider for another login name";
        return refuse("a user name with a colon cannot be used", remedy);
    }
    Ok(name.to_owned())
}

/// A password that Postfix's table can hold.
fn sound(password: Secret) -> Checked<Secret> {
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
    refuse(problem, "give the password as it is, on one line; or have another one set at the relay")
}

fn host(typed: &str) -> Checked<String> {
    let host = typed.to_ascii_lowercase();
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_number = host.chars().all(|c| c.is_ascii_digit() || c == '.');
    let is_name = host.len() <= 253 && host.split('.').all(label) && !is_number;
    if is_name || host.parse::<IpAddr>().is_ok() {
        return Ok(host);
    }
    let remedy = if host.contains(['[', ']']) {
        "write it without brackets; relayhost adds them"
    } else if host.contains("://") {
        "write the name alone, without `smtp://`"
    } else if host.contains(':') {
        "write the name alone; the port, from 1 to 65535, is an answer of its own (`port`)"
    } else if host.contains('@') {
        "write the relay's host name, not a mail address"
    } else if !host.is_ascii() {
        "write the name in its ASCII form (xn--…)"
    } else {
        "write the name or the address of the relay alone, such as \"smtp.example.com\""
    };
    // The text before an @ may be a login with its password.
    let shown = typed.rsplit('@').next().unwrap_or_default();
    refuse(format!("`{}` is not a host name", text::one_line(shown)), remedy)
}

fn port(typed: i64) -> Checked<u16> {
    match u16::try_from(typed) {
        Ok(port) if port > 0 => Ok(port),
        _ => {
            let remedy = "take a number from 1 to 65535; relays usually listen on 587, 465 or 25";
            refuse(format!("{typed} is not a TCP port"), remedy)
        }
    }
}

/// Refuses a level of TLS that the other values make impossible.
fn possible(tls: Tls, is_address: bool, implicit_tls: bool) -> Checked<()> {
    if tls >= Tls::Verify && is_address {
        let problem = format!("tls is `{}`, and a certificate cannot be checked for an address", tls.word());
        let remedy =
            "set `relay.host` to the name that the relay's certificate carries, or tls = \"encrypt\"";
        return refuse(problem, remedy);
    }
    if implicit_tls && tls < Tls::Encrypt {
        let remedy = "set tls = \"encrypt\" (or verify, secure), or implicit_tls = false";
        return refuse(format!("implicit_tls is true, but tls is `{}`", tls.word()), remedy);
    }
    Ok(())
}

fn local_sender(typed: &str) -> Checked<String> {
    if typed.contains('*') || typed.starts_with('/') || typed == "@" || typed.is_empty() {
        let problem = format!("`{}` would rewrite every address, the recipients' too", text::one_line(typed));
        let remedy = "list the senders: \"monitor@this.host\", or \"@this.host\" for all of this host's";
        return refuse(problem, remedy);
    }
    let user_only = !typed.contains('@') && text::is_address(&format!("{typed}@x"));
    let domain_only = typed.starts_with('@') && text::is_address(&format!("x{typed}"));
    let is_sender = user_only || domain_only || text::is_address(typed);
    address(typed, is_sender, "write user@host, or @host for all senders of a host")
}

fn public_sender(typed: &str) -> Checked<String> {
    address(typed, text::is_address(typed), "write one complete address, such as alerts@example.com")
}

fn recipient(typed: &str, rewrites: &[Rewrite]) -> Checked<String> {
    let remedy = "write one complete ASCII address of a mailbox elsewhere, such as ops@example.com";
    let to = address(typed, text::is_recipient(typed), remedy)?;
    // generic(5): smtp_generic_maps rewrites recipients too.
    let domain = to.rfind('@').and_then(|at| to.get(at..)).unwrap_or_default();
    let hits = |local: &str| {
        local.eq_ignore_ascii_case(&to) || (local.starts_with('@') && local.eq_ignore_ascii_case(domain))
    };
    match rewrites.iter().find(|rewrite| hits(&rewrite.local)) {
        Some(Rewrite { local, .. }) => {
            let remedy = "rewrite the senders one by one, or send the test to another domain";
            refuse(format!("the rewrite of `{local}` would rewrite this recipient too"), remedy)
        }
        None => Ok(to),
    }
}

fn address(typed: &str, is_good: bool, remedy: &str) -> Checked<String> {
    let problem = || format!("`{}` is not a mail address", text::one_line(typed));
    if is_good { Ok(typed.to_owned()) } else { refuse(problem(), remedy) }
}

fn duration(typed: &str) -> Checked<Duration> {
    text::parse_duration(typed).or_else(|problem| refuse(problem, text::DURATION_REMEDY))
}

fn proxy_url(typed: &str) -> Checked<String> {
    if typed.starts_with("http://") && proxy::is_sound(typed) {
        return Ok(typed.to_owned());
    }
    // The text before an @ may be a login with its password.
    let shown = text::one_line(typed.rsplit('@').next().unwrap_or_default());
    let remedy = "write it as \"http://proxy.example.com:3128\"";
    refuse(format!("`{shown}` is not the address of a proxy"), remedy)
}

fn directory(typed: &str) -> Checked<PathBuf> {
    let path = plain_text(typed, "packages.from")?;
    if path.starts_with('/') {
        return Ok(path.into());
    }
    let problem = format!("`{}` is not the whole path of a directory", text::one_line(path));
    refuse(problem, "write it from the root on, such as \"/mnt/rpms\"")
}

fn package(typed: &str) -> Checked<String> {
    let good = |c: char| c.is_ascii_alphanumeric() || "+-._()".contains(c);
    if !typed.is_empty() && !typed.starts_with('-') && typed.chars().all(good) {
        return Ok(typed.to_owned());
    }
    let problem = format!("`{}` is not a package name", text::one_line(typed));
    refuse(problem, "write names as `rpm -q` knows them, not paths")
}

#[cfg(test)]
#[path = "complete_tests.rs"]
mod tests;
