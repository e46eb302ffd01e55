//! What smtp(8) makes of the addresses as it sends: smtp_generic_maps (generic(5)), in the envelope and in the header.

use std::path::Path;

use super::address::{applied, keys};
use super::filter::from_in;
use super::host::{Host, Value};
use super::tables::{Ask, Keys, TableEntry, find};
use super::written::Written;
use super::{Addresses, Hop};
use crate::model::postfix::lines::{is_space, trim};
use crate::model::postfix::managed::Managed;
use crate::model::postfix::tables::path_of;

/// The hop; `seen` becomes what the relay sees.
pub fn sender(host: &Host, channel: &str, seen: &mut Addresses, ask: &mut Ask) -> Hop {
    let mut hop = Hop::new("sender");
    // smtp_header_checks first (smtp_header_rewrite in smtp/smtp_proto.c).
    header(&host.of(channel, "smtp_header_checks"), seen, &mut hop, ask);
    let list = host.of(channel, "smtp_generic_maps");
    if !list.text.is_empty() {
        let Addresses { sender, header, recipient } = &mut *seen;
        let mut known: Option<(String, String)> = None;
        let meant = recipient.clone();
        for address in [sender, header, &mut *recipient] {
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
        // The table of main.cf, where relayhost's entries are, is not asked.
        if hop.at.is_empty() && matches!(list.at, Written::Master { .. }) {
            hop.at.push(list.at.clone());
        }
        if !recipient.eq_ignore_ascii_case(&meant)
            && let Some(at) = hop.at.last().cloned()
        {
            let text = format!(
                "mail to {meant} leaves for {recipient}: generic maps are for recipients, too ({at})"
            );
            hop.fault(false, text, left_alone(host, &at));
        }
    }
    hop.value = if seen.header == seen.sender {
        written(&seen.sender)
    } else {
        format!("{}, From: {}", written(&seen.sender), seen.header)
    };
    hop
}

/// The remedy by which an entry leaves recipients alone. `apply` writes an entry of relayhost's again unless the answers
/// change.
fn left_alone(host: &Host, at: &Written) -> String {
    let undo = at.undo(&host.version);
    match at {
        Written::Table { table, key, .. }
            if path_of(table).map(Path::new) == Some(&Managed::Generic.path()) =>
        {
            format!(
                "if sender.rewrite of the answers has `{key}`, name the senders there in its place, and `relayhost apply`; if it has not, {undo}"
            )
        }
        _ => undo,
    }
}

/// What a rule of smtp_header_checks makes of the header From (header_checks(5)).
fn header(checks: &Value, seen: &mut Addresses, hop: &mut Hop, ask: &mut Ask) {
    if checks.text.is_empty() {
        return;
    }
    let found = find(checks, &Keys::one(&format!("From: {}", seen.header)), ask);
    let Some(TableEntry { value, at }) = hop.found(found) else { return };
    let (action, text) = value.split_once(is_space).unwrap_or((&value, ""));
    match (action.to_ascii_uppercase().as_str(), from_in(trim(text))) {
        ("REPLACE", Some(address)) => {
            address.clone_into(&mut seen.header);
            hop.at.push(at);
        }
        ("IGNORE" | "STRIP" | "REPLACE", _) => {
            let text = format!("a rule takes the header From out of the message ({at}): {value}");
            hop.fault(false, text, format!("correct that rule ({at})"));
        }
        _ => {}
    }
}

fn written(sender: &str) -> String {
    if sender.is_empty() { "<> (the null sender)".into() } else { sender.to_owned() }
}
