//! Turns answers into `Desired`: fills in presets and defaults, and refuses invalid values, with place and remedy.

use std::time::Duration;

use toml::Spanned;

use super::Answers;
use super::alarm::Alarm;
use super::reader::Reader;
use super::routes::checked;
use super::values::{
    by_relay, default_sender, directory, display_name, duration, local_sender, package, proxy_url,
    public_sender, recipient, refuse,
};
use crate::error::Result;
use crate::model::alarm::Way;
use crate::model::desired::{Desired, Relay, Rewrite, Verify, WayOut};
use crate::model::one_sender::OneSender;
use crate::model::routes::Routes;
use crate::model::secret::Secret;

/// What the sources of secrets hold that the answers name.
#[derive(Debug, Default)]
pub struct Secrets {
    /// The secret of the login at the relay.
    pub login: Option<Secret>,
    /// The secrets of the logins at the fallback relays, in their order, and then of the accounts of senders.
    pub fallbacks: Vec<NamedSecret>,
    /// The secrets of the mailboxes that are looked into, in the order of [`Answers::mailboxes`].
    pub mailboxes: Vec<NamedSecret>,
    /// The address of each webhook, in the order of the alarms.
    pub alarms: Vec<Option<Secret>>,
}

/// The secret that a table of the answers names: a password, or what its application proves itself by.
#[derive(Debug, Default)]
pub enum NamedSecret {
    /// The answers name none.
    #[default]
    Absent,
    /// It is elsewhere, and was not read: the answers are checked, and not used.
    Elsewhere,
    /// The secret.
    Given(Secret),
}

impl From<Option<Secret>> for NamedSecret {
    fn from(secret: Option<Secret>) -> Self {
        secret.map_or(Self::Absent, Self::Given)
    }
}

impl From<Option<Secret>> for Secrets {
    fn from(login: Option<Secret>) -> Self {
        Self { login, ..Self::default() }
    }
}

/// Completes and checks `answers`. `secrets` come from the sources that the answers name, if they name any.
pub fn complete(answers: &Answers, secrets: impl Into<Secrets>) -> Result<Desired> {
    let Secrets { login, fallbacks, mailboxes, alarms } = secrets.into();
    let reader = Reader { answers };
    let logins = answers.tables.relay.fallback.len().min(fallbacks.len());
    let (mut fallbacks, mut accounts) = (fallbacks, Vec::new());
    accounts.append(&mut fallbacks.split_off(logins));
    let (first, fallbacks) = reader.ways(login, fallbacks)?;
    let rewrites = reader.rewrites()?;
    let root = reader.root(&rewrites)?;
    let others: Vec<&Relay> = fallbacks.iter().map(|way| &way.relay).collect();
    let routes = reader.routes(&first.relay, &others)?;
    let verify = reader.verify(&rewrites, &routes, mailboxes)?;
    let packages = &answers.tables.packages;
    let extra_packages = packages.extra.iter().map(|name| reader.of(name, package)).collect::<Result<_>>()?;
    let packages_from = packages.from.as_ref().map(|path| reader.of(path, directory)).transpose()?;
    let alarms = reader.alarms(alarms)?;
    let one_sender = reader.one_sender(&rewrites)?;
    let ways: Vec<&WayOut> = std::iter::once(&first).chain(&fallbacks).collect();
    let secrets = accounts.into_iter().chain(std::iter::repeat_with(NamedSecret::default));
    let accounts = reader.accounts(&ways, &rewrites, one_sender.as_ref(), secrets)?;
    Ok(Desired {
        first,
        fallbacks,
        accounts,
        rewrites,
        one_sender,
        routes,
        root,
        verify,
        extra_packages,
        packages_from,
        alarms,
    })
}

const DEFAULT_DEADLINE: Duration = Duration::from_secs(90);

impl Reader<'_> {
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

    fn routes(&self, relay: &Relay, others: &[&Relay]) -> Result<Routes> {
        checked(&self.answers.tables.routes, relay, others)
            .or_else(|(place, complaint)| self.at(place, Err(complaint)))
    }

    fn verify(&self, rewrites: &[Rewrite], routes: &Routes, mailboxes: Vec<NamedSecret>) -> Result<Verify> {
        let typed = &self.answers.tables.verify;
        let deadline =
            typed.deadline.as_ref().map_or(Ok(DEFAULT_DEADLINE), |value| self.of(value, duration))?;
        let checked = |to: &str| recipient(to, rewrites).and_then(|to| by_relay(to, routes));
        let to = typed.to.as_ref().map(|value| self.of(value, checked)).transpose()?;
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
