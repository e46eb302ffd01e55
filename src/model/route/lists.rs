//! Lists of domains, of which each pattern is a name, a table, or a file of patterns (match_list(3)).

use std::collections::BTreeSet;

use super::host::Value;
use super::tables::{Ask, Keys, Trouble, find, parents_of};
use crate::model::plan::parameters::words;

/// The syntax of a list of domains (match_list(3)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Match {
    /// Names, each for itself (string_list_match).
    Names,
    /// `.name` stands for all names below it (domain_list_match).
    Dotted,
    /// A name stands for all names below it, too (parent_domain_matches_subdomains).
    Parents,
}

/// Files of patterns that are read one within another, and most patterns of a list.
const FILES: usize = 5;
const PATTERNS: usize = 100_000;

/// The patterns of a list, each with whether it is one of those that are meant (`!` before it: not), with the contents of a
/// file in the place of its name (match_list_parse in util/match_list.c). A file that cannot be read stays by its name.
fn patterns(list: &Value, ask: &mut Ask) -> Vec<(bool, String)> {
    let mut all: Vec<(bool, String)> = words(&list.text).into_iter().map(|word| (true, word)).collect();
    let mut read = BTreeSet::new();
    for _ in 0..FILES {
        let mut next = Vec::new();
        for (wanted, word) in std::mem::take(&mut all) {
            let name = word.trim_start_matches('!');
            let wanted = wanted == ((word.len() - name.len()).is_multiple_of(2));
            // A file that names itself would be read for ever.
            let is_to_be_read =
                name.starts_with('/') && next.len() < PATTERNS && read.insert(name.to_owned());
            let text = if is_to_be_read { (ask.text)(name, None) } else { None };
            let Some(text) = text else {
                next.push((wanted, name.to_owned()));
                continue;
            };
            let lines = text.lines().filter(|line| !line.starts_with('#'));
            next.extend(lines.flat_map(words).map(|word| (wanted, word)));
        }
        all = next;
    }
    all
}

/// Whether a domain is in a list: names, `!name`, tables, and files of them (match_list(3)).
pub fn lists(list: &Value, domain: &str, how: Match, ask: &mut Ask) -> Result<bool, Trouble> {
    for (wanted, name) in patterns(list, ask) {
        let fits = if name.contains(':') && !name.starts_with('[') {
            let value = Value { text: name.clone(), at: list.at.clone() };
            let parents = Some(parents_of(domain, how == Match::Parents)).filter(|_| how != Match::Names);
            let keys = Keys::one_and(domain, parents.into_iter().flatten());
            find(&value, &keys, ask)?.is_some()
        } else if name.starts_with('/') {
            let reason = "this file of names could not be read".into();
            return Err(Trouble { at: list.at.clone(), table: name.into(), reason, broken: false });
        } else {
            let (domain, name) = (domain.to_lowercase(), name.to_lowercase());
            let rest = domain.strip_suffix(&name).filter(|_| !name.is_empty());
            rest.is_some_and(|rest| match how {
                _ if rest.is_empty() => true,
                Match::Names => false,
                Match::Dotted => name.starts_with('.'),
                Match::Parents => rest.ends_with('.'),
            })
        };
        if fits {
            return Ok(wanted);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::model::route::tables::tests::asking;
    use crate::model::route::tables::{Answer, Unasked};
    use crate::model::route::written::Written;

    #[test]
    fn a_file_that_names_itself_is_read_once() {
        let list = Value { text: "/a".into(), at: Written::Default { parameter: "mydestination" } };
        let mut table = |_: &str, _: &[String]| -> Answer { Err(Unasked::Broken("no".into())) };
        let mut ask = asking(&mut table);
        let reads = Cell::new(0);
        let mut text = |_: &str, _: Option<u32>| {
            reads.set(reads.get() + 1);
            Some("/a x.org ".repeat(1000))
        };
        ask.text = &mut text;
        assert!(lists(&list, "y.org", Match::Names, &mut ask).is_err());
        assert_eq!(reads.get(), 1);
    }

    #[test]
    fn a_domain_is_in_a_list_by_name_by_parent_or_not() {
        let list =
            |text: &str| Value { text: text.into(), at: Written::Default { parameter: "mydestination" } };
        let mut table = |_: &str, _: &[String]| -> Answer { Err(Unasked::Broken("no".into())) };
        let mut ask = asking(&mut table);
        let mut text =
            |path: &str, _: Option<u32>| (path == "/f").then(|| "# y.org\nx.org, !z.org\n".to_owned());
        ask.text = &mut text;
        let mut lists = |list: &Value, domain: &str, parents: bool| {
            lists(list, domain, if parents { Match::Parents } else { Match::Names }, &mut ask)
        };
        assert_eq!(lists(&list("localhost, X.org"), "x.org", false), Ok(true));
        assert_eq!(lists(&list("!x.org, x.org"), "x.org", false), Ok(false));
        assert_eq!(lists(&list("x.org"), "m.x.org", false), Ok(false));
        assert_eq!(lists(&list("x.org"), "m.x.org", true), Ok(true));
        assert_eq!(lists(&list("x.org"), "evilx.org", true), Ok(false));
        assert!(lists(&list("hash:/d"), "x.org", false).unwrap_err().broken);
        for (domain, is_in) in [("x.org", true), ("y.org", false), ("z.org", false), ("all.org", true)] {
            assert_eq!(lists(&list("/f all.org"), domain, false), Ok(is_in), "{domain}");
        }
        assert_eq!(lists(&list("!/f z.org x.org"), "z.org", false), Ok(true), "two negations");
        assert_eq!(lists(&list("!/f z.org x.org"), "x.org", false), Ok(false));
        assert_eq!(lists(&list("x.org /gone"), "x.org", false), Ok(true));
        assert!(!lists(&list("/gone"), "x.org", false).unwrap_err().broken);
    }
}
