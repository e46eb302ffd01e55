//! Default access control lists, which switch the umask off: whatever a directory hands on, the password is root's alone,
//! at every instant, and what an admin gave a file comes back with it.

use std::thread;

use crate::host::{AUTHENTICATED, Run, host};
use crate::secrets::looked;

/// Default lists as admins set them: for one user, with a wide mask, for a group, for everybody.
const LISTS: [&str; 4] =
    ["u:bin:rX", "u:bin:rwx,m::rwx", "g:bin:rwx,m::rwx", "u::rwx,u:nobody:rwx,g::rwx,m::rwx,o::rwx"];

/// Two users read whatever they can while each command runs; `step NAME COMMAND…` runs one and looks at what it left.
const READERS: &str = ". /lab/tests/lab/scripts/lists.sh\n";

fn nobody_reads(run: &Run) {
    let readers = run.part("readers");
    assert!(!readers.contains("READ ") && !readers.contains("READ\t"), "{readers}\n{}", run.stdout);
    assert!(looked(readers, "rounds") > 2 && looked(readers, "opened") > 100, "{readers}");
    assert!(looked(readers, "refused") > 0, "{readers}");
}

#[test]
fn whatever_a_directory_hands_on_nobody_reads_the_password() {
    let runs: Vec<Run> = thread::scope(|scope| {
        let start = |list: &'static str| {
            let script = format!(
                "{READERS} lists '{list}'; cp -p /etc/relayhost/answers.toml /root/a.toml; rm /etc/relayhost/answers.toml; readers
                 init() {{ relayhost init --host smtp.example.com --port 587 --username alerts@example.com --password-stdin --to ops@example.com --no-probe --rewrite none \"$@\" < $m; }}
                 step init init; step init-inline init --force --inline-password; cp -p /root/a.toml /etc/relayhost/answers.toml
                 step apply relayhost apply; step check relayhost check; step restore relayhost restore 0; step again relayhost restore
                 rm /etc/postfix/sasl_passwd.db
                 step repair relayhost repair
                 mv /usr/sbin/postfix /root/postfix; printf '#!/bin/sh\\n[ $1 = reload ] && exit 1\\nexec /root/postfix \"$@\"\\n' > /usr/sbin/postfix; chmod 755 /usr/sbin/postfix
                 sed 's/smtp.example.com/relay.lab.test/' /root/a.toml > /root/b.toml; chmod 600 /root/b.toml
                 step undone relayhost apply --no-verify --answers /root/b.toml; mv /root/postfix /usr/sbin/postfix
                 strace -qq -o /dev/null -e trace=renameat2 -e inject=renameat2:signal=SIGKILL:when=2 relayhost apply --no-verify --answers /root/b.toml >/dev/null 2>&1; echo \"killed $?\"; wide
                 step recovered relayhost history; over"
            );
            scope.spawn(move || host().answers(AUTHENTICATED).sh(&script))
        };
        let hosts: Vec<_> = LISTS.into_iter().map(start).collect();
        hosts.into_iter().map(|host| host.join().unwrap()).collect()
    });
    for run in runs {
        let run = run.exits(0).never_says("WIDE").never_says("LIST");
        println!("{}", run.stdout);
        let run = run.says("listed\ninit 0\ninit-inline 0\napply 0\ncheck 0\nrestore 0\nagain 0\nrepair 0\nundone 1\nkilled 137\nrecovered 0\n");
        nobody_reads(&run);
    }
}

/// The directories of a tree hand lists on, too.
#[test]
fn a_tree_that_is_configured_is_as_tight() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "{READERS} lists u:bin:rwx,m::rwx; fill_tree /tree; mknod -m 666 /tree/dev/null c 1 3
         tops=(/tree/etc/postfix /tree/var/lib/relayhost /tree/tmp); for top in \"${{tops[@]}}\"; do setfacl -d -m u:bin:rwx,m::rwx $top; done
         readers; step root relayhost apply --root /tree; over"
    ));
    let run = run.exits(0).never_says("WIDE").never_says("LIST").says("root 0\n");
    nobody_reads(&run);
}

/// The reader finds what is there to be found: the control of the tests above.
#[test]
fn a_reader_reads_what_a_list_opens() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "{READERS} relayhost apply >/dev/null; setfacl -m u:bin:r /etc/postfix/sasl_passwd.db; wide; readers; sleep 0.3; over"
    ));
    assert!(run.part("readers").contains("READ /etc/postfix/sasl_passwd.db"), "{run:?}");
    run.says("WIDE 640 0:0 /etc/postfix/sasl_passwd.db\nLIST /etc/postfix/sasl_passwd.db\n");
}

/// Each remedy is the one that the message names.
#[test]
fn what_a_list_opens_is_called_so_and_its_remedy_closes_it() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "{READERS} relayhost apply >/dev/null
         check() {{ relayhost check > /root/out; echo \"check $?\"; tr -s '\\n ' ' ' < /root/out | grep -o 'FAIL map[^`]*`getfacl` shows it)[^.]*' ; }}
         for file in /etc/postfix/sasl_passwd /etc/postfix/sasl_passwd.db; do setfacl -m u:bin:r $file; check; relayhost apply >/dev/null; echo \"apply $?\"; wide; check; done
         setfacl -m u:bin:r /etc/relayhost/answers.toml; relayhost check; echo \"answers $?\"; remedy=$(relayhost check 2>&1 | tr -s '\\n ' ' ' | sed -n 's/.*-> `\\([^`]*\\)`.*/\\1/p'); echo \"remedy: $remedy\"
         eval \"$remedy\"; wide; relayhost check >/dev/null; echo \"check $?\"; setpriv --reuid bin --clear-groups cat /etc/relayhost/answers.toml && echo OPEN"
    ));
    run.says(
        "check 3\nFAIL map.sasl_passwd.mode /etc/postfix/sasl_passwd is 0:0 0640 with an access control list",
    )
    .says("FAIL map.sasl_passwd.mode /etc/postfix/sasl_passwd.db is 0:0 0640 with an access control list")
    .says("apply 0\ncheck 0\n")
    .says("answers 2\nremedy: ")
    .complains("has mode 0640 with an access control list (`getfacl` shows it), so that others can read it")
    .never_says("OPEN");
}

/// An admin's own list on main.cf is theirs, and a list that a directory hands on is not.
#[test]
fn an_admins_own_list_comes_back_and_an_inherited_one_does_not_come() {
    let run = host().answers(AUTHENTICATED).sh(
        "setfacl -d -m u:bin:rX /etc/postfix; setfacl -m u:daemon:rw /etc/postfix/main.cf; facl() { getfacl -cp /etc/postfix/main.cf /etc/postfix/generic; stat -c '%a %Y' /etc/postfix/main.cf; }
         facl > /root/before; relayhost apply >/dev/null; echo \"apply $?\"; getfacl -cp /etc/postfix/main.cf | grep daemon; getfacl -cp /etc/postfix/main.cf | grep bin
         relayhost restore 0 >/dev/null; facl | diff /root/before - && echo as before",
    );
    run.says("apply 0\nuser:daemon:rw-\nas before\n").never_says("user:bin");
}
