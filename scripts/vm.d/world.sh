#!/bin/bash
# world.sh CMD…: the first process of a scenario's namespaces: a network with a place for a relay in it, the relay's tree,
# and a directory for the machine's files, VM_DIR, that is gone when this process is. Then CMD, which starts the rest.
set -euo pipefail
trap 'exit 130' INT
trap 'exit 143' TERM

# shellcheck source=scripts/lab.d/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lab.d/common.sh"
# shellcheck source=scripts/lab.d/mounts.sh
. "$LAB_D/mounts.sh"

mnt=$LAB_CACHE/mnt
mount -t proc proc /proc
mount -t tmpfs -o mode=0755 tmpfs "$mnt"
echo relay.lab.test >/proc/sys/kernel/hostname

relay=$mnt/relay/root
lab_overlay "$mnt/relay" "$LAB_CACHE/relay"
mount -t proc proc "$relay/proc"
lab_dev "$relay"
mkdir -p "$relay/lab/mailbox" "$relay/var/log/relay" "$mnt/vm"
lab_show "$LAB_CACHE/ca" "$relay/lab/ca"
lab_show "$LAB_D/relays" "$relay/lab/relays"

# qemu speaks for the guest, so the guest reaches what is here, and nothing else is.
ip -batch - <<END
link set lo up
address add $LAB_RELAY4/32 dev lo
address add $LAB_RELAY6/128 dev lo nodad
END

export VM_DIR=$mnt/vm VM_RELAY_ROOT=$relay
"$@" &
wait $!
