//! Turns answers into `Desired`: fills in presets and defaults, and refuses invalid values, with place and remedy.

use std::borrow::Borrow;
use std::net::IpAddr;
use std::ops::Range;
use std::time::Duration;

use toml::Spanned;

use super::Answers;
use super::alarm::Alarm;
use super::oauth::{Oauth, token};
use super::values::{
    Checked, default_sender, directory, display_name, duration, host, local_sender, package, port, possible,
    proxy_url, public_sender, recipient, refuse, sound, username,
};
use crate::error::{Complaint, Result};
use crate::model::alarm::Way;
use crate::model::desired::{Auth, Desired, IpPolicy, Mechanism, Relay, Rewrite, Tls, Verify, WayOut};
use crate::model::oauth::App;
use crate::model::one_sender::OneSender;
use crate::model::providers::{self, Preset, Start};
use crate::model::secret::Secret;

/// What the sources of secrets hold that the answers name.
#[derive(Debug, Default)]
pub struct Secrets {
    /// The secret of the login at the relay.
    pub login: Option<Secret>,
    /// The secrets of the mailboxes that are looked into, in the order of [`Answers::mailboxes`].
    pub mailboxes: Vec<MailboxSecret>,
    /// The address of each webhook, in the order of the alarms.
    pub alarms: Vec<Option<Secret>>,
}

/// The secret that the table of a mailbox names: a password, or what its application proves itself by.
#[derive(Debug, Default)]
pub enum MailboxSecret {
    /// The answers name none.
    #[default]
    Absent,
    /// It is elsewhere, and was not read: the answers are checked, and not used.
    Elsewhere,
    /// The secret.
    Given(Secret),
}

impl From<Option<Secret>> for Secrets {
    fn from(login: Option<Secret>) -> Self {
        Self { login, ..Self::default() }
    }
}

/// Completes and checks `answers`. `secrets` come from the sources that the answers name, if they name any.
pub fn complete(answers: &Answers, secrets: impl Into<Secrets>) -> Result<Desired> {
    let Secrets { login: password, mailboxes, alarms } = secrets.into();
    let reader = Reader { answers };
    let preset = reader.preset()?;
    let auth = reader.auth(preset.as_ref(), password)?;
    // Without a login, one's own relay is like any other relay, so its preset is not used.
    let preset = preset.filter(|preset| preset.host.is_some() || !matches!(auth, Auth::None));
    let relay = reader.relay(preset.as_ref(), &auth)?;
    let rewrites = reader.rewrites()?;
    let root = reader.root(&rewrites)?;
    let verify = reader.verify(&rewrites, mailboxes)?;
    let packages = &answers.tables.packages;
    let extra_packages = packages.extra.iter().map(|name| reader.of(name, package)).collect::<Result<_>>()?;
    let packages_from = packages.from.as_ref().map(|path| reader.of(path, directory)).transpose()?;
    let alarms = reader.alarms(alarms)?;
    let one_sender = reader.one_sender(&rewrites)?;
    Ok(Desired {
        first: WayOut { relay, auth },
        fallbacks: Vec::new(),
        rewrites,
        one_sender,
        root,
        verify,
        extra_packages,
        packages_from,
        alarms,
    })
}

const DEFAULT_DEADLINE: Duration = Duration::from_secs(90);

/// The values of the answers, one method per table; `values` checks single ones.
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
        let app = oauth.get_ref().app("auth.oauth", password, username, relay);
        let mut app =
            app.or_else(|(span, complaint)| self.at(span.or(Some(oauth.span())), Err(complaint)))?;
        app.proxy = self.proxy()?;
        Ok(app)
    }

    /// The proxy that identity providers are asked through, if the answers name one.
    fn proxy(&self) -> Result<Option<String>> {
        let proxy = self.answers.tables.network.proxy.as_ref();
        proxy.map(|value| self.of(value, proxy_url)).transpose()
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

    /// Whoever is to have root's mail.
    fn root(&self, rewrites: &[Rewrite]) -> Result<Vec<String>> {
        let Some(typed) = &self.answers.tables.recipients.root else { return Ok(Vec::new()) };
        typed
            .get_ref()
            .checked(rewrites)
            .or_else(|(place, complaint)| self.at(place.or(Some(typed.span())), Err(complaint)))
    }

    fn one_sender(&self, rewrites: &[Rewrite]) -> Result<Option<OneSender>> {
        let typed = &self.answers.tables.sender;
        let Some(address) = &typed.default else {
            let Some(name) = &typed.name else { return Ok(None) };
            let remedy = "add `default = \"alerts@example.com\"` under [sender], or remove `name`";
            return self.at(name.span(), refuse("`sender.name` needs `sender.default`", remedy));
        };
        let address = self.of(address, |typed: &str| default_sender(typed, rewrites))?;
        let name = typed.name.as_ref().map(|name| self.of(name, display_name)).transpose()?;
        Ok(Some(OneSender { address, name }))
    }

    fn verify(&self, rewrites: &[Rewrite], mailboxes: Vec<MailboxSecret>) -> Result<Verify> {
        let typed = &self.answers.tables.verify;
        let deadline =
            typed.deadline.as_ref().map_or(Ok(DEFAULT_DEADLINE), |value| self.of(value, duration))?;
        let to =
            typed.to.as_ref().map(|value| self.of(value, |to: &str| recipient(to, rewrites))).transpose()?;
        let arrival = typed.arrival.as_ref().map(|table| {
            let proxy = self.proxy()?;
            let mailbox = table.get_ref().mailbox(mailboxes, proxy.as_deref()).map(Box::new);
            mailbox.or_else(|(span, complaint)| self.at(span.or(Some(table.span())), Err(complaint)))
        });
        Ok(Verify { to, deadline, arrival: arrival.transpose()? })
    }

    /// The ways by which incidents are told. `urls`: the addresses of the webhooks.
    fn alarms(&self, urls: Vec<Option<Secret>>) -> Result<Vec<Way>> {
        self.answers.count_alarms()?;
        let proxy = self.answers.tables.network.proxy.as_ref();
        let proxy = proxy.map(|value| self.of(value, proxy_url)).transpose()?;
        let urls = urls.into_iter().chain(std::iter::repeat(None));
        let way = |(table, url): (&Spanned<Alarm>, Option<Secret>)| {
            let way = table.get_ref().way(url, proxy.clone());
            way.or_else(|(span, complaint)| self.at(span.or(Some(table.span())), Err(complaint)))
        };
        self.answers.tables.alarm.iter().zip(urls).map(way).collect()
    }
}

#[cfg(test)]
#[path = "complete_tests.rs"]
mod tests;
