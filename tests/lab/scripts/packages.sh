# Holders of RPM's lock.
# shellcheck shell=bash

cp /bin/sleep /tmp/sleep
chmod 4755 /tmp/sleep
test -s /var/lib/rpm/.rpm.lock || touch /var/lib/rpm/.rpm.lock
stat -c 'mode %a' /var/lib/rpm/.rpm.lock

# held KIND: read_lock.py has its lock, and is $reader.
held() {
    rm -f /tmp/held
    python3 /lab/tests/lab/scripts/read_lock.py "$1" &
    # shellcheck disable=SC2034 # the tests end it
    reader=$!
    until [ -e /tmp/held ]; do sleep 0.05; done
    sleep 0.1
}
