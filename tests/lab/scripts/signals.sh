# Runs that are ended by a signal.
# shellcheck shell=bash

state() { (cd /etc/postfix && sha256sum main.cf sasl_passwd generic 2>/dev/null; ls); }
is_empty() { postqueue -p | grep -q 'queue is empty'; }
queue() { if await is_empty; then echo queue empty; else postqueue -p; fi; }
during() { python3 /lab/tests/lab/scripts/during.py "$@"; }
