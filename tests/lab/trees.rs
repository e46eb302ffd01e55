//! Commands called inside a tree that is not running (a chroot, what an installer fills): nothing is started or sent there,
//! and in a transaction on the tree nothing waits for it. The first boot does what was recorded.

use crate::host::{AUTHENTICATED, Run, host};

/// A tree with the host's packages and answers; `stopped_amid` leaves in it what a run leaves that dies amid its files.
const TREE: &str = ". /lab/tests/lab/scripts/trees.sh\n";

fn in_tree(script: &str) -> Run {
    host().answers(AUTHENTICATED).sh(&format!("{TREE}{script}"))
}

/// A transaction on the tree, with a scriptlet that calls what would install.
const TRANSACTION: &str = "transaction\n";

#[test]
fn apply_in_a_scriptlet_on_a_tree_does_not_hold_its_transaction_up() {
    in_tree(&format!("proc; {TRANSACTION}"))
        .says("rpm 0\n")
        .says("-> it is recorded; it is done at the first boot\napply 6\n")
        .says("repair 6\n@typed.json \nfirst boot 0\n1\n[smtp.example.com]:587\n2\n");
}

/// Whose lock it is cannot be seen without /proc, only that somebody holds it.
#[test]
fn apply_in_a_scriptlet_on_a_tree_without_proc_does_not_hold_its_transaction_up() {
    in_tree(TRANSACTION)
        .says("rpm 0\n")
        .says("apply 6\n")
        .says("repair 6\n@typed.json \nfirst boot 0\n1\n[smtp.example.com]:587\n2\n");
}

/// Without /proc a host looks like a tree. Postfix is seen to run by the lock on its pid file, and nothing is done that it
/// would have to be told; what only looks goes on.
#[test]
fn a_host_without_proc_whose_postfix_runs_is_no_tree() {
    let run = host().answers(AUTHENTICATED).sh(
        r#"relayhost apply --no-verify >/dev/null; relayhost scriptlet post 1 --for asks; umount -l /proc; ls -A /proc; before=$(sha256sum /etc/postfix/main.cf)
        postconf -e 'relayhost = [other.example.com]'; changed=$(sha256sum /etc/postfix/main.cf)
        for command in "apply --force" repair "restore 0" pending; do timeout 60 relayhost $command >/root/out 2>&1; echo "$command: $?, $(grep -c 'there is no /proc' /root/out)"; done
        [ "$(sha256sum /etc/postfix/main.cf)" = "$changed" ] && echo untouched
        relayhost check | grep -c 'ok *service.running'; relayhost verify >/dev/null; echo "verify $?"
        $(sed -n 's/.*`\(mount [a-z /-]*\)`.*/\1/p' /root/out); relayhost apply --force >/dev/null; echo "then $?"; relayhost verify >/dev/null; echo "verify $?"
        umount -l /proc; postfix stop 2>/dev/null; relayhost check | grep -c 'FAIL *service.running'; relayhost apply; echo "stopped $?""#,
    );
    for command in ["apply --force", "repair", "restore 0", "pending"] {
        assert!(run.stdout.contains(&format!("{command}: 5, 1\n")), "{run:?}");
    }
    run.says("untouched\n1\n").says("then 0\nverify 0\n1\n").says("stopped 0\n");
}

