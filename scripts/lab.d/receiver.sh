# The receiver behind a relay: a second Postfix with opendkim, opendmarc and postgrey, of Debian's packages, as a layer over the
# relay's tree. Sourced after layer.sh, never run.
# shellcheck shell=bash

LAB_RECEIVER_PACKAGES=(opendkim opendmarc dbconfig-no-thanks postgrey)

lab_receiver_ready() {
    lab_stamped "$LAB_CACHE/receiver/stamp" "$(lab_layer_stamp lab_receiver_finish "${LAB_RECEIVER_PACKAGES[@]}")"
}

# lab_receiver: makes $LAB_CACHE/receiver, unless it is there and was made of the same packages over the same tree.
lab_receiver() { lab_made receiver lab_receiver_ready lab_receiver_make; }

lab_receiver_make() { lab_layer_make 'receiver' "$1" lab_receiver_finish "${LAB_RECEIVER_PACKAGES[@]}"; }

# lab_receiver_finish ROOT: what would cost time at each start: the directories of the second Postfix, and two keys for DKIM, with
# what is to stand in DNS of each.
lab_receiver_finish() {
    local root=$1
    mkdir -p "$root"/{etc/postfix-mx,var/spool/postfix-mx,var/lib/postfix-mx,etc/relay/dkim}
    chroot "$root" chown postfix /var/lib/postfix-mx
    cp "$root/etc/postfix/master.cf" "$root/etc/postfix-mx/"
    printf '%s\n' 'compatibility_level = 3.6' 'mydestination =' 'alias_maps =' 'queue_directory = /var/spool/postfix-mx' \
        'data_directory = /var/lib/postfix-mx' >"$root/etc/postfix-mx/main.cf"
    chroot "$root" postfix -c /etc/postfix-mx check
    # shellcheck disable=SC2016 # expanded by the inner shell
    chroot "$root" sh -ec 'cd /etc/relay/dkim
        for key in lab other; do
            openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$key.private"
            openssl pkey -in "$key.private" -pubout | sed /^-----/d | tr -d "\n" >"$key.public"
        done
        chown opendkim lab.private'
}
