#!/bin/bash
# cut.sh prepare|times|apply|deferred|after: what a power cut needs in the machine. There are two configurations, and each has its answers.
#   prepare     takes down what the first looks like, makes the second, takes that down, and goes back
#   times       says again what `prepare` has said of how long that takes
#   apply       from the first to the second; the plug is pulled meanwhile
#   deferred    the same as recorded in a transaction; the unit does it
#   after       after the next boot: which of the two is it, and does mail go out? `state old|new|mixed` says so
# shellcheck source=vagrant/tests/lib.sh
. "$(dirname "$0")/lib.sh"
known=/root/cut

# look: Postfix's files and what its databases say, as digests.
look() {
    (cd /etc/postfix && sha256sum main.cf sasl_passwd generic && for map in sasl_passwd generic; do postmap -s "$table:$map" | sort | sha256sum; done)
}

# rests: the unit is not at work.
rests() { ! pending_is active && ! pending_is activating; }

case $1 in
    prepare)
        mkdir -p $known
        # Nothing to do, unless other tests were here before.
        answers "$payload/examples/authenticated.toml"
        relayhost apply --no-verify >/dev/null 2>&1
        expect 'the first configuration is in force' '0 [smtp.example.com]:587' "$? $(postconf -h relayhost)"
        look >$known/old
        answers "$here/second.toml"
        stamp=$(date +%s.%N)
        ms relayhost apply
        expect 'the second configuration works' 0 "$rc"
        [ "$rc" -eq 0 ] || printf '  %s\n' "$out"
        look >$known/new
        # When, in seconds since its start, it touched the first file and the last, and for how long it ran.
        awk -v start="$stamp" -v took="$took" -v a="$(stat -c %.Z /etc/postfix/sasl_passwd)" -v b="$(stat -c %.Z /etc/postfix/main.cf)" \
            'BEGIN { printf "times %.2f %.2f %.2f\n", a - start, b - start, took / 1000 }' | tee $known/times
        answers "$payload/examples/authenticated.toml"
        ms relayhost apply
        expect 'and so does the first, again' "0 $(cat $known/old)" "$rc $(look)"
        answers "$here/second.toml"
        sync ;;
    times) cat $known/times ;;
    apply) exec relayhost apply ;;
    deferred) relayhost scriptlet post 1 --for op5-alerts ;;
    after)
        systemctl is-system-running --wait >/dev/null
        # The unit may be at work.
        awaited 60 rests
        found=$(look 2>&1)
        case $found in
            "$(cat $known/old)") state=old; answers "$payload/examples/authenticated.toml" ;;
            "$(cat $known/new)") state=new ;;
            *) state=mixed; diff <(cat $known/old) - <<<"$found" | sed 's/^/  old: /'; diff <(cat $known/new) - <<<"$found" | sed 's/^/  new: /' ;;
        esac
        recovered=$(journalctl -b -u relayhost-recover.service -o cat --no-pager | grep -c '^ok .*recovery: ')
        [ ! -e /var/lib/relayhost/journal.json ] || state=mixed
        waits=waits
        ! nothing_waits || waits="done"
        ms relayhost verify
        printf 'state %s %s %s %s\n' "$state" "$rc" "$recovered" "$waits"
        [ "$rc" -eq 0 ] || printf '  %s\n' "$out"
        pending_is failed && journalctl -b -u relayhost-pending.service -o cat --no-pager | tail -n 20 | sed 's/^/  /' ;;
esac
