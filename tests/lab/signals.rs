//! Ctrl-C, SIGTERM and SIGHUP: whatever is under way is undone, the screen says what is in force, what was undone and what
//! is queued, and the exit status is the signal's. Signals at each system call are in `loops`.

use crate::host::{AUTHENTICATED, host};

/// `during SIGNAL SECONDS|WORDS CMD…` runs a command and sends it the signal (scripts/during.py).
const SHELL: &str = ". /lab/tests/lab/scripts/signals.sh\n";

#[test]
fn before_anything_was_changed_nothing_was() {
    let run = host().answers(AUTHENTICATED).relay("silent").sh(&format!(
        r"{SHELL} state > /root/before
        during INT 0.5 relayhost apply; during TERM 0.5 relayhost probe; during HUP 0.5 relayhost probe --json | tee /root/json
        exec 9>/var/lib/relayhost/lock; flock 9; during TERM 'waiting for another' relayhost apply 9>&-; flock -u 9
        during INT 0.3 relayhost apply --answers -
        during TERM 0.3 relayhost diagnose -
        mkfifo /root/fifo; exec 7<>/root/fifo; during HUP 0.3 relayhost diagnose /root/fifo; exec 7>&-
        during TERM 0.5 relayhost init --host smtp.example.com --port 587 --tls none --rewrite none --to ops@example.com --output /root/new.toml; ls /root/new*
        state | cmp - /root/before && echo as before; ls -A /tmp; echo '== json'; grep -v '^exit' /root/json"
    ));
    let ends: Vec<&str> = run.stdout.lines().filter(|line| line.starts_with("exit ")).collect();
    assert_eq!(
        ends,
        [130, 143, 129, 143, 130, 143, 129, 143].map(|code| format!("exit {code}, at once")),
        "{run:?}"
    );
    let json = run.json("json");
    assert_eq!(json["error"]["interrupted"]["signal"], "SIGHUP");
    assert_eq!(json["error"]["interrupted"]["files"], "unchanged");
    run.never_says("/root/new.toml\n")
        .says("as before\n")
        .complains("ended by SIGINT (Ctrl-C)\nnothing was changed\n  -> run `relayhost ");
}

#[test]
fn a_test_message_under_way_is_taken_out_of_the_queue_and_the_files_are_put_back() {
    let run = host().answers(AUTHENTICATED).relay("silent").sh(&format!(
        r#"{SHELL} state > /root/before
        for s in INT TERM HUP; do
            during $s 'postfix: reload done' relayhost apply --no-probe; state | cmp - /root/before && echo as before; queue; ls /var/lib/relayhost
        done
        during TERM "$under_way" relayhost apply --no-probe; state | cmp - /root/before && echo as before; queue
        during TERM "$under_way" relayhost apply --no-probe --json > /root/json; state | cmp - /root/before && echo as before
        relayhost apply --no-verify >/dev/null; during INT "$under_way" relayhost verify; queue
        echo '== json'; grep -v '^exit' /root/json"#
    ));
    for exit in ["exit 130", "exit 143", "exit 129"] {
        run_says(&run.stdout, exit);
    }
    assert_eq!(run.stdout.matches("as before\n").count(), 5, "{run:?}");
    assert_eq!(run.stdout.matches("queue empty\n").count(), 5, "{run:?}");
    let json = run.json("json");
    let left = &json["error"]["interrupted"];
    assert_eq!(
        (&left["files"], &left["message"]["state"]),
        (&"put back".into(), &"taken out".into()),
        "{json:#}"
    );
    run.never_says("journal.json")
        .complains("was taken out of the queue again\nthe previous configuration was restored")
        .complains("was taken out of the queue again\nnothing was changed");
}

#[track_caller]
fn run_says(text: &str, words: &str) {
    assert!(text.contains(words), "no `{words}` in:\n{text}");
}

