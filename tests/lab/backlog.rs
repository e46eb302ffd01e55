//! Alerts that waited while the relay was wrong: a run that mends it has few of them tried again, and leaves many to a
//! person.

use crate::host::{AUTHENTICATED, host};

/// `alerts N`: N alerts, which fail at a relay that is not there; waits until all have.
const ALERTS: &str = "postconf -e 'relayhost = [127.0.0.1]:9'; cool 2>/dev/null
    alerts() { local n; for ((n = 0; n < $1; n++)); do echo x | mail -s alert -r monitor@op5-system.localdomain ops@example.com; done; await failed $1; }
    failed() { [ \"$(postqueue -p | grep -c 'Connection refused')\" -ge $1 ]; }
";

#[test]
fn few_messages_that_wait_are_tried_again_and_held_ones_are_not() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "{ALERTS} alerts 3; postsuper -h $(postqueue -p | grep -o '^[0-9A-F]*' | tail -n 1) 2>/dev/null
         relayhost apply; echo \"exit $?\"; arrived 3; postqueue -p | grep -c '^[0-9A-F]*!'; postqueue -p | tail -n 1; relayhost apply | grep -c queue:"
    ));
    run.says("ok   queue: 2 of 2 messages that waited, the oldest for ")
        .says("exit 0\n3\n1\n-- 0 Kbytes in 1 Request.\n0\n");
}

/// The sender of what waits is not the one that the relay takes: it leaves the queue, and does not arrive.
#[test]
fn what_the_relay_refuses_when_tried_again_is_called_returned() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "{ALERTS} alerts 1; echo x | mail -s alert -r stranger@example.org ops@example.com; await failed 2
         relayhost apply --json 2>/dev/null >/root/out; echo \"exit $?\"; grep -c status=bounced /var/log/maillog; echo '== json'; cat /root/out"
    ));
    let queue = &run.json("json")["queue"];
    assert_eq!((&queue["gone"], &queue["returned"]), (&2.into(), &1.into()));
    run.says("exit 0\n1\n");
}

#[test]
fn of_too_many_none_is_sent_and_the_command_is_named_that_sends_them() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "{ALERTS} alerts 101; relayhost repair --json 2>/dev/null >/root/out; mails; postqueue -p | tail -n 1; postqueue -f; arrived 102; echo '== json'; cat /root/out"
    ));
    let report = run.json("json");
    let queue = &report["queue"];
    assert_eq!((&queue["waiting"], &queue["tried"], &queue["gone"]), (&101.into(), &0.into(), &0.into()));
    run.says("1\n-- ").says(" in 101 Requests.\n102\n");
}

/// A package's request is no person who waits at the screen.
#[test]
fn a_hook_sends_nothing_that_waits() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "{ALERTS} alerts 2; relayhost scriptlet post 1 --for asks; relayhost pending >/dev/null; echo \"exit $?\"; arrived 1; postqueue -p | tail -n 1"
    ));
    run.says("exit 0\n1\n-- 0 Kbytes in 2 Requests.");
}
