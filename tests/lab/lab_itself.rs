//! The ground that everything is tried on is itself tried.

use crate::host::host;

#[test]
fn status_arguments_and_streams_pass_through() {
    let run = host().sh_with_input("cat; echo out; echo err >&2; exit 37", "in\n");
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (37, "in\nout\n", "err\n"));
}

#[test]
fn a_missing_package_really_is_a_missing_mechanism() {
    let run = host().without("cyrus-sasl-plain").sh("ls /usr/lib64/sasl2; pluginviewer -c");
    run.never_says("libplain").never_says("PLAIN\"").says("sasl");
}

#[test]
fn an_rpm_transaction_really_takes_the_lock() {
    let run = host().without("s-nail").sh(
        "strace -f -y -e trace=fcntl -o /root/trace yum -y -q install s-nail >/dev/null; grep -c 'fcntl(.*/var/lib/rpm/.rpm.lock>, F_SETLKW*, {l_type=F_WRLCK' /root/trace",
    );
    run.exits(0);
}

#[test]
fn a_host_leaves_nothing_behind_in_the_next() {
    host().sh("touch /etc/left /var/lib/left; echo x > /etc/postfix/main.cf").exits(0);
    host().sh("! ls /etc/left /var/lib/left && postconf -n >/dev/null").exits(0);
}

#[test]
fn nothing_leads_out_of_the_lab() {
    let run = host().sh("for a in 203.0.113.1 10.0.0.1; do timeout 3 bash -c \": < /dev/tcp/$a/25\" && echo out; done; getent hosts example.org");
    run.exits(2).never_says("out\n");
}
