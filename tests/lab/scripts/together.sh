# Many runs at the same moment, and a run that holds the lock.
# shellcheck shell=bash

# Answers A are those of the host; B are another relay and another login.
A=/etc/relayhost/answers.toml B=/root/b.toml

# entries NAME: those of a table's source, as `postmap -s` prints those of its database.
entries() { sed -n 's/^\([^# ][^ ]*\)[ ]\(.*\)/\1\t\2/p' "/etc/postfix/$1" | sort; }
# map_holds NAME: whether the database says what its source says.
map_holds() { diff <(entries "$1") <(postmap -s "$TYPE:/etc/postfix/$1" | sort) >&2 && echo "$1 whole"; }

# two_answers: leaves in /root what each of the two leaves on a fresh host, to compare the end of a race with.
two_answers() {
    local x
    (umask 077; sed -e 's/alerts@example.com/odd1@example.com/g' -e 's/^password .*/password = "with space"/' \
        -e 's/smtp.example.com/mailhub.example.com/' $A >$B)
    for x in A B; do
        relayhost apply --no-verify --answers "${!x}" >/root/out 2>&1 || { cat /root/out; exit 9; }
        cp /etc/postfix/main.cf /root/main.$x
        cp /etc/postfix/generic /root/generic.$x
    done
}

# end_state: whether what is there now is wholly A, or wholly B.
end_state() {
    local x
    for x in A B; do
        relayhost check --answers "${!x}" >/dev/null 2>&1 && cmp -s /root/main.$x /etc/postfix/main.cf &&
            cmp -s /root/generic.$x /etc/postfix/generic && echo "state $x"
    done
    map_holds sasl_passwd
    map_holds generic
    find /etc/postfix /var/lib/relayhost /var/lib/relayhost/generations -mindepth 1 -maxdepth 1 \
        \( -name '.*' -o -name '*journal*' \) -printf 'left: %f\n'
    echo "generations $(find /var/lib/relayhost/generations -mindepth 1 -maxdepth 1 | wc -l)"
}

# readers: looks at the host again and again until /root/over is there, and counts what came of it.
readers() {
    while [ ! -e /root/over ]; do
        relayhost history >/root/history 2>&1
        echo "history $?"
        relayhost check --answers $A >/root/check 2>&1
        echo "check $?"
    done | sort | uniq -c >/root/readers
    echo >>/root/readers
}

# race COUNT OPTION…: that many at the same moment, each with its output and its status in files. This shell holds the lock until
# every one of them waits for it.
race() {
    local count=$1 i x jobs readers
    shift
    rm -rf /root/race
    mkdir /root/race
    mkfifo /root/gate
    for ((i = 0; i < count; i++)); do
        x=$([ $((i % 2)) = 0 ] && echo A || echo B)
        (
            touch /root/race/$i.ready
            read -r _ </root/gate
            timeout 300 relayhost apply "$@" --answers "${!x}" >/root/race/$i.out 2>/root/race/$i.err
            echo $? >/root/race/$i.status
        ) &
    done
    await all ready "$count"
    exec 8>>/var/lib/relayhost/lock
    flock 8
    echo $$ >/var/lib/relayhost/lock
    exec 9<>/root/gate
    yes | head -n "$count" >&9
    jobs=$(jobs -p)
    await all_wait "$count" || echo "not all wait"
    exec 8>&-
    readers &
    readers=$!
    # shellcheck disable=SC2086 # a number each
    wait $jobs
    exec 9>&-
    rm -f /root/gate
    touch /root/over
    wait $readers
    rm -f /root/over
    echo "== statuses"
    cat /root/race/*.status | sort | uniq -c
    echo "== waited"
    cat /root/race/*.out /root/race/*.err | grep 'waiting for' | sort | uniq -c
    echo "== readers"
    cat /root/readers
    echo "== odd"
    for f in /root/race/*.status; do [ "$(cat "$f")" = 0 ] || cat "${f%status}out" "${f%status}err"; done
    echo "== state"
    end_state
}
all() { [ "$(compgen -G "/root/race/*.$1" | wc -l)" = "$2" ]; }
all_wait() { [ "$(cat /root/race/*.out /root/race/*.err | grep -c "waiting for another relayhost (process $$)")" = "$1" ]; }

# hold: a run, $holder, that has the lock and waits in postmap until it is killed.
hold() {
    wrap /usr/sbin/postmap "if [ -e /root/hold ]; then case \$* in -s*) ;; *) touch /root/held; exec sleep 60 ;; esac; fi
exec /root/postmap \"\$@\""
    touch /root/hold
    relayhost apply --no-verify >/root/holder 2>&1 &
    # shellcheck disable=SC2034 # the tests kill it
    holder=$!
    until [ -e /root/held ]; do sleep 0.02; done
    rm /root/hold
}

# is_read: whether what was written to the pipe on descriptor 9 has been taken out of it.
is_read() {
    python3 -c '
import array, fcntl, sys, termios
left = array.array("i", [0]); fcntl.ioctl(9, termios.FIONREAD, left); sys.exit(left[0] != 0)'
}
