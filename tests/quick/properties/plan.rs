//! A plan that was carried out leaves nothing to do, and takes away nothing that others wrote.

use std::collections::BTreeMap;
use std::path::PathBuf;

use proptest::collection::btree_map;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use relayhost::model::desired::{Auth, Desired, Mechanism};
use relayhost::model::labels::Labels;
use relayhost::model::observed::{Database, MapFile, Observed, Postfix, Sendmail, ServiceState, Version};
use relayhost::model::plan::Plan;
use relayhost::model::plan::action::{Action, Actions, FileChange, LinkChange, MainCfChange, MapChange};
use relayhost::model::postfix::maincf::MainCf;
use relayhost::model::postfix::managed::{Managed, MapKind};
use relayhost::model::postfix::postmap::MapSource;
use relayhost::model::postfix::settings::planned;
use relayhost::model::state::generation::{Inode, LastRun};

use super::{KEYS, config, file, lossy, oracle, value};

fn database() -> impl Strategy<Value = Database> {
    let entries = btree_map(select(KEYS.to_vec()).prop_map(str::to_owned), value(), 0..3);
    (0..4_u8, entries, any::<bool>()).prop_map(|(state, entries, exposed)| match state {
        0 => Database::Missing,
        1 => Database::Broken("bad magic".into()),
        _ => Database::Read { entries: entries.into(), exposed: exposed.then(|| "mode 0644".to_owned()) },
    })
}

fn map_file() -> impl Strategy<Value = MapFile> {
    (proptest::option::of(file()), any::<bool>(), database()).prop_map(|(source, exposed, database)| {
        MapFile {
            source: source.map(MapSource::new),
            source_exposed: exposed.then(|| "mode 0644".to_owned()),
            database,
        }
    })
}

/// What may lie in the place of the link to the plugin: nothing, the link, another link, a file.
fn link() -> impl Strategy<Value = Option<Inode>> {
    let target = Managed::Plugin.target().unwrap();
    let file = Inode { mode: 0o644, ..Inode::link(target, 0) };
    select(vec![None, Some(Inode::link(target, 0)), Some(Inode::link("/elsewhere", 0)), Some(file)])
}

/// Answers, some of them with an access token for the password.
fn desired() -> impl Strategy<Value = Desired> {
    (super::desired(), proptest::option::of(select(vec![Mechanism::Xoauth2, Mechanism::Oauthbearer])))
        .prop_map(|(mut desired, other)| {
            if let (Auth::Login { mechanism, .. }, Some(other)) = (&mut desired.first.auth, other) {
                *mechanism = other;
            }
            desired
        })
}

fn observed() -> impl Strategy<Value = Observed> {
    let setting = select(planned()).prop_map(str::to_owned);
    let in_force = prop_oneof![
        value(),
        select(vec![
            "",
            "yes",
            "no",
            "encrypt",
            "hash:/etc/postfix/generic",
            "plain,login",
            "login plain",
            "hash:/a,  hash:/b"
        ])
        .prop_map(str::to_owned),
    ];
    let kind = select(vec!["hash", "btree", "lmdb", "texthash"]);
    let maps = (proptest::option::of(map_file()), proptest::option::of(map_file()));
    let rest = (
        select(vec!["2.10.1", "3.5.25", "3.12-20260821", "odd"]),
        subsequence(vec!["/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt"], 0..=2),
        any::<bool>(),
        proptest::option::of(any::<bool>()),
        (subsequence(vec!["postfix", "cyrus-sasl", "cyrus-sasl-plain"], 0..=3), link()),
    );
    (btree_map(setting, in_force, 0..12), file(), kind, maps, rest).prop_map(
        |(
            settings,
            main_cf,
            kind,
            (sasl, generic),
            (version, bundles, running, enabled, (packages, link)),
        )| {
            let map_kind = MapKind::new(kind).unwrap();
            let mut maps = BTreeMap::new();
            sasl.map(|map| maps.insert(Managed::SaslPasswd, map));
            generic.map(|map| maps.insert(Managed::Generic, map));
            if map_kind.database(&Managed::Generic.path()).is_none() {
                for map in maps.values_mut() {
                    map.database = Database::NotNeeded;
                }
            }
            Observed {
                packages: packages
                    .into_iter()
                    .map(|name| (name.to_owned(), format!("{name}-1-1.x86_64")))
                    .collect(),
                plugins: ["plain".to_owned(), "login".to_owned()].into(),
                link,
                labels: Labels::default(),
                mail_command: Some("/usr/bin/mail".into()),
                last: LastRun::default(),
                postfix: Some(Postfix {
                    other_ways: BTreeMap::new(),
                    earlier: BTreeMap::new(),
                    version: Version(version.to_owned()),
                    settings,
                    lacking: Vec::new(),
                    is_changing: false,
                    returning: Vec::new(),
                    main_cf_for_all: true,
                    main_cf: MainCf::new(main_cf),
                    map_kind: Some(map_kind),
                    maps,
                    ca_files: bundles.into_iter().map(PathBuf::from).collect(),
                    service: ServiceState { running, enabled, masked: false, unlogged: false },
                    sendmail: Sendmail::Postfix,
                    has_route: true,
                    has_ipv4_route: true,
                }),
                lacks: None,
                timer: None,
            }
        },
    )
}

