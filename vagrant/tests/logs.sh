#!/bin/bash
# logs.sh maillog|journal: a message is followed, and failures are explained, from maillog where rsyslog writes it and from the
# journal where nothing does; also when the log is turned over while a message is under way, and when a user writes to it what
# Postfix would. Wants relayhost in order, and a relay that makes a message wait a few seconds.
# shellcheck source=vagrant/tests/lib.sh
. "$(dirname "$0")/lib.sh"

case $1 in
    journal)
        systemctl --quiet disable --now rsyslog.service syslog.socket 2>/dev/null
        rm -f /var/log/maillog* ;;
    maillog) systemctl --quiet enable --now rsyslog.service ;;
esac
expect "the log is $1" "$([ "$1" = maillog ] && echo active || echo inactive)" "$(systemctl is-active rsyslog.service)"

turn_over() {
    case $1 in
        journal) journalctl -q --rotate --vacuum-size=1 ;;
        maillog) mv /var/log/maillog "/var/log/maillog-$(date +%s)"; systemctl kill -s HUP rsyslog.service ;;
    esac
}
# arrived: Postfix has the test message, and its queue manager has not begun with it.
arrived() { [ -n "$(find /var/spool/postfix/incoming -type f)" ]; }
put_off() { [ -n "$(find /var/spool/postfix/deferred -type f)" ]; }

ms relayhost verify --json
expect 'relayhost verify: the relay accepted' '0 true' "$rc $(sed -n 's/.*"accepted": \([a-z]*\).*/\1/p' <<<"$out")"
[ "$rc" -eq 0 ] || printf '  %s\n' "$out"

# To somebody the relay has not heard of: it has the first message wait. The queue manager stands still until the log is turned over:
# a machine that is slow would otherwise come too late.
pkill -STOP -x qmgr
relayhost verify --json --to "turned-over-$1@example.com" >/tmp/verify 2>&1 &
awaited 20 arrived && still=yes || still=no
turn_over "$1"
pkill -CONT -x qmgr
wait $!
rc=$?
expect 'the log is turned over while a message waits, and its end is seen' 'yes 0' "$still $rc"
[ "$rc" -eq 0 ] || sed 's/^/  /' /tmp/verify

# What a user says of the message counts for nothing, since the journal knows who said it; with rsyslog too, which reads it there.
# shellcheck disable=SC2016  # expanded by the inner shell
forge='while :; do
    for id in $(postqueue -p | grep -o "^[0-9A-Za-z]\{6,\}"); do
        logger -p mail.info -t "postfix/smtp[$$]" "$id: to=<$1>, relay=smtp.example.com[192.0.2.1]:587, delay=1, delays=0/0/1/0, $2"
        logger -p mail.info -t "postfix/cleanup[$$]" "$id: message-id=<x@y>"
    done
    sleep 0.2
done'
for end in 'dsn=2.0.0, status=sent (250 FORGED)' 'dsn=5.1.1, status=bounced (550 FORGED)'; do
    to=forged-$1-${#end}@example.com
    setpriv --reuid 65534 --regid 65534 --clear-groups bash -c "$forge" - "$to" "$end" &
    forger=$!
    ms relayhost verify --json --to "$to"
    kill "$forger"
    wait "$forger" 2>/dev/null
    word=$(sed -n 's/.*"accepted": \([a-z]*\).*/\1/p' <<<"$out")
    expect "verify, while a user forges $end" '0 true 0' "$rc $word $(grep -c FORGED <<<"$out")"
    [ "$rc" -eq 0 ] || printf '  %s\n' "$out"
    # Read to its end: one that is ended early by its reader has failed.
    journalctl -q -o cat SYSLOG_FACILITY=2 _UID=65534 | grep -F "$to" >/tmp/forged
    [ -s /tmp/forged ] && forged=yes || forged=no
    expect 'the journal had what the user wrote' yes "$forged"
done

postconf -e 'relayhost = [relay.lab.test]:2'
postfix reload >/dev/null 2>&1
echo test | mail -s test ops@example.com
awaited 20 put_off
ms relayhost diagnose --json
expect 'relayhost diagnose names what failed' 4 "$rc"
grep -E '"(text|cause)": ' <<<"$out" | head -n 3
relayhost repair >/dev/null 2>&1
expect 'relayhost repair' 0 $?
postsuper -d ALL >/dev/null 2>&1
[ "$1" = maillog ] || systemctl --quiet enable --now rsyslog.service
