#!/bin/bash
# burst.sh: many ask in a moment, and there are no answers yet: systemd does not give up, and when the answers come all is done.
# Wants relayhost in order.
# shellcheck source=vagrant/tests/lib.sh
. "$(dirname "$0")/lib.sh"

rm /etc/relayhost/answers.toml
for number in 1 2 3 4 5 6 7 8; do
    relayhost scriptlet post 1 --for "op5-$number"
    touch "/etc/relayhost/touched-$number"
    sleep 0.3
done
within 20 'the unit has ended' pending_is inactive
expect 'all eight wait' 8 "$(find /var/lib/relayhost/pending -name 'op5-*.json' | wc -l)"
expect 'and so does systemd, for the answers' active "$(systemctl is-active relayhost-pending.path)"
answers "$payload/examples/authenticated.toml"
within 30 'answers that come later are tried at once' nothing_waits
within 20 'the unit has ended' pending_is inactive
rm -f /etc/relayhost/touched-*
