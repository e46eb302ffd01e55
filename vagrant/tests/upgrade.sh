#!/bin/bash
# upgrade.sh: from the previous release, with two generations and something that waits. Wants that release, in order.
# shellcheck source=vagrant/tests/lib.sh
. "$(dirname "$0")/lib.sh"

before=$(rpm -q --qf '%{VERSION}-%{RELEASE}' relayhost)
cp -a /etc/postfix /root/first
answers "$here/second.toml"
relayhost apply >/dev/null 2>&1
expect 'two generations' '0 2' "$? $(relayhost history --json | grep -c '"number"')"
SYSTEMD_OFFLINE=1 relayhost scriptlet post 1 --for op5-alerts
sed -i 's/^password *=.*/password = "wrong"/' /etc/relayhost/answers.toml
relayhost pending >/dev/null 2>&1
expect 'the relay refuses what is asked for' 4 $?
systemctl stop relayhost-pending.path
answers "$here/second.toml"
expect 'so there is one entry that waits' 'op5-alerts.json 1' \
    "$(ls /var/lib/relayhost/pending) $(grep -c '"attempts":1' /var/lib/relayhost/pending/op5-alerts.json)"
relayhost history --json >/tmp/history.before
sum=$(sha256sum /etc/relayhost/answers.toml)

ms rpm -U "$payload"/packages/x86_64/relayhost-[0-9]*.rpm
expect 'rpm -U ends well' 0 "$rc"
printf 'from %s to %s, in %s ms\n' "$before" "$(rpm -q --qf '%{VERSION}-%{RELEASE}' relayhost)" "$took"
[ "$before" != "$(rpm -q --qf '%{VERSION}-%{RELEASE}' relayhost)" ] || bad 'it is the same release'
within 60 'what waited is done' nothing_waits
within 20 'the unit has ended' pending_is inactive
expect 'systemd knows the new units' no "$(property NeedDaemonReload relayhost-pending.service)"
expect 'answers are as they were' "$sum" "$(sha256sum /etc/relayhost/answers.toml)"
relayhost history --json >/tmp/history.after
# A release may say more of each, and nothing else.
expect 'generations are as they were' '' \
    "$(diff <(sed 's/,$//' /tmp/history.before) <(sed 's/,$//' /tmp/history.after) | grep '^<')"
relayhost restore 1 >/dev/null 2>&1
expect 'relayhost restore: the first configuration is there again, byte for byte' '0 ' \
    "$? $(cd /root/first && for file in main.cf sasl_passwd generic "sasl_passwd.$database" "generic.$database"; do cmp "$file" "/etc/postfix/$file" 2>&1; done)"
answers "$payload/examples/authenticated.toml"
relayhost verify >/dev/null 2>&1
expect 'mail goes out by it' 0 $?
