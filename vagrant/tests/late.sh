#!/bin/bash
# late.sh no-network|no-relay|there: the first boot of a system into which the package was installed while it was off; then
# the network comes, and then the relay.
# shellcheck source=vagrant/tests/lib.sh
. "$(dirname "$0")/lib.sh"
journal() { journalctl -b -u relayhost-pending.service -o cat --no-pager; }
tries() { journal | grep -c "^$1"; }
tried() { [ "$(journal | grep -c '^relayhost-pending.service: Failed with result')" -ge "$1" ]; }
says() { relayhost check 2>&1 | tr -s ' \n' ' '; }

case $1 in
    no-network)
        # Booted means: no job is left. The agent that runs this may be a moment ahead of that.
        expect 'the boot ends, while the unit waits' 'running active' \
            "$(systemctl is-system-running --wait) $(property ActiveState relayhost-pending.service)"
        systemd-analyze | head -n 1
        # Units after it wait until it is active. (`systemd-analyze critical-chain` of systemd 262 shows a unit of relayhost, 252 none.)
        took=$(($(property ActiveEnterTimestampMonotonic relayhost-pending.service) -
            $(property InactiveExitTimestampMonotonic relayhost-pending.service)))
        expect 'multi-user.target did not wait for it' yes "$([ $((took / 1000000)) -lt $((5 * ${RELAYHOST_PATIENCE:-1})) ] && echo yes)"
        printf 'it was active after %s us\n' "$took"
        expect 'the journal says what is waited for' 1 "$(journal | grep -c 'waiting for the network: smtp.example.com has no address yet')"
        within 90 'the first attempt ends' pending_is failed
        expect 'it is degraded by this unit alone' relayhost-pending.service \
            "$(systemctl --failed --plain --no-legend | cut -d' ' -f1 | paste -sd' ')"
        expect 'Postfix is configured all the same' '[smtp.example.com]:587' "$(postconf -h relayhost)"
        ;;
    no-relay)
        within 200 'it is tried again when the network is there' tried 2
        ;;
    there)
        within 300 'it is tried again, and done' nothing_waits
        within 20 'the unit is well' pending_is inactive
        expect 'the system is not degraded any more' running "$(systemctl is-system-running)"
        journal | grep -v '^ ' | cut -c -150 | sed 's/^/  /'
        exit ;;
esac
printf '  check says: %s\n' "$(says | grep -o 'pending.relayhost.*' | cut -c -400)"
expect 'check says what it waits for, and when it is tried again' 1 "$(says | grep -c 'pending.relayhost .* tried .* last .* the next attempt is in')"
systemctl list-timers --no-legend --no-pager relayhost-pending.timer | sed 's/ \+/ /g'
expect 'and so does systemctl list-timers' 1 "$(systemctl list-timers --no-legend --no-pager | grep -c relayhost-pending.timer)"
