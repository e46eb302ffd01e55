//! Where a password may be, and that it is nowhere else at any time. `scripts/secret.py` looks for it, as it is and in
//! base64 and hexadecimal.

use crate::host::{AUTHENTICATED, Run, host, read};

pub const PREPARE: &str = ". /lab/tests/lab/scripts/secrets.sh\n";

/// The number after `word` in the line of a part that counts what was looked at.
#[track_caller]
pub fn looked(part: &str, word: &str) -> usize {
    let mut words = part.lines().filter(|line| line.starts_with("LOOKED")).flat_map(str::split_whitespace);
    words.find(|found| *found == word).unwrap_or_else(|| panic!("no `{word}` in {part}"));
    words.next().unwrap().parse().unwrap()
}

/// Files that hold it: where it belongs, 0600, root's; in the state directory below a directory of root's alone.
#[track_caller]
fn only_where_it_belongs(run: &Run) {
    let part = run.part("files");
    let mut generations = 0;
    for line in part.lines().filter_map(|line| line.strip_prefix("FOUND ")) {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!(&words[1..4], ["600", "0", "0"], "{line}");
        let own = [
            "/etc/postfix/sasl_passwd",
            "/etc/postfix/sasl_passwd.db",
            "/etc/relayhost/answers.toml",
            "/root/marker",
        ];
        let kept = words[0].starts_with("/var/lib/relayhost/generations/")
            && (words[0].ends_with("/sasl_passwd") || words[0].ends_with("/sasl_passwd.db"));
        let staged = words[0].starts_with("/etc/postfix/.relayhost-");
        assert!(own.contains(&words[0]) || ((kept || staged) && words[4..] == ["700", "0"]), "{line}");
        generations += usize::from(kept);
    }
    assert!(generations >= 2 && looked(part, "files") > 5000, "{part}");
}

#[test]
fn the_password_is_nowhere_but_where_it_belongs() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "{PREPARE}
         begin
         for c in check plan 'plan --json' 'apply --json' verify 'verify --json' history 'restore 0 --json' apply 'history --json' 'restore 0' repair; do
             relayhost $c 2>&1; echo \"exit $?\"; done
         over; echo '== logs'; cat /var/log/maillog; echo '== files'; $S files $m; echo '== end'"
    ));
    let run = run.exits(0).never_says("horse");
    assert_eq!(run.stdout.matches("exit 0\n").count(), 9, "{}", run.stdout);
    for part in ["procs", "watch"] {
        assert!(!run.part(part).contains("FOUND"), "{}", run.part(part));
    }
    assert!(looked(run.part("procs"), "rounds") > 100 && looked(run.part("procs"), "programs") > 40);
    // It did look at files that hold it, while they were made.
    assert!(looked(run.part("watch"), "events") > 50 && looked(run.part("watch"), "holding") > 5);
    only_where_it_belongs(&run);
}

#[test]
fn every_file_that_ever_received_it_was_roots_alone_from_the_start() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "{PREPARE}
         # An old database that everybody can read must not be where the new one is written.
         touch /etc/postfix/sasl_passwd.db /etc/postfix/sasl_passwd; chmod 644 /etc/postfix/sasl_passwd*; umask 000
         echo '== apply'; trace relayhost apply; echo '== verify'; trace relayhost verify
         echo '== restore'; trace relayhost restore 0; echo '== repair'; trace relayhost repair --json; echo '== undo'; trace relayhost restore; echo '== end'"
    ));
    let run = run.exits(0).never_says("horse");
    for command in ["apply", "verify", "restore", "repair", "undo"] {
        let part = run.part(command);
        assert!(!part.contains("FOUND"), "{command}: {part}");
        assert!(looked(part, "calls") > 50 && looked(part, "programs") > 1, "{command}: {part}");
        let files = part.lines().filter(|line| line.starts_with("RECEIVED /")).count();
        assert!(files >= 4 || !["apply", "repair"].contains(&command), "{command}: {part}");
    }
}

#[test]
fn passwords_from_elsewhere_reach_no_child() {
    let inline = "password  = \"correct horse battery staple\"";
    let answers = |how: &str| read(AUTHENTICATED).replace(inline, how);
    let script = format!(
        "{PREPARE}
         mkdir -m 700 /run/cred; install -m 600 $m /run/cred/relay
         for how in 'password_file = \"/root/marker\"' 'password_env = \"RELAY_PASSWORD\"' 'password_credential = \"relay\"'; do
             sed \"s|^HOW$|$how|\" /etc/relayhost/answers.toml > /root/a.toml
             begin; name=${{how%% *}}
             if [ $name = password_env ]; then (export RELAY_PASSWORD=$(cat $m); exec relayhost apply --force --answers /root/a.toml)
             else CREDENTIALS_DIRECTORY=/run/cred relayhost apply --force --answers /root/a.toml; fi > /root/out 2>&1
             code=$?; over > /root/found; echo \"== $name\"; echo \"exit $code\"; sed 's/^== /-- /' /root/found /root/out
             relayhost restore 0 >/dev/null || exit 9
         done; rm -r /run/cred; echo '== files'; $S files $m; echo '== end'"
    );
    let run = host().answers_text(&answers("HOW")).sh(&script).exits(0).never_says("horse");
    for name in ["password_file", "password_env", "password_credential"] {
        let part = run.part(name);
        assert!(part.starts_with("exit 0\n") && part.contains("Ok: queued"), "{name}: {part}");
        // The variable is in the environment of relayhost itself: its caller put it there.
        let found: Vec<&str> = part
            .lines()
            .filter(|line| {
                line.starts_with("FOUND") && !(name == "password_env" && *line == "FOUND environ relayhost")
            })
            .collect();
        assert!(found.is_empty(), "{name}: {found:?}");
    }
    only_where_it_belongs(&run);
}

