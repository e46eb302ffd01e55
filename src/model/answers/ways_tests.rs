use super::*;
use crate::error::Error;
use crate::model::answers::complete::{Secrets, complete};
use crate::model::desired::Desired;
use crate::model::postfix::managed::Managed;
use crate::model::postfix::settings::Settings;

const HEAD: &str = "version = 1\n[relay]\nhost = \"a.example.com\"\n[auth]\nusername = \"a@example.com\"\n\
                    password = \"pw-a\"\n";

fn desired(text: &str) -> Result<Desired> {
    let answers = Answers::parse("answers.toml", text.as_bytes())?;
    let inline = |auth: &Login| auth.password.as_ref().map(|value| value.get_ref().clone());
    let fallbacks = answers.tables.relay.fallback.iter().map(|table| inline(&table.get_ref().auth));
    let secrets = Secrets {
        login: inline(&answers.tables.auth),
        fallbacks: fallbacks.map(Into::into).collect(),
        ..Secrets::default()
    };
    answers.sources()?;
    complete(&answers, secrets)
}

/// Refused at this place, in these words.
#[track_caller]
fn refused(text: &str, place: &str, words: &str) {
    let error = match desired(text) {
        Ok(desired) => panic!("accepted: {desired:?}"),
        Err(error @ Error::Answers { .. }) => format!("{error} | {}", error.hint("relayhost check")),
        Err(other) => panic!("{other}"),
    };
    assert!(error.contains(place) && error.contains(words), "{error}");
    assert!(!error.contains("pw-a") && !error.contains("pw-b"), "{error}");
}

#[test]
fn each_relay_has_its_own_login_and_tls_policy() {
    let desired = self::desired(&format!(
        "{HEAD}[[relay.fallback]]\nhost = \"B.example.com\"\nport = 2525\ntls = \"secure\"\n[relay.fallback.auth]\n\
         username = \"b@example.com\"\npassword = \"pw-b\"\n[[relay.fallback]]\nhost = \"c.example.com\"\n"
    ))
    .unwrap();
    let own = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let entries = |file| desired.entries(file, &Settings::new());
    assert_eq!(
        entries(Managed::SaslPasswd),
        own(&[("[a.example.com]:587", "a@example.com:pw-a"), ("[b.example.com]:2525", "b@example.com:pw-b")])
    );
    assert_eq!(
        entries(Managed::Policies),
        own(&[
            ("[a.example.com]:587", "encrypt"),
            ("[b.example.com]:2525", "secure"),
            ("[c.example.com]:25", "may")
        ])
    );
    assert_eq!(desired.filter(), Some("plain, login"));
    assert_eq!(
        desired.summary(),
        "mail is to leave through [a.example.com]:587, login a@example.com, TLS encrypt; if that cannot take it, through \
         [b.example.com]:2525, login b@example.com, TLS secure; then through [c.example.com]:25, no login, TLS may"
    );
    let one = self::desired(HEAD).unwrap();
    assert!(one.entries(Managed::Policies, &Settings::new()).is_empty(), "one relay has the policy for all");
}

#[test]
fn a_preset_completes_a_fallback_too() {
    let desired = self::desired(&format!(
        "{HEAD}[[relay.fallback]]\nprovider = \"office365\"\n[relay.fallback.auth]\nusername = \"b@example.com\"\npassword = \"pw-b\"\n"
    ))
    .unwrap();
    let way = &desired.fallbacks[0];
    assert_eq!((way.next_hop().as_str(), way.mechanism()), ("[smtp.office365.com]:587", Mechanism::Login));
    assert_eq!(desired.filter(), Some("plain, login"), "one filter lets both pass");
}

#[test]
fn what_postfix_cannot_do_is_refused_with_its_place() {
    let fallback = |lines: &str| format!("{HEAD}[[relay.fallback]]\n{lines}");
    let login = "[relay.fallback.auth]\nusername = \"b\"\npassword = \"pw-b\"\n";
    refused(&fallback(""), "line 7", "there is no `relay.fallback.host`");
    refused(&fallback("host = \"a.example.com\"\nport = 587\n"), "line 7", "is the first relay");
    refused(&fallback("host = \"A.example.com\"\nport = 587\n"), "line 7", "is the first relay");
    let twice = "host = \"b.example.com\"\n[[relay.fallback]]\nhost = \"b.example.com\"\n";
    refused(&fallback(twice), "line 9", "is there already");
    refused(&fallback("host = \"b.example.com\"\nport = 0\n"), "line 9", "not a TCP port");
    refused(&fallback("host = \"b.example.com\"\nport = 465\n"), "line 7", "smtp_tls_wrappermode");
    refused(&fallback("host = \"b.example.com\"\nip = \"ipv4\"\n"), "line 9", "no key of the answers");
    let digest = format!("host = \"b.example.com\"\n{login}mechanism = \"cram-md5\"\n");
    refused(&fallback(&digest), "line 7", "smtp_sasl_mechanism_filter");
    let app = "host = \"b.example.com\"\n[relay.fallback.auth]\nusername = \"b\"\n[relay.fallback.auth.oauth]\n\
               flow = \"secret\"\n";
    refused(&fallback(app), "line 11", "[relay.fallback.auth.oauth] has no `provider`");
    let nameless = "host = \"b.example.com\"\n[relay.fallback.auth]\npassword = \"pw-b\"\n";
    refused(&fallback(nameless), "line 7", "`relay.fallback.auth.username`");
    let open = "host = \"b.example.com\"\n[relay.fallback.auth]\nusername = \"b\"\n";
    refused(&fallback(open), "line 7", "relay.fallback.auth.password_file");
    let both = format!("host = \"b.example.com\"\n{login}password_file = \"/p\"\n");
    refused(&fallback(&both), "line 12", "given twice");
    let many = ["1", "2", "3", "4", "5", "6"]
        .map(|number| format!("[[relay.fallback]]\nhost = \"b{number}.example.com\"\n"))
        .concat();
    refused(&format!("{HEAD}{many}"), "line 17", "more than 5");
    refused(&format!("{HEAD}[relay.fallback]\nhost = \"b.example.com\"\n"), "line", "[[relay.fallback]]");
    assert!(
        desired(&fallback("host = \"a.example.com\"\nport = 2525\n")).is_ok(),
        "another port is another way"
    );
}

#[test]
fn the_same_port_465_on_both_is_one_kind() {
    let text = HEAD.replace("[auth]", "port = 465\n[auth]");
    let desired = self::desired(&format!(
        "{text}[[relay.fallback]]\nhost = \"b.example.com\"\nport = 465\n[relay.fallback.auth]\nusername = \"b\"\npassword = \"pw-b\"\n"
    ))
    .unwrap();
    assert!(desired.fallbacks[0].relay.implicit_tls && desired.fallbacks[0].relay.tls == Tls::Encrypt);
}

#[test]
fn a_route_to_a_fallback_relay_has_its_level_of_tls() {
    let fallback =
        format!("{HEAD}[[relay.fallback]]\nhost = \"b.example.com\"\nport = 2525\ntls = \"may\"\n");
    let route = |tls: &str| {
        format!(
            "{fallback}[[routes]]\nto = [\"corp.example.com\"]\nvia = \"b.example.com:2525\"\ntls = \"{tls}\"\n"
        )
    };
    refused(&route("secure"), "line 14", "whose level of TLS is `may`");
    assert!(desired(&route("may")).is_ok());
}
