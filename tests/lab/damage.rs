//! A bad day for the state directory: each of its files is truncated, emptied, exchanged, overwritten, removed, made
//! something else, or is of a later version; its directories are somebody else's. `scripts/damage.py` does the work inside
//! the hosts: no command stops for it, the remedies lead to an end, `repair` ends with 0 and mail flows.

use std::thread;

use crate::host::{AUTHENTICATED, host};

/// Parts of a scenario, of which half are tried unless RELAYHOST_FAULTS is `all`.
const PARTS: usize = 4;

fn damaged(scenario: &str) -> usize {
    let parts = PARTS;
    let is_all = std::env::var("RELAYHOST_FAULTS").is_ok_and(|much| much == "all");
    let tried = if is_all { parts } else { parts / 2 };
    let run = |part| {
        let script = format!("python3 /lab/tests/lab/scripts/damage.py {scenario} {part} {parts}");
        let run = host().answers(AUTHENTICATED).sh(&script);
        let last = run.stdout.lines().last().unwrap_or_default().to_owned();
        println!("{last}");
        let run = run.exits(0).never_says("BAD").never_says("horse");
        let tried = run.stdout.split_whitespace().nth(2).and_then(|word| word.parse::<usize>().ok());
        tried.unwrap_or_else(|| panic!("{run:?}"))
    };
    thread::scope(|scope| {
        let hosts: Vec<_> = (0..tried).map(|part| scope.spawn(move || run(part))).collect();
        hosts.into_iter().map(|host| host.join().unwrap()).sum()
    })
}

#[test]
fn a_state_that_is_damaged_stops_no_command() {
    assert!(damaged("calm") > 300);
}

#[test]
fn a_stopped_run_whose_records_are_damaged_stops_no_command() {
    assert!(damaged("stopped") > 150);
}

#[test]
fn a_state_directory_of_somebody_elses_is_neither_read_nor_written() {
    assert!(damaged("foreign") > 100);
}

/// Pruning may have failed for years, or somebody has copied them there.
#[test]
fn thousands_of_generations_slow_nobody_down_and_go_with_the_next_change() {
    let run = host().answers(AUTHENTICATED).sh(
        r#"relayhost apply --no-verify >/dev/null; cd /var/lib/relayhost/generations
        for n in $(seq -f %04g 5000); do cp -al 0000 $n; done
        python3 -c 'import os
record = open("0000/record.json").read()
for n in range(1, 5001):
    os.remove(f"{n:04}/record.json")
    open(f"{n:04}/record.json", "w").write(record.replace("\"number\":0,", f"\"number\":{n},"))'
        for c in check plan history 'restore 17' check; do timeout 60 relayhost $c >/root/out; echo "$c $?"; done; ls | wc -l; ls | tail -n 1"#,
    );
    assert_eq!(run.stdout, "check 0\nplan 0\nhistory 0\nrestore 17 0\ncheck 3\n21\n5001\n", "{}", run.stderr);
}

#[test]
fn history_lists_what_can_be_put_back_and_says_why_the_rest_cannot() {
    let run = host().answers(AUTHENTICATED).sh(
        "relayhost apply --no-verify >/dev/null; postconf -e relayhost=x; relayhost apply --force --no-verify >/dev/null
         cd /var/lib/relayhost/generations; echo '== whole'; relayhost history; echo garbage >0001/before/main.cf
         echo '== scrambled'; relayhost history | tr -s ' \\n' ' '; echo '== json'; relayhost history --json; echo '== restore'; relayhost restore; echo \"exit $?\"
         rm 0000/record.json; echo '== lost'; relayhost history | tr -s ' \\n' ' '; echo '== end'",
    );
    assert!(run.part("whole").contains("   1  20"), "{run:?}");
    let scrambled = run.part("scrambled");
    let why = "cannot be used (before/main.cf is not what was recorded): generation 1 cannot be restored";
    assert!(
        scrambled.contains(" 0 20") && !scrambled.contains(" 1 20") && scrambled.contains(why),
        "{run:?}"
    );
    assert_eq!(run.json("json")["generations"].as_array().unwrap().len(), 1, "{run:?}");
    assert_eq!(run.part("restore").lines().last(), Some("exit 2"), "{run:?}");
    assert!(run.part("lost").contains("the records of all earlier changes are damaged or lost"), "{run:?}");
    run.complains("generation 1 is damaged and was set aside, so it cannot be put back; those that can: 0");
}
