//! A log that is no file, has no end, or is not there.

use super::{RESTART, VERIFY, authenticated, cause, set};

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
