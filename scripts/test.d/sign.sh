# Does scripts/rpm.d/sign.sh sign by the right key, refuse the wrong ones, and leave nothing running? With real gpg and rpm, on a
# small package. Sourced by scripts/test, after scripts/setup.sh, never run.
# shellcheck shell=bash

# sign_lint: all of it, in a directory that is too deep for a socket.
sign_lint() (
    set -euo pipefail
    setup_tools rpmbuild createrepo_c rpmsign gpg gpg-agent
    # shellcheck source=scripts/rpm.d/sign.sh
    . "$TOP/scripts/rpm.d/sign.sh"
    work=$TOP/target/sign-lint
    own=$work/$(printf '%0120d' 0)/key
    status=0
    rm -rf "$work"
    mkdir -p "${own%/*}" "$work/rpms"
    # Short, since GnuPG's own sockets are tried in it.
    theirs=$(mktemp -d /tmp/sign-lint.XXXXXX)
    trap 'GNUPGHOME=$theirs gpgconf --kill gpg-agent; rm -rf "$theirs"' EXIT

    printf '%s\n' 'Name: small' 'Version: 1' 'Release: 1' 'Summary: x' 'License: x' 'BuildArch: noarch' '%description' x '%files' \
        >"$work/small.spec"
    rpmbuild --quiet -bb --define "_topdir $work/build" --define "_rpmdir $work/rpms" "$work/small.spec" >"$work/log" 2>&1 ||
        { cat "$work/log"; return 1; }
    unsigned=$work/rpms/noarch/small-1-1.noarch.rpm

    bad() { say "signing: $*"; status=1; }
    # agents: those of this test that run, by where their keys are; another scripts/rpm may run beside it.
    agents() { pgrep -a gpg-agent | grep -F -e "$theirs" -f "$work/links" || :; }
    # sign NAME DIR [KEY]: as scripts/rpm does, in a shell of its own; $work/NAME is the repository, $work/NAME.said what was said.
    sign() (
        local repo=$work/$1
        rm -rf "$repo"
        mkdir -p "$repo"
        cp "$unsigned" "$repo/"
        trap sign_end EXIT
        sign_begin "${@:2}"
        [ -z "$sign_link" ] || echo "$sign_link" >>"$work/links"
        sign_packages "$repo.log" "$repo"/*.rpm
        createrepo_c -q "$repo"
        sign_metadata "$repo"
        agents >"$repo.agents"
    ) >"$work/$1.said" 2>&1
    # header FILE: the digest of its header, which has that of the payload.
    header() { rpm -qp --nosignature --qf '%{SHA256HEADER}' "$1"; }
    # good NAME: is what is in it signed by the key beside it, and by nothing else?
    good() {
        local repo=$work/$1 db=$work/$1.db
        rm -rf "$db" "$repo.gpg"
        mkdir -m 700 "$db" "$repo.gpg"
        ! rpmkeys --dbpath "$db" -K "$repo"/*.rpm >"$repo.said" 2>&1 || bad "$1: rpm wants no key"
        rpmkeys --dbpath "$db" --import "$repo/RPM-GPG-KEY" || bad "$1: rpm does not take the key"
        rpmkeys --dbpath "$db" -K "$repo"/*.rpm | grep -q 'digests signatures OK$' || bad "$1: rpm finds the signature bad"
        gpg -q --batch --dearmor --output "$repo.gpg/key" "$repo/RPM-GPG-KEY"
        gpgv -q --keyring "$repo.gpg/key" "$repo/repodata/repomd.xml.asc" "$repo/repodata/repomd.xml" 2>"$repo.said" ||
            bad "$1: the signature of the metadata is bad"
        [ "$(header "$repo"/*.rpm)" = "$(header "$unsigned")" ] || bad "$1: the package is another, not only its signature"
    }

    # A key of its own: made once, the same for all later runs.
    sign made "$own" || { cat "$work/made.said"; bad 'no key can be made'; }
    good made
    sign again "$own" || bad 'the key that was made does not serve'
    good again
    cmp "$work/made/RPM-GPG-KEY" "$work/again/RPM-GPG-KEY" || bad 'each run makes a key'
    # A killed run leaves its agent, and somebody clears /tmp.
    (sign_begin "$own"; rm -r "$sign_link") >"$work/killed.said" 2>&1
    sign after "$own" || bad 'after a run that was killed nothing can be signed'
    good after
    [ "$(stat -c %a "$own")" = 700 ] || bad 'others can read the key'
    [ -s "$work/again.agents" ] || bad 'no agent was seen: this test looks for the wrong thing'

    # The caller's, whose agent is left as it was.
    export GNUPGHOME=$theirs
    make() { gpg --batch --quiet --passphrase '' "$@" >>"$work/log" 2>&1; }
    make --quick-generate-key 'rsa@example.com' rsa2048 sign never
    make --quick-generate-key 'curve@example.com' ed25519 sign never
    make --quick-generate-key 'subkey@example.com' rsa2048 cert never
    make --quick-add-key "$(gpg --with-colons --list-keys subkey@example.com 2>>"$work/log" | awk -F: '/^fpr/ { print $10; exit }')" rsa2048 sign never
    make --faked-system-time 20200101T000000 --quick-generate-key 'old@example.com' rsa2048 sign 1d
    make --quick-generate-key 'two@example.com one' rsa2048 sign never
    make --quick-generate-key 'two@example.com other' rsa2048 sign never
    sign theirs "$own" rsa@example.com || bad "the caller's key does not serve"
    good theirs
    [ -n "$(agents)" ] || bad "the caller's agent was ended"
    gpgconf --kill gpg-agent
    sign theirs "$own" rsa@example.com || bad "the caller's key does not serve without an agent"
    good theirs
    while IFS='|' read -r key says; do
        if sign refused "$own" "$key" || ! grep -qF -e "$says" "$work/refused.said"; then bad "$key: no '$says'"; fi
    done <<'KEYS'
nobody@example.com|has no secret key
curve@example.com|is not an RSA key that signs itself
subkey@example.com|is not an RSA key that signs itself
old@example.com|has expired
two@example.com|more than one secret key fits
KEYS
    unset GNUPGHOME

    # Two at once.
    sign left "$own" & left=$!
    sign right "$work/right-key" & right=$!
    wait "$left" || bad 'one of two at once fails'
    wait "$right" || bad 'the other of two at once fails'
    good left
    good right

    # An agent ends when it has been told to, which takes it an instant.
    for _ in $(seq 50); do [ -n "$(agents)" ] || break; sleep 0.1; done
    [ -z "$(agents)" ] || bad "an agent is left: $(agents)"
    while read -r link; do [ ! -e "$link" ] || bad "$link is left"; done <"$work/links"
    [ "$status" -ne 0 ] || rm -rf "$work"
    echo "signing: a key of its own, the caller's, five that are refused, two runs at once"
    exit "$status"
)
