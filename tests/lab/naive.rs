//! Why relayhost installs nothing in a scriptlet: what comes of it when a package does, on real rpm and dnf. What EL7's
//! yum 3 and rpm 4.11 do is worse (both wait for ever); these are dnf 4.14 and rpm 4.18.

use crate::host::host;

/// Builds the package `naive`, whose %post runs a command; its output, process and status are in /root afterwards.
fn naive(command: &str) -> String {
    format!(
        r"cat > /root/naive.spec <<'SPEC'
Name: naive
Version: 1
Release: 1
Summary: Installs a package in its scriptlet
License: Apache-2.0
BuildArch: noarch
%description
%{{summary}}.
%post
{command} >/root/nested 2>&1 &
echo $! >/root/inner
wait $!
echo $? >/root/status
%files
SPEC
rpmbuild -bb --quiet --define '_topdir /root/build' --define '_rpmdir /root' /root/naive.spec || exit 9
"
    )
}

/// The inner yum waits for the outer one, which waits for the scriptlet that runs the inner one.
#[test]
fn yum_in_a_scriptlet_hangs_until_somebody_kills_it() {
    let run = host().without("s-nail").sh(&format!(
        "{}yum -y install /root/noarch/naive-1-1.noarch.rpm >/root/outer 2>&1 & outer=$!
         for _ in $(seq 300); do grep -q 'Waiting for process' /root/nested 2>/dev/null && break; sleep 0.1; done
         sleep 5; [ ! -e /root/status ] && kill -0 $outer $(cat /root/inner) && echo 'both run, 5 s later'
         [ \"$(tail -n 1 /root/nested)\" = \"Waiting for process with pid $outer to finish.\" ] && echo 'the inner waits for the outer'
         kill -KILL $(cat /root/inner); wait $outer; echo \"outer $?, inner $(cat /root/status)\"; rpm -q naive s-nail",
        naive("yum -y install s-nail"),
    ));
    run.says("both run, 5 s later\nthe inner waits for the outer\nouter 0, inner 137\nnaive-1-1.noarch\n")
        .says("package s-nail is not installed");
}

/// rpm 4.13 and later gives up at once, and the outer transaction calls itself a success all the same.
#[test]
fn rpm_in_a_scriptlet_fails_and_nobody_is_told() {
    let run = host().without("s-nail").sh(&format!(
        "{}timeout 30 rpm -i /root/noarch/naive-1-1.noarch.rpm >/root/outer 2>&1; echo \"outer $?, inner $(cat /root/status)\"
         cat /root/nested; rpm -q naive s-nail",
        naive("rpm -i /lab/repo/s-nail-*.rpm"),
    ));
    run.says("outer 0, inner 1\n")
        .says("error: can't create transaction lock on /var/lib/rpm/.rpm.lock")
        .says("naive-1-1.noarch\npackage s-nail is not installed");
}
