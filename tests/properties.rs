//! What must hold for any input: editing keeps what is not ours, a plan that was carried out leaves nothing to do,
//! nothing panics, and no password gets into a message.
#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on must stop there"
)]

use std::collections::BTreeMap;
use std::path::PathBuf;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::FileFailurePersistence;
use relayhost::model::answers::Answers;
use relayhost::model::answers::choices::Choices;
use relayhost::model::answers::complete::complete;
use relayhost::model::answers::interview::{Interview, Question};
use relayhost::model::desired::{Auth, Desired};
use relayhost::model::log::{parse_event, parse_line};
use relayhost::model::message::trail::{Author, Standing, Trail};
use relayhost::model::observed::{
    Database, MapFile, Observed, Postfix, Presence, Sendmail, Service, Version,
};
use relayhost::model::plan::Plan;
use relayhost::model::plan::action::{Action, changed_lines};
use relayhost::model::postfix::maincf::MainCf;
use relayhost::model::postfix::managed::{Managed, MapKind};
use relayhost::model::postfix::postmap::{MapSource, parse_dump};
use relayhost::model::postfix::settings::planned;
use relayhost::model::secret::Secret;
use relayhost::model::state::generation::LastRun;
use relayhost::model::text;

/// Cases for each property. What failed once is shown shrunk, and not written to a file.
fn config(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..ProptestConfig::default()
    }
}

/// Parameters and keys that the files below are made of, so that generated files have what is looked for.
const NAMES: [&str; 4] = ["relayhost", "smtp_tls_security_level", "smtp_sasl_auth_enable", "inet_protocols"];
const KEYS: [&str; 5] = ["[relay]:587", "[relay]:25", "[192.0.2.1]:465", "@h.local", "monitor@h.local"];

/// A reader of such files in Postfix's way (readlline.c, split_nameval, postmap.c), written a second time as an oracle.
mod oracle {
    /// isspace(3) in the C locale.
    fn space(byte: u8) -> bool {
        matches!(byte, b' ' | b'\t'..=b'\r')
    }

    fn trim(mut text: &[u8]) -> &[u8] {
        while let [first, rest @ ..] = text
            && space(*first)
        {
            text = rest;
        }
        while let [rest @ .., last] = text
            && space(*last)
        {
            text = rest;
        }
        text
    }

    pub fn physical(bytes: &[u8]) -> Vec<&[u8]> {
        bytes.split_inclusive(|byte| *byte == b'\n').collect()
    }

    /// Logical lines: their text, and the numbers of the physical lines that they are made of.
    fn logical(bytes: &[u8]) -> Vec<(Vec<u8>, Vec<usize>)> {
        let mut found: Vec<(Vec<u8>, Vec<usize>)> = Vec::new();
        for (number, line) in physical(bytes).into_iter().enumerate() {
            let text = trim(line);
            if text.is_empty() || text[0] == b'#' {
                continue;
            }
            if !space(line[0]) || found.is_empty() {
                found.push(Default::default());
            }
            let last = found.last_mut().unwrap();
            last.0.extend_from_slice(line.strip_suffix(b"\n").unwrap_or(line));
            last.1.push(number);
        }
        found
    }

    /// Name or key, value, and physical lines of each entry. `equals`: main.cf, else a table.
    pub fn entries(bytes: &[u8], equals: bool) -> Vec<(Vec<u8>, Vec<u8>, Vec<usize>)> {
        let split = |(text, lines): (Vec<u8>, Vec<usize>)| {
            let text = trim(&text);
            let end = text
                .iter()
                .position(|byte| if equals { *byte == b'=' } else { space(*byte) })
                .unwrap_or(text.len());
            let value = text.get(end + usize::from(equals)..);
            value.map(|value| (trim(&text[..end]).to_vec(), trim(value).to_vec(), lines))
        };
        logical(bytes).into_iter().filter_map(split).collect()
    }

    fn is(key: &[u8], name: &str) -> bool {
        String::from_utf8_lossy(key).to_lowercase() == name.to_lowercase()
    }

    /// The file without the lines that define `name`.
    pub fn without(bytes: &[u8], equals: bool, name: &str) -> Vec<u8> {
        let gone: Vec<usize> = entries(bytes, equals)
            .into_iter()
            .filter(|(key, ..)| if equals { key == name.as_bytes() } else { is(key, name) })
            .flat_map(|(.., lines)| lines)
            .collect();
        let kept = physical(bytes).into_iter().enumerate().filter(|(number, _)| !gone.contains(number));
        kept.flat_map(|(_, line)| line.to_vec()).collect()
    }

