//! What cleanup(8) makes of the addresses before a message is queued: a domain for a bare name, canonical maps,
//! masquerading, virtual aliases (cleanup/cleanup_addr.c, cleanup_map11.c, cleanup_masquerade.c; ADDRESS_REWRITING_README).

use super::host::{Host, Value};
use super::lists::{Match, lists};
use super::tables::{Ask, Keys, TableEntry, find};
use super::written::Written;
use super::{Addresses, Hop, NOTHING};
use crate::model::plan::parameters::words;
use crate::model::text::domain_of;

/// Rewritings of one address by one table after which cleanup(8) warns and goes on with the last address (MAX_RECURSION in
/// cleanup_map11.c; the warning says that the message is not accepted, and Postfix 3.7 sends it all the same).
const NESTING: usize = 10;

/// The three addresses of a message, by the names of the classes in postconf(5).
#[derive(Clone, Copy)]
struct Part {
    class: &'static str,
    /// The table for this kind of address alone, the classes for it, and their default.
    own: &'static str,
    classes: Option<&'static str>,
}

const SENDER: Part = Part {
    class: "envelope_sender",
    own: "sender_canonical_maps",
    classes: Some("sender_canonical_classes"),
};
const HEADER: Part = Part { class: "header_sender", ..SENDER };
const RECIPIENT: Part = Part {
    class: "envelope_recipient",
    own: "recipient_canonical_maps",
    classes: Some("recipient_canonical_classes"),
};

/// The hop, the addresses with which the message is queued, and the place that gave it another recipient.
pub fn rewrite(host: &Host, from: &str, to: &str, ask: &mut Ask) -> (Hop, Addresses, Option<Written>) {
    let mut hop = Hop::new("rewrite");
    let mut seen =
        Addresses { sender: completed(host, from), recipient: completed(host, to), ..Addresses::default() };
    seen.header.clone_from(&seen.sender);
    let begin = seen.clone();
    if has_override(host, "no_address_mappings") {
        hop.notes.push(
            "pickup(8) has receive_override_options = no_address_mappings: nothing is rewritten".into(),
        );
        return (hop, seen, None);
    }
    seen.sender = canonical(host, SENDER, &seen.sender, &mut hop, ask);
    // A message from a program has the sender in its From as well, unless the program writes another one.
    seen.header = canonical(host, HEADER, &seen.header, &mut hop, ask);
    let places = hop.at.len();
    seen.recipient = recipient(host, &seen.recipient, &mut hop, ask);
    let changed =
        |name: &str, before: &str, after: &str| (before != after).then(|| format!("{name} {after}"));
    let all = [
        changed("sender", &begin.sender, &seen.sender),
        changed("From", &begin.header, &seen.header),
        changed("recipient", &begin.recipient, &seen.recipient),
    ];
    let text = all.into_iter().flatten().collect::<Vec<_>>().join(", ");
    hop.value = if text.is_empty() { NOTHING.into() } else { text };
    let redirected = hop.at.get(places..).and_then(<[_]>::last).cloned();
    (hop, seen, redirected)
}

/// A recipient as it is queued.
pub fn recipient(host: &Host, address: &str, hop: &mut Hop, ask: &mut Ask) -> String {
    let address = canonical(host, RECIPIENT, address, hop, ask);
    aliased(host, &address, hop, ask)
}

/// The address of a header From as it is queued.
pub fn header(host: &Host, address: &str, hop: &mut Hop, ask: &mut Ask) -> String {
    canonical(host, HEADER, &completed(host, address), hop, ask)
}

/// Whether pickup(8) switches off a part of cleanup(8) (receive_override_options).
pub fn has_override(host: &Host, name: &str) -> bool {
    words(&host.of("pickup", "receive_override_options").text).iter().any(|word| word == name)
}

/// Whether a domain is this host's own by name: its origin, or one of mydestination (resolve_local in global/).
pub fn is_own(host: &Host, domain: &str, hop: &mut Hop, ask: &mut Ask) -> bool {
    host.main("myorigin").text.eq_ignore_ascii_case(domain)
        || lists(&host.of("rewrite", "mydestination"), domain, Match::Names, ask).unwrap_or_else(|trouble| {
            hop.trouble(&trouble);
            false
        })
}

/// The keys of an address in a table of addresses.
pub fn keys(host: &Host, address: &str, hop: &mut Hop, ask: &mut Ask) -> Keys {
    let is_own = is_own(host, domain_of(address), hop, ask);
    Keys::of_address(address, is_own, &host.main("recipient_delimiter").text)
}

