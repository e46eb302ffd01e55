#!/bin/bash
# cuts.sh MACHINE [N]: N times, `relayhost apply` from one configuration to another on a machine of the Vagrantfile, and the plug
# pulled (vagrant halt --force) at a random instant of it; after the next boot it must be one of the two, and mail must flow.
# What it has the machine do is tests/cut.sh, as in scripts/vm. Wants a machine on which the tests have run.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")" || exit 1
machine=$1 number=${2:-3} bad=0
on() { vagrant ssh "$machine" -c "sudo env RELAYHOST_PATIENCE=3 /bin/bash /lab/payload/tests/cut.sh $1" 2>/dev/null </dev/null | tr -d '\r'; }

facts=$(on prepare)
whole=$(sed -n 's/^times [^ ]* [^ ]* //p' <<<"$facts")
if [ -z "$whole" ] || grep -q ^FAIL <<<"$facts"; then printf '%s\n' "$facts"; exit 1; fi
for ((cut = 1; cut <= number; cut++)); do
    instant=$(awk -v whole="$whole" -v seed="$RANDOM" 'BEGIN { srand(seed); printf "%.2f", rand() * whole }')
    vagrant ssh "$machine" -c 'sudo cp /lab/payload/tests/second.toml /etc/relayhost/answers.toml; sudo sync; sudo systemd-run -q /bin/bash /lab/payload/tests/cut.sh apply' \
        >/dev/null 2>&1 </dev/null
    sleep "$instant"
    vagrant halt --force "$machine" >/dev/null 2>&1
    vagrant up "$machine" --no-provision >/dev/null 2>&1 || { echo "it does not boot after cut $cut"; exit 1; }
    facts=$(on after)
    state=$(grep '^state ' <<<"$facts")
    printf '         cut %d after %s s: %s\n' "$cut" "$instant" "${state:-nothing is said}"
    case $state in 'state old 0 '* | 'state new 0 '*) ;; *) bad=1; printf '%s\n' "$facts" ;; esac
    # From the first configuration again.
    vagrant ssh "$machine" -c 'sudo cp /lab/payload/examples/authenticated.toml /etc/relayhost/answers.toml; sudo chmod 600 /etc/relayhost/answers.toml; sudo relayhost apply --no-verify' \
        >/dev/null 2>&1 </dev/null
done
exit "$bad"
