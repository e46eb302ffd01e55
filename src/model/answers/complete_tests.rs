use super::*;
use crate::error::Error;
use crate::model::desired::{Mechanism, Tls};

fn desired(text: &str) -> Result<Desired> {
    let answers = Answers::parse("answers.toml", text.as_bytes())?;
    let password = answers.tables.auth.password.as_ref().map(|value| value.get_ref().clone());
    complete(&answers, password)
}

fn refusal(text: &str) -> String {
    match desired(text) {
        Ok(desired) => panic!("accepted: {desired:?}"),
        Err(error @ Error::Answers { .. }) => format!("{error} | {}", error.hint("relayhost check")),
        Err(other) => panic!("{other}"),
    }
}

const HEAD: &str = "version = 1\n";
const RELAY: &str = "version = 1\n[relay]\nhost = \"smtp.example.com\"\n";

#[test]
fn defaults_follow_from_authentication() {
    let open = desired(RELAY).unwrap();
    assert_eq!((open.first.relay.port, open.first.relay.tls), (25, Tls::May));
    let login = desired(&format!("{RELAY}[auth]\nusername = \"u\"\npassword = \"p\"\n")).unwrap();
    assert_eq!(
        (login.first.relay.port, login.first.relay.tls, login.mechanism()),
        (587, Tls::Encrypt, Mechanism::Plain)
    );
    assert_eq!(login.relayhost(), "[smtp.example.com]:587");
    let smtps = desired(&format!("{RELAY}implicit_tls = true\n")).unwrap();
    assert_eq!((smtps.first.relay.port, smtps.first.relay.tls), (465, Tls::Encrypt));
}

#[test]
fn a_preset_fills_in_and_is_overridden() {
    let text = "version = 1\n[relay]\nprovider = \"office365\"\nport = 25\n[auth]\nusername = \"a@b\"\npassword = \"p\"\n";
    let desired = desired(text).unwrap();
    assert_eq!(desired.relayhost(), "[smtp.office365.com]:25");
    assert_eq!(desired.mechanism(), Mechanism::Login);
}

#[test]
fn a_part_and_a_port_of_a_preset_say_the_rest() {
    let of = |relay: &str, auth: &str| desired(&format!("{HEAD}[relay]\n{relay}\n[auth]\n{auth}"));
    let login = "username = \"u\"\npassword = \"p\"\n";
    let ses = of("provider = \"ses/eu-west-1\"\nport = 2465", login).unwrap();
    assert_eq!(ses.relayhost(), "[email-smtp.eu-west-1.amazonaws.com]:2465");
    assert!(ses.first.relay.implicit_tls && ses.first.relay.tls == Tls::Secure);
    let ses = of("provider = \"ses/eu-west-1\"\nport = 2587", login).unwrap();
    assert!(!ses.first.relay.implicit_tls);
    let zoho = of("provider = \"zoho/eu\"\nimplicit_tls = true", login).unwrap();
    assert_eq!(zoho.relayhost(), "[smtp.zoho.eu]:465");
    let connector = of("provider = \"office365-connector/example.com\"", "").unwrap();
    assert_eq!(connector.relayhost(), "[example-com.mail.protection.outlook.com]:25");
    assert_eq!((connector.first.relay.tls, connector.mechanism()), (Tls::Encrypt, Mechanism::None));
}

#[test]
fn where_a_login_is_optional_giving_one_decides() {
    let of = |relay: &str, auth: &str| desired(&format!("{HEAD}[relay]\n{relay}\n[auth]\n{auth}")).unwrap();
    let login = "username = \"u\"\npassword = \"p\"\n";
    let open = of("provider = \"workspace-relay\"", "");
    assert_eq!(
        (open.mechanism(), open.first.relay.port, open.first.relay.tls),
        (Mechanism::None, 587, Tls::Secure)
    );
    assert_eq!(of("provider = \"workspace-relay\"", login).mechanism(), Mechanism::Plain);
    let exchange = of("provider = \"exchange\"\nhost = \"mail.example.com\"", login);
    assert_eq!((exchange.mechanism(), exchange.first.relay.port), (Mechanism::Login, 587));
    let open = of("provider = \"smarthost\"\nhost = \"mail.example.com\"", "");
    assert_eq!(
        (open.mechanism(), open.first.relay.port, open.first.relay.tls),
        (Mechanism::None, 25, Tls::May)
    );
}

#[test]
fn a_preset_that_cannot_be_used_says_why() {
    let shown = refusal(&format!("{HEAD}[relay]\nprovider = \"outlook\"\n"));
    assert!(shown.contains("line 3") && shown.contains("takes no password"), "{shown}");
    let shown = refusal(&format!("{HEAD}[relay]\nprovider = \"exchange\"\n"));
    assert!(shown.contains("there is no `relay.host`"), "{shown}");
}

