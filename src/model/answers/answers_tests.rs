use super::*;

fn problem(text: &str) -> (String, Option<Position>) {
    match Answers::parse("answers.toml", text.as_bytes()).unwrap_err() {
        Error::Answers { problem, place, .. } => (problem, place),
        other => panic!("{other}"),
    }
}

#[test]
fn an_unknown_key_is_met_with_the_one_that_was_meant_and_never_shown() {
    let of = |line: &str| {
        Answers::parse("a", format!("version = 1\n[auth.oauth]\n{line}\n").as_bytes())
            .unwrap_err()
            .to_string()
    };
    assert!(of("client-id = \"x\"").ends_with("did you mean `client_id`?"), "{}", of("client-id = \"x\""));
    assert!(of("client_secretfile = \"x\"").ends_with("did you mean `client_secret_file`?"));
    let secret = of("hunter2hunter2 = \"x\"");
    assert!(!secret.contains("hunter2") && !secret.contains("did you mean"), "{secret}");
}

#[test]
fn an_unknown_key_has_a_place() {
    let (text, place) = problem("version = 1\n[relay]\nhots = \"a.example\"\n");
    assert!(text.contains("unknown field, expected one of `provider`"), "{text}");
    assert_eq!(place, Some(Position { line: 3, column: 1 }));
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
        "version = 1\nhunter2.x = 1\n[hunter2]\n",
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
