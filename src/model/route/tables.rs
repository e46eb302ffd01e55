//! Look-ups in tables as Postfix's daemons do them: the keys of an address in their order, each of them in every table of a
//! list (`mail_addr_find` in global/mail_addr_find.c, `maps_find` in global/maps.c).

use std::collections::BTreeMap;

use super::host::Value;
use super::nexthop::Socket;
use super::written::Written;
use crate::model::plan::parameters::words;
use crate::model::postfix::tables::{items, kind, named};
use crate::model::text::without_inline_tables;

/// The values of those keys that a table has, or the reason why it cannot be asked.
pub type Answer = Result<BTreeMap<String, String>, String>;

/// The questions to the host that a route depends on.
pub struct Ask<'a> {
    /// Asks a table (`type:path`) for some keys.
    pub table: &'a mut dyn FnMut(&str, &[String]) -> Answer,
    /// Whether somebody listens there; `None`: that cannot be told.
    pub listens: &'a mut dyn FnMut(&Socket) -> Option<bool>,
    /// The line of a table's file that has this key, where that can be told.
    pub line: &'a mut dyn FnMut(&str, &str) -> Option<usize>,
}

/// An entry that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its value.
    pub value: String,
    /// Where it is written.
    pub at: Written,
}

/// A table that could not be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// The parameter that names it.
    pub at: Written,
    /// `type:path`.
    pub table: Box<str>,
    /// The reason, in words.
    pub reason: Box<str>,
    /// Whether Postfix cannot read it either: it puts off what needs the table.
    pub broken: bool,
}

/// Keys in the order in which Postfix looks them up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    all: Vec<String>,
    /// The number of keys, from the first, by which tables of patterns are asked too (DICT_FLAG_FIXED forbids the others).
    full: usize,
}

impl Keys {
    /// One key, which tables of patterns are asked for too.
    pub fn one(key: &str) -> Self {
        Self { all: vec![key.to_owned()], full: 1 }
    }

    /// Several keys, each of them whole.
    pub fn whole(all: Vec<String>) -> Self {
        Self { full: all.len(), all }
    }

    /// The keys of an address: all of it, without its extension, the local part if the domain is this host's, `@domain`
    /// (MA_FIND_DEFAULT in global/mail_addr_find.h). `delimiters`: recipient_delimiter.
    pub fn of_address(address: &str, is_local: bool, delimiters: &str) -> Self {
        let (user, domain) = address.rsplit_once('@').unwrap_or((address, ""));
        let bare = without_extension(user, delimiters);
        let mut all = vec![address.to_owned()];
        if let Some(bare) = bare {
            all.push(format!("{bare}@{domain}"));
        }
        if is_local {
            all.push(user.to_owned());
            all.extend(bare.map(str::to_owned));
        }
        all.push(format!("@{domain}"));
        Self { all, full: 1 }
    }

    /// The keys of a transport map: the address, the address without its extension, the domain, each parent domain with a
    /// dot before it, `*` (transport(5)).
    pub fn of_transport(address: &str, delimiters: &str) -> Self {
        let (user, domain) = address.rsplit_once('@').unwrap_or((address, ""));
        let mut all = vec![address.to_owned()];
        all.extend(without_extension(user, delimiters).map(|bare| format!("{bare}@{domain}")));
        all.push(domain.to_owned());
        all.extend(domain.match_indices('.').filter_map(|(at, _)| domain.get(at..)).map(str::to_owned));
        all.push("*".into());
        Self { all, full: 1 }
    }
}

fn without_extension<'a>(user: &'a str, delimiters: &str) -> Option<&'a str> {
    let at = user.find(|c| delimiters.contains(c)).filter(|at| *at > 0)?;
    user.get(..at)
}

/// The first entry that the tables of a parameter have: key by key, and for each key table by table.
pub fn find(list: &Value, keys: &Keys, ask: &mut Ask) -> Result<Option<Entry>, Trouble> {
    Ok(find_all(list, keys, ask)?.into_iter().next())
}

/// The entry of each key that one of the tables has, in the order of the keys. An error if a table that counts before the
/// first entry cannot be asked.
pub fn find_all(list: &Value, keys: &Keys, ask: &mut Ask) -> Result<Vec<Entry>, Trouble> {
    let tables = named(&list.text);
    // The word itself may be a part of a password.
    if tables.len() < items(&list.text).len() {
        return Err(Trouble {
            at: list.at.clone(),
            table: "a word in it".into(),
            reason: "it names no table (TYPE:NAME), so the daemon that reads it ends at once".into(),
            broken: true,
        });
    }
    let mut answers = Vec::new();
    for table in &tables {
        let asked = if is_pattern(table) { keys.all.get(..keys.full) } else { Some(keys.all.as_slice()) };
        answers.push((table, (ask.table)(table, asked.unwrap_or_default())));
    }
    let mut all = Vec::new();
    for key in &keys.all {
        for (table, answer) in &answers {
            let found = match answer {
                Ok(found) => found.get(key),
                Err(_) if !all.is_empty() => None,
                Err(reason) => {
                    return Err(Trouble {
                        at: list.at.clone(),
                        table: without_inline_tables(table).into(),
                        reason: reason.as_str().into(),
                        broken: is_asked(table),
                    });
                }
            };
            if let Some(value) = found {
                let (table, key) = ((**table).to_owned(), key.clone());
                let line = (ask.line)(&table, &key);
                let at = Written::Table { parameter: list.at.parameter(), table, key, line };
                all.push(Entry { value: value.clone(), at });
                break;
            }
        }
    }
    Ok(all)
}

