//! Look-ups in tables as Postfix's daemons do them: the keys of an address in their order, each of them in every table of a
//! list (`mail_addr_find` in global/mail_addr_find.c, `maps_find` in global/maps.c).

use std::collections::BTreeMap;

use super::host::Value;
use super::nexthop::Socket;
use super::written::Written;
use crate::model::postfix::shown::without_inline_tables;
use crate::model::postfix::tables::{is_built, items, kind, named, parts_of};

/// The values of those keys that a table has, or the reason why it cannot be asked.
pub type Answer = Result<BTreeMap<String, String>, Unasked>;

/// Why a table gave no answer, in words.
#[derive(Debug, Clone)]
pub enum Unasked {
    /// Postfix cannot read it either, and puts off what needs it.
    Broken(String),
    /// It was not asked, or not for long enough to know.
    Unknown(String),
}

impl Unasked {
    fn reason(&self) -> &str {
        match self {
            Self::Broken(reason) | Self::Unknown(reason) => reason,
        }
    }
}

/// The entry for a key in the file that a table is, or was built of: the number of its line, and its value. An error if it
/// cannot be found out.
pub type Source = Result<Option<(usize, String)>, ()>;

/// The questions to the host that a route depends on.
pub struct Ask<'a> {
    /// Asks a table (`type:path`) for some keys.
    pub table: &'a mut dyn FnMut(&str, &[String]) -> Answer,
    /// Whether somebody listens there; `None`: that is not known.
    pub listens: &'a mut dyn FnMut(&Socket) -> Option<bool>,
    /// Asks the file of a table for a key; the last is the value that the table itself has.
    pub source: &'a mut dyn FnMut(&str, &str, Option<&str>) -> Source,
    /// The text of a small file: one of addresses, or of accounts; with a user, if it is this user's.
    pub text: &'a mut dyn FnMut(&str, Option<u32>) -> Option<String>,
    /// Tables whose source has another entry than the database by which Postfix goes, found so far.
    pub unbuilt: Vec<Unbuilt>,
}

/// A table of which the source was changed, and the database not built since.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unbuilt {
    /// The parameter that names it.
    pub parameter: &'static str,
    /// `type:path`.
    pub table: String,
    /// The key that has different entries.
    pub key: String,
    /// The line of the source with this key; `None`: it has none.
    pub line: Option<usize>,
}

/// An entry that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableEntry {
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

    /// One key, and others by which tables of patterns are not asked.
    pub fn one_and(key: &str, others: impl Iterator<Item = String>) -> Self {
        Self { all: std::iter::once(key.to_owned()).chain(others).collect(), full: 1 }
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

    /// The keys of a transport map: the address, the address without its extension, the domain, each parent domain (with a
    /// dot before it, unless `parents` match their subdomains without), `*` (transport(5)).
    pub fn of_transport(address: &str, delimiters: &str, parents: bool) -> Self {
        let (user, domain) = address.rsplit_once('@').unwrap_or((address, ""));
        let mut all = vec![address.to_owned()];
        all.extend(without_extension(user, delimiters).map(|bare| format!("{bare}@{domain}")));
        all.push(domain.to_owned());
        all.extend(parents_of(domain, parents));
        all.push("*".into());
        Self { all, full: 1 }
    }
}

/// The domains above one, with or without a dot before each.
pub fn parents_of(domain: &str, bare: bool) -> impl Iterator<Item = String> {
    domain
        .match_indices('.')
        .filter_map(move |(at, _)| domain.get(at + usize::from(bare)..))
        .map(str::to_owned)
}

fn without_extension<'a>(user: &'a str, delimiters: &str) -> Option<&'a str> {
    let at = user.find(|c| delimiters.contains(c)).filter(|at| *at > 0)?;
    user.get(..at)
}

/// The first entry that the tables of a parameter have: key by key, and for each key table by table.
pub fn find(list: &Value, keys: &Keys, ask: &mut Ask) -> Result<Option<TableEntry>, Trouble> {
    Ok(find_all(list, keys, ask)?.into_iter().next())
}

/// The entry of each key that one of the tables has, in the order of the keys. An error if a table that counts before the
/// first entry cannot be asked.
pub fn find_all(list: &Value, keys: &Keys, ask: &mut Ask) -> Result<Vec<TableEntry>, Trouble> {
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
        answers.push((*table, (ask.table)(table, asked.unwrap_or_default())));
    }
    let mut all = Vec::new();
    for key in &keys.all {
        for (table, answer) in &answers {
            let found = match answer {
                Ok(found) => found.get(key),
                Err(_) if !all.is_empty() => None,
                Err(why) => {
                    return Err(Trouble {
                        at: list.at.clone(),
                        table: without_inline_tables(table).into(),
                        reason: why.reason().into(),
                        broken: matches!(why, Unasked::Broken(_)),
                    });
                }
            };
            let parameter = list.at.parameter();
            let line = written(parameter, table, key, found, all.is_empty(), ask);
            if let Some(value) = found {
                let at = Written::Table { parameter, table: (*table).to_owned(), key: key.clone(), line };
                all.push(TableEntry { value: value.clone(), at });
                break;
            }
        }
    }
    Ok(all)
}

