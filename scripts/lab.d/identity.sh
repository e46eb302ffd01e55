# The lab's identity provider: oidc-provider from npm, at the digests of identity/package-lock.json. Sourced after common.sh,
# never run.
# shellcheck shell=bash

# The names that it answers to.
LAB_IDENTITY_NAMES=(login.microsoftonline.com oauth2.googleapis.com accounts.google.com identity.lab.test)

lab_identity_stamp() { sha256sum <"$LAB_D/identity/package-lock.json"; }
lab_identity_ready() { lab_stamped "$LAB_CACHE/identity/stamp" "$(lab_identity_stamp)"; }

# lab_identity: makes $LAB_CACHE/identity, unless it is there and was made of the same packages.
lab_identity() { lab_made identity lab_identity_ready lab_identity_make; }

lab_identity_make() {
    command -v npm >/dev/null || lab_step "apt-get install nodejs npm" sh -c \
        'apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -y -qq install nodejs npm'
    rm -rf "$1"
    mkdir -p "$1"
    cp "$LAB_D/identity/package.json" "$LAB_D/identity/package-lock.json" "$1/"
    lab_step "identity provider (npm)" env -C "$(realpath "$1")" npm ci --ignore-scripts --no-audit --no-fund
    lab_identity_stamp >"$1/stamp"
}

# lab_identity_secrets DIR: what the lab's applications prove themselves with, in DIR.
lab_identity_secrets() {
    local keys=$LAB_TOP/tests/oauth
    (
        umask 077
        mkdir -p "$1"
        cat "$keys/certificate.pem" "$keys/key.pem" >"$1/oauth.pem"
        printf 'lab~secret/with+odd=letters\n' >"$1/client-secret"
        awk -v ORS='\\n' 1 "$keys/key.pem" | sed 's/.*/{ "type": "service_account", "client_email": "relayhost@lab.iam.gserviceaccount.com", "private_key_id": "lab", "private_key": "&" }/' >"$1/service-account.json"
    )
}

# lab_identity_start ROOT: starts it beside the relay whose root this is, and waits until it answers. Dovecot finds the key of
# its tokens below ROOT/etc/relay/keys.
lab_identity_start() {
    local root=$1 own=$LAB_CACHE/mnt/identity san i
    mkdir -p "$own"
    cp "$LAB_D/identity/"*.mjs "$own/"
    ln -s "$LAB_CACHE/identity/node_modules" "$own/node_modules"
    san=$(printf 'DNS:%s,' "${LAB_IDENTITY_NAMES[@]}")
    # shellcheck disable=SC2016 # expanded by the inner shell
    chroot "$root" sh -ec '
        cd /etc/relay
        openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=identity -keyout identity.key -out identity.csr
        printf "subjectAltName=%s\nbasicConstraints=critical,CA:FALSE\n" "$1" >identity.ext
        openssl x509 -req -in identity.csr -CA /lab/ca/ca.pem -CAkey /lab/ca/ca.key -set_serial 1 -days 30 -extfile identity.ext -out identity.pem
    ' sh "${san%,}" >>"$root/var/log/relay/identity.log" 2>&1
    env -i PATH=/usr/bin:/bin node "$own/identity.mjs" "$root/etc/relay/identity.pem" "$root/etc/relay/identity.key" \
        "$LAB_TOP/tests/oauth/certificate.pem" "$root/etc/relay/keys/default/RS256" \
        </dev/null >>"$root/var/log/relay/identity.log" 2>&1 &
    for ((i = 0; i < 600; i++)); do
        if (exec 3<>"/dev/tcp/$LAB_RELAY4/443") 2>/dev/null; then return; fi
        sleep 0.05
    done
    tail -n 10 "$root/var/log/relay/identity.log" >&2
    printf 'lab: error: the identity provider is not there after 30 s\n' >&2
    return 1
}
