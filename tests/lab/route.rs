//! `relayhost route` on hosts that people made by hand: it says what the log and the relay then saw of a real message.

use serde_json::Value;

use crate::host::{AUTHENTICATED, Host, Run, host};

/// Prepares a host that delivers, changes it as `setup` says, asks for the route, sends a message as a program does, and
/// shows what became of it: the line of its delivery in the log, the queue, and what the relay has.
const SCRIPT: &str = r"
relayhost apply --no-verify >/dev/null || exit 90
{SETUP}
postfix reload 2>/dev/null
echo '== route'
relayhost route --from monitor@op5-system.localdomain --to {TO} --json
echo '== fate'
printf 'From: monitor@op5-system.localdomain\nTo: {TO}\nSubject: alert\n\nbody\n' |
    sendmail -f monitor@op5-system.localdomain -i {TO}
for i in $(seq 40); do
    grep -Eq 'status=|: hold: |: discard: |milter-reject|warning: connect to Milter|nesting|: table lookup problem|transport unavailable|transport .* unavailable|connect to transport private' /var/log/maillog && break
    sleep 0.2
done
# What passed a filter leaves a moment later.
for i in $(seq 15); do
    if ls /lab/mailbox/new/* >/dev/null 2>&1 || ! grep -q 'status=sent' /var/log/maillog; then break; fi
    sleep 0.2
done
grep -E 'status=|: hold: |: discard: |ilter|nesting|lookup problem|connect to transport' /var/log/maillog | tail -5
echo '== relay'
cat /lab/relay-log/mail.log | grep -E 'sasl_username|from=<' | tail -3
echo '== mailbox'
cat /lab/mailbox/new/* 2>/dev/null
";

fn run(host: Host, setup: &str, to: &str) -> (Value, Run) {
    let run = host.sh(&SCRIPT.replace("{SETUP}", setup).replace("{TO}", to)).never_says("horse battery");
    (run.json("route"), run)
}

fn on(setup: &str) -> (Value, Run) {
    run(host().answers(AUTHENTICATED), setup, "ops@example.com")
}

fn hop<'a>(report: &'a Value, name: &str) -> &'a Value {
    let hops = report["route"]["hops"].as_array().unwrap_or_else(|| panic!("{report:#}"));
    hops.iter().find(|hop| hop["name"] == name).unwrap_or_else(|| panic!("no {name} in {report:#}"))
}

/// The route stops at this hop with these words, and the log has these.
#[track_caller]
fn stops(setup: &str, name: &str, words: &str, log: &str) -> Value {
    let (report, run) = on(setup);
    let faults = hop(&report, name)["faults"].as_array().unwrap();
    let said =
        faults.iter().any(|fault| fault["stops"] == true && fault["text"].as_str().unwrap().contains(words));
    assert!(said && report["exit"] == 3 && report["route"]["leaves"] == false, "{report:#}");
    assert!(run.part("fate").contains(log), "{log}: {}\n{report:#}", run.stdout);
    // A bounce has the subject in it as well.
    assert!(!run.part("mailbox").contains("Delivered-To: ops@example.com"), "{}", run.stdout);
    report
}

/// The message leaves, as the route says: the log has this relay, and the relay this sender.
#[track_caller]
fn leaves(setup: &str) -> (Value, Run) {
    let (report, run) = on(setup);
    let route = &report["route"];
    assert!(report["exit"] == 0 && route["leaves"] == true, "{report:#}");
    let host = route["relay"]["host"].as_str().unwrap();
    let fate = run.part("fate");
    assert!(fate.contains(&format!("relay={host}[")) && fate.contains("status=sent"), "{}", run.stdout);
    let sender = route["seen"]["sender"].as_str().unwrap();
    assert!(run.part("relay").contains(&format!("from=<{sender}>")), "{}\n{report:#}", run.stdout);
    assert!(
        run.part("mailbox").contains(&format!("From: {}", route["seen"]["from"].as_str().unwrap())),
        "{}",
        run.stdout
    );
    (report, run)
}

#[test]
fn a_plain_host_leaves_as_its_route_says() {
    let (report, run) = leaves("true");
    assert_eq!(hop(&report, "transport")["value"], "smtp → [smtp.example.com]:587");
    assert_eq!(hop(&report, "tls")["value"], "secure");
    assert_eq!(report["route"]["relay"]["username"], "alerts@example.com");
    assert!(run.part("relay").contains("sasl_username=alerts@example.com"), "{}", run.stdout);
    let line = hop(&report, "transport")["at"][0]["line"].as_u64().unwrap();
    assert!(line > 1 && hop(&report, "transport")["at"][0]["file"] == "/etc/postfix/main.cf");
}

#[test]
fn what_the_filters_take_is_seen_before() {
    let rule = |action: &str| {
        format!(
            "printf '/^Subject:/ {action}\\n' >/etc/postfix/h; postconf -e header_checks=regexp:/etc/postfix/h"
        )
    };
    stops(&rule("HOLD"), "filter", "holds the message", ": hold: ");
    stops(&rule("DISCARD"), "filter", "throws the message away", ": discard: ");
    stops(
        "postconf -e non_smtpd_milters=inet:127.0.0.1:8891 milter_default_action=tempfail",
        "filter",
        "does not answer",
        "Milter",
    );
    let filter = "postconf -e content_filter=smtp:[127.0.0.1]:10025\n\
                  postconf -M '127.0.0.1:10025/inet=127.0.0.1:10025 inet n - n - - smtpd -o content_filter='\npostfix reload; sleep 1";
    let report = stops(filter, "filter", "TLS is a must", "status=deferred");
    // The remedy, followed by hand, lets mail through.
    let remedy = hop(&report, "filter")["faults"][0]["remedy"].as_str().unwrap();
    let commands: Vec<&str> = remedy.split('`').skip(1).step_by(2).collect();
    let (report, run) = on(&format!("{filter}\n{}", commands.join("\n")));
    assert!(
        report["exit"] == 0 && run.part("mailbox").contains("Subject: alert"),
        "{commands:?} {}",
        run.stdout
    );
}

#[test]
fn the_transport_and_the_next_hop_are_those_of_the_log() {
    stops("postconf -e default_transport=error", "transport", "returns or keeps", "status=bounced");
    stops(
        "postconf -e defer_transports=smtp",
        "transport",
        "qmgr(8) keeps",
        "status=deferred (deferred transport)",
    );
    let table = |name: &str, entry: &str| {
        format!(
            "printf '{entry}\\n' >/etc/postfix/t; postmap hash:/etc/postfix/t; postconf -e {name}=hash:/etc/postfix/t"
        )
    };
    stops(
        &table("transport_maps", "example.com discard:"),
        "transport",
        "throws every message",
        "relay=none",
    );
    let dead = "monitor@op5-system.localdomain [dead.lab.test]:587";
    for name in ["sender_dependent_relayhost_maps", "transport_maps"] {
        let entry = if name == "transport_maps" { "* smtp:[dead.lab.test]:587" } else { dead };
        let (report, run) = on(&table(name, entry));
        assert_eq!(report["route"]["relay"]["host"], "dead.lab.test", "{report:#}");
        assert_eq!(hop(&report, "transport")["at"][0]["table"], "hash:/etc/postfix/t");
        assert!(run.part("fate").contains("dead.lab.test"), "{}", run.stdout);
    }
    stops(
        "sed -i 's/^mydestination.*/mydestination = example.com/' /etc/postfix/main.cf; useradd ops",
        "transport",
        "stays here",
        "relay=local",
    );
}

