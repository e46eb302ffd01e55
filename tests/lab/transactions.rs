//! The package in every kind of transaction, by rpm and by dnf: each ends by itself, with status 0 and no word of ours,
//! holds neither lock nor pipe afterwards, and leaves recorded what it should; also where the transaction fails.

use crate::host::{AUTHENTICATED, Host, Run, host};
use crate::kickstart::BOOT;
use crate::package::packages_are_built;

/// `run NAME CMD…`: runs CMD with its output in a pipe, as long as a minute, and says in one line how it ended: status,
/// whether a process of it is left, whether RPM's lock is held, a word of ours, and what the queue holds. The gpg-agent that dnf's
/// library starts when it takes a repository's key, and leaves, is none of ours.
/// `version V [SPEC…]`: builds /root/relayhost-V.rpm: the package that scripts/rpm built, under another version, its spec and its
/// files, with lines added.
const PREPARE: &str = r#"
    rpm() { command rpm --force-debian "$@"; }
    file=$(echo /lab/packages/x86_64/relayhost-[0-9]*.rpm)
    # rpm warns of a package whose key it does not know.
    rpmkeys --import /lab/packages/RPM-GPG-KEY
    waits() { ls $1/var/lib/relayhost/pending 2>/dev/null | tr '\n' ' '; }
    run() {
        local name=$1 code left lock words; shift
        ps -eo pid= | sort >/root/before
        (timeout --kill-after=1 60 "$@" 2>&1 </dev/null; echo $? >/root/code) | cat >/root/out.$name; code=$(cat /root/code)
        left=$(ps -eo pid=,comm= | sort | join -v 1 - /root/before | grep -vwE 'ps|sort|join|grep|bash|tr|gpg-agent' | tr '\n' ' ')
        lock=$(python3 -c '
import fcntl, os
try: fcntl.lockf(os.open("/var/lib/rpm/.rpm.lock", os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB); print("free")
except OSError: print("held")')
        words=$(grep -ciE 'warning|error|fail|deferred|recorded|pending|answers|rpmnew|rpmsave|-> |relayhost: ' /root/out.$name)
        echo "$name: exit $code, left [$left], lock $lock, words $words, waits $(waits ${tree:-})"
    }
    version() {
        local version=$1; shift
        mkdir -p /root/b; cp $file /root/b/files.rpm; rpm2archive /root/b/files.rpm; { awk -v version=$version '
            /^%(package|description|files|prep|build|install|check|changelog|pre|post|preun|postun|posttrans|relayhost_watch|trigger)/ {
                skip = /^%(package|description|files) hook-/ || /^%(prep|build|install|check|changelog)/ }
            /^Version:/ { $2 = version }
            /^(Source|BuildRequires)/ || skip { next }
            { print }' /lab/packaging/relayhost.spec
            printf '%s\n' "$@" '%install' "tar -C %{buildroot} -xzf /root/b/files.rpm.tgz"; } >/root/b/relayhost.spec
        rpmbuild --quiet -bb --target x86_64 --define "_topdir /root/b" --define "_rpmdir /root/b" --define '_build_name_fmt %%{NAME}-%%{VERSION}.rpm' /root/b/relayhost.spec >/root/b/log 2>&1 || { cat /root/b/log; exit 99; }
        mv /root/b/relayhost-$version.rpm /root/
    }
    package() {
        mkdir -p /root/b; { printf 'Name: %s\nVersion: 1\nRelease: 1\nSummary: x\nLicense: x\nBuildArch: noarch\n' $1; cat; printf '%%description\nx\n%%files\n'; } >/root/b/$1.spec
        rpmbuild --quiet -bb --define "_topdir /root/b" --define "_rpmdir /root/b" --define '_build_name_fmt %%{NAME}.rpm' /root/b/$1.spec >/root/b/log 2>&1 || { cat /root/b/log; exit 99; }
        mv /root/b/$1.rpm /root/
    }
    mails() { ls /lab/mailbox/new 2>/dev/null | wc -l; }
    arrived() { for _ in $(seq 100); do [ $(mails) -ge $1 ] && break; sleep 0.1; done; mails; }
"#;

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
        ("rpm-i", "run rpm-i rpm --force-debian -i --nodeps $file"),
        ("rpm-U", "run rpm-U rpm --force-debian -U --nodeps $file"),
        ("hook", "run hook yum -y install relayhost-hook-dnf"),
    ] {
        on(
            poor(),
            &format!("{command}\nmails; relayhost pending >/root/out; echo \"pending $?\"; arrived 1; rpm -q cyrus-sasl-plain s-nail | grep -c lab; waits; relayhost check >/root/out; echo \"check $?\""),
        )
        .says(&format!("{}0\npending 0\n1\n2\ncheck 0\n", good(name, "@changed.json relayhost.json ")));
    }
}

/// What is there before the package changes: answers, a generation, and somebody's request that waits.
const STATE: &str = r#"
    yum -y -q install relayhost >/dev/null; relayhost pending >/dev/null; relayhost scriptlet post 1 --for asks
    state() { (cd / && find etc/relayhost var/lib/relayhost etc/postfix/main.cf etc/postfix/sasl_passwd -type f ! -name lock ! -name '*.sample' -printf '%m %U %p ' -exec sha256sum {} \; | sort | sha256sum); }
    state >/root/state; same() { state | cmp -s - /root/state && echo "state kept, $(command rpm -q --qf '%{VERSION}' relayhost)" || echo "state changed"; }
"#;

