# shellcheck shell=bash
# The ways in which programs submit mail, for senders.rs: each sends one message whose subject is $s to ops@example.com.

# user NAME FULLNAME: a user of this host.
user() { printf '%s:x:%s:%s:%s:/tmp:/bin/sh\n' "$1" "$((2000 + RANDOM % 20000))" 65534 "$2" >>/etc/passwd; }
# The subject of the next message.
s=

user anna 'Anna Admin'
user nagios ''

# as USER CMD…: runs a program as this user, as cron and daemons do.
as() { local name=$1; shift; setpriv --reuid "$name" --regid 65534 --clear-groups env -i PATH="$PATH" USER="$name" LOGNAME="$name" HOME=/tmp "$@"; }

# message LINE…: a message with these lines of a header.
message() { printf '%s\n' "$@" "Subject: $s" '' body; }

# smtp SENDER LINE…: a message by SMTP to this host itself, with these lines of a header.
smtp() {
    local sender=$1
    shift
    message "$@" | python3 -c '
import smtplib, sys
with smtplib.SMTP("127.0.0.1", 25) as server:
    server.sendmail(sys.argv[1], ["ops@example.com"], sys.stdin.buffer.read())
' "$sender"
}

# seen SUBJECT: the message of this subject as the relay delivered it: its envelope, and the headers that name somebody.
seen() {
    local file
    # A bounce has the subject of what it returns.
    file=$(grep -lF "Subject: $1" /lab/mailbox/new/* | head -n 1)
    [ -n "$file" ] || return 1
    python3 - "$file" <<'END'
import re, sys
text = open(sys.argv[1], "rb").read().decode("utf-8", "replace")
head = re.sub(r"\n[ \t]+", " ", text.split("\n\n", 1)[0])
for line in head.split("\n"):
    name, _, value = line.partition(":")
    if name in ("Return-Path", "From", "Sender", "Reply-To", "To", "Cc", "Resent-From", "Resent-To", "Message-ID", "Message-Id"):
        print(f"{name.replace('-Id', '-ID')}: {value.strip()}")
END
}
