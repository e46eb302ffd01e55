//! What smtp(8) makes of the addresses as it sends: smtp_generic_maps (generic(5)), in the envelope and in the header.

use super::address::{applied, keys};
use super::host::Host;
use super::tables::{Ask, find};
use super::{Hop, Seen};

/// The hop; `seen` becomes what the relay sees.
pub fn sender(host: &Host, channel: &str, seen: &mut Seen, ask: &mut Ask) -> Hop {
    let mut hop = Hop::new("sender");
    let list = host.of(channel, "smtp_generic_maps");
    if !list.text.is_empty() {
        let Seen { sender, header, recipient } = &mut *seen;
        let mut known: Option<(String, String)> = None;
        for address in [sender, header, recipient] {
            if address.is_empty() {
                continue;
            }
            let before = address.clone();
            if let Some((_, after)) = known.as_ref().filter(|(from, _)| *from == before) {
                address.clone_from(after);
                continue;
            }
            let keys = keys(host, address, &mut hop, ask);
            let found = find(&list, &keys, ask);
            if let Some(entry) = hop.found(found) {
                *address = applied(host, &entry.value, address);
                if !hop.at.contains(&entry.at) {
                    hop.at.push(entry.at);
                }
            }
            known = known.or_else(|| Some((before, address.clone())));
        }
    }
    hop.value = if seen.header == seen.sender {
        shown(&seen.sender)
    } else {
        format!("{}, From: {}", shown(&seen.sender), seen.header)
    };
    let checks = host.of(channel, "smtp_header_checks");
    if !checks.text.is_empty() {
        hop.notes.push(format!("smtp_header_checks may change the header as well ({})", checks.at));
    }
    hop
}

fn shown(address: &str) -> String {
    if address.is_empty() { "<> (the null sender)".into() } else { address.to_owned() }
}
