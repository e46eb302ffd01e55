//! Whatever happens in the middle of a change: mail that worked goes on working. Death and errors at every system call, full
//! disks, programs that die or lie. `faults/faults.py` does the work inside the hosts, at a part of the calls, and at all of
//! them where RELAYHOST_FAULTS is `all`.

use std::thread;

use crate::host::{AUTHENTICATED, Run, host};

/// Runs a part of the work in each of several hosts at once, and returns what they say at their ends, added up: how
/// many were hit, how many sets of files were whole after it.
fn in_hosts(work: &str, parts: usize) -> (u32, u32) {
    let much = std::env::var("RELAYHOST_FAULTS").unwrap_or_else(|_| "some".into());
    let runs: Vec<Run> = thread::scope(|scope| {
        let start = |part| {
            let script = format!("python3 /lab/tests/lab/faults/faults.py {work} {part} {parts} {much}");
            scope.spawn(move || host().sh(&script))
        };
        let hosts: Vec<_> = (0..parts).map(start).collect();
        hosts.into_iter().map(|host| host.join().unwrap()).collect()
    });
    let mut sum = (0, 0);
    for run in runs {
        let run = run.exits(0).never_says("BAD");
        println!("{}", run.stdout.trim_end());
        let (_, last) = run.stdout.rsplit_once("faults: ").unwrap();
        let numbers: Vec<u32> = last
            .split(|letter: char| !letter.is_ascii_digit())
            .filter_map(|word| word.parse().ok())
            .collect();
        sum = (sum.0 + numbers[0], sum.1 + numbers[1]);
    }
    println!("{work}: {} hit, {} whole and delivering", sum.0, sum.1);
    sum
}

#[test]
fn death_at_every_system_call_leaves_the_old_or_the_new_and_mail_arrives() {
    let (deaths, whole) = in_hosts("deaths", 2);
    assert_eq!(deaths, whole);
    assert!(deaths > 120, "{deaths}");
}

#[test]
fn an_error_at_every_system_call_leaves_the_old_or_the_new_and_mail_arrives() {
    let (errors, whole) = in_hosts("errors", 2);
    assert_eq!(errors, whole);
    assert!(errors > 70, "{errors}");
}

#[test]
fn a_disk_that_is_really_full_leaves_the_old_and_mail_arrives() {
    let (disks, whole) = in_hosts("full", 2);
    assert_eq!(disks, whole);
    assert!(disks > 20, "{disks}");
}

/// A host with a working relay, and other answers, `$new`, that change everything.
const WORKING: &str = ". /lab/tests/lab/scripts/faults.sh\n";

fn on_a_working_host(script: &str) -> Run {
    host().answers(AUTHENTICATED).sh(&format!("{WORKING}{script}")).exits(0)
}

#[test]
fn a_postmap_that_dies_changes_nothing() {
    let run = on_a_working_host(
        r#"wrap /usr/sbin/postmap 'case $1 in hash:*) kill -9 $$;; esac; exec /root/postmap "$@"'
        attempt; unchanged; unwrap /usr/sbin/postmap; delivers; attempt"#,
    );
    run.says("exit 1\n")
        .says("same\n")
        .never_says("journal.json")
        .never_says("left: ")
        .says("delivered\n")
        .says("exit 0\n")
        .complains("signal 9")
        .complains("\n  -> ");
}

#[test]
fn a_reload_that_fails_once_is_undone() {
    let run = on_a_working_host(
        r#"sed -i '/^ip =/d' $new
        wrap /usr/sbin/postfix 'if [ "$1" = reload ] && mkdir /root/once 2>/dev/null; then echo no luck >&2; exit 1; fi; exec /root/postfix "$@"'
        attempt; unchanged; delivers; attempt"#,
    );
    run.says("exit 1\n")
        .says("same\n")
        .never_says("journal.json")
        .says("delivered\n")
        .says("exit 0\n")
        .complains("no luck")
        .complains("the previous configuration was restored")
        .complains("\n  -> ");
}