#[test]
fn a_run_that_is_killed_leaves_it_in_no_core_and_no_record() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "{PREPARE}
         cd /root; ulimit -c unlimited
         cat > die.py <<'EOF'
import os, signal, subprocess, sys, time
wait = sys.argv[1]
child = subprocess.Popen(sys.argv[2:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
while not os.path.exists(wait): time.sleep(0.01)
os.kill(child.pid, signal.SIGABRT)
status = os.waitpid(child.pid, 0)[1]
print('signal', os.WTERMSIG(status), 'core', os.WCOREDUMP(status))
EOF
         # The run waits in postmap: it holds the password then.
         mv /usr/sbin/postmap /usr/sbin/postmap.real
         printf '#!/bin/bash\\nif [ -e /root/hold ]; then touch /root/there; exec sleep 3; fi\\nexec -a postmap /usr/sbin/postmap.real \"$@\"\\n' > /usr/sbin/postmap; chmod 755 /usr/sbin/postmap
         touch hold; echo '== core'; python3 die.py /root/there relayhost apply
         echo '== control'; python3 die.py /root/there sleep 20
         rm -f hold core core.*; mv /usr/sbin/postmap.real /usr/sbin/postmap; relayhost apply --no-verify >/dev/null || exit 9
         relayhost restore 0 > /dev/null
         # Killed at the rename of each file: the journal is there. An unfinished main.cf is for all, as main.cf is.
         for n in 3 4 5 6; do
             strace -f -qq -o /dev/null -e trace=rename,renameat,renameat2 -e inject=rename,renameat,renameat2:signal=SIGKILL:when=$n relayhost apply --no-verify >/dev/null 2>&1
             [ -e /var/lib/relayhost/journal.json ] && echo journal
             grep -rlaF -f $m /var/lib/relayhost /etc/postfix | grep -vE '/sasl_passwd(.db)?$'
             find /var/lib/relayhost /etc/postfix/sasl_passwd* /etc/postfix/.relayhost-* -type f -perm /077 ! -name main.cf ! -name generic 2>/dev/null | while read -r file; do grep -q '^command_directory' \"$file\" || echo \"$file\"; done; stat -c '%a' /var/lib/relayhost /etc/postfix/.relayhost-* 2>/dev/null | grep -v 700
             [ $n = 6 ] || relayhost check >/dev/null 2>&1
         done
         echo '== files'; $S files $m; echo '== end'; relayhost check >/dev/null; ls -A /etc/postfix | grep relayhost; exit 0"
    ));
    let run = run.exits(0).never_says("horse");
    assert_eq!(run.part("core"), "signal 6 core False\n");
    let control = run.part("control");
    assert!(control.starts_with("signal 6 core True\n"), "no core files here at all: {control}");
    let journals = control.lines().skip(1).collect::<Vec<_>>();
    assert!(journals.len() >= 2 && journals.iter().all(|line| *line == "journal"), "{control}");
    only_where_it_belongs(&run);
}

/// Postmap dies with the password in its memory, by a signal that leaves a core file where the caller allows one.
#[test]
fn a_postmap_that_crashes_leaves_it_in_no_core() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "{PREPARE}
         cat /proc/sys/kernel/core_pattern; ulimit -c unlimited
         mv /usr/sbin/postmap /usr/sbin/postmap.real
         printf '#!/bin/bash\\nexec strace -qq -o /dev/null -e trace=pwrite64 -e inject=pwrite64:signal=SIGSEGV:when=2 /usr/sbin/postmap.real \"$@\"\\n' > /usr/sbin/postmap; chmod 755 /usr/sbin/postmap
         echo '== crash'; relayhost apply --no-verify; echo \"exit $?\"; find / -xdev -name 'core*' -type f -newer /root/marker | grep -v /lab/
         echo '== control'; cp $m /root/t; echo \"x $(cat $m)\" > /root/t; (cd /root; bash -c 'postmap hash:/root/t'; grep -lF -f $m core*)
         mv /usr/sbin/postmap.real /usr/sbin/postmap; rm -f /root/core*
         echo '== after'; postfix stop 2>/dev/null; relayhost apply >/dev/null; echo \"exit $?\"; sed -n 's/^Max core file size *//p' /proc/$(tr -d ' ' < /var/spool/postfix/pid/master.pid)/limits"
    ));
    assert_eq!(
        run.stdout.lines().next(),
        Some("core"),
        "this kernel hands cores to a program: nothing is shown here"
    );
    let crash = run.part("crash");
    assert!(crash.ends_with("exit 1\n"), "{crash}\n{}", run.stderr);
    assert!(run.part("control").contains("core"), "no core files here at all: {run:?}");
    // A Postfix that is started after it is left what its caller allows: an admin may want to see why a daemon died.
    assert!(run.part("after").starts_with("exit 0\nunlimited "), "{run:?}");
    run.complains("postmap");
}

