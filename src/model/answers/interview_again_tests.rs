use super::tests::{begin, rewrites, talk};
use super::*;

use Question as Q;

#[test]
fn a_correction_offers_what_was_chosen_before() {
    let mut interview = begin(Choices::default());
    talk(
        &mut interview,
        &["smtp.example.com", "yes", "", "u", "wrong", "", "alerts@example.com", "ops@example.com"],
    );
    interview.reopen(Q::Username);
    assert_eq!(interview.next().unwrap().default.as_deref(), Some("u"));
    assert_eq!(talk(&mut interview, &[""]), [Q::Username]);
    interview.reopen(Q::Password);
    assert_eq!(interview.next().unwrap().default.as_deref(), Some("the same as before"));
    assert_eq!(talk(&mut interview, &["right"]), [Q::Password]);
    interview.reopen(Q::Tls);
    assert_eq!(interview.next().unwrap().default.as_deref(), Some("secure"));
    talk(&mut interview, &["encrypt"]);
    interview.reopen(Q::Port);
    talk(&mut interview, &["2525"]);
    interview.reopen(Q::Local);
    assert_eq!(talk(&mut interview, &["", ""]), [Q::Local, Q::Public]);
    assert_eq!(interview.next(), None);
    let choices = interview.choices().clone();
    assert_eq!((choices.port, choices.tls), (Some(2525), Some(Tls::Encrypt)));
    assert_eq!(choices.password, Some(Secret::new("right")));
    assert_eq!(rewrites(&interview)[0].1, "alerts@example.com");
    // Another relay: a provider whose user name is fixed, and whose port is its own.
    interview.reopen(Q::Relay);
    assert_eq!(talk(&mut interview, &["sendgrid", "", "SG.x"]), [Q::Relay, Q::Part, Q::Password]);
    assert_eq!(interview.next(), None);
    let desired = interview.choices().desired().unwrap();
    assert_eq!(
        desired.summary(),
        "mail is to leave through [smtp.sendgrid.net]:587, login apikey, TLS secure"
    );
    interview.reopen(Q::Port);
    assert_eq!(talk(&mut interview, &["465"]), [Q::Port]);
    assert!(interview.choices().desired().unwrap().first.relay.implicit_tls);
}

#[test]
fn a_failed_probe_points_at_the_answer_that_is_wrong() {
    for (stage, cause, question) in [
        ("login", "wrong-password", Q::Password),
        ("login", "unknown", Q::Username),
        ("login", "token-audience", Q::Way),
        ("login", "token-right-missing", Q::Username),
        ("login", "token-refused", Q::Way),
        ("token", "no-token", Q::Way),
        ("token", "oauth-secret-wrong", Q::Password),
        ("token", "oauth-certificate-unknown", Q::File),
        ("token", "oauth-application-unknown", Q::Client),
        ("token", "oauth-tenant-unknown", Q::Tenant),
        ("TLS", "certificate-not-trusted", Q::Tls),
        // Postfix's smtpd refuses a sender only at RCPT (smtpd_delay_reject).
        ("recipient", "sender-refused", Q::Local),
        ("recipient", "recipient-refused", Q::To),
        ("recipient", "unknown", Q::To),
        ("connect", "connection-refused", Q::Port),
        ("connect", "connection-timed-out", Q::Port),
        ("connect", "port-25-blocked", Q::Port),
        ("greeting", "no-greeting", Q::Port),
        ("name", "host-not-found", Q::Relay),
        ("greeting", "unknown", Q::Relay),
    ] {
        assert_eq!(Interview::suspect(stage, cause), question, "{stage} {cause}");
    }
}

#[test]
fn an_answer_can_be_taken_back_up_to_the_first_and_is_offered_again() {
    let mut interview = begin(Choices::default());
    assert!(!interview.back());
    talk(&mut interview, &["smtp.exmaple.com", "yes", "", "u", "p"]);
    for question in [Q::Password, Q::Username, Q::Port, Q::Login, Q::Relay] {
        assert!(interview.back());
        assert_eq!(interview.next().map(|prompt| prompt.question), Some(question));
    }
    assert!(!interview.back());
    let asked = talk(&mut interview, &["smtp.example.com", "no", "", "none", "ops@example.net"]);
    assert_eq!(asked, [Q::Relay, Q::Login, Q::Port, Q::Local, Q::To]);
    let choices = interview.choices();
    assert_eq!((choices.host.as_deref(), &choices.username), (Some("smtp.example.com"), &None));
    // One that was refused is none, and after a correction there is nothing to go back to.
    assert!(interview.answer(Q::Port, "x").is_err());
    assert!(interview.back());
    assert_eq!(interview.next().map(|prompt| prompt.default), Some(Some("ops@example.net".into())));
    interview.reopen(Q::To);
    assert!(!interview.back());
}

