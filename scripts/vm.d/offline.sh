#!/bin/bash
# offline.sh chroot|installroot BOX PAYLOAD DISK: installs the package into a system that is powered off, as an installer does,
# and makes DISK of it. Runs in the namespaces of world.sh, in which no systemd is; prints what vagrant/'s scripts print.
set -euo pipefail
# shellcheck source=scripts/lab.d/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lab.d/common.sh"
# shellcheck source=scripts/lab.d/mounts.sh
. "$LAB_D/mounts.sh"
how=$1 box=$2 payload=$3 disk=$4

# system DIR: the box's tree as a system, with what a chroot needs; what is written stays in this namespace.
system() {
    lab_overlay "$1" "$box/root"
    mount -t proc proc "$1/root/proc"
    lab_dev "$1/root"
    mount -t tmpfs tmpfs "$1/root/run"
}
mkdir -p "$VM_DIR/target"
system "$VM_DIR/target"
target=$VM_DIR/target/root
lab_show "$payload" "$target/lab/payload"
in_target() { chroot "$target" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C "$@"; }

# agents_end ROOT DIR: dnf's library leaves running the gpg-agent that it started when it took the repository's key, and nothing
# could be unmounted then. ROOT is where dnf ran, DIR the system in it that it filled.
agents_end() {
    # shellcheck disable=SC2016  # expanded by the inner shell
    chroot "$1" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C bash -c \
        'for home in "$1"/var/cache/{dnf,libdnf5}/*/pubring; do gpgconf --homedir "$home" --kill gpg-agent || :; done' - "$2"
    for _ in $(seq 50); do
        pgrep -x gpg-agent >/dev/null || break
        sleep 0.1
    done
}

in_target /bin/bash /lab/payload/provision.sh
in_target rpm -e --nodeps cyrus-sasl-plain s-nail 2>/dev/null
in_target install -D -m 0600 /lab/payload/examples/authenticated.toml /etc/relayhost/answers.toml
status=0
case $how in
    chroot)
        in_target dnf -y install relayhost >"$VM_DIR/log" 2>&1 || status=$?
        agents_end "$target" ''
        ;;
    installroot)
        # The installer is another system, with its own /run and its own dnf, and the new one is mounted in it.
        mkdir -p "$VM_DIR/installer"
        system "$VM_DIR/installer"
        installer=$VM_DIR/installer/root
        lab_show "$payload" "$installer/lab/payload"
        mkdir -p "$installer/mnt/sysimage" "$installer/run/systemd/system"
        mount --rbind "$target" "$installer/mnt/sysimage"
        chroot "$installer" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C \
            dnf -y --installroot=/mnt/sysimage install relayhost >"$VM_DIR/log" 2>&1 || status=$?
        agents_end "$installer" /mnt/sysimage
        umount --recursive "$VM_DIR/installer/root"
        ;;
esac
if [ "$status" -eq 0 ]; then echo "ok dnf ends well, in a system that is off"; else
    echo "FAIL dnf ends with $status, in a system that is off"
    sed 's/^/  /' "$VM_DIR/log"
fi
said=$(grep -i 'relayhost:\|scriptlet' "$VM_DIR/log" | grep -v 'Running scriptlet' || :)
if [ -z "$said" ]; then echo 'ok the scriptlets are silent'; else printf 'FAIL the scriptlets speak\n  %s\n' "$said"; fi
waits=$(find "$target/var/lib/relayhost/pending" -name '*.json' -printf '%f ' 2>/dev/null || :)
if [[ " $waits " == *' relayhost.json '* ]]; then echo "ok it is recorded: $waits"; else echo "FAIL nothing is recorded: $waits"; fi
changed=$(cd "$target/etc/postfix" && cmp main.cf "$box/root/etc/postfix/main.cf" 2>&1; ls sasl_passwd* 2>/dev/null || :)
# Only this script, its caller and what they wait for; the relay, if it is there, has a root of its own.
running=$(for proc in /proc/[0-9]*; do
    case $(readlink "$proc/root") in "$target" | "$VM_DIR"/installer/root) tr '\0' ' ' <"$proc/cmdline" ;; esac
done)
if [ -z "$changed$running" ]; then echo 'ok nothing was configured, and nothing runs'; else
    printf 'FAIL something was done\n  %s\n  %s\n' "$changed" "$running"
fi
umount --recursive "$target"/{proc,dev,run,lab/payload}
"$LAB_TOP/scripts/box" disk "$target" "$disk"
umount "$target"