    /// The values of `name`, in the order of the file.
    pub fn values(bytes: &[u8], equals: bool, name: &str) -> Vec<String> {
        let fits = |key: &[u8]| if equals { key == name.as_bytes() } else { is(key, name) };
        let all = entries(bytes, equals).into_iter().filter(|(key, ..)| fits(key));
        all.map(|(_, value, _)| String::from_utf8_lossy(&value).into_owned()).collect()
    }
}

/// Parts of lines that matter to the reader, with arbitrary bytes among them.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        3 => select(vec![
            "\n", "\r\n", "\n\n", " ", "\t", "#", "# was: ", "=", " = ", ",", ":", "a", "b:c", "$myhostname", "\\", "\"",
            "\n ", "\n\t# inside\n  ", "\n#", "\0", "\r", "\u{c}", "\u{b}", "\n\u{b}", "\u{a0}", "\u{85}", "\u{3000}", "é",
            "\u{feff}", "if ", "[", "]", "x = 1\n", "y z\n",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        2 => select(NAMES.to_vec()).prop_flat_map(|name| {
            select(vec!["=", " = ", "\t=\n ", "", " "]).prop_map(move |sign| format!("\n{name}{sign}").into_bytes())
        }),
        2 => select(KEYS.to_vec()).prop_flat_map(|key| {
            (any::<bool>(), select(vec![" u:p", "\tu:p\n", "\n  u:p", "", " "])).prop_map(move |(upper, rest)| {
                let key = if upper { key.to_uppercase() } else { key.to_owned() };
                format!("\n{key}{rest}").into_bytes()
            })
        }),
        1 => vec(any::<u8>(), 0..6),
    ]
}

fn file() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => vec(piece(), 0..24).prop_map(|pieces| pieces.concat()),
        1 => vec(any::<u8>(), 0..200),
    ]
}

/// Text that can stand as a value: `complete` refuses control characters, and spaces at the ends.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[!-~]([ -~]{0,20}[!-~])?",
        1 => "\\PC{1,12}",
    ]
    .prop_filter("trimmed", |text| {
        !text.is_empty() && !text.contains(char::is_control) && text.trim() == text
    })
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `after` is `before`, but for a line end that had to be added before a line at the end.
fn assert_kept(before: &[u8], after: &[u8], appended: bool) -> Result<(), TestCaseError> {
    let mut expected = before.to_vec();
    if appended && !expected.is_empty() && !expected.ends_with(b"\n") {
        expected.push(b'\n');
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
        entries.insert(key.to_owned(), value.clone());
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
        let action = Action::WriteMap {
            file: Managed::SaslPasswd,
            kind: MapKind::new("hash").unwrap(),
            before: Some(map.clone()),
            after: map,
            why: String::new(),
            keys: keys.to_vec(),
        };
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
        let action = Action::WriteMainCf { before, after, changes: Vec::new() };
        for shown in [action.diff(), action.describe(), drift, back, new] {
            prop_assert!(!shown.contains("hunter2"), "{}\nof {}", shown, text);
        }
    }
}

/// Answers that may or may not be accepted; the login in them is the marker.
const MARKER: &str = "hunter2-Xy9";

/// How a person may write a string: with the marker in it, right and wrong.
fn password() -> impl Strategy<Value = String> {
    let lead = prop_oneof![Just(String::new()), "[ -~]{0,4}", "\\PC{0,4}"];
    let quotes = select(vec![
        ("\"", "\""),
        ("'", "'"),
        ("\"\"\"", "\"\"\""),
        ("'''", "'''"),
        ("\"\"\"\n", "\n\"\"\""),
        ("", ""),
        ("\"", ""),
        ("'", ""),
        ("", "\""),
        ("\"", "'"),
        ("[\"", "\"]"),
        ("{ a = \"", "\" }"),
        ("[[\"", "\"]]"),
        ("\"x\" ", ""),
        ("\"\\", "\""),
        ("\"", "\"\""),
        ("0x", ""),
        ("1979-05-27T", ""),
        ("\"", "\" # "),
        ("\"a\\u00", "\""),
        ("\"", "\0\""),
        ("\"\u{7f}", "\""),
        ("\r\"", "\""),
    ]);
    (lead.clone(), quotes, lead)
        .prop_map(|(before, (open, close), after)| format!("{open}{before}{MARKER}{after}{close}"))
}

