//! The commands beside `apply` hold, too: death, errors and signals at each system call of theirs that changes something.
//! `faults/loops.py` does the work inside the hosts: a part of the calls, and all of them where RELAYHOST_FAULTS is `all`.

use std::thread;

use crate::host::{Run, host};

/// Hits a command in these ways, each in a host of its own. Each way must have hit at least so many calls.
fn hit(command: &str, ways: &[(&str, u32)]) {
    let much = std::env::var("RELAYHOST_FAULTS").unwrap_or_else(|_| "some".into());
    let runs: Vec<(Run, u32)> = thread::scope(|scope| {
        let start = |(how, least): &(&str, u32)| {
            let script = format!("python3 /lab/tests/lab/faults/loops.py {command} {how} {much}");
            (scope.spawn(move || host().sh(&script)), *least)
        };
        let hosts: Vec<_> = ways.iter().map(start).collect();
        hosts.into_iter().map(|(host, least)| (host.join().unwrap(), least)).collect()
    });
    for (run, least) in runs {
        let run = run.exits(0).never_says("BAD");
        println!("{}", run.stdout.trim_end());
        let (_, last) = run.stdout.rsplit_once("faults: ").unwrap();
        let count: u32 = last.split(' ').next().unwrap().parse().unwrap();
        assert!(count >= least, "{last}");
        assert!(last.contains(&format!(" {count} whole ")), "{last}");
    }
}

#[test]
fn apply_that_a_signal_ends_leaves_the_old_and_says_so() {
    hit("apply", &[("signals", 30)]);
}

#[test]
fn apply_through_links_whatever_hits_it_leaves_the_old_or_the_new_and_the_links() {
    hit("linked", &[("deaths", 30), ("errors", 30), ("signals", 30)]);
}

#[test]
fn restore_whatever_hits_it_leaves_the_old_or_the_new_and_mail_arrives() {
    hit("restore", &[("deaths", 30), ("errors", 30), ("signals", 30)]);
}

#[test]
fn repair_whatever_hits_it_leaves_the_old_or_the_new_and_mail_arrives() {
    hit("repair", &[("deaths", 30), ("errors", 30), ("signals", 30)]);
}

#[test]
fn recover_whatever_hits_it_leaves_the_old_or_the_new_and_mail_arrives() {
    hit("recover", &[("deaths", 25), ("errors", 25), ("signals", 25)]);
}

#[test]
fn pending_whatever_hits_it_leaves_the_old_or_the_new_and_mail_arrives() {
    hit("pending", &[("deaths", 30), ("errors", 30), ("signals", 30)]);
}

#[test]
fn apply_root_whatever_hits_it_leaves_a_tree_that_is_the_old_or_the_new() {
    hit("root", &[("deaths", 30), ("errors", 25), ("signals", 30)]);
}
