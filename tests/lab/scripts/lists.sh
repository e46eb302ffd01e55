# Two users read whatever they can while each command runs.
# shellcheck shell=bash

m=/root/marker
tops=(/etc/postfix /etc/relayhost /var/lib/relayhost /tmp)
(umask 077; sed -n 's/^password *= "\(.*\)"/\1/p' /lab/examples/authenticated.toml >$m)
mkdir -p /etc/relayhost
install -d -m 700 /var/lib/relayhost

# lists LIST: a default access control list for every directory that files come into.
lists() {
    local top
    for top in "${tops[@]}"; do setfacl -d -m "$1" "$top" || exit 9; done
    setfacl -d -m "$1" /etc /var/lib
    getfacl -cdp /etc/postfix | grep -q . && echo listed
}

readers() {
    local uid
    for uid in $(id -u bin) 65534; do
        python3 /lab/tests/lab/scripts/reader.py "$uid" $m /run/stop "${tops[@]}" >"/root/reader.$uid" &
    done
    until [ "$(cat /root/reader.* | grep -c READY)" = 2 ]; do sleep 0.05; done
}

# step NAME COMMAND…: runs one and looks at what it left.
step() { name=$1; shift; "$@" >/root/out 2>&1; echo "$name $?"; wide; }

# wide: every file that has the password, unless it is 0600, root's, and without a list.
wide() {
    grep -rlaF -f $m "${tops[@]}" 2>/dev/null | while read -r f; do
        [ "$(stat -c %a:%u:%g "$f")" = 600:0:0 ] || echo "WIDE $(stat -c '%a %u:%g' "$f") $f"
        getfacl -csp "$f" | grep -q . && echo "LIST $f"
    done
    return 0
}

over() {
    touch /run/stop
    # shellcheck disable=SC2046 # a number each
    wait $(jobs -p)
    echo '== readers'
    cat /root/reader.*
    echo '== end'
}
