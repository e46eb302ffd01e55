//! Hosts without a repository: packages from a directory. Real packages, of the lab's repository or built here, and real
//! rpm; neither dnf nor yum is there.

use crate::host::{AUTHENTICATED, Host, Run, host, read};

/// `sums`, `installed`, and with `package` more packages in /srv/rpms.
const PREPARE: &str = ". /lab/tests/lab/scripts/from.sh\n";

fn answers(packages: &str) -> String {
    read(AUTHENTICATED) + "\n[packages]\nfrom = \"/srv/rpms\"\n" + packages
}

fn on(host: Host, packages: &str, script: &str) -> Run {
    host.answers_text(&answers(packages)).sh(&format!("{PREPARE}{script}"))
}

#[test]
fn what_is_missing_comes_from_the_directory_and_the_message_is_delivered() {
    let run = on(
        host().without("cyrus-sasl-plain").without("s-nail"),
        "",
        r#"installed >/root/before; relayhost check >/root/out; echo "check $?"; grep -A2 package.from /root/out | tr -s ' \n' ' '; echo
        relayhost plan | head -n 3 | tr -s ' \n' ' '; echo; echo '== plan'; relayhost plan --json 2>/dev/null; echo '== rest'; installed | diff /root/before - && echo 'nothing installed yet'
        relayhost apply --json >/root/json 2>/root/out; echo "apply $?"; mails; installed | diff /root/before - | grep '>'
        ls -A /var/lib/relayhost | tr '\n' ' '; rm -rf /srv/rpms; relayhost check >/dev/null; echo "check $?"; relayhost plan >/dev/null; echo "plan $?"; echo '== json'; cat /root/json"#,
    );
    let from = "from /srv/rpms: cyrus-sasl-plain-2.1.28-1.lab.x86_64.rpm, s-nail-14.9.24-1.lab.x86_64.rpm";
    for part in ["plan", "json"] {
        let text = run.json(part)["actions"][0]["text"].as_str().unwrap().to_owned();
        assert_eq!(text, format!("install cyrus-sasl-plain, mail command, {from}"), "{part}");
    }
    run.exits(0)
        .says("check 3\nnote package.from /srv/rpms has what is missing: cyrus-sasl-plain-2.1.28-1.lab.x86_64.rpm, s-nail-14.9.24-1.lab.x86_64.rpm")
        .says("nothing installed yet\napply 0\n1\n> cyrus-sasl-plain-2.1.28\n> s-nail-14.9.24\ngenerations lock ")
        .says("check 0\nplan 0");
}

#[test]
fn a_host_that_has_nothing_gets_what_its_packages_need_too() {
    let run = on(
        host().stopped(),
        "",
        "rpm -e --nodeps postfix cyrus-sasl cyrus-sasl-plain cyrus-sasl-lib s-nail; installed >/root/before
         relayhost check | tail -n 1; relayhost apply; echo \"apply $?\"; mails; installed | diff /root/before - | grep '[<>]'",
    );
    run.says("Postfix is not installed")
        .says("apply 0\n1\n> cyrus-sasl-2.1.28\n> cyrus-sasl-lib-2.1.28\n> cyrus-sasl-plain-2.1.28\n> postfix-3.7.11\n> s-nail-14.9.24\n");
}

