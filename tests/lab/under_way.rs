//! Mail that leaves while relayhost changes files: some are old and some new, and no message may be returned for that.

use crate::fallback::pair;
use crate::host::{AUTHENTICATED, host};

/// Both relays take from each login its own address alone. Each message has its number as subject.
const FUNCTIONS: &str = r#"
first=/root/first.toml second=/root/second.toml
cp /etc/relayhost/answers.toml $first
sed '/^\[\[relay.fallback\]\]/,/^password/d' $first >/root/one.toml; mv /root/one.toml $first
. /lab/tests/lab/scripts/two_relays.sh
second_answers 'rewrite = { "monitor@op5-system.localdomain" = "odd1@example.com" }' >$second
chmod 600 $first $second
cat >/root/stream.py <<'END'
import os, smtplib, time
to = smtplib.SMTP("localhost")
for n in range(1, 1500):
    text = f"Subject: number {n}.\n\nx\n"
    while True:
        try:
            to.sendmail("monitor@op5-system.localdomain", "ops@example.com", text)
            break
        except smtplib.SMTPServerDisconnected:  # at a reload
            to = smtplib.SMTP("localhost")
    open("/root/sent", "w").write(str(n))
    if os.path.exists("/root/enough"):
        break
    time.sleep(0.03)
open("/root/ended", "w")
END
empty() { postqueue -f; ! postqueue -j | grep -q .; }
numbers() { cat /lab/mailbox/new/* | grep -oE '^Subject: number [0-9]+' | grep -oE '[0-9]+' | sort -n; }
end() {
    touch /root/enough; await [ -e /root/ended ]
    for n in 1 2 3; do await empty && break; done
    seq "$(cat /root/sent)" | diff - <(numbers) >/root/missing; echo "missing $?"; head -5 /root/missing
    echo "returned $(grep -c 'status=bounced' /var/log/maillog)"; grep 'status=bounced' /var/log/maillog | head -3
    echo "many $(($(cat /root/sent) > 40))"
    postconf -h soft_bounce
}
"#;

/// Moves to the other relay and back while mail is handed in; `change` changes the answers, or what is handed in.
fn moves(change: &str) {
    let run = pair()
        .sh(&format!(
            "{FUNCTIONS}
            {change}
            postconf -e max_use=1 # each smtp(8) reads the configuration anew
            relayhost apply --answers $first --no-verify >/dev/null 2>&1; echo \"apply $?\"
            wrap /usr/sbin/postfix 'sleep 0.7; exec /root/postfix \"$@\"' # a host that is slow to tell Postfix
            python3 /root/stream.py &
            for answers in $second $first $second $first $second; do
                sleep 0.5; relayhost apply --answers $answers --no-verify >/root/out 2>&1; echo \"apply $?\"
                grep -c soft_bounce /etc/postfix/main.cf
            done
            relayhost restore >/dev/null 2>&1; echo \"restore $?\"
            sed -i s/with.space/wrong/ $second; relayhost apply --answers $second --no-probe >/root/out 2>&1; echo \"apply $?\"
            echo '== end'; end"
        ))
        .exits(0);
    let end = run.part("end");
    assert_eq!(end, "missing 0\nreturned 0\nmany 1\nno\n");
}

#[test]
fn no_message_is_returned_while_relayhost_moves_to_another_relay_and_back() {
    moves("");
}

/// Of a sender for everybody the address is in the queue file, and becomes the other relay's.
#[test]
fn no_message_is_returned_while_the_sender_for_everybody_moves_too() {
    // Each message passes through cleanup(8) several times, each time by a process of its own.
    moves(
        r#"sed -i 's/^rewrite = .*"\([^"]*\)" }/default = "\1"/' $first $second; sed -i s/0.03/0.1/ /root/stream.py"#,
    );
}

/// The edit is of the guarded file, and the guard is no part of it.
#[test]
fn an_edit_while_files_change_stays_in_force_and_the_guard_does_not() {
    let script = r#"
        . /lab/tests/lab/scripts/faults.sh
        edit() { await grep -q '^soft_bounce = yes' /etc/postfix/main.cf && postconf -e message_size_limit=10240001; }
        edit & strace -qq -o /dev/null -e trace=renameat2 -e inject=renameat2:delay_enter=1500000:when=2 relayhost apply --no-verify --answers $new
        echo "exit $?"; wait
        echo '== in force'; grep -v '^#' /etc/postfix/main.cf | diff <(grep -v '^#' /var/lib/relayhost/generations/0001/before/main.cf) -
        ls -A /etc/postfix /var/lib/relayhost/generations/0001 | grep -E '^.relayhost-|^found'
        relayhost check >/dev/null; echo "check $?"
    "#;
    let run = host().answers(AUTHENTICATED).sh(script);
    let run = run.says("exit 1\n").complains("/etc/postfix/main.cf meanwhile; that edit is in force");
    let in_force = run.part("in force");
    assert!(in_force.contains("> message_size_limit = 10240001\n"), "{in_force}");
    assert!(in_force.lines().filter(|line| line.starts_with(['<', '>'])).count() == 1, "{in_force}");
    assert!(in_force.ends_with("= 10240001\ncheck 0\n"), "{in_force}");
}

/// What is kept of an edit, and what `check` says while files change, are about the configuration and not about the guard.
#[test]
fn the_guard_is_in_no_edit_that_is_kept_and_no_finding_while_files_change() {
    let script = r#"
        . /lab/tests/lab/scripts/faults.sh
        look() { await grep -q '^soft_bounce = yes' /etc/postfix/main.cf && relayhost check >>/root/check; }
        for when in 2 3 4; do
            look & strace -qq -o /dev/null -e trace=renameat2 -e inject=renameat2:delay_enter=1500000:when=$when relayhost apply --no-verify --answers $new >/dev/null 2>&1
            wait; relayhost restore 0 >/dev/null 2>&1
        done
        echo '== looks'; grep -c ' setting.relayhost ' /root/check; grep soft_bounce /root/check
        # The relay refuses the test message, and the edit is met when the files are put back.
        edit() { await grep -q '^relayhost = .*relay.lab.test' /etc/postfix/main.cf && postconf -e message_size_limit=10240009; }
        sed -i 's/^password  *= .*/password = "wrong"/' $new
        edit & strace -qq -o /dev/null -e trace=renameat2 -e inject=renameat2:delay_enter=300000 relayhost apply --no-probe --answers $new >/dev/null 2>&1
        echo '== kept'; wait; grep -h '^message_size_limit = 10240009' /var/lib/relayhost/generations/*/found/main.cf*
        grep -h '^soft_bounce' /var/lib/relayhost/generations/*/found/* /etc/postfix/main.cf
    "#;
    let run = host().answers(AUTHENTICATED).sh(script);
    let looks = run.part("looks");
    assert!(!looks.starts_with('0') && !looks.contains("soft_bounce"), "{run:?}");
    let kept = run.part("kept");
    assert_eq!(kept, "message_size_limit = 10240009\n", "{run:?}");
}

/// A run that is killed, and whose record is lost: nobody puts main.cf back.
#[test]
fn a_guard_that_was_left_is_found_and_its_remedy_ends_it() {
    let script = r"
        . /lab/tests/lab/scripts/faults.sh
        strace -qq -o /dev/null -e trace=renameat2 -e inject=renameat2:signal=KILL:when=3 relayhost apply --no-verify --answers $new >/dev/null 2>&1
        rm -r /var/lib/relayhost; postconf -h soft_bounce
        echo '== left'; relayhost check | tr -s ' \n' ' '
        postconf -X soft_bounce && postfix reload
        postconf -Pe relay/unix/soft_bounce=no
        echo '== mended'; relayhost check
    ";
    let run = host().answers(AUTHENTICATED).sh(script);
    let left = run.part("left");
    assert!(
        left.contains("main_cf.soft_bounce") && left.contains("`postconf -X soft_bounce && postfix reload`"),
        "{run:?}"
    );
    let mended = run.part("mended");
    assert!(!mended.contains(" main_cf.soft_bounce") && mended.contains("master_cf.soft_bounce"), "{run:?}");
}
