//! The package in every kind of transaction, by rpm and by dnf: each ends by itself, with status 0 and no word of ours,
//! holds neither lock nor pipe afterwards, and leaves recorded what it should; also where the transaction fails.

use crate::host::{AUTHENTICATED, Host, Run, host};
use crate::package::packages_are_built;

/// `run NAME CMD…`: how a transaction ended, in a line. `version V [LINE…]`: /root/relayhost-V.rpm.
const PREPARE: &str = ". /lab/tests/lab/scripts/transactions.sh\n";

fn on(host: Host, script: &str) -> Run {
    packages_are_built();
    host.bare().sh(&format!("{PREPARE}{script}")).exits(0)
}

/// A host without what the package brings along.
fn poor() -> Host {
    host().without("cyrus-sasl-plain").without("s-nail").answers(AUTHENTICATED)
}

fn good(name: &str, waits: &str) -> String {
    format!("{name}: exit 0, left [], lock free, words 0, waits {waits}\n")
}

#[test]
fn installing_records_by_whatever_tool_and_pending_delivers() {
    for (name, command) in [
        ("install", "run install yum -y install relayhost"),
        (
            "dependency",
            "package needs <<<'Requires: relayhost'; run dependency yum -y install /root/needs.rpm",
        ),
        ("rpm-i", "run rpm-i rpm $FORCE -i --nodeps $file"),
        ("rpm-U", "run rpm-U rpm $FORCE -U --nodeps $file"),
        ("hook", "run hook yum -y install $HOOK"),
    ] {
        on(
            poor(),
            &format!("{command}\nmails; relayhost pending >/root/out; echo \"pending $?\"; arrived 1; rpm -q cyrus-sasl-plain s-nail | grep -c lab; waits; relayhost check >/root/out; echo \"check $?\""),
        )
        .says(&format!("{}0\npending 0\n1\n2\n\ncheck 0\n", good(name, "@changed.json relayhost.json ")));
    }
}

/// What is there before the package changes: answers, a generation, and somebody's request that waits.
const HAD: &str = "had; ";

#[test]
fn reinstalling_upgrading_and_downgrading_keep_everything_and_record_nothing() {
    let run = on(
        poor(),
        &format!(
            r#"{HAD} version 0.2.0; version 0.0.9
            run reinstall yum -y reinstall relayhost; same
            run upgrade yum -y upgrade /root/relayhost-0.2.0.rpm; same
            run downgrade yum -y downgrade /root/relayhost-0.0.9.rpm; same
            run rpm-U rpm $FORCE -U /root/relayhost-0.2.0.rpm; same
            run rpm-old rpm $FORCE -U --oldpackage $file; same
            run rpm-again rpm $FORCE -U --replacepkgs $file; same; rpm -V relayhost; echo "verified $?"
            relayhost pending >/root/out; echo "pending $?"; waits; dnf history list | grep -c -- "$MARKED""#
        ),
    );
    for (name, version) in [
        ("reinstall", "0.1.0"),
        ("upgrade", "0.2.0"),
        ("downgrade", "0.0.9"),
        ("rpm-U", "0.2.0"),
        ("rpm-old", "0.1.0"),
        ("rpm-again", "0.1.0"),
    ] {
        assert!(
            run.stdout.contains(&format!("{}state kept, {version}\n", good(name, "asks.json "))),
            "{name}: {run:?}"
        );
    }
    // What was noted once is not noted again.
    run.says("verified 0\npending 0\n\n1\n");
}

