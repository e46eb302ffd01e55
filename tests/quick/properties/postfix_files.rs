//! main.cf and tables: an edit keeps what is not ours, and no form in which they are shown has a password in it.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use relayhost::model::plan::action::{Action, FileChange, MainCfChange, MapChange, changed_lines};
use relayhost::model::postfix::maincf::MainCf;
use relayhost::model::postfix::managed::{Managed, MapKind};
use relayhost::model::postfix::postmap::{MapSource, parse_dump};

use super::{KEYS, NAMES, config, file, lossy, oracle, value};

/// `after` is `before`, but for a line end that had to be added before a line at the end: one as the last line has that has
/// one.
fn assert_kept(before: &[u8], after: &[u8], appended: bool) -> Result<(), TestCaseError> {
    let mut expected = before.to_vec();
    if appended && !expected.is_empty() && !expected.ends_with(b"\n") {
        let ended = before.iter().rposition(|byte| *byte == b'\n').map(|at| &before[..=at]);
        let is_windows = ended.is_some_and(|ended| ended.ends_with(b"\r\n"));
        expected.extend_from_slice(if is_windows { b"\r\n" } else { b"\n" });
    }
    prop_assert_eq!(lossy(&expected), lossy(after));
    prop_assert_eq!(expected.as_slice(), after);
    Ok(())
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn main_cf_keeps_what_is_not_ours(bytes in file(), name in select(NAMES.to_vec()), value in value()) {
        let mut edited = MainCf::new(bytes.clone());
        let before = oracle::values(&bytes, true, name);
        prop_assert_eq!(edited.get(name), before.last().cloned());
        edited.set(name, &value);
        prop_assert_eq!(edited.get(name), Some(value.clone()));
        prop_assert_eq!(oracle::values(edited.bytes(), true, name), [value.clone()]);
        let (old, new) = (oracle::without(&bytes, true, name), oracle::without(edited.bytes(), true, name));
        assert_kept(&old, &new, before.is_empty())?;
        for other in NAMES.iter().filter(|other| **other != name) {
            prop_assert_eq!(edited.get(other), MainCf::new(bytes.clone()).get(other));
        }
        let once = edited.clone();
        edited.set(name, &value);
        prop_assert_eq!(&edited, &once);
        // The way back changes no more than the way there.
        edited.set(name, "");
        edited.set(name, &value);
        prop_assert_eq!(&edited, &once);
    }

    #[test]
    fn a_map_keeps_what_is_not_ours(bytes in file(), key in select(KEYS.to_vec()), value in value()) {
        let mut edited = MapSource::new(bytes.clone());
        let before = oracle::values(&bytes, false, key);
        prop_assert_eq!(edited.get(key), before.first().cloned());
        let mut entries = edited.entries();
        edited.set(key, &value);
        prop_assert_eq!(edited.get(key), Some(value.clone()));
        prop_assert_eq!(oracle::values(edited.bytes(), false, key), [value.clone()]);
        let (old, new) = (oracle::without(&bytes, false, key), oracle::without(edited.bytes(), false, key));
        assert_kept(&old, &new, before.is_empty())?;
        std::sync::Arc::make_mut(&mut entries).insert(key.to_owned(), value.clone());
        prop_assert_eq!(edited.entries(), entries);
        let once = edited.clone();
        edited.set(key, &value);
        prop_assert_eq!(&edited, &once);
    }

    #[test]
    fn a_map_is_shown_without_its_passwords(
        bytes in file(),
        other in file(),
        entries in vec((select(KEYS.to_vec()), select(vec![": ", ":", "\n  :"])), 1..4),
    ) {
        // Everything after a colon is taken for a password.
        let line = |(key, colon): &(&str, &str)| format!("\n{key} user{colon}hunter2\n# was u:hunter2\n");
        let secret = entries.iter().map(line).collect::<Vec<_>>().concat();
        let map = MapSource::new([&bytes[..], secret.as_bytes()].concat());
        let other = MapSource::new(other);
        let keys = KEYS.map(str::to_owned);
        for shown in [map.masked(&other, &keys), map.masked(&map, &keys), format!("{map:?}")] {
            prop_assert!(!shown.contains("hunter2"), "{}", shown);
        }
        prop_assert!(!other.masked(&map, &keys).contains("hunter2"));
        let change = FileChange::Map(MapChange {
            file: Managed::SaslPasswd,
            kind: MapKind::new("hash").unwrap(),
            before: Some(map.clone()),
            after: map,
            why: String::new(),
            keys: keys.to_vec(),
            removed: Vec::new(),
            gone: false,
        });
        let action = Action::Write(&change);
        let shown = [action.diff(), action.describe(), format!("{action:?}")].concat();
        prop_assert!(!shown.contains("hunter2"), "{}", shown);
    }

    #[test]
    fn a_dump_is_read_without_panic(bytes in file()) {
        prop_assert!(parse_dump(&bytes).len() <= oracle::physical(&bytes).len());
    }
}

