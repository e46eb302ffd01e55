//! Inside real RPM transactions, and after them: nothing hangs, nothing is said, and what was recorded is done.

use crate::host::{AUTHENTICATED, Host, Run, host, read};

const PREPARE: &str = ". /lab/tests/lab/scripts/scriptlets.sh\n";

fn prepared(host: Host, script: &str) -> Run {
    host.sh(&format!("{PREPARE}{script}"))
}

#[test]
fn apply_and_repair_inside_a_scriptlet_are_recorded_and_done_afterwards() {
    let run = prepared(
        host().without("cyrus-sasl-plain").without("s-nail").answers(AUTHENTICATED),
        r#"package typed <<<$'%post\nfor c in "apply --json" repair "apply --answers /root/b/log"; do relayhost $c >/root/out.${c%% *} 2>>/root/err; echo $? >>/root/codes; done'
        relayhost apply --json >/root/out.apply 2>/dev/null </dev/null & wait # a run that is not in a transaction is none of this
        relayhost restore 0 >/dev/null; yum -y -q remove cyrus-sasl-plain s-nail >/dev/null
        timeout 20 rpm -i /root/typed.rpm; echo "rpm $?"; cat /root/codes; waits; cat /root/out.repair; echo "== json"; cat /root/out.apply; echo "== end"
        before=$(mails); relayhost pending >/root/out; echo "pending $?"; echo $(($(mails) - before)) more; waits; rpm -q cyrus-sasl-plain s-nail | grep -c lab; relayhost pending"#,
    );
    let json = run.json("json");
    assert!(json["exit"] == 6 && json["deferred"]["holder"].as_str().unwrap().contains("rpm"), "{json:#}");
    run.says("rpm 0\n6\n6\n")
        .says("@typed.json \n")
        .says("deferred: process ")
        .says("call `relayhost pending` when the transaction is over")
        .says("pending 0\n1 more\n\n2\nnothing waits\n");
}

#[test]
fn pending_waits_for_the_lock_and_does_not_take_it() {
    let run = prepared(
        host().without("cyrus-sasl-plain").answers(AUTHENTICATED),
        r#"rpm -i /root/asks.rpm; transaction; rpm=$!
        relayhost pending --lock-timeout 1s; echo "impatient $?"; relayhost check | grep -A6 pending | tr -s ' \n' ' '; echo
        relayhost pending > /root/out & pending=$!; await grep -q 'waiting for' /root/out; goes_on; wait $rpm; echo "rpm $?"; wait $pending; echo "pending $?"
        grep -m1 -o 'waiting for process [0-9]* (rpm' /root/out | tr -d 0-9; waits; mails"#,
    );
    run.says("impatient 6\n")
        .says("pending.asks asks was installed")
        .says("tried once")
        // The remedy of a command that another one shows.
        .says("run `relayhost pending` when the transaction has ended")
        .says("rpm 0\npending 0\nwaiting for process  (rpm\n\n1\n")
        .complains("an RPM transaction is under way");
}

#[test]
fn what_is_asked_for_while_pending_waits_is_done_by_the_same_run() {
    let run = prepared(
        host().answers(AUTHENTICATED),
        r#"rpm -i /root/asks.rpm; transaction
        relayhost pending --json 2>/root/err >/root/out & await grep -q 'waiting for' /root/err; relayhost scriptlet post 1 --for later; waits; goes_on; wait
        waits; mails; grep -c '"accepted": true' /root/out; grep -c 'nothing to do' /root/err"#,
    );
    // The run that did the work is the last one; a second would have found nothing to do, and said so.
    run.says("asks.json later.json \n\n1\n1\n0\n");
}

#[test]
fn what_the_relay_refuses_waits_for_other_answers_and_not_for_a_timer() {
    let run = prepared(
        host().answers(AUTHENTICATED),
        r#"sed -i 's/staple/wrong/' /etc/relayhost/answers.toml; rpm -i /root/asks.rpm; relayhost pending --due >/dev/null; echo "refused $?"; waits
        relayhost check | tr -s ' \n' ' '; echo; sleep 1; relayhost pending --due; echo "again $?"
        sed -i 's/wrong/staple/' /etc/relayhost/answers.toml; relayhost pending --due >/dev/null; echo "mended $?"; waits; mails"#,
    );
    run.says("refused 4\nasks.json \n")
        .says("FAIL pending.asks asks was installed")
        .says("tried once")
        .says("the relay refused the user name or the password")
        .says("what waits is not to be tried yet")
        .says("again 4\nmended 0\n\n1\n");
}

