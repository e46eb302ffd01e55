//! Files of Postfix's that are symbolic links, into a git checkout say: looked through by whoever looks, and written where
//! they lead, if root alone can write there. `links` has those that are planted.

use crate::host::{AUTHENTICATED, Run, host};

fn on_a_host(script: &str) -> Run {
    host().answers(AUTHENTICATED).sh(&format!(". /lab/tests/lab/scripts/linked.sh\n{script}"))
}

#[test]
fn main_cf_is_read_through_its_link_and_written_where_that_leads() {
    let kinds = [
        ("absolute", "link main.cf /srv/git/main.cf"),
        ("relative", "link main.cf /srv/git/main.cf ../../srv/git/./main.cf"),
        ("other name", "link main.cf /srv/git/postfix.conf"),
        ("same directory", "link main.cf /etc/postfix/main.cf.real main.cf.real"),
        (
            "chain",
            "ln -s git/main.cf /srv/one; ln -s /srv/one /srv/two; link main.cf /srv/git/main.cf /srv/two",
        ),
        (
            "directory",
            "mkdir -p /srv/git; ln -s git /srv/current; link main.cf /srv/git/main.cf /srv/current/main.cf",
        ),
    ];
    let mut script = "cp -a $P/main.cf /root/main.cf\n".to_owned();
    for (name, make) in kinds {
        script += &format!(
            "echo '== {name}'; rm -rf /srv/* /var/lib/relayhost $P/main.cf*; cp -a /root/main.cf $P/main.cf; {make}
             own=$(realpath $P/main.cf); links >/root/links; whole >/root/before
             run check; grep -c 'link\\.' /root/out; run plan; grep -c '^ *+relayhost = \\[smtp' /root/out; untouched
             run apply --no-verify; links | cmp - /root/links && echo same link; grep -c '^relayhost = \\[smtp' $own
             run check; run apply --no-verify; grep -o 'nothing to do' /root/out
             grep -o '\"at\":\"[^\"]*\"' /var/lib/relayhost/generations/0000/record.json | grep -cF \"\\\"$own\\\"\"
             run restore 0; links | cmp - /root/links && echo same link; cmp $own /root/main.cf && [ $(stat -c %Y%a%U $own) = $(stat -c %Y%a%U /root/main.cf) ] && echo as found
             find /srv $P -name '.relayhost*'\n"
        );
    }
    let run = on_a_host(&script);
    for (name, _) in kinds {
        assert_eq!(
            run.part(name).trim_end(),
            "check 3\n0\nplan 3\n1\nuntouched\napply 0\nsame link\n1\ncheck 0\napply 0\nnothing to do\n1\nrestore 0\nsame link\nas found",
            "{name}: {run:?}"
        );
    }
}

#[test]
fn every_file_may_be_a_link_and_the_message_leaves() {
    let run = on_a_host(
        r"relayhost apply --no-verify >/dev/null; rm -rf /var/lib/relayhost; mkdir -p /srv/disk; mount -t tmpfs -o mode=755 none /srv/disk
        for name in main.cf sasl_passwd sasl_passwd.db generic.db; do link $name /srv/disk/$name; done; link generic /srv/git/addresses
        links >/root/links; whole >/root/before; other relay.lab.test
        run apply; run check; run probe; run route; run diagnose; links | cmp - /root/links && echo same links
        postmap -q '[relay.lab.test]:587' hash:$P/sasl_passwd | grep -c .; stat -c '%n %a' /srv/disk/sasl*; ls -A /srv/disk
        run restore 0; whole | cmp - /root/before && echo as before",
    );
    run.says("apply 0\ncheck 0\nprobe 0\nroute 0\ndiagnose 0\nsame links\n1\n/srv/disk/sasl_passwd 600\n/srv/disk/sasl_passwd.db 600\ngeneric.db\nmain.cf\nsasl_passwd\nsasl_passwd.db\nrestore 0\nas before\n");
}

