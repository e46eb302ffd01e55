# What is typed in each picture. Run in a lab host by scripts/record, as `bash scenes.sh NAME`.
# shellcheck shell=bash
set -u
export LANG=C.UTF-8 TERM=xterm-256color

# type_in WORDS…: shows a command as it is typed, and runs it.
type_in() {
    printf '\e[1m# %s\e[0m\n' "$*"
    sleep 1
    "$@" || :
    sleep 1.5
    printf '\n'
}

# quietly CMD…: what a picture begins with.
quietly() { "$@" >/dev/null 2>&1 || :; }

case ${1:?} in
    demo)
        type_in relayhost status
        type_in relayhost apply
        type_in relayhost status
        ;;
    check)
        quietly relayhost apply
        quietly postconf -e smtp_tls_security_level=may
        type_in relayhost check
        ;;
    route)
        quietly relayhost apply
        type_in relayhost route
        ;;
    diagnose)
        quietly relayhost apply
        # As after somebody has tidied up.
        quietly rpm -e --nodeps cyrus-sasl-plain
        quietly postfix reload
        printf 'Subject: disk full\n\n95 %% used\n' | sendmail -f monitor@op5-system.localdomain ops@example.com
        for _ in $(seq 100); do
            if grep -q status=deferred /var/log/maillog; then break; fi
            sleep 0.1
        done
        type_in relayhost diagnose
        ;;
esac
