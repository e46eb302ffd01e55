# A layer over the relay's tree: packages of Debian's that few hosts need. Sourced after relay-root.sh, never run.
# shellcheck shell=bash

# lab_layer_stamp FINISH PACKAGE…: what a layer is made of.
lab_layer_stamp() {
    printf '%s\n' "$@" "$(declare -f lab_layer_make lab_layer_install "$1")" "$(lab_relay_stamp)" | sha256sum
}

# lab_layer_make TEXT DIR FINISH PACKAGE…: has the packages in DIR/upper, with what the function FINISH does in the tree, which
# is its argument.
lab_layer_make() {
    local text=$1 dir=$2 finish=$3
    shift 3
    rm -rf --one-file-system "$dir"
    mkdir -p "$dir"/{upper,work,root}
    # In mounts and processes of its own, so that nothing of them stays when this is killed.
    lab_step "$text ($LAB_SUITE: $*)" \
        unshare --mount --pid --fork --kill-child=KILL --propagation private -- \
        bash -euc "$(declare -f lab_layer_install "$finish")"$'\nlab_layer_install "$@"' lab-layer \
        "$dir" "$LAB_CACHE/relay" "$finish" "$@"
    rm -rf "$dir"/{work,root}
    lab_layer_stamp "$finish" "$@" >"$dir/stamp"
}

# lab_layer_install DIR RELAY FINISH PACKAGE…: with the names and the mirror of this machine; no service is started.
lab_layer_install() {
    local dir=$1 root=$1/root relay=$2 finish=$3
    shift 3
    mount -t overlay overlay -o "lowerdir=$relay,upperdir=$dir/upper,workdir=$dir/work" "$root"
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs tmpfs "$root/tmp"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 0755 "$root/usr/sbin/policy-rc.d"
    export DEBIAN_FRONTEND=noninteractive
    local install=(apt-get -y -qq --no-install-recommends -o Dpkg::Options::=--force-unsafe-io install "$@")
    # debootstrap has left its lists; the mirror may have newer ones by now.
    chroot "$root" "${install[@]}" || { chroot "$root" apt-get -qq update; chroot "$root" "${install[@]}"; }
    rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root/etc/resolv.conf" \
        "$root"/usr/share/{doc,javascript,fonts,man}
    "$finish" "$root"
}