/// A key that takes a string of any content, or none that is known to want one of a few words.
fn assignment() -> impl Strategy<Value = String> {
    let key = select(vec![
        "password",
        "password_file",
        "password_env",
        "password_credential",
        "username",
        "to",
        "deadline",
        "host",
        "port",
        "version",
        "implicit_tls",
        "extra",
        "from",
        "rewrite",
        "auth",
        "relay",
        "auth.password",
        "relay.port",
        "\"password\"",
        "password.x",
        "pasword",
        "[auth]\npassword",
        "[relay]\nhost",
        "[relay]\nport",
        "[auth]\nusername",
        "[verify]\nto",
        "[sender]\nrewrite",
        "[packages]\nextra",
    ]);
    let equals = select(vec![" = ", "=", " ", ": ", " =\n", " = = ", " => ", "\n= "]);
    (key, equals, password()).prop_map(|(key, equals, value)| format!("{key}{equals}{value}\n"))
}

fn answers_text() -> impl Strategy<Value = Vec<u8>> {
    let head = select(vec![
        "",
        "version = 1\n",
        "version = 1\n[auth]\n",
        "version = 1\r\n[relay]\r\n",
        "\u{feff}",
        "[auth\n",
    ]);
    let middle = prop_oneof![
        3 => vec(assignment(), 0..4).prop_map(|lines| lines.concat().into_bytes()),
        1 => (vec(any::<u8>(), 0..20), assignment()).prop_map(|(mut bytes, line)| {
            bytes.extend_from_slice(line.as_bytes());
            bytes
        }),
    ];
    (head, middle, any::<u8>(), 0..60_usize).prop_map(|(head, mut text, odd, cut)| {
        text.splice(0..0, head.bytes());
        match cut % 3 {
            0 => text.truncate(text.len().saturating_sub(cut / 3)),
            1 => text.push(odd),
            _ => {}
        }
        text
    })
}

/// All that a person could be shown of an error.
fn shown(error: &relayhost::error::Error) -> String {
    format!("{error} {error:?} {}", error.hint())
}

proptest! {
    #![proptest_config(config(512))]

    #[test]
    fn answers_never_panic(bytes in vec(any::<u8>(), 0..300)) {
        let _ = Answers::parse("a", &bytes);
    }

    #[test]
    fn answers_never_quote_a_password(bytes in answers_text()) {
        match Answers::parse("a", &bytes) {
            Err(error) => prop_assert!(!shown(&error).contains(MARKER), "{}\nof {}", shown(&error), lossy(&bytes)),
            Ok(answers) => {
                // What is no password may be quoted, but for a password itself.
                let only = answers.tables.auth.password.as_ref().map(|value| value.get_ref().clone());
                let elsewhere = lossy(&bytes).matches(MARKER).count() > 1;
                if let (Some(password), false) = (only, elsewhere) {
                    let debug = format!("{answers:?}");
                    prop_assert!(!debug.contains(MARKER), "{}", debug);
                    if let Err(error) = complete(&answers, Some(password)) {
                        prop_assert!(!shown(&error).contains(MARKER), "{}", shown(&error));
                    }
                }
            }
        }
    }
}

