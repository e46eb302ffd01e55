//! Clocks that were set: nothing waits for a year, and nothing that was is hidden.

use crate::host::{AUTHENTICATED, host};

/// A host where each attempt fails at once, with 1; `attempts` and `seen` tell of it.
const FAILING: &str = ". /lab/tests/lab/scripts/clock.sh\n";

#[test]
fn a_clock_that_was_set_back_does_not_stop_what_waits() {
    // A clock that is set back by a year makes what was recorded before lie a year ahead.
    let run = host().answers(AUTHENTICATED).sh(&format!(
        r#"{FAILING}
        sed -i -E 's/"(since|at)":1/"\1":2/g' $entry; grep -o '"at":2' $entry
        echo '== same boot'; relayhost pending --due >/dev/null 2>&1; attempts; seen
        sed -i -E 's/"up":[0-9]+,//g' $entry
        echo '== by the wall clock alone'; seen; relayhost pending --due >/dev/null 2>&1; attempts
        echo '== after it'; relayhost pending --due >/dev/null 2>&1; attempts; seen"#
    ));
    let same = run.part("same boot");
    assert!(same.contains("\"attempts\":1\n") && same.contains("the next attempt is in "), "{run:?}");
    assert!(!same.contains("before the clock"), "{run:?}");
    let wall = run.part("by the wall clock alone");
    assert!(wall.contains("last before the clock was set back") && wall.contains("the next attempt is due"));
    assert!(wall.contains("\"attempts\":2\n"), "{run:?}");
    let after = run.part("after it");
    assert!(after.contains("\"attempts\":2\n") && after.contains("the next attempt is in "), "{run:?}");
}

#[test]
fn mail_that_waits_for_a_time_before_the_clock_was_set_back_is_seen_and_its_remedy_works() {
    // Of a queue file: the record of its arrival (type T), and its time stamp, by which qmgr(8) tries it again.
    host()
        .relay("closed")
        .answers(AUTHENTICATED)
        .sh(r#"relayhost apply --no-verify >/dev/null
        printf 'Subject: x\n\nx\n' | sendmail ops@example.com; for _ in $(seq 50); do file=$(find /var/spool/postfix/deferred -type f); [ -n "$file" ] && break; sleep 0.2; done
        relayhost diagnose | grep -c 'came at a time'
        LC_ALL=C sed -i -E '1s/T(.)1([0-9]{9}) /T\12\2 /' $file; touch -d '+1 year' $file
        relayhost diagnose | grep -A2 'came at a time'; postqueue -p | grep -c '^[A-F0-9]'
        before=$(grep -c 'status=deferred' /var/log/maillog); relayhost diagnose | grep -q 'postqueue -f. tries'; postqueue -f
        for _ in $(seq 50); do [ $(grep -c 'status=deferred' /var/log/maillog) -gt $before ] && break; sleep 0.2; done; echo "tried $(($(grep -c 'status=deferred' /var/log/maillog) - before))""#)
        .says("0\n")
        .says("1 of them came at a time that the clock says is still to come")
        .says("tried 1\n");
}
