#!/bin/bash
# world.sh CMD…: the first process of a run's namespaces. Starts the relay here, and the host in namespaces of its own;
# when it ends, all ends. Options come in LAB_RUN_*.
set -euo pipefail
trap 'exit 130' INT

# shellcheck source=scripts/lab.d/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=scripts/lab.d/mounts.sh
. "$LAB_D/mounts.sh"
LAB_DIE_STATUS=125
trap 'lab_say "the lab could not make the host ($BASH_SOURCE, line $LINENO)"; exit 125' ERR

mnt=$LAB_CACHE/mnt
lab_relay_tree
if [ -n "$LAB_RUN_REPLIES" ]; then cat "$LAB_RUN_REPLIES" >"$relay/etc/relay/replies"; fi

# The wire. What the host sends anywhere else than to the relay is answered with "no route": nothing ever leaves.
: >"$mnt/hostnet"
unshare --net="$mnt/hostnet" true
nsenter --net="$mnt/hostnet" ip -batch - <<EOF
link add eth0 type veth peer name eth0 netns 1
link set lo up
address add $LAB_HOST4/$LAB_PREFIX4 dev eth0
address add $LAB_HOST6/$LAB_PREFIX6 dev eth0 nodad
link set eth0 up
route add default via $LAB_RELAY4
route add default via $LAB_RELAY6
EOF
ip -batch - <<EOF
link set lo up
address add $LAB_RELAY4/$LAB_PREFIX4 dev eth0
address add $LAB_RELAY6/$LAB_PREFIX6 dev eth0 nodad
link set eth0 up
route add blackhole 203.0.113.9
route add unreachable default
route add unreachable ::/0
EOF
echo 1 >/proc/sys/net/ipv4/ip_forward
echo 1 >/proc/sys/net/ipv6/conf/all/forwarding
echo 0 >/proc/sys/net/ipv4/icmp_ratelimit

# The relay starts while the host does; the host waits for its word before CMD.
mkfifo "$mnt/relay-ready"
{
    status=0
    "$LAB_D/relay.sh" start "$LAB_RUN_RELAY" "$relay" >"$mnt/relay.log" 2>&1 || status=$?
    if [ "$status" -ne 0 ]; then
        lab_say "the relay $LAB_RUN_RELAY did not start:"
        cat "$mnt/relay.log" >&2
    fi
    echo "$status" >"$mnt/relay-ready"
} </dev/null >/dev/null &

# From here on CMD answers to Ctrl-C; this process stays until the host has ended.
trap : INT
trap - ERR
status=0
nsenter --net="$mnt/hostnet" \
    unshare --mount --pid --ipc --uts --fork --kill-child=KILL --propagation private -- \
    bash "$LAB_D/host.sh" "$@" || status=$?
exit "$status"
