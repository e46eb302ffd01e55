//! What this host keeps: the classes of domains that trivial-rewrite(8) does not send on (ADDRESS_CLASS_README), and the
//! aliases by which local(8) sends mail on all the same (aliases(5), local/alias.c).

use std::net::IpAddr;

use super::Hop;
use super::address::completed;
use super::here::{Stays, user_of};
use super::host::Host;
use super::lists::{Match, lists};
use super::tables::{Ask, Keys, TableEntry, find};
use super::written::Written;
use crate::model::plan::parameters::words;
use crate::model::postfix::settings::{Settings, value};
use crate::model::text::domain_of;

/// Aliases that are followed one after another (deliver_alias gives up after a hundred).
const NESTING: usize = 10;
/// Addresses of one alias that are looked at: a user's own file may have any number, and each is asked for in tables.
const ADDRESSES: usize = 100;

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

/// The parameters that name this host's domains, in the order of trivial-rewrite(8).
const OWN: [&str; 3] = ["mydestination", "virtual_alias_domains", "virtual_mailbox_domains"];

/// THE decision whether a domain is this host's, in the order of trivial-rewrite(8): the parameter that makes it so.
/// `is_in`: whether the list of this parameter has the domain.
fn decided(
    domain: &str,
    interfaces: &str,
    is_in: &mut dyn FnMut(&'static str) -> bool,
) -> Option<&'static str> {
    if is_own_address(domain, interfaces) {
        return Some("inet_interfaces");
    }
    OWN.into_iter().find(|name| is_in(name))
}

/// The class of a domain; `None` if it is not this host's.
pub fn class(domain: &str, interfaces: &str, is_in: &mut dyn FnMut(&'static str) -> bool) -> Option<Class> {
    decided(domain, interfaces, is_in).map(|name| match name {
        "virtual_alias_domains" => Class::Alias,
        "virtual_mailbox_domains" => Class::Mailbox,
        _ => Class::Local,
    })
}

/// Whether a domain is a literal of this host's own address, of the loopback or of `inet_interfaces`: `[127.0.0.1]`,
/// `[IPv6:::1]` (resolve_local in global/resolve_local.c).
fn is_own_address(domain: &str, interfaces: &str) -> bool {
    let literal = domain.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let bare = literal.map(|text| {
        text.get(..5).filter(|head| head.eq_ignore_ascii_case("ipv6:")).and(text.get(5..)).unwrap_or(text)
    });
    bare.and_then(|text| text.parse::<IpAddr>().ok()).is_some_and(|address| {
        address.is_loopback() || words(interfaces).iter().any(|word| word.parse() == Ok(address))
    })
}

/// The parameter by which mail to this address stays on this host, as far as the settings tell: tables in them are not
/// asked.
pub fn kept_by(address: &str, settings: &Settings) -> Option<&'static str> {
    let domain = domain_of(address);
    let mut is_in =
        |name: &str| words(value(settings, name)).iter().any(|one| one.eq_ignore_ascii_case(domain));
    decided(domain, value(settings, "inet_interfaces"), &mut is_in)
}

/// Whether mail to this address stays on this host, as for `kept_by`.
pub fn is_local(address: &str, settings: &Settings) -> bool {
    kept_by(address, settings).is_some()
}

/// Whether a list of domains has this one: the place of the list, if so.
pub fn is_in(host: &Host, name: &'static str, domain: &str, hop: &mut Hop, ask: &mut Ask) -> Option<Written> {
    let list = host.of("rewrite", name);
    let how = match name {
        "relay_domains" if has_parents(host, name) => Match::Parents,
        "relay_domains" => Match::Dotted,
        _ => Match::Names,
    };
    match lists(&list, domain, how, ask) {
        Ok(is_in) => is_in.then_some(list.at),
        Err(trouble) => {
            hop.trouble(&trouble);
            None
        }
    }
}

/// Whether mail to this address stays on this host, by the settings and the tables in them; an error says why that is not
/// known.
pub fn stays(host: &Host, address: &str, ask: &mut Ask) -> Result<bool, String> {
    let (domain, mut hop) = (domain_of(address), Hop::new("transport"));
    let interfaces = host.main("inet_interfaces").text;
    let found = class(domain, &interfaces, &mut |name| is_in(host, name, domain, &mut hop, ask).is_some());
    let mut unknown = hop.faults.into_iter().map(|fault| fault.text).chain(hop.notes);
    match (found, unknown.next()) {
        (None, Some(why)) => Err(why),
        (found, _) => Ok(found.is_some()),
    }
}

/// Whether the settings that name this host's domains name tables too, or files.
pub fn has_tables(settings: &Settings) -> bool {
    OWN.iter().any(|name| value(settings, name).contains([':', '/']))
}

/// Whether a name in this list or table stands for those below it (parent_domain_matches_subdomains).
pub fn has_parents(host: &Host, name: &str) -> bool {
    words(&host.main("parent_domain_matches_subdomains").text).iter().any(|word| word == name)
}