/// Whether a table is a list of patterns, which Postfix does not ask for parts of an address (DICT_FLAG_PATTERN).
fn is_pattern(table: &str) -> bool {
    let lists = ["regexp:", "pcre:", "cidr:", "tcp:"];
    lists.iter().any(|kind| table.trim_start_matches("proxy:").contains(kind))
}

/// Whether a table is asked: one of a server on the network is not, since `check` would ask it as often as it is called,
/// and a random one gives another answer each time.
pub fn is_asked(table: &str) -> bool {
    let servers = [
        "ldap",
        "mysql",
        "pgsql",
        "mongodb",
        "memcache",
        "nis",
        "nisplus",
        "netinfo",
        "socketmap",
        "tcp",
        "randmap",
    ];
    !servers.contains(&kind(table))
}

/// Whether a domain is in a list: names, `!name`, tables, and for some parameters names of parent domains (match_list(3)).
/// Files of patterns are read by nobody here.
pub fn lists(list: &Value, domain: &str, parents: bool, ask: &mut Ask) -> Result<bool, Trouble> {
    for word in words(&list.text) {
        let (wanted, name) = match word.strip_prefix('!') {
            Some(name) => (false, name),
            None => (true, word.as_str()),
        };
        let fits = if name.contains(':') && !name.starts_with('[') {
            let value = Value { text: name.to_owned(), at: list.at.clone() };
            find(&value, &Keys::one(domain), ask)?.is_some()
        } else if name.starts_with('/') {
            let reason = "it is a file of patterns".into();
            return Err(Trouble { at: list.at.clone(), table: name.into(), reason, broken: false });
        } else {
            let is_below = |parent: &str| {
                let (domain, parent) = (domain.to_lowercase(), parent.to_lowercase());
                domain
                    .strip_suffix(&parent)
                    .is_some_and(|rest| rest.ends_with('.') || parent.starts_with('.'))
            };
            name.eq_ignore_ascii_case(domain) || ((parents || name.starts_with('.')) && is_below(name))
        };
        if fits {
            return Ok(wanted);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_in_postfixs_order() {
        let keys = Keys::of_address("a+b@x.org", true, "+");
        assert_eq!(keys.all, ["a+b@x.org", "a@x.org", "a+b", "a", "@x.org"]);
        assert_eq!(Keys::of_address("a@x.org", false, "").all, ["a@x.org", "@x.org"]);
        assert_eq!(Keys::of_transport("a@m.x.org", "").all, ["a@m.x.org", "m.x.org", ".x.org", ".org", "*"]);
    }

    #[test]
    fn patterns_see_whole_keys_only_and_the_first_key_wins() {
        let list =
            Value { text: "regexp:/r, hash:/h".into(), at: Written::Default { parameter: "transport_maps" } };
        let mut asked = Vec::new();
        let mut table = |table: &str, keys: &[String]| -> Answer {
            asked.push((table.to_owned(), keys.len()));
            Ok(match table {
                "hash:/h" => [("@x.org".to_owned(), "by domain".to_owned())].into(),
                _ => BTreeMap::new(),
            })
        };
        let mut ask = Ask { table: &mut table, listens: &mut |_| None, line: &mut |_, _| None };
        let found = find(&list, &Keys::of_address("a@x.org", false, ""), &mut ask).unwrap().unwrap();
        assert_eq!((found.value.as_str(), found.at.parameter()), ("by domain", "transport_maps"));
        assert_eq!(asked, [("regexp:/r".to_owned(), 1), ("hash:/h".to_owned(), 2)]);
    }

    #[test]
    fn a_domain_is_in_a_list_by_name_by_parent_or_not() {
        let list =
            |text: &str| Value { text: text.into(), at: Written::Default { parameter: "mydestination" } };
        let mut ask =
            Ask { table: &mut |_, _| Err("no".into()), listens: &mut |_| None, line: &mut |_, _| None };
        assert_eq!(lists(&list("localhost, X.org"), "x.org", false, &mut ask), Ok(true));
        assert_eq!(lists(&list("!x.org, x.org"), "x.org", false, &mut ask), Ok(false));
        assert_eq!(lists(&list("x.org"), "m.x.org", false, &mut ask), Ok(false));
        assert_eq!(lists(&list("x.org"), "m.x.org", true, &mut ask), Ok(true));
        assert_eq!(lists(&list("x.org"), "evilx.org", true, &mut ask), Ok(false));
        assert!(lists(&list("hash:/d"), "x.org", false, &mut ask).unwrap_err().broken);
    }
}
