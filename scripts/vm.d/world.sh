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

lab_relay_tree

# qemu speaks for the guest, so the guest reaches what is here, and nothing else is.
ip -batch - <<END
link set lo up
address add $LAB_RELAY4/32 dev lo
address add $LAB_RELAY6/128 dev lo nodad
END

export VM_DIR=$LAB_CACHE/mnt/vm VM_RELAY_ROOT=$relay
mkdir "$VM_DIR"
"$@" &
wait $!
