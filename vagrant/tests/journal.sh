#!/bin/bash
# journal.sh: what the relay refuses is in the journal with cause, remedy and exit status, the system is degraded by that one
# unit, and corrected answers are tried without anybody asking. Wants relayhost installed and in order.
# shellcheck source=vagrant/tests/lib.sh
. "$(dirname "$0")/lib.sh"

# field NAME: of the last record of relayhost-pending.service.
field() {
    journalctl -u relayhost-pending.service -o json --no-pager MESSAGE_ID=22c6a1e1f7224e53a99fe811fe528689 |
        tail -n 1 | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"
}

sed -i 's/^password *=.*/password = "wrong"/' /etc/relayhost/answers.toml
relayhost scriptlet post 1 --for op5-alerts
within 60 'a wrong password: the unit fails' pending_is failed
expect 'exit status, cause and remedy are fields of the journal' '4 wrong-password 3' \
    "$(field RELAYHOST_EXIT) $(field RELAYHOST_CAUSE_ID) $(field PRIORITY)"
for name in RELAYHOST_CAUSE RELAYHOST_REMEDY; do printf '%s=%s\n' "$name" "$(field "$name")"; done
expect 'the cause in words is that of check' 1 "$(relayhost check | tr -s ' \n' ' ' | grep -cF "$(field RELAYHOST_CAUSE)")"
expect 'the system is degraded, by this unit alone' 'degraded relayhost-pending.service' \
    "$(systemctl is-system-running) $(systemctl --failed --plain --no-legend | cut -d' ' -f1 | paste -sd' ')"

answers "$payload/examples/authenticated.toml"
within 60 'the password is corrected: what waits is done, and nobody asked' nothing_waits
within 20 'the unit is well' pending_is inactive
expect 'the journal says so' '0 6' "$(field RELAYHOST_EXIT) $(field PRIORITY)"
expect 'the system is not degraded any more' running "$(systemctl is-system-running)"

# The password as a credential of the units; what is typed has none.
if [ "$(systemctl --version | sed -n '1s/systemd \([0-9]*\).*/\1/p')" -ge 247 ]; then
    (umask 077 && sed -n 's/^password *= *"\(.*\)"$/\1/p' /etc/relayhost/answers.toml >/root/relay-password)
    sed -i 's/^password *=.*/password_credential = "relay-password"/' /etc/relayhost/answers.toml
    for unit in pending check; do
        mkdir -p "/etc/systemd/system/relayhost-$unit.service.d"
        printf '[Service]\nLoadCredential=relay-password:/root/relay-password\n' >"/etc/systemd/system/relayhost-$unit.service.d/password.conf"
    done
    systemctl daemon-reload
    relayhost scriptlet post 1 --for op5-alerts
    within 60 'with the password as a credential the unit does its work' nothing_waits
    systemctl start relayhost-check.service
    expect 'and so does relayhost-check.service' 0 $?
    relayhost check >/dev/null 2>&1
    expect 'a command that is typed has no credential' 2 $?
    rm -r /etc/systemd/system/relayhost-{pending,check}.service.d /root/relay-password
    systemctl daemon-reload
    answers "$payload/examples/authenticated.toml"
fi

# The units are off until somebody wants them.
expect 'relayhost-check.timer' disabled "$(systemctl is-enabled relayhost-check.timer)"
expect 'relayhost-canary.timer' disabled "$(systemctl is-enabled relayhost-canary.timer)"
systemctl start relayhost-canary.service
expect 'relayhost-canary.service sends a test message, in its sandbox' 0 $?
systemctl start relayhost-check.service
expect 'relayhost-check.service finds all in order, in its sandbox' 0 $?
postconf -e 'relayhost = [elsewhere.example.com]'
systemctl start relayhost-check.service 2>/dev/null
expect 'and fails when something was changed' 1 $?
journalctl -u relayhost-check.service -o cat --no-pager _COMM=relayhost | tail -n 1
answers "$payload/examples/authenticated.toml"
relayhost repair >/dev/null 2>&1
expect 'relayhost repair' 0 $?
systemctl reset-failed
for unit in pending check recover; do
    systemd-analyze security --no-pager "relayhost-$unit.service" | sed -n 's/^.* Overall exposure level for //p'
done
