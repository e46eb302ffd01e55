//! `[[relay.fallback]]`: two real relays, each with its own login and TLS policy, and what is said when the second takes mail.

use crate::host::{Host, host};

/// The first relay is smtp.example.com:587, the second second.lab.test:2525 (scripts/lab.d/relays/pair).
const PAIR: &str = "version = 1\n[relay]\nhost = \"smtp.example.com\"\ntls = \"secure\"\n[auth]\nmechanism = \"plain\"\n\
    username = \"alerts@example.com\"\npassword = \"correct horse battery staple\"\n[[relay.fallback]]\n\
    host = \"second.lab.test\"\nport = 2525\ntls = \"encrypt\"\n[relay.fallback.auth]\nusername = \"odd1@example.com\"\n\
    password = \"with space\"\n[sender]\nrewrite = { \"monitor@op5-system.localdomain\" = \"alerts@example.com\" }\n\
    [verify]\nto = \"ops@example.com\"\n";

/// Functions: `down` and `up` for port 587 of all relays, `send TO`, `logins` (who logged in where).
pub const LIBRARY: &str = r#"
down() { ip rule add ipproto 6 dport 587 unreachable; ip -6 rule add ipproto 6 dport 587 unreachable; }
up() { ip rule del ipproto 6 dport 587 unreachable; ip -6 rule del ipproto 6 dport 587 unreachable; }
send() { printf 'Subject: x\n\nx\n' | sendmail -f monitor@op5-system.localdomain "$1"; }
logins() { grep -o 'postfix/[a-z/]*smtpd\[.*sasl_username=.*' /lab/relay-log/mail.log | sed 's/\[[0-9]*\].*sasl_username=/ /'; }
sum() { (cd /etc/postfix; sha256sum main.cf master.cf generic; ls); }
"#;

