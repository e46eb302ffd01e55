# The lab's tests. Sourced by scripts/test, after scripts/setup.sh, never run.
# shellcheck shell=bash

# shellcheck source=scripts/lab.d/generations.sh
. "$TOP/scripts/lab.d/generations.sh"

# The tests that failed beside the others and passed alone.
UNSTEADY=$TOP/target/unsteady
# What the tests that failed said. The gate shows it at its very end, where a record of CI that is cut still has it.
REASONS=$TOP/target/reasons
# How the build of each generation but the default one ended: a line "NAME STATUS" for each.
BUILT=$TOP/target/generations

# What runs on every generation with --all-generations: the modules whose expectations are asked from tests/lab/generation.rs.
# shellcheck disable=SC2034 # scripts/test names them
LAB_MODULES=(
    generation:: main_job:: refusals:: undo:: packages:: package:: transactions:: scriptlets:: hooks:: diagnose:: upgrade::
    matrix:: former_senders::
)
# And without: that a bare host ends with a delivered message, that everything goes back, that a host which becomes one of the
# next release loses no mail, and that the package manager calls the hook.
# shellcheck disable=SC2034
LAB_SMOKE=(
    generation:: main_job::a_bare_host main_job::a_second_apply main_job::maps_are_roots
    undo::a_refusal_puts undo::restore_gives undo::repair_is upgrade:: hooks:: former_senders::what_waits_leaves
)

lab_others() { printf '%s\n' "${LAB_GENERATIONS[@]}" | grep -vx "$LAB_GENERATION_DEFAULT"; }

# lab_build_others: builds them, while the processors wait for something else.
lab_build_others() {
    local generation status
    : >"$BUILT"
    for generation in $(lab_others); do
        status=0
        nice -n 19 scripts/lab build --generation "$generation" || status=$?
        echo "$generation $status" >>"$BUILT"
    done
}

# lab_build_machines: what scripts/vm needs, likewise: the package to upgrade from, and the box, which is booted once.
lab_build_machines() { nice -n 19 scripts/vm --ready; }

# lab_log GENERATION: where the output of its tests goes.
lab_log() { printf '%s' "$TOP/target/lab-tests.$1.log"; }

# lab_tests THREADS FULL GENERATION [FILTER…]: hosts by the dozen share a few processors, so a relay's answer can come after a test
# has given it up. Of at most five tests that failed, each is run once more alone, and what it says alone decides; it is named
# at the end of the gate, to be mended. With FULL nothing is run again.
lab_tests() {
    local threads=$1 full=$2 out names name status
    local -x RELAYHOST_LAB_GENERATION=$3
    out=$(lab_log "$3")
    shift 3
    cargo test --locked --no-fail-fast --test lab -- --show-output --test-threads "$threads" "$@" 2>&1 | tee "$out"
    status=${PIPESTATUS[0]}
    mapfile -t names < <(sed -n 's/^test \([a-z0-9_:]*\) \.\.\. FAILED$/\1/p' "$out")
    [ "$status" -ne 0 ] || return 0
    if [ -z "$full" ] && [ "${#names[@]}" -ge 1 ] && [ "${#names[@]}" -le 5 ]; then
        status=0
        for name in "${names[@]}"; do
            say "once more, alone: $name ($RELAYHOST_LAB_GENERATION)"
            if cargo test --locked --test lab -- --exact "$name"; then
                echo "$RELAYHOST_LAB_GENERATION/$name" >>"$UNSTEADY"
            else
                status=1
            fi
        done
    fi
    for name in "${names[@]}"; do
        say "why $name ($RELAYHOST_LAB_GENERATION) failed first:"
        awk -v title="---- $name stdout ----" '$0 == title { on = 1 } on && /^---- / && $0 != title { on = 0 } on' "$out" | tail -n 40
    done >>"$REASONS" 2>&1
    return "$status"
}

# What is shown on machines of every generation with --full: installed, late, cut off, upgraded, and the log.
VM_OTHERS=(dnf rpm late cuts logs upgrade)

