# The lab's tests. Sourced by scripts/test, after scripts/setup.sh, never run.
# shellcheck shell=bash

# The tests that failed beside the others and passed alone.
UNSTEADY=$TOP/target/unsteady
# What the tests that failed said. The gate shows it at its very end, where a record of CI that is cut still has it.
REASONS=$TOP/target/reasons

# lab_tests THREADS FULL: hosts by the dozen share a few processors, so a relay's answer can come after a test has given it
# up. Of at most five tests that failed, each is run once more alone, and what it says alone decides; it is named at the end
# of the gate, to be mended. With FULL nothing is run again.
lab_tests() {
    local threads=$1 full=$2 out=$TOP/target/lab-tests.log names name status
    : >"$UNSTEADY"
    : >"$REASONS"
    cargo test --locked --no-fail-fast --test lab -- --show-output --test-threads "$threads" 2>&1 | tee "$out"
    status=${PIPESTATUS[0]}
    mapfile -t names < <(sed -n 's/^test \([a-z0-9_:]*\) \.\.\. FAILED$/\1/p' "$out")
    [ "$status" -ne 0 ] || return 0
    if [ -z "$full" ] && [ "${#names[@]}" -ge 1 ] && [ "${#names[@]}" -le 5 ]; then
        status=0
        for name in "${names[@]}"; do
            say "once more, alone: $name"
            if cargo test --locked --test lab -- --exact "$name"; then echo "$name" >>"$UNSTEADY"; else status=1; fi
        done
    fi
    for name in "${names[@]}"; do
        say "why $name failed first:"
        awk -v title="---- $name stdout ----" '$0 == title { on = 1 } on && /^---- / && $0 != title { on = 0 } on' "$out" | tail -n 40
    done >"$REASONS" 2>&1
    return "$status"
}
