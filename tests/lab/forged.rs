//! Whose word a verdict is: about the recipient that was asked for, and nothing that a local user can write. Forgers are
//! real: user 65534, in a loop, by /dev/log or postlog(1), while the message is under way.

mod given_back;

use serde_json::Value;

use crate::host::{AUTHENTICATED, Host, Run, host, read};

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
    format!(
        "relayhost apply --no-verify >/dev/null 2>&1; postconf -e {parameters}; touch -d '-5 seconds' /etc/postfix/main.cf; postfix reload 2>/dev/null; "
    )
}

/// Starts rsyslog anew, and waits until it takes lines.
const RESTART: &str = "kill $(cat /run/rsyslogd.pid); sleep 1; rm -f /run/rsyslogd.pid; rsyslogd -f /etc/rsyslog.conf; for i in {1..50}; do [ -S /dev/log ] && break; sleep 0.1; done; ";
const VERIFY: &str = "echo '== verify'; relayhost verify --json --deadline 20s 2>/dev/null; echo '== queue'; postqueue -p; echo '== end'";

fn cause(report: &Value) -> &str {
    report["delivery"]["cause"]["id"].as_str().unwrap_or("accepted")
}

fn is_proved(run: &Run) -> bool {
    run.stdout.contains("proof.json")
}

// Section 1: about which recipient.

#[test]
fn a_copy_that_the_relay_takes_is_no_acceptance() {
    let rules = "RCPT/ops@/ 550 5.1.1 no such user\nEND 250 2.0.0 Ok\n";
    let bcc_maps = "recipient_bcc_maps=static:archive@example.com";
    for parameters in ["always_bcc=archive@example.com", bcc_maps] {
        for _ in 0..TIMES / 2 {
            let run = scripted(rules).sh(&format!("{}{VERIFY}; find /var/lib/relayhost", set(parameters)));
            let report = run.json("verify");
            assert_eq!((&report["exit"], cause(&report)), (&4.into(), "recipient-refused"), "{report:#}");
            assert!(!is_proved(&run));
        }
    }
}

#[test]
fn a_copy_that_the_relay_refuses_is_no_failure() {
    let rules = "RCPT/archive@/ 550 5.1.1 no such user\nEND 250 2.0.0 Ok\n";
    let run = scripted(rules).sh(&format!(
        "{}{VERIFY}; find /var/lib/relayhost",
        set("always_bcc=archive@example.com smtp_destination_recipient_limit=1")
    ));
    let report = run.json("verify");
    assert_eq!((&report["exit"], cause(&report)), (&0.into(), "accepted"), "{report:#}");
    assert!(is_proved(&run));
}

#[test]
fn a_copy_for_the_host_itself_does_not_take_the_message_out_of_the_queue() {
    for to in ["root@localhost", "root"] {
        let script = format!(
            "postconf -e always_bcc={to}; touch -d '-5 seconds' /etc/postfix/main.cf; relayhost apply; echo \"exit $?\"; ls /lab/mailbox/new | wc -l"
        );
        authenticated().sh(&script).says("exit 0").says("ok   message").never_says("never left this host");
    }
    // And one that waits stays there when the recipient is done.
    let rules = "RCPT/ops@/ 550 5.1.1 no such user\nRCPT/archive@/ 450 4.2.0 full\nEND 250 2.0.0 Ok\n";
    let run = scripted(rules)
        .sh(&format!("{}{VERIFY}", set("always_bcc=archive@example.com smtp_destination_recipient_limit=1")));
    assert_eq!(cause(&run.json("verify")), "recipient-refused");
    assert!(run.part("queue").contains("archive@example.com"), "{}", run.stdout);
}

#[test]
fn of_an_alias_the_relay_has_to_take_all() {
    let alias = |to: &str| {
        format!(
            "{}echo '{to}' >/etc/postfix/virtual; postmap /etc/postfix/virtual; ",
            set("virtual_alias_maps=hash:/etc/postfix/virtual smtp_destination_recipient_limit=1")
        )
    };
    let two = alias("ops@example.com one@example.com, two@example.com");
    let rules = "RCPT/two@/ 550 5.1.1 no such user\nEND 250 2.0.0 Ok\n";
    for _ in 0..TIMES / 2 {
        let report = scripted(rules).sh(&format!("{two}{VERIFY}")).json("verify");
        assert_eq!(&report["exit"], 4, "{report:#}");
    }
    let report = scripted("END 250 2.0.0 Ok\n").sh(&format!("{two}{VERIFY}")).json("verify");
    assert_eq!(cause(&report), "accepted", "{report:#}");
    // With a copy for the host: one of those that the alias stands for never leaves it.
    let copy = alias("ops@example.com ops@example.com, root@localhost");
    let report = scripted("END 250 2.0.0 Ok\n").sh(&format!("{copy}{VERIFY}")).json("verify");
    assert_eq!((&report["exit"], cause(&report)), (&5.into(), "delivered-locally"), "{report:#}");
}

