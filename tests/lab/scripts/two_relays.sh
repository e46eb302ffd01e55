# The answers for the second relay of the lab's `pair`, which takes odd1's login.
# shellcheck shell=bash

# second_answers LINE: LINE is what [sender] says.
second_answers() {
    cat <<END
version = 1
[relay]
host = "second.lab.test"
port = 2525
tls = "encrypt"
[auth]
username = "odd1@example.com"
password = "with space"
[sender]
$1
[verify]
to = "ops@example.com"
END
}
