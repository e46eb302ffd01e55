//! Access tokens for several logins: everybody's, that of an account of senders and that of a fallback relay, each of an
//! application of its own. The relay takes from each login its own address alone, so what arrives shows who logged in.

use crate::host::{Run, host, project};
use crate::package::packages_are_built;

/// The answers: the tenant of an application says whose mailbox it sends for.
const ANSWERS: &str = "version = 1
[relay]
provider = \"office365\"
tls = \"secure\"
[auth]
mechanism = \"xoauth2\"
username = \"alerts@example.com\"
[auth.oauth]
provider = \"microsoft\"
tenant = \"example.onmicrosoft.com\"
client_id = \"abcdef00-90ab-cdef-1234-567890abcdef\"
flow = \"certificate\"
certificate = \"/etc/relayhost/oauth.pem\"
[[relay.fallback]]
host = \"second.lab.test\"
port = 2525
tls = \"encrypt\"
[relay.fallback.auth]
username = \"odd2@example.com\"
[relay.fallback.auth.oauth]
provider = \"microsoft\"
tenant = \"odd2-sends.example.com\"
client_id = \"12345678-90ab-cdef-1234-567890abcdef\"
flow = \"secret\"
client_secret_file = \"/etc/relayhost/client-secret\"
[[senders]]
from = [\"odd1@example.com\"]
[senders.auth]
username = \"odd1@example.com\"
[senders.auth.oauth]
provider = \"microsoft\"
tenant = \"odd1-sends.example.com\"
client_id = \"12345678-90ab-cdef-1234-567890abcdef\"
flow = \"secret\"
client_secret_file = \"/etc/relayhost/client-secret\"
client_secret_ends = \"2099-01-01\"
[sender]
rewrite = { \"monitor@op5-system.localdomain\" = \"alerts@example.com\" }
[verify]
to = \"ops@example.net\"
";

/// Functions: `send FROM TO`; `ended COUNT`: whether so many attempts are over; `logins`: who logged in where; `of USER TENANT`: the
/// tenant of a login; `all_shown`: the secrets of all logins that a file has; the next hops.
const LIBRARY: &str = r#"
. /lab/tests/lab/scripts/tokens.sh
FIRST='[smtp.office365.com]:587' ACCOUNT='[smtp.office365.com]:0587' SECOND='[second.lab.test]:2525'
send() { printf 'From: %s\nTo: %s\nSubject: alert\n\nx\n' "$1" "$2" | sendmail -f "$1" "$2"; }
ended() { [ "$(grep -cE ' (status=sent|status=deferred|status=bounced)' /var/log/maillog)" -ge "$1" ]; }
logins() { grep -oE 'postfix/[a-z/]*smtpd\[.*sasl_username=.*' /lab/relay-log/mail.log | sed 's/\[[0-9]*\].*sasl_username=/ /' | sort | uniq -c | tr -s ' '; }
of() { sed -i "s/^tenant = \"[^\"]*$1[^\"]*\"/tenant = \"$2\"/" $ANSWERS; }
state() { (cd /etc/postfix && sha256sum main.cf master.cf generic; stat -c '%n %a %U' *); }
down() { ip rule add ipproto 6 dport 587 unreachable; ip -6 rule add ipproto 6 dport 587 unreachable; }
up() { ip rule del ipproto 6 dport 587 unreachable; ip -6 rule del ipproto 6 dport 587 unreachable; }
shown() { for token in $(all_kept) 'lab~secret/with+odd=letters'; do grep -qF -e "$token" "$@" && echo BAD-SHOWN; done; :; }
"#;

fn run(script: &str) -> Run {
    packages_are_built();
    let host = host().relay("xoauth2-pair").answers_text(ANSWERS);
    let run = host
        .bind(&project().join("target/rpm/repo"), "/lab/packages")
        .sh(&format!("{LIBRARY}. /lab/tests/lab/scripts/plugin.sh\n{script}"));
    run.never_says("BAD").never_says("lab~secret")
}

#[test]
fn each_login_has_a_token_of_its_own_and_all_are_renewed() {
    let run = run(r#"state >/root/before; relayhost probe --all >/root/probed; echo "probe $?"; ls /var/lib/relayhost/tokens 2>/dev/null
        relayhost apply >/root/applied 2>&1 || { cat /root/applied; exit 90; }
        echo '== tokens'; all_kept | sort -u | wc -l; for hop in "$FIRST" "$ACCOUNT" "$SECOND"; do all_kept | grep -cxF "$(entry "$hop")"; done; stat -c '%a %U' $TABLE /var/lib/relayhost/tokens/*
        send odd1@example.com a@example.org; send monitor@op5-system.localdomain b@example.org; await ended 3
        down; send monitor@op5-system.localdomain c@example.org; await ended 4; up; relayhost drill >/root/drilled; echo "drill $?"
        echo '== sent'; grep -oE 'to=<[^>]+>, relay=[^[]+|status=[a-z]+' /var/log/maillog | paste -d' ' - - | sort -u
        echo '== logins'; logins
        relayhost verify >/dev/null; echo '== check'; relayhost check >/root/checked; echo "exit $?"; grep -E '^ok +token ' -A1 /root/checked | tr -s ' \n' ' '
        relayhost check --nagios | grep -o 'token_left' ; relayhost check --prometheus | grep 'credential="token"' | sed 's/ .*//'
        reloads() { grep -c reload /var/log/maillog; }
        echo '== renewed'; reloads=$(reloads); all_kept | sort >/root/first; relayhost token; relayhost token --force --show >/root/shown; echo "token $?"; grep -c 'another access token' /root/shown; grep -c '^ *audience' /root/shown
        all_kept | sort | comm -12 - /root/first | wc -l; for hop in "$FIRST" "$ACCOUNT" "$SECOND"; do all_kept | grep -cxF "$(entry "$hop")"; done; echo $(($(reloads) - reloads))
        relayhost check >>/root/checked; echo "check $?"; relayhost history | grep -c before; send odd1@example.com d@example.org; await ended 7; relayhost plan >>/root/checked; relayhost route --from odd1@example.com >>/root/checked; grep -c 'password of this entry is an access token (xoauth2), fetched with' /root/checked
        for token in $(cat /root/first); do grep -qF -e "$token" /root/shown /root/checked /root/applied /root/probed /root/drilled /var/log/maillog && echo BAD-FORMER; done
        shown /root/shown /root/checked /root/applied /root/probed /root/drilled /var/log/maillog
        echo '== json'; relayhost token --json --show; echo '== restored'; relayhost restore 0 >/dev/null 2>&1; echo "restore $?"; state | diff /root/before - && echo as-before"#)
    .exits(0);
    assert!(run.stdout.starts_with("probe 0\n== tokens\n3\n1\n1\n1\n600 root\n600 root\n"), "{}", run.stdout);
    let sent = run.part("sent");
    for line in [
        "to=<a@example.org>, relay=smtp.office365.com status=sent",
        "to=<b@example.org>, relay=smtp.office365.com status=sent",
        "to=<c@example.org>, relay=second.lab.test status=sent",
    ] {
        assert!(sent.contains(line), "{line} in {sent}");
    }
    let logins = run.part("logins");
    for line in
        ["smtpd odd1@example.com", "smtpd alerts@example.com", "postfix/second/smtpd odd2@example.com"]
    {
        assert!(logins.contains(line), "{line} in {logins}");
    }
    let check = run.part("check");
    assert!(check.starts_with("exit 0\n"), "{check}");
    for user in ["alerts", "odd1", "odd2"] {
        assert!(check.contains(&format!("{user}@example.com: lives, and is not due")), "{user}: {check}");
        let line = format!("end_timestamp_seconds{{credential=\"token\",login=\"{user}@example.com\"}}\n");
        assert!(check.contains(&line), "{line}: {check}");
    }
    assert_eq!(check.matches("token_left").count(), 1, "{check}");
    let renewed = run.part("renewed");
    assert!(renewed.contains("odd1@example.com: the access token is not due"), "{renewed}");
    assert!(renewed.ends_with("token 0\n3\n3\n0\n1\n1\n1\n0\ncheck 0\n1\n1\n"), "{renewed}");
    let token = &run.json("json")["token"];
    let logins = token["logins"].as_array().unwrap();
    let names: Vec<_> = logins.iter().filter_map(|login| login["login"].as_str()).collect();
    assert_eq!(names, ["alerts@example.com", "odd2@example.com", "odd1@example.com"], "{token:#}");
    assert_eq!((&token["in_force"], &token["ends"]), (&true.into(), &logins[0]["ends"]), "{token:#}");
    assert_eq!(run.part("restored"), "restore 0\nas-before\n");
}

#[test]
fn a_refused_account_is_named_its_mail_waits_and_the_others_go_on() {
    let run = run(r#"sed -i '/^\[\[relay.fallback/,/^client_secret_file/d' $ANSWERS; of odd1-sends aadsts7000222.example.com; relayhost apply >/root/applied 2>&1; echo "apply $?"; tr -s ' \n' ' ' </root/applied; echo
        echo '== first'; entry "$ACCOUNT" | wc -c; send odd1@example.com a@example.org; send monitor@op5-system.localdomain b@example.org; await ended 3
        for to in a b; do grep -oE "to=<$to@.*status=[a-z]+" /var/log/maillog | sed 's/>.*status=/> /'; done; grep -c 'odd1' /lab/relay-log/mail.log
        echo '== check'; relayhost check >/root/checked; echo "exit $?"; tr -s ' \n' ' ' </root/checked; relayhost check --nagios | grep -o 'token_left=[0-9]*s'
        echo '== token'; first=$(entry "$FIRST"); relayhost token --force >/root/out 2>&1; echo "token $?"; tr -s ' \n' ' ' </root/out; [ "$(entry "$FIRST")" != "$first" ] && echo renewed
        echo '== json'; relayhost token --json; echo '== comes'; of aadsts7000222 odd1-sends.example.com; relayhost token >/dev/null; echo "token $?"; all_kept | grep -cxF "$(entry "$ACCOUNT")"
        postqueue -f; arrived 3 >/dev/null; grep -c 'to=<a@.*status=sent' /var/log/maillog; relayhost check >/dev/null; echo "check $?"; ls /var/lib/relayhost/tokens
        echo '== later'; of odd1-sends aadsts7000215.example.com; token=$(entry "$ACCOUNT"); relayhost apply >/dev/null 2>&1; echo "apply $?"; [ "$(entry "$ACCOUNT")" = "$token" ] && echo 'the one in force stays'
        send odd1@example.com c@example.org; arrived 4 >/dev/null; grep -c 'to=<c@.*status=sent' /var/log/maillog
        echo '== default'; looks >/root/before; of example.onmicrosoft aadsts7000222.example.com; relayhost apply >/root/out 2>&1; echo "apply $?"; looks | cmp /root/before - && echo untouched"#)
    .exits(0);
    let refused =
        "no access token was given for odd1@example.com: the client secret has ended [AADSTS7000222]";
    let applied = run.stdout.split("== first").next().unwrap().to_owned();
    assert!(applied.starts_with("apply 0\n") && applied.contains(refused), "{applied}");
    assert!(applied.contains("mail with that login waits"), "{applied}");
    assert_eq!(run.part("first"), "1\nto=<a@example.org> deferred\nto=<b@example.org> sent\n0\n");
    let check = run.part("check");
    assert!(check.starts_with("exit 3\n"), "{check}");
    assert!(check.contains("odd1@example.com: none was fetched for these answers; to fetch one fails: the client secret has ended"), "{check}");
    assert!(check.contains("alerts@example.com: lives") && check.ends_with("token_left=0s\n"), "{check}");
    let token = run.part("token");
    assert!(token.starts_with("token 4\n") && token.contains(refused), "{token}");
    assert!(
        token.contains("alerts@example.com: another access token") && token.ends_with("renewed\n"),
        "{token}"
    );
    let json = run.json("json");
    assert_eq!((&json["exit"], &json["token"]["in_force"]), (&4.into(), &true.into()), "{json:#}");
    let odd1 = &json["token"]["logins"][1];
    assert!(odd1["failed"]["cause"].as_str().unwrap().contains(refused), "{json:#}");
    assert_eq!(run.part("comes"), "token 0\n1\n1\ncheck 0\naccess.json\n");
    assert_eq!(run.part("later"), "apply 0\nthe one in force stays\n1\n");
    assert_eq!(run.part("default"), "apply 4\nuntouched\n");
}

/// The provider answers for one tenant and not for another, at one host.
#[test]
fn a_tenant_that_gives_no_answer_keeps_no_other_login_waiting() {
    let run = run(r#"relayhost apply >/dev/null 2>&1; echo "apply $?"; of odd2-sends slow.example.com
        first=$(entry "$FIRST") account=$(entry "$ACCOUNT"); relayhost token --force >/root/out 2>&1; echo "token $?"
        [ "$(entry "$FIRST")" != "$first" ] && [ "$(entry "$ACCOUNT")" != "$account" ] && echo 'both renewed'; tr -s ' \n' ' ' </root/out"#);
    run.says("apply 0\ntoken 5\nboth renewed\n").says("odd2@example.com");
}

/// Two persons, each with an account: the login is named where there are several.
#[test]
fn each_person_logs_in_by_name_and_one_login_does_not_drop_the_other() {
    let run = run(r#"sed -i -e 's/^client_id .*/client_id = "fedcba98-90ab-cdef-1234-567890abcdef"/' -e 's/^flow .*/flow = "device"/' -e '/^certificate/d' -e '/^client_secret/d' -e 's/^tenant .*/tenant = "example.onmicrosoft.com"/' $ANSWERS
        sed -i '/^\[\[relay.fallback/,/^flow/d' $ANSWERS
        relayhost login; echo "login $?"; relayhost login --as nobody@example.com; echo "login $?"; relayhost check | tr -s ' \n' ' ' | grep -o '`relayhost login --as [^`]*`' | sort -u
        for who in alerts odd1; do types "$DEVICE $who@example.com" relayhost login --as $who@example.com | grep -E 'logged in for|^exit'; done
        grep -o '"refresh"' /var/lib/relayhost/tokens/logins.json | wc -l; relayhost apply >/dev/null; echo "apply $?"; send odd1@example.com a@example.org; await ended 2
        grep -oE 'sasl_username=.*' /lab/relay-log/mail.log | sort -u; relayhost token --force >/root/out; echo "token $?"; grep -c 'another access token' /root/out; shown /root/out"#)
    .exits(0);
    run.says("login 2\nlogin 2\n`relayhost login --as alerts@example.com`\n`relayhost login --as odd1@example.com`\n")
        .says("logged in for alerts@example.com")
        .says("logged in for odd1@example.com")
        .says("\n2\napply 0\nsasl_username=alerts@example.com\nsasl_username=odd1@example.com\ntoken 0\n2\n")
        .complains("-> `relayhost login --as alerts@example.com`, or `relayhost login --as odd1@example.com`");
}

/// The record of an earlier version has one token.
#[test]
fn the_token_of_an_earlier_version_is_taken_over_without_another_one() {
    let run = run(
        r#"sed -i -e '/^\[\[relay.fallback/,/^client_secret_file/d' $ANSWERS; sed -n '/^\[\[senders/,/^client_secret_ends/p' $ANSWERS >/root/account; sed -i '/^\[\[senders/,/^client_secret_ends/d' $ANSWERS
        relayhost apply >/dev/null || exit 90; first=$(kept); F=/var/lib/relayhost/tokens/access.json
        sed -i 's/"tokens":\[{\([^}]*\)}\]/\1/' $F; cat $F | grep -c tokens; relayhost check >/dev/null; echo "check $?"; relayhost token | grep -c 'not due'
        cat /root/account >>$ANSWERS; relayhost apply >/dev/null; echo "apply $?"; all_kept | wc -l; [ "$(entry "$FIRST")" = "$first" ] && echo 'the same token'; all_kept | grep -cxF "$(entry "$ACCOUNT")"; ls /var/lib/relayhost"#,
    );
    run.exits(0).says("0\ncheck 0\n1\napply 0\n2\nthe same token\n1\n").never_says("damaged");
}

#[test]
fn killed_at_any_system_call_each_login_ends_with_its_own_token() {
    let step = if std::env::var("RELAYHOST_FAULTS").is_ok_and(|much| much == "all") { 1 } else { 7 };
    let run = run(&format!(
        r#"relayhost apply >/dev/null || exit 90; printf '[other]:25 u:p\n' >>$TABLE; postmap $TABLE
        WAYS="$FIRST $ACCOUNT $SECOND" python3 /lab/tests/lab/scripts/token_deaths.py {step}"#
    ));
    let run = run.exits(0);
    let count = run.stdout.split("deaths: ").nth(1).and_then(|rest| rest.split(' ').next());
    assert!(
        count.and_then(|count| count.parse::<u32>().ok()).is_some_and(|count| count >= 10),
        "{}",
        run.stdout
    );
}

#[test]
fn the_certificate_of_each_login_is_made_by_its_name() {
    let run = run(r#"sed -i '/^\[\[relay.fallback/,/^client_secret_file/d; /^client_secret_ends/d' $ANSWERS
        sed -i '/^\[\[senders/,$ { s/^flow .*/flow = "certificate"/; s,^client_secret_file .*,certificate = "/etc/relayhost/odd1.pem", }' $ANSWERS
        relayhost login --new-certificate; echo "several $?"; relayhost login --new-certificate --as nobody@example.com; echo "nobody $?"
        relayhost login --new-certificate --as odd1@example.com | grep -c 'made: /etc/relayhost/odd1.pem'; stat -c '%a %U' /etc/relayhost/odd1.pem
        relayhost login --new-certificate --as odd1@example.com; echo "again $?"; relayhost token >/root/out 2>&1; echo "token $?"; tr -s ' \n' ' ' </root/out"#)
    .exits(0);
    run.says("several 2\nnobody 2\n2\n600 root\nagain 2\n")
        .says("token 4\n")
        .says("alerts@example.com: another access token")
        .says("no access token was given for odd1@example.com")
        .complains("`relayhost login --new-certificate --as alerts@example.com`, or `relayhost login --new-certificate --as odd1@example.com`")
        .complains("the answers name no certificate for that login")
        .complains("`relayhost login --new-certificate --force --as odd1@example.com` makes another one beside it");
}
