# Are the kickstart files of packaging/ good? Sourced by scripts/test, after scripts/setup.sh, never run.
# shellcheck shell=bash

# The releases as pykickstart calls them; the newest Fedora that it knows comes on top.
KICKSTART_RELEASES=(RHEL7 RHEL8 RHEL9 RHEL10)

# kickstart_lint: each file is a kickstart for every release, its scripts please shellcheck, and it holds no password.
kickstart_lint() {
    local dir work=$TOP/target/kickstart files status=0 file release releases
    setup_pypi || return
    releases=("${KICKSTART_RELEASES[@]}" "$("$PYPI_BIN/ksvalidator" -l | grep -x 'F[0-9]*' | sort -V | tail -n 1)")
    dir=$TOP/packaging/kickstart
    files=("$dir"/*.ks)
    rm -rf "$work"
    mkdir -p "$work"
    kickstart_can_fail "${files[0]}" "$work" || return
    for file in "${files[@]}"; do
        for release in "${releases[@]}"; do
            kickstart_valid "$release" "$file" || { status=1; cat "$work/said" >&2; }
        done
        kickstart_scripts "$file" "$work" || status=1
        if grep -niE '^ *(password|.*--plaintext)' "$file"; then
            say "$file: that is a password; anybody who installs can read it"
            status=1
        fi
    done
    echo "${#files[@]} kickstart files: ${releases[*]}"
    return "$status"
}

# kickstart_valid RELEASE FILE: what pykickstart says of it is in target/kickstart/said.
kickstart_valid() { "$PYPI_BIN/ksvalidator" -v "$1" "$2" >"$TOP/target/kickstart/said" 2>&1; }

# kickstart_can_fail FILE DIR: a check that nothing can fail proves nothing: broken copies must be found.
kickstart_can_fail() {
    sed '/^%end/d' "$1" >"$2/no-end.ks"
    sed 's/^zerombr/zerombrr/' "$1" >"$2/unknown.ks"
    # RHEL 7 has that command, RHEL 10 has not.
    sed 's/^zerombr/install\n&/' "$1" >"$2/old.ks"
    if kickstart_valid RHEL9 "$2/no-end.ks" || kickstart_valid RHEL9 "$2/unknown.ks" ||
        kickstart_valid RHEL10 "$2/old.ks" || ! kickstart_valid RHEL7 "$2/old.ks"; then
        say "ksvalidator took a broken kickstart file of $2 for a good one, or a good one for broken"
        return 1
    fi
    # shellcheck disable=SC2016  # it is what is to be found
    printf '%%post\ncd $nowhere\n%%end\n' >"$2/careless.ks"
    if kickstart_scripts "$2/careless.ks" "$2" >/dev/null; then
        say "shellcheck had nothing to say of $2/careless.ks"
        return 1
    fi
}

# kickstart_scripts FILE DIR: shellcheck of each %post, as the script that Anaconda runs. Fails too if there is none.
kickstart_scripts() {
    rm -f "$2"/post-*.sh
    awk -v dir="$2" '
        /^%end/ { close(file); file = "" }
        file { print > file }
        /^%post/ { file = dir "/post-" ++n ".sh"; print "#!/bin/sh" > file }
    ' "$1"
    shellcheck "$2"/post-*.sh
}
