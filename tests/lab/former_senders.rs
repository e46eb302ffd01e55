//! Mail that waits while the sender of a host changes: it leaves as mail that is handed in afterwards, and none is returned. Both
//! relays take from each login its own address alone.

use crate::fallback::pair;
use crate::host::Run;

/// `first` and `second`: answers with a sender for everybody at each of the relays. `waiting`: mail of several senders that waits,
/// one of it to the former sender, one held. `left`: who sent what has arrived, how much was returned, and what waits.
const FUNCTIONS: &str = r#"
first=/root/first.toml second=/root/second.toml
cat >$first <<'END'
version = 1
[relay]
host = "smtp.example.com"
tls = "secure"
[auth]
mechanism = "plain"
username = "alerts@example.com"
password = "correct horse battery staple"
[sender]
default = "alerts@example.com"
[verify]
to = "ops@example.com"
END
. /lab/tests/lab/scripts/two_relays.sh
second_answers 'default = "odd1@example.com"' >$second
chmod 600 $first $second
down() { for port in 587 2525; do ip rule add ipproto 6 dport $port unreachable; ip -6 rule add ipproto 6 dport $port unreachable; done; }
up() { for port in 587 2525; do ip rule del ipproto 6 dport $port unreachable; ip -6 rule del ipproto 6 dport $port unreachable; done; }
queued() { postqueue -j | grep -c . ; }
deferred() { [ "$(postqueue -j | grep -c '"deferred"')" -ge "$1" ]; }
from=0
waiting() {
    down
    printf 'Subject: held\n\nx\n' | sendmail -f root@op5-system.localdomain ops@example.com
    await deferred 1; postsuper -h "$(postqueue -j | grep -o '"queue_id": "[^"]*"' | cut -d'"' -f4)" 2>/dev/null
    for n in 1 2 3; do printf 'Subject: number %s\n\nx\n' $((from + n)) | sendmail -f monitor@op5-system.localdomain ops@example.com; done
    printf 'Subject: number %s\n\nx\n' $((from + 4)) | sendmail -f root@op5-system.localdomain alerts@example.com
    printf 'Subject: number %s\n\nx\n' $((from + 5)) | sendmail -f root@localhost ops@example.com
    await deferred 5; up
}
held() { postqueue -j | grep '"hold"' | grep -o '"queue_id": "[^"]*"' | cut -d'"' -f4; }
empty() { postqueue -f; ! postqueue -j | grep -v '"hold"' | grep -q .; }
left() {
    for n in 1 2 3; do await empty && break; done
    for mail in /lab/mailbox/new/*; do
        awk -v from=$from '/^Return-Path:/ { sender = $2 } /^Subject: number/ && $3 > from { number = $3 } /^$/ { if (number) print number, sender; exit }' "$mail"
    done | sort -n
    echo "returned $(grep -c 'status=bounced' /var/log/maillog)"; 
    postqueue -j | grep -o '"queue_name": "[^"]*"'; postconf -h soft_bounce; ! grep inline: /etc/postfix/main.cf
}
"#;

/// Each of the five of this round has arrived once, from this sender; and nothing was returned.
fn all_from(run: &Run, part: &str, round: usize, sender: &str) {
    let lines: Vec<String> = (5 * round + 1..=5 * round + 5).map(|n| format!("{n} <{sender}>")).collect();
    let expected = format!("{}\nreturned 0\n\"queue_name\": \"hold\"\nno\n", lines.join("\n"));
    let found = run.part(part);
    assert!(found.starts_with(&expected), "{found}");
}

#[test]
fn what_waits_leaves_by_another_relay_as_its_sender() {
    let run = pair()
        .sh(&format!(
            "{FUNCTIONS}
            relayhost apply --answers $first --no-verify >/dev/null 2>&1; echo \"apply $?\"; waiting
            echo '== move'; relayhost apply --answers $second 2>&1; echo \"apply $?\"
            echo '== left'; left"
        ))
        .exits(0);
    let text = run.part("move").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("5 messages that waited now have the sender of this configuration"), "{text}");
    assert!(text.ends_with("apply 0"), "{text}");
    all_from(&run, "left", 0, "odd1@example.com");
}

#[test]
fn what_waits_follows_from_rewrite_to_default_and_back() {
    let run = pair()
        .sh(&format!(
            r#"{FUNCTIONS}
            sed 's/^default = .*/rewrite = {{ "monitor@op5-system.localdomain" = "alerts@example.com", "root" = "alerts@example.com" }}/' $first >/root/rewrite.toml; chmod 600 /root/rewrite.toml
            relayhost apply --answers /root/rewrite.toml --no-verify >/dev/null 2>&1; echo "apply $?"; waiting
            relayhost apply --answers $second >/dev/null 2>&1; echo "apply $?"
            echo '== left'; left; from=5; postsuper -d ALL 2>/dev/null
            waiting; relayhost apply --answers /root/rewrite.toml >/root/out 2>&1 || cat /root/out
            echo '== back'; left"#
        ))
        .exits(0);
    all_from(&run, "left", 0, "odd1@example.com");
    all_from(&run, "back", 1, "alerts@example.com");
}

