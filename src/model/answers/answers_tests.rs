use super::*;

fn problem(text: &str) -> (String, Option<Position>) {
    match Answers::parse("answers.toml", text.as_bytes()).unwrap_err() {
        Error::Answers { problem, place, .. } => (problem, place),
        other => panic!("{other}"),
    }
}

#[test]
fn an_unknown_key_is_met_with_the_one_that_was_meant_and_shown_only_then() {
    let of = |line: &str| {
        Answers::parse("a", format!("version = 1\n[auth.oauth]\n{line}\n").as_bytes())
            .unwrap_err()
            .to_string()
    };
    let near = of("client-id = \"x\"");
    assert!(near.ends_with("there is no key `client-id` here; did you mean `client_id`?"), "{near}");
    assert!(of("client_secretfile = \"x\"").ends_with("did you mean `client_secret_file`?"));
    let secret = of("hunter2hunter2 = \"x\"");
    assert!(!secret.contains("hunter2") && !secret.contains("did you mean"), "{secret}");
}

#[test]
fn an_unknown_key_has_a_place() {
    let (text, place) = problem("version = 1\n[relay]\nhots = \"a.example\"\n");
    assert!(text.contains("there is no key `hots` here; did you mean `host`?"), "{text}");
    assert_eq!(place, Some(Position { line: 3, column: 1 }));
}

/// The words are those of the answers file, and none is Rust's.
#[test]
fn a_wrong_value_is_named_by_its_key_and_in_the_words_of_the_file() {
    for (line, words) in [
        ("[relay]\nport = \"587\"", "`port` wants a whole number, without quotes, and this is text"),
        ("[relay]\nhost = 5", "`host` wants text in \"quotes\", and this is a number"),
        (
            "[relay]\nimplicit_tls = \"yes\"",
            "`implicit_tls` wants true or false, without quotes, and this is text",
        ),
        (
            "[relay]\ntls = \"secur\"",
            "`tls` takes one of none, may, encrypt, verify, secure; did you mean secure?",
        ),
        ("[relay]\ntls = \"on\"", "`tls` takes one of none, may, encrypt, verify, secure"),
        ("relay = { port = \"x\" }", "`port` wants a whole number"),
        ("relay = \"x\"", "`relay` wants a table of keys and values, and this is text"),
        ("[packages]\nextra = \"x\"", "`extra` wants a list"),
        ("[relay]\ntls = true", "`tls` takes one of none, may, encrypt, verify, secure, in \"quotes\""),
        ("[relay]\nip = 4", "`ip` takes one of any, ipv4, ipv6, in \"quotes\""),
        ("[sender]\nrewrite = \"x\"", "`rewrite` wants pairs of addresses in braces, and this is text"),
        ("[relay]\nhost = \u{201c}a.example\u{201d}", "those of a word processor or a web page"),
        ("[relay]\nhost = \u{2018}a.example\u{2019}", "those of a word processor or a web page"),
        ("[relay]\nhost = \"a.example\u{201d}", "those of a word processor or a web page"),
        ("[relay]\n\u{201e}host\u{201c} = \"a.example\"", "those of a word processor or a web page"),
        ("[relay]\nhost: \"a.example\"", "`:` stands where `=` belongs"),
        ("[relay]\nhost : \"a.example\"", "`:` stands where `=` belongs"),
        ("[relay]\nhost a.example", "there is no `=` behind the key"),
        ("[relay]\nhost = \"a\"\nhost = \"b\"", "`host` is given a second time"),
        ("[auth.oauth]\nflow = \"code\"\nflow = \"code\"", "`flow` is given a second time"),
        ("[relay]\nhost = \"a\"\n[relay]\nport = 25", "there is a second [relay]"),
    ] {
        let (text, _) = problem(&format!("version = 1\n{line}\n"));
        assert!(text.contains(words), "{line}: {text}");
        for word in ["i64", "variant", "field", "struct", "invalid", "boolean", "sequence", "map"] {
            assert!(!text.contains(word), "{line}: {text}");
        }
    }
    let hint =
        Answers::parse("a", b"version = 1\n[verify]\ndeadline = 5\n").unwrap_err().hint("relayhost check");
    assert!(hint.contains("\"60s\""), "{hint}");
}

#[test]
fn what_is_typed_for_the_key_of_a_password_is_not_shown() {
    for typed in ["Passw0rd", "pasword", "Username1"] {
        let (text, _) = problem(&format!("version = 1\n[auth]\n{typed} = \"x\"\n"));
        assert!(text.contains("did you mean `") && !text.contains(typed), "{text}");
    }
}

#[test]
fn columns_count_characters() {
    let (_, place) = problem("version = 1\nrelay = { host = \"ä\", x = 1 }\n");
    assert_eq!(place, Some(Position { line: 2, column: 23 }));
}

#[test]
fn no_error_quotes_a_password() {
    for text in [
        "version = 1\nauth = \"hunter2\"\n",
        "version = 1\n[auth]\npassword = \"hunter2\n",
        "version = 1\n[auth]\npassword = \"hunter2\"x\n",
        "version = 1\n[auth]\npassword = hunter2\n",
        "version = 1\n[auth]\npassword = [\"hunter2\"]\n",
        "version = 1\n[relay]\nport = \"hunter2\"\n",
        "version = 1\n[auth]\npassword = \"hunter2\"\npassword = \"hunter2\"\n",
        "version = 1\n[auth]\nhunter2 = \"x\"\n",
        "version = 1\n[auth]\nPasshunter2 = \"x\"\n",
        "version = 1\nhunter2.x = 1\n[hunter2]\n",
        "version = 1\n[auth]\nhunter: \"hunter2\"\n",
        "version = 1\n[sender]\nrewrite = { hunter2 = \"x\", hunter2 = \"y\" }\n",
        "version = 1\n[auth]\npassword = \"hunter2\u{201d}\n",
        "version = 1\n[auth]\n\"hunter2, expected one of\" = 1\n\"hunter2\" = 2\n\"hunter2\" = 2\n",
    ] {
        let error = Answers::parse("answers.toml", text.as_bytes()).unwrap_err();
        let shown = format!("{error} {error:?} {}", error.hint("relayhost check"));
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[test]
fn debug_of_answers_hides_the_password() {
    let answers = Answers::parse("a", b"version = 1\n[auth]\npassword = \"hunter2\"\n").unwrap();
    assert!(!format!("{answers:?}").contains("hunter2"));
}

#[test]
fn binary_and_empty_files_are_named_as_such() {
    assert!(problem("").0.contains("empty"));
    assert!(problem(" \n\n").0.contains("empty"));
    let error = Answers::parse("a", b"version = 1\n\xff\xfe").unwrap_err();
    assert!(error.to_string().contains("line 2, column 1: this is not UTF-8"), "{error}");
}

#[test]
fn rewrites_keep_the_order_of_the_file() {
    let answers =
        Answers::parse("a", b"version = 1\n[sender]\nrewrite = { z = \"1\", a = \"2\", m = \"3\" }\n")
            .unwrap();
    let keys: Vec<_> =
        answers.tables.sender.rewrite.0.iter().map(|(key, _)| key.get_ref().as_str()).collect();
    assert_eq!(keys, ["z", "a", "m"]);
}
