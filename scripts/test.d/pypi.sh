# Does pip take anything from PyPI but the files whose digests scripts/pypi has? Sourced by scripts/test, after scripts/setup.sh,
# never run.
# shellcheck shell=bash

# pypi_lint: each list is refused when one of its digests is another; what is installed is what they list and no more.
pypi_lint() {
    local work=$TOP/target/pypi-lint lists=("$TOP"/scripts/pypi/*.txt) list status=0
    setup_pypi || return
    rm -rf "$work"
    mkdir -p "$work"
    for list in "${lists[@]}"; do
        # The first letter of each digest, so that no file of the first package fits.
        sed -E '/--hash=sha256:/{s/(sha256:)0/\1f/;t;s/(sha256:)./\10/}' "$list" >"$work/list.txt"
        if "$PYPI_BIN/pip" -q --disable-pip-version-check download --no-deps --require-hashes -d "$work" -r "$work/list.txt" \
            >"$work/said" 2>&1 </dev/null || ! grep -q 'DO NOT MATCH THE HASHES' "$work/said"; then
            cat "$work/said" >&2
            say "$list: pip takes files with other digests"
            status=1
        fi
    done
    "$PYPI_BIN/pip" --disable-pip-version-check list --format=freeze </dev/null | grep -v '^pip==' | sort >"$work/installed"
    grep -hoE '^[a-zA-Z0-9.-]+==[^ ]+' "$TOP/scripts/pypi/build.txt" "$TOP/scripts/pypi/pypi.txt" | sort >"$work/listed"
    if ! [ -s "$work/installed" ] || comm -23 "$work/installed" "$work/listed" | grep .; then
        say "target/pypi has what scripts/pypi does not list"
        status=1
    fi
    rm -rf "$work"
    echo "${#lists[@]} lists: pip refuses other digests"
    return "$status"
}
