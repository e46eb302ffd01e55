//! The relay that is asked about, and which attempts were on the way to it.

use crate::model::causes::extent::is_unserved;
use crate::model::log::Attempt;
use crate::model::log::event::unsuspended;

/// The relay that is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relay {
    /// Host name in lower case, or an address.
    pub host: String,
    /// TCP port.
    pub port: u16,
}

impl Relay {
    /// Its name in the records.
    pub fn key(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// Whether this is the host of an attempt: name, address, port.
    pub fn is(&self, (name, address, port): &(String, String, u16)) -> bool {
        *port == self.port && (*name == self.host || *address == self.host)
    }

    /// Whether a failure was on the way to this relay, or before any relay was known.
    pub fn is_missed_by(&self, attempt: &Attempt) -> bool {
        match attempt.target() {
            Some(target) => self.is(&target),
            None => self.is_meant_by(attempt.words()) && !is_unserved(attempt.words()),
        }
    }

    /// Whether the reason of a failure may be about this relay: it names no other (smtp_connect.c, smtp_trouble.c).
    pub fn is_meant_by(&self, reason: &str) -> bool {
        let reason = unsuspended(reason);
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
        let name = places.into_iter().find_map(named);
        name.is_none_or(|name| name.eq_ignore_ascii_case(&self.host))
    }
}
