//! Whose word a verdict is: about the recipient that was asked for, and nothing that a local user can write. Forgers are
//! real: user 65534, in a loop, by /dev/log or postlog(1), while the message is under way.

mod given_back;
mod lost;
mod no_file;
mod recipient;

use serde_json::Value;

use crate::host::{AUTHENTICATED, Host, Run, host, read};
use crate::journald;

/// Races are run so often.
const TIMES: usize = 6;
/// And what is no race, or the same race again, so often.
const FEW: usize = 2;

/// As user 65534, until it is killed.
fn forger(way: &str, status: &str) -> String {
    format!(
        "setpriv --reuid 65534 --regid 65534 --clear-groups python3 /lab/tests/lab/scripts/forge.py {way} {status} & forger=$!"
    )
}

fn authenticated() -> Host {
    host().answers(AUTHENTICATED)
}

/// A relay of these rules.
fn scripted(rules: &str) -> Host {
    authenticated().replies(rules)
}

/// Configures without a message, sets parameters, and has Postfix take them at once: it waits for a file younger than
/// two seconds.
fn set(parameters: &str) -> String {
    format!("relayhost apply --no-verify >/dev/null 2>&1; postconf -e {parameters}; cool 2>/dev/null; ")
}

const RESTART: &str = "restart_rsyslog; ";
const VERIFY: &str = "echo '== verify'; relayhost verify --json --deadline 20s 2>/dev/null; echo '== queue'; postqueue -p; echo '== end'";

fn cause(report: &Value) -> &str {
    report["delivery"]["cause"]["id"].as_str().unwrap_or("accepted")
}

fn is_proved(run: &Run) -> bool {
    run.stdout.contains("proof.json")
}

/// Forges while `verify` runs, and asserts that nothing came of it but, at most, no verdict. How often there was none.
fn forge(relay: impl Fn() -> Host, times: usize, way: &str, status: &str, truth: (i64, &str)) -> usize {
    let postlog = if way == "postlog" {
        "postconf -e maillog_file=/var/log/postfix.log; postfix stop 2>/dev/null; postfix start 2>/dev/null; "
    } else {
        ""
    };
    let mut none = 0;
    for _ in 0..times {
        let run = relay().sh(&format!(
            "{postlog}{}{}; {VERIFY}; kill $forger; find /var/lib/relayhost",
            set("always_bcc="),
            forger(way, status)
        ));
        let report = run.json("verify");
        if cause(&report) == "log-contradicts-queue" {
            none += 1;
            assert_eq!(report["exit"], 5);
            assert!(!is_proved(&run), "{}", run.stdout);
        } else {
            assert_eq!((report["exit"].as_i64().unwrap(), cause(&report)), truth, "{report:#}");
            assert!(
                !report["delivery"]["reply"].as_str().unwrap_or_default().contains("FORGED"),
                "{report:#}"
            );
        }
    }
    println!("{way} {status}: {none} of {times} times no verdict");
    none
}

#[test]
fn a_forged_acceptance_is_not_believed() {
    // A relay that takes its time is one that is forged before it speaks.
    let slow = || authenticated().relay("stalls");
    assert_eq!(forge(slow, FEW, "syslog", "sent", (5, "log-contradicts-queue")), FEW);
    assert_eq!(forge(slow, FEW, "postlog", "sent", (5, "log-contradicts-queue")), FEW);
    forge(|| authenticated().relay("throttled"), FEW, "syslog", "sent", (5, "too-many-connections"));
    forge(|| scripted("RCPT 550 5.1.1 no such user\n"), TIMES, "syslog", "sent", (4, "recipient-refused"));
}

#[test]
fn a_forged_refusal_is_not_believed() {
    for way in ["syslog", "postlog"] {
        for status in ["bounced", "deferred"] {
            forge(authenticated, FEW, way, status, (0, "accepted"));
        }
    }
    let stalls = || authenticated().relay("stalls");
    forge(stalls, 1, "syslog", "deferred", (5, "no-word"));
    assert_eq!(forge(stalls, FEW, "syslog", "bounced", (5, "log-contradicts-queue")), FEW);
}

#[test]
fn a_forged_deferral_does_not_hide_what_the_relay_says() {
    let greylist = || authenticated().relay("greylist");
    for status in ["deferred", "bounced", "sent"] {
        forge(greylist, 1, "syslog", status, (0, "accepted"));
    }
}

#[test]
fn a_good_apply_under_forgery_puts_nothing_back_and_deletes_nothing() {
    for status in ["bounced", "deferred", "sent"] {
        for _ in 0..TIMES / 2 {
            let run = authenticated().sh(&format!(
                "{}; relayhost apply; echo \"exit $?\"; kill $forger; echo \"arrived $(arrived)\"; postconf -h relayhost; find /var/lib/relayhost -name proof.json",
                forger("syslog", status)
            ));
            assert!(run.stdout.contains("exit 0") || run.stdout.contains("exit 5"), "{}", run.stdout);
            assert_eq!(run.stdout.contains("exit 0"), is_proved(&run), "{}", run.stdout);
            run.says("arrived 1").says("[smtp.example.com]:587").never_says("taken out of the queue");
        }
    }
}

