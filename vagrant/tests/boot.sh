#!/bin/bash
# boot.sh first|second: after a boot of a system into which the package was installed while it was off.
# shellcheck source=vagrant/tests/lib.sh
. "$(dirname "$0")/lib.sh"

case $1 in
    first)
        begin=$(now_ms)
        within 60 'what was recorded is done' nothing_waits
        printf 'ms %s\n' $(($(now_ms) - begin))
        within 20 'the unit has ended' pending_is inactive
        relayhost check >/dev/null 2>&1
        expect 'relayhost check' 0 $? ;;
    second)
        systemctl is-system-running --wait >/dev/null
        expect 'the unit is skipped' 'inactive no' \
            "$(property ActiveState relayhost-pending.service) $(property ConditionResult relayhost-pending.service)"
        expect 'so is that which clears up' no "$(property ConditionResult relayhost-recover.service)"
        expect 'no timer and no path wait' '' "$(systemctl list-units --plain --no-legend 'relayhost-*')"
        expect 'Postfix runs' active "$(systemctl is-active postfix.service)" ;;
esac
expect 'the system is well' running "$(systemctl is-system-running --wait)"
