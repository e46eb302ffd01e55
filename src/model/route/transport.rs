//! The choice of the transport and of the next hop, as trivial-rewrite(8) makes it (trivial-rewrite/resolve.c, transport.c):
//! the class of the recipient's domain, the sender's or the general default, `relayhost`, and then transport_maps over all.

use super::address::keys;
use super::filter::Filtered;
use super::host::{Host, Value};
use super::local::{Class, class, has_parents, is_in};
use super::nexthop::parts;
use super::tables::{Ask, Keys, TableEntry, find};
use super::written::Written;
use super::{Addresses, FaultKind, Hop};
use crate::model::plan::parameters::words;
use crate::model::text::domain_of;

/// The transport and the next hop.
#[derive(Debug, Clone)]
pub struct End {
    /// Name of the service in master.cf.
    pub channel: String,
    /// The next hop.
    pub nexthop: String,
    /// Where the transport is written.
    pub at: Written,
    /// Whether the message stays on this host.
    pub stays: bool,
}

/// A choice, and where each part of it is written.
struct Choice {
    channel: String,
    nexthop: String,
    at_channel: Written,
    at_nexthop: Option<Written>,
    stays: Option<String>,
    /// Whether the recipient is one of a virtual alias domain, which transport_maps does not change.
    is_unknown: bool,
}

/// The hop, and the choice, of a message that goes to a filter on another host.
pub fn filtered(host: &Host, filter: &Filtered, recipient: &str) -> (Hop, End) {
    let mut hop = Hop::new("transport");
    let (channel, nexthop) = parts(&filter.text);
    let nexthop = if nexthop.is_empty() { domain_of(recipient) } else { nexthop };
    hop.value = format!("{channel} → {nexthop}");
    judge(host, channel, nexthop, &filter.at, None, &mut hop);
    hop.at.push(filter.at.clone());
    deferred(host, channel, &mut hop);
    let end =
        End { channel: channel.to_owned(), nexthop: nexthop.to_owned(), at: filter.at.clone(), stays: false };
    (hop, end)
}

/// The hop, and the choice. `redirected`: the place that gave the message its recipient, if that is not the one it came
/// with.
pub fn transport(host: &Host, seen: &Addresses, redirected: Option<&Written>, ask: &mut Ask) -> (Hop, End) {
    let mut hop = Hop::new("transport");
    let mut choice = by_class(host, seen, &mut hop, ask);
    relocated(host, seen, &mut hop, ask);
    by_transport_maps(host, seen, &mut choice, &mut hop, ask);
    let Choice { channel, nexthop, at_channel, at_nexthop, stays, .. } = choice;
    hop.value = if nexthop.is_empty() { channel.clone() } else { format!("{channel} → {nexthop}") };
    if let (Some(why), Some(at)) = (&stays, redirected) {
        let text =
            format!("the recipient becomes {} ({at}), and {why}: the message stays here", seen.recipient);
        hop.fault(true, text, at.undo(&host.version));
    } else {
        judge(host, &channel, &nexthop, &at_channel, stays.as_deref(), &mut hop);
    }
    hop.at.extend(at_nexthop);
    // That of smtp(8) by default needs no words.
    if !matches!(at_channel, Written::Default { .. }) && !hop.at.contains(&at_channel) {
        hop.at.push(at_channel.clone());
    }
    if hop.at.is_empty() {
        hop.at.push(at_channel.clone());
    }
    deferred(host, &channel, &mut hop);
    (hop, End { channel, nexthop, at: at_channel, stays: stays.is_some() })
}

fn deferred(host: &Host, channel: &str, hop: &mut Hop) {
    let deferred = host.of("qmgr", "defer_transports");
    if words(&deferred.text).iter().any(|word| word == channel) {
        let text =
            format!("qmgr(8) keeps all mail for the transport {channel} in the queue ({})", deferred.at);
        let remedy = format!("{}, then `postqueue -f`", deferred.at.undo(&host.version));
        hop.fault_of(FaultKind::Kept, true, text, remedy);
        hop.at.push(deferred.at);
    }
}

/// The class of the recipient's domain (ADDRESS_CLASS_README), with its transport and next hop.
fn by_class(host: &Host, seen: &Addresses, hop: &mut Hop, ask: &mut Ask) -> Choice {
    let domain = domain_of(&seen.recipient).to_owned();
    let mut place = None;
    let interfaces = host.main("inet_interfaces").text;
    let class = class(&domain, &interfaces, &mut |name| {
        let found = is_in(host, name, &domain, hop, ask);
        place = place.take().or(found.clone());
        found.is_some()
    });
    if let Some(class) = class {
        let at = place.unwrap_or_else(|| host.main("inet_interfaces").at);
        let stays = format!("{domain} is a domain of this host ({at})");
        let choice = match class {
            Class::Local => Choice::new(host.of("rewrite", "local_transport"), String::new(), Some(at)),
            Class::Alias => {
                let text = "error:User unknown in virtual alias table".into();
                Choice::new(Value { text, at: at.clone() }, String::new(), Some(at))
            }
            Class::Mailbox => Choice::new(host.of("rewrite", "virtual_transport"), domain, Some(at)),
        };
        return Choice { stays: Some(stays), is_unknown: class == Class::Alias, ..choice };
    }
    let transport = if is_in(host, "relay_domains", &domain, hop, ask).is_some() {
        host.of("rewrite", "relay_transport")
    } else {
        let sender = by_sender(host, "sender_dependent_default_transport_maps", seen, hop, ask);
        sender.map_or_else(
            || host.of("rewrite", "default_transport"),
            |TableEntry { value, at }| Value { text: value, at },
        )
    };
    let relayhost = host.of("rewrite", "relayhost");
    let (nexthop, at) = match by_sender(host, "sender_dependent_relayhost_maps", seen, hop, ask) {
        Some(TableEntry { value, at }) => (value, Some(at)),
        None if relayhost.text.is_empty() => (domain, Some(relayhost.at)),
        None => (relayhost.text, Some(relayhost.at)),
    };
    Choice::new(transport, nexthop, at)
}

