# A configured host with files of another user in /srv, which links may lead to.
# shellcheck shell=bash

relayhost apply --no-verify >/dev/null || exit 9
mkdir -m 700 /srv/theirs
# shellcheck disable=SC2016 # a password as in shadow(5)
printf 'the-words-of-another = 1\nroot:$6$the-words-of-another\n' >/srv/theirs/file
chmod 600 /srv/theirs/file
chown 65534:65534 /srv/theirs/file

# sum: everything of the targets; of our own places all but the times, since a run that is refused may have locked, and notes
# in last.json how it ended.
sum() {
    find /srv -printf '%p %y %l %m %U %G %s %T@ %i\n' | sort
    find /etc/postfix /var/lib/relayhost ! -name last.json -printf '%p %y %l %m %U %G %i\n' | sort
    find /srv /etc/postfix /var/lib/relayhost -type f ! -name lock ! -name last.json -print0 | sort -z | xargs -0 sha256sum
}

# try COMMAND: runs it, and counts what of /srv was opened. Postfix's own programs, were they called on the way, would read
# the target.
try() {
    # shellcheck disable=SC2086 # a command with its options
    strace -f -qq -y -o /root/trace -e trace=open,openat,openat2,execve timeout 20 relayhost $1 >/root/out 2>&1
    echo "exit $?"
    cat /root/out
    grep -c '= [0-9]*</srv' /root/trace | sed 's/^/opened /'
}
# plant LINK TARGET: as a user would who may write there.
plant() {
    mv "$1" /root/kept
    ln -s "$2" "$1"
    chown -h 65534 "$1"
}
unplant() { rm -f "$1"; mv /root/kept "$1"; }
