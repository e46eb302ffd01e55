# The tree that relays run in, and the lab's certificates. Sourced after common.sh, never run.
# shellcheck shell=bash

# shellcheck source=scripts/lab.d/relay-ca.sh
. "$LAB_D/relay-ca.sh"

# What a relay is made of; then what the host half builds its RPMs with, so that the lab needs one such tree only.
LAB_RELAY_PACKAGES=(
    postfix postfix-pcre dovecot-core dnsmasq-base iproute2 openssl ca-certificates python3 python3-milter
    rpm createrepo-c
)

lab_relay_stamp() {
    printf '%s\n' "$LAB_SUITE" "${LAB_RELAY_PACKAGES[@]}" "$(declare -f lab_relay_prepare)" | sha256sum
}

# lab_relay_ready: 0 when the tree is there and was made from what is here now.
lab_relay_ready() { [ "$(cat "$LAB_CACHE/relay/lab/stamp" 2>/dev/null)" = "$(lab_relay_stamp)" ]; }

# lab_relay_root: makes $LAB_CACHE/relay, unless it is there and was made from the same inputs.
lab_relay_root() {
    local dir=$LAB_CACHE/relay lock
    mkdir -p "$LAB_CACHE"
    exec {lock}>"$LAB_CACHE/relay.lock"
    flock "$lock"
    if ! lab_relay_ready; then
        lab_step "relay tree ($LAB_SUITE: ${LAB_RELAY_PACKAGES[*]})" \
            lab_debootstrap "$dir.new" "${LAB_RELAY_PACKAGES[@]}"
        lab_step "relay tree: prepare" lab_relay_prepare "$dir.new"
        lab_relay_stamp >"$dir.new/lab/stamp"
        rm -rf "$dir"
        mv "$dir.new" "$dir"
    fi
    exec {lock}>&-
}

# lab_relay_prepare DIR: everything that would cost time at each start of a relay and is the same for all.
lab_relay_prepare() {
    local dir=$1
    # debootstrap takes this directory away when it is done: a tree that still has it is not whole.
    [ ! -e "$dir/debootstrap" ]
    mkdir -p "$dir/lab/ca" "$dir/lab/relays" "$dir/var/log/relay" "$dir/etc/relay"
    # Debian makes an "Internet Site" of a Postfix when nobody is asked. A relay brings its own configuration whole;
    # only the queue directories and their owners, which `postfix check` makes, stay.
    printf '%s\n' 'compatibility_level = 3.6' 'mydestination =' 'alias_maps =' >"$dir/etc/postfix/main.cf"
    chroot "$dir" postfix check
    # The owner of the mailbox: virtual(8) delivers to any number, but a number without a name puzzles who reads it.
    chroot "$dir" useradd --system --uid 990 --no-create-home --home-dir /lab/mailbox mailbox
}
