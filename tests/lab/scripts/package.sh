# The package's file, and what is installed of what it needs.
# shellcheck shell=bash

# shellcheck disable=SC2034 # the tests install it
file=$(echo /lab/packages/x86_64/relayhost-[0-9]*.rpm)
there() {
    local name
    for name in relayhost cyrus-sasl-plain s-nail postfix; do
        command rpm -q --qf '%{NAME} ' $name | grep -v 'not installed'
    done | tr -d '\n'
    echo
}
