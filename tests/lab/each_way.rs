//! Several ways of the answers on one host: what is said of one of them is over, or worked, only by what that way itself took.

use crate::accounts::{ACCOUNTS, ANSWERS, FUNCTIONS};
use crate::fallback::{LIBRARY, pair_with, pair_without_fallback};
use crate::host::host;

/// What is on the screen, as it would stand in one line.
fn words(part: &str) -> String {
    part.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The account and everybody log in at one server, which takes everybody's mail later.
#[test]
fn a_failure_of_an_account_is_over_when_its_own_mail_has_left() {
    let wrong = ACCOUNTS.replace("with space", "nonsense");
    let run = host().relay("hub").answers_text(&format!("{ANSWERS}{wrong}")).sh(&format!(
        "{FUNCTIONS} relayhost apply --no-verify >/dev/null 2>&1; send odd1@example.com a@example.org; await ended 1; sleep 1; postqueue -p | grep -oE '^[0-9A-F]{{6,}}' | postsuper -d - 2>/dev/null
         sleep 1; send monitor@op5-system.localdomain b@example.org; await ended 2
         echo '== other'; relayhost diagnose; echo \"exit $?\"
         sed -i 's/password = \"nonsense\"/password = \"with space\"/' /etc/relayhost/answers.toml; relayhost apply --no-verify >/dev/null 2>&1; postfix reload 2>/dev/null
         send odd1@example.com c@example.org; await ended 3
         echo '== own'; relayhost diagnose; echo \"exit $?\""
    ));
    let (other, own) = (words(run.part("other")), words(run.part("own")));
    assert!(other.contains("odd1@example.com") && !other.contains("over"), "{other}");
    assert!(own.contains("; over: smtp.example.com:587 has taken mail since"), "{own}");
}

/// Two accounts have one login. Each command of what is said is run as it stands there.
#[test]
fn what_is_said_of_a_refused_account_ends_it_if_it_is_done() {
    let account = |name: &str| {
        format!(
            "[[senders]]\nfrom = [\"{name}@op5-system.localdomain\"]\n[senders.auth]\nusername = \"odd1@example.com\"\npassword = \"nonsense\"\n"
        )
    };
    // The relay takes from a login its own address alone.
    let public = "\"one@op5-system.localdomain\" = \"odd1@example.com\", \"two@op5-system.localdomain\" = \"odd1@example.com\"";
    let answers = ANSWERS.replace("= { ", &format!("= {{ {public}, ")) + &account("one") + &account("two");
    let run = host().relay("hub").answers_text(&answers).sh(&format!(
        "{FUNCTIONS} relayhost apply --no-verify >/dev/null 2>&1; send one@op5-system.localdomain a@example.org; send two@op5-system.localdomain b@example.org; await ended 2; sleep 1
         echo '== before'; relayhost check --json
         sed -i 's/password = \"nonsense\"/password = \"with space\"/' /etc/relayhost/answers.toml; echo '== applied'; relayhost apply >/dev/null 2>&1; echo \"$?\"
         echo '== all'; relayhost verify --all; echo \"exit $?\"; postqueue -f; emptied() {{ postqueue -p | grep -q empty; }}; await emptied
         echo '== after'; relayhost check; echo \"exit $?\""
    ));
    let before = run.json("before");
    let findings = before["findings"].as_array().unwrap();
    let said: Vec<&str> = findings
        .iter()
        .filter(|one| one["id"] == "mail.account")
        .filter_map(|one| one["remedy"].as_str())
        .collect();
    assert_eq!(said.len(), 2, "{before:#}");
    for remedy in said {
        let end = "run `relayhost apply`; then `relayhost verify --all` and `postqueue -f` clear this, by a message that ";
        assert!(remedy.contains(end), "{remedy}");
    }
    assert!(run.part("all").ends_with("exit 0\n"), "{}", run.part("all"));
    assert!(run.part("after").ends_with("exit 0\n"), "{}", run.part("after"));
}

/// No message has gone by the account that `apply` found refused.
#[test]
fn an_account_that_the_probe_found_refused_stays_named_until_it_works() {
    let wrong = ACCOUNTS.replace("with space", "nonsense");
    let mend = "sed -i 's/password = \"nonsense\"/password = \"with space\"/' /etc/relayhost/answers.toml";
    let run = host().relay("hub").answers_text(&format!("{ANSWERS}{wrong}")).sh(&format!(
        "relayhost apply >/dev/null 2>&1; echo \"apply $?\"; echo '== status'; relayhost status; echo '== check'; relayhost check; echo \"exit $?\"
         cp /etc/relayhost/answers.toml /root/wrong; {mend}; relayhost apply >/dev/null 2>&1; echo '== mended'; relayhost check >/dev/null; echo \"exit $?\"
         cp /root/wrong /etc/relayhost/answers.toml; relayhost apply >/dev/null 2>&1; relayhost check | grep -q mail.account; echo $?
         {mend}; relayhost check | grep -q mail.account; echo $?; relayhost probe --all >/dev/null; relayhost check | grep -q mail.account; echo $?"
    ));
    let run = run.says("apply 0").never_says("nonsense");
    let (status, check) = (words(run.part("status")), words(run.part("check")));
    assert!(
        status.contains("mail of odd1@example.com would not leave through [smtp.example.com]:0587"),
        "{status}"
    );
    for said in [
        "mail.account mail of odd1@example.com would not leave through [smtp.example.com]:0587: the relay refused the user name or the \
         password of odd1@example.com",
        "in [[senders]] of odd1@example.com",
        "exit 3",
    ] {
        assert!(check.contains(said), "{said} in {check}");
    }
    assert_eq!(run.part("mended"), "exit 0\n0\n0\n1\n");
}

/// A name that is nobody's is an error, whatever logins there are; what `init` does not ask for is counted.
#[test]
fn a_login_of_nobody_is_an_error_and_init_says_what_it_keeps() {
    let run = host().relay("hub").answers_text(&format!("{ANSWERS}{ACCOUNTS}")).sh(
        "relayhost login --as nobody; echo \"nobody $?\"; relayhost login; echo \"none $?\"
         echo '== init'; relayhost init --force --no-probe --to noc@example.com </dev/null; echo \"init $?\"",
    );
    let run = run.says("nobody 2\n").says("none 0\n").complains("`nobody` is the user of no login");
    let init = words(run.part("init"));
    assert!(
        init.contains(
            "kept as they were: 2 accounts ([[senders]]); to change them, edit /etc/relayhost/answers.toml"
        ),
        "{init}"
    );
    assert!(init.ends_with("init 0"), "{init}");
}

/// The server of a route is away, and the fallback relay takes its mail.
#[test]
fn a_failure_of_a_route_that_a_fallback_relay_hides_is_told() {
    let route = "[[routes]]\nto = [\"corp.example.com\"]\nvia = \"dead.lab.test\"\n";
    let run = pair_with(route).sh(&format!(
        "{FUNCTIONS} relayhost apply --no-verify >/dev/null 2>&1; send monitor@op5-system.localdomain a@corp.example.com; await ended 1
         sleep 1; send monitor@op5-system.localdomain b@example.com; await ended 2; grep -c 'relay=second.*status=sent' /var/log/maillog
         echo '== diagnose'; relayhost diagnose; echo \"exit $?\""
    ));
    let run = run.exits(0);
    let diagnose = words(run.part("diagnose"));
    assert!(diagnose.contains("dead.lab.test") && !diagnose.contains("over"), "{diagnose}");
    assert!(!diagnose.contains("no failure"), "{diagnose}");
}

/// A message that waits is no forger's line, and says nothing of a way that is not its own.
#[test]
fn a_message_that_waits_on_one_way_leaves_the_failures_of_others_over() {
    let wrong = ACCOUNTS.replace("with space", "nonsense");
    let route = "[[routes]]\nto = [\"corp.example.com\"]\nvia = \"dead.lab.test\"\n";
    let run = host().relay("hub").answers_text(&format!("{ANSWERS}{wrong}{route}")).sh(&format!(
        "{FUNCTIONS} relayhost apply --no-verify >/dev/null 2>&1; send odd1@example.com a@example.org; await ended 1; sleep 1; postqueue -p | grep -oE '^[0-9A-F]{{6,}}' | postsuper -d - 2>/dev/null
         sed -i 's/password = \"nonsense\"/password = \"with space\"/' /etc/relayhost/answers.toml; relayhost apply --no-verify >/dev/null 2>&1; postfix reload 2>/dev/null
         send odd1@example.com c@example.org; await ended 2; sleep 1; send monitor@op5-system.localdomain b@corp.example.com; await ended 3; sleep 1
         echo '== diagnose'; relayhost diagnose; echo \"exit $?\""
    ));
    let diagnose = words(run.part("diagnose"));
    assert!(diagnose.contains("wrong-password: 1 message"), "{diagnose}");
    assert!(diagnose.contains("; over: smtp.example.com:587 has taken mail since"), "{diagnose}");
    assert!(diagnose.contains("dead.lab.test") && diagnose.contains("exit 4"), "{diagnose}");
}

/// The server of a route relays for nobody without a login, and Postfix returns the mail.
#[test]
fn a_route_that_returns_all_its_mail_is_told() {
    let route = "[[routes]]\nto = [\"partner2.example\"]\nvia = \"second.lab.test:2525\"\n";
    let run = pair_without_fallback(route).sh(&format!(
        "{FUNCTIONS} relayhost apply --no-probe >/dev/null 2>&1; echo \"apply $?\"; for to in a b; do send monitor@op5-system.localdomain $to@partner2.example; done; await ended 3; sleep 1
         echo '== check'; relayhost check; echo \"exit $?\"; relayhost check --nagios; echo \"exit $?\"; echo '== status'; relayhost status"
    ));
    let run = run.says("apply 0");
    let (check, status) = (words(run.part("check")), words(run.part("status")));
    let said = "mail.route mail to partner2.example does not leave through [second.lab.test]:2525: ";
    assert!(check.contains(said) && check.contains("Postfix returned the message to its sender"), "{check}");
    assert!(!check.contains("auth table") && check.contains("a route has no login"), "{check}");
    assert!(check.contains("exit 3 RELAYHOST WARNING - mail.route") && check.ends_with("exit 1"), "{check}");
    assert!(status.contains("does not leave through [second.lab.test]:2525"), "{status}");
}

/// `apply` puts it in force, since the first relay takes all mail.
#[test]
fn a_fallback_relay_that_the_probe_found_refused_stays_named_until_a_probe_ends_well() {
    let wrong = "sed -i 's/password = \"with space\"/password = \"nonsense\"/' /etc/relayhost/answers.toml";
    let right = "sed -i 's/password = \"nonsense\"/password = \"with space\"/' /etc/relayhost/answers.toml";
    let named = "relayhost check | grep -q mail.fallback-refuses; echo $?";
    let recorded = "grep -c relay.fallback /var/lib/relayhost/probes.json";
    let run = pair_with("").sh(&format!(
        "{wrong}; relayhost apply >/dev/null 2>&1; echo \"apply $?\"; echo '== check'; relayhost check; echo \"exit $?\"; echo '== status'; relayhost status
         {right}; echo '== after'; relayhost apply >/dev/null 2>&1; {named}; relayhost check >/dev/null; echo \"exit $?\"
         {wrong}; relayhost apply >/dev/null 2>&1; {named}; {right}; relayhost probe --all >/dev/null; {named}
         relayhost apply >/dev/null 2>&1; {wrong}; relayhost apply >/dev/null 2>&1; {recorded}; sed -i '/^\\[\\[relay.fallback\\]\\]/,/^password/d' /etc/relayhost/answers.toml
         relayhost apply --no-probe >/dev/null 2>&1; {recorded}"
    ));
    let run = run.says("apply 0").never_says("nonsense");
    let (check, status) = (words(run.part("check")), words(run.part("status")));
    for said in [
        "mail.fallback-refuses the fallback relay [second.lab.test]:2525 would not take what those before it cannot: the relay refused",
        "in [[relay.fallback]] number 1",
        "; `relayhost probe --all` clears this",
        "exit 3",
    ] {
        assert!(check.contains(said), "{said} in {check}");
    }
    assert!(!check.contains("mail.route"), "{check}");
    assert!(status.contains("the fallback relay [second.lab.test]:2525 would not take"), "{status}");
    assert_eq!(run.part("after"), "1\nexit 0\n0\n1\n1\n0\n");
}

/// A name with a typo does not come to be by itself.
#[test]
fn the_name_of_a_server_that_dns_does_not_have_stays_named_until_it_is_right() {
    let typo = ACCOUNTS.replace("host = \"mailhub.example.com\"", "host = \"mailhbu.example.com\"");
    let route = "[[routes]]\nto = [\"corp.example.com\"]\nvia = \"mailhbu.corp.example.com\"\n";
    let run = host().relay("hub").answers_text(&format!("{ANSWERS}{typo}{route}")).sh(
        "relayhost apply >/dev/null 2>&1; echo \"apply $?\"; echo '== check'; relayhost check; echo \"exit $?\"
         sed -i 's/mailhbu/mailhub/' /etc/relayhost/answers.toml; echo '== corrected'; relayhost check; echo '== applied'; relayhost apply >/dev/null 2>&1; relayhost check; echo \"exit $?\"",
    );
    let run = run.says("apply 0");
    let check = words(run.part("check"));
    for said in [
        "mail.account mail of odd3@example.com, @lists.example.com would not leave through [mailhbu.example.com]:587: ",
        "mail.route mail to corp.example.com would not leave through [mailhbu.corp.example.com]:25: ",
        "(host-not-found); a probe found that 2",
        "exit 3",
    ] {
        assert!(check.contains(said), "{said} in {check}");
    }
    assert!(!run.part("corrected").contains("would not leave"), "{}", run.part("corrected"));
    assert!(run.part("applied").ends_with("exit 0\n"), "{}", run.part("applied"));
}

/// The relays change places, and messages of before are in the log and in the queue.
#[test]
fn what_a_former_relay_did_is_not_said_of_the_one_in_its_place() {
    let swap = "sed -i 's/smtp.example.com/X/; s/second.lab.test/smtp.example.com/; s/X/second.lab.test/; s/port = 2525/port = 587/; s/tls = \"secure\"/tls = \"encrypt\"\\nport = 2525/' /etc/relayhost/answers.toml";
    let account = "[[senders]]\nfrom = [\"odd3@example.com\"]\n[senders.auth]\nusername = \"odd3@example.com\"\npassword = \"nonsense\"\n";
    let run = pair_with(account).sh(&format!(
        "{FUNCTIONS} relayhost apply --no-probe --no-verify >/dev/null 2>&1; echo \"apply $?\"; send monitor@op5-system.localdomain a@example.org; send odd3@example.com b@example.org; await ended 2; sleep 2
         {swap}; relayhost apply --no-probe --no-verify >/root/out 2>&1; echo \"swap $?\"; cat /root/out; echo '== check'; relayhost check; relayhost watch; echo '== last'; relayhost check | grep incident"
    ));
    let run = run.says("apply 0").says("swap 0");
    let check = words(run.part("check"));
    assert!(check.contains("[second.lab.test]:2525"), "{check}");
    for said in
        ["since [second.lab.test]", "mail.account", "mail.fallback", "does not leave", "incident.open"]
    {
        assert!(!check.contains(said) && !run.part("last").contains(said), "{said} in {check}");
    }
}

/// The message that failed waits, and leaves by the configuration that was put back.
#[test]
fn a_failure_from_before_a_restore_is_over_when_mail_leaves_after_it() {
    let run = host().relay("hub").answers_text(&format!("{ANSWERS}{ACCOUNTS}")).sh(&format!(
        "{FUNCTIONS} relayhost apply >/dev/null 2>&1; echo \"apply $?\"
         sed -i 's/correct horse battery staple/nonsense/; s/password = \"with space\"/password = \"nonsense\"/' /etc/relayhost/answers.toml; relayhost apply --no-probe --no-verify >/dev/null 2>&1; echo \"wrong $?\"
         send monitor@op5-system.localdomain a@example.org; send odd1@example.com b@example.org; await ended 3; sleep 1; echo '== failing'; relayhost check; echo \"exit $?\"
         relayhost restore >/dev/null 2>&1; echo \"restore $?\"; sed -i 's/password = \"nonsense\"/password = \"with space\"/; 0,/with space/s//correct horse battery staple/' /etc/relayhost/answers.toml
         echo '== before'; relayhost check; echo \"exit $?\"; send monitor@op5-system.localdomain c@example.org; send odd1@example.com d@example.org; await ended 5; sleep 1
         echo '== after'; relayhost check; echo \"exit $?\""
    ));
    let run = run.says("apply 0").says("wrong 0").says("restore 0");
    let part = |name: &str| words(run.part(name));
    assert!(
        part("failing").contains("mail does not leave through [smtp.example.com]:587"),
        "{}",
        part("failing")
    );
    assert!(
        part("failing").contains("mail of odd1@example.com does not leave through"),
        "{}",
        part("failing")
    );
    let before = part("before");
    for said in [
        "mail did not leave through [smtp.example.com]:587 before the",
        "mail of odd1@example.com did not leave through",
    ] {
        assert!(before.contains(said), "{said} in {before}");
    }
    let after = part("after");
    assert!(after.contains("mail leaves through [smtp.example.com]:587"), "{after}");
    assert!(!after.contains("not leave") && !after.contains("it is not known"), "{after}");
    assert!(after.ends_with("exit 0"), "{after}");
}

/// The account's relay, the route's server and the fallback relay are away: each is named, as for the mail of everybody.
#[test]
fn an_account_and_a_route_name_the_fallback_relay_that_is_away_too() {
    let more = "[[senders]]\nfrom = [\"odd3@example.com\"]\n[senders.auth]\nusername = \"odd3@example.com\"\npassword = \"#hash#\"\n\
        [[routes]]\nto = [\"corp.example.com\"]\nvia = \"relay.lab.test:2526\"\n";
    let run = pair_with(more).sh(&format!(
        "{LIBRARY} {FUNCTIONS} relayhost apply --no-probe >/dev/null 2>&1; echo \"apply $?\"; n=$(grep -c status= /var/log/maillog)
         down; ip rule add ipproto 6 dport 2525 unreachable; send odd3@example.com a@example.org; send monitor@op5-system.localdomain b@corp.example.com; await ended $((n + 2)); sleep 1
         echo '== check'; relayhost check; echo '== nagios'; relayhost check --nagios; echo '== status'; relayhost status"
    ));
    let run = run.says("apply 0");
    for part in ["check", "nagios", "status"] {
        let said = words(run.part(part));
        for (whose, by) in [
            ("of odd3@example.com", "[smtp.example.com]:0587"),
            ("to corp.example.com", "[relay.lab.test]:2526"),
        ] {
            let own = format!("mail {whose} does not leave through {by}: ");
            let rest = said.split_once(&own).map_or_else(|| panic!("{own}: {said}"), |(_, rest)| rest);
            let own = rest.split_once("; nor through [second.lab.test]:2525: this host has no way");
            let (own, _) = own.unwrap_or_else(|| panic!("{rest}"));
            assert!(own.ends_with(')') && !own.contains(';'), "{own}");
        }
        let remedy = "; and for [second.lab.test]:2525: ";
        assert!(part == "nagios" || said.contains(remedy), "{said}");
    }
}

/// The relay takes from the login its own address alone. What is said is said of the sender that it refuses, and its remedy is typed.
#[test]
fn of_an_account_with_several_senders_the_refused_one_is_named() {
    let account = ACCOUNTS.replace(
        "[\"Odd1@example.com\"]",
        "[\"Odd1@example.com\", \"other@example.com\", \"third@example.com\"]",
    );
    let run = host().relay("hub").answers_text(&format!("{ANSWERS}{account}")).sh(&format!(
        "{FUNCTIONS} relayhost apply >/dev/null 2>&1; echo \"apply $?\"; gone() {{ await grep -q \"to=<$1>.*status=\" /var/log/maillog; sleep 1; }}
         send odd1@example.com a@example.org; gone a@example.org; send other@example.com b@example.org; gone b@example.org
         echo '== check'; relayhost check; echo \"exit $?\"; relayhost check --json >/root/json
         send odd1@example.com c@example.org; gone c@example.org; echo '== still'; relayhost check; echo '== all'; relayhost verify --all; echo \"exit $?\"; relayhost check >/dev/null; echo \"check $?\"
         sed -i 's/^rewrite = {{ /&\"other@example.com\" = \"odd1@example.com\", /' /etc/relayhost/answers.toml; echo '== typed'; relayhost apply >/root/out 2>&1; echo \"apply $?\"
         relayhost verify --all; echo \"exit $?\"; relayhost check >/dev/null; echo \"check $?\"; echo '== json'; cat /root/json"
    ));
    let run = run.says("apply 0");
    for part in ["check", "still"] {
        let said = words(run.part(part));
        assert!(
            said.contains(
                "mail.account mail of other@example.com does not leave through [smtp.example.com]:0587"
            ),
            "{said}"
        );
        assert!(!said.contains("mail of odd1") && !said.contains("third@example.com does"), "{said}");
        assert!(said.contains("sender.rewrite in the answers"), "{said}");
    }
    let all = words(run.part("all"));
    assert!(
        all.contains("odd1@example.com (of 3 senders of that account): [smtp.example.com]:0587 said: 250"),
        "{all}"
    );
    assert!(all.contains("other@example.com (of 3 senders") && all.ends_with("exit 4 check 3"), "{all}");
    let typed = words(run.part("typed"));
    assert!(typed.starts_with("apply 0") && typed.ends_with("exit 0 check 0"), "{typed}");
    let json = run.json("json");
    let ways = json["mail"]["ways"].as_array().unwrap();
    assert_eq!(ways[1]["refused"]["senders"], serde_json::json!(["other@example.com"]), "{ways:#?}");
}

/// The relay refused this sender as one of everybody's, before it had an account.
#[test]
fn an_account_is_not_blamed_for_mail_of_before_it_was_there() {
    let run = host().relay("hub").answers_text(ANSWERS).sh(&format!(
        "{FUNCTIONS} cat >/root/account <<'T'\n{ACCOUNTS}T\n
         relayhost apply >/dev/null 2>&1; echo \"apply $?\"; send odd1@example.com a@example.org; await grep -q 'to=<a@example.org>.*status=' /var/log/maillog; sleep 1.1
         cat /root/account >>/etc/relayhost/answers.toml; relayhost apply >/dev/null 2>&1; echo \"account $?\"; echo '== check'; relayhost check; echo \"exit $?\"
         send odd1@example.com b@example.org; await grep -q 'to=<b@example.org>.*status=' /var/log/maillog; sleep 1; echo '== after'; relayhost check
         echo '== wrong'; sed -i 's/with space/nonsense/' /etc/relayhost/answers.toml; relayhost apply --no-probe >/dev/null 2>&1; send odd1@example.com c@example.org; await grep -q 'to=<c@example.org>.*status=' /var/log/maillog; sleep 1; relayhost check"
    ));
    let run = run.says("apply 0").says("account 0");
    let check = words(run.part("check"));
    assert!(check.ends_with("exit 0") && !check.contains("mail.account"), "{check}");
    assert!(
        words(run.part("after")).contains("[[senders]] of odd1@example.com: 1, the last"),
        "{}",
        run.part("after")
    );
    let wrong = words(run.part("wrong"));
    assert!(wrong.contains("mail.account mail of odd1@example.com does not leave through"), "{wrong}");
}

/// The way to the account's relay is back, and its password is wrong: the fallback relay takes its mail, until that is away.
#[test]
fn an_incident_of_an_account_has_the_cause_and_the_remedy_of_now() {
    let account = "[[senders]]\nfrom = [\"odd3@example.com\"]\n[senders.auth]\nusername = \"odd3@example.com\"\npassword = \"#hash#\"\n";
    let run = pair_with(account).sh(&format!(
        "{LIBRARY} {FUNCTIONS} relayhost apply >/dev/null; echo \"apply $?\"; n=$(grep -c status= /var/log/maillog)
         look() {{ send odd3@example.com ops@example.com; n=$((n + 1)); await ended $n; sleep 1; echo \"== $1\"; relayhost watch --open-after 0s --json; }}
         second='ipproto 6 dport 2525 unreachable'; down; ip rule add $second; look away; postsuper -d ALL 2>/dev/null
         up; ip rule del $second; sed -i 's/:#hash#/:nonsense/' /etc/postfix/sasl_passwd; postmap $TYPE:/etc/postfix/sasl_passwd; cool 2>/dev/null; look instead
         ip rule add $second; look stuck; echo '== check'; relayhost check"
    ));
    let run = run.says("apply 0");
    let mail = |part: &str| {
        let report = run.json(part);
        let open = report["watch"]["open"].as_array().unwrap().clone();
        let one = open.into_iter().find(|one| one["topic"] == "mail");
        let one = one.unwrap_or_else(|| panic!("{part}: {report:#}"));
        ["cause", "remedy"].map(|key| one[key].as_str().unwrap().to_owned())
    };
    let [away, instead, stuck] = ["away", "instead", "stuck"].map(mail);
    let by = "mail of odd3@example.com does not leave through [smtp.example.com]:0587: ";
    assert!(away[0].starts_with(&format!("{by}this host has no way")), "{away:?}");
    assert!(away[1].contains("ip route get"), "{away:?}");
    let later = format!("opened as: {}; later: mail of odd3@example.com ", away[0]);
    assert!(
        instead[0].starts_with(&format!("{later}leaves by [second.lab.test]:2525, since ")),
        "{instead:?}"
    );
    assert!(stuck[0].starts_with(&format!("{later}does not leave through ")), "{stuck:?}");
    for [cause, remedy] in [&instead, &stuck] {
        let (_, now) = cause.split_once("; later: ").unwrap();
        assert!(!now.contains("no-route") || now.contains("[second"), "{now}");
        let own = remedy.split("; and for [second").next().unwrap_or_default();
        assert!(now.contains("password") && !own.contains("ip route get"), "{now} -> {remedy}");
    }
    let check = words(run.part("check"));
    assert!(check.contains(&format!(": {later}does not leave")), "{check}");
}
