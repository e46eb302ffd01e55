# Functions for the scripts of the lab's tests: each host sources this before its script (host.rs).
# shellcheck shell=bash

# What a pipe gets is broken here, so that a sentence which a test looks for is in one line.
export COLUMNS=100

# rpm …: without the notice that Debian's rpm opens with. From 4.20 on it has neither notice nor option: nothing takes its place.
FORCE=--force-debian
command rpm --force-debian --version >/dev/null 2>&1 || FORCE=
rpm() { command rpm ${FORCE:+"$FORCE"} "$@"; }

# await CMD…: waits until CMD succeeds, half a minute at the most.
await() {
    local n
    for ((n = 0; n < 300; n++)); do
        "$@" && return
        sleep 0.1
    done
    return 1
}

# mails: the number of messages that the relay has delivered.
mails() { compgen -G '/lab/mailbox/new/*' | wc -l; }
has_mails() { [ "$(mails)" -ge "$1" ]; }

# arrived [N]: waits for N messages (1) in the mailbox, and prints how many are there.
arrived() { await has_mails "${1:-1}"; mails; }

# messages: waits for a message, and prints all that are there.
messages() { await has_mails 1; cat /lab/mailbox/new/*; }

# waits: the requests that wait, in a line; in $tree, where a test has one.
waits() { find "${tree:-}/var/lib/relayhost/pending" -name '[^.]*.json' -printf '%f\n' 2>/dev/null | LC_ALL=C sort | tr '\n' ' '; echo; }

# cool: has Postfix read main.cf at once; it waits for a file that is younger than two seconds.
cool() { touch -d '-5 seconds' /etc/postfix/main.cf && postfix reload; }

# wrap PROGRAM TEXT: moves PROGRAM to /root and puts a shell script of this text into its place. unwrap PROGRAM: undoes it.
wrap() { mv "$1" "/root/${1##*/}"; printf '#!/bin/sh\n%s\n' "$2" >"$1"; chmod 755 "$1"; }
unwrap() { mv -f "/root/${1##*/}" "$1"; }

# rpm_build SPEC OPTION…: rpmbuild, which is heard only when it fails. The packages go to /root/b.
rpm_build() {
    rpmbuild --quiet -bb --define '_topdir /root/b' --define '_rpmdir /root/b' "$@" >/root/b/log 2>&1 ||
        { cat /root/b/log; exit 99; }
}

# package NAME [VERSION [ARCH]]: builds NAME.rpm, or with a version NAME-VERSION.rpm, in $into or /root. Further lines of its
# spec come on standard input, its files in $files.
package() {
    local file=$1${2:+-$2}
    mkdir -p /root/b
    {
        printf 'Name: %s\nVersion: %s\nRelease: 1\nSummary: x\nLicense: x\n' "$1" "${2:-1}"
        cat
        printf '%%description\nx\n%%files\n%s\n' "${files:-}"
    } >"/root/b/$1.spec"
    rpm_build --target "${3:-noarch}" --define "_build_name_fmt $file.rpm" "/root/b/$1.spec"
    mv "/root/b/$file.rpm" "${into:-/root}/"
}

# fill_tree DIR: a copy of the host that does not run, as an installer mounts it, in DIR.
fill_tree() {
    mkdir -p "$1"/{proc,dev,sys,tmp,run,root,lab}
    cp -a /bin /etc /lib /lib64 /sbin /usr /var "$1/"
    rm -f "$1"/var/spool/postfix/pid/*
}

# restart_rsyslog: starts the host's log anew, and waits until it takes lines.
restart_rsyslog() {
    kill "$(cat /run/rsyslogd.pid)"
    sleep 1
    rm -f /run/rsyslogd.pid
    rsyslogd -f /etc/rsyslog.conf
    await [ -S /dev/log ]
}

# boot TREE SCRIPT: runs SCRIPT in the tree as its first process, which is what makes it a system that runs: in PID and mount
# namespaces of its own, with a log and Postfix. The host's own Postfix and log end before, since there is one network.
boot() {
    postfix stop 2>/dev/null
    [ ! -s /run/rsyslogd.pid ] || kill "$(cat /run/rsyslogd.pid)"
    umount -l "$1/proc" 2>/dev/null
    rm -f "$1"/run/*.pid "$1/dev/log"
    cp /lab/rsyslog.conf "$1/root/rsyslog.conf"
    : >"$1/var/log/maillog"
    # Seen once: rsyslogd listens, and its socket has no name any more. Then it is started once more.
    # shellcheck disable=SC2016 # for the tree's shell to expand
    printf '%s\n' 'for try in 1 2 3; do
            rsyslogd -n -f /root/rsyslog.conf </dev/null >/root/rsyslog.log 2>&1 & logger=$!
            for _ in $(seq 100); do [ ! -S /dev/log ] || break 2; sleep 0.05; done
            kill $logger; wait $logger
        done
        postfix start >/root/postfix.log 2>&1' "$2" >"$1/root/boot"
    unshare --mount --pid --fork --kill-child=KILL --root="$1" --mount-proc bash /root/boot
}
