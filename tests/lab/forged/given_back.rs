//! Ends of a message that no delivery program tells of, and what a forger makes of them: Postfix gives it back, root removes
//! it, a daemon is said to be dead, a retry is said to have failed.

use super::{Host, VERIFY, authenticated, cause, is_proved, scripted, set};

/// As user 65534, for each message of the queue, until it is killed.
fn forge(pause: &str, tag: &str, text: &str) -> String {
    format!(
        "setpriv --reuid 65534 --regid 65534 --clear-groups python3 /lab/tests/lab/scripts/forge_line.py {pause} '{tag}' '{text}' & forger=$!; "
    )
}

const SENT: &str = "{id}: to=<ops@example.com>, relay=smtp.example.com[192.0.2.1]:587, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (250 2.0.0 FORGED)";

/// A milter in the way of all that this host sends.
fn milter(answer: &str, seconds: u32) -> String {
    format!(
        "python3 /lab/tests/lab/scripts/milter.py {answer} {seconds} & milter=$!; sleep 0.3; {}",
        set("non_smtpd_milters=inet:127.0.0.1:8899")
    )
}

const READABLE: &str = "chmod 644 /var/log/maillog; ";

#[test]
fn an_end_of_an_address_that_the_message_has_not_is_none() {
    let bounced = "{id}: to=<zz@example.com>, orig_to=<ops@example.com>, relay=smtp.example.com[192.0.2.1]:587, delay=1, delays=0/0/1/0, dsn=5.1.1, status=bounced (host smtp.example.com[192.0.2.1] said: 550 5.1.1 FORGED)";
    let local = "{id}: to=<zz@example.com>, orig_to=<ops@example.com>, relay=local, delay=1, delays=0/0/1/0, dsn=2.0.0, status=sent (delivered to mailbox)";
    for (relay, tag, text) in [
        ("submission", "postfix/smtp", bounced),
        ("greylist", "postfix/smtp", bounced),
        ("submission", "postfix/local", local),
        ("greylist", "postfix/local", local),
    ] {
        let run = authenticated().relay(relay).sh(&format!(
            "{}sleep 0.5; sed -i 's,^deadline.*,deadline = \"20s\",' /etc/relayhost/answers.toml; relayhost apply; echo \"exit $?\"; kill $forger; for i in {{1..100}}; do [ -n \"$(ls /lab/mailbox/new)\" ] && break; sleep 0.1; done; echo \"arrived $(ls /lab/mailbox/new | wc -l)\"; postconf -h relayhost",
            forge("0", tag, text)
        ));
        assert!(
            run.stdout.contains("exit 0") || run.stdout.contains("log-contradicts-queue"),
            "{}",
            run.stdout
        );
        run.says("arrived 1").says("[smtp.example.com]:587").never_says("taken out of the queue");
    }
    // The relay stalls: the message stays until the deadline.
    let run = authenticated().relay("stalls").sh(&format!(
        "{}{}{VERIFY}; kill $forger",
        set("always_bcc="),
        forge("0", "postfix/local", local)
    ));
    let report = run.json("verify");
    assert_eq!(cause(&report), "no-word", "{report:#}");
}

#[test]
fn what_a_milter_gives_back_is_not_sent_and_is_named() {
    let relay = || authenticated().relay("throttled");
    for forger in [String::new(), READABLE.to_owned() + &forge("0", "postfix/smtp", SENT)] {
        let run = relay().sh(&format!(
            "{}{forger}{VERIFY}; kill $milter $forger; find /var/lib/relayhost; ls /var/spool/postfix/maildrop | wc -l",
            milter("t", 0)
        ));
        let report = run.json("verify");
        assert!(!is_proved(&run), "{}", run.stdout);
        assert_eq!(report["exit"], 5);
        if forger.is_empty() || cause(&report) != "log-contradicts-queue" {
            assert_eq!(cause(&report), "milter-refused", "{report:#}");
            assert_eq!(report["delivery"]["queue"], "taken out", "{report:#}");
        } else {
            let remedy = report["delivery"]["cause"]["remedy"].as_str().unwrap();
            assert!(
                remedy.contains(" maildrop`") && run.part("queue").contains("ops@example.com"),
                "{remedy}"
            );
        }
    }
    let run = relay().sh(&format!("{}{VERIFY}; kill $milter", milter("r", 0)));
    assert_eq!(cause(&run.json("verify")), "milter-refused", "{}", run.stdout);
    let rule = "echo '/^Subject: relayhost test/ REJECT no tests' >/etc/postfix/checks; ";
    let run = relay().sh(&format!("{rule}{}{VERIFY}", set("header_checks=regexp:/etc/postfix/checks")));
    assert_eq!(cause(&run.json("verify")), "rule-refused", "{}", run.stdout);
}

