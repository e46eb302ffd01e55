# For the tests here: what they show is told line by line, `ok` or `FAIL` first; anything else is a fact for the reader.
# Sourced, never run.
# shellcheck shell=bash
set -uo pipefail
export LC_ALL=C
status=0 rc=0 out='' took=0
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034  # for those who source this
payload=${here%/tests}
# shellcheck disable=SC2034  # for those who source this
dnf=$(command -v dnf || echo yum)
# The type of table that this Postfix makes unasked, and how the name of its database ends.
table=$(postconf -h default_database_type 2>/dev/null || echo hash)
# shellcheck disable=SC2034  # for those who source this
case $table in lmdb) database=lmdb ;; *) database=db ;; esac
trap 'exit "$status"' EXIT

ok() { printf 'ok %s\n' "$*"; }
bad() { printf 'FAIL %s\n' "$1"; shift; [ $# -eq 0 ] || printf '%s\n' "$@" | sed 's/^/  /'; status=1; }
# expect WHAT EXPECTED ACTUAL
expect() { if [ "$2" = "$3" ]; then ok "$1"; else bad "$1" "expected: $2" "got:      $3"; fi; }
# starved: $starved becomes how many seconds this machine had no processor of the one that emulates it, as scripts/vm.d/machine.py
# says. Never less than it was: the file is empty for the moment in which it is written.
starved=0
starved() {
    local seconds=''
    read -r seconds 2>/dev/null </run/lab-starved
    [ "${seconds:-0}" -le "$starved" ] || starved=$seconds
}
# awaited SECONDS CMD…: CMD succeeds in time. A machine that is emulated is given three times as much, and what it waited for a
# processor.
awaited() {
    local seconds=$(($1 * ${RELAYHOST_PATIENCE:-1})) start=$SECONDS before
    shift
    starved
    before=$starved
    until "$@" >/dev/null 2>&1; do
        starved
        [ $((SECONDS - start - starved + before)) -lt "$seconds" ] || return 1
        sleep 0.5
    done
}
# within SECONDS WHAT CMD…: it does, and that is shown.
within() {
    local seconds=$1 what=$2 start=$SECONDS
    shift 2
    if awaited "$seconds" "$@"; then ok "$what, after $((SECONDS - start)) s"; else
        bad "$what: not within $((seconds * ${RELAYHOST_PATIENCE:-1})) s"
        return 1
    fi
}
# now_ms: milliseconds; EL7's bash has no EPOCHREALTIME.
now_ms() { date +%s%3N; }
# ms CMD…: runs CMD, its output in $out, its exit status in $rc, and how long it took in $took, milliseconds.
ms() {
    local begin
    begin=$(now_ms)
    # shellcheck disable=SC2034  # for those who source this
    out=$("$@" 2>&1 </dev/null) && rc=0 || rc=$?
    # shellcheck disable=SC2034  # for those who source this
    took=$(($(now_ms) - begin))
}

nothing_waits() { [ -z "$(ls -A /var/lib/relayhost/pending 2>/dev/null)" ]; }
# property NAME UNIT: EL7's systemctl has no --value.
property() { systemctl show -p "$1" "$2" | cut -d= -f2-; }
pending_is() { [ "$(property ActiveState relayhost-pending.service)" = "$1" ]; }

# answers FILE: those are this host's answers.
answers() { install -D -m 0600 "$1" /etc/relayhost/answers.toml; }
