# Runs that are ended by a signal.
# shellcheck shell=bash

state() { (cd /etc/postfix && sha256sum main.cf sasl_passwd generic 2>/dev/null; ls); }
is_empty() { postqueue -p | grep -q 'queue is empty'; }
queue() { if await is_empty; then echo queue empty; else postqueue -p; fi; }
# shellcheck disable=SC2034 # the tests hand it to `during`: the message is with smtp(8), and relayhost waits for its word
under_way="?postqueue -p | grep -q '^[0-9A-F]*[*]' && ! pgrep -x 'mail|sendmail|postdrop' && sleep 0.5"
during() { python3 /lab/tests/lab/scripts/during.py "$@"; }
