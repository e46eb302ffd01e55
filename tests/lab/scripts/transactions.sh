# The package in transactions: what they leave, and other versions of it.
# shellcheck shell=bash

# shellcheck disable=SC2034 # the tests install it
file=$(echo /lab/packages/x86_64/relayhost-[0-9]*.rpm)
# rpm warns of a package whose key it does not know.
rpmkeys --import /lab/packages/RPM-GPG-KEY

lock_is() {
    python3 -c '
import fcntl, os
try: fcntl.lockf(os.open("/var/lib/rpm/.rpm.lock", os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB); print("free")
except OSError: print("held")'
}

# run NAME CMD…: runs CMD with its output in a pipe, as long as a minute, and says in one line how it ended: status, whether a
# process of it is left, whether RPM's lock is held, a word of ours, and what the queue holds. The gpg-agent that dnf's library
# starts when it takes a repository's key, and leaves, is none of ours.
run() {
    local name=$1 left words
    shift
    ps -eo pid= | sort >/root/before
    (timeout --kill-after=1 60 "$@" 2>&1 </dev/null; echo $? >/root/code) | cat >"/root/out.$name"
    # shellcheck disable=SC2009 # names and numbers, to compare
    left=$(ps -eo pid=,comm= | sort | join -v 1 - /root/before | grep -vwE 'ps|sort|join|grep|bash|tr|gpg-agent' | tr '\n' ' ')
    # dnf5 says of the lab's own repository that nobody signed it.
    words=$(grep -v '^Warning: skipped OpenPGP checks' "/root/out.$name" |
        grep -ciE 'warning|error|fail|deferred|recorded|pending|answers|rpmnew|rpmsave|-> |relayhost: ')
    echo "$name: exit $(cat /root/code), left [$left], lock $(lock_is), words $words, waits $(waits)"
}

# version V [LINE…]: builds /root/relayhost-V.rpm: the package that scripts/rpm built, under another version, its spec and its
# files, with lines added.
version() {
    local version=$1
    shift
    mkdir -p /root/b
    # To a name that it chooses or to a pipe, by its version; this is the same in all.
    rpm2archive - <"$file" >/root/b/files.tgz
    {
        awk -v version="$version" '
            /^%(package|description|files|prep|build|install|check|changelog|pre|post|preun|postun|posttrans|relayhost_watch|trigger)/ {
                skip = /^%(package|description|files) ((hook|sasl)-|-n )/ || /^%(prep|build|install|check|changelog)/ }
            /^Version:/ { $2 = version }
            /^(Source|BuildRequires)/ || skip { next }
            { print }' /lab/packaging/relayhost.spec
        printf '%s\n' "$@" '%install' 'tar -C %{buildroot} -xzf /root/b/files.tgz'
    } >/root/b/relayhost.spec
    rpm_build --target x86_64 --define '_build_name_fmt %%{NAME}-%%{VERSION}.rpm' /root/b/relayhost.spec
    mv "/root/b/relayhost-$version.rpm" /root/
}

state() {
    (cd / && find etc/relayhost var/lib/relayhost etc/postfix/main.cf etc/postfix/sasl_passwd -type f ! -name lock ! -name 'leaving.*' \
        ! -name '*.sample' -printf '%m %U %p ' -exec sha256sum {} \; | sort | sha256sum)
}
same() {
    if state | cmp -s - /root/state; then
        echo "state kept, $(command rpm -q --qf '%{VERSION}' relayhost)"
    else
        echo "state changed"
    fi
}

# had: what is there before the package changes: answers, a generation, and somebody's request that waits.
had() {
    yum -y -q install relayhost >/dev/null
    relayhost pending >/dev/null
    relayhost scriptlet post 1 --for asks
    state >/root/state
}

# bare_tree: a tree that does not run, $tree, as dnf's `--installroot`, mock and Anaconda fill it. It has the base system: the
# lab's has none of RPM's own that could come in the same transaction.
bare_tree() {
    tree=/mnt/sysimage
    fill_tree $tree
    chroot $tree rpm -e postfix-lmdb postfix cyrus-sasl 2>/dev/null || chroot $tree rpm -e postfix cyrus-sasl 2>/dev/null
    rm -rf $tree/etc/postfix
}
mounted() { for dir in proc dev lab; do mount --rbind "/$dir" "$tree/$dir"; done; }
recorded() {
    stat -c '%a %U' "$tree"/var/lib/relayhost "$tree"/var/lib/relayhost/pending/relayhost.json | tr '\n' ' '
    grep -o 'relayhost was installed' "$tree"/var/lib/relayhost/pending/relayhost.json
    ls /usr/bin/relayhost /var/lib/relayhost 2>/dev/null
    [ -e "$tree"/etc/postfix/sasl_passwd ] || echo 'nothing configured'
    chroot "$tree" rpm -q postfix cyrus-sasl-plain s-nail | grep -c lab
}