#[test]
fn the_service_counts_with_its_options() {
    stops("postconf -MX smtp/unix", "service", "no service smtp/unix", "");
    let (report, run) = on("postconf -P smtp/unix/smtp_sasl_auth_enable=no");
    assert_eq!(report["route"]["relay"]["username"], Value::Null);
    assert!(!run.part("relay").contains("sasl_username"), "{}", run.stdout);
    let at = &hop(&report, "login")["at"][0];
    assert_eq!(
        (&at["file"], &at["parameter"]),
        (&"/etc/postfix/master.cf".into(), &"smtp_sasl_auth_enable".into())
    );
    let report = on("postconf -P smtp/unix/smtp_tls_security_level=none").0;
    assert_eq!(hop(&report, "tls")["value"], "none");
}

#[test]
fn the_login_is_the_one_that_the_relay_sees() {
    let bare = "printf 'smtp.example.com alerts@example.com:oldpassword\\n' >>/etc/postfix/sasl_passwd; postmap hash:/etc/postfix/sasl_passwd";
    let (report, run) = on(bare);
    assert_eq!(hop(&report, "login")["at"][0]["key"], "smtp.example.com");
    assert!(run.part("fate").contains("535 5.7.8"), "{}", run.stdout);
}

#[test]
fn the_sender_is_the_one_that_the_relay_sees() {
    let canonical = |classes: &str| {
        format!(
            "printf '/^monitor/ alerts@example.com\\n' >/etc/postfix/c; postconf -e sender_canonical_maps=regexp:/etc/postfix/c \
             sender_canonical_classes={classes}; postconf -X smtp_generic_maps"
        )
    };
    let (report, _) = leaves(&canonical("envelope_sender,header_sender"));
    assert_eq!(report["route"]["seen"]["from"], "alerts@example.com");
    let (report, _) = leaves(&canonical("envelope_sender"));
    assert_eq!(report["route"]["seen"]["from"], "monitor@op5-system.localdomain");
    stops(
        "printf 'a@b.example c@d.example\\nc@d.example a@b.example\\nmonitor@op5-system.localdomain a@b.example\\n' >/etc/postfix/c\n\
         postmap hash:/etc/postfix/c; postconf -e canonical_maps=hash:/etc/postfix/c",
        "rewrite",
        "circle",
        "nesting",
    );
}

