#!/bin/bash
# erase.sh: somebody removes cyrus-sasl-plain; it is noticed, brought back, and mail goes out. Wants relayhost in order.
# shellcheck source=vagrant/tests/lib.sh
. "$(dirname "$0")/lib.sh"

since=$(journalctl -q -n 0 --show-cursor | sed 's/^-- cursor: //')
ms "$dnf" -y remove cyrus-sasl-plain
expect 'dnf remove cyrus-sasl-plain ends well' 0 "$rc"
expect 'relayhost stays' 0 "$(rpm -q relayhost >/dev/null; echo $?)"
begin=$(now_ms)
within 60 'nobody touches the host, and it is done' nothing_waits
printf 'ms %s\n' $(($(now_ms) - begin))
expect 'cyrus-sasl-plain is there again' 0 "$(rpm -q cyrus-sasl-plain >/dev/null; echo $?)"
relayhost check >/dev/null 2>&1
expect 'relayhost check' 0 $?
journal=$(journalctl -u relayhost-pending.service -o cat --no-pager --after-cursor "$since")
expect 'the journal tells what was installed' 1 "$(grep -c 'packages: installed .*cyrus-sasl-plain' <<<"$journal")"
expect 'and that mail went out' 1 "$(grep -c 'message: .* said: 250' <<<"$journal")"
[ "$status" -eq 0 ] || printf '%s\n' "$journal" | sed 's/^/  /'
