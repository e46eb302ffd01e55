# The aliases of a host, and whether all of them but root's stay as they were.
# shellcheck shell=bash

# sum: the aliases and their database of every kind: bytes, mode, owner, time.
sum() {
    local f
    for f in aliases "aliases.$DB"; do
        stat -c '%n %a %u %g %Y' "/etc/$f"
        sha256sum <"/etc/$f"
    done 2>&1
}

# others: every byte of the aliases but for the line of root that relayhost writes.
others() { grep -v '^root: ops@example\.com' /etc/aliases | sha256sum; }

# try: apply, shortly.
try() {
    relayhost apply "$@" >/root/out 2>&1
    echo "apply $?"
    tr -s '\n ' ' ' </root/out
    echo
}
