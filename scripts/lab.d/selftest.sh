#!/bin/bash
# selftest.sh [FOREIGN-ROOT]: does the lab keep its promises? Needs a built lab; takes about half a minute, and a
# minute more where it has to make a root tree that the lab did not make. Prints a line for each check.
set -uo pipefail

# shellcheck source=scripts/lab.d/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
LAB=$LAB_TOP/scripts/lab
TMP=$(mktemp -d)
trap 'rm -rf "$TMP"' EXIT
failed=0

ok() { printf 'ok    %s\n' "$*"; }
bad() { printf 'FAIL  %s\n' "$*"; failed=1; }
# expect WHAT EXPECTED ACTUAL
expect() { if [ "$2" = "$3" ]; then ok "$1"; else bad "$1: expected '$2', got '$3'"; fi; }
host() { "$LAB" run --bare "$@"; }

# alive PID: a dead process that the machine's init has not collected yet is dead.
alive() { [ -e "/proc/$1" ] && ! grep -qs '^State:.Z' "/proc/$1/status"; }

descendants() {
    local pid children
    for pid; do
        children=$(cat "/proc/$pid/task/$pid/children" 2>/dev/null)
        printf '%s\n' "$pid"
        # shellcheck disable=SC2086  # a list of numbers
        [ -z "$children" ] || descendants $children
    done
}

# spaces PID…: the namespaces that those are in and this shell is not.
spaces() {
    local pid kind id
    for pid; do
        for kind in mnt net pid ipc uts; do
            id=$(readlink "/proc/$pid/ns/$kind" 2>/dev/null) || continue
            [ "$id" = "$(readlink "/proc/self/ns/$kind")" ] || printf '%s\n' "$id"
        done
    done | sort -u
}