/// The answers that are passed on the way back are offered on the way forth, and not those of the file from before.
#[test]
fn what_was_answered_before_going_back_twice_is_offered_again() {
    let file = Choices {
        host: Some("smtp.example.com".into()),
        port: Some(587),
        to: Some("old@example.net".into()),
        ..Choices::default()
    };
    let mut interview = Interview::editing(Choices::default(), file, "op5-system.localdomain");
    talk(&mut interview, &["smtp.example.com", "no", "2525", "none", "new@example.net"]);
    for question in [Q::To, Q::Local, Q::Port] {
        assert!(interview.back());
        assert_eq!(interview.next().map(|prompt| prompt.question), Some(question));
    }
    assert_eq!(interview.next().and_then(|prompt| prompt.default).as_deref(), Some("2525"));
    let asked = talk(&mut interview, &["", "none"]);
    assert_eq!(asked, [Q::Port, Q::Local]);
    assert_eq!(interview.next().and_then(|prompt| prompt.default).as_deref(), Some("new@example.net"));
}

/// Whatever is asked, `?` says something.
#[test]
fn every_question_has_a_help_with_every_provider_and_way() {
    use crate::model::answers::access::{Access, way_words};
    use crate::model::providers::providers;
    let of_token = [Q::Way, Q::Tenant, Q::Client, Q::File, Q::Password, Q::Ends];
    let all = Q::ALL.into_iter().filter(|question| *question == Q::Password || !of_token.contains(question));
    for name in providers().keys().map(|name| Some(name.clone())).chain([None]) {
        let interview = begin(Choices { provider: name.clone(), ..Choices::default() });
        for question in all.clone() {
            let prompt = interview.prompt(question);
            assert!(!prompt.help.trim().is_empty() && !prompt.text.is_empty(), "{name:?}: {prompt:?}");
        }
        let Some(identity) = interview.choices().identity() else { continue };
        for way in way_words(identity) {
            let access = Access::by(identity, way).ok();
            let interview =
                begin(Choices { provider: name.clone(), access: access.clone(), ..Choices::default() });
            for question in of_token {
                let is_asked = question == Q::Way || (access.is_some() && interview.is_open(question));
                let prompt = interview.prompt(question);
                assert!(!is_asked || !prompt.help.trim().is_empty(), "{name:?} {way}: {prompt:?}");
            }
        }
    }
}

#[test]
fn a_provider_is_taken_by_number_case_and_part_and_a_slip_is_offered() {
    for (typed, name) in
        [("2", "office365"), ("OFFICE365", "office365"), ("365", "office365"), ("Gmail", "gmail")]
    {
        let mut interview = begin(Choices::default());
        talk(&mut interview, &[typed]);
        assert_eq!(interview.choices().provider.as_deref(), Some(name), "{typed}");
    }
    let mut region = begin(Choices::default());
    talk(&mut region, &["SES/EU-West-1"]);
    assert_eq!(region.choices().provider.as_deref(), Some("ses/eu-west-1"));

    let mut interview = begin(Choices::default());
    let complaint = interview.answer(Q::Relay, "office356").unwrap_err();
    assert!(complaint.remedy.text().contains("did you mean office365?"), "{complaint:?}");
    assert_eq!(interview.default_of(Q::Relay).as_deref(), Some("office365"));
    talk(&mut interview, &[""]);
    assert_eq!(interview.choices().provider.as_deref(), Some("office365"));

    let mut host = begin(Choices::default());
    let complaint = host.answer(Q::Relay, "mailhub").unwrap_err();
    assert!(
        complaint.remedy.text().contains("mailhub.example.com")
            && !complaint.remedy.text().contains("mailgun"),
        "{complaint:?}"
    );
    assert_eq!(host.default_of(Q::Relay), None);
}

#[test]
fn a_way_to_log_in_is_taken_by_number() {
    let mut interview = begin(Choices { provider: Some("gmail".into()), ..Choices::default() });
    let options = interview.options(Q::Way);
    let words: Vec<&str> = options.iter().map(|(word, _)| word.as_str()).collect();
    assert_eq!(words, ["service-account", "code", "password"]);
    talk(&mut interview, &["3"]);
    assert_eq!(interview.next().unwrap().question, Q::Username);
    interview.reopen(Q::Way);
    talk(&mut interview, &["1"]);
    assert!(
        interview.choices().access.as_ref().is_some_and(|access| access.flow.word() == "service-account")
    );
}