/// Each file that is refused, or list: what is done to it, and what the error says. In one host, since each leaves it as
/// it was; the last line proves that nothing else was in the way.
const REFUSALS: &[(&str, &str)] = &[
    ("head -c 10000 /lab/repo/$plain >$plain", "/srv/rpms/PLAIN` is cut off: 10000 of 18926 bytes are there"),
    (
        "head -c 1000 /lab/repo/$plain >$plain; sums",
        "PLAIN` ends in its headers, after 1000 bytes: it is cut off",
    ),
    ("echo more >>$plain; sums", "PLAIN` has 18931 bytes, and the package in it 18926"),
    (
        "printf x | dd of=$plain bs=1 seek=15000 conv=notrunc status=none",
        "PLAIN` is not the file that SHA256SUMS means: its SHA-256 is ",
    ),
    (
        "printf x | dd of=$plain bs=1 seek=15000 conv=notrunc status=none; sums",
        "PLAIN` is damaged, or was changed after it was made: Payload SHA256 ",
    ),
    (
        "printf x | dd of=$plain bs=1 seek=5000 conv=notrunc status=none; sums",
        "PLAIN` is damaged: its header SHA",
    ),
    (
        "printf '\\377\\377' | dd of=$plain bs=1 seek=104 conv=notrunc status=none; sums",
        "PLAIN` has damaged headers",
    ),
    ("sed -i \"/$plain/s/^..../0000/\" SHA256SUMS", "PLAIN` is not the file that SHA256SUMS means"),
    ("sed -i /plain/d SHA256SUMS", "PLAIN` is not in SHA256SUMS"),
    ("cp /lab/repo/$plain other.rpm", "/srv/rpms/other.rpm` is not in SHA256SUMS"),
    ("head -c 20000 /dev/urandom >$plain; sums", "PLAIN` is not an RPM package"),
    (": >$plain; sums", "PLAIN` ends in its headers, after 0 bytes"),
    ("mv $plain /root/; ln -s /root/$plain; sums", "PLAIN` is a symbolic link"),
    ("rm $plain; mkfifo $plain", "PLAIN` is not a regular file"),
    ("rm $plain; mkdir $plain", "PLAIN` is not a regular file"),
    ("chmod 666 $plain", "PLAIN` has mode 0666, so that others may write to it"),
    ("chown 65534 $plain", "PLAIN` belongs to nobody (uid 65534), not to root"),
    ("chmod 777 .", "`/srv/rpms` has mode 0777, so that others may write to it"),
    ("chmod 1777 .", "`/srv/rpms` has mode 1777"),
    ("chmod 775 ..", "`/srv` has mode 0775"),
    ("chown 65534 .", "`/srv/rpms` belongs to nobody (uid 65534)"),
    ("rm $plain; sums", "`/srv/rpms` has no package for:\n    cyrus-sasl-plain\n"),
    (
        "rm $plain; package cyrus-sasl-plain 9 aarch64 </dev/null; sums",
        "cyrus-sasl-plain (cyrus-sasl-plain-9.rpm is for aarch64, and this host is x86_64)",
    ),
    (
        "package cyrus-sasl-plain 9 <<<'Requires: libodd.so.7'; sums",
        "    libodd.so.7, which cyrus-sasl-plain-9-1.noarch needs\n",
    ),
    (
        "package cyrus-sasl-plain 9 <<<'Conflicts: rpm'; package rpm 9 </dev/null; sums; rpm -U --nodeps rpm-9.rpm",
        "rpm does not install:\n    error: Failed dependencies:\n    rpm conflicts with cyrus-sasl-plain-9-1.noarch",
    ),
    ("rm SHA256SUMS", "`/srv/rpms/SHA256SUMS` is not there, so"),
    (": >SHA256SUMS", "`/srv/rpms/SHA256SUMS` names no file"),
    ("head -c 5000 /bin/sh >SHA256SUMS", "`/srv/rpms/SHA256SUMS` is not text"),
    ("yes '# 10 MB' | head -c 10M >SHA256SUMS", "`/srv/rpms/SHA256SUMS` is larger than 4194304 bytes"),
    ("sed -i \"s, cyrus, ../cyrus,\" SHA256SUMS", "has a line 1 that names a file of another directory"),
    ("sha256sum --tag *.rpm >SHA256SUMS", "has a line 1 that is not one of sha256sum's"),
    ("mv SHA256SUMS /root; ln -s /root/SHA256SUMS", "`/srv/rpms/SHA256SUMS` is a symbolic link"),
    ("chmod 622 SHA256SUMS", "`/srv/rpms/SHA256SUMS` has mode 0622"),
    (
        "for i in $(seq 2000); do : >$i.rpm; done",
        "`/srv/rpms` has 2013 packages, and relayhost looks at no more than 2000",
    ),
    ("cd /; mv /srv/rpms /srv/away", "`/srv/rpms` is not there"),
    ("cd /; mv /srv/rpms /srv/away; : >/srv/rpms", "`/srv/rpms` is not a directory"),
    (
        "echo localpkg_gpgcheck=1 >/etc/dnf/dnf.conf",
        "PLAIN` is not signed, and this host demands it: /etc/dnf/dnf.conf says localpkg_gpgcheck",
    ),
    (
        "echo '%_pkgverify_level all' >>/etc/rpm/macros",
        "PLAIN` is not signed, and this host demands it: rpm's %_pkgverify_level is all",
    ),
];

