#!/bin/bash
# init CMD…: the first process inside a host: starts what a host has running, then CMD, and reaps what CMD leaves. Only
# bash is sure to be here. LAB_* say what to do, and do not reach CMD.
trap 'exit 130' INT
trap 'exit 143' TERM
ready=$LAB_READY start=$LAB_START without=$LAB_WITHOUT
unset LAB_READY LAB_START LAB_WITHOUT SHLVL OLDPWD
fail() { printf 'lab: error: %s\n' "$*" >&2; exit 125; }
cd /root || fail "the host has no /root"

# shellcheck source=scripts/lab.d/host-trust.sh
. /lab/trust

if [ -n "$without" ]; then
    mapfile -t packages <<<"${without%$'\n'}"
    output=$(rpm -e -- "${packages[@]}" 2>&1) || fail "--without: ${output##*doing...$'\n'}" # after the notice that Debian's rpm opens with
fi

if command -v rsyslogd >/dev/null; then
    # EL's own configuration reads the journal, and there is none here.
    conf=/etc/rsyslog.conf
    if grep -qs imjournal "$conf"; then conf=/lab/rsyslog.conf; fi
    # In the foreground, as systemd has it: as a daemon it takes a second to leave for the background.
    rsyslogd -n -f "$conf" </dev/null >/lab/rsyslogd.log 2>&1 &
    logger=$!
    until [ -S /dev/log ]; do
        kill -0 "$logger" 2>/dev/null || fail "rsyslogd does not start: $(</lab/rsyslogd.log)"
        sleep 0.01
    done
fi
if [ -n "$start" ] && command -v postfix >/dev/null; then
    # What postfix.service does on EL.
    [ ! -x /usr/libexec/postfix/aliasesdb ] || /usr/libexec/postfix/aliasesdb >/dev/null 2>&1
    postfix start >/lab/postfix-start.log 2>&1 || fail "postfix does not start: $(</lab/postfix-start.log)"
fi

# The relay's own word has been printed when it could not start.
read -r status <&"$ready" || status=1
[ "$status" = 0 ] || exit 125
exec {ready}<&-

# CMD is told of every signal itself. This shell would comment on how CMD ended: not its business.
trap : INT TERM
exec {stderr}>&2 2>/dev/null
(
    trap - INT TERM
    exec 2>&"$stderr" {stderr}>&-
    exec -- "$@"
)
status=$?
exec 2>&"$stderr"
if [ "$status" -ne 0 ] && [ -x /usr/sbin/relayhost ] && ! output=$(/usr/sbin/relayhost --version 2>&1 </dev/null); then
    printf 'lab: relayhost itself does not run in this host: %s\n' "${output%%$'\n'*}" >&2
    printf 'lab: build one that suits it (cargo zigbuild --target x86_64-unknown-linux-gnu.2.17), and give --binary FILE\n' >&2
fi
exit "$status"
