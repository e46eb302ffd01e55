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
cat >$second <<'END'
version = 1
[relay]
host = "second.lab.test"
port = 2525
tls = "encrypt"
[auth]
username = "odd1@example.com"
password = "with space"
[sender]
default = "odd1@example.com"
[verify]
to = "ops@example.com"
END
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