/// `--on-failure keep` keeps, whatever ends the run.
#[test]
fn what_is_to_be_kept_is_in_force_and_not_proved() {
    let run = host().answers(AUTHENTICATED).relay("silent").sh(&format!(
        r#"{SHELL} during TERM "$under_way" relayhost apply --on-failure keep --json > /root/json; postconf -h relayhost; queue
        relayhost check; echo "check $?"; relayhost restore 0 >/dev/null; echo "restore $?"; echo '== json'; grep -v '^exit' /root/json"#
    ));
    let json = run.json("json");
    assert_eq!(json["exit"], 143);
    assert_eq!(json["error"]["interrupted"]["files"], "new");
    assert_eq!(json["error"]["interrupted"]["generation"], 0);
    run.says("[smtp.example.com]:587\nqueue empty\n")
        .says("restore 0\n")
        .complains("the new configuration is in force, and no message has proved it")
        .complains("`relayhost restore 0`");
}

#[test]
fn no_number_of_signals_cuts_an_undo_off() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        r#"{SHELL} state > /root/before
        mv /usr/sbin/postfix /root/postfix
        printf '#!/bin/sh\n[ "$1" != reload ] || echo "$(date +%%s.%%N) reload" >> /root/reloads; [ "$1" != reload ] || sleep 1\nexec /root/postfix "$@"\n' > /usr/sbin/postfix; chmod 755 /usr/sbin/postfix
        during TERM,TERM,INT,HUP,TERM 'main.cf: ' relayhost apply --no-verify; state | cmp - /root/before && echo as before
        ls /var/lib/relayhost; wc -l < /root/reloads; mv /root/postfix /usr/sbin/postfix; relayhost apply >/dev/null; echo "then $?""#
    ));
    // The first signal that was there when it was looked at is the one; all came within a quarter of a second.
    let ended = run.stdout.lines().find(|line| line.starts_with("exit ")).unwrap();
    assert!(["exit 143", "exit 130", "exit 129"].iter().any(|end| ended.starts_with(end)), "{ended}");
    // On a busy machine the first signal comes before the reload of the change; that of the undo is there in any case.
    assert!(["\n1\n", "\n2\n"].iter().any(|count| run.stdout.contains(count)), "{run:?}");
    run.says("as before\n").says("then 0\n").never_says("journal");
}

#[test]
fn an_undo_that_fails_is_8_and_names_what_is_on_disk() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        r#"{SHELL} state > /root/before
        mv /usr/sbin/postfix /root/postfix
        printf '#!/bin/sh\nif [ "$1" = reload ] && [ ! -e /root/once ]; then touch /root/once; mount --bind /etc/postfix /etc/postfix; mount -o remount,bind,ro /etc/postfix; kill -TERM $PPID; fi\nexec /root/postfix "$@"\n' > /usr/sbin/postfix; chmod 755 /usr/sbin/postfix
        relayhost apply --no-verify; echo "exit $?"; umount /etc/postfix; relayhost check >/dev/null; echo "check $?"; state | cmp - /root/before && echo as before"#
    ));
    run.says("exit 8\n")
        .says("check 3\n")
        .says("as before\n")
        .complains("ended by SIGTERM")
        .complains("and putting the previous configuration back failed as well")
        .complains("now on disk: ");
}

#[test]
fn what_the_caller_ignores_is_ignored() {
    let run = host().answers(AUTHENTICATED).relay("silent").sh(&format!(
        r#"{SHELL} (trap '' HUP; exec relayhost probe --timeout 4s) > /root/o 2>&1 & sleep 0.5; kill -HUP $!; sleep 0.5; kill -0 $! && echo goes on; wait $!; echo "exit $?"
        (trap '' HUP; exec relayhost probe) > /root/o 2>&1 & sleep 0.5; kill -HUP $!; sleep 0.3; kill -TERM $!; wait $!; echo "exit $?""#
    ));
    run.says("goes on\nexit 5\nexit 143\n");
}