#[test]
fn what_finds_no_room_is_not_sent_and_is_named() {
    let full = "postfix stop 2>/dev/null; mv /var/spool/postfix /var/spool/before; mkdir /var/spool/postfix; mount -t tmpfs -o size=200k,mode=755 t /var/spool/postfix; cp -a /var/spool/before/. /var/spool/postfix/; postfix start 2>/dev/null; sleep 1; room=$(df --output=avail /var/spool/postfix | tail -1); head -c $(( (room - 4) * 1024 )) /dev/zero >/var/spool/postfix/fill; ";
    for forger in [String::new(), READABLE.to_owned() + &forge("0", "postfix/smtp", SENT)] {
        let run = authenticated().relay("throttled").sh(&format!(
            "{}{full}{forger}{VERIFY}; kill $forger; find /var/lib/relayhost",
            set("always_bcc=")
        ));
        let report = run.json("verify");
        assert!(!is_proved(&run), "{}", run.stdout);
        assert!(
            cause(&report) == "disk-full" || !forger.is_empty() && cause(&report) == "log-contradicts-queue",
            "{report:#}"
        );
    }
}

#[test]
fn a_queue_file_that_root_removes_proves_nothing() {
    for take in ["rm -f", "mv -t /root"] {
        let run = scripted("END 451 4.3.0 later\n").sh(&format!(
            "{}{READABLE}( for i in {{1..200}}; do ls /var/spool/postfix/deferred/*/* >/dev/null 2>&1 && break; sleep 0.05; done; sleep 0.5; {take} /var/spool/postfix/deferred/*/*; for i in {{1..20}}; do {}sleep 1; kill $forger; break; done ) & {VERIFY}; find /var/lib/relayhost",
            set("always_bcc="),
            forge("0", "postfix/smtp", SENT)
        ));
        let report = run.json("verify");
        assert!(!is_proved(&run), "{}", run.stdout);
        assert!(["message-removed", "log-contradicts-queue"].contains(&cause(&report)), "{report:#}");
    }
}

#[test]
fn what_an_administrator_did_is_called_by_its_name() {
    let later = || scripted("END 451 4.3.0 later\n");
    let verify = |act: &str| {
        format!(
            "{}( for i in {{1..200}}; do ls /var/spool/postfix/deferred/*/* >/dev/null 2>&1 && break; sleep 0.05; done; sleep 0.3; {act} ) & {VERIFY}",
            set("always_bcc=")
        )
    };
    for (act, id) in
        [("postsuper -r ALL; postsuper -h ALL", "message-requeued"), ("postsuper -d ALL", "message-deleted")]
    {
        let run = later().sh(&verify(act));
        let report = run.json("verify");
        // A message that is requeued has a second queue id soon.
        assert!([id, "log-contradicts-queue"].contains(&cause(&report)), "{act}: {report:#}");
        assert_ne!((act.contains("-r"), cause(&report)), (true, "message-deleted"), "{report:#}");
    }
    // The line of the bounce is in another log.
    let elsewhere = "postfix stop 2>/dev/null; postconf -P smtp/unix/syslog_facility=local3; postfix start 2>/dev/null; sleep 2; ";
    let run =
        scripted("RCPT 550 5.1.1 no such user\n").sh(&format!("{}{elsewhere}{VERIFY}", set("always_bcc=")));
    assert_eq!(cause(&run.json("verify")), "message-returned", "{}", run.stdout);
}

#[test]
fn a_daemon_that_is_said_to_be_dead_ends_nothing() {
    // qmgr stands still for 6 s, as on a slow host. A daemon that has nothing to do does not run.
    for daemon in ["lmtp", "local", "error", "proxymap", "smtp"] {
        let run = authenticated().sh(&format!(
            "{}qmgr=$(pgrep -x qmgr); kill -STOP $qmgr; ( sleep 6; kill -CONT $qmgr ) & {READABLE}{}sleep 0.3; {VERIFY}; kill $forger",
            set("always_bcc="),
            forge("0.3", "postfix/master", &format!("warning: /usr/lib/postfix/sbin/{daemon}: bad command startup -- throttling"))
        ));
        let report = run.json("verify");
        assert_eq!(cause(&report), "accepted", "{daemon}: {report:#}");
    }
}

#[test]
fn a_daemon_that_is_said_to_have_given_up_has_nothing_restarted() {
    // Services that have another name than their program, and two programs.
    let run = authenticated().sh(
        "relayhost apply --no-verify >/dev/null; master=$(cat /var/spool/postfix/pid/master.pid)
         for name in $(postconf -M | awk '$2 == \"unix\" && $1 != $8 { print $1 }') smtp bounce; do
             setpriv --reuid 65534 --regid 65534 --clear-groups logger -p mail.info -t 'postfix/master[9]' \"warning: /usr/lib/postfix/sbin/$name: bad command startup -- throttling\"
             await eval 'tail -1 /var/log/maillog | grep -q throttling'
             postconf -e relayhost=; touch -d '-5 seconds' /etc/postfix/main.cf; relayhost apply --no-verify --no-probe --force | grep -o 'postfix: .* done'
         done; echo \"master $(($(cat /var/spool/postfix/pid/master.pid) - master))\"",
    );
    let told: Vec<&str> = run.stdout.lines().filter(|line| line.starts_with("postfix: ")).collect();
    assert!(told.len() > 5 && told.iter().all(|line| *line == "postfix: reload done"), "{}", run.stdout);
    run.says("master 0");
}

