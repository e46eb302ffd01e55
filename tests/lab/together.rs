//! Many runs at the same moment, and a holder of the lock that dies.

use std::collections::BTreeMap;

use crate::host::{AUTHENTICATED, Run, host};

/// Answers A are those of the host; B are another relay and another login. What each leaves on a fresh host is the
/// reference that the end of a race is compared with.
const TWO_ANSWERS: &str = r#"
    A=/etc/relayhost/answers.toml B=/root/b.toml
    (umask 077; sed -e 's/alerts@example.com/odd1@example.com/g' -e 's/^password .*/password = "with space"/' \
        -e 's/smtp.example.com/mailhub.example.com/' $A > $B)
    # map_holds NAME: whether the database says what its source says.
    entries() { sed -n 's/^\([^# ][^ ]*\)[ ]\(.*\)/\1\t\2/p' "$1" | grep -v '^#' | sort; }
    map_holds() { diff <(entries /etc/postfix/$1) <(postmap -s hash:/etc/postfix/$1 | sort) >&2 && echo "$1 whole"; }
    # Whether what is there now is wholly A, or wholly B.
    end_state() {
        for x in A B; do
            relayhost check --answers ${!x} >/dev/null 2>&1 && cmp -s /root/main.$x /etc/postfix/main.cf &&
                cmp -s /root/generic.$x /etc/postfix/generic && echo "state $x"
        done
        map_holds sasl_passwd; map_holds generic
        ls -A /etc/postfix /var/lib/relayhost /var/lib/relayhost/generations | grep -E '^\.|journal' | sed 's/^/left: /'
        echo "generations $(ls /var/lib/relayhost/generations | wc -l)"
    }
    for x in A B; do
        relayhost apply --no-verify --answers ${!x} >/root/out 2>&1 || { cat /root/out; exit 9; }
        cp /etc/postfix/main.cf /root/main.$x; cp /etc/postfix/generic /root/generic.$x
    done
    # race COUNT OPTIONS…: that many at the same moment, each with its output and its status in files.
    race() {
        local count=$1 i x; shift
        rm -rf /root/race; mkdir /root/race; mkfifo /root/gate
        for ((i = 0; i < count; i++)); do
            x=$([ $((i % 2)) = 0 ] && echo A || echo B)
            (read -r _ < /root/gate; timeout 80 relayhost apply "$@" --answers ${!x} >/root/race/$i.out 2>/root/race/$i.err
             echo $? >/root/race/$i.status) &
        done
        sleep 0.3; exec 9<>/root/gate; yes | head -n "$count" >&9
        local jobs=$(jobs -p)
        (while [ ! -e /root/over ]; do
            relayhost history >/root/history 2>&1; echo "history $?"
            relayhost check --answers $A >/root/check 2>&1; echo "check $?"
        done | sort | uniq -c > /root/readers; echo >> /root/readers) & readers=$!
        wait $jobs; exec 9>&-; rm -f /root/gate; touch /root/over; wait $readers; rm -f /root/over
        echo "== statuses"; cat /root/race/*.status | sort | uniq -c
        echo "== waited"; cat /root/race/*.out /root/race/*.err | grep 'waiting for' | sort | uniq -c
        echo "== readers"; cat /root/readers
        echo "== odd"; for f in /root/race/*.status; do [ "$(cat $f)" = 0 ] || cat "${f%status}out" "${f%status}err"; done
        echo "== state"; end_state
    }
"#;

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
        "{TWO_ANSWERS}\nrace 50 --no-verify\necho '== message'; relayhost verify --answers $(relayhost check >/dev/null && echo $A || echo $B)"
    ));
    let run = run.exits(0);
    one_of_the_two(&run);
    assert_eq!(counted(run.part("statuses")), BTreeMap::from([("0".to_owned(), 50)]), "{}", run.part("odd"));
    // Those who wait say for whom.
    let waited = counted(run.part("waited"));
    assert!(waited.values().sum::<usize>() >= 40, "{waited:?}");
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
    let run = host()
        .answers(AUTHENTICATED)
        .sh(&format!("{TWO_ANSWERS}\nrace 8 --verify\necho '== arrived'; ls /lab/mailbox/new | wc -l"));
    let run = run.exits(0);
    one_of_the_two(&run);
    assert_eq!(counted(run.part("statuses")), BTreeMap::from([("0".to_owned(), 8)]), "{}", run.part("odd"));
    assert_eq!(run.part("arrived").trim(), "8");
}

/// `postmap` waits here while it is told to: the run that called it holds the lock.
const HOLDER: &str = r#"
    mv /usr/sbin/postmap /usr/sbin/postmap.real
    printf '#!/bin/bash\nif [ -e /root/hold ] && [[ $* != -s* ]]; then exec sleep 30; fi\nexec -a postmap /usr/sbin/postmap.real "$@"\n' > /usr/sbin/postmap
    chmod 755 /usr/sbin/postmap
    touch /root/hold; relayhost apply --no-verify >/root/holder 2>&1 & holder=$!
    until pgrep -x sleep >/dev/null; do sleep 0.02; done; rm /root/hold
"#;

#[test]
fn a_dead_holder_does_not_block_the_next() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "{HOLDER}
         echo '== alone'; relayhost apply --no-verify --lock-timeout 1s 2>&1; echo \"exit $?\"; echo \"holder $holder\"
         echo '== json'; relayhost apply --no-verify --lock-timeout 1s --json 2>/dev/null
         relayhost apply --no-verify >/root/next 2>&1 & next=$!; sleep 0.5
         echo '== waits'; cat /root/next
         kill -9 $holder; begin=$(date +%s%N); wait $next; echo '== next'; echo \"exit $?\"
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
        "{HOLDER}
         relayhost apply --no-verify >/root/next 2>&1 & next=$!
         until grep -q 'waiting for' /root/next; do sleep 0.05; done
         sed -i 's/smtp.example.com/relay.lab.test/' /etc/relayhost/answers.toml; kill -9 $holder; wait $next; echo \"next $?\"
         postconf -h relayhost; relayhost check >/dev/null; echo \"check $?\""
    ));
    run.says("next 0\n[relay.lab.test]:587\ncheck 0\n");
}

/// A pipe may hang for ever; nobody else is to wait for it.
#[test]
fn who_waits_for_standard_input_does_not_hold_the_lock() {
    let run = host().answers(AUTHENTICATED).sh(
        "mkfifo /root/pipe; relayhost apply --no-verify --answers - </root/pipe >/root/piped 2>&1 & piped=$!
         exec 9>/root/pipe; sleep 0.5; relayhost apply --no-verify --lock-timeout 1s >/dev/null; echo \"other $?\"
         sed 's/smtp.example.com/relay.lab.test/' /etc/relayhost/answers.toml >&9; exec 9>&-; wait $piped; echo \"piped $?\"; postconf -h relayhost",
    );
    run.says("other 0\npiped 0\n[relay.lab.test]:587\n");
}
