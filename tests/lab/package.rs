//! The package of `scripts/rpm`, in real transactions of rpm and dnf: what it brings, what it leaves, and that it stays
//! when what it needs is taken away.

use crate::host::{AUTHENTICATED, Host, Run, generation, host, project};

/// Stops a test that would fail for want of them.
pub fn packages_are_built() {
    assert!(
        project().join("target/rpm/repo/repodata").is_dir(),
        "no packages in target/rpm/repo: run scripts/rpm first"
    );
}

/// A host that has relayhost only from the package.
fn plain_host() -> Host {
    packages_are_built();
    host().bare()
}

/// The package's file, `$file`, and `there`: what is installed of what it needs.
const TOOLS: &str = ". /lab/tests/lab/scripts/package.sh\n";

fn on(host: Host, script: &str) -> Run {
    host.sh(&format!("{TOOLS}{script}"))
}

#[test]
fn one_yum_install_brings_everything_in_one_transaction() {
    let run = on(
        plain_host().without("cyrus-sasl-plain").without("s-nail").answers(AUTHENTICATED),
        "sum=$(sha256sum /etc/relayhost/answers.toml); set -o pipefail
         timeout 60 yum -y install relayhost 2>&1 | cat > /root/out; echo \"yum $?\"; there
         [ \"$sum\" = \"$(sha256sum /etc/relayhost/answers.toml)\" ] && echo 'answers untouched'
         rpm -V relayhost && echo 'as packed'; ls /etc/relayhost; relayhost --version
         echo '== out'; grep -v '^Warning: skipped OpenPGP checks for .* from repository: lab' /root/out; echo '== log'; cat /var/log/dnf*.log",
    )
    .exits(0)
    .says("yum 0\nrelayhost cyrus-sasl-plain s-nail postfix \nanswers untouched\nas packed\nanswers.d\nanswers.toml\nanswers.toml.sample\nrelayhost 0.1.0\n");
    assert!(run.part("out").contains(generation().three_packages), "{run:?}");
    for text in ["warning", "error", "rpmnew", "scriptlet failed"] {
        assert!(!run.part("out").to_lowercase().contains(text), "{text} in {run:?}");
    }
}

#[test]
fn mailx_of_el7_and_el8_is_the_mail_command_too() {
    on(
        plain_host().mail_client("mailx").without("mailx"),
        "yum -y -q install relayhost >/dev/null && rpm -q --qf '%{NAME}\\n' --whatprovides /bin/mailx",
    )
    .exits(0)
    .says("mailx\n");
}

#[test]
fn what_was_required_can_be_removed_and_relayhost_stays() {
    on(
        plain_host(),
        "yum -y -q install relayhost >/dev/null; there
         rpm -e cyrus-sasl-plain; echo \"rpm -e $?\"; there
         yum -y -q install cyrus-sasl-plain >/dev/null
         yum -y -q remove cyrus-sasl-plain s-nail >/dev/null; echo \"remove $?\"; there
         yum -y -q reinstall relayhost >/dev/null; echo \"reinstall $?\"; there
         yum -y -q autoremove >/dev/null; echo \"autoremove $?\"; there
         rpm -e postfix 2>&1; echo \"rpm -e postfix $?\"",
    )
    .exits(0)
    .says(
        "relayhost cyrus-sasl-plain s-nail postfix \nrpm -e 0\nrelayhost s-nail postfix \nremove 0\nrelayhost postfix \n\
         reinstall 0\nrelayhost cyrus-sasl-plain s-nail postfix \nautoremove 0\nrelayhost cyrus-sasl-plain s-nail postfix \n",
    )
    .says("postfix is needed by (installed) relayhost")
    .says("rpm -e postfix 1\n");
}

#[test]
fn packages_that_relayhost_brought_stay_while_it_is_there() {
    on(
        plain_host().without("cyrus-sasl-plain").without("s-nail"),
        "yum -y -q install relayhost >/dev/null; yum -y -q autoremove >/dev/null; there
         yum -y -q remove postfix >/dev/null; there; echo done",
    )
    .exits(0)
    .says("relayhost cyrus-sasl-plain s-nail postfix \n\ndone\n");
}

#[test]
fn erasing_says_nothing_and_leaves_answers_and_generations() {
    for erase in ["rpm -e relayhost", "yum -y -q remove relayhost | grep -iE 'warn|error|rpmsave|directory'"]
    {
        on(
            plain_host().answers(AUTHENTICATED),
            &format!(
                "rpm -i $file 2>&1; install -d -m 700 /var/lib/relayhost/generations /var/lib/relayhost/generations/0000; echo '# mine' >> /etc/relayhost/answers.toml
                 sum=$(sha256sum /etc/relayhost/answers.toml)
                 echo '== erase'; {erase} 2>&1; echo '== after'
                 [ \"$sum\" = \"$(sha256sum /etc/relayhost/answers.toml)\" ] && stat -c %a /etc/relayhost/answers.toml
                 ls -d /etc/relayhost/* /var/lib/relayhost/* /usr/bin/relayhost 2>&1; echo '== end'"
            ),
        )
        .says("== erase\n== after\n600\nls: cannot access '/usr/bin/relayhost': No such file or directory\n/etc/relayhost/answers.toml\n/var/lib/relayhost/generations\n== end\n");
    }
}

/// With -vv, rpm has the shell show each command of a scriptlet.
#[test]
fn rpm_calls_relayhost_for_each_change_and_not_for_its_own_upgrade() {
    let called = |what: &str| {
        format!(
            "echo '== {}'; rpm -{what} 2>&1 | sed -n 's,^+ /usr/bin/relayhost ,,p'\n",
            what.split(' ').next().unwrap()
        )
    };
    let script = [
        "ivv $file",
        "Uvv --replacepkgs $file",
        "evvh cyrus-sasl-plain",
        "Uvvh /lab/repo/cyrus-sasl-plain-*.rpm",
        "evv relayhost",
    ]
    .map(called)
    .concat();
    let run = on(plain_host(), &format!("{script} echo '== end'"));
    let mut there = vec!["cyrus-sasl", "cyrus-sasl-plain", "postfix", "s-nail"];
    if !generation().beside_postfix.is_empty() {
        there.insert(3, "postfix-lmdb");
    }
    let changed: Vec<_> = there.iter().map(|name| format!("scriptlet post 1 --changed {name}\n")).collect();
    let changed = changed.concat();
    assert_eq!(run.part("ivv"), format!("scriptlet post 1\n{changed}scriptlet posttrans 1\n"));
    assert_eq!(
        run.part("Uvv"),
        "scriptlet post 2\nscriptlet preun 1\nscriptlet postun 1\nscriptlet posttrans 2\n"
    );
    assert_eq!(run.part("evvh"), "scriptlet postun 0 --changed cyrus-sasl-plain\n");
    assert_eq!(run.part("Uvvh"), "scriptlet post 1 --changed cyrus-sasl-plain\n");
    // The program is gone when %postun runs, and that is asked for first.
    assert_eq!(run.part("evv"), "scriptlet preun 0\n");
}

#[test]
fn dnf_takes_its_hook_along() {
    on(
        plain_host(),
        "yum -y -q install $HOOK >/dev/null; echo \"yum $?\"
         rpm -q --qf '%{NAME}\\n' relayhost $PLUGIN; rpm -V $HOOK; echo \"as packed $?\"",
    )
    .says(&format!("yum 0\nrelayhost\n{}\nas packed 0\n", generation().plugin));
}
