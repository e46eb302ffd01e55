# A tree with the host's packages and answers.
# shellcheck shell=bash

tree=/mnt/sysimage
fill_tree $tree
for dir in dev lab; do mount --rbind /$dir $tree/$dir; done
proc() { mount --rbind /proc $tree/proc; }
configured() { chroot $tree postconf -h relayhost; }
# running: how many Postfix run, on the host and in the tree.
running() { ps -C master -o pid= | wc -l; }

# stopped_amid: leaves in the tree what a run leaves that dies amid its files.
stopped_amid() {
    local n renames=rename,renameat,renameat2
    for n in {3..12}; do
        strace -f -qq -o /dev/null -e trace=$renames -e inject=$renames:signal=SIGKILL:when="$n" \
            chroot $tree relayhost apply >/dev/null 2>&1
        [ ! -e $tree/var/lib/relayhost/journal.json ] || [ ! -e $tree/etc/postfix/sasl_passwd ] || break
    done
    ls $tree/var/lib/relayhost/journal.json
}

# shellcheck disable=SC2016 # for the tree to expand
first_boot() { boot $tree 'relayhost pending --due >/root/out; echo "first boot $?"'; arrived 1; configured; }

# transaction: one on the tree, with a scriptlet that calls what would install; then the first boot.
transaction() {
    rpm --root $tree -e cyrus-sasl-plain s-nail
    # shellcheck disable=SC2016 # for the scriptlet to expand
    package asks <<<$'%post\nfor c in apply repair; do relayhost $c >>/root/said 2>&1; echo "$c $?" >>/root/said; done'
    timeout 60 rpm ${FORCE:+"$FORCE"} --root $tree -i /root/asks.rpm
    echo "rpm $?"
    cat $tree/root/said
    waits
    first_boot
    chroot $tree rpm -q cyrus-sasl-plain s-nail | grep -c lab
}
