# Whether anything of the host changes.
# shellcheck shell=bash

state() {
    find /etc/postfix /var/lib/relayhost/generations -printf '%p %i %m %T@ %C@\n' 2>/dev/null | sort
    rpm -qa | sort
}

# probe: probes, and shows the document, whether any file of Postfix or package changed, and the mailbox.
probe() {
    state >/root/before
    echo '== probe'
    relayhost probe --json --timeout 10s 2>/root/err
    echo '== after'
    state | diff /root/before - && echo untouched
    mails
    cat /root/err
}