# ends HOW KILL…: a host whose lab is ended by KILL leaves nothing: KILL is run with the lab's pid added.
ends() {
    local how=$1 lab tree left start
    shift
    mkfifo "$TMP/up"
    set -m # a process group of its own, and signals as in a terminal
    "$LAB" run --bare -- sh -c 'sleep 1000 & setsid sleep 1000 & echo up; exec sleep 1000' >"$TMP/up" 2>/dev/null &
    lab=$!
    set +m
    read -r _ <"$TMP/up"
    rm -f "$TMP/up"
    mapfile -t tree < <(descendants "$lab")
    mapfile -t spaces < <(spaces "${tree[@]}")
    start=${EPOCHREALTIME/./}
    "$@" "$lab" >/dev/null 2>&1
    wait "$lab" 2>/dev/null
    left=x
    while [ -n "$left" ] && [ $((${EPOCHREALTIME/./} - start)) -lt 3000000 ]; do
        left=$(for pid in "${tree[@]}"; do alive "$pid" && echo "$pid"; done
            readlink /proc/[0-9]*/ns/* 2>/dev/null | grep -Fx -f <(printf '%s\n' "${spaces[@]}") | sort -u)
    done
    start=$(((${EPOCHREALTIME/./} - start) / 1000))
    if [ -n "$left" ] || [ ${#spaces[@]} -lt 8 ] || grep -q "$LAB_CACHE/mnt" /proc/self/mountinfo; then
        bad "$how leaves: ${left//$'\n'/ } (${#tree[@]} processes, ${#spaces[@]} namespaces)"
    else
        ok "$how leaves nothing of ${#tree[@]} processes and ${#spaces[@]} namespaces, after $start ms"
    fi
}

# shellcheck disable=SC2317  # ends() calls these two
group() { kill "$1" -- "-$2"; }
# shellcheck disable=SC2317
cmd_killed() {
    local pid
    for pid in $(descendants "$1"); do
        [ "$(tr '\0' ' ' <"/proc/$pid/cmdline")" != 'sleep 1000 ' ] || kill -KILL "$pid"
    done
}

# early: Ctrl-C while the host is being made ends it too.
early() {
    local delay lab left=''
    for delay in 0.05 0.1 0.15 0.2 0.3 0.4 0.5; do
        set -m
        "$LAB" run --bare -- sleep 1000 >/dev/null 2>&1 &
        lab=$!
        set +m
        sleep "$delay"
        kill -INT -- "-$lab"
        timeout 5 tail --pid="$lab" -s 0.05 -f /dev/null || { left+=" $delay"; kill -KILL "$lab"; }
        wait "$lab" && left+=" $delay(exit 0)"
    done
    expect 'Ctrl-C at any moment of the start ends it' '' "$left"
}

check_streams() {
    expect 'arguments arrive as they are' $'<a b><><*><x\ny><-->' "$(host -- printf '<%s>' 'a b' '' '*' $'x\ny' --)"
    expect 'stdin arrives' hello "$(echo hello | host -- cat)"
    expect 'nothing else is printed' '' "$(host -- true 2>&1)"
    host -- sh -c 'exit 42'; expect "the exit status is CMD's" 42 $?
    # shellcheck disable=SC2016  # for the host's shell
    host -- sh -c 'kill -TERM $$'; expect 'a signal is 128 and its number' 143 $?
    host -- /nonexistent 2>/dev/null; expect 'no such command is 127' 127 $?
    host -- true >&-; expect 'stdout may be closed' 0 $?
    expect 'a pipe that closes early does no harm' 'y' "$(host -- yes | head -n 1)"
    expect 'a terminal stays a terminal' '/dev/console' \
        "$(script -qec "$LAB run --bare -- tty" /dev/null </dev/null | tr -d '\r')"
    { sleep 2; printf '\003'; sleep 1; } | script -qec "$LAB run --bare -- sleep 1000" /dev/null >/dev/null
    expect 'Ctrl-C ends it' 130 "${PIPESTATUS[1]}"
}

check_ends() {
    ends 'kill -KILL' kill -KILL
    ends 'kill -TERM' kill -TERM
    ends 'kill -HUP' kill -HUP
    ends 'SIGINT to the group (Ctrl-C)' group -INT
    ends 'SIGTERM to the group' group -TERM
    ends 'SIGHUP to the group' group -HUP
    ends 'CMD and its children killed' cmd_killed
    early
}

check_host() {
    expect 'what is taken away is away' $'1\n  EXTERNAL ANONYMOUS' \
        "$(host --without cyrus-sasl-plain --without s-nail -- \
            sh -c 'command -v mail || echo 1; pluginviewer -c | sed -n 2p')"
    expect 'and dnf brings it back' $'  EXTERNAL PLAIN LOGIN ANONYMOUS\n/usr/bin/mail' \
        "$(host --without cyrus-sasl-plain --without s-nail -- \
            sh -c 'yum -y install cyrus-sasl-plain s-nail >/dev/null 2>&1; pluginviewer -c | sed -n 2p; command -v mail')"
    expect 'the installed packages are whole' '' "$(host --stopped -- rpm -Va --nomtime)"
    expect 's-nail is not called mailx' 'no package provides mailx' "$(host -- rpm -q --whatprovides mailx)"
    expect 'mailx is, if wanted' 12.5 "$(host --mail-client mailx -- rpm -q --qf '%{version}' mailx)"
    expect 'Postfix runs' 0 "$(host -- postfix status >/dev/null 2>&1; echo $?)"
    expect 'or not, with --stopped' 1 "$(host --stopped -- postfix status >/dev/null 2>&1; echo $?)"
    # shellcheck disable=SC2016  # for the host's shell
    expect 'nothing leaves: no route' 'No route to host' \
        "$(host -- bash -c ': </dev/tcp/198.51.100.9/25' 2>&1 | grep -o 'No route to host' | head -n 1)"
    printf 'version = 1\n' >"$TMP/answers"
    # shellcheck disable=SC2016  # for the host's shell
    expect "answers are root's alone" '600 root version = 1' \
        "$(host --answers "$TMP/answers" -- sh -c 'echo $(stat -c "%a %U" /etc/relayhost/answers.toml; cat /etc/relayhost/answers.toml)')"
    expect 'nothing written reaches the cache' '' \
        "$(host -- touch /etc/left-behind; ls "$LAB_TREES/host/etc/left-behind" 2>/dev/null)"
}

check_together() {
    local i pids=() status=0
    for i in 1 2 3; do
        host -- sh -c "touch /etc/mine-$i; sleep 1; ls /etc/mine-*; cat /lab/relay-log/dns.log >/dev/null" >"$TMP/out$i" &
        pids+=($!)
    done
    for i in "${pids[@]}"; do wait "$i" || status=1; done
    expect 'three hosts side by side' '0 /etc/mine-1 /etc/mine-2 /etc/mine-3' "$status $(cat "$TMP"/out? | paste -sd' ')"
    local start=${EPOCHREALTIME/./}
    host -- true
    ok "a fresh host and its relay: $(((${EPOCHREALTIME/./} - start) / 1000)) ms from start to end"
}

# A tree that the lab did not make: no rsyslog, no Postfix, no python3, no configuration of ours.
check_foreign() {
    local root=${1:-$LAB_CACHE/foreign}
    [ -d "$root" ] || lab_step 'a root tree of another kind' lab_debootstrap "$LAB_SUITE" "$root" rpm dnf ca-certificates
    # shellcheck disable=SC2016  # for the host's shell
    expect 'a foreign root runs' "$(sed -n 's/^PRETTY_NAME=//p' "$root/etc/os-release" | tr -d '"')" \
        "$(host --host-root "$root" -- sh -c '. /etc/os-release; echo "$PRETTY_NAME"')"
    # shellcheck disable=SC2016  # for the host's shell
    expect "a foreign root trusts the lab's CA" yes \
        "$(host --host-root "$root" -- bash -c 'for f in /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt; do
            [ -f "$f" ] && case $(<"$f") in *"$(</lab/ca.pem)"*) echo yes; break ;; esac; done')"
    expect 'a foreign root finds the relay' relay.lab.test \
        "$(host --host-root "$root" -- getent hosts relay.lab.test | awk '{ print $2 }')"
    expect 'rpm answers there' 0 "$(host --host-root "$root" -- rpm -qa >/dev/null 2>&1; echo $?)"
}

check_streams
check_ends
check_host
check_together
check_foreign "$@"
exit "$failed"