#[test]
fn what_waited_before_relayhost_came_leaves_as_the_sender_for_all() {
    let run = pair()
        .sh(&format!(
            "{FUNCTIONS}
            postconf -e relayhost=[smtp.example.com]:587; postfix reload >/dev/null 2>&1; waiting
            relayhost apply --answers $first >/dev/null 2>&1; echo \"apply $?\"
            echo '== left'; left"
        ))
        .exits(0);
    all_from(&run, "left", 0, "alerts@example.com");
}

#[test]
fn what_waits_follows_a_restore_and_an_undo() {
    let run = pair()
        .sh(&format!(
            "{FUNCTIONS}
            relayhost apply --answers $first --no-verify >/dev/null 2>&1; echo \"apply $?\"
            relayhost apply --answers $second --no-verify >/dev/null 2>&1; echo \"apply $?\"; waiting
            sed 's/^default = .*/default = \"nobody@example.com\"/' $first >/root/wrong.toml; chmod 600 /root/wrong.toml
            echo '== undo'; relayhost apply --answers /root/wrong.toml --no-probe 2>&1; echo \"apply $?\"
            echo '== undone'; left; from=5; postsuper -d ALL 2>/dev/null; waiting
            echo '== restore'; relayhost restore 1 2>&1; echo \"restore $?\"
            echo '== left'; left"
        ))
        .exits(0);
    assert!(run.part("undo").ends_with("apply 7\n"), "{}", run.part("undo"));
    all_from(&run, "undone", 0, "odd1@example.com");
    assert!(run.part("restore").contains("5 messages that waited"), "{}", run.part("restore"));
    all_from(&run, "left", 1, "alerts@example.com");
}

/// A run is killed at each exchange of files and each signal to Postfix, one after the other, until one comes through. After
/// `recover` all five arrive once, from one sender, and main.cf has nothing left of the move.
#[test]
fn a_run_that_is_killed_while_the_queue_moves_loses_and_returns_no_message() {
    let run = pair()
        .sh(&format!(
            r#"{FUNCTIONS}
            relayhost apply --answers $first --no-verify >/dev/null 2>&1; echo "apply $?"; answers=$second from=-5
            for call in renameat2 kill; do
                for death in $(seq 20); do
                    from=$((from + 5)); waiting
                    strace -qq -o /dev/null -e trace=$call -e inject=$call:signal=KILL:when=$death relayhost apply --answers $answers --no-verify >/dev/null 2>&1; status=$?
                    relayhost recover >/dev/null 2>&1 || echo "BAD recover"
                    left >/root/left; senders=$(grep -o '<.*>' /root/left | sort -u | wc -l)
                    [ "$(grep -c '<' /root/left) $senders $(grep -c -x -e no -e 'returned 0' /root/left)" = "5 1 2" ] || {{ echo "BAD $call $death"; cat /root/left; }}
                    postsuper -d ALL 2>/dev/null
                    if postconf -h relayhost | grep -q second; then answers=$first; else answers=$second; fi
                    [ $status -eq 137 ] || break
                    echo "killed at $call"
                done
            done
            echo "came through $status""#
        ))
        .exits(0)
        .never_says("BAD")
        .says("came through 0\n");
    let deaths = run.stdout.lines().filter(|line| line.starts_with("killed at ")).count();
    assert!(deaths > 10, "{deaths}");
}

/// A relay that takes no mail from the sender of the answers: its notice to the sender, from nobody, says nothing of it.
#[test]
fn a_notice_that_the_relay_takes_is_no_alert_that_left() {
    let run = pair()
        .sh(&format!(
            "{FUNCTIONS}
            sed -i 's/^default = .*/default = \"nobody@example.com\"/' $first; cp $first /etc/relayhost/answers.toml
            relayhost apply --no-verify --no-probe >/dev/null 2>&1; echo \"apply $?\"
            printf 'Subject: x\n\nx\n' | sendmail -f root ops@example.com
            await grep -q 'from=<>.*queue active' /var/log/maillog; await empty
            echo '== check'; relayhost check | tr -s ' \n' ' '
            echo '== verify'; relayhost verify --json"
        ))
        .exits(4);
    let check = run.part("check");
    assert!(
        check.contains("(sender-refused), ") && check.contains(" s ago; no message was seen to leave"),
        "{check}"
    );
    assert_eq!(run.json("verify")["delivery"]["cause"]["id"], "sender-refused", "{}", run.part("verify"));
}

