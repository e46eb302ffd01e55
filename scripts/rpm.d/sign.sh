# Signs packages and a repository's metadata with GnuPG and rpmsign, so that rpm 4.11 of EL7 and all later ones can check them.
# Sourced by scripts/rpm and scripts/test.d/sign.sh after setup.sh, never run. Order: sign_begin, the others, sign_end.
# shellcheck shell=bash

# sign_begin DIR [KEY]: SIGN_KEY becomes the fingerprint of the key to sign with: KEY, which is in the caller's own GnuPG (an id,
# a fingerprint, an address), or without KEY the one in DIR, which is made if there is none.
sign_begin() {
    local dir=$1 wanted=${2:-}
    sign_link='' sign_agent='' sign_began=yes
    if [ -n "$wanted" ]; then
        export GNUPGHOME=${GNUPGHOME:-$HOME/.gnupg}
        # One that runs already is the caller's, and knows his passphrase. This asks for it without starting one.
        sign_agent=$(gpg-connect-agent --no-autostart 'getinfo pid' /bye 2>/dev/null) || sign_agent=''
        sign_find "$wanted" ||
            die "GnuPG has no secret key '$wanted' in $GNUPGHOME: 'gpg --list-secret-keys' shows which there are; GNUPGHOME is where it looks"
    else
        mkdir -p "$dir"
        chmod 700 "$dir"
        # By a short name: the agent's socket lies in it, and the path of a socket may have 107 bytes.
        sign_link=$(mktemp -d /tmp/rpm-sign.XXXXXX)
        ln -s "$dir" "$sign_link/home"
        export GNUPGHOME=$sign_link/home
        # One that a killed scripts/rpm left looks for the key by a name that may be gone.
        gpgconf --kill gpg-agent >/dev/null 2>&1 || :
        sign_find '' || { sign_make "$dir" && sign_find ''; } || die "no key could be made in $dir: 'rm -r $dir' has the next run begin anew"
    fi
}

# sign_run CMD…: without the lock of scripts/rpm, which an agent that it starts would hold.
sign_run() { if [ -n "${lock:-}" ]; then "$@" {lock}>&-; else "$@"; fi; }

sign_gpg() { sign_run gpg --quiet --no-tty "$@"; }

# sign_make DIR: a key without a passphrase.
sign_make() {
    local name="relayhost packages (key made by scripts/rpm)"
    say "no key is given, and none is here: making one …"
    (umask 077 && sign_gpg --batch --pinentry-mode loopback --passphrase '' --quick-generate-key "$name" rsa4096 sign never) \
        >"$dir/log" 2>&1 || { cat "$dir/log" >&2; return 1; }
    rm -f "$dir/log"
    say "made a signing key without a passphrase, in $dir: whoever can read that directory can sign as you, and without it" \
        "the next key is another, which hosts must be given anew. 'scripts/rpm --sign KEY' signs with a key of your own"
}

# sign_find WANTED: sets SIGN_KEY, if there is such a secret key, or any at all for ''; ends the script if rpm 4.11 could not
# check what it signs.
sign_find() {
    local keys validity algorithm id capabilities
    keys=$(sign_gpg --batch --with-colons --list-secret-keys ${1:+"$1"} 2>/dev/null </dev/null) || return 1
    # Of each: "sec" with validity, algorithm, capabilities; and the fingerprint, which is the first line "fpr" after it.
    keys=$(awk -F: '$1 == "sec" { validity = $2; algorithm = $4; can = $12; wanted = 1 }
        $1 == "fpr" && wanted { print validity "-", algorithm, $10, can "-"; wanted = 0 }' <<<"$keys")
    [ -n "$keys" ] || return 1
    [ "$(wc -l <<<"$keys")" -eq 1 ] ||
        die "more than one secret key fits '$1': give the fingerprint of one: $(cut -d' ' -f3 <<<"$keys" | paste -sd' ')"
    read -r validity algorithm id capabilities <<<"$keys"
    case $validity in [erdi]*) die "the key $id has expired, is revoked, disabled or not valid: 'gpg --list-secret-keys $id' says which" ;; esac
    # OpenPGP's number for RSA (RFC 4880, 9.1). Small letters are what the primary key itself can do, and rpm 4.11 knows no subkeys.
    [[ $algorithm == 1 && $capabilities == *s* ]] ||
        die "the key $id is not an RSA key that signs itself, without a subkey; EL7's rpm 4.11 checks neither newer curves nor subkeys: make one, 'gpg --quick-generate-key NAME rsa4096 sign never', and give that"
    SIGN_KEY=$id
}

# sign_packages LOG FILE…: each gets a signature of its header, and of header and payload: rpm 4.11 has nothing else that says
# that the payload is the signer's; later ones find its digest in the header.
sign_packages() {
    local log=$1 legacy=()
    shift
    # Before rpm 4.14 both were always made, and there was no such option.
    ! rpmsign --help | grep -q -e --rpmv3 || legacy=(--rpmv3)
    # "!": this key, none of its subkeys. Debian's rpm looks for gpg2, which Debian has no more.
    if ! sign_run rpmsign --addsign "${legacy[@]}" --define "__gpg $(command -v gpg)" --define "_gpg_path $GNUPGHOME" \
        --define "_gpg_name $SIGN_KEY!" --define '_gpg_digest_algo sha256' "$@" >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        die "rpmsign could not sign; all of its output is in $log"
    fi
}

# sign_metadata REPO: of the repository in REPO the list of its metadata, which has their digests; the public key beside it.
sign_metadata() {
    local repo=$1
    rm -f "$repo/repodata/repomd.xml.asc" "$repo/RPM-GPG-KEY"
    sign_gpg --local-user "$SIGN_KEY!" --digest-algo SHA256 --armor --output "$repo/repodata/repomd.xml.asc" \
        --detach-sign "$repo/repodata/repomd.xml" || die "gpg could not sign $repo/repodata/repomd.xml"
    sign_gpg --armor --export-options export-minimal --output "$repo/RPM-GPG-KEY" --export "$SIGN_KEY" ||
        die "gpg could not export the public key"
    # Nothing in it is secret, whatever the umask.
    chmod 644 "$repo/RPM-GPG-KEY" "$repo/repodata/repomd.xml.asc"
}

# sign_end: ends the agent, unless it is one that the caller had before; may be called at any time.
sign_end() {
    [ -n "${sign_began:-}" ] || return 0
    [ -n "$sign_agent" ] || gpgconf --kill gpg-agent >/dev/null 2>&1 || :
    [ -z "$sign_link" ] || rm -rf "$sign_link"
    sign_began=''
}