/// The files are the old ones, and Postfix never read others.
#[test]
fn a_reload_that_always_fails_leaves_the_old_and_the_next_run_does_it() {
    let run = on_a_working_host(
        r#"sed -i '/^ip =/d' $new
        wrap /usr/sbin/postfix 'if [ "$1" = reload ]; then echo no luck >&2; exit 1; fi; exec /root/postfix "$@"'
        attempt; unchanged; delivers; unwrap /usr/sbin/postfix; attempt"#,
    );
    run.says("exit 1\n")
        .says("same\n")
        .never_says("journal.json")
        .says("delivered\n")
        .says("exit 0\n")
        .complains("no luck")
        .complains("\n  -> ");
}

#[test]
fn a_postfix_that_does_not_start_with_the_new_configuration_runs_with_the_old() {
    let run = on_a_working_host(
        r#"wrap /usr/sbin/postfix 'case $1 in start) if grep -q "^relayhost.*relay.lab.test" /etc/postfix/main.cf; then echo "fatal: cannot start" >&2; exit 1; fi;; esac; exec /root/postfix "$@"'
        attempt; unchanged; postfix status 2>&1 && echo running; delivers"#,
    );
    run.says("exit 1\n")
        .says("same\n")
        .never_says("journal.json")
        .says("running\n")
        .says("delivered\n")
        .complains("fatal: cannot start")
        .complains("the previous configuration was restored")
        .complains("\n  -> ");
}

/// A relay without a login was in use; the new answers want one, and the plugin for it.
const WITHOUT_PLUGIN: &str = r#"
files() { (cd /etc/postfix; sha256sum main.cf generic; ls); }
files > /root/before
attempt() { relayhost apply --no-verify; echo "exit $?"; }
unchanged() { files | cmp - /root/before && echo same; ls -A /var/lib/relayhost; }
"#;

fn without_plugin(script: &str) -> Run {
    host()
        .without("cyrus-sasl-plain")
        .answers(AUTHENTICATED)
        .sh(&format!("{WITHOUT_PLUGIN}{script}"))
        .exits(0)
}

#[test]
fn a_package_manager_that_is_killed_in_mid_flight_changes_nothing() {
    let run = without_plugin(
        // At the call that takes dnf's lock on the packages, not after some time: a quick machine would be through by then.
        r#"real=$(command -v dnf || command -v yum)
        cat > /usr/bin/dnf5 <<END
#!/bin/sh
strace -f -qq -o /dev/null -P /var/lib/dnf/rpmdb_lock.pid -e trace=open,openat -e inject=open,openat:signal=SIGKILL $real "\$@"
[ \$? -eq 137 ] && touch /root/was-running
kill -9 \$\$
END
        chmod 755 /usr/bin/dnf5; attempt; unchanged; rm /usr/bin/dnf5; ls /root/was-running; attempt"#,
    );
    run.says("exit 1\n")
        .says("same\n")
        .never_says("journal.json")
        .says("was-running\n")
        .says("exit 0\n")
        .complains("not installed: cyrus-sasl-plain")
        .complains("signal 9")
        .complains("\n  -> ");
}

#[test]
fn a_package_manager_that_installs_nothing_and_is_content_is_not_believed() {
    let run = without_plugin(
        r"printf '#!/bin/sh\nexit 0\n' > /root/liar; chmod 755 /root/liar; cp --remove-destination /root/liar /usr/bin/dnf5
        attempt; unchanged",
    );
    run.says("exit 1\n")
        .says("same\n")
        .never_says("journal.json")
        .complains("not installed: cyrus-sasl-plain")
        .complains("\n  -> ");
}