# vm_others CUTS: those on machines of each other generation. One whose suite no mirror serves any more is skipped.
vm_others() {
    local generation built status=0
    for generation in $(lab_others); do
        built=0
        scripts/vm --generation "$generation" --cuts "$1" "${VM_OTHERS[@]}" || built=$?
        case $built in
            0) ;;
            3)
                say "machines of $generation are skipped: Debian's mirror does not serve what they are made of"
                printf '0 passed, 0 failed, 1 skipped\n'
                ;;
            *) status=1 ;;
        esac
    done
    return "$status"
}

# page_others: the page in the Cockpit of each other generation. One whose suite no mirror serves any more is skipped.
page_others() {
    local generation built status=0
    while read -r generation built <&3; do
        case $built in
            0) scripts/page test --generation "$generation" || status=1 ;;
            3) printf '0 passed, 0 failed, 1 skipped\n' ;;
            *)
                printf '0 passed, 1 failed\n'
                status=1
                ;;
        esac
    done 3<"$BUILT"
    return "$status"
}

# lab_tests_others THREADS FULL FILTER…: the same on each other generation. One whose suite no mirror serves any more is skipped,
# and said to be.
lab_tests_others() {
    local threads=$1 full=$2 generation built status=0
    shift 2
    while read -r generation built <&3; do
        rm -f "$(lab_log "$generation")"
        case $built in
            0)
                say "generation $generation"
                lab_tests "$threads" "$full" "$generation" "$@" || status=1
                ;;
            3)
                say "generation $generation is skipped: Debian's mirror does not serve what it is made of"
                echo skipped >"$(lab_log "$generation")"
                printf '0 passed, 0 failed, 1 skipped\n'
                ;;
            *)
                say "generation $generation could not be built (scripts/lab build --generation $generation ended with $built)"
                echo 'not built' >"$(lab_log "$generation")"
                printf '0 passed, 1 failed\n'
                status=1
                ;;
        esac
    done 3<"$BUILT"
    return "$status"
}

# lab_table LOG: for each module and generation how many tests passed, and how many failed; and for each scenario how much was shown
# on machines that boot, by what scripts/vm has written to LOG.
lab_table() {
    local generation
    for generation in "$LAB_GENERATION_DEFAULT" $(lab_others); do
        [ ! -e "$(lab_log "$generation")" ] || sed "s|^|$generation |" "$(lab_log "$generation")"
    done | cat - <(sed -n 's/^-- \([a-z]*\)\( (\([a-z0-9-]*\))\)\{0,1\}: [a-zA-Z]*, \([0-9]*\) shown, \([0-9]*\) failed, .*/machine \1 \4 \5 \3/p' "$1") | awk -v order="$LAB_GENERATION_DEFAULT $(lab_others | paste -sd ' ')" -v unsteady="$(cat "$UNSTEADY" 2>/dev/null)" '
        BEGIN { count = split(order, generations, " "); split(unsteady, list, "\n"); for (i in list) steady[list[i]] = 1 }
        $2 == "skipped" || $2 " " $3 == "not built" { word[$1] = $2 " " $3 }
        $1 == "machine" {
            generation = NF == 5 ? $5 : generations[1]; module = "vm " $2
            if (!(module in seen)) { seen[module] = 1; modules[++n] = module }
            passed[module, generation] += $3
            if ($4 > 0) failed[module, generation] += $4
            next
        }
        $2 != "test" || $4 != "..." { next }
        { split($3, part, "::"); module = part[1]; if (!(module in seen)) { seen[module] = 1; modules[++n] = module } }
        $5 == "ok" || ($1 "/" $3) in steady { passed[module, $1]++ }
        $5 == "FAILED" && !(($1 "/" $3) in steady) { failed[module, $1]++ }
        END {
            printf "%-14s", "passed"
            for (g = 1; g <= count; g++) printf " %-16s", generations[g]
            print ""
            for (m = 1; m <= n; m++) {
                printf "%-14s", modules[m]
                for (g = 1; g <= count; g++) {
                    at = modules[m] SUBSEP generations[g]
                    cell = at in passed ? passed[at] "" : "-"
                    if (at in failed) cell = cell ", " failed[at] " FAILED"
                    if (generations[g] in word) cell = word[generations[g]]
                    printf " %-16s", cell
                }
                print ""
            }
        }' | sed 's/ *$//'
}