/// What `check` says of a host that was changed so: the findings of the way that differ, with their remedies.
fn checked(setup: &str) -> (Vec<(String, String)>, Run) {
    let script =
        "relayhost apply --no-verify >/dev/null || exit 90\n{SETUP}\necho '== check'\nrelayhost check --json";
    let run = host().answers(AUTHENTICATED).sh(&script.replace("{SETUP}", setup));
    let report = run.json("check");
    let all = report["findings"].as_array().unwrap().iter().filter(|finding| {
        finding["state"] == "differs" && finding["id"].as_str().unwrap().starts_with("route.")
    });
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (all.map(|finding| (text(&finding["id"]), text(&finding["remedy"]))).collect(), run)
}

#[test]
fn check_names_the_hop_and_its_remedy_works() {
    assert_eq!(checked("true").0, []);
    for (setup, hop) in [
        ("postconf -P smtp/unix/smtp_tls_security_level=none", "tls"),
        ("postconf -P smtp/unix/smtp_sasl_auth_enable=no", "login"),
        ("postconf -MX smtp/unix", "service"),
        ("postconf -F smtp/unix/chroot=y; rm -f /var/spool/postfix/etc/resolv.conf", "service"),
        ("postconf -e default_transport=error", "transport"),
        ("postconf -e defer_transports=smtp", "transport"),
        (
            "printf '[smtp.example.com]:587 may\\n' >/etc/postfix/l; postmap hash:/etc/postfix/l; postconf -e smtp_tls_policy_maps=hash:/etc/postfix/l",
            "tls",
        ),
        ("postconf -e smtp_tls_policy_maps=hash:/etc/postfix/l", "tls"),
        (
            "printf 'monitor x@bad.example\\n' >/etc/postfix/c; postmap hash:/etc/postfix/c; postconf -e myorigin=op5-system.localdomain sender_canonical_maps=hash:/etc/postfix/c",
            "sender",
        ),
    ] {
        let (found, run) = checked(setup);
        let [(id, remedy)] = found.as_slice() else { panic!("{setup}: {found:?}\n{}", run.stdout) };
        assert_eq!(*id, format!("route.{hop}"), "{setup}: {remedy}");
        // What is in backticks is typed as it stands, where the remedy is commands alone.
        if remedy.starts_with('`') {
            let commands: Vec<&str> = remedy.split('`').skip(1).step_by(2).collect();
            let (left, run) = checked(&format!("{setup}\n{}", commands.join("\n")));
            assert!(left.is_empty(), "{setup}: {commands:?} left {left:?}\n{}", run.stdout);
        }
    }
}

