//! What `diagnose` asks of this host's own log, by its answers.

use super::HostFacts;
use crate::model::causes::{About, Circumstances};
use crate::model::desired::Desired;
use crate::model::log::follow::Question;
use crate::model::log::stamp::Seconds;
use crate::model::routes::Via;
use crate::model::text::domain_of;

impl HostFacts {
    /// What is known of the host for one message.
    pub(super) fn by_message(&self) -> impl Fn(&About) -> Circumstances + '_ {
        |about| self.circumstances(about)
    }

    /// The way of a message by its sender and recipient, as its number among all: the first relay, accounts, routes.
    pub(super) fn by_envelope(&self) -> impl Fn(Option<&str>, &str) -> Option<usize> + '_ {
        |from, to| self.ways.way_of(self.desired.as_ref()?, from, to)
    }

    pub(super) fn question<'a>(
        &self,
        since: Option<Seconds>,
        circumstances: &'a dyn Fn(&About) -> Circumstances,
        way: &'a dyn Fn(Option<&str>, &str) -> Option<usize>,
    ) -> Question<'a> {
        let is_one =
            |all: &Desired| all.accounts.is_empty() && all.routes.is_empty() && all.fallbacks.is_empty();
        let has_several = self.desired.as_ref().is_some_and(|desired| !is_one(desired));
        let fallbacks = self.desired.iter().flat_map(|desired| &desired.fallbacks);
        Question {
            since,
            elsewhere: self.elsewhere(),
            firsts: self.firsts(),
            fallbacks: fallbacks.map(|way| (way.relay.host.clone(), way.relay.port)).collect(),
            way: has_several.then_some(way),
            circumstances,
        }
    }

    /// The relays after which others are tried, by the answers.
    fn firsts(&self) -> Vec<(String, u16)> {
        let Some(desired) = self.desired.as_ref().filter(|desired| !desired.fallbacks.is_empty()) else {
            return Vec::new();
        };
        let accounts = desired.accounts.iter().map(|account| &account.way);
        let all = std::iter::once(&desired.first).chain(accounts);
        let mut all: Vec<_> = all.map(|way| (way.relay.host.clone(), way.relay.port)).collect();
        all.extend(desired.routes.0.iter().filter_map(|route| match &route.via {
            Via::Host { host, port } => Some((host.clone(), *port)),
            Via::Direct => None,
        }));
        all.sort();
        all.dedup();
        all
    }

    /// Domains whose mail is to leave the host: that of the test recipient.
    fn elsewhere(&self) -> Vec<String> {
        let to = self.desired.as_ref().and_then(|desired| desired.verify.to.as_ref());
        let domain = to.map(|to| domain_of(to).to_owned());
        let is_own = |domain: &String| self.names.iter().any(|name| name.eq_ignore_ascii_case(domain));
        domain.into_iter().filter(|domain| !is_own(domain)).collect()
    }
}
