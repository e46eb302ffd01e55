use super::*;

pub fn begin(choices: Choices) -> Interview {
    Interview::new(choices, "op5-system.localdomain")
}

/// Answers each question in turn, and returns the questions.
pub fn talk(interview: &mut Interview, answers: &[&str]) -> Vec<Question> {
    let mut asked = Vec::new();
    for answer in answers {
        let prompt =
            interview.next().unwrap_or_else(|| panic!("nothing is open, and there is still `{answer}`"));
        asked.push(prompt.question);
        interview
            .answer(prompt.question, answer)
            .unwrap_or_else(|complaint| panic!("{answer}: {complaint:?}"));
    }
    asked
}

pub fn rewrites(interview: &Interview) -> Vec<(&str, &str)> {
    interview
        .choices()
        .rewrites
        .iter()
        .map(|rewrite| (rewrite.local.as_str(), rewrite.public.as_str()))
        .collect()
}

use Question as Q;

#[test]
fn a_mailbox_at_microsoft_takes_five_answers() {
    let mut interview = begin(Choices { provider: Some("office365".into()), ..Choices::default() });
    let asked = talk(&mut interview, &["", "password", "alerts@example.com", "correct horse", "", "", ""]);
    assert_eq!(asked, [Q::Part, Q::Way, Q::Username, Q::Password, Q::Local, Q::Public, Q::To]);
    assert_eq!(interview.next(), None);
    assert_eq!(
        rewrites(&interview),
        [
            ("monitor@op5-system.localdomain", "alerts@example.com"),
            ("@op5-system.localdomain", "alerts@example.com")
        ]
    );
    let desired = interview.choices().desired().unwrap();
    assert_eq!(
        desired.summary(),
        "mail is to leave through [smtp.office365.com]:587, login alerts@example.com, TLS secure"
    );
    assert_eq!(desired.verify.to.as_deref(), Some("alerts@example.com"));
}

#[test]
fn a_relay_of_ones_own_is_asked_for_host_login_and_port() {
    let mut interview = begin(Choices::default());
    let asked = talk(&mut interview, &["smtp.example.com", "yes", "", "u", "p", "none", "ops@example.net"]);
    assert_eq!(asked, [Q::Relay, Q::Login, Q::Port, Q::Username, Q::Password, Q::Local, Q::To]);
    let choices = interview.choices();
    assert_eq!((choices.port, choices.tls), (Some(587), Some(Tls::Secure)));
    assert!(choices.rewrites.is_empty());

    let mut open = begin(Choices::default());
    let asked = talk(&mut open, &["mailhub.example.com", "no", "", "", "alerts@example.com", ""]);
    assert_eq!(asked, [Q::Relay, Q::Login, Q::Port, Q::Local, Q::Public, Q::To]);
    let desired = open.choices().desired().unwrap();
    assert_eq!(desired.summary(), "mail is to leave through [mailhub.example.com]:25, no login, TLS may");

    let mut smarthost = begin(Choices::default());
    let asked = talk(&mut smarthost, &["smarthost", "192.0.2.1", "yes", "465", "u", "p", "none", "a@b.c"]);
    assert_eq!(asked[..3], [Q::Relay, Q::Host, Q::Login]);
    let desired = smarthost.choices().desired().unwrap();
    assert!(desired.first.relay.implicit_tls);
    // A certificate cannot be checked for an address, so the preset's level of TLS would not work.
    assert_eq!(desired.first.relay.tls, Tls::Encrypt);
}

