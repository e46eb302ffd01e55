#!/bin/bash
# install.sh dnf|rpm: the package is installed on a running host with answers in place, from which the SASL mechanism and
# the mail command are missing. Nobody touches the host afterwards.
# shellcheck source=vagrant/tests/lib.sh
. "$(dirname "$0")/lib.sh"
how=$1

for package in cyrus-sasl-plain s-nail mailx; do rpm -e --nodeps "$package"; done >/dev/null 2>&1
answers "$payload/examples/authenticated.toml"
expect 'before: no mechanism, no mail command, Postfix is off' 'not not inactive' \
    "$(rpm -q cyrus-sasl-plain >/dev/null || printf 'not '; command -v mail >/dev/null || printf 'not '; systemctl is-active postfix)"

case $how in
    dnf) ms "$dnf" -y install relayhost ;;
    rpm) ms rpm -i --nodeps "$payload"/packages/x86_64/relayhost-[0-9]*.rpm ;;
esac
expect "$how ends well" 0 "$rc"
[ "$rc" -eq 0 ] || printf '%s\n' "$out"
begin=$(now_ms)
at_once=$(property ActiveState relayhost-pending.service)
printf '%s took %s ms; relayhost-pending.service is then %s\n' "$how" "$took" "$at_once"
expect 'nothing is printed by the scriptlets' '' "$(grep -i relayhost: <<<"$out")"

within 60 'nobody touches the host, and everything is done' nothing_waits
# scripts/vm takes from this what the machine waited for a processor, and asks for a minute.
printf 'ms %s\n' $(($(now_ms) - begin))
within 10 'the unit has ended' pending_is inactive
expect 'the unit ended well' 'success 0' \
    "$(property Result relayhost-pending.service) $(property ExecMainStatus relayhost-pending.service)"
expect 'what was missing is there' 0 "$(rpm -q cyrus-sasl-plain >/dev/null && command -v mail >/dev/null; echo $?)"
expect 'Postfix is configured' '[smtp.example.com]:587' "$(postconf -h relayhost)"
expect 'Postfix runs, and will at the next boot' 'active enabled' "$(systemctl is-active postfix) $(systemctl is-enabled postfix)"
relayhost check >/tmp/check 2>&1
expect 'relayhost check' 0 $?
[ "$status" -eq 0 ] || { cat /tmp/check; journalctl -u relayhost-pending.service --no-pager -o cat | tail -30; } | sed 's/^/  /'
