//! Package managers: locks, and answers that are not to be believed.

use crate::host::{AUTHENTICATED, host};

/// Holds RPM's lock for some seconds, as a transaction does.
const HOLDER: &str = "python3 -c '
import fcntl, time, sys
lock = open(\"/var/lib/rpm/.rpm.lock\", \"a\")
fcntl.lockf(lock, fcntl.LOCK_EX)
open(\"/tmp/held\", \"w\")
time.sleep(float(sys.argv[1]))' ";

fn with_lock(seconds: u32, command: &str) -> String {
    format!("{HOLDER}{seconds} & while [ ! -e /tmp/held ]; do sleep 0.05; done; {command}")
}

#[test]
fn a_locked_package_manager_is_waited_for() {
    let run = host().without("cyrus-sasl-plain").answers(AUTHENTICATED).sh(&with_lock(3, "relayhost apply"));
    run.exits(0).says("waiting for process ").says("packages: installed cyrus-sasl-plain");
}

#[test]
fn waiting_has_an_end_that_names_the_holder() {
    let run = host()
        .without("cyrus-sasl-plain")
        .answers(AUTHENTICATED)
        .sh(&with_lock(60, "relayhost apply --lock-timeout 2s"));
    run.exits(1).complains("is locked by process ").complains("python3").complains("gave up after 2s");
}

#[test]
fn a_locked_package_manager_is_none_of_our_business_when_nothing_is_missing() {
    host().answers(AUTHENTICATED).sh(&with_lock(60, "relayhost apply --lock-timeout 1s")).exits(0);
}

/// yum 3 ends with 0 and says nothing when it knew but one of several names.
#[test]
fn a_package_manager_that_lies_is_found_out() {
    let run = host().without("cyrus-sasl-plain").without("s-nail").answers(AUTHENTICATED).sh(
        "printf '#!/bin/sh\\ncase \"$*\" in *cyrus-sasl-plain*) rpm -i --quiet /lab/repo/*/s-nail-*.rpm 2>/dev/null || find /lab/repo* -name s-nail-\\*.rpm -exec rpm -i {} \\\\; ;; esac\\nexit 0\\n' > /usr/bin/dnf5
         chmod 755 /usr/bin/dnf5; relayhost apply; echo \"exit $?\"; ls /etc/postfix/sasl_passwd; command -v mail",
    );
    run.says("exit 1")
        .says("/usr/bin/mail")
        .complains("not installed: cyrus-sasl-plain")
        .complains("No such file");
}

#[test]
fn a_package_that_no_repository_has_is_named() {
    let run = host()
        .without("cyrus-sasl-plain")
        .answers(AUTHENTICATED)
        .sh("rm /etc/yum.repos.d/*; relayhost apply; echo \"exit $?\"; postconf -h relayhost");
    run.says("exit 1\n\n")
        .complains("not installed: cyrus-sasl-plain")
        .complains("no enabled repositories")
        .complains("yum provides cyrus-sasl-plain");
}

#[test]
fn a_host_without_a_package_manager_says_so() {
    let run = host()
        .without("cyrus-sasl-plain")
        .answers(AUTHENTICATED)
        .sh("rm -f /usr/bin/dnf* /usr/bin/yum*; relayhost apply");
    run.exits(1).complains("`yum or dnf` is not on this host");
}

#[test]
fn extra_packages_are_installed_too() {
    let answers = crate::host::read(AUTHENTICATED) + "\n[packages]\nextra = [\"cyrus-sasl-md5\"]\n";
    host().answers_text(&answers).sh("relayhost apply >/dev/null; rpm -q cyrus-sasl-md5").exits(0);
}