/// A real dnf, held for some seconds while rpm unpacks the package; a person at a terminal presses Ctrl-C, which the
/// terminal sends to every process that is in its foreground.
#[test]
fn a_package_manager_at_work_is_waited_for_and_the_screen_says_so() {
    let run = host().without("cyrus-sasl-plain").answers(AUTHENTICATED).sh(&format!(
        r#"{SHELL} state > /root/before
        real=$(command -v dnf || command -v yum)
        printf '#!/bin/bash\ntouch /root/dnf-began\nexec strace -f -qq -o /root/calls -e trace=symlink,symlinkat -e inject=symlink,symlinkat:delay_enter=3000000:when=1 %s "$@"\n' "$real" > /usr/bin/dnf5
        chmod 755 /usr/bin/dnf5
        printf '~Running transaction\t!\\x03\n~Ctrl-C noted\t!\\x03\n' > /root/steps
        LC_ALL=C.UTF-8 NO_COLOR=1 TERM=xterm python3 /lab/tests/lab/scripts/type.py 50 /root/steps relayhost apply
        echo '== host'; grep -c symlink /root/calls; rm /usr/bin/dnf5; rpm -q cyrus-sasl-plain; rpm -V cyrus-sasl-plain && echo sound; state | cmp - /root/before && echo as before
        relayhost apply >/dev/null; echo "then $?""#
    ));
    let ended = run.part("ended");
    assert!(ended.starts_with("exit 130\nleft over: 0\n"), "{}", run.stdout);
    let screen = run.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    run_says(
        &screen,
        "Ctrl-C noted: dnf5 is at work and is left to finish; relayhost stops after it and changes no file",
    );
    run_says(&screen, "Ctrl-C noted again: dnf5 is at work");
    run_says(&screen, "! packages: cut off by Ctrl-C; ");
    run_says(&screen, "packages were installed and stay: cyrus-sasl-plain");
    run_says(&screen, "beyond that, Postfix's configuration is untouched");
    let host = run.part("host");
    assert!(host.contains("sound\nas before\nthen 0\n"), "{host}");
}

#[test]
fn a_postfix_that_is_being_told_is_waited_for_and_the_screen_says_so() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        r#"{SHELL} state > /root/before
        wrap /usr/sbin/postfix '[ "$1" != reload ] || {{ touch /root/told; sleep 2; }}; exec /root/postfix "$@"'
        during INT,INT '?sleep 0.2; test -e /root/told' relayhost apply --no-verify; state | cmp - /root/before && echo as before"#
    ));
    run_says(&run.stdout, "exit 130");
    run_says(&run.stdout, "as before\n");
    let shown = run.stdout + &run.stderr;
    run_says(
        &shown,
        "Ctrl-C noted: relayhost waits for the end of `/usr/sbin/postfix reload`, and stops then",
    );
    run_says(&shown, "Ctrl-C noted again: relayhost waits for the end of `/usr/sbin/postfix reload`");
}

/// As systemd stops the unit: what was asked for stays, and counts as not tried.
#[test]
fn a_pending_run_that_is_stopped_leaves_what_waits() {
    let run = host().answers(AUTHENTICATED).relay("silent").sh(&format!(
        r#"{SHELL} relayhost scriptlet post 1 --for op5; cat /var/lib/relayhost/pending/op5.json > /root/entry
        lock() {{ python3 -c 'import fcntl, time; lock = open("/var/lib/rpm/.rpm.lock", "a"); fcntl.lockf(lock, fcntl.LOCK_EX); print(flush=True); time.sleep(60)' & read -t 5 < <(sleep 0.5); }}
        lock; holder=$!; during TERM 'waiting for process' relayhost pending --due; kill $holder; cmp /root/entry /var/lib/relayhost/pending/op5.json && echo same
        during TERM 1 relayhost pending --due; cmp /root/entry /var/lib/relayhost/pending/op5.json && echo same; queue; ls /var/lib/relayhost"#
    ));
    let ends: Vec<&str> =
        run.stdout.lines().filter(|line| line.starts_with("exit ") || *line == "same").collect();
    assert_eq!(ends, ["exit 143, at once", "same", "exit 143, at once", "same"], "{run:?}");
    run.says("queue empty\n").never_says("journal.json");
}

