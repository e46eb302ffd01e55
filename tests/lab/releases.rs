//! What other releases do, as far as this one can be made to do it: a Postfix that says it is EL7's, a generic with the mode
//! that Postfix's package gives it, a tree without devices, rpm 6.1's second lock, repositories that are gone.

use crate::host::{AUTHENTICATED, host, read};

/// `mail_version` is a parameter like any other: what relayhost asks of an old Postfix is what it says, not what it is.
#[test]
fn an_old_postfix_is_asked_for_nothing_that_it_does_not_have() {
    let answers = read(AUTHENTICATED).replace("port = 587", "port = 465\nimplicit_tls = true");
    let listed = "strace -f -qq -s 200 -e trace=execve -o /root/trace relayhost diagnose >/dev/null; grep -c 'postqueue.*\"-j\"' /root/trace; grep -c 'postqueue.*\"-p\"' /root/trace";
    let run = host().relay("smtps").answers_text(&answers).sh(&format!(
        "relayhost probe >/dev/null; echo \"new $?\"; echo '== new'; {listed}
         postconf -e mail_version=2.10.1; sed -i 's/postqueue -j/postqueue -x/' /usr/sbin/postqueue; echo '== probe'; relayhost probe; echo \"exit $?\"; mv /etc/relayhost/answers.toml /root/; echo '== old'; {listed}
         echo '== init'; echo 'correct horse battery staple' | relayhost init --host smtp.example.com --port 465 \
            --username alerts@example.com --password-stdin --rewrite none --to ops@example.com --output /root/new.toml 2>&1; ls /root/new.toml"
    ));
    let run = run.says("new 0\n").says("exit 5\n");
    assert_eq!(run.part("new"), "1\n0\n", "{run:?}");
    assert_eq!(run.part("old"), "0\n1\n", "{run:?}");
    let probe = run.part("probe");
    assert!(probe.contains("[implicit-tls-impossible]") && probe.contains("port = 587"), "{probe}");
    assert!(!probe.contains("would take"), "{probe}");
    assert!(run.part("init").contains("[implicit-tls-impossible]"), "{run:?}");
    run.complains("cannot access '/root/new.toml'");
}

#[test]
fn generic_keeps_its_mode_and_loses_what_lets_others_write_to_it() {
    let look = "relayhost check >/dev/null; echo \"check $?\"; stat -c %a /etc/postfix/generic /etc/postfix/generic.$DB | tr '\\n' ' '; echo";
    host()
        .answers(AUTHENTICATED)
        .sh(&format!(
            "relayhost apply >/dev/null; {look}
             chmod 644 /etc/postfix/generic*; {look}; relayhost apply | grep -c 'nothing to do'
             chmod 666 /etc/postfix/generic; {look}; relayhost apply --no-verify >/dev/null; {look}
             rm /etc/postfix/generic*; relayhost apply --no-verify --force >/dev/null; {look}"
        ))
        .says(
            "check 0\n644 600 \ncheck 0\n644 644 \n1\ncheck 3\n666 644 \ncheck 0\n644 644 \ncheck 0\n600 600 \n",
        );
}

/// `dnf --installroot` and mock fill a tree before anything makes its devices.
#[test]
fn a_scriptlet_in_a_tree_without_dev_null_records_all_the_same() {
    host()
        .sh(". /lab/tests/lab/scripts/hooks.sh; example; tree=/mnt/tree; fill_tree $tree
             rm -rf $tree/dev $tree/var/lib/relayhost; timeout 60 rpm --root $tree -i --nodeps $one 2>/root/out; echo \"rpm $?\"
             ls $tree/dev 2>/dev/null; ls $tree/var/lib/relayhost/pending; grep -c scriptlet /root/out")
        .says("rpm 0\nop5-alerts.json\n0\n");
}

/// rpm 6.1 writes under a second lock when it takes a key in, and refuses to begin a transaction meanwhile.
#[test]
fn the_lock_of_rpm_s_keys_is_waited_for() {
    host()
        .without("cyrus-sasl-plain")
        .answers(AUTHENTICATED)
        .sh("python3 /lab/tests/lab/scripts/holder.py 3 /var/lib/rpm/.keyring.lock & while [ ! -e /tmp/held ]; do sleep 0.05; done; relayhost apply")
        .exits(0)
        .says("waiting for process ")
        .says("packages: installed cyrus-sasl-plain");
}

#[test]
fn repositories_that_cannot_be_read_are_the_cause_and_not_the_package() {
    host()
        .without("s-nail")
        .answers(AUTHENTICATED)
        .sh("sed -i 's|^baseurl=.*|baseurl=file:///gone|' /etc/yum.repos.d/*.repo; rm -rf /var/cache/dnf; relayhost apply; echo \"exit $?\"")
        .says("exit 1\n")
        .complains("not installed: mail command")
        .complains("no repository could be read")
        .complains("vault.centos.org");
}

/// From 3.10 on Postfix's line about it comes into no log: here it is taken out.
#[test]
fn a_log_without_the_service_that_writes_it_is_named_although_no_log_says_so() {
    let run = host().answers(AUTHENTICATED).sh(
        "relayhost apply >/dev/null; postconf -MX postlog/unix-dgram; postfix stop 2>/dev/null; postconf -e maillog_file=/var/log/maillog
         postfix start 2>/dev/null; sed -i '/missing .postlog/d' /var/log/maillog
         echo '== check'; relayhost check --json; echo '== diagnose'; relayhost diagnose --json; mv /etc/relayhost/answers.toml /root/
         echo '== alone'; relayhost diagnose --json; mv /root/answers.toml /etc/relayhost/
         echo '== mended'; postfix upgrade-configuration >/dev/null 2>&1; postfix start 2>/dev/null; relayhost check --json",
    );
    for (name, there) in [("check", true), ("diagnose", true), ("alone", true), ("mended", false)] {
        let report = run.json(name);
        let findings = report["findings"].as_array().unwrap();
        let found = findings.iter().find(|one| one["id"] == "service.postlog");
        assert_eq!(found.is_some(), there, "{name}: {report:#}");
        assert!(found.is_none_or(|one| one["state"] == "differs"), "{report:#}");
    }
}

/// yum 3 ends with 0, and says first which name it does not know: much of its output comes after that.
#[test]
fn a_name_that_a_package_manager_does_not_know_is_heard_wherever_it_says_so() {
    host()
        .without("s-nail")
        .answers(AUTHENTICATED)
        .sh(r#"printf '#!/bin/sh\nfor last; do :; done\ncase $last in s-nail) exec /usr/bin/dnf "$@" ;; esac\necho "No package $last available."\nseq 100\n' >/usr/bin/dnf5
             chmod 755 /usr/bin/dnf5; relayhost apply --no-verify >/dev/null; echo "exit $?"; command -v mail"#)
        .says("exit 0\n/usr/bin/mail\n");
}
