#!/bin/bash
# watch.sh evening ADDRESS|dead|booted|back: the watch, through a night. Nobody calls `relayhost watch`: its timer does. Wants
# relayhost in order without an [[alarm]], and at ADDRESS a receiver of webhooks that is not the relay.
#   evening     an [[alarm]] turns the timer on, and a look finds all in order
#   dead        the relay has died: the incident opens within ten minutes
#   booted      after a boot: it is still that incident, and nobody is told again
#   back        the relay has come back: mail leaves, the incident closes, and without an [[alarm]] the timer is off again;
#               `untaken NUMBER` says how many attempts the webhook did not take, by the unit's journal
# The night passes quickly: the clock is set forward (date -s), and systemd does at once what is due then. The timer is the
# package's own. It looks each five minutes and up to one minute later, so a look that is due by the clock is waited for one
# minute after that.
# shellcheck source=vagrant/tests/lib.sh
. "$(dirname "$0")/lib.sh"
# What the ways were told: Nagios' command file and what its reader has of it, and what a program has written.
fifo=/var/spool/nagios/cmd/nagios.cmd results=/var/spool/nagios/results words=/var/spool/told

seconds_of() { date -d "$(cat /root/night) $1" +%s; }
# clock TIME: it becomes this time, if it is not later already.
clock() { [ "$(seconds_of "$1")" -le "$(date +%s)" ] || date -s "@$(seconds_of "$1")" >/dev/null; }
looked() { property ExecMainExitTimestampMonotonic relayhost-watch.service; }
# It is 0 while a look is at work.
has_looked() { local now; now=$(looked); [ "$now" != 0 ] && [ "$now" != "$before" ]; }
rests() { [ "$(property ActiveState relayhost-watch.service)" != activating ]; }
# look_at TIME: it becomes this time, and the timer has a look. A machine that is slow may have it already; then it is the next.
look_at() {
    local now time
    awaited 60 rests
    before=$(looked) now=$(date +%s) time=$(seconds_of "$1")
    [ $(((time - 61) / 300)) -gt $((now / 300)) ] || time=$(((now / 300 + 1) * 300 + 61))
    date -s "@$time" >/dev/null
    within 90 "at $(date +%T) the timer has a look" has_looked
}
timer() { printf '%s %s' "$(systemctl is-enabled relayhost-watch.timer)" "$(systemctl is-active relayhost-watch.timer)"; }
look_ended() { property Result relayhost-watch.service; }
alert() { echo alert | mail -r monitor@op5-system.localdomain -s "alert $1" ops@example.net; }
wait_for_the_relay() { [ "$(find /var/spool/postfix/deferred -type f | wc -l)" -ge "$1" ]; }
queue_is_empty() { [ "$(postqueue -p)" = 'Mail queue is empty' ]; }
# The states that Nagios was given, what the program was told, and what the journal has, each on a line.
told() {
    printf 'nagios: %s\n' "$(cut -d';' -f2-4 $results | paste -sd' ')"
    printf 'program: %s\n' "$(paste -sd' ' $words/events)"
    printf 'journal: %s\n' "$(journalctl -q -o json --no-pager RELAYHOST_TOPIC=mail | sed -n 's/.*"RELAYHOST_EVENT":"\([a-z]*\)".*/\1/p' | paste -sd' ')"
}
opened=$'nagios: web1;outgoing mail;2\nprogram: opened-1-mail\njournal: opened'
closed=$'nagios: web1;outgoing mail;2 web1;outgoing mail;0\nprogram: opened-1-mail closed-2-mail\njournal: opened closed'
open_incidents() { relayhost check --json | grep -c '"id": "incident.open"'; }