/// An address with its domain: a bare name gets myorigin (append_at_myorigin, always on for local submission), and a domain
/// without a dot gets mydomain where append_dot_mydomain is on.
pub fn completed(host: &Host, address: &str) -> String {
    let whole = match address.rsplit_once('@') {
        Some((user, domain)) if !user.is_empty() && !domain.is_empty() => address.to_owned(),
        _ if address.is_empty() => return String::new(),
        _ => format!("{}@{}", address.trim_end_matches('@'), host.main("myorigin").text),
    };
    let dotless = whole.rsplit_once('@').is_some_and(|(_, domain)| !domain.contains(['.', ':', '[']));
    let mydomain = host.main("mydomain").text;
    if dotless && host.main("append_dot_mydomain").text == "yes" && !mydomain.is_empty() {
        format!("{whole}.{mydomain}")
    } else {
        whole
    }
}

/// An entry's value as the new address: `@domain` keeps the local part (canonical(5), generic(5)).
pub fn applied(host: &Host, value: &str, address: &str) -> String {
    match value.strip_prefix('@') {
        Some(_) => format!("{}{value}", address.rsplit_once('@').map_or(address, |(user, _)| user)),
        None => completed(host, value),
    }
}

fn canonical(host: &Host, part: Part, address: &str, hop: &mut Hop, ask: &mut Ask) -> String {
    if address.is_empty() {
        return String::new();
    }
    let covers =
        |name: &'static str| words(&host.of("cleanup", name).text).iter().any(|class| class == part.class);
    let mut address = address.to_owned();
    if part.classes.is_some_and(covers) {
        address = mapped(host, &host.of("cleanup", part.own), address, hop, ask);
    }
    if covers("canonical_classes") {
        address = mapped(host, &host.of("cleanup", "canonical_maps"), address, hop, ask);
    }
    if covers("masquerade_classes") { masqueraded(host, address, hop) } else { address }
}

/// The address after one table, which is asked again until it leaves the address alone (cleanup_map11_internal).
fn mapped(host: &Host, list: &Value, mut address: String, hop: &mut Hop, ask: &mut Ask) -> String {
    if list.text.is_empty() {
        return address;
    }
    for _ in 0..NESTING {
        let keys = keys(host, &address, hop, ask);
        let found = find(list, &keys, ask);
        let Some(TableEntry { value, at }) = hop.found(found) else { return address };
        let next = applied(host, &value, &address);
        if next != address && !hop.at.contains(&at) {
            hop.at.push(at);
        }
        if next.eq_ignore_ascii_case(&address) {
            return next;
        }
        address = next;
    }
    let text = format!(
        "{} leads in a circle, or through more than {NESTING} addresses, up to {address}: cleanup(8) stops there with a warning, and no relay knows that address",
        list.at.parameter()
    );
    let remedy = hop.at.last().map(|at| at.undo(&host.version)).unwrap_or_default();
    hop.fault(true, text, remedy);
    address
}

/// The address with its domain cut to one of masquerade_domains (cleanup_masquerade.c).
fn masqueraded(host: &Host, address: String, hop: &mut Hop) -> String {
    let list = host.of("cleanup", "masquerade_domains");
    let Some((user, domain)) = address.rsplit_once('@') else { return address };
    let excepted = host.of("cleanup", "masquerade_exceptions");
    if list.text.is_empty() || words(&excepted.text).iter().any(|name| name.eq_ignore_ascii_case(user)) {
        return address;
    }
    for word in words(&list.text) {
        let (cut, parent) = match word.strip_prefix('!') {
            Some(parent) => (false, parent),
            None => (true, word.as_str()),
        };
        let (domain, parent) = (domain.to_lowercase(), parent.to_lowercase());
        if domain == parent {
            return address;
        }
        if domain.strip_suffix(&parent).is_some_and(|rest| rest.ends_with('.')) {
            if !cut {
                return address;
            }
            let masqueraded = format!("{user}@{parent}");
            if !hop.at.contains(&list.at) {
                hop.at.push(list.at);
            }
            return masqueraded;
        }
    }
    address
}

/// The recipient after virtual_alias_maps (virtual(5)): the first, if there are several.
fn aliased(host: &Host, recipient: &str, hop: &mut Hop, ask: &mut Ask) -> String {
    let list = host.of("cleanup", "virtual_alias_maps");
    let mut address = recipient.to_owned();
    if list.text.is_empty() {
        return address;
    }
    // Postfix follows up to a thousand (virtual_alias_recursion_limit); whoever needs more than these is told.
    for _ in 0..NESTING {
        let keys = keys(host, &address, hop, ask);
        let found = find(&list, &keys, ask);
        let Some(TableEntry { value, at }) = hop.found(found) else { return address };
        let all = words(&value);
        let Some(first) = all.first() else { return address };
        let next = applied(host, first, &address);
        if all.len() > 1 {
            let text =
                format!("{address} stands for {} recipients; the way of the first is shown", all.len());
            hop.notes.push(text);
        }
        if next.eq_ignore_ascii_case(&address) {
            return address;
        }
        hop.at.push(at);
        address = next;
    }
    hop.notes.push(format!(
        "virtual_alias_maps was followed through {NESTING} addresses, up to {address}, and no further"
    ));
    address
}