/// Somebody pulls, edits, or has the link lead elsewhere.
#[test]
fn what_changed_behind_the_link_is_known() {
    let run = on_a_host(
        r"link main.cf /srv/git/main.cf; run apply --no-verify; sed -i 's/^relayhost = .*/relayhost = [other.example.com]/' /srv/git/main.cf; echo 'biff = no' >>/srv/git/main.cf
        run check; grep -c drift.main.cf /root/out; run apply --no-verify; run apply --no-verify --force; run history
        sed 's/^relayhost = .*/relayhost = [third.example.com]/' /srv/git/main.cf >/srv/git/third; ln -sfn /srv/git/third $P/main.cf; run check; run apply --no-verify; run repair --no-probe; grep -c '^relayhost = .smtp' /srv/git/third; run restore; grep third.example /srv/git/third",
    );
    run.says("apply 0\ncheck 3\n1\napply 3\napply 0\nhistory 0\ncheck 3\napply 3\nrepair 0\n1\nrestore 0\nrelayhost = [third.example.com]\n");
}

/// A file that was moved away after `apply` is not in the generation before it: its link then leads to nothing, which is
/// said.
#[test]
fn a_file_that_was_not_there_before_is_taken_away_where_its_link_leads() {
    let run = on_a_host(
        r"relayhost apply --no-verify >/dev/null; link sasl_passwd /srv/git/sasl_passwd; run restore 0; ls -A /srv/git | wc -l; readlink $P/sasl_passwd
        run apply --no-verify; tr '\n' ' ' </root/out | grep -c 'leads to nothing'; rm $P/sasl_passwd; run apply --no-verify; run check",
    );
    run.says("restore 0\n0\n/srv/git/sasl_passwd\napply 1\n1\napply 0\ncheck 0\n");
}

/// The files that were written are put back, and the one that is in force by now is left alone, and named.
#[test]
fn a_link_that_leads_elsewhere_while_a_run_is_at_work_is_left_alone() {
    let run = on_a_host(
        r#"relayhost apply --no-verify >/dev/null; link main.cf /srv/git/main.cf; sed '1i # theirs' /srv/git/main.cf >/srv/git/third; other relay.lab.test; sum() { sha256sum /srv/git/*; }; sum >/root/sum
        mv /usr/sbin/postfix /root/postfix; printf '#!/bin/sh
if [ "$1" = reload ]; then ln -sfn /srv/git/third /etc/postfix/main.cf; exit 1; fi; exec /root/postfix "$@"
' >/usr/sbin/postfix; chmod 755 /usr/sbin/postfix
        run apply --no-verify; tr '
' ' ' </root/out | grep -c 'restored, but for /etc/postfix/main.cf: there somebody else.s edit is in force'; sum | cmp - /root/sum && echo as before; readlink $P/main.cf; ls /var/lib/relayhost/journal.json 2>/dev/null; ls -A /srv/git"#,
    );
    run.says("apply 1\n1\nas before\n/srv/git/third\nmain.cf\nthird\n");
}

/// What makes a link one that root may not write through, and what the refusal names.
const REFUSED: [(&str, &str, &str); 9] = [
    ("target of a user", "chown 65534 /srv/git/main.cf", "`/srv/git/main.cf` belongs to"),
    ("target for a group", "chmod 664 /srv/git/main.cf", "`/srv/git/main.cf` has mode 0664"),
    ("directory of a user", "chown 65534 /srv/git", "`/srv/git` belongs to"),
    ("directory for a group", "chmod 775 /srv/git", "`/srv/git` has mode 0775"),
    ("sticky directory", "chmod 1777 /srv/git", "`/srv/git` has mode 1777"),
    ("directory above of a user", "chown 65534 /srv", "`/srv` belongs to"),
    ("directory of the link", "chmod 1777 /etc/postfix", "`/etc/postfix` has mode 1777"),
    (
        "link between of a user",
        "ln -s git/main.cf /srv/between; chown -h 65534 /srv/between; ln -sfn /srv/between $P/main.cf",
        "`/srv/between` is a symbolic link of",
    ),
    (
        "directory between of a user",
        "mkdir /srv/u; ln -s ../git/main.cf /srv/u/main.cf; chown 65534 /srv/u; ln -sfn /srv/u/main.cf $P/main.cf",
        "`/srv/u` belongs to",
    ),
];

