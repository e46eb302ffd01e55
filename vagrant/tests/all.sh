#!/bin/bash
# all.sh: the tests that need nobody's hand on the machine, one after the other: what `vagrant provision NAME --provision-with
# tests` runs on any machine. The last line is "N passed, N failed". scripts/vm has those that need boots and power cuts.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
passed=0 failed=0
for test in 'install.sh dnf' journal.sh erase.sh labels.sh 'selinux.sh work'; do
    printf '== %s\n' "$test"
    while IFS= read -r line; do
        printf '   %s\n' "$line"
        case $line in
            'ok '*) passed=$((passed + 1)) ;;
            'FAIL '*) failed=$((failed + 1)) ;;
            'ms '*) if [ "${line#ms }" -gt 180000 ]; then failed=$((failed + 1)); fi ;;
        esac
    done < <(eval "bash '$here'/$test" 2>&1 </dev/null)
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 20 ]
