//! `[[senders]]`: three accounts at two relays. The relay takes from each login its own address alone, so what arrives shows
//! who logged in.

use crate::host::{Host, Run, host};

pub const ANSWERS: &str = "version = 1\n[relay]\nhost = \"smtp.example.com\"\ntls = \"secure\"\n[auth]\nusername = \"alerts@example.com\"\n\
    password = \"correct horse battery staple\"\n[sender]\nrewrite = { \"monitor@op5-system.localdomain\" = \"alerts@example.com\" }\n\
    [verify]\nto = \"ops@example.com\"\n";

/// One at the same relay, and one at another.
pub const ACCOUNTS: &str = "[[senders]]\nfrom = [\"Odd1@example.com\"]\n[senders.auth]\nusername = \"odd1@example.com\"\npassword = \"with space\"\n\
    [[senders]]\nfrom = [\"odd3@example.com\", \"@lists.example.com\"]\nhost = \"mailhub.example.com\"\ntls = \"encrypt\"\n\
    [senders.auth]\nusername = \"odd3@example.com\"\npassword = \"#hash#\"\n";

const ROUTES: &str = "[[routes]]\nto = [\"corp.example.com\"]\nvia = \"mailhub.corp.example.com\"\n";

fn with(more: &str) -> Host {
    host().relay("hub").answers_text(&format!("{ANSWERS}{more}"))
}

fn run(more: &str, script: &str) -> Run {
    with(more).sh(script).never_says("horse battery").never_says("with space").never_says("#hash#")
}

