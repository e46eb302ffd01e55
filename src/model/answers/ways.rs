//! The relays of the answers, and the logins there: `[relay]` with `[auth]`, and each `[[relay.fallback]]`.

use std::net::IpAddr;
use std::ops::Range;

use toml::Spanned;

use super::complete::NamedSecret;
use super::fallback::Fallback;
use super::oauth::{Oauth, token};
use super::reader::Reader;
use super::senders::TypedAccount;
use super::values::{host, port, possible, refuse, sound, username};
use super::{Answers, Auth as Login, IpChoice};
use crate::error::Result;
use crate::model::desired::{Auth, IpPolicy, Mechanism, Relay, Tls, WayOut};
use crate::model::oauth::App;
use crate::model::providers::{self, Preset, Start};
use crate::model::secret::Secret;

/// What the answers say of one relay, wherever it stands.
struct Table<'a> {
    provider: Option<&'a Spanned<String>>,
    host: Option<&'a Spanned<String>>,
    port: Option<&'a Spanned<i64>>,
    tls: Option<&'a Spanned<Tls>>,
    implicit_tls: Option<&'a Spanned<bool>>,
    ip: Option<&'a Spanned<IpChoice>>,
    auth: &'a Login,
    /// Its name in the names of keys, and as a heading.
    name: &'static str,
    heading: &'static str,
    /// The name of the login's table.
    auth_name: &'static str,
    is_fallback: bool,
    /// The place of the table; `None`: its parts are in several tables.
    place: Option<Range<usize>>,
}

/// A login for which an application fetches access tokens.
struct AppLogin<'a> {
    /// The name of the login's table.
    table: &'a str,
    mechanism: Mechanism,
    /// What the application proves itself with.
    secret: Option<&'a Secret>,
    username: &'a str,
    /// The host name of the preset.
    relay: Option<&'a str>,
}

impl<'a> Table<'a> {
    fn first(answers: &'a Answers) -> Self {
        let relay = &answers.tables.relay;
        Self {
            provider: relay.provider.as_ref(),
            host: relay.host.as_ref(),
            port: relay.port.as_ref(),
            tls: relay.tls.as_ref(),
            implicit_tls: relay.implicit_tls.as_ref(),
            ip: relay.ip.as_ref(),
            auth: &answers.tables.auth,
            name: "relay",
            heading: "[relay]",
            auth_name: "auth",
            is_fallback: false,
            place: None,
        }
    }

    fn fallback(table: &'a Spanned<Fallback>) -> Self {
        let fallback = table.get_ref();
        Self {
            provider: fallback.provider.as_ref(),
            host: fallback.host.as_ref(),
            port: fallback.port.as_ref(),
            tls: fallback.tls.as_ref(),
            implicit_tls: fallback.implicit_tls.as_ref(),
            ip: None,
            auth: &fallback.auth,
            name: "relay.fallback",
            heading: "[[relay.fallback]]",
            auth_name: "relay.fallback.auth",
            is_fallback: true,
            place: Some(table.span()),
        }
    }

    /// That of an account: what it does not say of the relay is that of `[relay]`, unless it names another one.
    fn account(table: &'a Spanned<TypedAccount>, answers: &'a Answers) -> Self {
        let account = table.get_ref();
        let own = Self {
            provider: account.provider.as_ref(),
            host: account.host.as_ref(),
            port: account.port.as_ref(),
            tls: account.tls.as_ref(),
            implicit_tls: account.implicit_tls.as_ref(),
            ip: None,
            auth: &account.auth,
            name: "senders",
            heading: "[[senders]]",
            auth_name: "senders.auth",
            is_fallback: true,
            place: Some(table.span()),
        };
        if own.provider.is_some() || own.host.is_some() {
            return own;
        }
        let first = Self::first(answers);
        Self {
            provider: first.provider,
            host: first.host,
            port: own.port.or(first.port),
            tls: own.tls.or(first.tls),
            implicit_tls: own.implicit_tls.or(first.implicit_tls),
            ..own
        }
    }

    /// A sentence, with the name of the table if it is not the first relay's.
    fn about(&self, text: &str) -> String {
        if self.is_fallback { format!("{}: {text}", self.heading) } else { text.to_owned() }
    }
}