impl Choice {
    /// A transport, `name` or `name:nexthop`; the next hop in it counts before the other one.
    fn new(transport: Value, nexthop: String, at_nexthop: Option<Written>) -> Self {
        let (channel, own) = parts(&transport.text);
        let (nexthop, at_nexthop) =
            if own.is_empty() { (nexthop, at_nexthop) } else { (own.to_owned(), Some(transport.at.clone())) };
        Self {
            channel: channel.to_owned(),
            nexthop,
            at_channel: transport.at,
            at_nexthop,
            stays: None,
            is_unknown: false,
        }
    }
}

/// The entry for the sender, by its address or domain; `DUNNO` is none (postconf(5)).
fn by_sender(
    host: &Host,
    name: &'static str,
    seen: &Addresses,
    hop: &mut Hop,
    ask: &mut Ask,
) -> Option<TableEntry> {
    let list = host.of("rewrite", name);
    if list.text.is_empty() {
        return None;
    }
    // The null sender has a key of its own (empty_address_relayhost_maps_lookup_key).
    let keys = if seen.sender.is_empty() { Keys::one("<>") } else { keys(host, &seen.sender, hop, ask) };
    let found = find(&list, &keys, ask);
    hop.found(found).filter(|entry| !entry.value.eq_ignore_ascii_case("DUNNO") && !entry.value.is_empty())
}

fn relocated(host: &Host, seen: &Addresses, hop: &mut Hop, ask: &mut Ask) {
    let list = host.of("rewrite", "relocated_maps");
    if list.text.is_empty() {
        return;
    }
    let keys = keys(host, &seen.recipient, hop, ask);
    let found = find(&list, &keys, ask);
    if let Some(entry) = hop.found(found) {
        let text = format!("{} has moved ({}): the message is returned", seen.recipient, entry.at);
        hop.fault(true, text, entry.at.undo(&host.version));
    }
}

/// transport_maps counts before everything else (transport(5)): a transport without a next hop sends to the recipient's own
/// domain, past `relayhost`; a next hop without a transport changes the next hop alone.
fn by_transport_maps(host: &Host, seen: &Addresses, choice: &mut Choice, hop: &mut Hop, ask: &mut Ask) {
    let list = host.of("rewrite", "transport_maps");
    if list.text.is_empty() || choice.is_unknown {
        return;
    }
    let delimiters = host.main("recipient_delimiter").text;
    let keys = Keys::of_transport(&seen.recipient, &delimiters, has_parents(host, "transport_maps"));
    let found = find(&list, &keys, ask);
    let Some(TableEntry { value, at }) = hop.found(found) else { return };
    let (channel, nexthop) = parts(&value);
    if channel.is_empty() && nexthop.is_empty() {
        return;
    }
    if channel.is_empty() {
        nexthop.clone_into(&mut choice.nexthop);
    } else {
        channel.clone_into(&mut choice.channel);
        choice.nexthop =
            if nexthop.is_empty() { domain_of(&seen.recipient).to_owned() } else { nexthop.to_owned() };
        choice.at_channel = at.clone();
        // An entry can send mail for a domain of this host elsewhere.
        if channel != "local" && channel != "virtual" {
            choice.stays = None;
        }
    }
    choice.at_nexthop = Some(at);
}

/// Faults of a choice: a transport by which nothing leaves this host.
fn judge(host: &Host, channel: &str, nexthop: &str, at: &Written, stays: Option<&str>, hop: &mut Hop) {
    let command = host.master.find(channel, "unix").map_or(channel, |service| service.command.as_str());
    let undo = at.undo(&host.version);
    if let Some(why) = stays {
        let text = format!("{why}: the message stays here");
        let remedy = "take the domain out of that parameter in main.cf, or send to another address";
        hop.fault_of(FaultKind::Here, true, text, remedy);
        return;
    }
    let text = match command {
        "error" => format!("the transport {channel} returns or keeps every message: {nexthop} ({at})"),
        "discard" => {
            format!("the transport {channel} throws every message away, as if it had been delivered ({at})")
        }
        "local" | "virtual" => format!("the transport {channel} delivers on this host ({at})"),
        "pipe" => {
            let text = format!("the transport {channel} hands the message to a program of this host ({at})");
            hop.fault(false, text, undo);
            return;
        }
        _ => return,
    };
    hop.fault(true, text, undo);
}