#[test]
fn hosts_that_are_none() {
    let hosts = [
        ("smtp.example.com:587", "(`port`)"),
        ("smtp.example.com:99999", "(`port`)"),
        ("[smtp.example.com]", "without brackets"),
        ("smtp://smtp.example.com", "without `smtp://`"),
        ("two words", "alone"),
        ("a\\nrelayhost = evil", "alone"),
        ("user@example.com", "not a mail address"),
        ("smtp.müller.de", "xn--"),
        ("", "alone"),
        ("a..b", "alone"),
        ("-x.example", "alone"),
        ("1.2.3", "alone"),
        ("smtp.example.com.", "alone"),
    ];
    for (host, remedy) in hosts {
        let shown = refusal(&format!("{HEAD}[relay]\nhost = \"{host}\"\n"));
        assert!(shown.contains("line 3, column 8") && shown.contains(remedy), "{host}: {shown}");
        assert!(!shown.contains('\n'), "{shown}");
    }
    for host in ["192.0.2.1", "2001:db8::1", "SMTP.Example.COM", "mail_relay", "localhost"] {
        assert!(desired(&format!("{HEAD}[relay]\nhost = \"{host}\"\n")).is_ok(), "{host}");
    }
}

#[test]
fn ports_out_of_range() {
    for port in ["0", "-1", "65536", "70000"] {
        assert!(refusal(&format!("{RELAY}port = {port}\n")).contains("is not a TCP port"));
    }
}

#[test]
fn passwords_that_the_table_cannot_hold() {
    for password in ["", "a\\nb", "a\\rb", "trailing ", "tab\\t", "nul\\u0000"] {
        let text = format!("{RELAY}[auth]\nusername = \"u\"\npassword = \"{password}\"\n");
        assert!(refusal(&text).contains("the password"), "{password}");
    }
    for password in
        ["with space", " leading", "co:lon", "#hash", "back\\\\slash", "quo\\\"te", "pässwörd", "a\\tb"]
    {
        assert!(
            desired(&format!("{RELAY}[auth]\nusername = \"u\"\npassword = \"{password}\"\n")).is_ok(),
            "{password}"
        );
    }
}

#[test]
fn answers_that_contradict_themselves() {
    let login = "[auth]\nmechanism = \"none\"\nusername = \"u\"\n";
    assert!(
        refusal(&format!("{RELAY}{login}"))
            .contains("line 6, column 12: a login is given, but the mechanism is `none`")
    );
    assert!(refusal(&format!("{RELAY}[auth]\nusername = \"u\"\n")).contains("needs a password"));
    assert!(refusal(&format!("{RELAY}[auth]\npassword = \"p\"\n")).contains("needs `auth.username`"));
    assert!(
        refusal(&format!("{RELAY}implicit_tls = true\ntls = \"may\"\n")).contains("implicit_tls is true")
    );
    assert!(refusal(&format!("{RELAY}[auth]\nusername = \"a:b\"\npassword = \"p\"\n")).contains("colon"));
    let twice =
        Answers::parse("a", b"version = 1\n[auth]\npassword = \"p\"\npassword_env = \"P\"\n").unwrap();
    assert!(twice.secret_source().unwrap_err().to_string().contains("given twice"));
}

#[test]
fn catch_all_rewrites_are_refused() {
    for key in ["*", "@", "/.+/", "*@*", "", "*@example.com"] {
        assert!(
            refusal(&format!("{RELAY}[sender]\nrewrite = {{ \"{key}\" = \"a@example.com\" }}\n"))
                .contains("recipients' too")
        );
    }
    for (key, value) in [("a b@c", "a@b"), ("a@b", "two@x, three@x"), ("a@b", "nobody"), ("a@b", "x@y\\nz")] {
        assert!(
            refusal(&format!("{RELAY}[sender]\nrewrite = {{ \"{key}\" = \"{value}\" }}\n"))
                .contains("is not a mail address")
        );
    }
}

#[test]
fn two_rewrites_that_differ_in_case_only_are_refused() {
    let text = format!("{RELAY}[sender]\nrewrite = {{ \"@H.local\" = \"a@b\", \"@h.local\" = \"c@d\" }}\n");
    assert!(refusal(&text).contains("is there twice"));
}

#[test]
fn a_rewrite_must_not_catch_the_test_recipient() {
    let text = format!(
        "{RELAY}[sender]\nrewrite = {{ \"@example.com\" = \"alerts@example.com\" }}\n[verify]\nto = \"ops@Example.com\"\n"
    );
    assert!(refusal(&text).contains("would rewrite this recipient too"));
}

#[test]
fn the_alert_sender_is_the_first_that_is_rewritten() {
    let text = format!(
        "{RELAY}[sender]\nrewrite = {{ \"@h.localdomain\" = \"x@y\", \"monitor@h.localdomain\" = \"x@y\" }}\n"
    );
    assert_eq!(desired(&text).unwrap().alert_sender("o"), "monitor@h.localdomain");
    let text = format!("{RELAY}[sender]\nrewrite = {{ \"@h.localdomain\" = \"x@y\" }}\n");
    assert_eq!(desired(&text).unwrap().alert_sender("o"), "root@h.localdomain");
    assert_eq!(desired(RELAY).unwrap().alert_sender("o"), "root@o");
}