/// The address to which local(8) sends the mail of a local recipient on, or why it stays here; the hop gets the places that
/// say so. Of several addresses the first that is not this host's counts.
pub fn forwarded(
    host: &Host,
    recipient: &str,
    sender: &mut String,
    hop: &mut Hop,
    ask: &mut Ask,
) -> Result<String, Stays> {
    let mut user = user_of(recipient).to_lowercase();
    let mut seen = vec![user.clone()];
    loop {
        let (all, at) = expanded(host, &user, hop, ask)?;
        hop.at.push(at.clone());
        if all.len() > 1 {
            let text = format!(
                "{user} stands for {} addresses; the first that leaves this host counts here",
                all.len()
            );
            hop.notes.push(text);
        }
        let is_address = |one: &&String| !one.starts_with(['/', '|', '\\', '~', ':']);
        let addresses: Vec<String> =
            all.iter().filter(is_address).take(ADDRESSES).map(|one| completed(host, one)).collect();
        if let Some(goes) = addresses.iter().find(|one| !is_here(host, one, hop, ask)) {
            owned(host, &user, sender, hop, ask);
            return Ok(goes.clone());
        }
        let next = addresses.first().map(|one| user_of(one).to_lowercase());
        // An alias that names itself is delivered to the user of that name.
        let Some(next) = next.filter(|next| *next != user) else {
            return Err(Stays::Item(user, all.first().cloned().unwrap_or_default(), Box::new(at)));
        };
        if seen.contains(&next) || seen.len() > NESTING {
            let text = format!(
                "the aliases of {recipient} lead in a circle, or through more than {NESTING} names ({at})"
            );
            hop.fault(true, text, at.undo(&host.version));
            return Err(Stays::Said);
        }
        seen.push(next.clone());
        user = next;
    }
}

/// The items that stand for a user, and their place: those of an alias, of the file .forward in the user's home directory,
/// or of luser_relay for a user whom nobody knows.
fn expanded(host: &Host, user: &str, hop: &mut Hop, ask: &mut Ask) -> Result<(Vec<String>, Written), Stays> {
    let delimiters = host.main("recipient_delimiter").text;
    let bare = user.split(|c| delimiters.contains(c)).next().unwrap_or_default();
    let list = host.of("local", "alias_maps");
    let mut keys = vec![user.to_owned()];
    keys.extend(Some(bare.to_owned()).filter(|bare| !bare.is_empty() && bare != user));
    let found = if list.text.is_empty() { Ok(None) } else { find(&list, &Keys::whole(keys), ask) };
    let is_asked = found.is_ok();
    let found = hop.found(found);
    if let Some(TableEntry { value, at }) = found {
        return Ok((included(targets(&value), hop, ask), at));
    }
    if hop.faults.iter().any(|fault| fault.stops) {
        return Err(Stays::Said);
    }
    let alone = || Stays::NoAlias(bare.to_owned());
    let accounts = (ask.text)("/etc/passwd", None).ok_or_else(alone)?;
    // passwd(5): name, password, uid, gid, comment, home.
    let account = accounts.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [name, _, uid, _, _, home, ..] = fields.as_slice() else { return None };
        (*name == bare).then(|| ((*home).to_owned(), uid.parse().ok()))
    });
    if let Some((home, uid)) = account {
        let path = format!("{home}/.forward");
        // local(8) reads it with the rights of its owner.
        let text = uid.and_then(|uid| (ask.text)(&path, Some(uid))).ok_or_else(alone)?;
        let at = Written::Table {
            parameter: "forward_path",
            table: format!("file:{path}"),
            key: bare.to_owned(),
            line: None,
        };
        // A user must not have root read what a file of his names: `:include:` is not followed here.
        let all = listed(&text);
        return if all.is_empty() { Err(alone()) } else { Ok((all, at)) };
    }
    // Perhaps one of a directory service, which this list does not have.
    let relay = host.of("local", "luser_relay");
    if relay.text.is_empty() {
        return Err(if is_asked { Stays::Unknown(bare.to_owned()) } else { alone() });
    }
    Ok((vec![relay.text], relay.at))
}

/// The items of a file, of which each line is one or several.
fn listed(text: &str) -> Vec<String> {
    text.lines().filter(|line| !line.trim_start().starts_with('#')).flat_map(targets).collect()
}

/// The items, with those of the files that are included.
fn included(items: Vec<String>, hop: &mut Hop, ask: &mut Ask) -> Vec<String> {
    let mut all = Vec::new();
    for item in items {
        match item.strip_prefix(":include:").map(|path| (path, (ask.text)(path.trim(), None))) {
            None => all.push(item),
            Some((_, Some(text))) => all.extend(listed(&text)),
            Some((path, None)) => hop.notes.push(format!("{path}, a file of addresses, could not be read")),
        }
    }
    all
}

/// Whether local(8) delivers to this address itself.
fn is_here(host: &Host, address: &str, hop: &mut Hop, ask: &mut Ask) -> bool {
    let domain = domain_of(address).to_owned();
    let interfaces = host.main("inet_interfaces").text;
    class(&domain, &interfaces, &mut |name| is_in(host, name, &domain, hop, ask).is_some())
        == Some(Class::Local)
}

/// An alias `owner-NAME` is the sender of what NAME sends on (owner_request_special in postconf(5)).
fn owned(host: &Host, user: &str, sender: &mut String, hop: &mut Hop, ask: &mut Ask) {
    let owner = format!("owner-{user}");
    let found = find(&host.of("local", "alias_maps"), &Keys::one(&owner), ask);
    if let Some(TableEntry { at, .. }) = hop.found(found) {
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

/// An entry of a table that was built from a file in the syntax of aliases(5). In the file it is `name: value`, of which the
/// reader of other tables makes this key and this value.
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
            ("inet_interfaces", "localhost, 192.0.2.7"),
            ("virtual_mailbox_domains", "box.example hash:/v"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        for here in [
            "a@here.example",
            "a@[127.0.0.1]",
            "a@[IPv6:::1]",
            "a@[127.3.2.1]",
            "a@[192.0.2.7]",
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