#[test]
fn all_means_everybody_who_sends_here_and_stays_when_the_answers_are_edited() {
    let mut open = begin(Choices::default());
    let asked = talk(&mut open, &["mailhub.example.com", "no", "", "all", "alerts@example.com", ""]);
    assert_eq!(asked, [Q::Relay, Q::Login, Q::Port, Q::Local, Q::Public, Q::To]);
    let choices = open.choices().clone();
    assert_eq!(
        (choices.sender.as_deref(), choices.to.as_deref()),
        (Some("alerts@example.com"), Some("alerts@example.com"))
    );
    assert!(choices.rewrites.is_empty() && choices.desired().unwrap().one_sender.is_some());
    let earlier = Choices { sender_name: Some("{user} on {host}".into()), ..choices };
    let mut again = Interview::editing(Choices::default(), earlier.clone(), "x");
    while let Some(prompt) = again.next() {
        again.answer(prompt.question, "").unwrap();
    }
    assert_eq!(again.choices().text("", false), earlier.text("", false));
}

#[test]
fn only_what_is_left_is_asked() {
    let rewrites = vec![Rewrite { local: "root".into(), public: "alerts@example.com".into() }];
    let mut interview = begin(Choices {
        provider: Some("sendgrid/eu".into()),
        rewrites,
        to: Some("ops@example.com".into()),
        ..Choices::default()
    });
    assert_eq!(talk(&mut interview, &["SG.key"]), [Q::Password]);
    assert_eq!(interview.choices().username.as_deref(), Some("apikey"));
    assert_eq!(interview.next(), None);
}

#[test]
fn regions_and_tenants_are_asked_for() {
    let mut interview = begin(Choices::default());
    assert_eq!(talk(&mut interview, &["ses"]), [Q::Relay]);
    let prompt = interview.next().unwrap();
    assert_eq!((prompt.question, prompt.default), (Q::Part, None));
    assert!(prompt.help.contains("eu-west-1 (Ireland)"), "{}", prompt.help);
    let complaint = interview.answer(Q::Part, "eu-west-9").unwrap_err();
    assert!(complaint.problem.contains("has no such region"), "{complaint:?}");
    interview.answer(Q::Part, "Frankfurt").unwrap();
    assert_eq!(interview.choices().provider.as_deref(), Some("ses/eu-central-1"));
    assert_eq!(interview.said(), Some("taken as eu-central-1"));
    interview.reopen(Q::Relay);
    talk(&mut interview, &["ses/ireland"]);
    assert_eq!(interview.choices().provider.as_deref(), Some("ses/eu-west-1"));
    assert_eq!(interview.next().unwrap().question, Q::Username);

    let mut connector = begin(Choices::default());
    talk(&mut connector, &["office365-connector", "example.com"]);
    assert_eq!(connector.next().unwrap().question, Q::Local, "no login is asked for");
    assert_eq!(
        connector.choices().desired().unwrap().first.relay.host,
        "example-com.mail.protection.outlook.com"
    );
}

#[test]
fn what_cannot_be_meant_is_not_taken_and_stays_open() {
    let mut interview = begin(Choices::default());
    for (typed, words) in [
        ("", "known providers"),
        ("offic365", "did you mean office365"),
        ("localhost", "`relayhost providers` lists them"),
        ("smtp://relay.example.com", "without `smtp://`"),
        ("outlook", "take another relay"),
        ("gmail/eu", "write `gmail`"),
        ("a b.c", "alone"),
        ("\u{1b}[D", "`relayhost providers` lists them"),
    ] {
        let complaint = interview.answer(Q::Relay, typed).unwrap_err();
        assert!(complaint.remedy.text().contains(words), "{typed}: {complaint:?}");
        assert!(!complaint.problem.contains('\u{1b}'), "{complaint:?}");
        assert_eq!(interview.next().unwrap().question, Q::Relay);
    }
    talk(&mut interview, &["relay.example.com", "yes"]);
    for typed in ["0", "65536", "smtp", "-1", "99999999999999999999"] {
        assert!(interview.answer(Q::Port, typed).is_err(), "{typed}");
    }
    talk(&mut interview, &["587"]);
    assert!(interview.answer(Q::Username, "a:b").unwrap_err().problem.contains("colon"));
    talk(&mut interview, &["u"]);
    for typed in ["", "with space ", "tab\u{7}bell"] {
        let complaint = interview.answer(Q::Password, typed).unwrap_err();
        assert!(
            !format!("{complaint:?}").contains("bell") && !format!("{complaint:?}").contains("with space")
        );
    }
    talk(&mut interview, &[" leading"]);
    assert!(interview.answer(Q::Local, "*").is_err());
    talk(&mut interview, &["monitor@host.example"]);
    assert!(interview.answer(Q::Public, "nobody").is_err());
    assert!(interview.answer(Q::Public, "alerts@example").unwrap_err().problem.contains("no dot"));
    talk(&mut interview, &["alerts@example.com"]);
    let complaint = interview.answer(Q::To, "ops@host.example").unwrap_err();
    assert!(complaint.problem.contains("would rewrite this recipient too"), "{complaint:?}");
    assert!(interview.answer(Q::To, "ops@example").unwrap_err().problem.contains("no dot"));
    talk(&mut interview, &["ops@example.com"]);
    assert_eq!(interview.next(), None);
}