/// Log lines, whole and mangled.
fn log_line() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => select(vec![
            "Nov 23 10:00:00 host ", "2026-11-23T10:00:00.123456+00:00 h ", "postfix/", "postfix-out/smtp/", "cleanup[2]: ",
            "smtp[3]: ", "smtp[99999999999]: ", "local[9]: ", "master[1]: ", "ABCDE1: ", "4Bd2c1x0z: ", "message-id=<m@h>",
            "to=<o@x>, ", "to=<>, ", "relay=r[192.0.2.1]:587, ", "relay=r[::1]:99999, ", "relay=none, ", "relay=local, ",
            "delay=1, ", "delays=0/0.1/1/0, ", "delays=..../9/1e9/., ", "dsn=4.7.0, ", "status=deferred (", "status=sent (250 ok",
            "status=bounced, x (", ")", "fatal: ", "warning: SASL ", "\n", " ",
        ])
        .prop_map(str::to_owned),
        1 => "\\PC{0,8}",
        1 => any::<char>().prop_map(String::from),
    ];
    prop_oneof![
        4 => vec(part, 0..16).prop_map(|parts| parts.concat()),
        1 => "postfix/smtp\\[[0-9]{1,12}\\]: ABCDE1: to=<\\PC{0,8}>, relay=\\PC{0,8}, delays=[0-9.]{1,4}/1/1/1, dsn=2, status=(sent|deferred) \\(\\PC{0,8}\\)",
        1 => any::<String>(),
    ]
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn a_trail_takes_any_line(lines in vec(log_line(), 0..12), port in any::<u16>()) {
        let author = if port % 2 == 0 { Author::Postfix } else { Author::Anybody };
        let mut trail = Trail::new("m@h", "o@x", author);
        for raw in &lines {
            if let Some(line) = parse_line(raw) {
                prop_assert!(raw.contains(line.text) && raw.contains(line.daemon));
                parse_event(&line);
            }
            let before = trail.news();
            trail.feed(raw);
            prop_assert!(trail.news() >= before);
        }
        let (attempts, queue_id) = (trail.news(), trail.queue_id().map(str::to_owned));
        // A log that is read twice (rotated, reopened) tells nothing else, once the last attempt is the same.
        if let Some(last) = lines.last() {
            trail.feed(last);
            prop_assert_eq!(trail.queue_id().is_some(), queue_id.is_some());
            prop_assert_eq!(trail.news(), attempts);
        }
        trail.word(&Standing::default(), |_, _, found| found == port);
        trail.throttled();
        prop_assert!(trail.evidence(None).iter().all(|text| lines.iter().any(|line| line.contains(text))));
    }

    #[test]
    fn one_line_has_no_control_characters(text in prop_oneof![any::<String>(), vec(any::<char>(), 0..40).prop_map(String::from_iter), vec(piece(), 0..9).prop_map(|parts| lossy(&parts.concat()))]) {
        let line = text::one_line(&text);
        prop_assert!(!line.contains(char::is_control), "{line:?}");
        prop_assert_eq!(line.chars().count(), text.chars().count());
        prop_assert_eq!(&text::one_line(&line), &line);
        let lines = text::harmless(&text);
        prop_assert!(!lines.contains(|c: char| c.is_control() && c != '\n' && c != '\t'), "{lines:?}");
        if !text.contains(['\n', '\t']) {
            prop_assert_eq!(lines, line);
        }
        let _ = text::parse_duration(&text);
    }
}

/// Answers that `complete` takes, made as a person would: as TOML. `None` where it refuses them.
fn desired() -> impl Strategy<Value = Desired> {
    let label = "[a-z0-9]([a-z0-9-]{0,6}[a-z0-9])?";
    let host = prop_oneof![4 => "[a-z]([a-z0-9-]{0,6}[a-z0-9])?\\.example", 1 => Just("192.0.2.1".to_owned()), 1 => Just("2001:db8::1".to_owned())];
    let address = move || {
        prop_oneof![
            3 => (label, "[a-z]{1,6}(\\.[a-z]{1,6})?").prop_map(|(user, domain)| format!("{user}@{domain}")),
            1 => select(vec!["MONITOR@h.local", "Monitor@H.Local", "jörg@müller.de", "JÖRG@MÜLLER.DE", "%!*'@x", "a=b@x"]).prop_map(str::to_owned),
        ]
    };
    let local = prop_oneof![
        3 => address(),
        2 => select(KEYS.to_vec()).prop_map(str::to_owned),
        1 => select(vec!["@H.local", "root", "Root"]).prop_map(str::to_owned),
    ];
    let secret = prop_oneof![3 => "[ -~]{1,20}", 1 => "\\PC{1,10}", 1 => "\\PC{0,3}[\u{a0}\u{2003}\u{3000}\u{feff}\t ]"];
    let mechanism =
        select(vec!["plain", "login", "cram-md5", "digest-md5", "scram-sha-256", "ntlm", "gssapi"]);
    let auth = proptest::option::of((mechanism, value(), secret));
    let relay = (
        host,
        proptest::option::of(1..=u16::MAX),
        proptest::option::of(select(vec!["none", "may", "encrypt", "verify", "secure"])),
        proptest::option::of(any::<bool>()),
        proptest::option::of(select(vec!["any", "ipv4", "ipv6"])),
    );
    (relay, auth, btree_map(local, address(), 0..4)).prop_filter_map("refused", |(relay, auth, rewrites)| {
        let mut table = toml::Table::new();
        table.insert("version".into(), 1.into());
        let mut typed = toml::Table::new();
        typed.insert("host".into(), relay.0.into());
        relay.1.map(|port| typed.insert("port".into(), i64::from(port).into()));
        relay.2.map(|tls| typed.insert("tls".into(), tls.into()));
        relay.3.map(|implicit| typed.insert("implicit_tls".into(), implicit.into()));
        relay.4.map(|ip| typed.insert("ip".into(), ip.into()));
        table.insert("relay".into(), typed.into());
        let mut password = None;
        if let Some((mechanism, username, secret)) = auth {
            let mut typed = toml::Table::new();
            typed.insert("mechanism".into(), mechanism.into());
            typed.insert("username".into(), username.into());
            typed.insert("password".into(), secret.clone().into());
            table.insert("auth".into(), typed.into());
            password = Some(Secret::new(secret));
        }
        let rewrite: toml::Table =
            rewrites.into_iter().map(|(local, public)| (local, public.into())).collect();
        table
            .insert("sender".into(), toml::Table::from_iter([("rewrite".to_owned(), rewrite.into())]).into());
        let answers = Answers::parse("a", toml::to_string(&table).unwrap().as_bytes()).unwrap();
        complete(&answers, password).ok()
    })
}

