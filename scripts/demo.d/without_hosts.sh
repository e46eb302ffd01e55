# The demo where no throwaway host can be made, as in most containers: the part that needs none. Sourced by scripts/demo,
# after scripts/setup.sh, never run.
# shellcheck shell=bash

# can_make_hosts: may this machine make what a host of the lab lives in?
can_make_hosts() {
    [ "$(id -u)" -eq 0 ] &&
        unshare --mount --pid --net --ipc --uts --fork --propagation private -- mount -t tmpfs none /mnt 2>/dev/null
}

# relay_on_loopback DIRECTORY: an SMTP server that refuses a wrong password and a sender that is not the login's; ends with
# this script.
relay_on_loopback() {
    printf '%s\n' 'TLS none' 'AUTH/mistyped/ 535 5.7.8 Error: authentication failed' \
        'MAIL/root@/ 553 5.7.1 Sender address rejected: not owned by user alerts@example.com' >"$1/replies"
    SCRIPTED_LOG=$1/log python3 "$TOP/scripts/lab.d/relays/common/scripted.py" 2525 "$1/replies" ||
        die "nothing can listen on port 2525 of this machine"
    # shellcheck disable=SC2064  # the directory of now
    trap "end_relay '$1'" EXIT
}
end_relay() {
    local process
    for process in /proc/[0-9]*; do
        # A process may end between the list and the look.
        if grep -sqF "$1/replies" "$process/cmdline"; then kill "${process##*/}"; fi
    done
    rm -rf "$1"
}

# try EXPECTED PASSWORD SENDER DIRECTORY: init against that relay.
try() {
    printf '%s\n' "$2" | run "$1" "$PROGRAM" init --host 127.0.0.1 --port 2525 --tls none \
        --username alerts@example.com --password-stdin --inline-password --rewrite "$3" --to ops@example.com \
        --output "$4/answers.toml"
}

# without_hosts: `diagnose` on a line of a log, and `init` against a relay on loopback.
without_hosts() {
    local work
    work=$(mktemp -d)
    relay_on_loopback "$work"
    run 4 "$PROGRAM" diagnose - <<<'Nov 24 06:10:01 mon1 postfix/smtp[4242]: 4F2A1C0: to=<ops@example.com>, relay=smtp.example.com[192.0.2.1]:587, delay=1.2, delays=0.1/0/1.1/0, dsn=4.7.0, status=deferred (SASL authentication failed; cannot authenticate to server smtp.example.com[192.0.2.1]: no mechanism available)'
    try 4 mistyped monitor=alerts@example.com "$work"
    try 4 rightly-typed none "$work"
    try 0 rightly-typed monitor=alerts@example.com "$work"
    heading 'the answers that init has written'
    sed 's/^password.*/password = "…"/' "$work/answers.toml"
}