#[test]
fn what_was_requeued_waits_no_more_under_its_former_queue_id() {
    let run = pair()
        .sh(&format!(
            "{FUNCTIONS}
            cp $first /etc/relayhost/answers.toml; relayhost apply --no-verify >/dev/null 2>&1; waiting
            cp $second /etc/relayhost/answers.toml; relayhost apply >/dev/null 2>&1; echo \"apply $?\"; held | postsuper -d - 2>/dev/null; left >/dev/null
            echo '== diagnose'; relayhost diagnose --json"
        ))
        .exits(4);
    // The one that was held, and was deleted, is lost.
    let failures = run.json("diagnose")["diagnosis"]["failures"].clone();
    let counts: Vec<_> =
        failures.as_array().unwrap().iter().map(|one| (&one["messages"], &one["waiting"])).collect();
    assert_eq!(counts, [(&1.into(), &0.into())], "{failures:#}");
}

/// The domain of the sender for all is this host's own: mail that has that sender already stays as it is.
#[test]
fn each_message_goes_through_once() {
    let run = pair()
        .sh(&format!(
            "{FUNCTIONS}
            postconf -e myorigin=example.com
            relayhost apply --answers $first --no-verify >/dev/null 2>&1; echo \"apply $?\"; waiting; down
            relayhost apply --answers $second --no-verify >/dev/null 2>&1; echo \"apply $?\"
            sed -i 's/^default = .*/&\\nname = \"Alerts\"/' $second; relayhost apply --answers $second --no-verify >/dev/null 2>&1; echo \"apply $?\"
            echo \"requeued $(grep -c ': requeued' /var/log/maillog)\"; up
            echo '== left'; left"
        ))
        .exits(0);
    assert!(run.stdout.contains("requeued 5\n"), "{}", run.stdout);
    all_from(&run, "left", 0, "odd1@example.com");
}

/// As long as it is not known which mail waits, Postfix returns none, and the next command goes on.
#[test]
fn a_queue_that_cannot_be_listed_keeps_the_guard() {
    let run = pair()
        .sh(&format!(
            "{FUNCTIONS}
            relayhost apply --answers $second --no-verify >/dev/null 2>&1; echo \"apply $?\"; waiting
            wrap /usr/sbin/postqueue 'echo no >&2; exit 69'
            echo '== unknown'; relayhost apply --answers $first --no-verify 2>&1; echo \"apply $?\"; postconf -h soft_bounce
            unwrap /usr/sbin/postqueue
            echo '== recover'; relayhost recover 2>&1; echo \"recover $?\"
            echo '== left'; left"
        ))
        .exits(0);
    let unknown = run.part("unknown").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(unknown.contains("whether mail waits with a former sender is not known"), "{unknown}");
    assert!(unknown.ends_with("apply 0 yes"), "{unknown}");
    assert!(run.part("recover").ends_with("recover 0\n"), "{}", run.part("recover"));
    all_from(&run, "left", 0, "alerts@example.com");
}

/// Pickup(8) stands still for longer than the minute: `apply` says what it waits for, and the next command goes on.
#[test]
fn a_move_that_takes_long_says_what_it_waits_for() {
    let run = pair()
        .sh(&format!(
            "{FUNCTIONS}
            relayhost apply --answers $second --no-verify >/dev/null 2>&1; echo \"apply $?\"; waiting
            wrap /usr/sbin/postkick 'pkill -STOP -x pickup; exec \"$0.real\" \"$@\"'
            echo '== apply'; relayhost apply --answers $first --no-verify 2>&1; echo \"apply $?\"
            unwrap /usr/sbin/postkick; pkill -CONT -x pickup; relayhost recover >/dev/null 2>&1
            echo '== left'; left"
        ))
        .exits(0);
    let apply = run.part("apply").split_whitespace().collect::<Vec<_>>().join(" ");
    let waited =
        "waiting for Postfix to give the mail in its queue the sender of this configuration, 60 s at most";
    assert_eq!(apply.matches(waited).count(), 1, "{apply}");
    assert!(apply.ends_with("apply 0"), "{apply}");
    all_from(&run, "left", 0, "alerts@example.com");
}

/// Whoever edits main.cf after that edits the one of the move.
#[test]
fn an_edit_after_a_run_that_was_killed_stays_without_the_move() {
    let run = pair()
        .sh(&format!(
            "{FUNCTIONS}
            relayhost apply --answers $first --no-verify >/dev/null 2>&1; waiting
            for death in 1 2; do
                strace -qq -o /dev/null -e trace=kill -e inject=kill:signal=KILL:when=$death relayhost apply --answers $second --no-verify >/dev/null 2>&1
                grep -q relayhost_former /etc/postfix/main.cf && break
            done
            echo \"== killed\"; postconf -h sender_canonical_maps; postconf -e message_size_limit=6666666
            relayhost recover >/dev/null 2>&1; echo \"recover $?\"
            echo '== recovered'; postconf -h sender_canonical_maps soft_bounce message_size_limit; ls /etc/postfix/relayhost_former"
        ));
    assert!(run.part("killed").starts_with("texthash:/etc/postfix/relayhost_former, "), "{run:?}");
    let recovered = run.part("recovered");
    assert!(
        recovered.ends_with("/relayhost_senders\nno\n6666666\n") && !recovered.contains("former"),
        "{run:?}"
    );
}
