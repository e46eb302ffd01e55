//! The test message in the mailbox of its recipient: real Dovecot with folders and rules behind the relay, and servers that
//! misbehave.

use serde_json::Value;

use crate::host::{Host, Run, host, read};

const MAILBOX: &str = "\n[verify.arrival]\nimap = \"smtp.example.com\"\nusername = \"alerts@example.com\"\n\
    password = \"correct horse battery staple\"\n";

/// The answers, for this recipient, with further lines about the mailbox.
fn answers(to: &str, lines: &str) -> String {
    let whole =
        read("examples/authenticated.toml").replace("ops@example.com", to).replace("\"60s\"", "\"6s\"");
    format!("{whole}{MAILBOX}{lines}")
}

fn mailbox(to: &str, lines: &str) -> Host {
    host().relay("mailbox").answers_text(&answers(to, lines))
}

const FUNCTIONS: &str = ". /lab/tests/lab/scripts/arrival.sh; ";
const VERIFY: &str =
    "relayhost apply --no-verify >/root/applied || exit 99; run json relayhost verify --json; ";

fn on(host: Host, script: &str) -> Run {
    host.sh(&format!("{FUNCTIONS}{script}"))
}

/// What is said of the arrival, and the exit status.
fn arrival(run: &Run) -> (Value, Value) {
    let report = run.json("json");
    assert_eq!(report["delivery"]["accepted"], true, "{report:#}");
    (report["delivery"]["arrival"].clone(), report["exit"].clone())
}

#[track_caller]
fn ends(run: &Run, exit: i64, cause: &str) -> Value {
    let (arrival, status) = arrival(run);
    assert_eq!(
        (&status, &arrival["cause"]["id"]),
        (&exit.into(), &cause.into()),
        "{arrival:#}\n{}",
        run.stderr
    );
    assert_eq!(arrival["arrived"], false);
    arrival
}

#[test]
fn in_inbox_it_is_good_and_stays_unread() {
    let run = on(
        mailbox("ops@example.com", ""),
        "run json relayhost apply --json; run check relayhost check; run seen seen INBOX",
    );
    let (arrival, exit) = arrival(&run);
    let seen = &arrival["seen"];
    assert_eq!((&exit, &arrival["arrived"], &seen["folder"]), (&0.into(), &true.into(), &"INBOX".into()));
    assert_eq!(
        (&seen["text"], &seen["copies"], &seen["removed"]),
        (&"unchanged".into(), &1.into(), &Value::Null)
    );
    let authentication =
        serde_json::json!({ "by": "mx.lab.test", "spf": "pass", "dkim": "none", "dmarc": "pass" });
    assert_eq!(seen["authentication"], authentication);
    assert!(seen["from"].as_str().unwrap().contains("alerts@example.com"), "{seen:#}");
    let legs: Vec<&str> =
        seen["legs"].as_array().unwrap().iter().map(|leg| leg["by"].as_str().unwrap()).collect();
    assert!(legs.len() >= 2 && legs.contains(&"relay.lab.test"), "{legs:?}");
    assert!(run.part("check").replace('\n', " ").contains("arrival: in INBOX after"), "{}", run.stdout);
    assert_eq!(run.part("seen"), "1 messages, 0 read\n");
}

#[test]
fn by_starttls_too() {
    let run = on(mailbox("ops@example.com", "port = 143\n"), VERIFY);
    assert_eq!(arrival(&run).0["arrived"], true, "{}", run.stderr);
}

#[test]
fn a_rule_and_a_folder_with_a_name_of_other_letters() {
    for lines in ["", "folders = [\"INBOX\", \"Prüfung\"]\n"] {
        let run = on(mailbox("rule@example.com", lines), VERIFY);
        let (arrival, exit) = arrival(&run);
        assert_eq!((&exit, &arrival["seen"]["folder"]), (&0.into(), &"Prüfung".into()), "{arrival:#}");
    }
    let run = on(mailbox("ops@example.com", "folders = [\"Nowhere\"]\n"), VERIFY);
    ends(&run, 5, "mailbox-folder");
}

