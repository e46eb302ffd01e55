//! The %post scripts of packaging/kickstart, in a tree as Anaconda mounts it. The one that fetches and installs
//! (answers-from-url.ks) needs a server, a medium and an installer.

use crate::host::{Run, host};

/// `post FILE N`: the Nth %post of a kickstart file.
const TREE: &str = "post() { awk -v want=$2 '/^%end/ { on = 0 } on { print } /^%post/ { on = ++n == want }' /lab/packaging/kickstart/$1; }
    tree=/mnt/sysimage; mkdir -p $tree/{proc,dev,sys,tmp,run,root} /run/install/repo/relayhost
    cp -a /bin /etc /lib /lib64 /sbin /usr /var $tree/; rm -f $tree/var/spool/postfix/pid/*
    [ -x $tree/usr/bin/relayhost ] || ln -s ../sbin/relayhost $tree/usr/bin/relayhost
    for dir in proc dev; do mount --rbind /$dir $tree/$dir; done; mkdir -p $tree/etc/relayhost; umask 022
    before=$(cat /etc/postfix/main.cf)
";

fn in_tree(script: &str) -> Run {
    host().sh(&format!("{TREE}{script}"))
}

#[test]
fn answers_in_the_kickstart_file_are_root_s_and_checked_while_installing() {
    let run = in_tree(
        "post answers-inline.ks 1 > $tree/post; chroot $tree sh /post > /root/out; echo \"good $?\"
         stat -c '%a %U' $tree/etc/relayhost/answers.toml; sed -i 's/^port = 25/port = 250000/' $tree/post; chroot $tree sh /post; echo \"bad $?\"",
    );
    run.says("good 0\n600 root\nbad 1\n").complains("port");
}

#[test]
fn a_system_is_configured_before_its_first_boot_and_its_password_is_root_s() {
    let run = in_tree(
        "cp /lab/examples/authenticated.toml /run/install/repo/relayhost/answers.toml; chmod 444 /run/install/repo/relayhost/answers.toml
         post configured-in-place.ks 1 > /root/post; sh /root/post; echo \"exit $?\"; stat -c '%a %U' $tree/etc/relayhost/answers.toml
         chroot $tree postconf -h relayhost; [ \"$before\" = \"$(cat /etc/postfix/main.cf)\" ] && ls /lab/mailbox/new | wc -l
         post configured-in-place.ks 2 > $tree/post; chroot $tree sh /post && echo done",
    );
    run.says("exit 0\n600 root\n[smtp.example.com]:587\n0\ndone\n");
}
