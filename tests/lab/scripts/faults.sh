# A host with a working relay, and other answers, $new, that change everything; what is asked of it after an attempt.
# shellcheck shell=bash

files() { (cd /etc/postfix && sha256sum main.cf sasl_passwd* generic*); }
attempt() { relayhost apply --no-verify --answers "$new"; echo "exit $?"; }
unchanged() {
    files | cmp - /root/before && echo same
    find /etc/postfix -mindepth 1 -maxdepth 1 -name '*.relayhost-*' -printf 'left: %f\n'
    ls /var/lib/relayhost
}
delivers() { relayhost verify | grep -F '[smtp.example.com]:587 said: 250' && echo delivered; }

set -u
new=/root/new.toml old=/etc/relayhost/answers.toml
sed 's/"smtp.example.com"/"relay.lab.test"/; s/^port = 587/&\nip = "ipv4"/' $old >$new
chmod 600 $new
relayhost apply >/dev/null || exit 99
files >/root/before