#[test]
fn what_comes_later_is_seen_at_once() {
    let run = on(mailbox("late@example.com", ""), VERIFY);
    let (arrival, exit) = arrival(&run);
    assert_eq!((&exit, &arrival["seen"]["folder"]), (&0.into(), &"INBOX".into()), "{arrival:#}");
    let after = arrival["seen"]["seconds"].as_f64().unwrap();
    assert!((3.0..10.0).contains(&after), "{after}");
}

#[test]
fn in_the_folder_for_junk_it_is_a_failure_that_puts_nothing_back() {
    let run = on(
        mailbox("junk@example.com", ""),
        "run json relayhost apply --json; in_force; run text relayhost verify",
    );
    let arrival = ends(&run, 5, "arrived-in-junk");
    assert_eq!(arrival["seen"]["folder"], "Junk");
    let text = arrival["cause"]["text"].as_str().unwrap();
    assert!(text.contains("no signature (DKIM)") && text.contains("score=7.1"), "{text}");
    assert!(
        run.json("json")["result"]
            .as_str()
            .unwrap()
            .starts_with("the new configuration is in force: the relay took")
    );
    assert!(run.part("text").contains("[arrived-in-junk]"), "{}", run.stdout);
    run.says("in force\n").says("exit 5\n");
}

/// What relayhost-canary.service does, and what the next look of the watch makes of it.
#[test]
fn in_the_folder_for_junk_it_is_an_incident_of_the_watch() {
    let run = on(
        mailbox("junk@example.com", ""),
        "relayhost apply --no-verify >/root/applied || exit 99; relayhost verify >/dev/null; echo \"verify $?\"
         run json relayhost watch --open-after 0s --json",
    );
    let report = run.json("json");
    let events = report["watch"]["events"].as_array().unwrap();
    assert_eq!(events.len(), 1, "{report:#}");
    assert_eq!((&events[0]["event"], &events[0]["topic"]), (&"opened".into(), &"mail".into()), "{report:#}");
    let cause = events[0]["cause"].as_str().unwrap();
    assert!(cause.starts_with("the last test message through ") && cause.contains("for junk"), "{cause}");
    assert_eq!(events[0]["cause_id"], "arrived-in-junk", "{report:#}");
    run.says("verify 5\n");
}

#[test]
fn what_never_arrives_is_told_at_the_deadline_and_put_back_where_that_is_required() {
    let run = on(
        mailbox("ops@example.com", "required = true\n"),
        "relayhost apply >/dev/null || exit 99
         answers 's/ops@example.com/never@example.com/; s/^tls .*/tls = \"encrypt\"/'; sum >/root/was
         run json relayhost apply --json; echo '== files'; sum | cmp - /root/was && echo as before; relayhost history",
    );
    ends(&run, 7, "not-arrived");
    let report = run.json("json");
    assert_eq!((&report["put_back"], &report["undone"]), (&"not_arrived".into(), &true.into()));
    run.says("as before").says("(put back)");
    let run = on(
        mailbox("never@example.com", ""),
        "run json relayhost apply --json; in_force; waits; relayhost check | tr -s '\\n ' ' '
         for _ in 1 2; do relayhost check >/dev/null; echo \"check $?\"; relayhost apply >/dev/null; echo \"apply $?\"; done",
    );
    let arrival = ends(&run, 5, "not-arrived");
    assert!(arrival["cause"]["text"].as_str().unwrap().contains("INBOX, Junk"), "{arrival:#}");
    let run = run.says("in force\n").says("arrival: not seen [not-arrived]").says("warn message.last");
    // A run that sends no message does not make it good.
    run.says("check 3\napply 0\ncheck 3\napply 0\n");
}

