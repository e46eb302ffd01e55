# The tree that relays run in, and the lab's certificates. Sourced after common.sh, never run.
# shellcheck shell=bash

# shellcheck source=scripts/lab.d/relay-ca.sh
. "$LAB_D/relay-ca.sh"

# What a relay is made of; then what the host half builds its RPMs with, so that the lab needs one such tree only.
LAB_RELAY_PACKAGES=(
    postfix postfix-pcre dovecot-core dovecot-imapd dovecot-lmtpd dovecot-sieve dnsmasq-base iproute2 openssl ca-certificates python3 python3-milter
    rpm createrepo-c
)

lab_relay_stamp() {
    printf '%s\n' "$LAB_SUITE" "${LAB_RELAY_PACKAGES[@]}" "$(declare -f lab_relay_prepare)" | sha256sum
}

# lab_relay_ready: 0 when the tree is there and was made from what is here now.
lab_relay_ready() { lab_stamped "$LAB_CACHE/relay/lab/stamp" "$(lab_relay_stamp)"; }

# lab_relay_root: makes $LAB_CACHE/relay, unless it is there and was made from the same inputs.
lab_relay_root() {
    lab_made relay lab_relay_ready lab_relay_make
    # As large as the new one, and no host runs while trees are built.
    rm -rf "$LAB_CACHE/relay.old"
}

lab_relay_make() {
    lab_step "relay tree ($LAB_SUITE: ${LAB_RELAY_PACKAGES[*]})" lab_debootstrap "$LAB_SUITE" "$1" "${LAB_RELAY_PACKAGES[@]}"
    lab_step "relay tree: prepare" lab_relay_prepare "$1"
    lab_relay_stamp >"$1/lab/stamp"
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
