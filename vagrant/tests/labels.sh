#!/bin/bash
# labels.sh: files that relayhost replaces keep their SELinux labels, by a command and by the unit, and get them back when they
# are put back. Where the kernel enforces nothing, labels are extended attributes like others.
# shellcheck source=vagrant/tests/lib.sh
. "$(dirname "$0")/lib.sh"
files=(main.cf sasl_passwd generic "sasl_passwd.$database" "generic.$database")

label() {
    if [ "$1" = get ] && [ "$enforced" ]; then
        (shift; cd /etc/postfix && stat -c '%n %C' "$@")
        return
    fi
    python3 - "$@" <<'END'
import os, sys
for name in sys.argv[2:]:
    path = '/etc/postfix/' + name
    if sys.argv[1] == 'set':
        os.setxattr(path, 'security.selinux', f'system_u:object_r:postfix_{name.replace(".", "_")}_t:s0\0'.encode())
    else:
        print(name, os.getxattr(path, 'security.selinux').decode().rstrip('\0') if 'security.selinux' in os.listxattr(path) else 'none')
END
}

enforced=''
if command -v selinuxenabled >/dev/null && selinuxenabled; then
    enforced=yes
    printf 'SELinux: %s\n' "$(getenforce)"
else
    label set "${files[@]}"
    printf 'no SELinux here: labels of our own\n'
fi
before=$(label get "${files[@]}")
answers "$here/second.toml"
relayhost apply >/dev/null 2>&1
expect 'apply changed the files' '0 [relay.lab.test]:587' "$? $(postconf -h relayhost)"
expect 'and their labels are as before' "$before" "$(label get "${files[@]}")"
answers "$payload/examples/authenticated.toml"
relayhost scriptlet post 1 --for op5-alerts
within 60 'the unit changes them again' nothing_waits
expect 'it did' '[smtp.example.com]:587' "$(postconf -h relayhost)"
expect 'and their labels are as before' "$before" "$(label get "${files[@]}")"
relayhost restore >/dev/null 2>&1
expect 'so they are when they are put back' "0 $before" "$? $(label get "${files[@]}")"
relayhost repair >/dev/null 2>&1