fn database() -> impl Strategy<Value = Database> {
    let entries = btree_map(select(KEYS.to_vec()).prop_map(str::to_owned), value(), 0..3);
    (0..4_u8, entries, any::<bool>()).prop_map(|(state, entries, exposed)| match state {
        0 => Database::Missing,
        1 => Database::Broken("bad magic".into()),
        _ => Database::Read { entries, exposed: exposed.then(|| "mode 0644".to_owned()) },
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
        subsequence(vec!["postfix", "cyrus-sasl", "cyrus-sasl-plain"], 0..=3),
    );
    (btree_map(setting, in_force, 0..12), file(), kind, maps, rest).prop_map(
        |(settings, main_cf, kind, (sasl, generic), (version, bundles, running, enabled, packages))| {
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
                    .map(|name| (name.to_owned(), Presence::Installed(format!("{name}-1-1.x86_64"))))
                    .collect(),
                plugins: ["plain".to_owned(), "login".to_owned()].into(),
                mail_command: Some("/usr/bin/mail".into()),
                last: LastRun::default(),
                postfix: Some(Postfix {
                    version: Version(version.to_owned()),
                    settings,
                    main_cf: MainCf::new(main_cf),
                    map_kind: Some(map_kind),
                    maps,
                    ca_files: bundles.into_iter().map(PathBuf::from).collect(),
                    service: Service { running, enabled, masked: false },
                    sendmail: Sendmail::Postfix,
                }),
            }
        },
    )
}

/// Does to `postfix` what `apply` would do to the host, Postfix's own part in it included.
fn carry_out(action: &Action, postfix: &mut Postfix) {
    match action {
        Action::WriteMap { file, kind, after, .. } => {
            let database = if kind.database(&file.path()).is_some() {
                Database::Read { entries: built(after), exposed: None }
            } else {
                Database::NotNeeded
            };
            let written = MapFile { source: Some(after.clone()), source_exposed: None, database };
            postfix.maps.insert(*file, written);
        }
        Action::WriteMainCf { after, changes, .. } => {
            postfix.main_cf = after.clone();
            for (name, _) in changes {
                let in_force = oracle::values(after.bytes(), true, name).pop().unwrap();
                postfix.settings.insert(name.clone(), in_force);
            }
        }
        Action::Service(_) => postfix.service.running = true,
        Action::Enable => postfix.service.enabled = Some(true),
        Action::Install(..) => {}
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
        for action in &first.actions {
            carry_out(action, observed.postfix.as_mut().unwrap());
        }
        observed.last.wrote.clone_from(&first.wrote);
        let second = Plan::new(&desired, &observed).unwrap();
        prop_assert!(second.foreign.is_empty(), "{:?}", second.foreign);
        let left: Vec<_> = second.actions.iter().filter(|action| !matches!(action, Action::Install(..) | Action::Service(_))).collect();
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
        plan.actions.iter().for_each(|action| carry_out(action, observed.postfix.as_mut().unwrap()));
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
        plan.actions.iter().for_each(|action| carry_out(action, observed.postfix.as_mut().unwrap()));
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
        let left: Vec<_> = third.actions.iter().filter(|action| action.is_file()).map(Action::describe).collect();
        prop_assert!(left.is_empty(), "{:?} of {:?}", left, second);
    }
}