/// At many moments of a run that goes well, none of which leaves a test message that was not named.
#[test]
fn verify_at_any_moment_ends_with_a_word_and_an_empty_queue() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        r#"{SHELL} relayhost apply >/dev/null || exit 99; state > /root/before
        n=0; for s in INT TERM HUP; do for d in 0.02 0.05 0.08 0.12 0.16 0.2 0.25 0.3; do
            during $s $d relayhost verify > /root/said 2>&1; status=$(sed -n 's/^exit \([0-9]*\), at once/\1/p' /root/said)
            case $status in
                0) ;;
                130 | 143 | 129) grep -q 'nothing was changed' /root/said && n=$((n + 1)) || cat /root/said ;;
                *) echo BAD; cat /root/said ;;
            esac
            [ "$(queue)" = 'queue empty' ] || grep -q 'may be in the queue' /root/said || {{ echo BAD queue; cat /root/said; }}
        done; done; echo "cut off: $n"; state | cmp - /root/before && echo as before; relayhost verify >/dev/null; echo "verify $?"; ls -A /tmp"#
    ));
    let cut: u32 =
        run.stdout.lines().find_map(|line| line.strip_prefix("cut off: ")).unwrap().parse().unwrap();
    assert!(cut >= 6, "{cut}");
    run.never_says("BAD").says("as before\nverify 0\n").never_says("relayhost-scratch");
}

/// What a run leaves in /tmp that was killed is removed by the next; what is another user's, a link, or a living run's is
/// not touched.
#[test]
fn scratch_directories_of_killed_runs_are_swept_and_no_others() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        r#"{SHELL} relayhost apply >/dev/null || exit 99
        mv /usr/bin/mail /root/mail; printf '#!/bin/sh\ntouch /root/sending\nsleep 5\n' > /usr/bin/mail; chmod 755 /usr/bin/mail
        relayhost verify >/dev/null 2>&1 & p=$!; until [ -e /root/sending ]; do sleep 0.05; done; kill -9 $p; wait $p 2>/dev/null; rm /root/sending; ls -d /tmp/relayhost-scratch-* | wc -l
        relayhost verify >/dev/null 2>&1 & p=$!; until [ -e /root/sending ]; do sleep 0.05; done
        mkdir -p /root/precious/x /tmp/relayhost-scratch-theirs/x /tmp/relayhost-scratch-open/x; chown -R 65534 /tmp/relayhost-scratch-theirs; chmod 755 /tmp/relayhost-scratch-open; ln -s /root/precious /tmp/relayhost-scratch-link; mkdir -m 700 /tmp/relayhost-backup
        mkfifo /tmp/relayhost-scratch-fifo; touch /tmp/relayhost-scratch-file
        ln -s /root/precious "$(ls -d /tmp/relayhost-scratch-?????? | head -n 1)/link"
        relayhost apply >/dev/null; echo "apply $?"; ls -d /tmp/relayhost-scratch-* | sed 's/-......$/-LIVING/' | sort -u; ls -d /root/precious/x /tmp/relayhost-backup; kill $p; wait $p
        mv /root/mail /usr/bin/mail; relayhost apply >/dev/null; ls /tmp | grep -c '^relayhost-scratch-......$'"#
    ));
    run.says("1\napply 0\n").says("/root/precious/x\n").says("/tmp/relayhost-backup\n");
}

/// Nobody reads: a terminal after Ctrl-S, a pipe that is full. The end does not wait for them either.
#[test]
fn a_reader_that_has_stopped_keeps_no_signal_from_ending_a_run() {
    let run = host().answers(AUTHENTICATED).relay("silent").sh(&format!(
        r"{SHELL}
        state > /root/before
        for kind in terminal 0 100; do
            python3 /lab/tests/lab/scripts/blocked.py $kind relayhost apply --no-probe; state | cmp - /root/before && echo as before
            flock -n /var/lib/relayhost/lock echo lock free; ls /var/lib/relayhost
        done"
    ));
    assert_eq!(
        run.stdout
            .matches(
                "blocked
exit 143, soon
as before
lock free
"
            )
            .count(),
        3,
        "{run:?}"
    );
    run.never_says("journal.json");
}
