//! The %post scripts of packaging/kickstart, in a tree as Anaconda mounts it. The one that fetches and installs
//! (answers-from-url.ks) needs a server, a medium and an installer.

use crate::host::{AUTHENTICATED, Run, host};

/// A tree, `$tree`; `post FILE N` is the Nth %post of a kickstart file.
const TREE: &str = ". /lab/tests/lab/scripts/kickstart.sh\n";

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
         chroot $tree postconf -h relayhost; [ \"$before\" = \"$(cat /etc/postfix/main.cf)\" ] && mails
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
        "{TREE}chroot $tree relayhost apply; echo \"apply $?\"; mails; chroot $tree relayhost apply | tail -n 1
         post answers-inline.ks 2 > $tree/post; chroot $tree sh /post; cat $tree/etc/systemd/system/relayhost-pending.service.d/console.conf
         boot $tree 'relayhost pending --due >/root/out; echo \"pending $?\"; relayhost pending; relayhost check --json >/root/json; echo \"check $?\"'; echo '== json'; cat $tree/root/json"
    ));
    run.json("json");
    run.says("apply 0\n0\nnothing to do: ")
        .says("[Service]\nStandardOutput=journal+console\nStandardError=journal+console\npending 0\nnothing waits\ncheck 0\n")
        .says("\"message.last\"");
}
