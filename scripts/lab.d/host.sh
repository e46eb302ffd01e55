#!/bin/bash
# host.sh CMD…: the first process of a host. Makes the host's root, then becomes host-init.sh inside of it. All tools
# used here are the machine's; the root may lack them.
set -euo pipefail
trap 'exit 130' INT

# shellcheck source=scripts/lab.d/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=scripts/lab.d/mounts.sh
. "$LAB_D/mounts.sh"
# shellcheck source=scripts/lab.d/cockpit.sh
. "$LAB_D/cockpit.sh"
# shellcheck source=scripts/lab.d/identity.sh
. "$LAB_D/identity.sh"
# shellcheck source=scripts/lab.d/monitors.sh
. "$LAB_D/monitors.sh"
trap 'lab_say "the lab could not make the host ($BASH_SOURCE, line $LINENO)"; exit 125' ERR

mnt=$LAB_CACHE/mnt
root=$mnt/host/root
if [ -n "$LAB_RUN_COCKPIT" ] && [ -z "${LAB_IN_CGROUP:-}" ]; then
    LAB_IN_CGROUP=yes lab_cockpit_cgroup "$mnt/cgroup" bash "${BASH_SOURCE[0]}" "$@"
fi
name=op5-system

if [ -n "$LAB_RUN_HOST_ROOT" ]; then
    lowers=("$LAB_RUN_HOST_ROOT")
elif [ "$LAB_RUN_CLIENT" = mailx ]; then
    lowers=("$LAB_TREES/host-mailx" "$LAB_TREES/host")
else
    lowers=("$LAB_TREES/host")
fi
[ -z "$LAB_RUN_COCKPIT" ] || lowers=("$LAB_TREES/cockpit/upper" "${lowers[@]}")
lab_overlay "$mnt/host" "${lowers[@]}"

mkdir -p "$root"/{proc,sys,run,tmp,root,lab,etc}
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=0755,nosuid,nodev tmpfs "$root/run"
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/tmp"
mkdir -p "$root/run/lock"
lab_dev "$root"
# The terminal that CMD has is one of the machine's; here it is the console.
if [ -t 0 ]; then
    : >"$root/dev/console"
    mount --bind /proc/self/fd/0 "$root/dev/console"
fi

echo "$name.localdomain" >/proc/sys/kernel/hostname
echo "$name.localdomain" >"$root/etc/hostname"
rm -f "$root/etc/resolv.conf" "$root/etc/hosts"
echo "nameserver $LAB_RELAY4" >"$root/etc/resolv.conf"
printf '%s\n' "127.0.0.1   $name.localdomain $name localhost localhost.localdomain localhost4 localhost4.localdomain4" \
    '::1         localhost localhost.localdomain localhost6 localhost6.localdomain6' >"$root/etc/hosts"

lab_show "$mnt/relay/root/lab/mailbox" "$root/lab/mailbox"
lab_show "$mnt/relay/root/var/log/relay" "$root/lab/relay-log"
lab_show "$LAB_TREES/repo/$LAB_RUN_CLIENT" "$root/lab/repo"
for dir in examples packaging tests; do
    [ ! -d "$LAB_TOP/$dir" ] || lab_show "$LAB_TOP/$dir" "$root/lab/$dir"
done
packages=$LAB_TOP/target/rpm/repo
if [ -n "$LAB_RUN_PACKAGES" ] && [ -d "$packages/repodata" ]; then
    lab_show "$packages" "$root/lab/packages"
    mkdir -p "$root/etc/yum.repos.d"
    cp "$LAB_D/relayhost.repo" "$root/etc/yum.repos.d/relayhost.repo"
fi
# EL's sh is bash: it has `time`, for one.
[ -n "$LAB_RUN_HOST_ROOT" ] || ln -sf bash "$root/usr/bin/sh"
cp "$LAB_D/host-init.sh" "$root/lab/init"
cp "$LAB_D/host-trust.sh" "$root/lab/trust"
cp "$LAB_D/specs/lab-base/rsyslog.conf" "$root/lab/rsyslog.conf"
[ ! -f "$LAB_CACHE/ca/ca.pem" ] || cp "$LAB_CACHE/ca/ca.pem" "$root/lab/ca.pem"

if [ -n "$LAB_RUN_BINARY" ]; then
    install -m 0755 "$LAB_RUN_BINARY" "$root/usr/sbin/relayhost"
fi
if [ -n "$LAB_RUN_ANSWERS" ]; then
    mkdir -p "$root/etc/relayhost"
    (umask 077 && cat "$LAB_RUN_ANSWERS" >"$root/etc/relayhost/answers.toml")
fi
if grep -q '^identity=' "$LAB_D/relays/$LAB_RUN_RELAY/setup"; then
    lab_identity_secrets "$root/etc/relayhost"
fi
[ -z "$LAB_RUN_MONITORS" ] || lab_monitors_show "$root"
while IFS= read -r bind; do
    [ -n "$bind" ] || continue
    # Links are followed as the host sees them, so that none leads out of its root.
    # shellcheck disable=SC2016  # expanded by the inner shell
    dst=$(chroot "$root" /bin/bash -c 'mkdir -p -- "${1%/*}/" && readlink -f -- "$1"' - "${bind##*:}")
    lab_show "${bind%:*}" "$root$dst"
done <<<"$LAB_RUN_BINDS"

if [ -n "$LAB_RUN_COCKPIT" ]; then
    cp "$LAB_D/boot-init.sh" "$root/lab/boot-init"
    lab_cockpit_boot "$root" "$@"
fi

# The host's root becomes this process's, and the machine's lies under it, out of reach. Nothing of the machine's
# environment goes along but the terminal's type and the language.
exec {ready}<>"$mnt/relay-ready"
cd "$root"
mount --move . /
exec chroot . /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
    LANG="${LANG:-C.UTF-8}" ${TERM:+TERM="$TERM"} \
    LAB_READY="$ready" LAB_START="$LAB_RUN_START" LAB_WITHOUT="$LAB_RUN_WITHOUT" \
    /bin/bash /lab/init "$@"
