//! The relay that is asked about, and which attempts were on the way to it.

use crate::model::causes::extent::is_unserved;
use crate::model::desired::{Desired, WayOut};
use crate::model::log::Attempt;
use crate::model::log::event::unsuspended;
use crate::model::log::strangers::before_reply;

/// The relay that is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relay {
    /// Host name in lower case, or an address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// The relays that are tried after it, each with its port.
    pub fallbacks: Vec<(String, u16)>,
}

impl Relay {
    /// Its name in the records.
    pub fn key(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The relay of the answers, with those that are tried after it.
    pub fn of(desired: &Desired) -> Self {
        let place = |way: &WayOut| (way.relay.host.clone(), way.relay.port);
        let (host, port) = place(&desired.first);
        Self { host, port, fallbacks: desired.fallbacks.iter().map(place).collect() }
    }

    /// Whether a host of an attempt is one of those that are tried after it: name, address, port.
    pub fn has_fallback(&self, (name, address, port): &(String, String, u16)) -> bool {
        self.fallbacks.iter().any(|(host, of)| port == of && (name == host || address == host))
    }

    /// Whether this is the host of an attempt: name, address, port.
    pub fn is(&self, (name, address, port): &(String, String, u16)) -> bool {
        *port == self.port && (*name == self.host || *address == self.host)
    }

    /// Whether an attempt was at this relay, and not at one that is tried after it.
    pub fn is_itself_tried(&self, attempt: &Attempt) -> bool {
        attempt.target().map_or_else(|| self.is_named_in(attempt.words()), |target| self.is(&target))
    }

    /// Whether a failure was on the way to this relay, or before any relay was known.
    pub fn is_missed_by(&self, attempt: &Attempt) -> bool {
        match attempt.target() {
            Some(target) => self.is(&target) || self.has_fallback(&target),
            None => self.is_meant_by(attempt.words()) && !is_unserved(attempt.words()),
        }
    }

    /// Whether the reason of a failure may be about this relay: it names no other (smtp_connect.c, smtp_trouble.c).
    pub fn is_meant_by(&self, reason: &str) -> bool {
        let is_ours = |name: &str| {
            let mut hosts = std::iter::once(&self.host).chain(self.fallbacks.iter().map(|(host, _)| host));
            hosts.any(|host| name.eq_ignore_ascii_case(host))
        };
        host_in(reason).is_none_or(is_ours)
    }

    /// The relay that a reason names, host and port, if it is one that is tried after the first.
    pub fn other_named_in(&self, reason: &str) -> Option<&(String, u16)> {
        let name = host_in(reason)?;
        let named = || self.fallbacks.iter().filter(|(host, _)| name.eq_ignore_ascii_case(host));
        // Not every reason has a port.
        named().find(|(_, port)| reason.contains(&format!("]:{port}"))).or_else(|| named().next())
    }

    /// Whether words of smtp(8) are about the first relay.
    pub fn is_named_in(&self, words: &str) -> bool {
        host_in(words).is_some_and(|name| name.eq_ignore_ascii_case(&self.host))
    }

    /// Whether words of smtp(8) are about one of the relays.
    pub fn is_one_named_in(&self, words: &str) -> bool {
        self.is_named_in(words) || self.other_named_in(words).is_some()
    }

    /// Of what smtp(8) said, that which is about the first relay.
    pub fn of_first<'w>(&self, said: &'w [String]) -> impl DoubleEndedIterator<Item = &'w String> {
        said.iter().filter(|words| self.is_named_in(words))
    }

    /// Of what smtp(8) said, that which is about the same relay as `reason`, which comes first.
    pub fn alike<'w>(&self, reason: &'w str, said: &'w [String]) -> Vec<&'w str> {
        let host = host_in(reason);
        let others = said.iter().map(String::as_str).filter(|words| host.is_some() && host_in(words) == host);
        std::iter::once(reason).chain(others).collect()
    }
}

/// The host that a reason of smtp(8) names. What a relay says may name any host.
fn host_in(reason: &str) -> Option<&str> {
    let reason = before_reply(unsuspended(reason));
    let named = |(head, end): (&str, &str)| {
        let (_, rest) = reason.split_once(head)?;
        rest.split_once(end).map(|(name, _)| name).filter(|name| !name.contains(' '))
    };
    let places = [
        ("error for name=", " "),
        ("connect to ", "["),
        ("host ", "["),
        ("server ", "["),
        ("lost connection with ", "["),
        ("conversation with ", "["),
    ];
    places.into_iter().find_map(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_names_nobody() {
        for (reason, host) in [
            (
                "host first.example[192.0.2.1] said: 451 4.4.1 could not connect to second.example[192.0.2.3]:2525 (in reply to MAIL FROM command)",
                "first.example",
            ),
            (
                "host first.example[192.0.2.1] refused to talk to me: 421 service error for name=second.example type=A",
                "first.example",
            ),
            (
                "delivery temporarily suspended: connect to first.example[192.0.2.1]:587: Connection refused",
                "first.example",
            ),
            (
                "SASL authentication failed; server first.example[192.0.2.1] said: 535 host second.example[192.0.2.3]",
                "first.example",
            ),
        ] {
            assert_eq!(host_in(reason), Some(host), "{reason}");
        }
    }
}
