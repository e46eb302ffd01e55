//! The answers: read from any bytes, and typed at the questions of `init`. No error quotes a password.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use relayhost::model::answers::Answers;
use relayhost::model::answers::choices::Choices;
use relayhost::model::answers::complete::complete;
use relayhost::model::answers::interview::{Interview, Question};
use relayhost::model::desired::Auth;
use relayhost::model::secret::Secret;

use super::{MARKER, config, desired, lossy};

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
        "[verify.arrival]\npassword",
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
    format!("{error} {error:?} {}", error.hint("relayhost check"))
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
        let login = match &meant.first.auth {
            Auth::None => None,
            Auth::Login { username, password, .. } => Some((username.clone(), password.clone())),
        };
        let mut choices = Choices {
            host: Some(meant.first.relay.host.clone()),
            port: Some(meant.first.relay.port.into()),
            tls: Some(meant.first.relay.tls),
            username: login.as_ref().map(|login| login.0.clone()),
            password: login.as_ref().map(|login| login.1.clone()),
            rewrites: meant.rewrites.clone(),
            to: to.map(str::to_owned),
            ..Choices::default()
        };
        // GSSAPI alone has no password, and init does not write that; on port 465 TLS cannot be left to the relay.
        prop_assume!(login.as_ref().is_none_or(|login| !login.1.expose().is_empty()) && !meant.mechanism().takes_token() && choices.check().is_ok());
        let text = choices.text("Written by a test.", false);
        let answers = Answers::parse("answers.toml", text.as_bytes()).unwrap();
        let password = answers.tables.auth.password.as_ref().map(|password| password.get_ref().clone());
        let read = complete(&answers, password).unwrap();
        prop_assert_eq!(&read.first.relay.host, &meant.first.relay.host);
        prop_assert_eq!((read.first.relay.port, read.first.relay.tls), (meant.first.relay.port, meant.first.relay.tls));
        prop_assert_eq!(&read.rewrites, &meant.rewrites);
        prop_assert_eq!(read.verify.to.as_deref(), to);
        let found = match &read.first.auth {
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
    fn whatever_is_typed_init_ends_with_valid_answers_or_a_complaint(lines in vec(typed(), 0..40), again in any::<Index>()) {
        let mut interview = Interview::new(Choices::default(), "h.local");
        for line in &lines {
            let Some(prompt) = interview.next() else {
                let desired = interview.choices().desired();
                prop_assert!(desired.is_ok(), "{:?}", desired);
                let words = interview.words();
                let (word, question) = words[again.index(words.len())];
                interview.reopen(question);
                prop_assert!(interview.next().is_some(), "{} is not asked again", word);
                continue;
            };
            if let Err(complaint) = interview.answer(prompt.question, line) {
                prop_assert!(!complaint.problem.contains(char::is_control), "{:?}", complaint);
                // Other lines are words of the complaints themselves.
                let hidden = prompt.question == Question::Password && line == MARKER;
                prop_assert!(!hidden || !format!("{complaint:?}").contains(MARKER), "{:?}", complaint);
            }
        }
    }
}
