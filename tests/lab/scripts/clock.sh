# A host whose packages are missing and cannot be had, so that each attempt fails at once, with 1.
# shellcheck shell=bash

entry=/var/lib/relayhost/pending/asks.json
# attempts: how often it was tried. seen: what `check` says of it.
attempts() { grep -o '"attempts":[0-9]*' $entry; }
seen() { relayhost check | grep -A8 pending.asks | tr -s ' \n' ' '; echo; }

mv /etc/yum.repos.d /etc/gone
rpm -e --nodeps cyrus-sasl-plain
relayhost scriptlet post 1 --for asks
relayhost pending >/dev/null 2>&1
attempts