/// Its files are partly there and its record is not: rpm was unpacking.
#[test]
fn a_package_manager_that_is_killed_in_its_transaction_is_mended_by_the_next_run() {
    let run = without_plugin(
        // rpm makes the plugin's links while it unpacks: the first of them is the end of dnf.
        r#"real=$(command -v dnf || command -v yum)
        printf '#!/bin/bash\nexec strace -f -qq -o /root/calls -e trace=symlink,symlinkat -e inject=symlink,symlinkat:signal=SIGKILL:when=1 %s "$@"\n' "$real" > /usr/bin/dnf5
        chmod 755 /usr/bin/dnf5; attempt; unchanged; rm /usr/bin/dnf5; grep -o 'libplain[.a-z]*' /root/calls; grep -o 'killed by SIGKILL' /root/calls | head -n 1; rpm -q cyrus-sasl-plain
        attempt; relayhost verify; echo "verify $?"; rpm -V cyrus-sasl-plain && echo sound"#,
    );
    run.says("exit 1\n")
        .says("same\n")
        .says("killed by SIGKILL\npackage cyrus-sasl-plain is not installed\n")
        .says("exit 0\n")
        .says("verify 0\nsound\n");
}

#[test]
fn before_postfix_starts_recover_clears_up_and_starts_nothing() {
    // The third rename of a change is amid its files.
    let run = host().answers(AUTHENTICATED).sh(
        r#"cd /etc/postfix; sum() { sha256sum main.cf generic; ls sasl_passwd* 2>/dev/null; }; before=$(sum); relayhost recover; echo "nothing $?"
        for n in $(seq 3 12); do
            strace -f -qq -o /dev/null -e trace=rename,renameat,renameat2 -e inject=rename,renameat,renameat2:signal=SIGKILL:when=$n relayhost apply --no-verify >/dev/null 2>&1
            [ "$(sum)" = "$before" ] || break
        done
        [ "$(sum)" = "$before" ] || echo mixed; ls /var/lib/relayhost/journal.json
        postfix stop >/dev/null 2>&1; relayhost recover; echo "recover $?"
        [ "$(sum)" = "$before" ] && echo as before; postfix status >/dev/null 2>&1 || echo stopped; relayhost recover"#,
    );
    run.says("nothing to clear up\nnothing 0\nmixed\n/var/lib/relayhost/journal.json\n")
        .says("a run was stopped while it changed files; they are again what they were before")
        .says("recover 0\nas before\nstopped\nnothing to clear up\n");
}

/// What `faults/edits.py` says at the end: how many edits there were.
pub fn edits(work: &str) -> u32 {
    let run = host().sh(&format!("python3 /lab/tests/lab/faults/edits.py {work}")).exits(0).never_says("BAD");
    println!("{}", run.stdout.trim_end());
    let (_, last) = run.stdout.rsplit_once("edits: ").unwrap();
    last.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn an_edit_at_every_rename_is_in_its_place_or_named() {
    let counts = thread::scope(|scope| {
        ["apply", "restore", "undo", "first", "recover"]
            .map(|work| scope.spawn(move || edits(work)))
            .map(|run| run.join().unwrap())
    });
    assert!(counts.iter().all(|count| *count > 20), "{counts:?}");
}

#[test]
fn a_death_between_exchange_and_look_loses_no_edit() {
    assert!(edits("deaths") > 15);
}

#[test]
fn what_the_relay_has_confirmed_stays_though_nothing_more_can_be_written() {
    thread::scope(|scope| {
        for command in ["apply", "repair", "pending"] {
            for (how, least) in [("errors", 8), ("full", 3)] {
                scope.spawn(move || {
                    let script = format!("python3 /lab/tests/lab/faults/proved.py {command} {how}");
                    let run = host().sh(&script).exits(0).never_says("BAD");
                    println!("{}", run.stdout.trim_end());
                    let (_, last) = run.stdout.rsplit_once("proved: ").unwrap();
                    let tried: u32 = last.split(' ').next().unwrap().parse().unwrap();
                    assert!(tried >= least, "{last}");
                });
            }
        }
    });
}
