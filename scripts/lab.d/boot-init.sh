#!/bin/bash
# boot-init CMD…: inside a host that boots, beside systemd: waits until it has started, and the relay too, runs CMD, and has
# systemd end with CMD's exit status.
cd /root || exit 125
# shellcheck source=scripts/lab.d/host-trust.sh
. /lab/trust
for ((tries = 0; tries < 600; tries++)); do
    state=$(systemctl is-system-running 2>/dev/null) || :
    case $state in running | degraded) break ;; esac
    sleep 0.1
done
read -r status <&"$LAB_READY" || status=1
if [ "$status" = 0 ]; then
    (unset LAB_READY; exec -- "$@")
    status=$?
else
    status=125
fi
exec systemctl --force exit "$status"
