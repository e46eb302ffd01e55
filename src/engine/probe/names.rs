//! The addresses of a relay's name, as smtp(8) looks for them.

use std::net::IpAddr;
use std::time::Instant;

use crate::model::probe::route::{Family, Lookup};
use crate::sys::dns::{self, Answer, Record};

/// Why a name has no address for smtp(8).
#[derive(Debug)]
pub struct Unfound {
    /// In the words of smtp(8).
    pub words: String,
    /// Whether there is no such name, or no such record of it, for certain.
    pub is_certain: bool,
    /// What the name servers did, if none of them answered.
    pub silence: Option<String>,
}

impl Unfound {
    fn new(words: String, is_certain: bool) -> Self {
        Self { words, is_certain, silence: None }
    }
}

/// The words of smtp(8) for a name without such a record.
pub fn no_name(host: &str, record: Record, reason: &str) -> String {
    format!(
        "Host or domain name not found. Name service error for name={host} type={}: {reason}",
        record.name()
    )
}

/// The addresses of one name as Postfix would find them, until `deadline`.
pub fn addresses(
    host: &str,
    family: Family,
    lookup: Lookup,
    deadline: impl Fn() -> Instant,
) -> Result<Vec<IpAddr>, Unfound> {
    if let Ok(address) = host.trim_start_matches("ipv6:").parse::<IpAddr>() {
        let found = family.order(vec![address]);
        let none = || Unfound::new("all network protocols are disabled".into(), true);
        return if found.is_empty() { Err(none()) } else { Ok(found) };
    }
    let mut word = String::new();
    if lookup.dns {
        let (mut found, mut again) = (Vec::new(), None);
        let records = [(Record::A, family.v4), (Record::Aaaa, family.v6)];
        for (record, _) in records.into_iter().filter(|(_, wanted)| *wanted) {
            let reason = match dns::look_up(host, record, deadline()) {
                Answer::Addresses(more) => {
                    found.extend(more);
                    continue;
                }
                Answer::Again(reason) => {
                    again = Some(reason);
                    "Host not found, try again"
                }
                Answer::NoName | Answer::Exchangers(_) => "Host not found",
                Answer::NoData => "Host found but no data record of requested type",
                Answer::Invalid => "invalid host or domain name",
            };
            // If one kind of record could not be had, Postfix reports that (dns_lookup_v).
            if word.is_empty() || again.is_some() {
                word = no_name(host, record, reason);
            }
        }
        if !found.is_empty() {
            return Ok(family.order(found));
        }
        if again.is_some() {
            return Err(Unfound { silence: again, ..Unfound::new(word, false) });
        }
    }
    if lookup.native {
        // The system's resolver does not tell a name that is not there from a server that does not answer.
        let found = family.order(dns::native(host, deadline()));
        let word = format!("unable to look up host {host}: Name or service not known");
        return if found.is_empty() { Err(Unfound::new(word, false)) } else { Ok(found) };
    }
    Err(Unfound::new(word, true))
}