/// A setting or a comment of somebody else with a password in it, in all the ways in which a line can be continued.
fn secret_setting() -> impl Strategy<Value = String> {
    let gap = || select(vec![" ", "\n ", "\n\t", "\n# old\n  ", "\n\n  # u:hunter2\n\n  ", "\n#\n\t"]);
    let named = (select(vec!["x_bind_pw", "my_password", "smtpd_SECRET_1", "ldap_bind_passwd"]), gap())
        .prop_map(|(name, gap)| format!("{name} ={gap}hunter2,{gap}hunter2"));
    let names = select(vec!["smtp_sasl_password_maps", "relayhost", "virtual_alias_maps", "x"]);
    let table = (
        names,
        gap(),
        select(vec![
            "inline:{GAP{[old]:1 = u:hunter2}GAP}",
            "static:u:hunter2",
            "hash:/a,GAPinline:{GAP{a=hunter2}}",
            "pcre:{{/a/ hunter2}}",
            "https://u:hunter2@h/",
            "ldap://h/ GAPhttps://u:hunter2@h",
        ]),
    )
        .prop_map(|(name, gap, value)| format!("{name} ={gap}{}", value.replace("GAP", gap)));
    prop_oneof![named, table].prop_flat_map(|text| {
        any::<bool>().prop_map(move |comment| {
            let mark = if comment { "#" } else { "" };
            text.lines().map(|line| format!("{mark}{line}\n")).filter(|line| line != "#\n").collect()
        })
    })
}

proptest! {
    #![proptest_config(config(512))]

    /// Whatever is set beside it: no form in which a change of main.cf is shown has the passwords of others in it.
    #[test]
    fn a_change_of_main_cf_is_shown_without_passwords(
        parts in vec(prop_oneof![
            2 => secret_setting(),
            1 => select(vec!["# c\n", "\n", "a = 1\n  2\n", "relayhost = [a]:25\n", "#\n", "mynetworks =\n  # c\n  1\n"])
                .prop_map(str::to_owned),
        ], 1..9),
        set in vec((select(vec!["relayhost", "smtp_sasl_password_maps", "inet_protocols"]), select(vec!["hash:/a", "", "[b]:587"])), 1..4),
    ) {
        let text = parts.concat();
        let before = MainCf::new(text.clone().into_bytes());
        let mut after = before.clone();
        for (name, value) in &set {
            after.set(name, value);
        }
        let drift = changed_lines(Managed::MainCf, before.bytes(), after.bytes(), &[]);
        let back = changed_lines(Managed::MainCf, after.bytes(), before.bytes(), &[]);
        let new = changed_lines(Managed::MainCf, b"", before.bytes(), &[]);
        let change = FileChange::MainCf(MainCfChange { before, after, changes: Vec::new(), taken_back: Vec::new() });
        let action = Action::Write(&change);
        for shown in [action.diff(), action.describe(), drift, back, new] {
            prop_assert!(!shown.contains("hunter2"), "{}\nof {}", shown, text);
        }
    }
}