/// The remedy is followed by hand, and the file that the link led to stays as it was.
#[test]
fn a_link_on_which_others_can_write_is_read_and_not_written_and_the_remedy_works() {
    let mut script = "relayhost apply --no-verify >/dev/null; cp -a $P /root/P; cp -a /var/lib/relayhost /root/state; other relay.lab.test\n".to_owned();
    for (name, make, _) in REFUSED {
        script += &format!(
            "echo '== {name}'; chown 0 /srv; rm -rf /srv/* $P /var/lib/relayhost; cp -a /root/P $P; cp -a /root/state /var/lib/relayhost; link main.cf /srv/git/main.cf; {make}; whole >/root/before; sha256sum /srv/git/main.cf >/root/sum
             run check; grep -c 'warn.*link.main.cf' /root/out; run plan; run apply --no-verify; remedy; cat /root/out; run repair; run restore 0; untouched
             sh -c \"$(remedy)\"; chmod 755 $P; run apply --no-verify; sha256sum -c --quiet /root/sum && stat -c '%F %a %U' $P/main.cf; run check; run restore 0\n"
        );
    }
    let run = on_a_host(&script);
    for (name, _, words) in REFUSED {
        let part = run.part(name);
        let begins =
            "check 3\n1\nplan 3\napply 1\ncp --remove-destination /srv/git/main.cf /etc/postfix/main.cf\n";
        let said = part.split_whitespace().collect::<Vec<_>>().join(" ");
        let ends = "repair 1\nrestore 1\nuntouched\napply 0\nregular file 644 root\ncheck 0\nrestore 0\n";
        assert!(
            part.starts_with(begins) && part.trim_end().ends_with(ends.trim_end()) && said.contains(words),
            "{name}: {part}\n{}",
            run.stderr
        );
    }
}

#[test]
fn a_link_to_nothing_in_a_circle_or_of_a_user_is_refused_by_all_and_the_remedy_works() {
    let mut script =
        "relayhost apply --no-verify >/dev/null; cp -a $P /root/P; cp -a /var/lib/relayhost /root/state\n"
            .to_owned();
    let kinds = [
        ("dangling", "ln -s /srv/nothing $P/main.cf"),
        ("circle", "ln -s /srv/a $P/main.cf; ln -s b /srv/a; ln -s a /srv/b"),
        ("itself", "ln -s main.cf $P/main.cf"),
        ("of a user", "cp /root/P/main.cf /srv/m; ln -s /srv/m $P/main.cf; chown -h 65534 $P/main.cf"),
    ];
    for (name, make) in kinds {
        script += &format!(
            "echo '== {name}'; rm -rf /srv/* $P /var/lib/relayhost; cp -a /root/P $P; cp -a /root/state /var/lib/relayhost; rm $P/main.cf; {make}; whole >/root/before
             for c in check plan 'apply --no-verify' repair 'restore 0'; do run $c; grep -c '`/etc/postfix/main.cf` is a symbolic link' /root/out; done; untouched
             sh -c \"$(remedy)\"; run apply --no-verify; run check; stat -c %F $P/main.cf\n"
        );
    }
    let run = on_a_host(&script);
    for (name, _) in kinds {
        assert_eq!(
            run.part(name),
            "check 1\n1\nplan 1\n1\napply 1\n1\nrepair 1\n1\nrestore 1\n1\nuntouched\napply 0\ncheck 0\nregular file\n",
            "{name}: {run:?}"
        );
    }
}

