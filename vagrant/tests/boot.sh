#!/bin/bash
# boot.sh first|second: after a boot of a system into which the package was installed while it was off.
# shellcheck source=vagrant/tests/lib.sh
. "$(dirname "$0")/lib.sh"

case $1 in
    first)
        begin=${EPOCHREALTIME/./}
        within 60 'what was recorded is done' nothing_waits
        printf 'ms %s\n' $(((${EPOCHREALTIME/./} - begin) / 1000))
        within 20 'the unit has ended' pending_is inactive
        relayhost check >/dev/null 2>&1
        expect 'relayhost check' 0 $? ;;
    second)
        systemctl is-system-running --wait >/dev/null
        expect 'the unit is skipped' 'inactive no' \
            "$(systemctl show -p ActiveState --value relayhost-pending.service) $(systemctl show -p ConditionResult --value relayhost-pending.service)"
        expect 'so is that which clears up' no "$(systemctl show -p ConditionResult --value relayhost-recover.service)"
        expect 'no timer and no path wait' '' "$(systemctl list-units --plain --no-legend 'relayhost-*')"
        expect 'Postfix runs' active "$(systemctl is-active postfix.service)" ;;
esac
expect 'the system is well' running "$(systemctl is-system-running --wait)"
