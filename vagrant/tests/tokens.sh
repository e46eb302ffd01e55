#!/bin/bash
# tokens.sh renewed|ended: a login by an access token of 90 seconds. Nobody calls `relayhost token`: systemd does, on a running host
# (`ends SECONDS` says when the last one ends), and at a boot after that end. Wants the relay xoauth2.
# shellcheck source=vagrant/tests/lib.sh
. "$(dirname "$0")/lib.sh"

# token: the one that Postfix logs in with, as a digest.
token() { postmap -q '[smtp.office365.com]:587' "$table:/etc/postfix/sasl_passwd" | sha256sum; }
is_another() { [ "$(token)" != "$before" ]; }
ends() { sed 's/.*"ends":\([0-9]*\).*/\1/' /var/lib/relayhost/tokens/access.json; }
alert() { echo alert | mail -r monitor@op5-system.localdomain -s "$1" ops@example.net; }
queue_is_empty() { [ "$(postqueue -p)" = 'Mail queue is empty' ]; }
# Mail that met the token that had ended waits for minutes, unless it is tried at once.
is_flushed() { queue_is_empty || { postqueue -f; sleep 2; queue_is_empty; }; }

case $1 in
    renewed)
        (umask 077; install -d -m 755 /etc/relayhost; cat "$payload"/oauth/{certificate,key}.pem >/etc/relayhost/oauth.pem)
        answers "$payload/examples/office365-certificate.toml"
        sed -i 's/^tenant .*/tenant = "90-second.example.com"/' /etc/relayhost/answers.toml
        rpm -i "$payload"/packages/x86_64/relayhost-*.rpm >/dev/null 2>&1 || bad 'the packages cannot be installed'
        within 60 'relayhost is installed, and mail goes out with a token' nothing_waits
        before=$(token)
        expect 'a timer waits' active "$(systemctl is-active relayhost-token.timer)"
        within 60 'the timer has the token renewed' is_another
        alert first
        within 20 'an alert leaves with the new token' queue_is_empty
        token >/root/token
        printf 'ends %s\n' "$(ends)"
        sync ;;
    ended)
        before=$(cat /root/token)
        within 60 'Postfix runs' systemctl -q is-active postfix
        alert second
        within 60 'the boot has the token renewed that had ended' is_another
        within 30 'an alert leaves' is_flushed
        expect 'a timer waits' active "$(systemctl is-active relayhost-token.timer)"
        relayhost check >/tmp/check 2>&1
        expect 'relayhost check' 0 $?
        [ "$status" -eq 0 ] || { cat /tmp/check; journalctl -b -u relayhost-token.service --no-pager -o cat | tail -20; } | sed 's/^/  /' ;;
esac