#[test]
fn a_file_that_is_not_what_it_should_be_is_refused_by_name_and_nothing_is_installed() {
    let mut script = String::from(
        "plain=$(cd /lab/repo; echo cyrus-sasl-plain-*.rpm); mkdir -p /etc/dnf; cp -a /srv /root/srv; mkdir -p /root/etc; cp -a /etc/dnf /etc/rpm /root/etc/; cp -a /var/lib/rpm /root/db; installed >/root/before\n",
    );
    for (number, (what, _)) in REFUSALS.iter().enumerate() {
        script += &format!(
            "rm -rf /srv /etc/dnf /etc/rpm; cp -a /root/srv /; cp -a /root/etc/* /etc/; cd /srv/rpms; {{ {what}; }}
             installed >/root/before; timeout 60 relayhost apply >/root/out 2>/root/err; code=$?; echo \"== {number}\"; echo \"exit $code\"; cat /root/err; installed | diff /root/before - && echo 'as it was'
             relayhost plan --json >/root/plan 2>/root/err; echo \"plan $?\"; ls -A /var/lib/relayhost; rm -rf /var/lib/rpm; cp -a /root/db /var/lib/rpm\n"
        );
    }
    script += "rm -rf /srv /etc/dnf /etc/rpm; cp -a /root/srv /; cp -a /root/etc/* /etc/; echo '== good'; relayhost apply >/dev/null && mails; echo '== end'";
    let run = on(host().without("cyrus-sasl-plain"), "", &script);
    let mut wrong = Vec::new();
    for (number, (what, says)) in REFUSALS.iter().enumerate() {
        let part = run.part(&number.to_string());
        let says = says.replace("PLAIN", "cyrus-sasl-plain-2.1.28-1.lab.x86_64.rpm");
        if !part.starts_with("exit 1\n")
            || !part.contains(&says)
            || !part.contains("\n  -> ")
            || !part.contains("as it was\nplan 3\ngenerations\nlast.json\nlock\n")
        {
            wrong.push(format!("{what}\nno `{says}`, remedy or clean end in\n{part}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(run.part("good"), "1\n");
}

#[test]
fn signed_packages_are_taken_where_signatures_are_demanded_if_their_key_is_known() {
    let run = on(
        host().without("cyrus-sasl-plain"),
        "",
        r#"export GNUPGHOME=/root/gpg; mkdir -m 700 $GNUPGHOME
        gpg --batch --quiet --passphrase '' --quick-generate-key 'Lab <lab@example.com>' rsa3072 sign never 2>/root/log || { cat /root/log; exit 99; }
        rpmsign --addsign --define '_gpg_name lab@example.com' --define '__gpg /usr/bin/gpg' /srv/rpms/cyrus-sasl-plain-*.rpm >/root/log 2>&1 || { cat /root/log; exit 99; }
        sums; echo localpkg_gpgcheck=True >/etc/dnf/dnf.conf; relayhost apply >/dev/null; echo "unknown key $?"
        gpg --export --armor >/root/key; command rpm --import /root/key; relayhost apply >/dev/null; echo "known key $?"; mails; gpgconf --kill all"#,
    );
    run.says("unknown key 1\nknown key 0\n1\n")
        .complains("is signed with a key that this host does not trust (Header V4 RSA/SHA");
}

#[test]
fn the_newest_version_is_taken_and_an_older_one_than_installed_left_alone() {
    on(
        host(),
        "extra = [\"tool\", \"old\"]\n",
        r#"package old 3 </dev/null; rpm -i /srv/rpms/old-3.rpm; rm /srv/rpms/old-3.rpm; package old 2 </dev/null
        for version in 1.9 1.10 1.2; do package tool $version </dev/null; done; package tool 2 i686 </dev/null; sums
        relayhost apply >/dev/null; echo "apply $?"; installed | grep -E '^(tool|old)-'"#,
    )
    .says("apply 0\nold-3\ntool-1.10\n");
}

/// As cyrus-sasl-lib and the packages beside it: each requires the lib of its own version, so all go up together.
#[test]
fn what_an_upgrade_would_break_is_upgraded_with_it_and_nothing_else() {
    let run = on(
        host(),
        "extra = [\"top\"]\n",
        r#"into=/root package lib 1 </dev/null; for name in side far; do into=/root package $name 1 <<<'Requires: lib = 1'; done
        rpm -i /root/lib-1.rpm /root/side-1.rpm; package lib 2 </dev/null; for name in side far; do package $name 2 <<<'Requires: lib = 2'; done
        package helper 1 </dev/null; files='/etc/helped' package by-file 1 <<<$'%install\nmkdir -p %{buildroot}/etc; touch %{buildroot}/etc/helped'
        package top 1 <<<$'Requires: lib >= 2\nRequires: (nothing or helper)\nRequires: /etc/helped'; sums
        installed >/root/before; relayhost apply >/root/out; echo "apply $?"; installed | diff /root/before - | grep '[<>]'"#,
    );
    run.says("apply 0\n> by-file-1\n> helper-1\n< lib-1\n> lib-2\n< side-1\n> side-2\n> top-1\n");
}

/// A plugin that is gone though its package is there.
#[test]
fn a_damaged_package_is_installed_once_more() {
    on(host(), "", "rm /usr/lib*/sasl2/libplain.so*; relayhost apply >/root/out; echo \"apply $?\"; mails; ls /usr/lib*/sasl2/ | grep -c libplain")
        .says("apply 0\n1\n");
}

#[test]
fn what_was_checked_is_what_is_installed() {
    let run = on(
        host(),
        "extra = [\"good\"]\n",
        r"into=/root package good 2 <<<$'%post\ntouch /root/evil'; package good 1 <<<$'%post\ntouch /root/good'; sums; rpm -q good
        (until ls /var/lib/relayhost/.relayhost-*/0.rpm; do :; done >/dev/null 2>&1; cp /root/good-2.rpm /srv/rpms/good-1.rpm; touch /root/swapped) &
        relayhost apply >/root/out 2>&1; code=$?; wait; ls /root/evil; ls /root/swapped; [ $code = 1 ] && grep -o 'is not the file' /root/out || ls /root/good",
    );
    run.says("/root/swapped\n").never_says("\n/root/evil");
}

#[test]
fn inside_a_transaction_it_is_recorded_and_pending_does_it() {
    on(
        host().without("cyrus-sasl-plain").without("s-nail"),
        "",
        r#"into=/root package asks 1 <<<$'%post\nrelayhost scriptlet post "$1" --for asks'; rpm -i /root/asks-1.rpm; installed | grep -c cyrus-sasl-plain
        relayhost pending >/root/out; echo "pending $?"; mails; ls -A /var/lib/relayhost/pending"#,
    )
    .says("0\npending 0\n1\n");
}

/// The directory is looked for where the answers are: outside of the tree; else in it.
#[test]
fn a_tree_gets_its_packages_from_outside_or_from_itself() {
    for (place, code) in [("/srv/rpms", 0), ("/mnt/sysimage/srv/rpms", 0), ("/nowhere", 1)] {
        on(
            host().without("cyrus-sasl-plain").without("s-nail"),
            "",
            &format!(
                r#"tree=/mnt/sysimage; fill_tree $tree; mkdir -p $tree/srv
                for dir in proc dev; do mount --rbind /$dir $tree/$dir; done; mv /srv/rpms /root/rpms; [ -d $(dirname {place}) ] && mv /root/rpms {place}
                relayhost apply --root $tree; echo "apply $?"; chroot $tree rpm -q cyrus-sasl-plain s-nail | grep -c lab; chroot $tree postconf -h relayhost; rpm -q cyrus-sasl-plain; mails"#
            ),
        )
        .says(if code == 0 { "apply 0\n2\n[smtp.example.com]:587\npackage cyrus-sasl-plain is not installed\n0\n" } else { "apply 1\n0\n\n" });
    }
}

/// A package of 100 MB of noise; the memory is that of the largest process of the run, rpm's included.
#[test]
fn memory_does_not_grow_with_the_packages() {
    let run = on(
        host(),
        "extra = [\"big\"]\n",
        r#"files=/big package big 1 <<<$'%define _binary_payload w0.gzdio\n%install\nhead -c 100M /dev/urandom >%{buildroot}/big'; sums; ls -l /srv/rpms/big-1.rpm | awk '$5 > 100000000 { print "large" }'
        python3 -c 'import resource, subprocess
print("plan", subprocess.run(["relayhost", "plan"], stdout=subprocess.DEVNULL).returncode)
print("kilobytes", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)'"#,
    );
    let run = run.says("large\nplan 3\n");
    let kilobytes: u64 = run.stdout.rsplit_once("kilobytes ").unwrap().1.trim().parse().unwrap();
    println!("plan with a package of 100 MB: {kilobytes} kB at most");
    assert!(kilobytes < 60_000, "{kilobytes} kB");
}
