# A tree as Anaconda has it when it runs the %post of a kickstart file.
# shellcheck shell=bash

# post FILE N: the Nth %post of a kickstart file.
post() { awk -v want="$2" '/^%end/ { on = 0 } on { print } /^%post/ { on = ++n == want }' "/lab/packaging/kickstart/$1"; }

tree=/mnt/sysimage
fill_tree $tree
mkdir -p /run/install/repo/relayhost
[ -x $tree/usr/bin/relayhost ] || ln -s ../sbin/relayhost $tree/usr/bin/relayhost
for dir in proc dev; do mount --rbind /$dir $tree/$dir; done
mkdir -p $tree/etc/relayhost
umask 022
# shellcheck disable=SC2034 # the tests compare it
before=$(cat /etc/postfix/main.cf)
