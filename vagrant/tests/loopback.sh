#!/bin/bash
# loopback.sh: a machine with no relay but a scripted one on its own loopback, such as one that plans/ is run on: the package is
# there, or comes; mail leaves; `restore 0` gives main.cf back.
# shellcheck source=vagrant/tests/lib.sh
. "$(dirname "$0")/lib.sh"
top=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)

printf '%s\n' 'TLS optional' 'LOGIN optional' 'END 250 2.0.0 Ok: queued as ABCDEF' >"$work/replies"
SCRIPTED_LOG=$work/log python3 "$top/scripts/lab.d/relays/common/scripted.py" 2525 "$work/replies" || bad 'the relay does not start'
rpm -q relayhost >/dev/null || ms "$dnf" -y install relayhost
cp -p /etc/postfix/main.cf "$work/main.cf"
cat >"$work/answers.toml" <<'EOF'
version = 1
[relay]
host = "127.0.0.1"
port = 2525
tls = "none"
[sender]
rewrite = { "monitor@op5-system.localdomain" = "alerts@example.com" }
[verify]
to = "ops@example.com"
EOF
answers "$work/answers.toml"
ms relayhost apply
expect 'relayhost apply' 0 "$rc"
[ "$rc" -eq 0 ] || printf '%s\n' "$out" | sed 's/^/  /'
expect 'the relay has said so' 1 "$(grep -c 'Ok: queued as ABCDEF' <<<"$out")"
expect 'Postfix gives mail to the relay' '[127.0.0.1]:2525' "$(postconf -h relayhost)"
for command in check apply probe route history; do
    ms relayhost "$command"
    expect "relayhost $command" 0 "$rc"
    [ "$rc" -eq 0 ] || printf '%s\n' "$out" | sed 's/^/  /'
done
if command -v ausearch >/dev/null; then
    expect 'no SELinux denial' 0 "$(ausearch -m avc -ts recent 2>/dev/null | grep -c relayhost)"
fi
ms relayhost restore 0
expect 'relayhost restore 0' 0 "$rc"
expect 'main.cf is as it was' '' "$(diff "$work/main.cf" /etc/postfix/main.cf)"
relayhost apply >/dev/null 2>&1
