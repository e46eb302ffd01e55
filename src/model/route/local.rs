//! What this host keeps: the classes of domains that trivial-rewrite(8) does not send on (ADDRESS_CLASS_README), and the aliases by
//! which local(8) sends mail on all the same (aliases(5), local/alias.c).

use std::net::IpAddr;

use super::Hop;
use super::address::completed;
use super::host::Host;
use super::tables::{Ask, Entry, Keys, find};
use crate::model::plan::parameters::words;
use crate::model::postfix::settings::{Settings, value};
use crate::model::text::domain_of;

/// Aliases that are followed one after another (deliver_alias gives up after a hundred).
const NESTING: usize = 10;

/// A class of domains whose mail stays on this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// mydestination, and literals of the host's own addresses: local(8) delivers.
    Local,
    /// virtual_alias_domains: whoever has no alias there is unknown.
    Alias,
    /// virtual_mailbox_domains: virtual_transport delivers.
    Mailbox,
}

/// THE decision whether a domain is this host's, in the order of trivial-rewrite(8). `is_in`: whether the list of this parameter
/// has the domain.
pub fn class(domain: &str, is_in: &mut dyn FnMut(&'static str) -> bool) -> Option<Class> {
    if is_in("mydestination") || is_own_address(domain) {
        Some(Class::Local)
    } else if is_in("virtual_alias_domains") {
        Some(Class::Alias)
    } else if is_in("virtual_mailbox_domains") {
        Some(Class::Mailbox)
    } else {
        None
    }
}

/// Whether a domain is a literal of this host's own loopback address, `[127.0.0.1]` or `[IPv6:::1]` (resolve_local in
/// global/resolve_local.c).
fn is_own_address(domain: &str) -> bool {
    let literal = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let bare = literal.map(|text| {
        text.get(..5).filter(|head| head.eq_ignore_ascii_case("ipv6:")).and(text.get(5..)).unwrap_or(text)
    });
    bare.and_then(|text| text.parse::<IpAddr>().ok()).is_some_and(|address| address.is_loopback())
}

/// Whether mail to this address stays on this host, as far as the settings tell: tables in them are not asked.
pub fn is_local(address: &str, settings: &Settings) -> bool {
    let domain = domain_of(address);
    let mut is_in =
        |name: &str| words(value(settings, name)).iter().any(|one| one.eq_ignore_ascii_case(domain));
    class(domain, &mut is_in).is_some()
}

/// The address to which the aliases of a local recipient send its mail, and the places of the entries that do; `None` if it
/// stays here. Of several addresses the first that is not this host's counts.
pub fn forwarded(
    host: &Host,
    recipient: &str,
    sender: &mut String,
    hop: &mut Hop,
    ask: &mut Ask,
) -> Option<String> {
    let list = host.of("local", "alias_maps");
    let delimiters = host.main("recipient_delimiter").text;
    let mut user = user_of(recipient).to_lowercase();
    let mut seen = vec![user.clone()];
    if list.text.is_empty() {
        return None;
    }
    loop {
        let bare = user.split(|c| delimiters.contains(c)).next().unwrap_or_default().to_owned();
        let keys =
            if bare.is_empty() || bare == user { vec![user.clone()] } else { vec![user.clone(), bare] };
        let found = find(&list, &Keys::whole(keys), ask);
        let Entry { value, at } = hop.found(found)?;
        hop.at.push(at.clone());
        let all = targets(&value);
        if all.len() > 1 {
            let text = format!(
                "{user} stands for {} addresses; the first that leaves this host counts here",
                all.len()
            );
            hop.notes.push(text);
        }
        if all.iter().any(|one| one.starts_with(":include:")) {
            hop.notes.push(format!("{at} includes a file of addresses, which is not read here"));
        }
        let is_address = |one: &&String| !one.starts_with(['/', '|', '\\', '~', ':']);
        let addresses: Vec<String> = all.iter().filter(is_address).map(|one| completed(host, one)).collect();
        let goes = addresses.iter().find(|one| !is_here(host, one, hop, ask));
        if let Some(goes) = goes {
            owned(host, &user, sender, hop, ask);
            return Some(goes.clone());
        }
        let next = user_of(addresses.first()?).to_lowercase();
        // An alias that names itself is delivered to the user of that name.
        if next == user {
            return None;
        }
        if seen.contains(&next) || seen.len() > NESTING {
            let text = format!(
                "the aliases of {recipient} lead in a circle, or through more than {NESTING} names ({at})"
            );
            hop.fault(true, text, at.undo(&host.version));
            return None;
        }
        seen.push(next.clone());
        user = next;
    }
}

fn user_of(address: &str) -> &str {
    address.rsplit_once('@').map_or(address, |(user, _)| user)
}

/// Whether local(8) delivers to this address itself.
fn is_here(host: &Host, address: &str, hop: &mut Hop, ask: &mut Ask) -> bool {
    let domain = domain_of(address).to_owned();
    class(&domain, &mut |name| super::transport::is_in(host, name, &domain, hop, ask).is_some())
        == Some(Class::Local)
}

/// An alias `owner-NAME` is the sender of what NAME sends on (owner_request_special in postconf(5)).
fn owned(host: &Host, user: &str, sender: &mut String, hop: &mut Hop, ask: &mut Ask) {
    let owner = format!("owner-{user}");
    let found = find(&host.of("local", "alias_maps"), &Keys::one(&owner), ask);
    if let Some(Entry { at, .. }) = hop.found(found) {
        *sender = completed(host, &owner);
        hop.at.push(at);
    }
}

/// The items of an alias: apart by commas, unless in quotation marks (aliases(5)).
fn targets(value: &str) -> Vec<String> {
    let mut is_quoted = false;
    let between = |c: char| {
        is_quoted ^= c == '"';
        c == ',' && !is_quoted
    };
    let items = value.split(between).map(|item| item.trim().trim_matches('"').trim().to_owned());
    items.filter(|item| !item.is_empty()).collect()
}

/// The entries of a file in the syntax of aliases(5), by `name: value`: from the key and the value as a table has them.
pub fn alias_entry(key: &str, value: &str) -> (String, String) {
    let all = format!("{key} {value}");
    let (name, value) = all.split_once(':').unwrap_or((&all, ""));
    (name.trim().trim_matches('"').to_lowercase(), value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_is_decided_in_one_place() {
        let settings: Settings = [
            ("mydestination", "localhost, Here.example"),
            ("virtual_alias_domains", "alias.example"),
            ("virtual_mailbox_domains", "box.example hash:/v"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        for here in [
            "a@here.example",
            "a@[127.0.0.1]",
            "a@[IPv6:::1]",
            "a@[127.3.2.1]",
            "a@alias.example",
            "a@BOX.example",
        ] {
            assert!(is_local(here, &settings), "{here}");
        }
        for away in ["a@x.here.example", "a@[192.0.2.1]", "a@127.0.0.1", "a", ""] {
            assert!(!is_local(away, &settings), "{away}");
        }
    }

    #[test]
    fn the_items_of_an_alias_are_apart_by_commas() {
        assert_eq!(targets("a, \"|/bin/x -f 'a, b'\" ,c@d"), ["a", "|/bin/x -f 'a, b'", "c@d"]);
        assert_eq!(alias_entry("root:", "ops@x"), ("root".into(), "ops@x".into()));
        assert_eq!(alias_entry("Root:ops@x", ""), ("root".into(), "ops@x".into()));
    }
}