/// What `desired` puts into a map.
fn entries_of(desired: &Desired, file: Managed) -> Vec<(String, String)> {
    match (file, &desired.auth) {
        (Managed::SaslPasswd, Auth::Login { username, password, .. }) => {
            vec![(desired.relayhost(), format!("{username}:{}", password.expose()))]
        }
        (Managed::Generic, _) => {
            desired.rewrites.iter().map(|rewrite| (rewrite.local.clone(), rewrite.public.clone())).collect()
        }
        _ => Vec::new(),
    }
}

/// What somebody may type or paste at a question: answers, halves of them, and junk.
fn typed() -> impl Strategy<Value = String> {
    let likely = select(vec![
        "",
        "?",
        "yes",
        "no",
        "none",
        "office365",
        "ses",
        "ses/eu-west-1",
        "eu-west-1",
        "mailgun/eu",
        "outlook",
        "smarthost",
        "smtp.example.com",
        "192.0.2.1",
        "587",
        "465",
        "0",
        "-1",
        "alerts@example.com",
        "@example.com",
        "monitor@h.local",
        "office365-connector",
        "example.com",
        "secure",
        "\u{1b}[D",
        "a:b",
        "x ",
        "version = 1\n[relay]\nhost = \"evil\"",
    ]);
    prop_oneof![4 => likely.prop_map(str::to_owned), 1 => "\\PC{0,20}", 1 => any::<String>(), 1 => Just(MARKER.to_owned())]
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn answers_that_init_writes_are_read_as_they_were_meant(meant in desired(), to in proptest::option::of(Just("ops@elsewhere.example"))) {
        let login = match &meant.auth {
            Auth::None => None,
            Auth::Login { username, password, .. } => Some((username.clone(), password.clone())),
        };
        let mut choices = Choices {
            host: Some(meant.relay.host.clone()),
            port: Some(meant.relay.port.into()),
            tls: Some(meant.relay.tls),
            username: login.as_ref().map(|login| login.0.clone()),
            password: login.as_ref().map(|login| login.1.clone()),
            rewrites: meant.rewrites.clone(),
            to: to.map(str::to_owned),
            ..Choices::default()
        };
        // GSSAPI alone has no password, and init does not write that; on port 465 TLS cannot be left to the relay.
        prop_assume!(login.as_ref().is_none_or(|login| !login.1.expose().is_empty()) && choices.check().is_ok());
        let text = choices.text("Written by a test.", false);
        let answers = Answers::parse("answers.toml", text.as_bytes()).unwrap();
        let password = answers.tables.auth.password.as_ref().map(|password| password.get_ref().clone());
        let read = complete(&answers, password).unwrap();
        prop_assert_eq!(&read.relay.host, &meant.relay.host);
        prop_assert_eq!((read.relay.port, read.relay.tls), (meant.relay.port, meant.relay.tls));
        prop_assert_eq!(&read.rewrites, &meant.rewrites);
        prop_assert_eq!(read.verify.to.as_deref(), to);
        let found = match &read.auth {
            Auth::None => None,
            Auth::Login { username, password, .. } => Some((username.clone(), password.clone())),
        };
        prop_assert_eq!(found, login.clone());
        if login.is_some() {
            choices.password = Some(Secret::new(MARKER));
            prop_assert!(!choices.text("", true).contains(MARKER));
            choices.password_file = Some("/etc/relayhost/password".into());
            prop_assert!(!choices.text("", false).contains(MARKER));
        }
    }

    #[test]
    fn whatever_is_typed_init_ends_with_valid_answers_or_a_complaint(lines in vec(typed(), 0..40), again in select(Question::WORDS.to_vec())) {
        let mut interview = Interview::new(Choices::default(), "h.local");
        for line in &lines {
            let Some(prompt) = interview.next() else {
                let desired = interview.choices().desired();
                prop_assert!(desired.is_ok(), "{:?}", desired);
                interview.reopen(again.1);
                prop_assert!(interview.next().is_some(), "{} is not asked again", again.0);
                continue;
            };
            if let Err(complaint) = interview.answer(prompt.question, line) {
                prop_assert!(!complaint.problem.contains(char::is_control), "{:?}", complaint);
                let hidden = prompt.question == Question::Password && line.len() > 3;
                prop_assert!(!hidden || !format!("{complaint:?}").contains(line.as_str()), "{:?}", complaint);
            }
        }
    }
}