#[test]
fn reinstalling_upgrading_and_downgrading_keep_everything_and_record_nothing() {
    let run = on(
        poor(),
        &format!(
            r#"{STATE} version 0.2.0; version 0.0.9
            run reinstall yum -y reinstall relayhost; same
            run upgrade yum -y upgrade /root/relayhost-0.2.0.rpm; same
            run downgrade yum -y downgrade /root/relayhost-0.0.9.rpm; same
            run rpm-U rpm --force-debian -U /root/relayhost-0.2.0.rpm; same
            run rpm-old rpm --force-debian -U --oldpackage $file; same
            run rpm-again rpm --force-debian -U --replacepkgs $file; same; rpm -V relayhost; echo "verified $?"
            relayhost pending >/root/out; echo "pending $?"; waits; dnf history list | grep -c "Reason Change""#
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
    run.says("verified 0\npending 0\n1\n");
}

/// Its %pre fails; its unpacking fails, since a file system of the host is full: the old version is there still, with all
/// that waited, and can be upgraded when there is room.
#[test]
fn an_upgrade_that_fails_leaves_what_was_and_can_be_done_again() {
    let run = on(
        poor(),
        &format!(
            r#"{STATE} version 0.2.0; version 0.3.0 %pre 'exit 1'
            doc=/usr/share/doc/relayhost; cp -a $doc /root/doc; small() {{ mount -t tmpfs -o size=${{1}}k tmpfs $doc; }}
            run pre yum -y upgrade /root/relayhost-0.3.0.rpm; same
            run rpm-pre rpm --force-debian -U /root/relayhost-0.3.0.rpm; same
            small 8; run full yum -y --setopt=diskspacecheck=0 upgrade /root/relayhost-0.2.0.rpm; umount $doc; same
            small 8; run rpm-full rpm --force-debian -U --ignoresize /root/relayhost-0.2.0.rpm; umount $doc; same; grep unpacking /root/out.rpm-full
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
    for (name, command) in
        [("remove", "yum -y remove relayhost"), ("rpm-e", "rpm --force-debian -e relayhost")]
    {
        on(
            poor(),
            &format!(
                r#"{STATE} arrived 1; run {name} {command}; ls /usr/bin/relayhost /usr/lib/systemd/system/relayhost* 2>/dev/null; ls /etc/relayhost /var/lib/relayhost/generations | tr '\n' ' '; echo
                echo after | mail -s after -r monitor@op5-system.localdomain ops@example.com; arrived 2
                yum -y -q install relayhost >/dev/null; waits; relayhost check | tail -n 1; relayhost restore 0 >/dev/null; echo "restore $?"; postconf -h relayhost"#
            ),
        )
        .says(&format!("1\n{}", good(name, "")))
        .says("answers.toml  /var/lib/relayhost/generations: 0000 \n2\n@changed.json relayhost.json ")
        .says(" as the answers say\nrestore 0\n\n");
    }
}

/// A tree that does not run, as dnf's `--installroot`, mock and Anaconda fill it. It has the base system: the lab's has none
/// of RPM's own that could come in the same transaction.
const TREE: &str = r"
    tree=/mnt/sysimage; mkdir -p $tree/{proc,dev,sys,tmp,run,root}; cp -a /bin /etc /lib /lib64 /sbin /usr /var $tree/
    chroot $tree rpm -e postfix cyrus-sasl 2>/dev/null; rm -rf $tree/etc/postfix; before=$(mails)
    mounted() { for dir in proc dev; do mount --rbind /$dir $tree/$dir; done; mkdir -p $tree/lab; mount --rbind /lab $tree/lab; }
    recorded() {
        stat -c '%a %U' $tree/var/lib/relayhost $tree/var/lib/relayhost/pending/relayhost.json | tr '\n' ' '; grep -o 'relayhost was installed' $tree/var/lib/relayhost/pending/relayhost.json
        ls /usr/bin/relayhost /var/lib/relayhost 2>/dev/null; [ -e $tree/etc/postfix/sasl_passwd ] || echo 'nothing configured'
        chroot $tree rpm -q postfix cyrus-sasl-plain s-nail | grep -c lab
    }
";

#[test]
fn a_tree_is_filled_by_dnf_and_rpm_and_its_first_boot_finds_what_was_recorded() {
    for (name, command) in [
        ("installroot", "run installroot yum -y --installroot $tree install relayhost"),
        ("chroot-dnf", "mounted; run chroot-dnf chroot $tree yum -y install relayhost"),
        (
            "chroot-rpm",
            "mounted; chroot $tree yum -y -q install postfix cyrus-sasl cyrus-sasl-plain s-nail >/dev/null; run chroot-rpm chroot $tree rpm --force-debian -i $file",
        ),
        (
            "root",
            "rpm --root $tree -i /lab/repo/{postfix-3,cyrus-sasl-2,cyrus-sasl-plain,s-nail}*.rpm; run root rpm --force-debian --root $tree -i $file",
        ),
        ("offline", "mounted; run offline env SYSTEMD_OFFLINE=1 chroot $tree yum -y install relayhost"),
    ] {
        on(poor(), &format!(
            r#"{TREE}{BOOT}{command}; recorded; [ -c $tree/dev/null ] || mount --rbind /dev $tree/dev
            boot $tree 'relayhost pending --due >/root/out; echo "pending $?"; relayhost check >/root/out; echo "check $?"; ls /var/lib/relayhost/pending'; arrived 1"#
        )).says(&format!(
            "{}700 root 600 root relayhost was installed\nnothing configured\n3\npending 0\ncheck 0\n1\n",
            good(name, "@changed.json relayhost.json ")
        ));
    }
}