/// Does what `apply` would do to the host, Postfix's own part in it included.
fn carry_out(actions: &Actions, observed: &mut Observed) {
    let Observed { postfix: Some(postfix), link, labels, .. } = observed else { panic!("no Postfix") };
    actions.files.iter().for_each(|change| write(change, postfix, link));
    if !actions.labels.is_empty() {
        *labels = Labels::Known(Vec::new());
    }
    postfix.service.running |= actions.service.is_some();
    if actions.enable {
        postfix.service.enabled = Some(true);
    }
}

fn write(change: &FileChange, postfix: &mut Postfix, link: &mut Option<Inode>) {
    match change {
        FileChange::Map(MapChange { file, kind, after, .. }) => {
            let database = if kind.database(&file.path()).is_some() {
                Database::Read { entries: built(after).into(), exposed: None }
            } else {
                Database::NotNeeded
            };
            let written = MapFile { source: Some(after.clone()), source_exposed: None, database };
            postfix.maps.insert(*file, written);
        }
        FileChange::Link(LinkChange { target, .. }) => *link = target.map(|target| Inode::link(target, 0)),
        FileChange::MainCf(MainCfChange { after, changes, .. }) => {
            postfix.main_cf = after.clone();
            for (name, _) in changes {
                let in_force = oracle::values(after.bytes(), true, name).pop().unwrap();
                postfix.settings.insert(name.clone(), in_force);
            }
        }
    }
}

/// What postmap makes of a source: the first of several entries, none without a value.
fn built(source: &MapSource) -> BTreeMap<String, String> {
    let mut entries = BTreeMap::new();
    for (key, value, _) in oracle::entries(source.bytes(), false) {
        if !value.is_empty() {
            entries.entry(lossy(&key).to_lowercase()).or_insert(lossy(&value));
        }
    }
    entries
}