/// Its %pre fails; its unpacking fails, since a file system of the host is full: the old version is there still, with all
/// that waited, and can be upgraded when there is room.
#[test]
fn an_upgrade_that_fails_leaves_what_was_and_can_be_done_again() {
    let run = on(
        poor(),
        &format!(
            r#"{HAD} version 0.2.0; version 0.3.0 %pre 'exit 1'
            doc=/usr/share/doc/relayhost; cp -a $doc /root/doc; small() {{ mount -t tmpfs -o size=${{1}}k tmpfs $doc; }}
            run pre yum -y upgrade /root/relayhost-0.3.0.rpm; same
            run rpm-pre rpm $FORCE -U /root/relayhost-0.3.0.rpm; same
            small 8; run full yum -y --setopt=diskspacecheck=0 upgrade /root/relayhost-0.2.0.rpm; umount $doc; same
            small 8; run rpm-full rpm $FORCE -U --ignoresize /root/relayhost-0.2.0.rpm; umount $doc; same; grep unpacking /root/out.rpm-full
            relayhost check >/root/out; echo "check $?"
            run again yum -y upgrade /root/relayhost-0.2.0.rpm; same; rpm -V relayhost; echo "verified $?""#
        ),
    );
    for name in ["pre", "rpm-pre", "full", "rpm-full"] {
        let head = format!("{name}: exit 1, left [], lock free, words ");
        let lines = run.stdout.lines().skip_while(|line| !line.starts_with(&head)).take(2);
        let lines = lines.collect::<Vec<_>>().join("\n");
        assert!(lines.ends_with("waits asks.json \nstate kept, 0.1.0"), "{name}: {run:?}");
    }
    run.says("error: unpacking of archive failed on file /usr/share/doc/relayhost/")
        .says(&format!("{}state kept, 0.2.0\nverified 0\n", good("again", "asks.json ")));
}

#[test]
fn removing_leaves_mail_working_and_nothing_that_waits() {
    for (name, command) in [("remove", "yum -y remove relayhost"), ("rpm-e", "rpm $FORCE -e relayhost")] {
        on(
            poor(),
            &format!(
                r#"{HAD} arrived 1; run {name} {command}; ls /usr/bin/relayhost /usr/lib/systemd/system/relayhost* 2>/dev/null; ls /etc/relayhost /var/lib/relayhost/generations | tr '\n' ' '; echo
                echo after | mail -s after -r monitor@op5-system.localdomain ops@example.com; arrived 2
                yum -y -q install relayhost >/dev/null; waits; relayhost check | tail -n 1; relayhost restore 0 >/dev/null; echo "restore $?"; postconf -h relayhost"#
            ),
        )
        .says(&format!("1\n{}", good(name, "")))
        .says("answers.toml  /var/lib/relayhost/generations: 0000 \n2\n@changed.json relayhost.json ")
        .says(" in order\nrestore 0\n\n");
    }
}

const TREE: &str = "bare_tree; ";

#[test]
fn a_tree_is_filled_by_dnf_and_rpm_and_its_first_boot_finds_what_was_recorded() {
    for (name, command) in [
        ("installroot", "run installroot yum -y --installroot $tree install relayhost"),
        ("chroot-dnf", "mounted; run chroot-dnf chroot $tree yum -y install relayhost"),
        (
            "chroot-rpm",
            "mounted; chroot $tree yum -y -q install postfix cyrus-sasl cyrus-sasl-plain s-nail >/dev/null; run chroot-rpm chroot $tree rpm $FORCE -i $file",
        ),
        (
            "root",
            "rpm --root $tree -i /lab/repo/{postfix-3,postfix-lmdb,cyrus-sasl-2,cyrus-sasl-plain,s-nail}*.rpm; run root rpm $FORCE --root $tree -i $file",
        ),
        ("offline", "mounted; run offline env SYSTEMD_OFFLINE=1 chroot $tree yum -y install relayhost"),
    ] {
        on(poor(), &format!(
            r#"{TREE}{command}; recorded; [ -c $tree/dev/null ] || mount --rbind /dev $tree/dev
            boot $tree 'relayhost pending --due >/root/out; echo "pending $?"; relayhost check >/root/out; echo "check $?"; ls /var/lib/relayhost/pending'; arrived 1"#
        )).says(&format!(
            "{}700 root 600 root relayhost was installed\nnothing configured\n3\npending 0\ncheck 0\n1\n",
            good(name, "@changed.json relayhost.json ")
        ));
    }
}