#[test]
fn a_lock_that_is_held_from_another_pid_namespace_counts_as_our_own_transaction() {
    let run = prepared(
        host().answers(AUTHENTICATED),
        r#"transaction; unshare -pf --mount-proc relayhost apply; echo "apply $?"; waits; goes_on; wait; relayhost pending >/dev/null; echo "pending $?""#,
    );
    run.says("a process of another container").says("apply 6\n@typed.json \npending 0\n");
}

#[test]
fn a_scriptlet_call_never_fails_and_never_speaks() {
    let run = prepared(
        host().answers(AUTHENTICATED),
        r#"quiet() { "$@" >/root/said 2>&1; echo "$? $(wc -c </root/said)"; }
        quiet relayhost scriptlet; quiet relayhost scriptlet bogus 1; quiet relayhost scriptlet post x; quiet relayhost scriptlet post 1 --for ../../etc/passwd
        quiet relayhost scriptlet post 1 --for a --changed b; quiet setpriv --reuid 65534 relayhost scriptlet post 1; waits
        mkdir -m 755 /var/lib/relayhost 2>/dev/null; chmod 755 /var/lib/relayhost; quiet relayhost scriptlet post 1; rm -rf /var/lib/relayhost
        ln -s /etc /var/lib/relayhost; quiet relayhost scriptlet post 1; ls /etc/pending 2>/dev/null; rm /var/lib/relayhost
        quiet relayhost scriptlet post 1; waits; quiet relayhost scriptlet preun 1; waits; quiet relayhost scriptlet preun 0; waits"#,
    );
    assert_eq!(
        run.exits(0).stdout,
        "0 0\n0 0\n0 0\n0 0\n0 0\n0 0\n\n0 0\n0 0\n0 0\nrelayhost.json \n0 0\nrelayhost.json \n0 0\n\n"
    );
}

#[test]
fn a_host_that_was_never_asked_to_relay_records_no_change_of_packages() {
    let run = prepared(
        host(),
        r#"relayhost scriptlet postun 0 --changed cyrus-sasl-plain; waits
        relayhost scriptlet post 1; relayhost pending; echo "pending $?"; waits"#,
    );
    run.says("\nthere are no answers yet: write /etc/relayhost/answers.toml, and run `relayhost apply`\npending 0\nrelayhost.json \n");
}

/// rpm 4.11 (EL7) runs relayhost's triggers for each package that is there when relayhost is reinstalled, as when it comes, and
/// counts one relayhost: it has taken the old one out of its database (lib/psm.c). %post alone has counted two.
#[test]
fn a_reinstallation_by_el7_s_rpm_records_no_change_and_a_change_beside_it_does() {
    let run = prepared(
        host().answers(AUTHENTICATED),
        r#"again='relayhost scriptlet post 2; for one in postfix s-nail; do relayhost scriptlet post 1 --changed $one; done'
        during() { package "$1" <<<$'%post\n'"$2"; rpm -i "/root/$1.rpm"; echo "$1: $? $(waits)"; relayhost pending >/dev/null; }
        during whole "$again; relayhost scriptlet posttrans 2"; during another 'relayhost scriptlet post 1 --changed postfix'
        during beside "$again; relayhost scriptlet post 1 --changed postfix; relayhost scriptlet posttrans 2"
        during stopped "$again"; during later 'relayhost scriptlet post 1 --changed postfix'; ls /run/relayhost* 2>&1"#,
    );
    run.says("whole: 0 \nanother: 0 @changed.json \nbeside: 0 @changed.json \nstopped: 0 \nlater: 0 @changed.json \n");
}

#[test]
fn an_image_based_host_is_configured_and_what_its_image_lacks_is_named() {
    let run = host().without("s-nail").answers(AUTHENTICATED).sh(
        "touch /run/ostree-booted; relayhost apply; echo \"apply $?\"; postconf -h relayhost; command -v mail; rm /run/ostree-booted; relayhost apply >/dev/null; echo \"then $?\"",
    );
    run.says("apply 1\n[smtp.example.com]:587\nthen 0\n")
        .complains("comes from an image")
        .complains("rpm-ostree install");
}