#[test]
fn a_recipient_is_known_in_whatever_way_it_is_written_or_rewritten() {
    let canonical =
        "echo '@example.org ops@example.com' >/etc/postfix/canonical; postmap /etc/postfix/canonical; ";
    for (to, parameters, before) in [
        ("OPS@Example.COM", "always_bcc=root", ""),
        ("ops+test@example.com", "recipient_delimiter=+", ""),
        ("\"o p s\"@example.com", "always_bcc=root", ""),
        ("x@example.org", "recipient_canonical_maps=hash:/etc/postfix/canonical", canonical),
        (
            "x@example.org",
            "recipient_canonical_maps=hash:/etc/postfix/canonical enable_original_recipient=no",
            canonical,
        ),
    ] {
        let script = format!(
            "{before}{}echo '== verify'; relayhost verify --json --deadline 20s --to '{to}' 2>/dev/null; echo '== log'; tail /var/log/maillog",
            set(parameters)
        );
        let run = scripted("END 250 2.0.0 Ok\n").sh(&script);
        assert_eq!(cause(&run.json("verify")), "accepted", "{to}\n{}", run.stdout);
    }
}

// Section 2: whose word.

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
                "{}; relayhost apply; echo \"exit $?\"; kill $forger; for i in {{1..100}}; do [ -n \"$(ls /lab/mailbox/new)\" ] && break; sleep 0.1; done; echo \"arrived $(ls /lab/mailbox/new | wc -l)\"; postconf -h relayhost; find /var/lib/relayhost -name proof.json",
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
    // The machine's own journald, in a host of the lab; where it has none, `scripts/vm logs` is what tries this.
    let list = "ldd /lib/systemd/systemd-journald /usr/bin/journalctl | awk '$3 { print $3 }' | sort -u; echo /lib/systemd/systemd-journald; echo /usr/bin/journalctl";
    let list = std::process::Command::new("bash").args(["-c", list]).output().unwrap();
    let list = String::from_utf8(list.stdout).unwrap();
    let with_journald = |relay: &str| {
        let theirs = |path: &&str| !path.contains("libc.so") && !path.contains("ld-linux");
        list.lines().filter(theirs).fold(authenticated().relay(relay), |host, path| {
            host.bind(&std::fs::canonicalize(path).unwrap_or_else(|_| path.into()), path)
        })
    };
    let start = "kill $(cat /run/rsyslogd.pid); sleep 1; rm -f /var/log/maillog /dev/log; \
                 [ -s /etc/machine-id ] || echo 0123456789abcdef0123456789abcdef >/etc/machine-id; \
                 mkdir -p /run/systemd/journal /run/log/journal/$(cat /etc/machine-id); \
                 mount -t cgroup2 -o ro none /sys/fs/cgroup; /lib/systemd/systemd-journald >/root/journald 2>&1 & \
                 for i in {1..50}; do [ -S /run/systemd/journal/dev-log ] && break; sleep 0.1; done; \
                 ln -s /run/systemd/journal/dev-log /dev/log; postfix stop; postfix start; ";
    let runs = "test -x /lib/systemd/systemd-journald && journalctl --version";
    if !list.contains("libsystemd") || with_journald("submission").sh(runs).code != 0 {
        println!("not tried: this machine has no journald that runs in a host of the lab");
        return;
    }
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
        let run = with_journald(relay).sh(&script);
        let report = run.json("verify");
        assert_eq!(cause(&report), truth, "{relay} {status}: {}", run.stdout);
        assert_ne!(run.part("forged").trim(), "0", "{}", run.stdout);
        assert!(!run.part("diagnosis").contains("FORGED"), "{}", run.part("diagnosis"));
        assert!(run.part("diagnosis").contains("\"author\": \"postfix\""), "{}", run.part("diagnosis"));
    }
}

// A log that is no log.

