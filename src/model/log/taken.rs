//! Which relays have accepted mail, and when last: so it is known whether a failure is over.

use std::collections::{BTreeMap, BTreeSet};

use memchr::{memchr, memmem};

use super::event::{Hop, parse_hop};
use super::stamp::Seconds;

/// Relays that are remembered: a host has few.
const RELAYS: usize = 20;

/// A relay's last acceptance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// The relay: `NAME:PORT`.
    pub relay: String,
    /// When it accepted a message last, as far as it was looked at.
    pub time: Seconds,
}

/// The last acceptance by each relay.
#[derive(Debug, Default)]
pub struct LastTaken {
    relays: Vec<Taken>,
    /// The relay of the record before, as it is written there, and its number: most records are of one relay.
    before: (Vec<u8>, usize),
    /// The last acceptance on each way of the answers.
    ways: BTreeMap<usize, Taken>,
}

impl LastTaken {
    /// Takes the record of an accepted message, up to its status, and its time.
    pub fn add(&mut self, record: &[u8], time: Seconds) {
        let Some(written) = written(record) else { return };
        if self.before.0 != written {
            let Hop::Host { name, port, .. } = parse_hop(&String::from_utf8_lossy(written)) else { return };
            let relay = format!("{name}:{port}");
            let known = self.relays.iter().position(|taken| taken.relay == relay);
            if known.is_none() && self.relays.len() == RELAYS {
                return;
            }
            let number = known.unwrap_or_else(|| {
                self.relays.push(Taken { relay, time });
                self.relays.len() - 1
            });
            self.before = (written.to_owned(), number);
        }
        if let Some(taken) = self.relays.get_mut(self.before.1) {
            taken.time = taken.time.max(time);
        }
    }

    /// Takes an acceptance on a way.
    pub fn on(&mut self, way: usize, relay: String, time: Seconds) {
        let taken = self.ways.entry(way).or_insert_with(|| Taken { relay: String::new(), time });
        if taken.time <= time {
            *taken = Taken { relay, time };
        }
    }

    /// The last acceptance after a time, if each of these ways has had one since.
    pub fn after_on(&self, ways: &BTreeSet<usize>, time: Option<Seconds>) -> Option<&Taken> {
        let since = |way| self.ways.get(way).filter(|taken| Some(taken.time) > time);
        let all: Option<Vec<&Taken>> = ways.iter().map(since).collect();
        all?.into_iter().max_by_key(|taken| taken.time)
    }

    /// The last acceptance by one of these relays after a time; by any relay if none is named.
    pub fn after(&self, relays: &[String], time: Option<Seconds>) -> Option<&Taken> {
        let of_them = self.relays.iter().filter(|taken| relays.is_empty() || relays.contains(&taken.relay));
        of_them.filter(|taken| Some(taken.time) > time).max_by_key(|taken| taken.time)
    }
}

/// The server of a record: name, address, port.
pub fn server(record: &[u8]) -> Option<(String, String, u16)> {
    match parse_hop(&String::from_utf8_lossy(written(record)?)) {
        Hop::Host { name, address, port } => Some((name, address, port)),
        _ => None,
    }
}

/// The relay of a record, as it is written there.
fn written(record: &[u8]) -> Option<&[u8]> {
    let rest = record.get(memmem::find(record, b"relay=")? + 6..)?;
    rest.get(..memchr(b',', rest)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_acceptance_of_each_relay() {
        let mut taken = LastTaken::default();
        for (relay, time) in
            [("r[192.0.2.1]:587", 10), ("R[192.0.2.2]:587", 30), ("q[192.0.2.3]:25", 20), ("local", 40)]
        {
            let record = format!("h postfix/smtp[1]: A1: to=<a@b>, relay={relay}, delay=1, status=");
            taken.add(record.as_bytes(), time);
        }
        let after = |relays: &[&str], time| {
            let relays: Vec<String> = relays.iter().map(|relay| (*relay).to_owned()).collect();
            taken.after(&relays, Some(time)).map(|taken| (taken.relay.clone(), taken.time))
        };
        assert_eq!(after(&[], 5), Some(("r:587".into(), 30)));
        assert_eq!(after(&["q:25"], 5), Some(("q:25".into(), 20)));
        assert_eq!(after(&["q:25"], 20), None);
        assert_eq!(after(&["x:25"], 5), None);
    }
}