#[test]
fn a_request_that_comes_while_a_typed_apply_waits_is_not_taken_for_served() {
    let run = prepared(
        host().without("cyrus-sasl-plain").answers(AUTHENTICATED),
        r#"rpm -i /root/asks.rpm; transaction
        relayhost apply >/root/out 2>&1 & apply=$!; await grep -q 'waiting for process' /root/out
        relayhost scriptlet post 1 --for later; waits; goes_on; wait $apply; echo "apply $?"; waits"#,
    );
    run.says("asks.json later.json \napply 0\nlater.json \n");
}

#[test]
fn options_that_were_typed_inside_a_transaction_are_heeded_after_it() {
    let answers = read(AUTHENTICATED);
    let (unverified, _) = answers.split_once("[verify]").unwrap();
    let run = prepared(
        host().answers_text(unverified),
        r#"typed "relayhost apply --no-verify"
        postconf -e 'relayhost = [elsewhere.example.com]'; printf '[verify]\nto = "ops@example.com"\n' >>/etc/relayhost/answers.toml
        typed "relayhost apply --force"; postconf -h relayhost
        typed "relayhost apply"; typed "relayhost apply --verify"
        postconf -e 'relayhost = [elsewhere.example.com]'; typed "relayhost apply --force; relayhost apply --no-verify"; postconf -h relayhost
        sed -i 's/staple/wrong/; s/"secure" /"encrypt"/' /etc/relayhost/answers.toml
        typed "relayhost apply --no-probe"; postconf -h smtp_tls_security_level
        typed "relayhost apply --on-failure keep"; postconf -h smtp_tls_security_level"#,
    );
    let typed = |what: &str, end: &str| format!("@typed.json \nrelayhost {what}: {end}");
    run.says(&typed("apply --no-verify", "0, 0 more\n\n"))
        .says(&typed("apply --force", "0, 1 more\n\n[smtp.example.com]:587\n"))
        .says(&typed("apply", "0, 0 more\n\n"))
        .says(&typed("apply --verify", "0, 1 more\n\n"))
        .says(&typed("apply --force; relayhost apply --no-verify", "0, 1 more\n\n[smtp.example.com]:587\n"))
        .says(&typed("apply --no-probe", "7, 0 more\n@typed.json \nsecure\n"))
        .says(&typed("apply --on-failure keep", "4, 0 more\n@typed.json \nencrypt\n"));
}

#[test]
fn a_request_that_comes_while_a_run_ends_has_the_unit_started_again() {
    // systemd's part: what it is told is written down, and while it is told something, somebody asks once more.
    let run = prepared(
        host().answers(AUTHENTICATED),
        r#"relayhost apply >/dev/null; mkdir -p /run/systemd/system
        printf '#!/bin/sh\necho "$@" >>/root/told\ncase $* in stop*.path) relayhost scriptlet post 1 --for late ;; esac\n' >/usr/bin/systemctl
        printf '#!/bin/sh\necho "run $@" >>/root/told\n' >/usr/bin/systemd-run; chmod 755 /usr/bin/systemctl /usr/bin/systemd-run
        round() { echo "== $1"; >/root/told; relayhost pending --due >/dev/null; grep -v postfix /root/told; waits; }
        relayhost scriptlet post 1 --for asks; round late; sed -i '$d' /usr/bin/systemctl; round served
        mv /etc/relayhost/answers.toml /root; relayhost scriptlet post 1 --for asks; round unanswered; mv /root/answers.toml /etc/relayhost
        sed -i 's/staple/wrong/' /etc/relayhost/answers.toml; round refused; round people"#,
    );
    let later = "--on-active=2s";
    assert!(run.part("late").contains(later) && run.part("late").ends_with("late.json \n"), "{run:?}");
    for quiet in ["served", "unanswered", "refused", "people"] {
        assert!(!run.part(quiet).contains("run "), "{quiet}: {run:?}");
    }
    assert!(run.part("served").ends_with(".path\n\n"), "{run:?}");
    assert!(
        run.part("people").contains("start --no-block --quiet relayhost-pending.path\nasks.json"),
        "{run:?}"
    );
}
