//! Lines that the log has lost: a local user fills its file system while the relay's word is logged, and frees it again.

use serde_json::Value;

use super::{RESTART, Run, VERIFY, cause, is_proved, scripted, set};

const REFUSED: &str = "RCPT after 2s 550 5.1.1 no such user\n";
const ACCEPTED: &str = "RCPT after 2s 250 2.1.5 Ok\nEND 250 2.0.0 Ok\n";
const SENT: &str = "dsn=2.0.0, status=sent (250 2.0.0 FORGED)";
const BOUNCED: &str = "dsn=5.1.1, status=bounced (host smtp.example.com[192.0.2.1] said: 550 5.1.1 FORGED (in reply to RCPT TO command))";

/// Puts /var/log on a file system of its own, of this size, where users have a directory too.
fn own_log(way: &str, size: &str) -> String {
    let restart = match way {
        "postlog" => {
            "postconf -e maillog_file=/var/log/postfix.log; postfix stop 2>/dev/null; postfix start 2>/dev/null; "
        }
        _ => RESTART,
    };
    format!(
        "cp -a /var/log /tmp/log; mount -t tmpfs -o size={size},mode=755 log /var/log; cp -a /tmp/log/. /var/log/; mkdir -m 1777 /var/log/pub; {restart}"
    )
}

/// A run of `verify` while a user fills the log's file system, floods the log, frees it, and forges the end.
fn lose(way: &str, relay: &str, words: &str, flood: u32) -> (Value, Run) {
    let run = scripted(relay).sh(&format!(
        "{}{}setpriv --reuid 65534 --regid 65534 --clear-groups python3 /lab/tests/lab/scripts/fill.py {way} '{words}' {flood} >/tmp/forger 2>&1 & forger=$!
         await grep -q ready /tmp/forger; {VERIFY}; await grep -q freed /tmp/forger; kill $forger; cat /tmp/forger /var/log/maillog /var/log/postfix.log; find /var/lib/relayhost",
        set("always_bcc="),
        own_log(way, "8M")
    ));
    let run = run.says("filled 0").says("freed");
    (run.json("verify"), run)
}

#[test]
fn a_file_system_that_a_user_fills_hides_no_end() {
    for way in ["syslog", "postlog"] {
        for (relay, words, end, truth) in [
            (REFUSED, SENT, "status=bounced (host smtp.example.com", "recipient-refused"),
            (ACCEPTED, BOUNCED, "status=sent (250 2.0.0 Ok)", "accepted"),
        ] {
            let (report, run) = lose(way, relay, words, 0);
            assert!([truth, "log-contradicts-queue"].contains(&cause(&report)), "{report:#}\n{}", run.stdout);
            let truth = |line: &str| line.contains(end) && !line.contains("FORGED");
            assert!(
                run.stdout.lines().any(truth),
                "{way}: the log has lost a line of Postfix\n{}",
                run.stdout
            );
        }
    }
}

#[test]
fn a_log_that_grows_beyond_the_room_kept_for_it_proves_nothing() {
    let (report, run) = lose("syslog", REFUSED, SENT, 2_000_000);
    assert_eq!(
        (&report["exit"], cause(&report)),
        (&5.into(), "log-incomplete"),
        "{report:#}\n{}",
        run.stdout
    );
    assert!(!is_proved(&run));
    run.says("250 2.0.0 FORGED").says("was used up");
}

#[test]
fn a_full_log_is_named_and_the_remedy_mends_it() {
    let run = scripted(ACCEPTED).sh(&format!(
        "{}{}cat /dev/zero >/var/log/pub/x 2>/dev/null; {VERIFY}; find /var/lib/relayhost; echo '== df'; df /var/log; rm /var/log/pub/x; echo '== again'; relayhost verify --json",
        set("always_bcc="),
        own_log("syslog", "2M")
    ));
    let report = run.json("verify");
    assert_eq!((&report["exit"], cause(&report)), (&5.into(), "log-incomplete"), "{report:#}");
    let said = report["delivery"]["cause"].to_string();
    assert!(said.contains("was full") && said.contains("`df /var/log`"), "{said}");
    assert!(run.part("df").contains("100% /var/log"), "{}", run.part("df"));
    assert!(!is_proved(&run) && run.part("queue").contains("is empty"), "{}", run.stdout);
    assert_eq!(run.json("again")["exit"], 0, "{}", run.stdout);
}

#[test]
fn a_log_that_is_turned_over_meanwhile_proves_nothing_and_the_next_one_does() {
    for turn in [
        "mv /var/log/maillog /var/log/maillog.1",
        "cp /var/log/maillog /var/log/maillog.1; : >/var/log/maillog",
    ] {
        let run = scripted(ACCEPTED).sh(&format!(
            "{}(until [ -n \"$(find /var/spool/postfix/active -type f)\" ]; do sleep 0.1; done; sleep 0.5; {turn}; kill -HUP $(cat /run/rsyslogd.pid)) & {VERIFY}; echo '== again'; relayhost verify --json",
            set("always_bcc=")
        ));
        let report = run.json("verify");
        assert_eq!(
            (&report["exit"], cause(&report)),
            (&5.into(), "log-incomplete"),
            "{report:#}\n{}",
            run.stdout
        );
        assert_eq!(run.json("again")["exit"], 0, "{}", run.stdout);
    }
}