#[test]
fn two_copies_are_told() {
    let run = on(mailbox("twice@example.com", ""), VERIFY);
    let (arrival, exit) = arrival(&run);
    assert_eq!((&exit, &arrival["seen"]["copies"]), (&0.into(), &2.into()), "{arrival:#}");
    assert_eq!(arrival["seen"]["folder"], "INBOX");
}

#[test]
fn one_message_is_removed_and_nothing_that_others_have_marked() {
    let run = on(
        mailbox("ops@example.com", "remove = true\n"),
        "relayhost apply --no-verify >/dev/null || exit 99
         echo other | mail -s other -r monitor@op5-system.localdomain ops@example.com; arrived; mark_deleted
         run json relayhost verify --json; run seen seen INBOX",
    );
    let (arrival, exit) = arrival(&run);
    assert_eq!((&exit, &arrival["seen"]["removed"]), (&0.into(), &true.into()), "{arrival:#}");
    assert_eq!(run.part("seen"), "1 messages, 0 read\n", "{}", run.stdout);
}

#[test]
fn a_wrong_password_is_tried_once_and_hidden() {
    let lines =
        MAILBOX.replace("battery staple", "battery stable").replace("smtp.example.com", "relay.lab.test");
    let whole = answers("ops@example.com", "").replace(MAILBOX, &lines);
    let run = on(host().relay("mailbox").answers_text(&whole), &format!("{VERIFY} logins"));
    ends(&run, 5, "mailbox-login");
    run.says("1 refused, 0 taken\n").never_says("stable");
}

#[test]
fn a_certificate_for_another_name_gets_no_password() {
    let whole =
        answers("ops@example.com", "").replace("imap = \"smtp.example.com\"", "imap = \"other.lab.test\"");
    let run = on(
        host().relay("mailbox").answers_text(&whole),
        &format!("echo '192.0.2.1 other.lab.test' >>/etc/hosts; {VERIFY} logins"),
    );
    let arrival = ends(&run, 5, "mailbox-certificate");
    assert!(arrival["cause"]["text"].as_str().unwrap().contains("it is for "), "{arrival:#}");
    run.says("0 refused, 0 taken\n");
}

#[test]
fn ctrl_c_in_the_look_takes_nothing_back() {
    let run = on(
        mailbox("never@example.com", ""),
        "answers 's/\"6s\"/\"60s\"/'; timeout --preserve-status -s INT 8 relayhost apply >/root/out; echo \"exit $?\"; in_force; cat /root/out",
    );
    let run = run.says("exit 130\n").says("in force\n").says("cut off");
    let run = run
        .complains("whether it arrives was not seen")
        .complains("sends another, and looks for its arrival");
    run.says("waiting for the message in the mailbox, ");
    // Killed there, the relay's word stays.
    let run = on(
        mailbox("never@example.com", ""),
        "answers 's/\"6s\"/\"60s\"/'; timeout -s KILL 8 relayhost apply >/root/out; sleep 1; relayhost check | tr -s '\\n ' ' '",
    );
    run.says("and the relay has taken its test message").says("took the test message to never@example.com");
    let required = mailbox("never@example.com", "required = true\n");
    on(required, "answers 's/\"6s\"/\"60s\"/'; timeout --preserve-status -s INT 8 relayhost apply >/root/out; in_force")
        .says("not in force\n");
}

/// The application of `[verify.arrival.oauth]`, with these lines of the table `[verify.arrival]`.
fn by_token(lines: &str, secret: &str) -> Host {
    let whole = read("examples/authenticated.toml").replace("\"60s\"", "\"6s\"");
    host().relay("mailbox-token").answers_text(&format!(
        "{whole}\n[verify.arrival]\nimap = \"smtp.office365.com\"\n{lines}[verify.arrival.oauth]\nprovider = \"microsoft\"\n\
         tenant = \"example.onmicrosoft.com\"\nclient_id = \"12345678-90ab-cdef-1234-567890abcdef\"\nflow = \"secret\"\n\
         client_secret_file = \"{secret}\"\n"
    ))
}

