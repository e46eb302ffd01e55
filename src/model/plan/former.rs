//! What the answers ask for no more: entries go, and tables in which nothing is left; main.cf has again what was there before
//! relayhost set a parameter.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::Plan;
use super::parameters::{FALLBACK, LOGINS, as_ours, words};
use crate::model::observed::Postfix;
use crate::model::postfix::maincf::MainCf;
use crate::model::postfix::managed::{Managed, MapKind};
use crate::model::postfix::postmap::MapSource;
use crate::model::postfix::settings::default;
use crate::model::postfix::tables::path_of;
use crate::model::state::generation::LastRun;
use crate::model::state::mark::fits;

/// Their names, and the table of relayhost's that each names among others.
const ON_REQUEST: [(&str, Option<Managed>); 10] = [
    (FALLBACK, None),
    ("smtp_sender_dependent_authentication", None),
    ("smtp_generic_maps", Some(Managed::Generic)),
    ("sender_canonical_maps", Some(Managed::Senders)),
    ("sender_canonical_classes", None),
    ("smtp_header_checks", Some(Managed::From)),
    (LOGINS, Some(Managed::Logins)),
    ("sender_dependent_relayhost_maps", Some(Managed::Accounts)),
    ("transport_maps", Some(Managed::Routes)),
    ("smtp_tls_policy_maps", Some(Managed::Policies)),
];

/// Those that the last run set, and of which these, which the answers ask for now, have none.
pub fn former<'a>(
    last: &LastRun,
    wanted: &'a [(&'static str, String)],
) -> impl Iterator<Item = &'static str> + use<'a> {
    let set: Vec<&str> =
        ON_REQUEST.iter().map(|(name, _)| *name).filter(|name| last.wrote.contains_key(*name)).collect();
    set.into_iter().filter(|name| !wanted.iter().any(|(other, _)| other == name))
}

