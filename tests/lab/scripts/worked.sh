# A host whose configuration is exchanged for one that may not work.
# shellcheck shell=bash
# shellcheck disable=SC2034 # `old` and `silent` are for the scripts that call these functions

sum() { sha256sum /etc/postfix/{main.cf,generic,sasl_passwd}; }

# was: notes the configuration in force; as_before: whether it is in force, and mail leaves by it.
was() { sum >/root/was; }
as_before() {
    sum | cmp -s - /root/was || { echo changed; return; }
    echo "as before, $(leaves)"
}
leaves() {
    local n
    n=$(mails)
    echo x | mail -s alert -r monitor@op5-system.localdomain ops@example.com
    await has_mails $((n + 1)) && echo mail leaves
}

# answers SED: the answers of the beginning, changed.
[ -e /root/answers ] || cp /etc/relayhost/answers.toml /root/answers
answers() { sed "$1" /root/answers >/etc/relayhost/answers.toml; }

# run NAME COMMAND…: the JSON document of a command as a part of the output, and its exit status.
run() {
    local name=$1
    shift
    echo "== $name"
    "$@" --json 2>/dev/null
    echo "== exit $?"
}

# old_relay [PORT]: passes what comes to PORT (2525) of this host on to the relay, until it is killed: $old.
old_relay() {
    python3 /lab/tests/lab/scripts/forward.py "${1:-2525}" smtp.example.com 587 &
    old=$!
    await listens "${1:-2525}"
}
# silent_relay: takes connections at port 2526 and says nothing, until it is killed: $silent.
silent_relay() {
    python3 /lab/tests/lab/scripts/forward.py 2526 &
    silent=$!
    await listens 2526
}
listens() { bash -c "</dev/tcp/127.0.0.1/$1" 2>/dev/null; }
