//! `relayhost login`: typed at on a real terminal, with a person at the pages of an identity provider that nobody here
//! wrote.

use crate::host::{CERTIFICATE, Run, document, host, project};
use crate::package::packages_are_built;

/// Runs a script on a host with the identity provider beside its relay, whose answers have a person log in by a code.
fn run(script: &str) -> Run {
    host()
        .relay("xoauth2")
        .answers(CERTIFICATE)
        .sh(&format!(". /lab/tests/lab/scripts/tokens.sh; person device\n{script}"))
}

/// The same, and the host can install the plugin from the repository of `scripts/rpm`.
fn with_plugin(script: &str) -> Run {
    packages_are_built();
    let host = host().relay("xoauth2").answers(CERTIFICATE);
    host.bind(&project().join("target/rpm/repo"), "/lab/packages").sh(&format!(
        ". /lab/tests/lab/scripts/tokens.sh; . /lab/tests/lab/scripts/plugin.sh; person device\n{script}"
    ))
}

#[test]
fn a_code_that_a_person_types_ends_in_a_message_that_a_token_has_sent() {
    let run = with_plugin(
        r#"looks >/root/before; relayhost apply; echo "apply $?"; looks >/root/after; cmp /root/before /root/after || echo 'BAD touched'
         types "$DEVICE" relayhost login; echo '== files'; stat -c '%n %a %U' /var/lib/relayhost/tokens /var/lib/relayhost/tokens/*; echo '== end'
         relayhost apply; echo "apply $?"; grep -o 'sasl_method=.*' /lab/relay-log/mail.log | sort -u; arrived
         one=$(refresh); first=$(kept); relayhost token --force >/root/out; [ "$(refresh)" != "$one" ] && [ "$(kept)" != "$first" ] && echo rotated
         [ "$(in_table)" = "$(kept)" ] || echo 'BAD not in force'; relayhost verify >>/root/out; echo "verify $?"; relayhost check >>/root/out; echo "check $?"
         relayhost history | grep -c before
         printf '%s op5-system postfix/smtp[77]: 3F2A412345: to=<ops@example.net>, relay=smtp.office365.com[192.0.2.1]:587, delay=1, delays=0/0/1/0, dsn=4.7.8, status=deferred (SASL authentication failed; server smtp.office365.com[192.0.2.1] said: 535 5.7.8 seen %s)\n' "$(date '+%b %e %H:%M:%S')" "$first" >>/var/log/maillog
         relayhost diagnose >/root/log; grep -c '5.7.8 seen' /root/log; cat /root/log >>/root/out; for secret in $one $(refresh) $first $(kept); do grep -qF -e "$secret" /root/out && echo 'BAD shown'; done; :"#,
    );
    let run = run
        .exits(0)
        .never_says("BAD")
        .complains("nobody has logged in yet")
        .complains("-> `relayhost login`");
    assert!(run.part("ended").contains("exit 0\nleft over: 0\n"), "{}", run.stdout);
    assert!(run.part("ended").contains("echo True, lines True, signals True"), "{}", run.stdout);
    let talk = run.stdout.split("== ended").next().unwrap();
    for words in [
        "apply 4\n",
        "  address  https://login.microsoftonline.com/",
        "  code     ",
        "█▀",
        "next: relayhost apply",
    ] {
        assert!(talk.contains(words), "no {words} in {talk}");
    }
    assert_eq!(
        run.part("files"),
        "/var/lib/relayhost/tokens 700 root\n/var/lib/relayhost/tokens/access.json 600 root\n\
         /var/lib/relayhost/tokens/logins.json 600 root\n"
    );
    run.says(
        "apply 0\nsasl_method=XOAUTH2, sasl_username=alerts@example.com\n1\nrotated\nverify 0\ncheck 0\n1\n",
    );
}

/// What a page shows a person: address and code are there before anybody has typed it, and a signal ends the wait.
#[test]
fn the_code_is_a_document_of_the_stream() {
    let run = run("echo '== steps'; timeout 6 relayhost login --json=stream 2>/dev/null; echo '== end'");
    let all: Vec<_> = run.part("steps").lines().map(document).collect();
    let step = &all[0]["progress"];
    assert_eq!((&step["event"], &step["stage"]), (&"invite".into(), &serde_json::Value::Null));
    assert!(step["address"].as_str().unwrap().starts_with("https://login.microsoftonline.com/"), "{step}");
    assert!(!step["code"].as_str().unwrap().is_empty() && step["limit"].as_u64().unwrap() > 60, "{step}");
    assert_eq!(all.last().unwrap()["exit"], 143);
}

#[test]
fn the_address_that_a_browser_ended_at_ends_in_a_message_that_a_token_has_sent() {
    let run = with_plugin(
        r#"google_person; types "browser ended at:	what is this?
browser ended at:	http://localhost/?code=1&state=2
$PAGE" relayhost login; relayhost apply; echo "apply $?"; grep -o 'sasl_method=.*' /lab/relay-log/mail.log | sort -u
         one=$(refresh); relayhost token --force >/dev/null; echo "token $?"; [ "$(refresh)" != "$one" ] && echo rotated"#,
    );
    let run = run.exits(0);
    assert!(run.part("ended").contains("exit 0\nleft over: 0\n"), "{}", run.stdout);
    run.says("there is no code in this address")
        .says("this address is of another login")
        .says("oauth2.googleapis.com has let alerts@example.com in")
        .says("apply 0\nsasl_method=XOAUTH2, sasl_username=alerts@example.com\ntoken 0\nrotated\n");
}

/// Microsoft's page, for tenants that forbid the device code flow.
#[test]
fn a_page_of_microsofts_ends_in_a_message_that_a_token_has_sent() {
    let run = with_plugin(
        r#"person code; types "$PAGE" relayhost login; relayhost apply; echo "apply $?"; grep -o 'sasl_method=.*' /lab/relay-log/mail.log | sort -u
         one=$(refresh); relayhost token --force >/dev/null; echo "token $?"; [ "$(refresh)" != "$one" ] && echo rotated"#,
    );
    let run = run.exits(0);
    assert!(run.part("ended").contains("exit 0\nleft over: 0\n"), "{}", run.stdout);
    run.says("https://login.microsoftonline.com/example.onmicrosoft.com/oauth2/v2.0/authorize?")
        .says("login.microsoftonline.com has let alerts@example.com in")
        .says("apply 0\nsasl_method=XOAUTH2, sasl_username=alerts@example.com\ntoken 0\nrotated\n");
}

/// A provider that revokes a refresh token when it gives another one, and everything when the old one comes once more.
#[test]
fn each_refresh_token_is_used_once_where_the_provider_wants_it() {
    let run = run(
        r#"sed -i -e 's/^provider    *= "microsoft"/provider = "other"/' -e 's,^tenant .*,token_url = "https://identity.lab.test/t/oauth2/v2.0/token"\ndevice_url = "https://identity.lab.test/t/oauth2/v2.0/devicecode"\nscope = "https://outlook.office.com/SMTP.Send offline_access",' $ANSWERS
         types "$DEVICE" relayhost login >/root/out; one=$(refresh); relayhost token --json --force >/root/json; for i in 1 2 3; do relayhost token --force >/dev/null; echo "token $?"; done; relayhost probe >/dev/null
         sed -i "s,\"refresh\":\"[^\"]*\",\"refresh\":\"$one\"," /var/lib/relayhost/tokens/logins.json
         relayhost token --force >/dev/null; echo "token $?"; echo '== json'; cat /root/json"#,
    );
    run.exits(0)
        .says("token 0\ntoken 0\ntoken 0\ntoken 4\n")
        .complains("the grant is no longer good")
        .complains("the one in use lasts until")
        .complains("`relayhost login`")
        .json("json");
}

#[test]
fn a_login_of_other_answers_is_not_used_and_comes_back_with_them() {
    let run = run(r#"types "$DEVICE" relayhost login >/root/out || exit
         tenant other.example.com; relayhost token >/dev/null; echo "token $?"; relayhost apply >/dev/null; echo "apply $?"
         cp $ANSWERS /root/copy.toml; relayhost token --answers /root/copy.toml >/dev/null; tenant example.onmicrosoft.com
         sed -i 's/^username .*/username = "others@example.com"/' $ANSWERS; relayhost token >/dev/null; echo "token $?"
         types "$DEVICE" relayhost login | tr -s '\n ' ' '; echo; sed -i 's/^username .*/username = "alerts@example.com"/' $ANSWERS; relayhost token --force >/dev/null; echo "token $?""#);
    run.exits(0)
        .says("token 4\napply 4\ntoken 4\n")
        .says("\ntoken 0\n")
        .complains(
            "one for another application, tenant, mailbox or scope than that of the answers, and is not used",
        )
        .complains("-> `relayhost login --answers /root/copy.toml`");
}

#[test]
fn a_login_that_comes_to_nothing_says_why_and_keeps_the_one_before() {
    let run = run(r#"types "$DEVICE" relayhost login >/root/out || exit; one=$(refresh)
         for tenant in unheard declines toofast; do tenant $tenant.example.com; begin=$SECONDS; relayhost login; echo "$tenant $?"; done
         grep -c 'toofast.*token' /lab/relay-log/identity.log
         tenant unheard.example.com; types $'~Ctrl-C gives up\t!\\x03' relayhost login | grep -A1 '== ended'
         relayhost login --json >/root/json; echo "json $?"; echo '== json'; cat /root/json; echo '== end'
         tenant aadsts700016.example.com; relayhost login; echo "wrong $?"; [ "$(refresh)" = "$one" ] && echo 'the one before'
         person certificate; sed -i '/^flow /a certificate = "/etc/relayhost/oauth.pem"' $ANSWERS; relayhost login; echo "nobody $?""#);
    let run = run
        .exits(0)
        .says("unheard 4\n")
        .says("declines 4\n")
        .says("toofast 4\n")
        .says("exit 130\n")
        .says("json 4\n")
        .says("wrong 4\nthe one before\n")
        .says("nobody has to log in")
        .says("nobody 0\n")
        .complains("the code has ended before anybody typed it")
        .complains("whoever was asked has declined")
        .complains("there is no such application in this tenant [AADSTS700016]")
        .never_says("lab-declines-device");
    assert_eq!(run.json("json")["exit"], 4);
}

#[test]
fn a_login_without_a_terminal_to_paste_at_is_refused() {
    run("google_person; relayhost login </dev/null; echo \"login $?\"")
        .exits(0)
        .says("login 2\n")
        .complains("there is no terminal to paste the address at");
}

#[test]
fn a_restore_mints_by_the_login_and_without_a_login_says_so() {
    let run = with_plugin(
        r#"types "$DEVICE" relayhost login >/root/out; relayhost apply >/dev/null || exit
         sed -i 's/^rewrite .*/rewrite = { "@op5-system.localdomain" = "alerts@example.com" }/' $ANSWERS; relayhost apply >/dev/null || exit
         first=$(kept); relayhost restore >/dev/null; echo "restore $?"; [ "$(kept)" != "$first" ] && [ "$(in_table)" = "$(kept)" ] && echo 'another token'
         rm /var/lib/relayhost/tokens/logins.json; relayhost restore >/root/out; echo "restore $?"; [ "$(in_table)" = "$(kept)" ] && echo 'the one that is kept'; cat /root/out"#,
    );
    run.exits(0)
        .says("restore 0\nanother token\n")
        .says("restore 0\nthe one that is kept\n")
        .says("nobody has logged in yet");
}

/// Deaths of `token` and of `login`: without the person another token comes, as long as Microsoft, unlike others, takes the
/// refresh token that it gave before.
#[test]
fn killed_at_any_system_call_another_token_comes_without_the_person() {
    let is_all = std::env::var("RELAYHOST_FAULTS").is_ok_and(|much| much == "all");
    let [token, login] = if is_all { [1, 1] } else { [5, 12] };
    let run = run(&format!(
        r#"types "$DEVICE" relayhost login >/root/out; logs_in; relayhost token --force >/dev/null || exit
         for deaths in '{token} token' '{login} login'; do timeout 3000 python3 /lab/tests/lab/scripts/token_deaths.py $deaths; done"#
    ));
    let run = run.exits(0).never_says("BAD");
    let counts = run.stdout.split("deaths: ").skip(1).filter_map(|rest| rest.split(' ').next());
    let counts: Vec<u32> = counts.filter_map(|count| count.parse().ok()).collect();
    assert!(counts.len() == 2 && counts.iter().all(|count| *count >= 6), "{}", run.stdout);
}

/// A password that somebody typed over the token is an edit like any other.
#[test]
fn a_password_that_somebody_wrote_over_the_token_stays() {
    let run = with_plugin(
        r#"types "$DEVICE" relayhost login >/root/out; relayhost apply >/dev/null || exit
         sed -i 's/^\(.*alerts@example.com:\).*/\1geheim47/' $TABLE; postmap $TABLE
         relayhost token --force >/root/out; echo "token $?"; in_table; relayhost apply >/dev/null; echo "apply $?"; in_table
         relayhost apply --force >/dev/null; echo "apply $?"; [ "$(in_table)" = "$(kept)" ] && echo 'the token'; grep -l geheim47 /var/lib/relayhost/generations/*/before/sasl_passwd | wc -l
         relayhost restore >/dev/null; echo "restore $?"; in_table
         relayhost apply --force >/dev/null; sed -i 's/.*alerts@example.com:.*/[smtp.office365.com]:587 alerts@example.com:geheim48/' $TABLE; postmap $TABLE; relayhost restore 0; echo "restore $?"; tr -s "\n " " " </root/out"#,
    );
    run.exits(0)
        .says("by hand, and it stays: `relayhost apply --force`")
        .says("token 0\ngeheim47\napply 3\ngeheim47\n")
        .says("apply 0\nthe token\n1\nrestore 0\ngeheim47\n");
}

#[test]
fn a_certificate_is_made_with_what_is_to_be_done_with_it() {
    let run = run(r#"person certificate; sed -i '/^flow /a certificate = "/etc/relayhost/new.pem"' $ANSWERS
         relayhost login --new-certificate; echo "made $?"; cd /etc/relayhost; stat -c '%n %a %U' new.pem*; openssl x509 -in new.pem.cer -noout -fingerprint | tr -d : ; sum=$(sha256sum new.pem)
         openssl x509 -in new.pem -noout -checkend 62000000 && openssl verify -CAfile new.pem.cer new.pem; grep -c KEY new.pem.cer
         relayhost token 2>/root/out; echo "token $?"; relayhost login --new-certificate; echo "again $?"; relayhost login --new-certificate --force; echo "forced $?"
         [ "$(sha256sum new.pem)" = "$sum" ] && echo 'the old one stays'; cmp -s new.pem new.pem.new && echo SAME-KEY; relayhost login --new-certificate --force --json >/root/json; echo "twice $?"
         rm new.pem.new; relayhost login --new-certificate --force --json >/root/json; echo "json $?"; grep -c BEGIN /root/json; ls -A | grep '^\.'
         echo '== json'; cat /root/json"#);
    let run = run
        .exits(0)
        .never_says("SAME-KEY")
        .says("made 0\nnew.pem 600 root\nnew.pem.cer 644 root\n")
        .says("new.pem: OK\n0\n")
        // The lab's provider knows another certificate.
        .says("token 4\n")
        .says("again 2\n")
        .says("forced 0\nthe old one stays\ntwice 2\njson 0\n0\n")
        .complains("`relayhost login --new-certificate --force` makes another one beside it");
    let shown = |name: &str| {
        let line = run.stdout.lines().find(|line| line.trim_start().starts_with(name)).unwrap();
        line.split_whitespace().last().unwrap().to_owned()
    };
    assert!(run.stdout.contains(&format!("Fingerprint={}", shown("SHA-1"))), "{}", run.stdout);
    let certificate = &run.json("json")["certificate"];
    assert_eq!(
        (&certificate["pair"], &certificate["in_force"]),
        (&"/etc/relayhost/new.pem.new".into(), &false.into())
    );
}

#[test]
fn a_proxy_that_cannot_be_used_is_named() {
    let run = run(
        r#"for value in socks5://127.0.0.1:1080 http://127.0.0.1:99999 'http://me:geheim@'; do HTTPS_PROXY=$value relayhost login; echo "environment $?"; done
         HTTPS_PROXY= relayhost login >/dev/null & sleep 1; kill %1; wait %1; echo "empty $?"
         printf '[network]\nproxy = "http://127.0.0.1:99999"\n' >>$ANSWERS; relayhost login; echo "answers $?""#,
    );
    run.exits(0)
        .says("environment 5\nenvironment 5\nenvironment 5\nempty 143\nanswers 2\n")
        .complains("the environment's HTTPS_PROXY is not the address of a proxy")
        .complains("`http://127.0.0.1:99999` is not the address of a proxy")
        .never_says("geheim");
}