/// showq(8) is at a socket that every user reaches, by postqueue(1). Whoever fills its backlog makes further callers wait.
#[test]
fn a_socket_whose_backlog_a_user_has_filled_holds_no_reload_up() {
    let holder = "import subprocess,time; all=[subprocess.Popen(['postqueue','-p'],stdout=subprocess.PIPE) for _ in range(150)]; time.sleep(100)";
    let run = authenticated().sh(&format!(
        "{{ {}to=$(printf 'someone-with-a-long-name-%s@example.com ' {{1..300}}); for i in {{1..40}}; do echo x | sendmail $to; done; sleep 2
         setpriv --reuid 65534 --regid 65534 --clear-groups python3 -c \"{holder}\" & }} >/dev/null 2>&1
         await eval 'ss -xl | awk \"/public.showq/ {{ full = \\$3 > \\$4 }} END {{ exit !full }}\"'; echo full $?
         setpriv --reuid 65534 --regid 65534 --clear-groups logger -p mail.info -t 'postfix/master[9]' \"warning: /usr/lib/postfix/sbin/showq: bad command startup -- throttling\"
         await eval 'tail -1 /var/log/maillog | grep -q throttling'
         postconf -e relayhost=; touch -d '-5 seconds' /etc/postfix/main.cf; timeout -s KILL 30 relayhost apply --no-verify --no-probe --force; echo \"exit $?\"",
        set("default_process_limit=5 defer_transports=smtp")
    ));
    run.says("full 0").says("postfix: reload done").says("exit 0");
}

#[test]
fn lines_that_repeat_the_reason_hold_no_retry_up() {
    let again = "{id}: to=<ops@example.com>, relay=smtp.example.com[192.0.2.1]:587, delay=1, delays=0/0/1/0, dsn=4.7.1, status=deferred ({why})";
    let run = authenticated().relay("greylist").sh(&format!(
        "{}{}{VERIFY}; kill $forger",
        set("always_bcc="),
        forge("1.5", "postfix/smtp", again)
    ));
    let report = run.json("verify");
    assert_eq!(cause(&report), "accepted", "{report:#}");
    assert!(report["delivery"]["seconds"].as_f64().unwrap() < 12.0, "{report:#}");
}

#[test]
fn a_message_that_cleanup_has_still_holds_nobody_up() {
    let host: fn() -> Host = authenticated;
    let run = host().sh(&format!(
        "{}relayhost verify >/root/out 2>&1 & verify=$!; sleep 3; begin=$(date +%s); kill -TERM $verify; wait $verify; echo \"exit $? after $(( $(date +%s) - begin )) s\"; cat /root/out; kill $milter",
        milter("a", 40)
    ));
    let after = run.stdout.split("exit 143 after ").nth(1).and_then(|rest| rest.split(' ').next());
    assert!(after.unwrap_or_default().parse::<u32>().is_ok_and(|seconds| seconds <= 5), "{}", run.stdout);
    run.says("could not be taken out of the queue");
    let run = host().sh(&format!("{}{}; kill $milter", milter("a", 60), VERIFY.replace("20s", "8s")));
    let report = run.json("verify");
    assert_eq!(cause(&report), "message-not-taken", "{report:#}");
    assert!(report["delivery"]["seconds"].as_f64().unwrap() < 12.0, "{report:#}");
    // And one that takes its time and accepts is good.
    let run = host().sh(&format!("{}{VERIFY}; kill $milter", milter("a", 3)));
    assert_eq!(cause(&run.json("verify")), "accepted", "{}", run.stdout);
}

/// As relayhost-pending.service has it: without the right to trace processes, nobody opens a file of relayhost's by /proc.
#[test]
fn the_queue_file_is_read_without_the_right_to_trace() {
    let without = "setpriv --bounding-set=-sys_ptrace,-sys_rawio --inh-caps=-sys_ptrace,-sys_rawio";
    let verify = VERIFY.replace("relayhost verify", &format!("{without} relayhost verify"));
    for (relay, word) in [("submission", "accepted"), ("stalls", "no-word")] {
        let verify = verify.replace("20s", if word == "accepted" { "20s" } else { "6s" });
        let run = authenticated().relay(relay).sh(&format!("{}{verify}", set("always_bcc=")));
        assert_eq!(cause(&run.json("verify")), word, "{}", run.stdout);
    }
}
