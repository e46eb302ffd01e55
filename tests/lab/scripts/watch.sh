# For the tests of tests/lab/watch.rs.
# shellcheck shell=bash

ANSWERS=/etc/relayhost/answers.toml
# A name that the lab's certificate has, and that is nobody's relay here.
RECEIVER=smtp-relay.brevo.com
# Where the ways put what they are told.
HOOKS=/root/hooks COMMANDS=/root/commands RESULTS=/root/results
FIFO=/var/spool/nagios/nagios.cmd

# receiver: starts the receiver of webhooks.
receiver() {
    printf '127.0.0.1 %s\n' "$RECEIVER" >>/etc/hosts
    python3 /lab/tests/lab/scripts/webhook.py 8443 /lab/ca/server.pem /lab/ca/server.key $HOOKS &
    await bash -c 'echo >/dev/tcp/127.0.0.1/8443' 2>/dev/null
}

# webhook PATH [LINE…]: an alarm of the answers, whose address is in a file.
webhook() {
    local file=/etc/relayhost/hook-${1//\//-}
    printf 'https://%s:8443/%s\n' "$RECEIVER" "$1" | install -m 600 /dev/stdin "$file"
    printf '\n[[alarm]]\nkind = "webhook"\nurl_file = "%s"\n' "$file" >>$ANSWERS
    [ $# -eq 1 ] || printf '%s\n' "${@:2}" >>$ANSWERS
}

# command NAME TEXT [LINE…]: an alarm whose program is a shell script of this text.
command_way() {
    printf '#!/bin/sh\n%s\n' "$2" | install -m 755 /dev/stdin "/usr/local/sbin/$1"
    printf '\n[[alarm]]\nkind = "command"\nargv = ["/usr/local/sbin/%s", "a b"]\n' "$1" >>$ANSWERS
    [ $# -eq 2 ] || printf '%s\n' "${@:3}" >>$ANSWERS
}

# nagios FILE: an alarm to a command file.
nagios() { printf '\n[[alarm]]\nkind = "nagios"\nfile = "%s"\nhost = "web1"\nservice = "outgoing mail"\n' "$1" >>$ANSWERS; }

# fifo: a command file, and somebody who reads it.
fifo() {
    mkdir -p "${FIFO%/*}"
    mkfifo $FIFO
    sh -c "exec 9<>$FIFO; exec cat <&9 >$RESULTS" &
    await [ -e $RESULTS ]
}

# All three, each well.
ways() {
    receiver
    webhook ok/hush-hush-hush 'headers = { X-Key = "hush-in-a-header" }'
    # shellcheck disable=SC2016 # the script's own
    command_way told 'echo "$RELAYHOST_EVENT $RELAYHOST_ID $RELAYHOST_SEQUENCE $RELAYHOST_SEVERITY $RELAYHOST_WAITING $1" >>'$COMMANDS
    fifo
    nagios $FIFO
}

# alerts N: messages whose first attempts are over.
alerts() {
    local before n
    before=$(grep -c 'status=' /var/log/maillog)
    for ((n = 0; n < $1; n++)); do printf 'Subject: x\n\nx\n' | sendmail ops@example.com; done
    for ((n = 0; n < 200; n++)); do
        [ $(($(grep -c 'status=' /var/log/maillog) - before)) -ge "$1" ] && break
        sleep 0.1
    done
}

dies() { ip link set eth0 down; }
comes_back() {
    ip link set eth0 up
    postqueue -f
    await sh -c 'postqueue -p | grep -q empty'
}

# look NAME: one look of the watch, as JSON, in a part of this name. What it sees opens an incident at once.
look() {
    echo "== $1"
    relayhost watch --open-after 0s --json 2>>/root/stderr
}

# told: what each way was told, by its file.
told() {
    echo '== hooks'
    cat $HOOKS
    echo '== commands'
    cat $COMMANDS
    echo '== results'
    sleep 0.3
    cat $RESULTS
}

# rotate: the mail log gets another file, as logrotate has it.
rotate() {
    mv /var/log/maillog "/var/log/maillog-2026112$1"
    kill -HUP "$(cat /run/rsyslogd.pid)"
    sleep 0.5
}
