use std::collections::BTreeMap;

use super::*;
use crate::model::answers::Answers;
use crate::model::answers::complete::{NamedSecret, Secrets, complete};
use crate::model::labels::Labels;
use crate::model::oauth::token::Token;
use crate::model::oauth::trouble::Trouble;
use crate::model::observed::{Observed, Postfix};
use crate::model::secret::Secret;
use crate::model::state::generation::LastRun;

fn desired(more: &str) -> Desired {
    let text = format!(
        "version = 1\n[relay]\nhost = \"r.example.com\"\n[auth]\nusername = \"u\"\n[auth.oauth]\nprovider = \"microsoft\"\n\
         flow = \"secret\"\nclient_id = \"12345678-90ab-cdef-1234-567890abcdef\"\nclient_secret_file = \"/s\"\n\
         tenant = \"example.com\"\n{more}"
    );
    complete(&Answers::parse("a", text.as_bytes()).unwrap(), Some(Secret::new("s"))).unwrap()
}

fn observed() -> Observed {
    Observed {
        packages: BTreeMap::new(),
        plugins: std::collections::BTreeSet::new(),
        link: None,
        labels: Labels::NotUsed,
        mail_command: None,
        last: LastRun::default(),
        postfix: Some(Postfix::with(&[])),
        lacks: None,
        timer: None,
    }
}

fn tokens(desired: &Desired, token: &Token) -> Tokens {
    Tokens::with(None, token.clone(), desired.apps())
}

fn troubles(desired: &Desired, trouble: Option<&Trouble>) -> Troubles {
    Troubles::default().with(desired.app().unwrap(), trouble.cloned(), desired.apps())
}

/// The last findings of a plan, with `kept` and `trouble`, at a time.
fn findings(
    desired: &Desired,
    kept: Option<&Token>,
    trouble: Option<&Trouble>,
    now: u64,
) -> Vec<super::super::Finding> {
    findings_of(desired, kept, trouble, None, now)
}

fn findings_of(
    desired: &Desired,
    kept: Option<&Token>,
    trouble: Option<&Trouble>,
    logins: Option<&Logins>,
    now: u64,
) -> Vec<super::super::Finding> {
    let mut plan = Plan::new(desired, &observed()).unwrap();
    let when = |at: u64| format!("<{at}>");
    let (kept, troubles) = (kept.map(|token| tokens(desired, token)), troubles(desired, trouble));
    let kept = kept.as_ref();
    plan.token(desired, &Sight { kept, troubles: &troubles, logins, now, lifetime: Some(1000), when: &when });
    plan.findings.into_iter().filter(|finding| finding.id.starts_with("token")).collect()
}

#[test]
fn a_token_is_said_to_be_missing_ended_late_or_fine() {
    let desired = desired("");
    let token = Token::new(desired.app().unwrap(), &Secret::new("x"), 1000, 100);
    let of = |kept: Option<&Token>, now| {
        let found = findings(&desired, kept, None, now).remove(0);
        (found.state, found.found, found.remedy.map(|remedy| remedy.text()))
    };
    assert_eq!(of(None, 0).0, State::Differs);
    assert!(of(None, 0).2.unwrap().starts_with("relayhost apply"));
    assert_eq!(of(Some(&token), 1000).0, State::Fine);
    assert_eq!(of(Some(&token), 1060).0, State::Warning);
    let (state, text, remedy) = of(Some(&token), 1100);
    assert_eq!((state, remedy.as_deref()), (State::Differs, Some("relayhost token")));
    assert!(text.ends_with("mail waits, until <2100> (maximal_queue_lifetime)"), "{text}");
    let (_, text, _) = of(Some(&token), 1600);
    assert!(text.ends_with("comes back to its sender from <2100> on"), "{text}");
}

#[test]
fn a_monitoring_system_gets_what_a_token_has_left_also_when_it_is_due() {
    let desired = desired("client_secret_ends = \"2027-05-01\"\n");
    let token = Token::new(desired.app().unwrap(), &Secret::new("x"), 1000, 100);
    let of = |kept: Option<&Token>, now| {
        let mut plan = Plan::new(&desired, &observed()).unwrap();
        let when = |at: u64| format!("<{at}>");
        let kept = kept.map(|token| tokens(&desired, token));
        let (kept, troubles) = (kept.as_ref(), Troubles::default());
        plan.token(
            &desired,
            &Sight { kept, troubles: &troubles, logins: None, now, lifetime: None, when: &when },
        );
        plan.endings.iter().map(Ending::performance).collect::<Vec<_>>()
    };
    assert_eq!(of(Some(&token), 1000), ["token_left=100s;;;0", "client_secret_days=20938;30:;1:;"]);
    assert_eq!(of(Some(&token), 1060)[0], "token_left=40s;;;0");
    assert_eq!(of(Some(&token), 1100)[0], "token_left=0s;;;0");
    assert_eq!(of(None, 1000)[0], "token_left=0s;;;0");
}

#[test]
fn while_no_token_can_be_fetched_it_is_said_why_since_when_and_who_must_do_what() {
    let desired = desired("");
    let app = desired.app().unwrap();
    let token = Token::new(app, &Secret::new("x"), 1000, 100);
    let trouble = Trouble::new(app, None, 1050, Some(1190), ["the secret has ended", "make another"]);
    let found = findings(&desired, Some(&token), Some(&trouble), 1100).remove(0);
    assert!(
        found.found.ends_with(
            "to fetch one fails: the secret has ended (it has failed since <1050>, next attempt <1190>)"
        ),
        "{found:?}"
    );
    assert_eq!(found.remedy.unwrap().text(), "make another");
}