ways() {
    install -d /var/spool/nagios/cmd $words
    mkfifo $fifo
    touch $results $words/events
    # In the place of Nagios: it has its command file open, also after a boot.
    cat >/etc/systemd/system/reader.service <<END
[Service]
ExecStart=/bin/sh -c 'exec cat <>$fifo >>$results'
[Install]
WantedBy=multi-user.target
END
    # As docs/watch.md says of programs.
    install -d /etc/systemd/system/relayhost-watch.service.d
    printf '[Service]\nReadWritePaths=%s\n' $words >/etc/systemd/system/relayhost-watch.service.d/program.conf
    # shellcheck disable=SC2016 # the program's own
    printf '#!/bin/sh\necho "$RELAYHOST_EVENT-$RELAYHOST_SEQUENCE-$RELAYHOST_TOPIC" >>%s/events\n' $words |
        install -m 755 /dev/stdin /usr/local/sbin/told
    systemctl daemon-reload
    systemctl --quiet enable --now reader.service
    # The usual limit of an attempt is for a machine of its own; the longest is for one that is emulated.
    printf 'https://%s/ok/a-secret\n' "$1" | install -m 600 /dev/stdin /etc/relayhost/webhook
    cat >>/etc/relayhost/answers.toml <<END

[[alarm]]
kind     = "webhook"
url_file = "/etc/relayhost/webhook"
limit    = "60s"

[[alarm]]
kind    = "nagios"
file    = "$fifo"
host    = "web1"
service = "outgoing mail"

[[alarm]]
kind  = "command"
argv  = ["/usr/local/sbin/told"]
limit = "60s"
END
}

case $1 in
    evening)
        expect 'without an [[alarm]] the timer is off' 'disabled inactive' "$(timer)"
        date -d tomorrow +%F >/root/night
        clock 02:50:00
        ways "$2"
        relayhost scriptlet post 1 --for op5-alerts
        within 60 'the answers get three, and the unit does what is new in them' nothing_waits
        within 20 'the unit has ended' pending_is inactive
        expect 'the timer is on' 'enabled active' "$(timer)"
        look_at 03:01:01
        expect 'a look finds all in order, in its sandbox' success "$(look_ended)" ;;
    dead)
        clock 03:04:00
        for number in 1 2 3; do alert "$number"; done
        within 60 'the relay is dead, and three alerts wait for it' wait_for_the_relay 3
        look_at 03:06:01
        # The look itself takes long on a machine that is slow, and then three minutes are over.
        if [ "$(date +%s)" -lt "$(seconds_of 03:07:00)" ]; then
            expect 'what has lasted for two minutes is told by nobody' $'nagios: \nprogram: \njournal: ' "$(told)"
        else
            printf 'that look ended at %s, so it does not show that a bad minute is told by nobody\n' "$(date +%T)"
        fi
        look_at 03:11:01
        expect 'the incident has opened, and each way is told' "$opened" "$(told)"
        expect 'the unit has failed, by this alone' 'exit-code relayhost-watch.service' \
            "$(look_ended) $(systemctl --failed --plain --no-legend | cut -d' ' -f1 | paste -sd' ')"
        expect 'check has the incident' 1 "$(open_incidents)"
        relayhost check | grep -A 3 -E 'mail\.|incident\.' | cut -c -300
        alert 4
        within 60 'and a fourth alert waits' wait_for_the_relay 4 ;;
    booted)
        within 60 'Postfix runs' systemctl -q is-active postfix
        expect 'the timer waits' 'enabled active' "$(timer)"
        look_at 03:16:01
        expect 'nobody is told again' "$opened" "$(told)"
        expect 'check has the incident' 1 "$(open_incidents)" ;;
    back)
        look_at 03:41:01
        # What Postfix does by itself: with the next alert its queue manager sees what else is due by the clock.
        alert 5
        within 60 'mail leaves, and so does what has waited; nobody has asked for that' queue_is_empty
        look_at 03:46:01
        expect 'the incident has closed, and each way is told' "$closed" "$(told)"
        expect 'the unit is well' success "$(look_ended)"
        look_at 03:51:01
        expect 'and nobody is told again' "$closed" "$(told)"
        printf 'untaken %s\n' "$(journalctl -q -u relayhost-watch.service -o cat --no-pager | grep -c 'webhook .*: did not take')"
        ms relayhost check --json
        expect 'relayhost check' '0 0' "$rc $(grep -c '"id": "incident.open"' <<<"$out")"
        [ "$rc" -eq 0 ] || printf '  %s\n' "$out"
        answers "$payload/examples/authenticated.toml"
        ms relayhost apply
        expect 'the answers have no [[alarm]] any more: the timer is off' '0 disabled inactive' "$rc $(timer)" ;;
esac
[ "$status" -eq 0 ] || { relayhost check; postqueue -p; journalctl -q -u relayhost-watch.service --no-pager -o cat | tail -n 30; } 2>&1 | sed 's/^/  /'
