# What the hosts of field.toml may call, and what is done with each.
# shellcheck shell=bash

# add: appends its standard input to main.cf.
add() { cat >>/etc/postfix/main.cf; }

# login KEY: a table of passwords with the right one under KEY.
login() {
    echo "$1 alerts@example.com:correct horse battery staple" >/etc/postfix/sasl_passwd
    chmod 600 /etc/postfix/sasl_passwd
}

# files: what relayhost may change, as bytes, mode and owner.
files() {
    local file
    for file in main.cf master.cf sasl_passwd generic; do
        [ -e "/etc/postfix/$file" ] || { echo "no $file"; continue; }
        stat -c '%n %a %u:%g' "/etc/postfix/$file"
        sha256sum "/etc/postfix/$file"
    done
}

# try_host AFTER MEND: looks, applies, takes it back, mends and applies. The host is made already.
try_host() {
    local status before
    postfix reload
    files >/root/before
    echo '== check' >&3
    relayhost check --json >&3
    echo '== apply' >&3
    before=$(mails)
    relayhost apply --json >&3 2>/root/complaint
    status=$?
    echo '== ended' >&3
    echo "$status" >&3
    cat /root/complaint >&3
    [ "$status" -ne 0 ] || { await has_mails $((before + 1)) && echo arrived >&3; }
    echo '== main.cf' >&3
    # It may be in an encoding that no report shows.
    iconv -c -f UTF-8 -t UTF-8 /etc/postfix/main.cf | tr -d '\0' >&3
    echo '== after' >&3
    bash -c "$1" && echo good >&3
    echo '== diagnose' >&3
    relayhost diagnose --json >&3
    echo '== restored' >&3
    # A run that changed nothing, or put everything back, leaves nothing to restore.
    relayhost restore 0
    files >/root/after
    diff /root/before /root/after >&3 && echo same >&3
    echo '== mended' >&3
    before=$(mails)
    bash -c "$2"
    relayhost apply
    echo "$?" >&3
    await has_mails $((before + 1)) && echo arrived >&3
}
