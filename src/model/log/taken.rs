//! Which relays have accepted mail, and when last: so it is known whether a failure is over.

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
pub struct LastTaken(Vec<Taken>);

impl LastTaken {
    /// Takes the record of an accepted message, up to its status, and its time.
    pub fn add(&mut self, record: &str, time: Seconds) {
        let hop = record.split_once("relay=").and_then(|(_, rest)| rest.split(',').next());
        let Some(Hop::Host { name, port, .. }) = hop.map(parse_hop) else { return };
        let relay = format!("{name}:{port}");
        if let Some(known) = self.0.iter_mut().find(|taken| taken.relay == relay) {
            known.time = known.time.max(time);
        } else if self.0.len() < RELAYS {
            self.0.push(Taken { relay, time });
        }
    }

    /// The last acceptance by one of these relays after a time; by any relay if none is named.
    pub fn after(&self, relays: &[String], time: Option<Seconds>) -> Option<&Taken> {
        let of_them = self.0.iter().filter(|taken| relays.is_empty() || relays.contains(&taken.relay));
        of_them.filter(|taken| Some(taken.time) > time).max_by_key(|taken| taken.time)
    }
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
            taken.add(&format!("h postfix/smtp[1]: A1: to=<a@b>, relay={relay}, delay=1, status="), time);
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