#[test]
fn an_application_logs_in_with_an_access_token() {
    let ours = "username = \"alerts@example.com\"\n";
    for port in ["", "port = 143\n"] {
        let run = on(by_token(&format!("{ours}{port}"), "/etc/relayhost/client-secret"), VERIFY);
        assert_eq!(arrival(&run).0["arrived"], true, "{}", run.stderr);
        assert!(!run.stdout.contains("eyJ"), "a token is shown: {}", run.stdout);
    }
    // Another's mailbox, and a secret that the provider does not know.
    let run = on(by_token("username = \"backup@example.com\"\n", "/etc/relayhost/client-secret"), VERIFY);
    let arrival = ends(&run, 5, "mailbox-login");
    assert!(arrival["cause"]["remedy"].as_str().unwrap().contains("IMAP.AccessAsApp"), "{arrival:#}");
    let run = on(
        by_token(ours, "/root/secret"),
        &format!("install -m 600 /dev/stdin /root/secret <<<WrongSecret123; {VERIFY}"),
    );
    let arrival = ends(&run, 5, "mailbox-token");
    assert!(!arrival.to_string().contains("WrongSecret123"), "{arrival:#}");
}

/// The relay accepts the message and sends it back later: the report lies in the mailbox of the sender.
#[test]
fn a_message_that_comes_back_is_told_with_the_reason() {
    let sender = "[verify.arrival.sender]\nimap = \"smtp.example.com\"\nusername = \"alerts@example.com\"\n";
    let password = "password = \"correct horse battery staple\"\n";
    let run = on(mailbox("back@example.com", &format!("{sender}{password}")), VERIFY);
    let arrival = ends(&run, 5, "came-back");
    let cause = arrival["cause"]["text"].as_str().unwrap();
    assert!(cause.contains("back@example.com, and it came back: "), "{arrival:#}");
    assert!(run.stdout.contains("the mailbox has moved to another company"), "{}", run.stdout);
    // A mailbox that cannot be looked into takes nothing from the look into the other.
    let wrong = "password = \"wrong\"\n";
    let run = on(mailbox("ops@example.com", &format!("{sender}{wrong}")), VERIFY);
    assert_eq!(self::arrival(&run).0["arrived"], true, "{}", run.stderr);
    let run = on(mailbox("never@example.com", &format!("{sender}{wrong}")), VERIFY);
    ends(&run, 5, "not-arrived");
    run.says("the mailbox of the sender could not be looked into [mailbox-login]");
    let run =
        on(mailbox("never@example.com", &format!("{sender}{password}remove = true\n")), "relayhost check");
    run.complains("this has no use in [verify.arrival.sender]");
}

/// A real receiver behind the relay: Postfix with opendkim and opendmarc, by what the lab's DNS says of example.com.
#[test]
fn what_the_receiver_thinks_of_it_is_told_in_words() {
    let all = |relay: &str, word: &str, script: &str| {
        let run = on(host().relay(relay).answers_text(&answers("ops@example.com", "")), script);
        let authentication = &arrival(&run).0["seen"]["authentication"];
        let expected = serde_json::json!({ "by": "mx.lab.test", "spf": word, "dkim": word, "dmarc": word });
        assert_eq!(authentication, &expected, "{relay}");
        run
    };
    let both = format!("{VERIFY} run text relayhost verify");
    let run = all("receiver", "pass", &both);
    let text = run.part("text").split_whitespace().collect::<Vec<_>>().join(" ");
    // README's line.
    let (before, after) = text.split_once("arrival: in INBOX after ").unwrap();
    let rest = after.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
    assert!(
        rest.starts_with(" s; spf pass, dkim pass, dmarc pass; From alerts@example.com ("),
        "{before} {rest}"
    );
    assert!(text.contains("receiver spf pass, dkim pass, dmarc pass (by mx.lab.test)"), "{text}");

    let run = all("receiver-unsigned", "none", &both);
    let text = run.part("text").split_whitespace().collect::<Vec<_>>().join(" ");
    let words = "receiver spf none, dkim none, dmarc none (by mx.lab.test); the sender's domain does not say in DNS which \
         servers may send for it (SPF); the message has no signature (DKIM); the sender's domain has no policy (DMARC)";
    assert!(text.contains(words), "{text}");

    let run = all("receiver-distrusts", "fail", VERIFY);
    let arrival = ends(&run, 5, "arrived-in-junk");
    let words = "by its SPF record the sender's domain does not send through this relay; the signature of the message (DKIM) \
         does not fit it; neither SPF nor DKIM bears out the sender's domain (DMARC)";
    assert!(arrival["cause"]["text"].as_str().unwrap().ends_with(words), "{arrival:#}");
}

