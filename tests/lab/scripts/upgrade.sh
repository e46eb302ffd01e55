# A host that becomes one of the next release, as leapp leaves it: /etc and /var are what they were, as far as rpm keeps them, and
# all below is the new release's.
# shellcheck shell=bash

tree=/mnt/next

# send SUBJECT: a message as a monitor sends it.
send() { echo "$1" | mail -s "$1" -r monitor@op5-system.localdomain ops@example.com; }

# queued N: whether N messages are in the queue, once tried.
queued() { [ "$(find /var/spool/postfix/deferred -type f | wc -l)" -eq "$1" ]; }

# cut, mend: the way to the relay, and to its name server.
cut() { ip route add unreachable 192.0.2.1 && ip -6 route add unreachable 2001:db8::1; }
mend() { ip route del unreachable 192.0.2.1 && ip -6 route del unreachable 2001:db8::1; }

# upgrade: $tree is the new release's root (/lab/after, read-only) with what this host made different in /etc and /var from its
# release's (/lab/before): of a packaged file that was changed rpm keeps the changed one (%config(noreplace)), of one that was
# not it brings the new one, and what is in no package stays. The databases of rpm and dnf are the new release's. Then come
# postfix's %post, and the trigger of relayhost's package, in the tree, while nothing of it runs.
upgrade() {
    local file
    mkdir -p $tree /mnt/over
    mount -t tmpfs tmpfs /mnt/over
    mkdir /mnt/over/upper /mnt/over/work
    mount -t overlay overlay -o lowerdir=/lab/after,upperdir=/mnt/over/upper,workdir=/mnt/over/work $tree
    mkdir -p $tree/{proc,dev,sys,tmp,run,root,lab}
    while IFS= read -r -d '' file; do
        cmp -s "/$file" "/lab/before/$file" || (cd / && cp -a --parents "$file" $tree)
    done < <(cd / && find etc var -xdev \( -path var/lib/rpm -o -path var/lib/dnf -o -path var/cache -o -path var/spool/postfix/pid \
        -o -path etc/alternatives \) -prune -o -type f -print0)
    rm -f $tree/var/spool/postfix/pid/*
    ln -sf bash $tree/usr/bin/sh
    install -m 755 "$(command -v relayhost)" $tree/usr/sbin/relayhost
    for dir in dev lab; do mount --rbind /$dir $tree/$dir; done
    without_hash $tree/usr/lib64/postfix
    with_lmdb
    chroot $tree postfix set-permissions upgrade-configuration daemon_directory=/usr/libexec/postfix command_directory=/usr/sbin \
        mail_owner=postfix setgid_group=postdrop >/root/upgraded 2>&1
    : | chroot $tree relayhost scriptlet post 1 --changed postfix
    : | chroot $tree relayhost scriptlet postun 1 --changed postfix
}

# with_lmdb: the tables of $tree are lmdb:, also where it is a release with hash:, and where its main.cf is the one that was kept:
# EL's Postfix is compiled for it, from EL10 on, and Debian's is not.
with_lmdb() {
    [ -e $tree/usr/lib64/postfix/postfix-lmdb.so ] || rpm --root $tree -i /lab/repo/postfix-lmdb-*.rpm
    [ "$(chroot $tree postconf -h default_database_type)" = lmdb ] || chroot $tree postconf -e default_database_type=lmdb
}

# without_hash DIR: takes the name of hash: out of Postfix's libraries there, which Debian's has and EL's has not from EL10 on.
# texthash: goes with it, one string has both.
without_hash() { sed -i 's/texthash\x00/textgone\x00/; s/\x00hash\x00/\x00gone\x00/' "$1"/libpostfix-{util,global}.so; }