/// The file system of the target is another one, full or read-only.
#[test]
fn a_target_in_a_file_system_that_takes_nothing_stops_the_run_before_anything_is_changed() {
    let run = on_a_host(
        r"relayhost apply --no-verify >/dev/null; mkdir /srv/disk; mount -t tmpfs -o size=64k,mode=755 none /srv/disk; link main.cf /srv/disk/main.cf; other relay.lab.test
        dd if=/dev/zero of=/srv/disk/filler bs=4k 2>/dev/null; whole >/root/before; run apply --no-verify; grep -o 'No space left on device' /root/out; run check; untouched
        rm /srv/disk/filler; mount -o remount,ro /srv/disk; whole >/root/before; run apply --no-verify; grep -o 'Read-only file system' /root/out; run check; untouched
        mount -o remount,rw /srv/disk; run apply --no-verify; run check; run restore; readlink $P/main.cf; ls -A /srv/disk",
    );
    run.says("apply 1\nNo space left on device\ncheck 3\nuntouched\napply 1\nRead-only file system\ncheck 3\nuntouched\napply 0\ncheck 0\nrestore 0\n/srv/disk/main.cf\nmain.cf\n");
}

#[test]
fn a_link_in_a_tree_leads_to_a_file_of_the_tree() {
    let run = on_a_host(
        r"tree=/mnt/sysimage; fill_tree $tree; mount --rbind /dev $tree/dev; mkdir -p $tree/srv/git /srv/git; mv $tree/etc/postfix/main.cf $tree/srv/git/; cp -a $tree/srv/git/main.cf /srv/git/; cp -a /srv/git /root/
        for text in /srv/git/main.cf ../../../../../../srv/git/main.cf; do
            ln -sfn $text $tree/etc/postfix/main.cf; run apply --root $tree; grep -c '^relayhost = .smtp' $tree/srv/git/main.cf; readlink $tree/etc/postfix/main.cf
            chroot $tree relayhost restore 0 >/dev/null; cmp $tree/srv/git/main.cf /root/git/main.cf && echo as before
        done
        mkdir -p $tree/proc; mount --rbind /proc $tree/proc; ln -sfn /proc/1/root/srv/git/main.cf $tree/etc/postfix/main.cf; run apply --root $tree; grep -c 'does not lead where it says' /root/out
        mv $tree/srv/git/main.cf $tree/srv/git/away; ln -sfn /srv/git/main.cf $tree/etc/postfix/main.cf; run apply --root $tree; grep -c 'leads to nothing' /root/out
        diff -r /srv/git /root/git && echo host untouched",
    );
    run.says("apply 0\n1\n/srv/git/main.cf\nas before\napply 0\n1\n../../../../../../srv/git/main.cf\nas before\napply 1\n1\napply 1\n1\nhost untouched\n");
}

/// Whoever reads main.cf says what is there, and the remedy makes Postfix whole again.
#[test]
fn a_link_to_nothing_is_named_by_every_command_and_its_remedy_works() {
    let run = on_a_host(
        r"relayhost apply >/dev/null; cp -a $P/main.cf /root/main.cf; rm $P/main.cf; ln -s /srv/gone/main.cf $P/main.cf
        for c in check plan probe\ --current route verify; do relayhost $c >/root/out 2>&1; echo $?; grep -c 'is a symbolic link, and leads to nothing' /root/out; done; relayhost diagnose | tr -s '\n ' ' ' | grep -c 'leads to nothing -> put back'
        relayhost check >/root/out 2>&1; $(remedy); for c in probe\ --current route; do relayhost $c 2>&1 | grep -c 'Postfix has no /etc/postfix/main.cf'; done
        relayhost apply >/dev/null; echo apply $?; cmp $P/main.cf /root/main.cf && echo as before; rm -r $P/main.cf /var/lib/relayhost; relayhost apply >/dev/null; echo anew $?",
    );
    let all = "1\n1\n".repeat(5) + "1\n1\n1\napply 0\nas before\nanew 0\n";
    assert_eq!(run.stdout, all, "{run:?}");
}