/// A part of a screen, as it would stand in one line.
pub fn words(part: &str) -> String {
    part.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub fn pair() -> Host {
    pair_with("")
}

/// The same, with more in the answers.
pub fn pair_with(more: &str) -> Host {
    host().relay("pair").answers_text(&format!("{PAIR}{more}"))
}

/// The first relay alone, with more in the answers.
pub fn pair_without_fallback(more: &str) -> Host {
    let (before, rest) = PAIR.split_once("[[relay.fallback]]").unwrap_or_default();
    let after = rest.split_once("[sender]").map_or("", |(_, after)| after);
    host().relay("pair").answers_text(&format!("{before}[sender]{after}{more}"))
}

#[test]
fn each_relay_gets_its_own_login_and_the_second_takes_what_the_first_does_not() {
    let run = pair().sh(&format!(
        "{LIBRARY} sum >/root/before
         echo '== plan'; relayhost plan; echo '== apply'; relayhost apply; echo \"exit $?\"
         echo '== tables'; postconf -h smtp_fallback_relay smtp_tls_policy_maps; for map in sasl_passwd relayhost_tls; do postmap -s $TYPE:/etc/postfix/$map | sort; stat -c '%n %a' /etc/postfix/$map; done
         echo '== first'; logins | uniq; relayhost check >/dev/null; echo \"exit $?\"
         echo '== soft'; send soft@example.com; arrived 2; relayhost check >/dev/null; echo \"check $?\"; logins | tail -1
         down; send ops@example.com; arrived 3 >/dev/null; up
         echo '== warned'; relayhost check; echo \"exit $?\"; relayhost check --nagios; echo \"exit $?\"
         echo '== json'; relayhost check --json
         down; echo '== down'; relayhost verify; echo \"exit $?\"; logins | tail -1
         echo '== verified'; relayhost verify --json; echo '== route'; relayhost route
         echo '== diagnose'; relayhost diagnose; up
         echo '== up'; relayhost verify >/dev/null; echo \"exit $?\"; relayhost check >/dev/null; echo \"exit $?\"
         echo '== restored'; relayhost restore 0 >/dev/null; echo \"exit $?\"; sum | diff /root/before -; echo \"same $?\""
    ));
    let run = run.exits(0);
    let plan = words(run.part("plan"));
    assert!(plan.contains("next (smtp_fallback_relay, by the answers; not in force yet)"), "{plan}");
    assert!(run.part("apply").ends_with("exit 0\n"), "{}", run.part("apply"));
    let tables = run.part("tables");
    for line in [
        "[second.lab.test]:2525\n",
        "[smtp.example.com]:587\talerts@example.com:correct horse battery staple\n",
        "[second.lab.test]:2525\todd1@example.com:with space\n",
        "[smtp.example.com]:587\tsecure\n",
        "[second.lab.test]:2525\tencrypt\n",
        "/etc/postfix/sasl_passwd 600\n",
    ] {
        assert!(tables.contains(line), "{line}{tables}");
    }
    assert_eq!(
        run.part("first"),
        "postfix/smtpd alerts@example.com\npostfix/second/smtpd odd1@example.com\npostfix/smtpd alerts@example.com\nexit 0\n"
    );
    // What a relay says of one mailbox (4.2.0) says nothing of the alerts.
    assert!(run.part("soft").contains("check 0\n"), "{}", run.part("soft"));
    assert!(run.part("soft").ends_with("postfix/second/smtpd odd1@example.com\n"), "{}", run.part("soft"));
    let warned = words(run.part("warned"));
    assert!(warned.contains("mail leaves by [second.lab.test]:2525, since [smtp.example.com]:587 does not"));
    assert!(warned.contains("exit 3 ") && warned.ends_with("exit 1"), "{warned}");
    // Neither IPv4 nor IPv6 leads there; and what clears the finding is told, with the time of the message.
    assert!(warned.contains("(no-route); the message left 2"), "{warned}");
    assert!(warned.contains("`relayhost verify` clears this"), "{warned}");
    let mail = &run.json("json")["mail"];
    assert_eq!(mail["fallback"]["relay"], "[second.lab.test]:2525", "{mail}");
    assert!(mail["fallback"]["reason"].as_str().unwrap().contains("connect to smtp.example.com"), "{mail}");
    let down = run.part("down");
    assert!(down.contains("caveat") && down.contains("it left by [second.lab.test]:2525"), "{down}");
    assert!(down.contains("exit 0\npostfix/second/smtpd odd1@example.com\n"), "{down}");
    let instead = &run.json("verified")["delivery"]["instead_of"];
    assert_eq!(instead["relay"], "[smtp.example.com]:587", "{instead}");
    assert!(instead["cause"]["id"].is_string(), "{instead}");
    assert!(run.part("route").contains("Postfix tries [second.lab.test]:2525 next"), "{}", run.part("route"));
    assert!(run.part("diagnose").contains("connect to smtp.example.com"), "{}", run.part("diagnose"));
    assert_eq!(run.part("up"), "exit 0\nexit 0\n");
    assert_eq!(run.part("restored"), "exit 0\nsame 0\n");
}

#[test]
fn a_wrong_password_that_hides_behind_the_second_relay_is_told() {
    let run = pair().sh(&format!(
        "{LIBRARY} relayhost apply >/dev/null; sed -i 's/:correct horse.*/:another one/' /etc/postfix/sasl_passwd; postmap $TYPE:/etc/postfix/sasl_passwd; cool 2>/dev/null
         echo '== verify'; relayhost verify; echo \"exit $?\"; echo '== check'; relayhost check; echo '== diagnose'; relayhost diagnose
         echo '== log'; cat /var/log/maillog"
    ));
    let run = run.exits(0);
    let verify = run.part("verify");
    assert!(verify.contains("it left by [second.lab.test]:2525") && verify.ends_with("exit 0\n"), "{verify}");
    for part in ["verify", "check", "diagnose"] {
        assert!(
            run.part(part).contains("535 5.7.8") || run.part(part).contains("wrong-password"),
            "{part}: {}",
            run.part(part)
        );
    }
    run.never_says("correct horse").never_says("another one").never_says("with space");
}

#[test]
fn a_wrong_password_of_an_account_that_hides_behind_the_second_relay_is_the_accounts() {
    let account = "[[senders]]\nfrom = [\"odd3@example.com\"]\n[senders.auth]\nusername = \"odd3@example.com\"\npassword = \"nonsense\"\n";
    let run = host().relay("pair").answers_text(&format!("{PAIR}{account}")).sh(&format!(
        "{LIBRARY} relayhost apply >/dev/null; echo \"exit $?\"
         printf 'From: odd3@example.com\nSubject: x\n\nx\n' | sendmail -f odd3@example.com ops@example.com; await grep -q 'relay=second.*status=' /var/log/maillog
         echo '== diagnose'; relayhost diagnose; echo '== check'; relayhost check; echo \"exit $?\"; relayhost check --nagios; echo '== status'; relayhost status"
    ));
    let run = run.says("exit 0").never_says("horse battery");
    let diagnose = words(run.part("diagnose"));
    assert!(diagnose.contains("[[senders]] of odd3@example.com"), "{diagnose}");
    assert!(!diagnose.contains("alerts@example.com"), "{diagnose}");
    let check = words(run.part("check"));
    assert!(check.contains("mail.account mail of odd3@example.com "), "{check}");
    assert!(
        check.contains("exit 3 RELAYHOST WARNING - mail.account") && !check.contains("mail.fallback"),
        "{check}"
    );
    assert!(words(run.part("status")).contains("mail of odd3@example.com"), "{}", run.part("status"));
}

/// The test message fails as the alert did, and is deleted.
#[test]
fn what_the_first_relay_did_is_known_after_a_test_message_that_failed_too() {
    let run = pair().sh(&format!(
        "{LIBRARY} relayhost apply >/dev/null; down; ip rule add ipproto 6 dport 2525 unreachable; send ops@example.com; await grep -q status=deferred /var/log/maillog
         echo '== before'; relayhost check; relayhost verify >/dev/null; echo '== after'; relayhost check; echo \"exit $?\""
    ));
    for part in ["before", "after"] {
        let check = words(run.part(part));
        let said = "mail does not leave through [smtp.example.com]:587: this host has no way to smtp.example.com:587: ";
        assert!(check.contains(said) && check.contains("(no-route); nor through [second"), "{part}: {check}");
    }
    assert!(run.part("after").ends_with("exit 3\n"), "{}", run.part("after"));
}

/// What the second relay is told of a login, where the first is not there. An entry for its bare name, as how-tos have it, would
/// give it the first one's password.
#[test]
fn a_hostile_second_relay_never_sees_the_first_ones_password() {
    const SCRIPT: &str = "LOGIN optional\nAUTH/horse/ 535 5.7.8 seen-of-the-first\nAUTH 235 2.7.0 own-login\nEND 250 2.0.0 taken\n";
    let answers = |login: &str| {
        PAIR.replace("smtp.example.com", "dead.lab.test")
            .replace("second.lab.test", "relay.lab.test")
            .replace(
                "[relay.fallback.auth]\nusername = \"odd1@example.com\"\npassword = \"with space\"\n",
                login,
            )
            .replace("tls = \"secure\"", "tls = \"encrypt\"")
    };
    let own = "[relay.fallback.auth]\nusername = \"odd1@example.com\"\npassword = \"with space\"\n";
    for (login, expected) in [(own, "own-login"), ("", "taken")] {
        let run = host().replies(SCRIPT).answers_text(&answers(login)).sh(&format!(
            "{LIBRARY} echo 'relay.lab.test old@example.com:correct horse battery staple' >/etc/postfix/sasl_passwd
             relayhost apply --no-verify; echo '== sent'; send ops@example.com; await grep -q taken /lab/relay-log/mail.log; cat /lab/relay-log/mail.log
             echo '== log'; grep 'status=' /var/log/maillog"
        ));
        let run = run.exits(0).never_says("seen-of-the-first");
        let sent = run.part("sent");
        assert!(sent.contains(expected), "{sent}");
        assert_eq!(sent.contains("AUTH …"), !login.is_empty(), "{sent}");
        assert!(run.part("log").contains("relay=relay.lab.test"), "{}", run.part("log"));
    }
}

/// As Postfix does: nobody is at the first relay, and the second takes the message.
#[test]
fn apply_goes_by_the_second_while_nobody_is_at_the_first() {
    let run = pair().sh(&format!(
        "{LIBRARY} relayhost apply >/dev/null; echo \"exit $?\"; down; sed -i 's/odd1@example.com/odd2@example.com/; s/with space/co:lon:s/' /etc/relayhost/answers.toml
         echo '== down'; relayhost apply; echo \"exit $?\"; postmap -s $TYPE:/etc/postfix/sasl_passwd | grep -c odd
         ip rule add ipproto 6 dport 2525 unreachable; sed -i 's/second.lab.test/third.lab.test/' /etc/relayhost/answers.toml
         echo '== none'; relayhost apply; echo \"exit $?\"; postconf -h smtp_fallback_relay"
    ));
    let run = run.exits(0);
    let down = run.part("down");
    assert!(down.contains("it left by [second.lab.test]:2525, since [smtp.example.com]:587"), "{down}");
    assert!(down.contains("exit 0\n1\n"), "{down}");
    let none = run.part("none");
    assert!(none.contains("exit 5\n[second.lab.test]:2525\n"), "{none}");
}

#[test]
fn a_login_that_the_second_refuses_is_told_before_anything_is_touched() {
    let run = host()
        .relay("pair")
        .answers_text(&PAIR.replace("with space", "wrong"))
        .sh(&format!("{LIBRARY} relayhost apply; echo \"exit $?\"; logins | sort -u"));
    let run = run.exits(0).says("fallback-refuses: [second.lab.test]:2525 takes no mail");
    assert!(run.stdout.contains("exit 0\n"), "{}", run.stdout);
}

/// A name that leads to this host is found before anything is changed, as smtp(8) looks for it.
#[test]
fn a_name_that_leads_to_this_host_is_refused_with_its_address() {
    let named = PAIR.replace("second.lab.test", "loop.example.com").replace("port = 2525", "port = 25");
    let run = host().relay("pair").answers_text(&named).sh(
        "echo '192.0.2.2 loop.example.com' >> /etc/hosts; postconf -e inet_interfaces=all smtp_host_lookup=dns,native; cp /etc/postfix/main.cf /root/
         relayhost apply; echo \"exit $?\"; cmp /root/main.cf /etc/postfix/main.cf && echo untouched",
    );
    let told = "`loop.example.com` with port 25 (its address is 192.0.2.2) is this host itself";
    run.says("exit 2\nuntouched").complains(told);
}

/// Whatever names this host, where its own Postfix listens, is a loop; a tunnel on another port is none.
#[test]
fn a_next_hop_that_is_this_host_is_refused_with_its_key() {
    let route = |via: &str| format!("{PAIR}[[routes]]\nto = [\"corp.example.com\"]\nvia = {via}\n");
    let second = |host: &str, port: u16| {
        PAIR.replace("second.lab.test", host).replace("port = 2525", &format!("port = {port}"))
    };
    let mut script = "postconf -e inet_interfaces=all; cp /etc/postfix/main.cf /root/\n".to_owned();
    let refused = [
        (second("localhost", 25), "host of [[relay.fallback]]"),
        (second("127.0.0.1", 25), "host of [[relay.fallback]]"),
        (second("::1", 25), "host of [[relay.fallback]]"),
        (second("192.0.2.2", 25), "host of [[relay.fallback]]"),
        (second("op5-system.localdomain", 25), "host of [[relay.fallback]]"),
        (route("\"localhost\""), "via of [[routes]]"),
        (
            PAIR.replace("smtp.example.com", "localhost")
                .replace("tls = \"secure\"", "port = 25\ntls = \"encrypt\""),
            "host of [relay]",
        ),
    ];
    for (number, (answers, _)) in refused.iter().enumerate() {
        script += &format!(
            "(umask 077; cat >/root/{number}.toml <<'END'\n{answers}END\n)\necho '== {number}'; relayhost check --answers /root/{number}.toml; relayhost plan --answers /root/{number}.toml; relayhost apply --answers /root/{number}.toml 2>&1; echo \"exit $?\"\n"
        );
    }
    script += &format!(
        "cmp /root/main.cf /etc/postfix/main.cf || exit 1\n(umask 077; cat >/root/tunnel.toml <<'END'\n{}END\n)\necho '== tunnel'; relayhost apply --no-probe --answers /root/tunnel.toml >/dev/null; echo \"exit $?\"\n",
        second("localhost", 10025)
    );
    let run = host().relay("pair").sh(&script).exits(0);
    for (number, (_, key)) in refused.iter().enumerate() {
        let part = run.part(&number.to_string());
        assert!(part.contains("route.itself") && part.contains(key), "{number}: {part}");
        assert!(part.contains("nothing would be done") && !part.contains("\n1. "), "{number}: {part}");
        assert!(part.contains("is this host itself") && part.ends_with("exit 2\n"), "{number}: {part}");
    }
    assert_eq!(run.part("tunnel"), "exit 0\n");
}

#[test]
fn a_fallback_set_by_hand_is_found() {
    let one = PAIR.split("[[relay.fallback]]").next().unwrap().to_owned()
        + "[sender]\n[verify]\nto = \"ops@example.com\"\n";
    let run = host().relay("pair").answers_text(&one).sh(
        "relayhost apply >/dev/null; echo \"exit $?\"; postconf -e 'smtp_fallback_relay=[other.example.com]:25'; cool 2>/dev/null
         echo '== check'; relayhost check; relayhost apply >/dev/null; echo '== kept'; postconf -h smtp_fallback_relay",
    );
    let run = run.exits(0);
    let check = run.part("check");
    assert!(check.contains("route.fallback") && check.contains("[[relay.fallback]]"), "{check}");
    assert_eq!(run.part("kept"), "[other.example.com]:25\n");
}

#[test]
fn a_fallback_that_the_answers_no_longer_name_goes() {
    let run = pair().sh(
        "relayhost apply >/dev/null; python3 - <<'X'\nimport re\np='/etc/relayhost/answers.toml'\ns=open(p).read()\nopen(p,'w').write(re.sub(r'(?s)\\[\\[relay.fallback\\]\\].*?(?=\\[sender\\])','',s))\nX\n\
         echo '== plan'; relayhost plan; echo '== apply'; relayhost apply; echo \"exit $?\"; echo '== left'; postconf -n smtp_fallback_relay smtp_tls_policy_maps; postmap -s $TYPE:/etc/postfix/sasl_passwd; ls /etc/postfix | grep -c relayhost_; relayhost check >/dev/null; echo \"exit $?\"",
    );
    let run = run.exits(0);
    // What its step takes out is nothing that a person has to mend.
    let plan = run.part("plan");
    assert!(plan.contains("smtp_fallback_relay") && !plan.contains("route.fallback"), "{plan}");
    assert!(!words(plan).contains("tries [second.lab.test]:2525 next"), "{plan}");
    assert_eq!(
        run.part("left"),
        "[smtp.example.com]:587\talerts@example.com:correct horse battery staple\n0\nexit 0\n"
    );
}

#[test]
fn the_login_that_failed_is_named_and_a_route_gets_no_word_that_another_server_gave() {
    let wrong = PAIR.replace("with space", "wrong");
    let routed = format!("{PAIR}[[routes]]\nto = [\"corp.example.com\"]\nvia = \"dead.lab.test\"\n");
    let run = host().relay("pair").answers_text(&wrong).sh(&format!(
        "{LIBRARY} relayhost apply >/dev/null; echo \"exit $?\"; down; echo '== second'; relayhost verify; echo '== check'; relayhost check; up
         cat >/etc/relayhost/answers.toml <<'END'\n{routed}END\nrelayhost apply >/dev/null; echo '== route'; relayhost verify --to a@corp.example.com --json"
    ));
    let run = run.exits(0);
    for part in ["second", "check"] {
        assert!(!run.part(part).contains("password of alerts@"), "{part}: {}", run.part(part));
    }
    assert!(run.part("second").contains("password of odd1@example.com"), "{}", run.part("second"));
    assert!(words(run.part("second")).contains("[[relay.fallback]] number 1"), "{}", run.part("second"));
    let check = words(run.part("check"));
    let at = |text: &str| check.find(text).unwrap_or_else(|| panic!("{text}: {check}"));
    assert!(
        at("through [smtp.example.com]:587: ") < at("(no-route); nor through [second.lab.test]:2525: "),
        "{check}"
    );
    let delivery = &run.json("route")["delivery"];
    assert_eq!(delivery["relay"], "[second.lab.test]:2525", "{delivery:#}");
    assert_eq!(delivery["instead_of"]["relay"], "[dead.lab.test]:25", "{delivery:#}");
}

/// By hand: a look-up by senders, which any user chooses, and a table of TLS policies that lowers the second relay's level.
#[test]
fn what_would_give_a_password_away_is_found_and_mended() {
    let run = pair().sh(&format!(
        "{LIBRARY} relayhost apply >/dev/null; postconf -e smtp_sender_dependent_authentication=yes; printf '[second.lab.test]:2525 none\\n' >/etc/postfix/tp; postmap $TYPE:/etc/postfix/tp
         postconf -e \"smtp_tls_policy_maps=$TYPE:/etc/postfix/tp, $TYPE:/etc/postfix/relayhost_tls\"; cool 2>/dev/null
         echo '== check'; relayhost check; echo \"exit $?\"; relayhost apply --force --no-verify >/dev/null; echo '== now'; postconf -h smtp_sender_dependent_authentication smtp_tls_policy_maps | sed 's/[a-z]*://g'; relayhost check >/dev/null; echo \"exit $?\""
    ));
    let run = run.exits(0);
    let check = run.part("check");
    assert!(
        check.contains("smtp_sender_dependent_authentication") && check.contains("smtp_tls_policy_maps"),
        "{check}"
    );
    assert!(check.ends_with("exit 3\n"), "{check}");
    assert_eq!(run.part("now"), "no\n/etc/postfix/relayhost_tls, /etc/postfix/tp\nexit 0\n");
}

/// A typo in a name does not pass by itself, and neither does a certificate for another name: that is as without the second.
#[test]
fn what_is_wrong_in_the_answers_is_not_hidden_by_the_second_relay() {
    let typo = PAIR.replace("smtp.example.com", "smpt.example.com");
    let edit = "sed -i 's/\"smtp.example.com\"/\"smpt.example.com\"/' /etc/relayhost/answers.toml";
    let run = host().relay("pair").answers_text(&typo).sh(&format!(
        "{LIBRARY} echo '== new'; relayhost apply; echo \"exit $?\"
         sed -i 's/smpt/smtp/' /etc/relayhost/answers.toml; relayhost apply >/dev/null; echo '== good'; echo \"exit $?\"; sum >/root/before
         {edit}; echo '== typo'; relayhost apply; echo \"exit $?\"; relayhost apply --no-probe >/root/out; echo \"exit $?\"; cat /root/out; sum | diff /root/before - && echo same
         sed -i 's/smpt/smtp/' /etc/relayhost/answers.toml; down; sed -i 's/odd1@example.com/odd2@example.com/; s/with space/co:lon:s/' /etc/relayhost/answers.toml
         echo '== down'; relayhost apply >/dev/null; echo \"exit $?\""
    ));
    let run = run.exits(0);
    let new = run.part("new");
    assert!(new.contains("host-not-found") && new.ends_with("exit 5\n"), "{new}");
    assert!(words(new).contains("it left by [second.lab.test]:2525"), "{new}");
    assert_eq!(run.part("good"), "exit 0\n");
    let typo = run.part("typo");
    assert!(typo.contains("\nexit 5\n") && typo.contains("\nexit 7\n"), "{typo}");
    assert!(typo.contains("[host-not-found]") && typo.ends_with("same\n"), "{typo}");
    assert_eq!(run.part("down"), "exit 0\n");
}

/// smtp(8) logs no line about a first relay whose name is gone, if the second takes the message.
#[test]
fn a_first_relay_whose_name_is_gone_is_named_with_a_way_on() {
    let run = pair().sh(&format!(
        "{LIBRARY} relayhost apply >/dev/null; sed -i 's/smtp.example.com/smpt.example.com/' /etc/relayhost/answers.toml
         relayhost apply --no-verify --no-probe >/dev/null; echo '== verify'; relayhost verify; echo \"exit $?\"; echo '== json'; relayhost verify --json
         echo '== check'; relayhost check; echo '== status'; relayhost status"
    ));
    let run = run.exits(0);
    let verify = run.part("verify");
    assert!(verify.contains("host-not-found") && verify.ends_with("exit 0\n"), "{verify}");
    assert!(verify.contains("relay.host in the answers"), "{verify}");
    assert_eq!(run.json("json")["delivery"]["instead_of"]["cause"]["id"], "host-not-found");
    for part in ["check", "status"] {
        let part = run.part(part);
        assert!(part.contains("relayhost probe") && !part.contains("it: the log"), "{part}");
    }
}