/// Has main.cf say what it said before relayhost set these parameters, as far as `wanted`, which the answers ask for now, has none
/// of them. One that somebody has changed since stays, but for relayhost's own table. Returns the names.
pub fn put_back(
    wanted: &[(&'static str, String)],
    postfix: &Postfix,
    kind: &MapKind,
    last: &LastRun,
    after: &mut MainCf,
) -> Vec<&'static str> {
    let mut names = Vec::new();
    for name in former(last, wanted) {
        let table = ON_REQUEST.iter().find(|(known, _)| *known == name).and_then(|(_, table)| *table);
        let earlier = postfix.earlier.get(name);
        let before = earlier.and_then(|file| file.get(name)).unwrap_or_default();
        let found = postfix.main_cf.get(name);
        let Some(found) = found else { continue };
        let (is_same, rest) = if let Some(table) = table {
            let rest = others(&found, table, kind);
            (rest == others(&before, table, kind), rest.join(", "))
        } else {
            let now = words(postfix.setting(name)).join(", ");
            if last.wrote.get(name) != Some(&now) {
                continue;
            }
            (true, String::new())
        };
        if table.is_some() && rest == as_ours(&found, kind).join(", ") {
            continue;
        }
        if is_same {
            after.put_back(name, earlier);
        } else {
            after.set(name, &rest);
        }
        names.push(name);
    }
    names
}

/// Those parameters as they are in force once a plan has put them back.
pub fn settings_put_back(
    wanted: &[(&'static str, String)],
    postfix: &Postfix,
    kind: &MapKind,
    last: impl FnOnce() -> Option<LastRun>,
) -> Vec<(String, String)> {
    let Some(last) = Some(last).filter(|_| !postfix.earlier.is_empty()).and_then(|last| last()) else {
        return Vec::new();
    };
    let mut after = postfix.main_cf.clone();
    let names = put_back(wanted, postfix, kind, &last, &mut after);
    let value = |name: &str| after.get(name).unwrap_or_else(|| default(name).to_owned());
    names.into_iter().map(|name| (name.to_owned(), value(name))).collect()
}

impl Plan {
    /// Puts these parameters back in main.cf, and says so of each. Returns the names.
    pub(super) fn take_back(
        &mut self,
        wanted: &[(&'static str, String)],
        postfix: &Postfix,
        kind: &MapKind,
        last: &LastRun,
        after: &mut MainCf,
    ) -> Vec<String> {
        let names = put_back(wanted, postfix, kind, last, after);
        for name in &names {
            let text = "still as the answers said, which ask for it no more".to_owned();
            self.judge(format!("setting.{name}"), Err(text));
        }
        names.into_iter().map(str::to_owned).collect()
    }
}

/// The items of a value that are not this table of relayhost's.
fn others(value: &str, table: Managed, kind: &MapKind) -> Vec<String> {
    let is_other =
        |item: &String| path_of(item).is_none_or(|path| Managed::map_at(Path::new(path)) != Some(table));
    as_ours(value, kind).into_iter().filter(is_other).collect()
}

/// Takes out the entries that the last run wrote, nobody has changed, and the answers no longer have: an old relay's password
/// must not stay on the disk. An entry that a person wrote stays. Returns the keys.
pub fn leave_out_former(
    file: Managed,
    entries: &[(String, String)],
    after: &mut MapSource,
    last: &LastRun,
) -> Vec<String> {
    let wanted: BTreeSet<String> = entries.iter().map(|(key, _)| key.to_lowercase()).collect();
    let is_wanted = |key: &str| wanted.contains(&key.to_lowercase());
    let former = last.entries(file).filter(|(key, _)| !is_wanted(key));
    let former: BTreeMap<String, (&str, &str)> =
        former.map(|(key, digest)| (key.to_lowercase(), (key, digest))).collect();
    if former.is_empty() {
        return Vec::new();
    }
    let is_ours = |key: &str, value: &str| {
        former.get(key).is_some_and(|(_, digest)| fits(digest, value, last.tokens.as_ref()))
    };
    let gone = after.remove_all(is_ours);
    gone.iter().filter_map(|key| former.get(key)).map(|(key, _)| (*key).to_owned()).collect()
}

/// Whether a table of relayhost's own is there with nothing left in it.
pub fn goes(file: Managed, before: Option<&MapSource>, after: &MapSource) -> bool {
    file.is_own() && before.is_some() && after.bytes().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// main.cf after the answers ask for no accounts any more: as it was before, as the last run left it, and as it is now.
    fn after(before: &str, set: &str, now: &str) -> String {
        let name = "sender_dependent_relayhost_maps";
        let last = LastRun { wrote: [(name.to_owned(), set.to_owned())].into(), ..LastRun::default() };
        let earlier = [(name.to_owned(), MainCf::new(before.into()))].into();
        let main_cf = MainCf::new(now.into());
        let postfix = Postfix { main_cf, earlier, ..Postfix::with(&[]) };
        let mut after = postfix.main_cf.clone();
        let (mut plan, kind) = (Plan::empty(), MapKind::new("hash").unwrap());
        plan.take_back(&[], &postfix, &kind, &last, &mut after);
        String::from_utf8(after.bytes().to_vec()).unwrap()
    }

    #[test]
    fn a_parameter_is_again_what_it_was_and_an_edit_of_others_stays() {
        const OURS: &str = "hash:/etc/postfix/relayhost_accounts";
        let maps = |value: &str| format!("a = 1\nsender_dependent_relayhost_maps = {value}\n");
        let theirs = "a = 1\nsender_dependent_relayhost_maps=hash:/x,\n  hash:/y\n";
        let both = format!("hash:/x, hash:/y, {OURS}");
        assert_eq!(after("a = 1\n", OURS, &maps(OURS)), "a = 1\n");
        assert_eq!(after(theirs, &both, &maps(&both)), theirs);
        assert_eq!(after("a = 1\n", OURS, &maps(&format!("hash:/new, {OURS}"))), maps("hash:/new"));
        assert_eq!(after("a = 1\n", OURS, &maps("hash:/new")), maps("hash:/new"));
        assert_eq!(after("a = 1\n", OURS, "a = 1\n"), "a = 1\n");
    }
}