#[test]
fn the_end_of_a_secret_is_told_a_month_a_week_and_a_day_before() {
    let day = u64::try_from(DAY).unwrap();
    let desired = desired("client_secret_ends = \"2027-05-01\"\n");
    let ends = 1_809_129_600;
    let of = |now: u64| {
        let found = findings(&desired, None, None, now).remove(1);
        (found.id, found.state, found.found)
    };
    let states = [31, 29, 6, 0].map(|days| of(ends - days * day - 5).1);
    assert_eq!(states, [State::Fine, State::Warning, State::Warning, State::Differs]);
    assert!(of(ends - 29 * day - 5).2.starts_with("it ends in 29 days"));
    assert!(of(ends - 6 * day - 5).2.starts_with("it ends within a week"));
    assert!(of(ends - 5).2.starts_with("it ends within a day"));
    let (id, state, text) = of(ends + 1);
    assert_eq!((id.as_str(), state), ("token.client_secret", State::Differs));
    assert!(text.contains("no token can be fetched any more"), "{text}");
}

#[test]
fn an_end_that_nobody_has_said_is_asked_for() {
    let found = findings(&desired(""), None, None, 0).remove(1);
    assert_eq!(found.state, State::Note);
    assert!(found.remedy.unwrap().text().contains("client_secret_ends"));
}

#[test]
fn the_end_of_a_persons_login_is_told_and_each_use_moves_it() {
    let day = u64::try_from(DAY).unwrap();
    let text = "version = 1\n[relay]\nhost = \"r.example.com\"\n[auth]\nusername = \"u\"\n[auth.oauth]\nprovider = \"microsoft\"\n\
                flow = \"device\"\nclient_id = \"12345678-90ab-cdef-1234-567890abcdef\"\ntenant = \"example.com\"\n";
    let desired = complete(&Answers::parse("a", text.as_bytes()).unwrap(), None).unwrap();
    let app = desired.app().unwrap();
    let of = |logins: Option<&Logins>, now: u64| {
        let found = findings_of(&desired, None, None, logins, now);
        let found = found.into_iter().find(|finding| finding.id == "token.login").unwrap();
        (found.state, found.found, found.remedy.map(|remedy| remedy.text()).unwrap_or_default())
    };
    let (state, text, remedy) = of(None, 0);
    assert_eq!((state, remedy.as_str()), (State::Differs, "`relayhost login`"));
    assert!(text.contains("nobody has logged in yet"), "{text}");
    assert_eq!(
        findings_of(&desired, None, None, None, 0)[0].remedy.as_ref().unwrap().text(),
        "`relayhost login`"
    );
    let login = Login::new(app, &Secret::new("r"), 100 * day);
    let logins = Logins::with(None, login.clone(), [app]);
    let states = [101, 165, 184, 189, 191].map(|days| of(Some(&logins), days * day).0);
    assert_eq!(states, [State::Fine, State::Warning, State::Warning, State::Warning, State::Differs]);
    let (_, text, remedy) = of(Some(&logins), 165 * day);
    assert!(text.starts_with("it ends in 25 days"), "{text}");
    assert!(remedy.starts_with("relayhost token --force"), "{remedy}");
    assert!(of(Some(&logins), 191 * day).1.contains("no token can be fetched any more"));
    let used = Logins::with(None, login.used(None, 165 * day), [app]);
    assert_eq!(of(Some(&used), 191 * day).0, State::Fine);
}

#[test]
fn postfixs_times() {
    for (text, seconds) in [
        ("5d", Some(432_000)),
        ("5", Some(432_000)),
        ("1h", Some(3600)),
        ("", None),
        ("x", None),
        ("5y", None),
    ] {
        assert_eq!(super::seconds(text), seconds, "{text}");
    }
}

#[test]
fn each_of_several_logins_is_named_and_has_its_own_end() {
    let of = |user: &str, secret: &str| {
        format!(
            "username = \"{user}\"\n[{secret}]\nprovider = \"microsoft\"\nflow = \"secret\"\n\
             client_id = \"12345678-90ab-cdef-1234-567890abcdef\"\ntenant = \"example.com\"\n\
             client_secret_file = \"/s\"\nclient_secret_ends = \"2027-05-01\"\n"
        )
    };
    let text = format!(
        "version = 1\n[relay]\nhost = \"r.example.com\"\n[auth]\n{}[[senders]]\nfrom = [\"b@x.example\"]\n[senders.auth]\n{}",
        of("a@x.example", "auth.oauth"),
        of("b@x.example", "senders.auth.oauth")
    );
    let answers = Answers::parse("a", text.as_bytes()).unwrap();
    let secrets = |account: &str| Secrets {
        login: Some(Secret::new("s")),
        fallbacks: vec![NamedSecret::Given(Secret::new(account))],
        ..Secrets::default()
    };
    let desired = complete(&answers, secrets("t")).unwrap();
    let token = Token::new(desired.app().unwrap(), &Secret::new("x"), 1000, 100);
    let found = findings(&desired, Some(&token), None, 1000);
    let tokens: Vec<_> = found.iter().filter(|one| one.id == "token").collect();
    assert_eq!(tokens[0].found, "a@x.example: lives, and is not due");
    assert_eq!(
        (tokens[1].state, tokens[1].found.as_str()),
        (State::Differs, "b@x.example: none was fetched for these answers")
    );
    assert_eq!(found.iter().filter(|one| one.id == "token.client_secret").count(), 2);
    // With one application for both there is one token.
    let shared = complete(&answers, secrets("s")).unwrap();
    let found = findings(&shared, Some(&token), None, 1000);
    let tokens: Vec<_> = found.iter().filter(|one| one.id == "token").map(|one| one.found.as_str()).collect();
    assert_eq!(tokens, ["lives, and is not due"]);
}
