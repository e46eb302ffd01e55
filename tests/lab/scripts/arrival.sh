# Functions of the tests of tests/lab/arrival.rs.
# shellcheck shell=bash

# run NAME CMD…: CMD as the part NAME; its exit status follows where that part is text.
run() {
    echo "== $1"
    shift
    "$@"
    local status=$?
    case "$*" in *--json*) ;; *check* | *verify*) echo "exit $status" ;; esac
}

# answers EXPRESSION: changes the answers.
answers() { sed -i "$1" /etc/relayhost/answers.toml; }

# sum: digests of Postfix's files.
sum() { sha256sum /etc/postfix/main.cf /etc/postfix/sasl_passwd /etc/postfix/generic 2>&1; }

# in_force: whether Postfix is set up for the relay of the answers.
in_force() {
    echo '== force'
    if [ "$(postconf -h relayhost)" = '[smtp.example.com]:587' ]; then echo 'in force'; else echo 'not in force'; fi
}

# imap CODE: Python with a mailbox that is logged in to.
imap() {
    python3 - "$@" <<'END'
import imaplib, ssl, sys
box = imaplib.IMAP4_SSL('relay.lab.test', ssl_context=ssl._create_unverified_context())
box.login('alerts@example.com', 'correct horse battery staple')
if sys.argv[1] == 'seen':
    _, [number] = box.select(sys.argv[2], readonly=True)
    _, [read] = box.search(None, 'SEEN')
    print(f'{int(number)} messages, {len(read.split())} read')
else:
    box.select('INBOX')
    box.store('1:*', '+FLAGS', '\\Deleted')
END
}

# seen FOLDER: how many messages are there, and how many of them are marked as read.
seen() { imap seen "$1"; }

# mark_deleted: marks all messages of INBOX, as another program of the same person does.
mark_deleted() { imap mark; }

# logins: how many logins by IMAP the server has seen.
logins() {
    local log=/lab/relay-log/dovecot.log
    sleep 1
    echo '== logins'
    echo "$(grep -c 'imap-login:.*auth failed' $log) refused, $(grep -c 'imap-login: Login' $log) taken"
}

# misbehave KIND: a server of that kind on port 2993, in the place of the one before.
misbehave() {
    [ -z "${server:-}" ] || { kill "$server"; wait "$server" 2>/dev/null; }
    python3 /lab/tests/lab/scripts/hostile_imap.py "$1" /root/ca/selfsigned.pem /root/ca/selfsigned.key &
    server=$!
    await bash -c ': </dev/tcp/127.0.0.1/2993' 2>/dev/null
}

# bounded CMD…: CMD, which may take 400 MB of addresses and half a minute.
bounded() { (ulimit -v 409600; exec timeout 30 "$@"); }
