//! The %post scripts of packaging/kickstart, in a tree as Anaconda mounts it. The one that fetches and installs
//! (answers-from-url.ks) needs a server, a medium and an installer.

use crate::host::{AUTHENTICATED, Run, host};

/// `boot TREE SCRIPT`: runs SCRIPT in the tree as its first process, which is what makes it a system that runs: in PID and
/// mount namespaces of its own, with a log and Postfix. The host's own Postfix and log end before, since there is one network.
pub const BOOT: &str = r#"
    boot() {
        postfix stop 2>/dev/null; [ ! -s /run/rsyslogd.pid ] || kill $(cat /run/rsyslogd.pid); umount -l $1/proc 2>/dev/null
        rm -f $1/run/*.pid $1/dev/log; cp /lab/rsyslog.conf $1/root/rsyslog.conf; : >$1/var/log/maillog
        printf '%s\n' 'rsyslogd -n -f /root/rsyslog.conf </dev/null >/root/rsyslog.log 2>&1 & until [ -S /dev/log ]; do sleep 0.05; done
            postfix start >/root/postfix.log 2>&1' "$2" >$1/root/boot
        unshare --mount --pid --fork --kill-child=KILL --root=$1 --mount-proc bash /root/boot
    }
"#;

/// `post FILE N`: the Nth %post of a kickstart file.
const TREE: &str = "post() { awk -v want=$2 '/^%end/ { on = 0 } on { print } /^%post/ { on = ++n == want }' /lab/packaging/kickstart/$1; }
    tree=/mnt/sysimage; mkdir -p $tree/{proc,dev,sys,tmp,run,root} /run/install/repo/relayhost
    cp -a /bin /etc /lib /lib64 /sbin /usr /var $tree/; rm -f $tree/var/spool/postfix/pid/*
    [ -x $tree/usr/bin/relayhost ] || ln -s ../sbin/relayhost $tree/usr/bin/relayhost
    for dir in proc dev; do mount --rbind /$dir $tree/$dir; done; mkdir -p $tree/etc/relayhost; umask 022
    before=$(cat /etc/postfix/main.cf)
";

fn in_tree(script: &str) -> Run {
    host().sh(&format!("{TREE}{BOOT}{script}"))
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
         post configured-in-place.ks 2 > $tree/post; chroot $tree sh /post && echo done
         boot $tree 'relayhost check | grep -c \"note pending.@tree\"; relayhost pending --due | grep -c \"said: 250\"; relayhost check >/root/out; echo \"check $?\"; grep -o \"message.last.*the relay took\" /root/out'",
    );
    run.says("exit 0\n600 root\n[smtp.example.com]:587\n0\ndone\n")
        .says("done\n1\n1\ncheck 0\nmessage.last")
        .says("the relay took\n");
}

/// The way of a %post without `--nochroot`.
#[test]
fn a_system_is_configured_from_inside_too_and_says_on_the_console_how_its_first_boot_went() {
    let run = host().answers(AUTHENTICATED).sh(&format!(
        "{TREE}{BOOT}chroot $tree relayhost apply; echo \"apply $?\"; ls /lab/mailbox/new | wc -l; chroot $tree relayhost apply | tail -n 1
         post answers-inline.ks 2 > $tree/post; chroot $tree sh /post; cat $tree/etc/systemd/system/relayhost-pending.service.d/console.conf
         boot $tree 'relayhost pending --due >/root/out; echo \"pending $?\"; relayhost pending; relayhost check --json >/root/json; echo \"check $?\"'; echo '== json'; cat $tree/root/json"
    ));
    run.json("json");
    run.says("apply 0\n0\nnothing to do: ")
        .says("[Service]\nStandardOutput=journal+console\nStandardError=journal+console\npending 0\nnothing waits\ncheck 0\n")
        .says("\"message.last\"");
}