#[test]
fn a_login_is_no_answer_to_correct_where_the_relay_takes_none() {
    let words = |interview: &Interview| interview.words().iter().map(|(word, _)| *word).collect::<Vec<_>>();
    let mut interview = begin(Choices::default());
    let login = ["smtp.example.com", "yes", "", "u", "p", "none", "ops@example.com"];
    talk(&mut interview, &login);
    assert_eq!(interview.next(), None);
    assert!(words(&interview).contains(&"user") && words(&interview).contains(&"password"));
    // A relay that takes none: the login of the one before is neither asked for nor kept.
    interview.reopen(Q::Relay);
    assert_eq!(talk(&mut interview, &["office365-connector", "example.com"]), [Q::Relay, Q::Part]);
    assert_eq!(interview.next(), None);
    assert!(!words(&interview).contains(&"user") && !words(&interview).contains(&"password"));
    assert!(interview.choices().desired().is_ok());
    // Without a login there is no password to correct.
    let mut interview = begin(Choices::default());
    talk(&mut interview, &["smtp.example.com", "no", "", "none", "ops@example.com"]);
    assert!(words(&interview).contains(&"user") && !words(&interview).contains(&"password"));
}

#[test]
fn where_the_public_address_is_at_the_host_itself_not_all_is_rewritten() {
    let mut interview = begin(Choices { host: Some("relay.example.com".into()), ..Choices::default() });
    talk(&mut interview, &["no", "", "monitor@example.com", "alerts@Example.com", "ops@example.com"]);
    assert_eq!(rewrites(&interview), [("monitor@example.com", "alerts@Example.com")]);
}

#[test]
fn with_no_one_to_ask_a_login_is_what_was_given() {
    let mut open = begin(Choices { host: Some("mailhub.example.com".into()), ..Choices::default() });
    open.no_one_to_ask();
    assert_eq!(open.next().unwrap().question, Q::Port);
    let mut login = begin(Choices { provider: Some("gmail".into()), ..Choices::default() });
    login.no_one_to_ask();
    assert_eq!(login.next().unwrap().question.flag(), "--username NAME");
}

#[test]
fn yes_and_no() {
    assert_eq!((yes_or_no(" Y "), yes_or_no("NO")), (Ok(true), Ok(false)));
    assert!(yes_or_no("maybe").is_err() && yes_or_no("").is_err());
}

const APP: &str = "12345678-90ab-cdef-1234-567890abcdef";