/// Functions of the scripts: `send FROM TO`, and what the relay and the hub logged of logins.
pub const FUNCTIONS: &str = r#"
send() { printf 'From: %s\nTo: %s\nSubject: alert\n\nx\n' "$1" "$2" | sendmail -f "$1" "$2"; }
ended() { [ "$(grep -cE ' (status=sent|status=deferred|status=bounced)' /var/log/maillog)" -ge "$1" ]; }
state() { (cd / && sha256sum etc/postfix/main.cf etc/postfix/generic; stat -c '%n %a %U' etc/postfix/*); }
"#;

#[test]
fn each_sender_arrives_by_its_own_account_and_no_other_server_gets_its_password() {
    let script = FUNCTIONS.to_owned()
        + r#"
        state >/root/before
        relayhost apply >/root/applied 2>&1 || { cat /root/applied; exit 90; }
        send odd1@example.com a@example.org; send odd3@example.com b@example.org; send monitor@op5-system.localdomain c@example.org
        send odd1@example.com d@corp.example.com; send odd3@example.com e@corp.example.com
        await ended 6 || { cat /var/log/maillog; exit 91; }
        echo '== sent'; grep -oE 'to=<[^>]+>, relay=[^[]+\[[^]]+\]:[0-9]+|status=[a-z]+' /var/log/maillog | paste -d' ' - - | sed 's/\[[^]]*\]//' | sort -u
        echo '== logins'; grep -oE 'sasl_username=[^ ]+' /lab/relay-log/mail.log | sort | uniq -c
        echo '== hub'; grep postfix/hub /lab/relay-log/mail.log
        echo '== check'; relayhost check --json
        echo '== route'; relayhost route --from odd1@example.com --json
        echo '== tables'; cat /etc/postfix/relayhost_accounts; stat -c '%a %U' /etc/postfix/sasl_passwd; sed 's/:[^: ]*$/:/' /etc/postfix/relayhost_tls
        echo '== again'; relayhost plan; echo $?
        relayhost restore 0 >/dev/null 2>&1; echo "restore $?"
        state | diff /root/before - && echo as-before
    "#;
    let run = run(&format!("{ACCOUNTS}{ROUTES}"), &script).exits(0);
    let sent = run.part("sent");
    for line in [
        "to=<a@example.org>, relay=smtp.example.com:587 status=sent",
        "to=<b@example.org>, relay=mailhub.example.com:587 status=sent",
        "to=<c@example.org>, relay=smtp.example.com:587 status=sent",
        "to=<d@corp.example.com>, relay=mailhub.corp.example.com:25 status=sent",
        "to=<e@corp.example.com>, relay=mailhub.corp.example.com:25 status=sent",
    ] {
        assert!(sent.contains(line), "{line} in {sent}");
    }
    let logins = run.part("logins");
    // The probe logs in, too.
    for line in ["2 sasl_username=odd1@", "2 sasl_username=odd3@", "3 sasl_username=alerts@"] {
        assert!(logins.contains(line), "{line} in {logins}");
    }
    let hub = run.part("hub");
    assert!(hub.contains("client=") && !hub.contains("sasl"), "{hub}");
    let check = run.json("check");
    assert_eq!(check["exit"], 0, "{check:#}");
    let ways = check["findings"].as_array().unwrap().iter().filter(|one| one["id"] == "senders.way");
    assert_eq!(ways.count(), 2, "{check:#}");
    assert_eq!(run.json("route")["route"]["relay"]["username"], "odd1@example.com");
    assert!(
        run.part("tables").contains("odd1@example.com [smtp.example.com]:0587\n"),
        "{}",
        run.part("tables")
    );
    let again = run.part("again");
    assert!(again.contains("0\nrestore 0\nas-before\n"), "{again}");
}

#[test]
fn an_edit_is_drift_a_table_that_counts_first_is_named_and_other_answers_take_the_accounts_away() {
    let script = r#"
        relayhost apply --no-verify >/dev/null 2>&1 || exit 90
        sed -i 's/:0587/:587/' /etc/postfix/relayhost_accounts; postmap $TYPE:/etc/postfix/relayhost_accounts
        echo '== drift'; relayhost check; echo "exit $?"; relayhost apply --no-verify; echo "exit $?"
        relayhost apply --no-verify --force >/dev/null; echo "forced $?"
        printf 'odd1@example.com [dead.lab.test]:587\n' >/etc/postfix/theirs; postmap $TYPE:/etc/postfix/theirs
        postconf -e "sender_dependent_relayhost_maps=$TYPE:/etc/postfix/theirs, $TYPE:/etc/postfix/relayhost_accounts"
        echo '== theirs'; relayhost apply --no-verify --force; echo "exit $?"
        postconf -e "sender_dependent_relayhost_maps=$TYPE:/etc/postfix/relayhost_accounts"
        sed -i '/^\[\[senders/,$d' /etc/relayhost/answers.toml
        echo '== gone'; relayhost apply --no-verify --force >/dev/null; echo $?; ls /etc/postfix | grep -c relayhost_accounts; grep -c odd /etc/postfix/sasl_passwd
    "#;
    let run = run(ACCOUNTS, script);
    let drift = run.part("drift");
    assert!(
        drift.contains("exit 3") && drift.contains("relayhost_accounts") && drift.contains("forced 0"),
        "{drift}"
    );
    assert!(run.part("theirs").contains("exit 2"), "{}", run.part("theirs"));
    assert_eq!(run.part("gone"), "0\n0\n0\n");
}

/// Otherwise mail of an account is at its relay for a moment, and has no login there.
#[test]
fn restore_puts_the_logins_into_force_before_the_table_that_needs_them() {
    let script = r#"
        relayhost apply --no-verify >/dev/null 2>&1 || exit 90
        relayhost restore 0 >/dev/null; strace -qq -e trace=renameat2,rename,linkat -o /root/trace relayhost restore >/dev/null; echo "restore $?"
        echo '== order'; grep -oE '"/etc/postfix/(sasl_passwd|relayhost_accounts|main.cf)[.a-z]*"' /root/trace | tr -d '"' | sed 's,.*/,,' | awk '!seen[$0]++'
    "#;
    let run = run(ACCOUNTS, script).says("restore 0");
    let order: Vec<&str> = run.part("order").lines().collect();
    let place = |start: &str| order.iter().position(|name| name.starts_with(start));
    let source = |name: &str| order.iter().position(|one| *one == name);
    assert!(
        source("sasl_passwd").is_some() && source("sasl_passwd") < place("relayhost_accounts"),
        "{order:?}"
    );
    assert!(place("sasl_passwd.") < source("sasl_passwd"), "{order:?}");
}

#[test]
fn a_password_that_cannot_be_read_and_one_that_the_relay_refuses_are_named() {
    let unreadable = ACCOUNTS.replace("password = \"with space\"", "password_file = \"/etc/relayhost/none\"");
    run(&unreadable, "relayhost apply; echo \"exit $?\"").says("exit 2").complains("/etc/relayhost/none");
    // The default is not undone for it: the message of that sender waits, and the cause is in the log.
    let wrong = ACCOUNTS.replace("with space", "wrong");
    let script = FUNCTIONS.to_owned()
        + "relayhost apply >/dev/null 2>&1; echo \"exit $?\"; send odd1@example.com a@example.org; await ended 2\n\
           relayhost diagnose /var/log/maillog; relayhost verify >/dev/null; echo \"verify $?\"";
    run(&wrong, &script).says("exit 0").says("verify 0").says("535");
}

/// Two accounts at the relay of everybody: the log has the same words of each, and the sender tells them apart.
#[test]
fn diagnose_blames_the_account_whose_password_is_wrong() {
    let wrong = ACCOUNTS.replace("with space", "nonsense");
    let script = FUNCTIONS.to_owned()
        + r#"
        relayhost apply >/dev/null 2>&1; echo "exit $?"; send odd1@example.com a@example.org; send monitor@op5-system.localdomain b@example.org; await ended 3
        echo '== one'; relayhost diagnose --json
        sed -i 's/:correct horse.*/:another one/' /etc/postfix/sasl_passwd; postmap $TYPE:/etc/postfix/sasl_passwd; postfix reload 2>/dev/null
        send monitor@op5-system.localdomain c@example.org; await ended 4
        echo '== two'; relayhost diagnose --json"#;
    let run = run(&wrong, &script).says("exit 0");
    let causes = |part: &str| -> Vec<(String, String)> {
        let all = run.json(part);
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let failures = all["diagnosis"]["failures"].as_array().unwrap().iter();
        let mut all: Vec<_> = failures.map(|one| (text(&one["cause"]), text(&one["remedy"]))).collect();
        all.sort();
        all
    };
    let one = causes("one");
    assert_eq!(one.len(), 1, "{one:?}");
    assert!(
        one[0].0.contains("odd1@example.com") && one[0].1.contains("[[senders]] of odd1@example.com"),
        "{one:?}"
    );
    let two = causes("two");
    assert_eq!(two.len(), 2, "{two:?}");
    assert!(
        two.iter()
            .any(|(cause, remedy)| cause.contains("alerts@example.com") && !remedy.contains("[[senders]]")),
        "{two:?}"
    );
}

/// A message by each login, and the server of a route without one.
#[test]
fn verify_all_sends_by_each_account_and_ends_with_the_worst() {
    let script = FUNCTIONS.to_owned()
        + r#"
        relayhost apply >/root/applied 2>&1; echo "apply $?"
        echo '== all'; relayhost verify --all; echo "exit $?"; echo '== logins'; grep -oE 'sasl_username=[^ ]+' /lab/relay-log/mail.log | sort | uniq -c
        sed -i 's/password = "with space"/password = "nonsense"/' /etc/relayhost/answers.toml; relayhost apply --no-verify >/dev/null 2>&1; postfix reload 2>/dev/null
        echo '== wrong'; relayhost verify --all --json; postqueue -p; relayhost verify >/dev/null; echo "verify $?"
        relayhost verify --all --to x@example.org 2>/dev/null; echo "usage $?""#;
    let run = run(&format!("{ACCOUNTS}{ROUTES}"), &script).says("apply 0");
    let all = run.part("all").split_whitespace().collect::<Vec<_>>().join(" ");
    for said in [
        "ok everybody: ",
        "ok odd1@example.com: ",
        "odd3@example.com (of 2 senders of that account): [mailhub.example.com]:587",
        "ok mail to corp.example.com: [mailhub.corp.example.com]:25 would take mail; no message was sent",
        "exit 0",
    ] {
        assert!(all.contains(said), "{said} in {all}");
    }
    // The probe of `apply` has logged in too.
    for line in ["2 sasl_username=odd1@", "2 sasl_username=odd3@", "3 sasl_username=alerts@"] {
        assert!(run.part("logins").contains(line), "{line} in {}", run.part("logins"));
    }
    let (wrong, after) = run.part("wrong").split_once("\n}\n").unwrap();
    let wrong: serde_json::Value = serde_json::from_str(&format!("{wrong}\n}}")).unwrap();
    assert_eq!((&wrong["exit"], &wrong["delivery"]["accepted"]), (&4.into(), &true.into()), "{wrong:#}");
    let accounts = wrong["accounts"].as_array().unwrap();
    assert_eq!(accounts[0]["delivery"]["cause"]["id"], "wrong-password", "{wrong:#}");
    let remedy = accounts[0]["delivery"]["cause"]["remedy"].as_str().unwrap();
    assert!(remedy.contains("[[senders]] of odd1@example.com"), "{remedy}");
    assert_eq!(accounts[1]["delivery"]["accepted"], true, "{wrong:#}");
    assert_eq!(wrong["routes"][0]["probe"]["ending"], "willing", "{wrong:#}");
    assert!(after.contains("Mail queue is empty") && after.ends_with("verify 0\nusage 2\n"), "{after}");
}

/// What an account's server refuses is said before the host is changed, and changes nothing for the others.
#[test]
fn apply_tries_each_account_and_route_within_bounds_and_goes_on() {
    let wrong = ACCOUNTS.replace("with space", "nonsense");
    let many: Vec<String> = (0..25)
        .map(|n| {
            format!(
                "[[routes]]\nto = [\"d{n}.example.com\"]\nvia = \"mailhub.corp.example.com:{}\"\n",
                4000 + n
            )
        })
        .collect();
    let script = "echo '== apply'; relayhost apply; echo \"exit $?\"";
    let apply = run(&format!("{wrong}{ROUTES}"), script)
        .part("apply")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    for said in [
        "way-refuses: odd1@example.com: [smtp.example.com]:0587 takes no mail: ",
        "[[senders]] of odd1@example.com",
        "`relayhost probe --all` tries it again",
        "ok probe: [mailhub.corp.example.com]:25 would take the message",
        "exit 0",
    ] {
        assert!(apply.contains(said), "{said} in {apply}");
    }
    run(&many.concat(), "relayhost apply; echo \"exit $?\"")
        .says("exit 0")
        .says("not tried, since 20 were before: ")
        .says("; `relayhost probe --all` tries more");
}

/// One login of three is wrong, and it is the only one that is told of.
#[test]
fn each_way_is_tried_once_and_the_plan_begins_with_all_of_them() {
    let wrong = ACCOUNTS.replace("with space", "with spac");
    let script = "echo '== narrow'; COLUMNS=50 relayhost plan; echo '== plan'; relayhost plan --json; echo '== probe'; relayhost probe --all --json; echo '== logins'
        grep -c 'SASL PLAIN authentication failed' /lab/relay-log/mail.log; relayhost probe --all > /root/all; echo \"exit $?\"; grep -c '^ok   login' /root/all
        tr -s ' \\n' ' ' </root/all | grep -o 'username and password in .* of odd1@example.com'";
    let run = run(&format!("{wrong}{ROUTES}"), script);
    let narrow = "\nodd1@example.com\n  [smtp.example.com]:0587, login odd1@example.com\n";
    assert!(run.part("narrow").contains(narrow), "{}", run.part("narrow"));
    let exits = &run.json("plan")["exits"];
    let whose: Vec<&str> =
        exits.as_array().unwrap().iter().filter_map(|exit| exit["whose"].as_str()).collect();
    let odd3 = "odd3@example.com, @lists.example.com";
    let to = "mail to corp.example.com";
    assert_eq!(whose, ["everybody", "monitor@op5-system.localdomain", "odd1@example.com", odd3, to]);
    let found = run.json("probe");
    assert_eq!((&found["exit"], &found["probe"]["ending"]), (&4.into(), &"willing".into()));
    let ends: Vec<_> = found["probes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["whose"].as_str(), one["probe"]["ending"].as_str()))
        .collect();
    assert_eq!(
        ends,
        [
            (Some("odd1@example.com"), Some("failed")),
            (Some(odd3), Some("willing")),
            (Some(to), Some("willing"))
        ]
    );
    assert_eq!(found["probes"][0]["probe"]["cause"]["id"], "wrong-password");
    assert_eq!(
        run.part("logins"),
        "1\nexit 4\n2\nusername and password in [[senders]] of odd1@example.com\n"
    );
}

/// Two ways beside the relay fail: mail of the alerts still leaves, and each of the others is told of by its own name.
#[test]
fn an_account_and_a_route_that_fail_are_named_and_the_relay_is_not_blamed() {
    let wrong = ACCOUNTS.replace("with space", "nonsense");
    let script = FUNCTIONS.to_owned()
        + r#"
        relayhost apply >/dev/null 2>&1; echo "exit $?"; relayhost check >/dev/null; echo "found $?"
        ip rule add ipproto 6 dport 25 unreachable; ip -6 rule add ipproto 6 dport 25 unreachable
        send odd1@example.com a@example.org; send monitor@op5-system.localdomain b@corp.example.com; send odd3@example.com c@example.org; await ended 4; sleep 2.2
        echo '== check'; relayhost check --max-queue-age 1s; echo "exit $?"
        echo '== nagios'; relayhost check --nagios; echo "exit $?"
        echo '== json'; relayhost check --json
        echo '== prometheus'; relayhost check --prometheus
        sed -i 's/password = "nonsense"/password = "with space"/' /etc/relayhost/answers.toml; relayhost apply --no-verify >/dev/null 2>&1
        postfix reload 2>/dev/null; ip rule del ipproto 6 dport 25 unreachable; ip -6 rule del ipproto 6 dport 25 unreachable; postqueue -f
        emptied() { postqueue -p | grep -q empty; }; await emptied; echo '== mended'; relayhost check; echo "exit $?""#;
    let run = run(&format!("{wrong}{ROUTES}"), &script).says("exit 0\nfound 3");
    let words = |part: &str| run.part(part).split_whitespace().collect::<Vec<_>>().join(" ");
    let check = words("check");
    for said in [
        "2 messages wait for a server of [[routes]]",
        "mail.account mail of odd1@example.com does not leave through [smtp.example.com]:0587",
        "[[senders]] of odd1@example.com of the answers",
        "mail.route mail to corp.example.com does not leave through [mailhub.corp.example.com]:25",
        "mail leaves through [smtp.example.com]:587",
        "[[senders]] of odd3@example.com: 1, the last",
        "exit 3",
    ] {
        assert!(check.contains(said), "{said} in {check}");
    }
    let nagios = run.part("nagios");
    assert!(nagios.starts_with("RELAYHOST WARNING - mail.account: mail of odd1@example.com"), "{nagios}");
    assert!(nagios.ends_with("exit 1\n"), "{nagios}");
    let mail = &run.json("json")["mail"];
    assert_eq!(mail["leaves"], true);
    let ways: Vec<_> = mail["ways"]
        .as_array()
        .unwrap()
        .iter()
        .map(|way| {
            (way["kind"].as_str().unwrap(), way["taken"].as_u64().unwrap(), way["refused"]["cause"].as_str())
        })
        .collect();
    let expected = [
        ("relay", 1, None),
        ("account", 0, Some("wrong-password")),
        ("account", 1, None),
        ("route", 0, Some("no-route")),
    ];
    assert_eq!(ways, expected, "{mail:#}");
    let figures = run.part("prometheus");
    for line in [
        "relayhost_way_messages{way=\"[[senders]] of odd3@example.com\"} 1\n",
        "relayhost_way_fails{way=\"[[senders]] of odd1@example.com\"} 1\n",
        "relayhost_way_fails{way=\"[relay]\"} 0\n",
    ] {
        assert!(figures.contains(line), "{line} in {figures}");
    }
    assert!(run.part("mended").ends_with("exit 0\n"), "{}", run.part("mended"));
}

/// Thousands of senders come, are changed by hand and go: what is said names a few of them.
#[test]
fn five_thousand_senders_come_and_go_and_a_few_are_named() {
    let from: Vec<String> = (0..5000).map(|number| format!("\"s{number}@example.com\"")).collect();
    let many = ACCOUNTS.replace("\"Odd1@example.com\"", &from.join(", "));
    let script = r#"
        relayhost plan >/root/plan; echo '== step'; tr -s ' \n' '  ' </root/plan | grep -o 'relayhost_accounts and build[^)]*)'; [ "$(grep -c '^ *+s[0-9]' /root/plan)" -lt 200 ] && grep -c 'more lines: --json has all' /root/plan
        relayhost apply --no-verify >/dev/null 2>&1; echo '== there'; echo $?; grep -c '^s[0-9]*@example.com \[smtp.example.com\]:0587$' /etc/postfix/relayhost_accounts
        postmap -q s4999@example.com $TYPE:/etc/postfix/relayhost_accounts; relayhost check >/dev/null; echo "check $?"
        printf '# theirs\nother@example.com [dead.lab.test]:25\n' >/etc/postfix/relayhost_accounts; postmap $TYPE:/etc/postfix/relayhost_accounts
        echo '== hand'; relayhost apply --no-verify 2>&1 | tr -s ' \n' '  '; relayhost apply --no-verify --force >/dev/null; echo "forced $?"; wc -l </etc/postfix/relayhost_accounts
        sed -i '/^\[\[senders/,$d' /etc/relayhost/answers.toml
        echo '== gone'; relayhost apply --no-verify >/dev/null; echo $?; cat /etc/postfix/relayhost_accounts
    "#;
    let run = run(&many, script);
    let step = run.part("step");
    let named = "(no entry, or another one, for s0@example.com, s1@example.com, s2@example.com, 4999 more)";
    assert!(step.contains(named) && step.ends_with("\n1\n"), "{step:.2000}");
    assert_eq!(run.part("there"), "0\n5000\n[smtp.example.com]:0587\ncheck 0\n");
    let hand = run.part("hand");
    assert!(hand.contains("4999 more entries") && hand.len() < 2000, "{hand:.2000}");
    assert!(hand.ends_with("forced 0\n5004\n"), "{hand:.2000}");
    assert_eq!(run.part("gone"), "0\n# theirs\nother@example.com [dead.lab.test]:25\n");
}

/// Lines of others that postmap reads in part alone stay as they are, and stop nobody.
#[test]
fn a_line_of_others_with_a_null_byte_stays() {
    let script = "printf 'theirs.example.com a:b\\0c d\\n\\0x y\\n' > /etc/postfix/sasl_passwd; chmod 600 /etc/postfix/sasl_passwd; postmap $TYPE:/etc/postfix/sasl_passwd 2>/dev/null
        relayhost apply --no-verify; echo \"apply $?\"; head -c 32 /etc/postfix/sasl_passwd | od -An -c | tr -d ' \\n'; echo; relayhost check >/dev/null; echo \"check $?\"; postmap -q theirs.example.com $TYPE:/etc/postfix/sasl_passwd";
    run("", script).says("apply 0\n").says("theirs.example.coma:b\\0cd\\n\\0xy\\n\ncheck 0\na:b\n");
}