/// A relay may repeat the password in any reply. What it says is shown, kept as a proof, and shown by every `check` later.
#[test]
fn a_relay_that_repeats_the_password_does_not_get_it_shown() {
    const PLAIN: &str = "pw=correct horse battery staple!";
    // Of `\0user\0password`, of the password after one and two other bytes, and of the password alone.
    let base64 = [
        "AGFsZXJ0c0BleGFtcGxlLmNvbQBjb3JyZWN0IGhvcnNlIGJhdHRlcnkgc3RhcGxl",
        "eGNvcnJlY3QgaG9yc2UgYmF0dGVyeSBzdGFwbGU",
        "eHhjb3JyZWN0IGhvcnNlIGJhdHRlcnkgc3RhcGxleA==",
        "Y29ycmVjdCBob3JzZSBiYXR0ZXJ5IHN0YXBsZQ==",
    ]
    .join(" xAUTHx ");
    let answers = read(AUTHENTICATED).replace("60s", "5s");
    let said = format!("{PLAIN} {base64}");
    for rule in [
        "END 250 2.0.0 Ok",
        "END 550 5.7.1 no",
        "RCPT/ops@/ 550 5.1.1 no",
        "RCPT 450 4.2.0 later",
        "AUTH 535 5.7.8 no",
        "AUTH 235 2.7.0",
        "MAIL 553 5.7.1 no",
        "CONNECT 220 relay",
        "CONNECT 554 no",
    ] {
        let run = host().answers_text(&answers).relay("scripted").replies(&format!("{rule} {said}\nEND 250 2.0.0 Ok\n")).sh(
                "relayhost probe --json; relayhost probe; relayhost apply --no-probe --on-failure keep; echo '== applied'
                 relayhost verify --deadline 5s; relayhost verify --json --deadline 5s; relayhost check; relayhost check --json; relayhost history --json
                 ls /var/lib/relayhost; cat /var/lib/relayhost/proof.json; true",
            );
        let all = format!("{}{}", run.stdout, run.stderr);
        assert!(all.contains("== applied") && all.contains("****"), "{rule}: {run:?}");
        for part in ["horse", "aG9yc2", "hvcnNl", "BiYXR0", "YmF0dGVye", "iYXR0ZXJ5"] {
            assert!(!all.contains(part), "{part} of {rule} {said}: {run:?}");
        }
    }
}

/// The lines of others around relayhost's own in tables that they share.
#[test]
fn a_diff_shows_nothing_of_the_lines_of_others_around_a_change() {
    let run = host().answers(AUTHENTICATED).sh(
        r#"printf 'ops: |"/usr/bin/notify --token=TokAlias88 https://hook:HookPw77@x.example"\n# next: AsideWord5\nbackup: joe, |"/usr/bin/curl\n  -u u:TokAlias99"\nroot: |"/usr/bin/page -p RootPw66"\n' >>/etc/aliases; newaliases
         printf '# kept: AsideWord6\nold@x.example other@x.example\n' >/etc/postfix/generic; postmap /etc/postfix/generic
         sed -i '/\[verify\]/i [recipients]\nroot = "ops@example.com"' /etc/relayhost/answers.toml
         (relayhost plan; relayhost plan --json) >/root/out 2>&1; relayhost apply --no-verify >>/root/out 2>&1; echo "apply $?"; (relayhost history 0; relayhost history 0 --json; echo 'mine: joe' >>/etc/aliases; relayhost check) >>/root/out 2>&1
         grep -o 'TokAlias..\|HookPw..\|RootPw..\|AsideWord.' /root/out | sort | uniq -c; grep -c 'root: |/usr/bin/page \*' /root/out; grep -c '+ *root: *ops@example.com' /root/out; grep -c '(another line)' /root/out; grep -c '+mine:' /root/out"#,
    );
    let numbers: Vec<u32> = run.stdout.lines().skip(1).filter_map(|line| line.parse().ok()).collect();
    assert!(run.stdout.starts_with("apply 0\n") && numbers.len() == 4, "{run:?}");
    assert!(numbers.iter().all(|number| *number > 0), "{run:?}");
}