#[test]
fn microsoft_365_is_asked_how_to_log_in_and_the_certificate_comes_first() {
    let mut interview = begin(Choices { provider: Some("office365".into()), ..Choices::default() });
    talk(&mut interview, &[""]);
    let prompt = interview.next().unwrap();
    assert_eq!((prompt.question, prompt.default.as_deref()), (Q::Way, Some("certificate")));
    assert!(
        interview.answer(Q::Way, "carrier-pigeon").unwrap_err().remedy.text().contains("certificate, secret")
    );
    let asked = talk(
        &mut interview,
        &["", "alerts@example.com", "contoso.onmicrosoft.com", APP, "", "none", "ops@example.net"],
    );
    assert_eq!(asked, [Q::Way, Q::Username, Q::Tenant, Q::Client, Q::File, Q::Local, Q::To]);
    let text = interview.choices().text("", true);
    for line in [
        "mechanism = \"xoauth2\"",
        "[auth.oauth]",
        "provider = \"microsoft\"",
        "tenant = \"contoso.onmicrosoft.com\"",
        "flow = \"certificate\"",
        "certificate = \"/etc/relayhost/oauth.pem\"",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[test]
fn a_client_secret_is_typed_as_a_password_is_and_its_end_is_asked_for_once() {
    let mut interview = begin(Choices { provider: Some("office365".into()), ..Choices::default() });
    talk(&mut interview, &["", "secret", "alerts@example.com", "contoso.onmicrosoft.com", APP]);
    let secret = interview.next().unwrap();
    assert!(secret.question == Q::Password && secret.text.contains("Client secret"), "{secret:?}");
    talk(&mut interview, &["s~x"]);
    assert!(interview.answer(Q::Ends, "next year").unwrap_err().remedy.text().contains("YYYY-MM-DD"));
    assert_eq!(talk(&mut interview, &["2027-05-01", "none", "ops@example.net"]), [Q::Ends, Q::Local, Q::To]);
    let choices =
        Choices { password_file: Some("/etc/relayhost/password".into()), ..interview.choices().clone() };
    let text = choices.text("", false);
    assert!(
        text.contains("client_secret_file = \"/etc/relayhost/password\"")
            && text.contains("client_secret_ends = \"2027-05-01\""),
        "{text}"
    );
    assert!(!text.contains("s~x"), "{text}");
    assert!(choices.desired().unwrap().app().is_some_and(|app| app.secret_ends.is_some()));
}

#[test]
fn what_is_wrong_with_an_application_is_said_in_the_readers_words() {
    let mut interview = begin(Choices { provider: Some("office365".into()), ..Choices::default() });
    talk(&mut interview, &["", "certificate", "alerts@example.com"]);
    assert!(interview.answer(Q::Tenant, "common").unwrap_err().problem.contains("is not a tenant"));
    talk(&mut interview, &["contoso.onmicrosoft.com"]);
    assert!(
        interview.answer(Q::Client, "my-app").unwrap_err().problem.contains("not the id of an application")
    );
    interview.reopen(Q::Way);
    assert_eq!(talk(&mut interview, &["password", "geheim"]), [Q::Way, Q::Password]);
    assert!(interview.choices().access.is_none());
}

#[test]
fn google_has_an_app_password_as_a_rule_and_a_service_account_for_who_has_workspace() {
    let gmail = || begin(Choices { provider: Some("gmail".into()), ..Choices::default() });
    assert!(gmail().next().unwrap().help.contains("only for mailboxes of Google Workspace"));
    let asked =
        talk(&mut gmail(), &["", "alerts@example.com", "abcdefghijklmnop", "none", "ops@example.net"]);
    assert_eq!(asked, [Q::Way, Q::Username, Q::Password, Q::Local, Q::To]);
    let mut interview = gmail();
    let typed = ["service-account", "alerts@example.com", "/root/key.json", "none", "ops@example.net"];
    let asked = talk(&mut interview, &typed);
    assert_eq!(asked, [Q::Way, Q::Username, Q::File, Q::Local, Q::To]);
    assert!(interview.choices().text("", true).contains("key_file = \"/root/key.json\""));
}

/// Scripts that gave a user and a password before go on as they were.
#[test]
fn without_a_person_the_login_is_by_a_password_unless_a_flow_is_named() {
    let mut interview = begin(Choices {
        provider: Some("office365".into()),
        username: Some("u@example.com".into()),
        ..Choices::default()
    });
    interview.no_one_to_ask();
    talk(&mut interview, &[""]);
    assert_eq!(interview.next().unwrap().question, Q::Password);
}
