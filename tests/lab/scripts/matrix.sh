# What the scripts of matrix.toml may call.
# shellcheck shell=bash

set() { postconf -e "$@" && cool; }
unset() { postconf -# "$@" && cool; }
answers() { sed -i "$1" /etc/relayhost/answers.toml; }
log() { await grep -q -e "$1" /var/log/maillog; }
send() { printf 'Subject: test\n\ntest\n' | sendmail "$@"; }
restart() { postfix stop; postfix start; }