#[test]
fn the_one_sender_is_an_address_that_no_rewrite_changes_and_its_name_fits_into_a_header() {
    let of = |text: &str| format!("{RELAY}[sender]\n{text}\n");
    let default = "default = \"alerts@example.com\"\n";
    for (text, problem) in [
        ("default = \"alerts\"".to_owned(), "`alerts` is not a mail address"),
        ("default = \"\"".to_owned(), "is not a mail address"),
        ("default = \"a@b, c@d\"".to_owned(), "is not a mail address"),
        ("name = \"x\"".to_owned(), "`sender.name` needs `sender.default`"),
        (format!("{default}name = \"a\\nb\""), "has a control character or line end in it"),
        (format!("{default}name = \"\""), "is empty"),
        (format!("{default}name = \"J\u{f6}rg\""), "not ASCII"),
        (format!("{default}name = \"{{who}}\""), "braces"),
        (format!("{default}name = \"{}\"", "x".repeat(10_000)), "has 10000 bytes, and 200 are the most"),
        (
            format!("{default}rewrite = {{ \"Alerts@example.com\" = \"x@example.org\" }}"),
            "the rewrite of `Alerts@example.com` would rewrite this address again",
        ),
        (
            format!("{default}rewrite = {{ \"@example.com\" = \"x@example.org\" }}"),
            "the rewrite of `@example.com` would rewrite this address again",
        ),
    ] {
        let shown = refusal(&of(&text));
        assert!(shown.contains(problem) && shown.contains("line "), "{text}: {shown}");
    }
    let text = of(&format!(
        "{default}name = 'say \"{{user}}\" $1 on {{host}}'\nrewrite = {{ a = \"b@example.org\" }}"
    ));
    let desired = desired(&text).unwrap();
    assert!(desired.sends_as("ALERTS@example.com"));
    let own = crate::model::postfix::own_names::OwnNames { local: vec!["h".into()], ..Default::default() };
    for (address, public) in
        [("root@h", Some("alerts@example.com")), ("a@h", Some("b@example.org")), ("root@x", None), ("", None)]
    {
        assert_eq!(desired.public_of(address, "h", &own), public, "{address}");
    }
}

#[test]
fn version_and_host_are_needed() {
    assert!(refusal("[relay]\nhost = \"a\"\n").contains("there is no `version`"));
    assert!(refusal("version = 2\n[relay]\nhost = \"a\"\n").contains("version 2 is not known"));
    assert!(refusal(HEAD).contains("there is no `relay.host`"));
}

#[test]
fn package_names_are_names() {
    assert!(
        refusal(&format!("{RELAY}[packages]\nextra = [\"--installroot=/x\"]\n"))
            .contains("is not a package name")
    );
    assert!(refusal(&format!("{RELAY}[packages]\nfrom = \"mnt\"\n")).contains("not the whole path"));
    assert_eq!(
        desired(&format!("{RELAY}[packages]\nextra = [\"cyrus-sasl-md5\"]\n")).unwrap().extra_packages.len(),
        1
    );
}

#[test]
fn a_bare_user_is_an_alert_sender_too() {
    let text = format!("{RELAY}[sender]\nrewrite = {{ monitor = \"x@y.example\" }}\n");
    let desired = desired(&text).unwrap();
    assert_eq!(desired.alert_sender("h.localdomain"), "monitor@h.localdomain");
    assert!(desired.rewrite_of("monitor@h.localdomain", "h.localdomain").is_some());
    assert!(desired.rewrite_of("monitor@elsewhere", "h.localdomain").is_none());
}

#[test]
fn port_465_means_implicit_tls() {
    let relay = desired(&format!("{RELAY}port = 465\n")).unwrap().first.relay;
    assert_eq!((relay.implicit_tls, relay.tls), (true, Tls::Encrypt));
    assert!(
        !desired(&format!("{RELAY}port = 465\nimplicit_tls = false\n")).unwrap().first.relay.implicit_tls
    );
}

#[test]
fn no_certificate_is_for_an_address() {
    let text = format!("{HEAD}[relay]\nhost = \"192.0.2.1\"\ntls = \"secure\"\n");
    assert!(refusal(&text).contains("cannot be checked for an address"));
}

#[test]
fn secrets_in_the_wrong_place_are_not_quoted() {
    for text in [
        format!("{HEAD}[relay]\nhost = \"smtps://alerts:hunter2@mail.example\"\n"),
        format!("{RELAY}[auth]\nmechanism = \"hunter2\"\n"),
        format!("{RELAY}[auth]\nmechanism = 24711\n"),
    ] {
        let shown = refusal(&text);
        assert!(!shown.contains("hunter2") && !shown.contains("24711"), "{shown}");
    }
}