#[test]
fn the_entry_of_a_how_to_goes_unless_another_way_leads_there() {
    let script = r#"
printf 'smtp.example.com alerts@example.com:oldpassword\n# mine\n[other.example.net]:25 u:p\n' >/etc/postfix/sasl_passwd
chmod 600 /etc/postfix/sasl_passwd; postmap hash:/etc/postfix/sasl_passwd
cp /etc/postfix/sasl_passwd /tmp/before
{OTHER}
relayhost apply >/tmp/applied 2>&1; echo "apply $?"
relayhost check >/tmp/checked; echo "check $?"
grep -c '^smtp.example.com ' /etc/postfix/sasl_passwd; grep -c other.example.net /etc/postfix/sasl_passwd
grep -o 'route.login' /tmp/checked
relayhost restore 0 >/dev/null 2>&1; echo "restore $?"
cmp /etc/postfix/sasl_passwd /tmp/before && echo as-before
"#;
    let with = |other: &str| host().answers(AUTHENTICATED).sh(&script.replace("{OTHER}", other));
    let run = with("true").never_says("oldpassword");
    assert_eq!(run.stdout, "apply 0\ncheck 0\n0\n1\nrestore 0\nas-before\n", "{}", run.stderr);
    let other = "printf 'example.net smtp:smtp.example.com\\n' >/etc/postfix/t; postmap hash:/etc/postfix/t; postconf -e transport_maps=hash:/etc/postfix/t";
    let run = with(other);
    assert!(run.stdout.starts_with("apply 4\ncheck 3\n1\n1\nroute.login\n"), "{}", run.stdout);
}

#[test]
fn a_message_that_this_host_stops_is_explained_by_the_hop() {
    for (setup, hop, remedy) in [
        (
            "printf '/^Subject:/ HOLD\\n' >/etc/postfix/h; postconf -e header_checks=regexp:/etc/postfix/h",
            "filter",
            "out of /etc/postfix/h",
        ),
        (
            "printf '/.+/ root@bad.example.org\\n' >/etc/postfix/c; postconf -e sender_canonical_maps=regexp:/etc/postfix/c",
            "sender",
            "out of /etc/postfix/c",
        ),
        (
            "postconf -P smtp/unix/smtp_tls_security_level=none",
            "tls",
            "postconf -PX smtp/unix/smtp_tls_security_level",
        ),
        ("postconf -e default_transport=error", "transport", "postconf -X default_transport"),
    ] {
        let script = format!(
            "relayhost apply --no-verify >/dev/null\n{setup}\npostfix reload 2>/dev/null; sleep 1\n\
             echo '== verify'; relayhost verify --json --deadline 10s"
        );
        let report = host().answers(AUTHENTICATED).sh(&script).json("verify");
        let cause = &report["delivery"]["cause"];
        assert!(cause["remedy"].as_str().unwrap().contains(remedy), "{setup}: {report:#}");
        assert_eq!(cause["id"], format!("route.{hop}"), "{setup}: {report:#}");
    }
}

#[test]
fn who_else_writes_main_cf_is_noted() {
    let (_, run) = checked("sed -i '1i # This file is managed by Puppet. DO NOT EDIT.' /etc/postfix/main.cf");
    run.says("main_cf.managed").says("line 1 says that Puppet writes this file");
}

#[test]
fn bad_input_has_an_answer_in_five_seconds() {
    let script = r#"
relayhost apply --no-verify >/dev/null
took() { local begin=$SECONDS; relayhost route "$@" >/tmp/out 2>&1; echo "exit $?"; [ $((SECONDS - begin)) -le 5 ] || echo SLOW; }
echo '== pattern'
printf '/^(a+)+$/ x\n' >/etc/postfix/r; postconf -e transport_maps=regexp:/etc/postfix/r
took --to "$(printf 'a%.0s' $(seq 60))!@example.com"
postconf -X transport_maps
echo '== options'
{ echo 'smtp unix - - n - - smtp'; for i in $(seq 10000); do echo "  -o x$i=1"; done; grep -v '^smtp *unix' /etc/postfix/master.cf; } >/tmp/m
cat /tmp/m >/etc/postfix/master.cf; took; grep '10000 options' /tmp/out
echo '== address'
took --from '"a b"@c' --to "x'y z@example.com"; took --from '' --to $'a\nb@example.com'; took --from "o'brien@x.org" --to a%b@[192.0.2.1]
echo '== large'
cp /etc/postfix/main.cf /tmp/main.cf
yes '# x' | head -c 50000000 >>/etc/postfix/main.cf; took; cat /tmp/out
"#;
    let run = host().answers(AUTHENTICATED).sh(script);
    assert!(!run.stdout.contains("SLOW"), "{}", run.stdout);
    assert!(run.part("options").contains("10000 options"), "{}", run.stdout);
    assert!(run.part("address").starts_with("exit 2\nexit 2\nexit 0"), "{}", run.stdout);
    assert!(run.part("large").contains("exit 1") && run.part("large").contains("main.cf"), "{}", run.stdout);
}