/// postgrey puts off what it does not know; the relay tries again.
#[test]
fn what_a_receiver_greylists_arrives_later_and_says_so() {
    let whole = answers("ops@example.com", "").replace("\"6s\"", "\"60s\"");
    let again = format!("{VERIFY} run text relayhost verify");
    let run = on(host().relay("receiver-greylist").answers_text(&whole), &again);
    let (arrival, exit) = arrival(&run);
    let seen = &arrival["seen"];
    assert_eq!(
        (&exit, &seen["folder"], &seen["copies"]),
        (&0.into(), &"INBOX".into(), &1.into()),
        "{arrival:#}"
    );
    assert!(seen["seconds"].as_f64().unwrap() >= 4.0, "{arrival:#}");
    let words = seen["greylisted"].as_str().unwrap();
    assert!(words.starts_with("delayed ") && words.contains("by postgrey-"), "{words}");
    // The leg to the receiver is the one that took the time.
    let leg = |name: &str| {
        let legs = seen["legs"].as_array().unwrap();
        legs.iter().find(|leg| leg["by"] == name).unwrap()["seconds"].as_i64().unwrap()
    };
    assert!(leg("mx.lab.test") >= 4 && leg("op5-system.localdomain") <= 2, "{arrival:#}");
    // The next one is known.
    let text = run.part("text");
    assert!(text.contains("exit 0") && !text.contains("put off"), "{text}");
}

/// Each server is spoken to on this host's own address, by TLS whose certificate is not checked.
#[test]
fn a_server_that_misbehaves_gets_nothing_out_of_it() {
    let whole = answers("ops@example.com", "port = 2993\nimplicit_tls = true\ntls = \"encrypt\"\n")
        .replace("imap = \"smtp.example.com\"", "imap = \"127.0.0.1\"");
    let certificate = crate::host::project().join("target/lab/ca");
    let kinds = [
        ("greeting", "sends without end"),
        ("literal", "sends without end"),
        ("lines", "sends without end"),
        ("unknown", "sends without end"),
        ("silent", "did not answer in time"),
        ("closes", "closed the connection"),
        ("smtp", "not as an IMAP server does"),
        ("bye", "ended the connection"),
        ("echo", "refused the login"),
    ];
    let script = kinds
        .map(|(kind, _)| format!("misbehave {kind}; run {kind} bounded relayhost verify --json; "))
        .concat();
    let run = on(
        host().answers_text(&whole).bind(&certificate, "/root/ca"),
        &format!("relayhost apply --no-verify >/root/applied || exit 99; {script} echo '== end'"),
    );
    for (kind, words) in kinds {
        let report = run.json(kind);
        let cause = &report["delivery"]["arrival"]["cause"];
        assert_eq!(report["exit"], 5, "{kind}: {report:#}");
        assert!(cause["text"].as_str().is_some_and(|text| text.contains(words)), "{kind}: {cause:#}");
    }
    run.never_says("battery").never_says("\u{1b}");
}
