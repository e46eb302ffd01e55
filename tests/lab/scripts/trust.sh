# A host that is as the answers in /srv/a say, which have their password in a file of its own.
# shellcheck shell=bash

mkdir -m 755 /srv/a
sed -n 's/^password *= "\(.*\)"/\1/p' /etc/relayhost/answers.toml >/srv/a/password
sed 's|^password .*|password_file = "/srv/a/password"|' /etc/relayhost/answers.toml >/srv/a/good.toml
chmod 600 /srv/a/*
relayhost apply --no-verify >/dev/null || exit 9
sum() { (cd /etc/postfix && sha256sum main.cf sasl_passwd* generic*); ls /var/lib/relayhost/generations; }
sum >/root/before

reset() {
    chown 0 /srv
    chmod 755 /srv
    rm -rf /srv/b /tmp/*
    mkdir -m 755 /srv/b
    cp -a /srv/a/good.toml /srv/b/a.toml
    cp -a /srv/a/password /srv/b/p
    cd /srv/b || exit 9
}

# try ANSWERS: each command of $COMMANDS with those answers.
try() {
    local c
    for c in $COMMANDS; do
        # shellcheck disable=SC2086 # a command with its options
        timeout 60 relayhost ${c/apply/apply --no-verify} --answers "$1" >/root/out 2>/root/err
        echo "$c: $?"
        cat /root/err
    done
    sum | cmp -s - /root/before && echo untouched
}
