//! What must hold for any input: editing keeps what is not ours, a plan that was carried out leaves nothing to do,
//! nothing panics, and no password gets into a message.

mod answers;
mod log;
mod next_hop;
mod oracle;
mod plan;
mod postfix_files;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::FileFailurePersistence;
use relayhost::model::answers::Answers;
use relayhost::model::answers::complete::complete;
use relayhost::model::desired::Desired;
use relayhost::model::secret::Secret;

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

/// Answers that may or may not be accepted; the login in them is the marker.
const MARKER: &str = "hunter2-Xy9";

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