/// The line of a table's source that has this key. Notes a source that says something else than the table, as long as no
/// other key decides.
fn written(
    parameter: &'static str,
    table: &str,
    key: &str,
    found: Option<&String>,
    decides: bool,
    ask: &mut Ask,
) -> Option<usize> {
    if found.is_none() && !is_built(table) {
        return None;
    }
    let written = (ask.source)(table, key, found.map(String::as_str)).ok()?;
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let is_same = written.as_ref().map(|(_, value)| words(value)) == found.map(|value| words(value));
    let line = written.map(|(line, _)| line);
    if is_built(table) && !is_same && decides {
        let one = Unbuilt { parameter, table: table.to_owned(), key: key.to_owned(), line };
        if !ask.unbuilt.contains(&one) {
            ask.unbuilt.push(one);
        }
    }
    line
}

/// Whether a table is a list of patterns, which Postfix does not ask for parts of an address (DICT_FLAG_PATTERN).
fn is_pattern(table: &str) -> bool {
    let lists = ["regexp:", "pcre:", "cidr:", "tcp:"];
    lists.iter().any(|kind| table.trim_start_matches("proxy:").contains(kind))
}

/// The types of tables that a server on the network has.
const SERVERS: [&str; 10] =
    ["ldap", "mysql", "pgsql", "mongodb", "memcache", "nis", "nisplus", "netinfo", "socketmap", "tcp"];

/// Why a table is not asked, in words: one of a server on the network would be asked as often as `check` is called, and one
/// of several values gives another answer each time. `None`: it is asked. The parts of a table count as the table.
pub fn why_unasked(table: &str) -> Option<String> {
    let kind = kind(table);
    match (kind, parts_of(table).as_slice()) {
        ("randmap", [_, _, ..]) => Some(format!("{kind} takes one of its values by chance")),
        ("pipemap" | "unionmap", parts) => parts.iter().find_map(|part| why_unasked(part)),
        _ if SERVERS.contains(&kind) => {
            Some(format!("a table of type {kind} is not asked; ask it by `postmap -q KEY`"))
        }
        _ => None,
    }
}

/// The tests of look-ups, and what those of lists take from them.
#[cfg(test)]
pub mod tests {
    use super::*;

    /// Asks this table, and knows no source.
    pub fn asking(table: &mut dyn FnMut(&str, &[String]) -> Answer) -> Ask<'_> {
        Ask {
            table,
            listens: Box::leak(Box::new(|_: &Socket| None)),
            source: Box::leak(Box::new(|_: &str, _: &str, _: Option<&str>| Err(()))),
            text: Box::leak(Box::new(|_: &str, _: Option<u32>| None)),
            unbuilt: Vec::new(),
        }
    }

    #[test]
    fn keys_come_in_postfixs_order() {
        let keys = Keys::of_address("a+b@x.org", true, "+");
        assert_eq!(keys.all, ["a+b@x.org", "a@x.org", "a+b", "a", "@x.org"]);
        assert_eq!(Keys::of_address("a@x.org", false, "").all, ["a@x.org", "@x.org"]);
        assert_eq!(
            Keys::of_transport("a@m.x.org", "", false).all,
            ["a@m.x.org", "m.x.org", ".x.org", ".org", "*"]
        );
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
        let mut ask = asking(&mut table);
        let found = find(&list, &Keys::of_address("a@x.org", false, ""), &mut ask).unwrap().unwrap();
        assert_eq!((found.value.as_str(), found.at.parameter()), ("by domain", "transport_maps"));
        assert_eq!(asked, [("regexp:/r".to_owned(), 1), ("hash:/h".to_owned(), 2)]);
    }

    #[test]
    fn a_table_is_asked_unless_a_server_or_chance_answers() {
        for (table, asked) in [
            ("hash:/h", true),
            ("ldap:/l", false),
            ("proxy:mysql:/m", false),
            ("pipemap:{hash:/h, ldap:/l}", false),
            ("unionmap:{hash:/h, inline:{a=b}}", true),
            ("randmap:{a, b}", false),
            ("randmap:{a}", true),
        ] {
            assert_eq!(why_unasked(table).is_none(), asked, "{table}");
        }
    }

    #[test]
    fn a_source_that_says_something_else_than_its_database_is_noted_where_it_decides() {
        let noted = |built: &[(&str, &str)], source: &[(&str, &str)]| {
            let mut table = |_: &str, keys: &[String]| -> Answer {
                let of = |key: &String| {
                    built
                        .iter()
                        .find(|(one, _)| one == key)
                        .map(|(_, value)| (key.clone(), (*value).to_owned()))
                };
                Ok(keys.iter().filter_map(of).collect())
            };
            let mut ask = asking(&mut table);
            let mut line = |_: &str, key: &str, _: Option<&str>| {
                Ok(source.iter().position(|(one, _)| *one == key).map(|at| (at + 1, source[at].1.to_owned())))
            };
            ask.source = &mut line;
            let list = Value { text: "hash:/p".into(), at: Written::Default { parameter: "relocated_maps" } };
            find(&list, &Keys::whole(vec!["bare".into(), "[bare]:587".into()]), &mut ask).unwrap();
            ask.unbuilt.into_iter().map(|one| (one.key, one.line)).collect::<Vec<_>>()
        };
        let entry = ("[bare]:587", "u:p");
        assert_eq!(noted(&[entry], &[entry, ("other", "x")]), []);
        assert_eq!(noted(&[entry], &[("[bare]:587", "u:new")]), [("[bare]:587".into(), Some(1))]);
        assert_eq!(noted(&[], &[entry]), [("[bare]:587".into(), Some(1))]);
        assert_eq!(noted(&[entry], &[]), [("[bare]:587".into(), None)]);
        assert_eq!(noted(&[entry], &[entry, ("bare", "u:q")]), [("bare".into(), Some(2))]);
        // A key that comes after the one that decides.
        assert_eq!(noted(&[("bare", "u:q")], &[("bare", "u:q"), entry]), []);
    }
}