impl Reader<'_> {
    /// The way that all mail takes, and those that are tried after it. The secrets are those of the logins.
    pub(super) fn ways(
        &self,
        login: Option<Secret>,
        secrets: Vec<NamedSecret>,
    ) -> Result<(WayOut, Vec<WayOut>)> {
        self.answers.count_fallbacks()?;
        let first = self.way(&Table::first(self.answers), login.into())?;
        let mut others: Vec<WayOut> = Vec::new();
        let secrets = secrets.into_iter().chain(std::iter::repeat_with(NamedSecret::default));
        for (typed, secret) in self.answers.tables.relay.fallback.iter().zip(secrets) {
            let mut way = self.way(&Table::fallback(typed), secret)?;
            way.table = Some(format!("[[relay.fallback]] number {}", others.len() + 1));
            let before = std::iter::once(&first).chain(&others);
            self.at(typed.span(), way.fits(before))?;
            others.push(way);
        }
        Ok((first, others))
    }

    /// The way of an account.
    pub(super) fn account_way(&self, typed: &Spanned<TypedAccount>, secret: NamedSecret) -> Result<WayOut> {
        self.way(&Table::account(typed, self.answers), secret)
    }

    fn way(&self, table: &Table, secret: NamedSecret) -> Result<WayOut> {
        let preset = self.preset(table)?;
        let auth = self.auth(table, preset.as_ref(), secret)?;
        // Without a login, one's own relay is like any other relay, so its preset is not used.
        let preset = preset.filter(|preset| preset.host.is_some() || !matches!(auth, Auth::None));
        let relay = self.relay(table, preset.as_ref(), &auth)?;
        Ok(WayOut { relay, auth, nth: 0, table: None })
    }

    fn preset(&self, table: &Table) -> Result<Option<Preset>> {
        let usable = |preset: Preset| match &preset.provider.unusable {
            Some(why) => {
                let remedy = "take another relay; `relayhost providers` lists those that are known";
                refuse(format!("provider `{}` cannot be used: {why}", preset.name), remedy)
            }
            None => Ok(preset),
        };
        table
            .provider
            .map(|name| self.of(name, |name: &str| providers::find(name).and_then(usable)))
            .transpose()
    }

    fn auth(&self, table: &Table, preset: Option<&Preset>, secret: NamedSecret) -> Result<Auth> {
        let (typed, auth) = (table.auth, table.auth_name);
        let given = typed.username.as_ref().map(Spanned::span).or(typed.secret_place());
        let mechanism = mechanism(typed, preset, given.is_some());
        if mechanism == Mechanism::None {
            let Some(span) = given else { return Ok(Auth::None) };
            let remedy = format!("remove username and password, or set {auth}.mechanism = \"plain\"");
            return self.at(span, refuse("a login is given, but the mechanism is `none`", remedy));
        }
        let Some(name) = &typed.username else {
            let remedy =
                format!("add it, or set {auth}.mechanism = \"none\" for a relay without authentication");
            return self
                .at(table.place.clone(), refuse(format!("authentication needs `{auth}.username`"), remedy));
        };
        let username = self.of(name, username)?;
        let password = match secret {
            // It is not used, and what it is cannot be checked.
            NamedSecret::Elsewhere => {
                return Ok(Auth::Login { mechanism, username, password: Secret::new("x"), app: None });
            }
            NamedSecret::Given(secret) => Some(secret),
            NamedSecret::Absent => None,
        };
        if let Some(oauth) = &typed.oauth {
            let relay = preset.and_then(|preset| preset.host.as_deref());
            let login =
                AppLogin { table: auth, mechanism, secret: password.as_ref(), username: &username, relay };
            let app = Some(Box::new(self.app(oauth, &login)?));
            return Ok(Auth::Login { mechanism, username, password: Secret::new(""), app });
        }
        let password = self.password(table, mechanism, password)?;
        Ok(Auth::Login { mechanism, username, password, app: None })
    }

    /// The password of a login, or the access token that another program has fetched. `given`: what the answers name.
    fn password(&self, table: &Table, mechanism: Mechanism, given: Option<Secret>) -> Result<Secret> {
        let (typed, auth) = (table.auth, table.auth_name);
        match given {
            Some(password) if mechanism.takes_token() => self.at(typed.secret_place(), token(password)),
            Some(password) => self.at(typed.secret_place(), sound(password)),
            None if mechanism.takes_token() => {
                let problem = format!(
                    "{} needs [{auth}.oauth], which says how to fetch an access token",
                    mechanism.name()
                );
                let remedy = format!(
                    "add [{auth}.oauth] (relayhost-answers(5) has its keys); or give a token that another program fetches as the password"
                );
                let span = typed.mechanism.as_ref().map(Spanned::span);
                self.at(span, refuse(problem, remedy))
            }
            None if mechanism == Mechanism::Gssapi => Ok(Secret::new("")),
            None => {
                let remedy = format!(
                    "set {auth}.password_file to a file of root's with mode 0600 (or password, password_env, password_credential)"
                );
                self.at(table.place.clone(), refuse(table.about("authentication needs a password"), remedy))
            }
        }
    }

    /// The application that fetches access tokens.
    fn app(&self, oauth: &Spanned<Oauth>, login: &AppLogin) -> Result<App> {
        let AppLogin { table: auth, mechanism, secret, username, relay } = *login;
        if !mechanism.takes_token() {
            let problem =
                format!("[{auth}.oauth] fetches an access token, and {} takes a password", mechanism.name());
            let remedy =
                format!("set {auth}.mechanism = \"xoauth2\" (or \"oauthbearer\"), or remove [{auth}.oauth]");
            return self.at(oauth.span(), refuse(problem, remedy));
        }
        let table = format!("{auth}.oauth");
        let app = oauth.get_ref().app(&table, secret, username, relay);
        let app = app.or_else(|(span, complaint)| self.at(span.or(Some(oauth.span())), Err(complaint)))?;
        Ok(App { proxy: self.proxy()?, table, ..app })
    }

    fn relay(&self, typed: &Table, preset: Option<&Preset>, auth: &Auth) -> Result<Relay> {
        let host = match (typed.host, preset.and_then(|preset| preset.host.clone())) {
            (Some(typed), _) => self.of(typed, host)?,
            (None, Some(host)) => host,
            (None, None) => {
                let remedy = format!("add `host = \"the.relay's.name\"` under {}", typed.heading);
                return self
                    .at(typed.place.clone(), refuse(format!("there is no `{}.host`", typed.name), remedy));
            }
        };
        let is_implicit = match (typed.port, preset) {
            (None, None) => false,
            (None, Some(preset)) => preset.start(preset.port()) == Some(Start::Implicit),
            (Some(port), _) => {
                let known = |preset: &Preset| preset.start(u16::try_from(*port.get_ref()).ok()?);
                preset.and_then(known).map_or(*port.get_ref() == 465, |start| start == Start::Implicit)
            }
        };
        let implicit_tls = typed.implicit_tls.map_or(is_implicit, |value| *value.get_ref());
        let port = match (typed.port, preset) {
            (Some(typed), _) => self.of(typed, |number: &i64| port(*number))?,
            (None, Some(preset)) if implicit_tls == is_implicit => preset.port(),
            (None, _) if implicit_tls => 465,
            (None, Some(preset)) => preset.port(),
            (None, None) if matches!(auth, Auth::None) => 25,
            (None, None) => 587,
        };
        let is_address = host.parse::<IpAddr>().is_ok();
        let tls = match (typed.tls, preset) {
            (Some(tls), _) => *tls.get_ref(),
            (None, Some(preset)) if is_address => preset.provider.tls.min(Tls::Encrypt),
            (None, Some(preset)) => preset.provider.tls,
            (None, None) if implicit_tls || !matches!(auth, Auth::None) => Tls::Encrypt,
            (None, None) => Tls::May,
        };
        let tls_span = typed.tls.map_or_else(|| typed.place.clone().unwrap_or(0..0), Spanned::span);
        self.at(tls_span, possible(tls, is_address, implicit_tls))?;
        let ip = match typed.ip {
            Some(ip) => IpPolicy::Set(ip.get_ref().word()),
            None if preset.is_some_and(|preset| preset.provider.prefers_ipv4) => IpPolicy::PreferV4,
            None => IpPolicy::Leave,
        };
        Ok(Relay { host, port, tls, implicit_tls, ip })
    }
}

/// The mechanism that is written, or that follows from the preset; `is_given`: whether there is a login.
fn mechanism(typed: &Login, preset: Option<&Preset>, is_given: bool) -> Mechanism {
    match (&typed.mechanism, preset.map(|preset| preset.provider)) {
        (Some(mechanism), _) => *mechanism.get_ref(),
        (None, _) if typed.oauth.is_some() => Mechanism::Xoauth2,
        (None, Some(provider)) if !provider.optional_login => provider.mechanism,
        (None, Some(provider)) if is_given && provider.mechanism != Mechanism::None => provider.mechanism,
        (None, _) if is_given => Mechanism::Plain,
        (None, _) => Mechanism::None,
    }
}

#[cfg(test)]
#[path = "ways_tests.rs"]
mod tests;
