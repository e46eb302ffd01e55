//! Many runs at the same moment, and a holder of the lock that dies.

use std::collections::BTreeMap;

use crate::host::{AUTHENTICATED, Run, host};

/// What the answers A and B leave on a fresh host each, to compare the end of a `race` with.
const TWO_ANSWERS: &str = ". /lab/tests/lab/scripts/together.sh; two_answers
";

/// `count word…` lines, as of `uniq -c`.
fn counted(part: &str) -> BTreeMap<String, usize> {
    part.lines()
        .filter_map(|line| line.trim().split_once(' '))
        .map(|(count, what)| (what.trim().to_owned(), count.parse().unwrap()))
        .collect()
}

#[track_caller]
fn one_of_the_two(run: &Run) {
    let state = run.part("state");
    let states = state.lines().filter(|line| line.starts_with("state ")).count();
    assert_eq!(states, 1, "{}\n{}", run.stdout, run.stderr);
    assert!(state.contains("sasl_passwd whole\n") && state.contains("generic whole\n"), "{state}");
    assert!(!state.contains("left: "), "{state}");
}

#[test]
fn fifty_at_once_end_in_one_of_two_states_whole() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "{TWO_ANSWERS}race 50 --no-verify; echo '== message'; relayhost verify --answers $(relayhost check >/dev/null && echo $A || echo $B)"
    ));
    let run = run.exits(0);
    one_of_the_two(&run);
    assert_eq!(counted(run.part("statuses")), BTreeMap::from([("0".to_owned(), 50)]), "{}", run.part("odd"));
    // All wait for the lock that the race begins with, and those who wait say for whom.
    let waited = counted(run.part("waited"));
    assert!(waited.values().sum::<usize>() >= 50 && !run.stdout.contains("not all wait"), "{waited:?}");
    for line in waited.keys() {
        let pid = line.split_once("(process ").and_then(|(_, rest)| rest.split_once(')')).map(|(pid, _)| pid);
        assert!(pid.is_some_and(|pid| pid.parse::<u32>().is_ok()), "`{line}` does not say for whom");
    }
    // Who looks meanwhile sees a host that is in order or differs, and never a record that is just being removed.
    let readers = counted(run.part("readers"));
    let fine = ["history 0", "check 0", "check 3"];
    assert!(readers.keys().all(|what| fine.contains(&what.as_str())), "{readers:?}\n{}", run.stdout);
    assert!(run.part("message").contains("Ok: queued"), "{}", run.stdout);
}

#[test]
fn eight_at_once_with_the_test_message() {
    let run =
        host().answers(AUTHENTICATED).sh(&format!("{TWO_ANSWERS}race 8 --verify; echo '== arrived'; mails"));
    let run = run.exits(0);
    one_of_the_two(&run);
    assert_eq!(counted(run.part("statuses")), BTreeMap::from([("0".to_owned(), 8)]), "{}", run.part("odd"));
    assert_eq!(run.part("arrived").trim(), "8");
}

/// A run, `$holder`, that has the lock and waits until it is killed.
const HOLD: &str = ". /lab/tests/lab/scripts/together.sh; hold
";

#[test]
fn a_dead_holder_does_not_block_the_next() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "{HOLD}
         echo '== alone'; relayhost apply --no-verify --lock-timeout 1s 2>&1; echo \"exit $?\"; echo \"holder $holder\"
         echo '== json'; relayhost apply --no-verify --lock-timeout 1s --json 2>/dev/null
         relayhost apply --no-verify >/root/next 2>&1 & next=$!; await grep -q 'waiting for' /root/next
         echo '== waits'; cat /root/next
         kill -9 $holder; begin=$(date +%s%N); wait $next; code=$?; echo '== next'; echo \"exit $code\"
         echo \"ms $(( ($(date +%s%N) - begin) / 1000000 ))\"; cat /root/next
         echo '== after'; relayhost check >/dev/null && echo in order; ls -A /etc/postfix /var/lib/relayhost"
    ));
    let run = run.exits(0);
    let alone = run.part("alone");
    let holder = alone.lines().find_map(|line| line.strip_prefix("holder ")).unwrap();
    let named = format!("another relayhost (process {holder})");
    assert!(alone.contains(&format!("{named} is at work; gave up after 1s")), "{alone}");
    assert!(alone.contains("exit 1\n") && alone.contains("  -> "), "{alone}");
    assert_eq!(run.json("json")["exit"], 1);
    assert!(run.part("waits").contains(&format!("waiting for {named} to end")), "{}", run.stdout);
    let next = run.part("next");
    assert!(next.contains("exit 0\n"), "{}", run.stdout);
    let took: u64 = next.lines().find_map(|line| line.strip_prefix("ms ")).unwrap().parse().unwrap();
    // From the death of the holder to the end of the next: its start within a second, and its own work.
    assert!(took < 3000, "{took} ms");
    let after = run.part("after");
    assert!(
        after.contains("in order") && !after.contains(".relayhost-") && !after.contains("journal"),
        "{after}"
    );
}

/// Whoever waits does what the answers say when its turn comes, or an older run would undo what a newer one did.
#[test]
fn answers_are_read_when_the_lock_is_had() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "{HOLD}
         relayhost apply --no-verify >/root/next 2>&1 & next=$!
         await grep -q 'waiting for' /root/next
         sed -i 's/smtp.example.com/relay.lab.test/' /etc/relayhost/answers.toml; kill -9 $holder; wait $next; echo \"next $?\"
         postconf -h relayhost; relayhost check >/dev/null; echo \"check $?\""
    ));
    run.says("next 0\n[relay.lab.test]:587\ncheck 0\n");
}

/// A pipe may hang for ever; nobody else is to wait for it.
#[test]
fn who_waits_for_standard_input_does_not_hold_the_lock() {
    let run = host().answers(AUTHENTICATED).sh(
        ". /lab/tests/lab/scripts/together.sh
         mkfifo /root/pipe; relayhost apply --no-verify --answers - </root/pipe >/root/piped 2>&1 & piped=$!
         exec 9>/root/pipe; echo '# begun' >&9; await is_read; relayhost apply --no-verify --lock-timeout 1s >/dev/null; echo \"other $?\"
         sed 's/smtp.example.com/relay.lab.test/' /etc/relayhost/answers.toml >&9; exec 9>&-; wait $piped; echo \"piped $?\"; postconf -h relayhost",
    );
    run.says("other 0\npiped 0\n[relay.lab.test]:587\n");
}
