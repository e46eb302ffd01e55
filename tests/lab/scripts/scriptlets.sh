# Packages whose scriptlets ask for a run or take their time.
# shellcheck shell=bash

# shellcheck disable=SC2016 # for the scriptlet to expand
package asks <<<$'%post\nrelayhost scriptlet post "$1" --for asks'
# slow holds RPM's lock from the moment that /root/slow is there until somebody reads /root/go.
mkfifo /root/go
package slow <<<$'%post\ntouch /root/slow; echo >/root/go'
transaction() { command rpm ${FORCE:+"$FORCE"} -i /root/slow.rpm & until [ -e /root/slow ]; do sleep 0.05; done; }
goes_on() { read -r _ </root/go; }

# typed COMMAND: calls it in a scriptlet, then does what it recorded.
typed() {
    local before
    package typed <<<$'%post\n'"$1 >/dev/null 2>&1"
    rpm -i /root/typed.rpm
    waits
    before=$(mails)
    relayhost pending >/root/out
    echo "$1: $?, $(($(mails) - before)) more"
    waits
    rpm -e typed
}