#[test]
fn a_log_that_can_be_read_helps_no_forger() {
    // It has the Message-ID, once cleanup(8) has logged it.
    let readable = "chmod 644 /var/log/maillog; ";
    let refuses = "RCPT 550 5.1.1 no such user\n";
    for (relay, status, truth) in
        [(refuses, "sent", "recipient-refused"), ("END 250 2.0.0 Ok\n", "bounced", "accepted")]
    {
        let run = scripted(relay).sh(&format!(
            "{}{readable}{}; {VERIFY}; kill $forger",
            set("always_bcc="),
            forger("syslog", status)
        ));
        let report = run.json("verify");
        assert!([truth, "log-contradicts-queue"].contains(&cause(&report)), "{report:#}");
    }
}

#[test]
fn what_is_in_doubt_is_left_as_it_is_and_the_remedy_shows_it() {
    let run = authenticated().relay("stalls").sh(&format!(
        "{}{}; {VERIFY}; kill $forger; id=$(postqueue -p | grep -o '^[0-9A-F]*' | tail -1); echo \"$id\"; echo '== by hand'; grep \"$id\" /var/log/maillog | grep -m1 status=sent",
        set("always_bcc="),
        forger("syslog", "sent")
    ));
    let report = run.json("verify");
    assert_eq!(cause(&report), "log-contradicts-queue", "{report:#}");
    let queue_id = report["delivery"]["queue_id"].as_str().unwrap();
    assert!(run.part("queue").contains(queue_id), "{}", run.stdout);
    let remedy = report["delivery"]["cause"]["remedy"].as_str().unwrap();
    assert!(remedy.contains(&format!("`grep {queue_id} /var/log/maillog`")), "{remedy}");
    assert!(run.part("by hand").contains("250 FORGED"), "{}", run.stdout);
}

#[test]
fn a_log_whose_end_cannot_be_seen_proves_nothing() {
    // What root logs is dropped, and Postfix's lines are not: the line that is waited for never comes.
    let rule =
        format!("sed -i '/^mail/i :msg, contains, \"relayhost waits\" stop' /etc/rsyslog.conf; {RESTART}");
    let run = authenticated()
        .sh(&format!("{}{rule}{VERIFY}; find /var/lib/relayhost; cat /var/log/maillog", set("always_bcc=")));
    let report = run.json("verify");
    assert_eq!(
        (&report["exit"], cause(&report)),
        (&5.into(), "log-incomplete"),
        "{report:#}\n{}",
        run.stdout
    );
    assert!(!is_proved(&run));
}

#[test]
fn repeated_lines_are_taken_for_what_they_are() {
    let reduce = format!(
        "sed -i '1i $RepeatedMsgReduction on' /etc/rsyslog.conf; {RESTART}for i in 1 2 3; do logger -p mail.info -t 'postfix/smtp[9]' 'warning: the same'; done; "
    );
    let run = authenticated().sh(&format!(
        "{}{reduce}{VERIFY}; echo '== again'; relayhost verify --json 2>/dev/null; echo '== log'; cat /var/log/maillog",
        set("always_bcc=")
    ));
    assert_eq!(cause(&run.json("verify")), "accepted", "{}", run.stdout);
    assert_eq!(cause(&run.json("again")), "accepted", "{}", run.stdout);
    assert!(run.part("log").contains("repeated 2 times"), "{}", run.part("log"));
}

#[test]
fn the_journal_knows_who_wrote_what() {
    let Some(start) = journald::start() else { return };
    for (relay, status, truth) in [
        ("submission", "sent", "accepted"),
        ("submission", "bounced", "accepted"),
        ("stalls", "sent", "no-word"),
        ("stalls", "bounced", "no-word"),
    ] {
        let script = format!(
            "{{ {start}{} }} >/root/start 2>&1; {}; {VERIFY}; kill $forger; echo '== forged'; journalctl -q -o cat _UID=65534 | grep -c FORGED; echo '== diagnosis'; relayhost diagnose --json; cat /root/start /root/journald",
            set("always_bcc="),
            forger("syslog", status)
        );
        let run = journald::on(authenticated().relay(relay)).sh(&script);
        let report = run.json("verify");
        assert_eq!(cause(&report), truth, "{relay} {status}: {}", run.stdout);
        assert_ne!(run.part("forged").trim(), "0", "{}", run.stdout);
        assert!(!run.part("diagnosis").contains("FORGED"), "{}", run.part("diagnosis"));
        assert!(run.part("diagnosis").contains("\"author\": \"postfix\""), "{}", run.part("diagnosis"));
    }
}

#[test]
fn the_examples_of_the_documentation_name_what_a_verdict_rests_on() {
    let docs = read("docs/what-it-does.md") + &read("docs/diagnose.md");
    for id in ["log-contradicts-queue", "log-incomplete"] {
        assert!(docs.contains(id), "{id}");
    }
}
