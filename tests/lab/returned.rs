//! Accounts of `[[senders]]` beside a fallback relay that takes only its own login's sender: what it refuses is returned, while
//! without it the message would wait.

use crate::fallback;
use crate::host::{Host, host};

/// The fallback relay logs in as everybody does, at another server, which takes from each login its own address alone.
const ANSWERS: &str = "version = 1\n[relay]\nhost = \"smtp.example.com\"\ntls = \"secure\"\n[auth]\nusername = \"alerts@example.com\"\n\
    password = \"correct horse battery staple\"\n[[relay.fallback]]\nhost = \"mailhub.example.com\"\ntls = \"encrypt\"\n\
    [relay.fallback.auth]\nusername = \"alerts@example.com\"\npassword = \"correct horse battery staple\"\n\
    [sender]\nrewrite = { \"monitor@op5-system.localdomain\" = \"alerts@example.com\" }\n\
    [[senders]]\nfrom = [\"odd1@example.com\"]\n[senders.auth]\nusername = \"odd1@example.com\"\npassword = \"with space\"\n\
    [verify]\nto = \"ops@example.com\"\n";

/// The password of the account becomes a wrong one in the answers. `send`: a message from the account's sender, which has
/// an end when this returns.
const LIBRARY: &str = r#"
spoil() { sed -i 's/password = "with space"/password = "nonsense"/' /etc/relayhost/answers.toml; relayhost apply --no-verify >/dev/null 2>&1; postfix reload 2>/dev/null; }
ended() { grep -E "to=<$1>.* status=" /var/log/maillog >/dev/null; }
send() { printf 'From: odd1@example.com\nSubject: x\n\nx\n' | sendmail -f odd1@example.com "$1"; await ended "$1"; }
"#;

fn answered() -> Host {
    host().relay("hub").answers_text(ANSWERS)
}

/// What is on the screen, as it would stand in one line.
fn words(part: &str) -> String {
    part.split_whitespace().collect::<Vec<_>>().join(" ")
}

const WARNING: &str =
    "fallback-refuses-sender: [mailhub.example.com]:587 takes no mail from odd1@example.com: ";

