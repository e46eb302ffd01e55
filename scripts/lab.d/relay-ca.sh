# The lab's two certificate authorities and the certificates that relays show. Sourced after common.sh, never run.
# shellcheck shell=bash

# lab_names: every host name that the examples and the presets' data use as a relay, and the lab's own, one a line.
# Where it depends on the tenant, the tenant is example.com. An address is not a name and is left out.
lab_names() {
    local dir
    {
        printf 'host = "relay.lab.test"\n'
        for dir in examples data src; do
            [ ! -d "$LAB_TOP/$dir" ] || find "$LAB_TOP/$dir" -name '*.toml' -exec cat {} +
        done
    } | sed -nE 's/^([^#]*[^[:alnum:]_#])?host[[:space:]]*=[[:space:]]*"([^"]*)".*/\2/p' \
        | sed 's/{domain}/example-com/' \
        | grep -E '^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*$' | LC_ALL=C sort -u
}

# lab_ca: makes $LAB_CACHE/ca, unless it is there and certifies today's names. The authorities are made once and
# stay, so that a host tree which trusts them need not be rebuilt when a name is added.
lab_ca() {
    local dir=$LAB_CACHE/ca lock
    mkdir -p "$LAB_CACHE"
    exec {lock}>"$LAB_CACHE/ca.lock"
    flock "$lock"
    if ! lab_ca_ready; then
        lab_step "certificates for $(lab_names | wc -l) names" lab_ca_make "$dir.new"
        # The old directory stays a while under another name: a relay that runs has it bind mounted.
        rm -rf "$dir.old"
        [ ! -e "$dir" ] || mv "$dir" "$dir.old"
        mv "$dir.new" "$dir"
    fi
    exec {lock}>&-
}

# lab_ca_ready: 0 when the certificates are there and certify today's names.
lab_ca_ready() { [ "$(cat "$LAB_CACHE/ca/stamp" 2>/dev/null)" = "$(lab_ca_stamp)" ]; }

lab_ca_stamp() { { lab_names; cat "$LAB_D/relay-ca.sh"; } | sha256sum; }

# lab_ca_make DIR: all of it, in DIR, with the openssl of the relay tree.
lab_ca_make() {
    local dir=$1 san
    rm -rf "$dir"
    mkdir -p "$dir"
    lab_names >"$dir/names"
    # Not among the names: relay.sh gives this one an IPv6 address only.
    san=$(sed 's/^/DNS:/' "$dir/names" | paste -sd,),DNS:v6only.lab.test,IP:$LAB_RELAY4,IP:$LAB_RELAY6
    if [ -e "$LAB_CACHE/ca/ca.key" ]; then
        cp -p "$LAB_CACHE/ca/"{ca,other-ca}.{pem,key} "$dir/"
    else
        lab_ca_authority "$dir" ca 'relayhost lab CA'
        lab_ca_authority "$dir" other-ca 'A CA that nobody trusts'
    fi
    lab_ca_certificate "$dir" ca server relay.lab.test "$san" 20250101000000Z 20450101000000Z
    lab_ca_certificate "$dir" ca expired relay.lab.test "$san" 20250101000000Z 20250201000000Z
    lab_ca_certificate "$dir" ca future relay.lab.test "$san" 20440101000000Z 20450101000000Z
    lab_ca_certificate "$dir" ca wrongname other.lab.test DNS:other.lab.test 20250101000000Z 20450101000000Z
    lab_ca_certificate "$dir" other-ca untrusted relay.lab.test "$san" 20250101000000Z 20450101000000Z
    # By nobody but itself; and one with the kind of key that an old relay has.
    lab_ca_openssl "$dir" req -new -x509 -newkey rsa:2048 -nodes -sha256 -days 7300 -subj /CN=relay.lab.test \
        -addext "subjectAltName=$san" -keyout selfsigned.key -out selfsigned.pem
    lab_ca_stamp >"$dir/stamp"
}

# lab_ca_openssl DIR ARG…: openssl in the relay tree, with DIR at /lab/ca; the mount dies with the subshell's own
# mount namespace, whatever happens.
lab_ca_openssl() {
    local dir=$1
    shift
    # shellcheck disable=SC2016 # expanded by the inner shell
    unshare --mount --propagation private sh -ec '
        mount --bind "$1" "$2/lab/ca"; cd "$2"; root=$2; shift 2
        exec chroot "$root" sh -ec "cd /lab/ca; exec openssl \"\$@\"" openssl "$@"' \
        sh "$dir" "$LAB_CACHE/relay" "$@"
}

# lab_ca_authority DIR NAME SUBJECT
lab_ca_authority() {
    # EC keys: made in no time, and every OpenSSL since EL7's knows P-256. LibreSSL, rustls and GnuTLS too.
    lab_ca_openssl "$1" req -new -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -sha256 -days 7300 \
        -subj "/CN=$3" -keyout "$2.key" -out "$2.pem" -addext basicConstraints=critical,CA:TRUE \
        -addext keyUsage=critical,keyCertSign,cRLSign
}

# lab_ca_certificate DIR CA NAME SUBJECT SAN FROM UNTIL: `openssl ca`, because `x509 -req` of OpenSSL 3.0 cannot set
# a date in the past for both ends, and a certificate whose end is before its beginning is not an expired one.
lab_ca_certificate() {
    local dir=$1 ca=$2 name=$3 subject=$4 san=$5 from=$6 until=$7
    cat >"$dir/openssl.cnf" <<END
[ca]
default_ca = this
[this]
database = /lab/ca/index
new_certs_dir = /lab/ca
rand_serial = yes
default_md = sha256
unique_subject = no
policy = policy
email_in_dn = no
[policy]
commonName = supplied
[server]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = $san
authorityKeyIdentifier = keyid
END
    : >"$dir/index"
    lab_ca_openssl "$dir" req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$subject" \
        -keyout "$name.key" -out "$name.csr"
    lab_ca_openssl "$dir" ca -batch -notext -config openssl.cnf -extensions server -cert "$ca.pem" -keyfile "$ca.key" \
        -startdate "$from" -enddate "$until" -in "$name.csr" -out "$name.pem"
    # What `openssl ca` keeps for itself: its database, and a second copy under the serial number.
    find "$dir" -name 'index*' -delete -o -name '*.csr' -delete -o -name openssl.cnf -delete \
        -o -regex '.*/[0-9A-F]*\.pem' -delete
}