/// The pid file stays when master(8) is killed, and another process of any user's may have its number, and its name.
#[test]
fn a_process_that_has_the_number_and_the_name_of_postfix_is_not_postfix() {
    host()
        .stopped()
        .answers(AUTHENTICATED)
        .sh(r#"cp /bin/sleep /tmp/master; setpriv --reuid 65534 /tmp/master 600 & sleep 0.3; printf '%33s\n' $! >/var/spool/postfix/pid/master.pid; cat /proc/$!/comm
        relayhost verify; echo "verify $?"; relayhost apply >/dev/null; echo "apply $?""#)
        .says("master\n")
        .says("Postfix is not running")
        .says("apply 0\n");
}

/// A hook of a dnf that fills the tree runs outside it. There is nowhere to record the answers, which are outside too.
#[test]
fn apply_root_does_not_wait_for_the_transaction_that_called_it() {
    in_tree(
        r#"proc; rpm --root $tree -e cyrus-sasl-plain
        timeout 60 python3 -c '
import fcntl, subprocess, sys
lock = open(sys.argv[1] + "/var/lib/rpm/.rpm.lock", "w"); fcntl.lockf(lock, fcntl.LOCK_EX)
print("apply", subprocess.call(["relayhost", "apply", "--root", sys.argv[1]]))' $tree; echo "ended $?"; configured
        relayhost apply --root $tree >/dev/null; echo "then $?"; configured"#,
    )
    .says("apply 6\nended 0\n\nthen 0\n[smtp.example.com]:587\n")
    .complains("an RPM transaction is under way: process ")
    .complains("` when the transaction has ended");
}

#[test]
fn repair_and_pending_in_a_tree_start_and_send_nothing() {
    in_tree(
        r#"proc; chroot $tree relayhost pending; echo "nothing $?"; running; chroot $tree relayhost repair; echo "repair $?"; configured; waits
        sed -i 's/^relayhost = .*/relayhost = [other.example.org]/' $tree/etc/postfix/main.cf; chroot $tree relayhost apply >/dev/null 2>&1; echo "apply $?"
        chroot $tree relayhost repair >/dev/null; echo "again $?"; configured
        chroot $tree relayhost pending; echo "pending $?"; waits; running; mails; echo '== json'; chroot $tree relayhost pending --json; echo '== boot'; first_boot"#,
    )
    .says("nothing waits\nnothing 0\n1\n")
    .says("repair 0\n[smtp.example.com]:587\n@tree.json \napply 3\nagain 0\n[smtp.example.com]:587\n")
    .says("what waits is done at the first boot\npending 6\n@tree.json \n1\n0\n")
    .says("first boot 0\n1\n[smtp.example.com]:587\n")
    .json("json");
}

#[test]
fn restore_in_a_tree_starts_nothing() {
    in_tree(
        r#"proc; before=$(sha256sum <$tree/etc/postfix/main.cf); chroot $tree relayhost apply >/dev/null; echo "apply $?"; configured
        chroot $tree relayhost restore 0; echo "restore $?"; [ "$(sha256sum <$tree/etc/postfix/main.cf)" = "$before" ] && echo as before; running"#,
    )
    .says("apply 0\n[smtp.example.com]:587\n")
    .says("restore 0\nas before\n1\n");
}

#[test]
fn clearing_up_in_a_tree_starts_nothing() {
    for command in ["check", "recover", "history", "restore 0", "repair"] {
        in_tree(&format!(
            "proc; stopped_amid; chroot $tree relayhost {command} | tr -s '\\n ' ' '; echo; ls $tree/var/lib/relayhost/journal.json 2>/dev/null; running; mails"
        ))
        .says("journal.json\n")
        .says("they are again what they were before; Postfix reads them when it starts")
        .says("\n1\n0\n");
    }
}

/// What is done to the tree or beside it, the path that is named, and what is said of it; nothing: the tree is taken.
const OWNERS: [(&str, &str, &str); 22] = [
    ("true", "", ""),
    ("chown 65534 $tree", "/mnt/sysimage", "belongs to nobody (uid 65534), not to root"),
    ("chmod 775 $tree", "/mnt/sysimage", "has mode 0775, so that others may write to it"),
    ("chmod 1777 $tree", "/mnt/sysimage", "has mode 1777"),
    ("chmod 777 /mnt", "/mnt", "has mode 0777"),
    ("chown 65534 /mnt", "/mnt", "belongs to nobody"),
    ("chmod 1777 /mnt", "", ""),
    ("chmod 757 $tree/usr", "/mnt/sysimage/usr", "has mode 0757"),
    ("chown 65534 $tree/usr/bin", "/mnt/sysimage/usr/bin", "belongs to nobody"),
    ("setfacl -m u:bin:rwx $tree/usr/sbin", "/mnt/sysimage/usr/sbin", "has mode 0775"),
    ("chmod 777 $tree/usr/local/bin", "/mnt/sysimage/usr/local/bin", "has mode 0777"),
    ("chmod 775 $tree/usr/lib64", "/mnt/sysimage/usr/lib64", "has mode 0775"),
    ("chown 65534 $tree/etc", "/mnt/sysimage/etc", "belongs to nobody"),
    ("chmod 777 $tree/etc/postfix", "/mnt/sysimage/etc/postfix", "has mode 0777"),
    ("chmod 777 $tree/etc/yum.repos.d", "/mnt/sysimage/etc/yum.repos.d", "has mode 0777"),
    ("chmod 777 $tree/var/lib", "/mnt/sysimage/var/lib", "has mode 0777"),
    ("chmod 777 $tree/tmp", "/mnt/sysimage/tmp", "has mode 0777"),
    ("chown 65534 $tree/usr/bin/rpm", "/mnt/sysimage/usr/bin/rpm", "belongs to nobody"),
    ("chmod 666 $tree/usr/sbin/postconf", "/mnt/sysimage/usr/sbin/postconf", "has mode 0666"),
    // Links of the tree lead to where they lead once it is entered.
    ("rm $tree/bin; ln -s /usr/bin $tree/bin", "", ""),
    (
        "rm $tree/bin; ln -s /srv $tree/bin; mkdir -p -m 777 $tree/srv; chmod 777 $tree/srv",
        "/mnt/sysimage/srv",
        "has mode 0777",
    ),
    ("chown -h 65534 $tree/bin", "/mnt/sysimage/bin", "is a symbolic link of nobody (uid 65534)"),
];

/// Root runs programs of a tree: so nobody else may be able to put others in their place. The remedy is done as it is
/// written.
#[test]
fn a_tree_that_others_could_have_changed_is_not_entered() {
    let mut script = String::from(
        r#"chmod 1777 $tree/tmp; relayhost apply --root $tree >/dev/null; echo "good $?"
        enter() { relayhost apply --root $tree >/root/out 2>/root/err; echo "apply $?"; cat /root/err; }
        try() {
            enter; sed -n 's/.*`\(chown [^`]*\|chmod [^`]*\|rm [^`]*\)`.*/\1/p' /root/err >/root/remedy; . /root/remedy
            enter >/root/then; head -n 1 /root/then
        }
        reset() {
            rm -f $tree/bin; ln -s usr/bin $tree/bin; rm -rf $tree/srv; setfacl -b $tree/usr/sbin
            for path in /mnt $tree $tree/{usr,usr/bin,usr/sbin,usr/local/bin,usr/lib64,etc,etc/postfix,etc/yum.repos.d,var/lib,usr/bin/rpm,usr/sbin/postconf}; do
                chown 0 $path; chmod 755 $path
            done; chmod 1777 $tree/tmp
        }
        "#,
    );
    for (number, (what, ..)) in OWNERS.iter().enumerate() {
        script += &format!("reset; {what}; echo '== {number}'; try\n");
    }
    // Somebody's own tree, and an own rpm in it.
    script += r#"reset; mkdir /srv/theirs; cp -ax $tree/. /srv/theirs; printf '#!/bin/sh\ntouch /pwned\n' >/srv/theirs/usr/bin/rpm; chown 65534 /srv/theirs
        echo '== theirs'; relayhost apply --root /srv/theirs; echo "apply $?"; ls /srv/theirs/pwned; ln -s $tree /tmp/link; chown -h 65534 /tmp/link
        relayhost apply --root /tmp/link; echo "link $?"; chown -h 0 /tmp/link; relayhost apply --root /tmp/link >/dev/null; echo "own link $?"
        cd /mnt; relayhost apply --root sysimage >/dev/null; echo "relative $?"; echo '== end'"#;
    let run = in_tree(&script);
    let mut wrong = Vec::new();
    for (number, (what, path, says)) in OWNERS.iter().enumerate() {
        let part = run.part(&number.to_string());
        let good = if says.is_empty() {
            part == "apply 0\napply 0\n"
        } else {
            part.starts_with(&format!("apply 2\nrelayhost: `{path}` {says}"))
                && part.contains("build the tree as root below a directory that root owns")
                && part.ends_with("\napply 0\n")
        };
        if !good {
            wrong.push(format!("{what}:\n{part}"));
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.join("\n"), run.stderr);
    run.says("good 0\n")
        .says("apply 2\nlink 2\nown link 0\nrelative 0\n")
        .complains("`/srv/theirs` belongs to nobody (uid 65534), not to root");
}