proptest! {
    #![proptest_config(config(192))]

    #[test]
    fn a_plan_that_was_carried_out_leaves_nothing_to_do(mut desired in desired(), mut observed in observed()) {
        // Two keys that differ in case only are refused when answers are completed.
        let mut seen = std::collections::BTreeSet::new();
        desired.rewrites.retain(|rewrite| seen.insert(rewrite.local.to_lowercase()));
        let first = match Plan::new(&desired, &observed) {
            Ok(plan) => plan,
            // The only error left: TLS from the first byte is newer than Postfix 2.
            Err(error) => {
                prop_assert!(matches!(error, relayhost::error::Error::PostfixTooOld { .. }), "{error}");
                return Ok(());
            }
        };
        carry_out(&first.actions, &mut observed);
        observed.last.wrote.clone_from(&first.wrote);
        let second = Plan::new(&desired, &observed).unwrap();
        prop_assert!(second.foreign.is_empty(), "{:?}", second.foreign);
        // In force while the answers ask for a token, and only then; what is not relayhost's stays.
        let link = observed.link.as_ref();
        let is_in_force = link == Some(&Inode::link(Managed::Plugin.target().unwrap(), 0));
        prop_assert_eq!(is_in_force, desired.mechanism().takes_token(), "{:?}", link);
        let left: Vec<_> = second.actions.iter().filter(|action| !matches!(action, Action::Install(_) | Action::Service(_))).collect();
        let why: Vec<_> = left.iter().map(|action| action.describe()).collect();
        prop_assert!(left.is_empty(), "{:?} of {:?}", why, desired);
        prop_assert_eq!(second.to_install(), first.to_install());
    }

    /// Other answers on the same host, or the same with keys in upper case: what the first run wrote and the second does
    /// not want is gone, what anybody else wrote is there, also under the same key, and then there is nothing to do.
    #[test]
    fn what_an_earlier_run_wrote_goes_and_what_others_wrote_stays(
        mut first in desired(), other in proptest::option::of(desired()), mut observed in observed(),
    ) {
        let distinct = |desired: &mut Desired| {
            let mut seen = std::collections::BTreeSet::new();
            desired.rewrites.retain(|rewrite| seen.insert(rewrite.local.to_lowercase()));
        };
        distinct(&mut first);
        let mut second = other.unwrap_or_else(|| first.clone());
        second.rewrites.iter_mut().for_each(|rewrite| rewrite.local = rewrite.local.to_uppercase());
        distinct(&mut second);
        let Ok(plan) = Plan::new(&first, &observed) else { return Ok(()) };
        carry_out(&plan.actions, &mut observed);
        observed.last.wrote = plan.wrote;
        for (file, map) in &mut observed.postfix.as_mut().unwrap().maps {
            for (key, _) in entries_of(&first, *file) {
                let bytes = map.source.as_ref().map_or(&[][..], MapSource::bytes);
                let more = [bytes.strip_suffix(b"\n").unwrap_or(bytes), format!("\n{key} theirs\n").as_bytes()].concat();
                map.source = Some(MapSource::new(more));
            }
        }
        let Ok(plan) = Plan::new(&second, &observed) else { return Ok(()) };
        let sources = |observed: &Observed| {
            let maps = observed.postfix.as_ref().unwrap().maps.iter();
            maps.filter_map(|(file, map)| Some((*file, map.source.clone()?))).collect::<BTreeMap<_, _>>()
        };
        let before = sources(&observed);
        carry_out(&plan.actions, &mut observed);
        for (file, source) in sources(&observed) {
            let all = |source: &MapSource| oracle::entries(source.bytes(), false);
            let (ours, wanted) = (entries_of(&first, file), entries_of(&second, file));
            let fold = |key: &[u8]| lossy(key).to_lowercase();
            let is_wanted = |key: &[u8]| wanted.iter().any(|(wanted, _)| wanted.to_lowercase() == fold(key));
            let is_ours = |key: &[u8], value: &[u8]| {
                ours.iter().any(|(own, text)| own.to_lowercase() == fold(key) && *text == lossy(value))
            };
            let rest = |source: &MapSource| {
                let left = all(source).into_iter().filter(|(key, value, _)| !is_wanted(key) && !is_ours(key, value));
                left.map(|(key, value, _)| (lossy(&key), lossy(&value))).collect::<Vec<_>>()
            };
            prop_assert_eq!(before.get(&file).map(rest).unwrap_or_default(), rest(&source));
            for (key, value, _) in all(&source) {
                prop_assert!(is_wanted(&key) || !is_ours(&key, &value), "{} is still there", lossy(&key));
            }
        }
        observed.last.wrote = plan.wrote;
        let third = Plan::new(&second, &observed).unwrap();
        let left: Vec<_> = third.actions.files.iter().map(|change| Action::Write(change).describe()).collect();
        prop_assert!(left.is_empty(), "{:?} of {:?}", left, second);
    }
}

/// What `desired` puts into a map.
fn entries_of(desired: &Desired, file: Managed) -> Vec<(String, String)> {
    match (file, &desired.first.auth) {
        (Managed::SaslPasswd, Auth::Login { username, password, .. }) => {
            vec![(desired.relayhost(), format!("{username}:{}", password.expose()))]
        }
        (Managed::Generic, _) => {
            desired.rewrites.iter().map(|rewrite| (rewrite.local.clone(), rewrite.public.clone())).collect()
        }
        _ => Vec::new(),
    }
}
