//! What `diagnose` asks of this host's own log, by its answers.

use super::HostFacts;
use crate::model::causes::{About, Circumstances};
use crate::model::log::follow::Question;
use crate::model::log::stamp::Seconds;
use crate::model::text::domain_of;

impl HostFacts {
    /// What is known of the host for one message.
    pub(super) fn by_message(&self) -> impl Fn(&About) -> Circumstances + '_ {
        |about| self.circumstances(about)
    }

    /// The account of a sender, by its number.
    pub(super) fn by_sender(&self) -> impl Fn(&str) -> Option<usize> + '_ {
        |sender| self.desired.as_ref().and_then(|desired| self.ways.account_of(desired, sender))
    }

    pub(super) fn question<'a>(
        &self,
        since: Option<Seconds>,
        circumstances: &'a dyn Fn(&About) -> Circumstances,
        account: &'a dyn Fn(&str) -> Option<usize>,
    ) -> Question<'a> {
        let has_accounts = self.desired.as_ref().is_some_and(|desired| !desired.accounts.is_empty());
        Question {
            since,
            elsewhere: self.elsewhere(),
            firsts: self.firsts(),
            account: has_accounts.then_some(account),
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