#[test]
fn a_user_name_without_its_domain_and_an_app_password_with_blanks_are_mended() {
    let mut interview = begin(Choices { provider: Some("gmail".into()), ..Choices::default() });
    talk(&mut interview, &["password"]);
    let complaint = interview.answer(Q::Username, "alerts").unwrap_err();
    assert!(complaint.remedy.text().contains("such as alerts@gmail.com"), "{complaint:?}");
    talk(&mut interview, &["", "abcd efgh ijkl mnop"]);
    assert!(interview.said().is_some_and(|said| said.contains("without its blanks")));
    assert_eq!(interview.choices().username.as_deref(), Some("alerts@gmail.com"));
    assert_eq!(interview.choices().password, Some(Secret::new("abcdefghijklmnop")));

    // The domain of the host, if mail can go there; another relay gets what was typed.
    let choices = Choices { provider: Some("office365".into()), ..Choices::default() };
    let mut public = Interview::new(choices.clone(), "host.example.com");
    talk(&mut public, &["", "password"]);
    assert!(public.answer(Q::Username, "alerts").is_err());
    assert_eq!(public.default_of(Q::Username).as_deref(), Some("alerts@example.com"));
    let mut private = begin(choices);
    talk(&mut private, &["", "password"]);
    assert!(private.answer(Q::Username, "alerts").is_err());
    assert_eq!(private.default_of(Q::Username), None);
    let mut own = begin(Choices::default());
    talk(&mut own, &["smtp.example.com", "yes", "", "alerts", "abcd efgh ijkl mnop"]);
    assert_eq!(own.choices().password, Some(Secret::new("abcd efgh ijkl mnop")));
    assert_eq!(own.said(), None);
}

#[test]
fn correcting_one_word_asks_for_that_word_alone() {
    let answers = ["smtp.exmaple.com", "yes", "2525", "u", "p", "", "alerts@example.com", "ops@example.com"];
    for (question, typed) in [
        (Q::Relay, "smtp.example.com"),
        (Q::Port, "587"),
        (Q::Tls, "encrypt"),
        (Q::Username, "other"),
        (Q::Password, "other"),
        (Q::To, "others@example.com"),
    ] {
        let mut interview = begin(Choices::default());
        talk(&mut interview, &answers);
        interview.reopen(question);
        assert!(interview.next().unwrap().default.is_some(), "{question:?}");
        assert_eq!(talk(&mut interview, &[typed]), [question]);
        assert_eq!(interview.next(), None, "{question:?}");
        let choices = interview.choices();
        let port = if question == Q::Port { 587 } else { 2525 };
        assert_eq!((choices.port, choices.password.is_some()), (Some(port), true), "{question:?}");
        // And each answer stays with Enter.
        interview.reopen(question);
        assert_eq!(talk(&mut interview, &[""]), [question]);
        assert_eq!(interview.next(), None, "{question:?}");
    }
}

fn earlier() -> Choices {
    Choices {
        host: Some("smtp.example.com".into()),
        port: Some(2525),
        tls: Some(Tls::Encrypt),
        username: Some("u".into()),
        password_file: Some("/etc/relayhost/password".into()),
        rewrites: vec![
            Rewrite { local: "a@b.localdomain".into(), public: "a@example.com".into() },
            Rewrite { local: "@c.localdomain".into(), public: "c@example.com".into() },
        ],
        to: Some("ops@example.com".into()),
        root: vec!["it@example.com".into()],
        ..Choices::default()
    }
}

#[test]
fn answers_that_are_there_are_the_defaults_and_enter_keeps_each() {
    let mut interview = Interview::editing(Choices::default(), earlier(), "x.localdomain");
    let asked = talk(&mut interview, &["", "", "", "", "", "", "", ""]);
    assert_eq!(asked, [Q::Relay, Q::Login, Q::Port, Q::Username, Q::Password, Q::Local, Q::Public, Q::To]);
    assert_eq!(interview.next(), None);
    assert_eq!(interview.choices().text("", false), earlier().text("", false));
    // After a step back the later answers are still offered.
    let mut interview = Interview::editing(Choices::default(), earlier(), "x.localdomain");
    talk(&mut interview, &["", ""]);
    assert!(interview.back());
    assert_eq!(talk(&mut interview, &["", "", "", ""]), [Q::Login, Q::Port, Q::Username, Q::Password]);
}

#[test]
fn a_password_is_not_kept_for_another_relay_or_user() {
    for (relay, user) in [("smtp.example.net", "u"), ("", "other")] {
        let mut interview = Interview::editing(Choices::default(), earlier(), "x.localdomain");
        talk(&mut interview, &[relay, "", "", user]);
        assert_eq!(interview.default_of(Q::Password), None, "{relay} {user}");
        assert!(interview.answer(Q::Password, "").is_err());
    }
    let mut none = Interview::editing(
        Choices::default(),
        Choices { host: Some("mailhub.example.com".into()), port: Some(25), ..Choices::default() },
        "x.localdomain",
    );
    let asked = talk(&mut none, &["", "", "", "", "ops@example.com"]);
    assert_eq!(asked, [Q::Relay, Q::Login, Q::Port, Q::Local, Q::To]);
    assert!(none.choices().username.is_none() && none.choices().rewrites.is_empty());
}