#[test]
fn what_is_no_file_holds_nobody_up() {
    for make in ["mkfifo", "mkdir", "cp -a /dev/zero", "cp -a /dev/tty", "ln -s /dev/null"] {
        let script = format!(
            "rm /var/log/maillog; {make} /var/log/maillog; for command in check plan diagnose apply verify 'diagnose /var/log/maillog' repair; do timeout 60 relayhost $command >/root/out 2>&1; echo \"$command: $?\"; grep -q 'no file\\|maillog' /root/out && echo named; done; flock -n /run/relayhost.lock true; mv /var/log/maillog /root/odd; relayhost diagnose >/dev/null 2>&1; echo \"$?\""
        );
        let run = authenticated().sh(&script);
        println!("{make}: {}", run.stdout.replace('\n', " "));
        assert!(!run.stdout.contains(": 124"), "{make}: {}", run.stdout);
        for command in ["apply", "verify", "repair"] {
            assert!(!run.stdout.contains(&format!("{command}: 0\n")), "{make}: {}", run.stdout);
        }
    }
    // A pipe that somebody names is read.
    authenticated()
        .sh("relayhost apply >/dev/null; relayhost diagnose <(cat /var/log/maillog); echo \"exit $?\"; mkfifo /tmp/nobody; timeout 10 relayhost diagnose /tmp/nobody; echo \"exit $?\"")
        .says("exit 0")
        .says("exit 1");
}

#[test]
fn a_log_of_ten_gigabytes_is_followed_at_once_and_diagnosed_in_time() {
    // Sparse: rsyslog appends behind the hole, as it does behind a log of that size; what is there is found.
    let run = authenticated().sh(&format!(
        "{}truncate -s 10G /var/log/maillog; {VERIFY}; postconf -e relayhost=[relay.lab.test]:2; postfix reload; echo x | mail -s x ops@example.com; sleep 2; echo '== took'; (time timeout 60 relayhost diagnose) 2>&1; echo \"exit $?\"",
        set("always_bcc=")
    ));
    let report = run.json("verify");
    assert_eq!(cause(&report), "accepted", "{}", run.stdout);
    assert!(report["delivery"]["seconds"].as_f64().unwrap() < 5.0, "{report:#}");
    println!("{}", run.part("took"));
    assert!(
        run.part("took").contains("connection-refused") && run.part("took").contains("exit 4"),
        "{}",
        run.stdout
    );
    assert!(run.part("took").contains("every user of this host can write to that log"), "{}", run.stdout);
}

#[test]
fn the_examples_of_the_documentation_name_what_a_verdict_rests_on() {
    let docs = read("docs/what-it-does.md") + &read("docs/diagnose.md");
    for id in ["log-contradicts-queue", "log-incomplete"] {
        assert!(docs.contains(id), "{id}");
    }
}

#[test]
fn a_diagnosis_without_a_log_says_that_nothing_can_be_said() {
    for make in [
        "mkfifo /var/log/maillog",
        "mkdir /var/log/maillog",
        "ln -s /dev/null /var/log/maillog",
        ": >/var/log/maillog",
        "true",
    ] {
        let run = authenticated().sh(&format!(
            "relayhost apply >/dev/null; echo \"apply $?\"; kill $(cat /run/rsyslogd.pid); sleep 0.5; rm -f /var/log/maillog; {make}
             relayhost diagnose | tr -s ' \\n' ' '; echo \"exit ${{PIPESTATUS[0]}}\"; relayhost diagnose --queue-id 4C2058F 2>&1; echo \"one $?\""
        ));
        run.says("nothing can be said: no log could be read")
            .says("apply 0\n")
            .says("exit 1\n")
            .says("one 1\n")
            .says("could not be read: ")
            .says("logger -p mail.info hello")
            .never_says("no failure found");
    }
}

#[test]
fn the_remedy_for_a_log_that_is_no_file_ends_at_a_log() {
    let run = authenticated().sh(&format!(
        "kill $(cat /run/rsyslogd.pid); sleep 0.5; rm /var/log/maillog; mkfifo /var/log/maillog; relayhost verify; echo \"before $?\"
         mv /var/log/maillog /var/log/maillog.away; {RESTART}ls /var/log/maillog; relayhost apply >/dev/null; echo \"after $?\""
    ));
    run.complains("`mv /var/log/maillog /var/log/maillog.away`")
        .never_says("before 0\n")
        .never_says("\n/var/log/maillog\n")
        .says("after 0\n");
}