#[test]
fn a_fallback_that_takes_no_mail_of_an_account_is_told_of_before_any_is_returned() {
    let run = answered().sh("echo '== apply'; relayhost apply; echo \"exit $?\"; echo '== probe'; relayhost probe --all; echo \"exit $?\"
         echo '== json'; relayhost probe --all --json; echo '== logins'; grep -c 'sasl_username=odd1@' /lab/relay-log/mail.log");
    for part in ["apply", "probe"] {
        let said = words(run.part(part));
        assert!(said.contains(WARNING) && said.contains("[[relay.fallback]] number 1"), "{part}: {said}");
        assert!(said.contains("is returned to its sender") && said.ends_with("exit 0"), "{part}: {said}");
    }
    let json = run.json("json");
    assert_eq!(json["probes"].as_array().unwrap().len(), 2, "{json:#}");
    assert_eq!(json["probes"][1]["probe"]["warnings"][0]["id"], "fallback-refuses-sender", "{json:#}");
    // One that takes whatever its login sends is no matter.
    let account = "[[senders]]\nfrom = [\"odd3@example.com\"]\n[senders.auth]\nusername = \"odd3@example.com\"\npassword = \"#hash#\"\n";
    let willing = fallback::pair_with(account).sh("relayhost apply; relayhost probe --all; echo \"exit $?\"");
    assert!(willing.stdout.ends_with("exit 0\n") && !willing.stdout.contains("fallback-refuses-sender"));
}

#[test]
fn check_says_that_mail_was_returned() {
    let run = answered().sh(&format!(
        "{LIBRARY} relayhost apply >/dev/null; spoil; send a@example.org; grep -o 'status=bounced' /var/log/maillog
         echo '== check'; relayhost check; echo \"exit $?\"; echo '== json'; relayhost check --json"
    ));
    let run = run.says("status=bounced");
    let check = words(run.part("check"));
    for said in [
        "mail.account mail of odd1@example.com does not leave through [smtp.example.com]:0587: the relay refused the user name or \
         the password of odd1@example.com (wrong-password); nor through [mailhub.example.com]:587: ",
        "; Postfix returned the message to its sender",
        "[[senders]] of odd1@example.com",
        "exit 3",
    ] {
        assert!(check.contains(said), "{said} in {check}");
    }
    let ways = &run.json("json")["mail"]["ways"];
    assert_eq!(ways[1]["refused"]["returned"], "[mailhub.example.com]:587", "{ways:#}");
}

/// The login of the account is refused, and the fallback refuses its sender: both are told, each with its own table.
#[test]
fn verify_all_blames_the_account_where_the_fallback_refuses_its_sender() {
    let run = answered().sh(&format!(
        "{LIBRARY} relayhost apply >/dev/null; spoil; echo '== all'; relayhost verify --all; echo \"exit $?\"; echo '== json'; relayhost verify --all --json"
    ));
    let all = words(run.part("all"));
    for said in [
        "[smtp.example.com]:0587 does not take it: the relay refused the user name or the password of odd1@example.com; \
         and [mailhub.example.com]:587 does not take it either: ",
        "username and password in [[senders]] of odd1@example.com of the answers",
        "and for [mailhub.example.com]:587: ",
        "ok everybody: ",
        "FAIL odd1@example.com: refused [",
        "exit 4",
    ] {
        assert!(all.contains(said), "{said} in {all}");
    }
    assert!(!all.contains("password of alerts@example.com"), "{all}");
    assert_eq!(run.json("json")["accounts"][0]["delivery"]["accepted"], false);
}

/// A message that a fallback relay took proves nothing of the account's login: by its password, and where its relay is away.
#[test]
fn verify_all_proves_no_login_by_a_message_that_a_fallback_took() {
    let account = "[[senders]]\nfrom = [\"odd3@example.com\"]\nhost = \"mailhub.example.com\"\ntls = \"encrypt\"\n\
        [senders.auth]\nusername = \"odd3@example.com\"\npassword = \"#hash#\"\n";
    let run = fallback::pair_with(account).sh(
        "relayhost apply >/dev/null; sed -i 's/:#hash#$/:nonsense/' /etc/postfix/sasl_passwd; postmap $TYPE:/etc/postfix/sasl_passwd; postfix reload 2>/dev/null
         echo '== wrong'; relayhost verify --all; echo \"exit $?\"; echo '== json'; relayhost verify --all --json
         ip rule add ipproto 6 dport 587 unreachable; ip -6 rule add ipproto 6 dport 587 unreachable
         echo '== away'; relayhost verify --all; echo \"exit $?\"; relayhost verify >/dev/null; echo \"alone $?\"",
    );
    let wrong = words(run.part("wrong"));
    for said in [
        "it left by [second.lab.test]:2525, since [mailhub.example.com]:587 did not take it: the relay refused the user name or the \
         password of odd3@example.com [wrong-password]",
        "remedy correct username and password in [[senders]] of odd3@example.com of the answers",
        "ok everybody: ",
        "FAIL odd3@example.com: not proved: it left by [second.lab.test]:2525",
        "exit 4",
    ] {
        assert!(wrong.contains(said), "{said} in {wrong}");
    }
    let json = run.json("json");
    assert_eq!(
        (&json["exit"], &json["accounts"][0]["delivery"]["accepted"]),
        (&4.into(), &true.into()),
        "{json:#}"
    );
    let away = words(run.part("away"));
    for said in [
        "this host has no way to [mailhub.example.com]:587",
        "this host has no way to [smtp.example.com]:587",
        "FAIL everybody: not proved: it left by [second.lab.test]:2525",
        "exit 5 alone 0",
    ] {
        assert!(away.contains(said), "{said} in {away}");
    }
}
