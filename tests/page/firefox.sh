#!/bin/sh
# Firefox, likewise. It is driven over a port, which is shown on this machine's loopback for that.
port=$(shuf -i 20000-29999 -n 1)
for word; do
    shift
    case $word in --remote-debugging-port=*) word=--remote-debugging-port=$port ;; esac
    set -- "$@" "$word"
done
setpriv --pdeathsig KILL python3 "$(dirname "$0")/../../scripts/page.d/forward.py" "$port" "$RELAYHOST_HOST_PID" "$port" &
exec nsenter --net="/proc/$RELAYHOST_HOST_PID/ns/net" firefox-esr "$@"
