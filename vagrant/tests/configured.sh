#!/bin/bash
# configured.sh: relayhost is installed, with all that it needs, and has done its work: where most tests begin.
# shellcheck source=vagrant/tests/lib.sh
. "$(dirname "$0")/lib.sh"
answers "$payload/examples/authenticated.toml"
rpm -i "$payload/${1:-packages}"/x86_64/relayhost-[0-9]*.rpm >/dev/null 2>&1 || bad 'the package cannot be installed'
within 60 'relayhost is installed, and mail goes out' nothing_waits
within 20 'the unit has ended' pending_is inactive
