#!/bin/bash
# A relay, from its description under relays/NAME: `relay.sh start NAME ROOT`. Runs as root in namespaces that the
# caller made (mount, PID, network with the relay's addresses); ROOT is a writable overlay of the relay tree. Returns
# 0 when the name server and the SMTP ports answer; the daemons die with the PID namespace.
set -euo pipefail

# shellcheck source=scripts/lab.d/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
# shellcheck source=scripts/lab.d/identity.sh
. "$LAB_D/identity.sh"

RELAYS=$LAB_D/relays
COMMON=$RELAYS/common

main() {
    if [ $# -ne 3 ] || [ "$1" != start ]; then
        echo 'usage: relay.sh start NAME ROOT' >&2
        exit 2
    fi
    name=$2 root=$3
    if ! [ -e "$RELAYS/$name/about" ]; then
        printf 'lab: error: no relay is called "%s"; there are: %s\n' "$name" "$(relay_names)" >&2
        exit 2
    fi
    # What a relay's setup may set: relays/README.md says what each is.
    ports=() mechanisms='' smtpd=() main=() master=() dns=() milter=() replies='' identity='' mailbox='' receiver=() receives=()
    # shellcheck disable=SC1090 # one per relay
    . "$RELAYS/$name/setup"

    if [ -n "$identity" ]; then
        dns+=(--host-record="$(IFS=,; printf '%s' "${LAB_IDENTITY_NAMES[*]}"),$LAB_RELAY4,$LAB_RELAY6")
    fi
    mkdir -p "$root"/lab/mailbox/{cur,new,tmp} "$root/var/log/relay" "$root/etc/relay"
    chown -R 990:990 "$root/lab/mailbox"
    printf 'nameserver 127.0.0.1\n' >"$root/etc/resolv.conf"

    # Side by side: each is mostly waiting for itself.
    local jobs=() job
    start_dns & jobs+=($!)
    if [ -n "$mechanisms" ]; then start_dovecot & jobs+=($!); fi
    if [ -n "$identity" ]; then lab_identity_start "$root" & jobs+=($!); fi
    if [ ${#milter[@]} -gt 0 ]; then start_milter & jobs+=($!); fi
    if [ ${#receiver[@]} -gt 0 ]; then start_receiver & jobs+=($!); fi
    if [ -n "$replies" ]; then
        start_scripted & jobs+=($!)
    elif [ ${#ports[@]} -gt 0 ]; then
        start_postfix & jobs+=($!)
    fi
    for job in "${jobs[@]}"; do
        wait "$job" || lab_die "the relay $name did not start; its logs are in $root/var/log/relay"
    done
}

relay_names() {
    local about
    for about in "$RELAYS"/*/about; do
        about=${about%/about}
        printf '%s ' "${about##*/}"
    done
}

# inside LOG CMD…: CMD in the relay's root, holding none of the caller's streams, and shown on failure.
inside() {
    local log=$root/var/log/relay/$1
    shift
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C chroot "$root" "$@" </dev/null >>"$log" 2>&1 && return
    printf 'lab: error: %s: exit status %s\n' "$*" $? >&2
    tail -n 10 "$log" >&2
    return 1
}

# wait_for WHAT TEST…: for daemons that cannot say when they are ready. A machine with much to do takes its time.
wait_for() {
    local what=$1 i
    shift
    for ((i = 0; i < 6000; i++)); do
        "$@" && return
        sleep 0.01
    done
    printf 'lab: error: %s is not there after a minute\n' "$what" >&2
    return 1
}

# dnsmasq listens before it leaves for the background. Everything it was not told of does not exist, at once: there is
# nobody to ask, and a client should not wait to hear that.
start_dns() {
    local names
    # The first name is also what the addresses are called.
    names=relay.lab.test,$(grep -vx relay.lab.test "$root/lab/ca/names" | paste -sd,)
    inside dnsmasq.log dnsmasq --conf-file=/dev/null --no-resolv --no-hosts --cache-size=0 --pid-file= \
        --log-queries --log-facility=/var/log/relay/dns.log --address=/#/ \
        --bind-dynamic --listen-address="127.0.0.1,$LAB_RELAY4,$LAB_RELAY6" \
        --host-record="${names%,},$LAB_RELAY4,$LAB_RELAY6" \
        --host-record=dead.lab.test,192.0.2.9 --host-record="v6only.lab.test,$LAB_RELAY6" \
        --host-record=void.lab.test,203.0.113.9 --mx-host=badmx.lab.test,nobody.lab.test \
        --address="/self.lab.test/$LAB_HOST4" \
        --dns-rr=nullmx.lab.test,15,000000 --dns-rr=broken.lab.test,1,00 "${dns[@]}"
}

# Dovecot, too, has its sockets when it leaves for the background.
start_dovecot() {
    {
        cat "$COMMON/dovecot.conf"
        printf 'auth_mechanisms = %s\n' "$mechanisms"
        [ -z "$identity" ] || cat "$COMMON/tokens.conf"
        [ -z "$mailbox" ] || cat "$COMMON/mailbox.conf"
    } >"$root/etc/relay/dovecot.conf"
    cp "$COMMON/"*.oauth2 "$COMMON/mailbox.sieve" "$root/etc/relay/"
    # The encoding lets a password hold what separates the fields of this file.
    sed 's/\t\(.*\)/:{PLAIN.b64}\1::::::/' "$COMMON/accounts.tsv" >"$root/etc/relay/passwd"
    [ -z "$mailbox" ] || inside sievec.log sievec -c /etc/relay/dovecot.conf /etc/relay/mailbox.sieve
    inside dovecot.out dovecot -c /etc/relay/dovecot.conf
}

# relay_key [other]: the public half of the key that the relay signs with, or of one that nobody signs with, for a record of
# dnsmasq's. A text in DNS has 255 bytes at most.
relay_key() { fold -w 200 "$root/etc/relay/dkim/${1:-lab}.public" | paste -sd,; }

start_milter() {
    inside milter.log "/lab/relays/common/${milter[0]}" "${milter[@]:1}" >/dev/null 2>&1 &
    wait_for "the milter's socket" test -S "$root/run/milter"
}

start_scripted() {
    local file=/lab/relays/$name/$replies
    if [ -e "$root/etc/relay/replies" ]; then file=/etc/relay/replies; fi
    inside scripted.log /lab/relays/common/scripted.py "${ports[*]}" "$file"
}

# master itself, not `postfix start`: the checks of a whole installation that this makes were made when the tree was
# built. With -w it returns when its sockets listen.
start_postfix() {
    local port setting
    cp "$COMMON/main.cf" "$root/etc/postfix/main.cf"
    [ ${#main[@]} -eq 0 ] || inside postconf.log postconf -e "${main[@]}"
    cp "$COMMON/sender_login.pcre" "$root/etc/relay/"
    {
        cat "$COMMON/master.cf"
        printf '%s\n' "${master[@]}"
        for port in "${ports[@]}"; do
            printf '%s inet n - n - - smtpd\n' "$port"
            for setting in "${smtpd[@]}"; do printf '    -o { %s }\n' "$setting"; done
        done
    } >"$root/etc/postfix/master.cf"
    # Postfix reads a file that was written in the last second again and again until it has cooled down.
    touch -d 2025-01-01 "$root"/etc/postfix/{main,master}.cf "$root/etc/relay/sender_login.pcre"
    inside master.log /usr/lib/postfix/sbin/master -w
}

# The receiver: another Postfix, at an address and with a queue of its own, and what judges mail there. opendkim at the relay signs.
start_receiver() {
    local program socket
    ip address add "$LAB_RECEIVER4/32" dev lo
    cp "$COMMON/receiver/main.cf" "$root/etc/postfix-mx/main.cf"
    inside postconf-mx.log postconf -c /etc/postfix-mx -e "inet_interfaces = $LAB_RECEIVER4" "${receives[@]}"
    {
        cat "$COMMON/master.cf"
        printf '%s\n' 'lmtp unix - - n - - lmtp' 'smtp inet n - n - - smtpd'
    } >"$root/etc/postfix-mx/master.cf"
    touch -d 2025-01-01 "$root"/etc/postfix-mx/{main,master}.cf
    for program in "${receiver[@]}"; do
        socket=$root/run/$program.sock
        case $program in
            opendkim*) inside "$program.log" opendkim -x "/lab/relays/common/receiver/$program.conf" ;;
            opendmarc) inside opendmarc.log opendmarc -c /lab/relays/common/receiver/opendmarc.conf ;;
            postgrey) inside postgrey.log postgrey --daemonize --unix=/run/postgrey.sock --delay=5 --hostname=mx.lab.test --auto-whitelist-clients=0 ;;
        esac
        wait_for "the socket of $program" test -S "$socket"
        chmod 0666 "$socket"
    done
    inside master-mx.log /usr/lib/postfix/sbin/master -c /etc/postfix-mx -w
}

main "$@"
