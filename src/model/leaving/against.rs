//! The failure that speaks against mail leaving: what each relay did in that attempt, since the record of it has the words of the
//! last alone.

use super::record::Word;
use super::relay::Relay;
use super::ways::Kind;
use super::{Leaving, cause_of};
use crate::model::causes::Cause;
use crate::model::desired::Desired;

/// What smtp(8) said of the first relay, and its cause, where the last word was about another one.
fn first_refused(relay: &Relay, word: &Word, has_route: bool) -> Option<(String, Option<Cause>)> {
    let said: Vec<&str> = relay.of_first(&word.beside).rev().map(String::as_str).collect();
    let last = said.first()?;
    Some(((*last).to_owned(), cause_of(relay, &said, has_route)))
}

impl Leaving {
    /// Takes the last failure, with the cause at each relay that it names.
    pub(super) fn refused_by(&mut self, relay: &Relay, word: &Word, has_route: bool) {
        let cause = cause_of(relay, &relay.alike(&word.text, &word.beside), has_route);
        self.refused = Some((word.clone(), cause));
        self.refused_at = relay.other_named_in(&word.text).cloned();
        self.refused_first = self.refused_at.as_ref().and_then(|_| first_refused(relay, word, has_route));
    }

    /// Gives the last failure the cause with the keys of the relay's own table, if it was at another one than the first.
    pub(super) fn refused_with_keys(&mut self, desired: &Desired) {
        if let (Some((host, port)), Some((word, cause))) = (&self.refused_at, &mut self.refused) {
            let mut fallbacks = self.ways.iter().filter(|told| told.way.kind == Kind::Fallback);
            let at = fallbacks.find(|told| {
                let relay = told.way.relay();
                relay.host.eq_ignore_ascii_case(host) && relay.port == *port
            });
            *cause =
                at.map_or_else(|| cause.clone(), |told| told.cause_of(desired, &word.text, &word.beside));
        }
    }

    /// The same, with the causes as `explain` has them by the way of an alert through this host, which leads to the first relay.
    #[must_use]
    pub fn explained(mut self, explain: impl FnOnce(Cause) -> Cause) -> Self {
        let of_first = match &self.refused_at {
            Some(_) => self.refused_first.as_mut().map(|(_, cause)| cause),
            None => self.refused.as_mut().map(|(_, cause)| cause),
        };
        if let Some(cause) = of_first {
            *cause = cause.take().map(explain);
        }
        self
    }

    /// The cause of the failure that speaks against mail leaving, if the catalogue knows it: that at the first relay, which is to
    /// be mended, before that at one which was tried after it.
    pub fn cause_against(&self) -> Option<&Cause> {
        let (_, last) = self.refused.as_ref().filter(|_| self.is_contradicted)?;
        let first = self.refused_first.as_ref().and_then(|(_, cause)| cause.as_ref());
        first.or(last.as_ref()).filter(|cause| cause.is_known())
    }
}
