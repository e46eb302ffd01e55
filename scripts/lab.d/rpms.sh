# The lab's RPM packages: Debian's binaries under EL's names, in one repository for each name of the mail client.
# Sourced after common.sh and relay-root.sh, never run.
# shellcheck shell=bash

# The Debian packages whose binaries are packed. All else that they need is in the host's Debian tree.
LAB_DEBS=(
    postfix postfix-lmdb s-nail sasl2-bin libsasl2-2 libsasl2-modules libsasl2-modules-db libsasl2-modules-gssapi-mit
)

lab_rpms_stamp() {
    {
        printf '%s\n' "$LAB_HOST_SUITE" "${LAB_DEBS[@]}" "$LAB_HOOK_SUITE/$LAB_HOOK_DEB" "${LAB_TRAITS[@]}" \
            "$(declare -f lab_rpms_make)"
        cd "$LAB_D" && find specs rpm-build.sh -type f -print0 | sort -z | xargs -0 cat
    } | sha256sum
}

# lab_rpms_ready: 0 when the repositories are there and made from what is here now.
lab_rpms_ready() { lab_stamped "$LAB_TREES/repo/stamp" "$(lab_rpms_stamp)"; }

# lab_rpms: makes $LAB_TREES/repo/{s-nail,mailx}; needs the relay tree (for its tools) and the base tree (for what it
# provides).
lab_rpms() {
    lab_rpms_ready && return
    lab_step "RPM packages" lab_rpms_make
    lab_rpms_stamp >"$LAB_TREES/repo/stamp"
}

# lab_rpms_make: runs rpm-build.sh in an overlay of the relay tree, in a mount namespace that ends with it.
lab_rpms_make() {
    local work=$LAB_TREES/rpms.part
    rm -rf "$work"
    mkdir -p "$work"/{upper,work,root,repo}
    # The mount points are made in the overlay; what is bound there stays outside of it.
    # shellcheck disable=SC2016  # expanded by the inner shell
    unshare --mount --propagation private -- bash -euc '
        work=$1 cache=$2 trees=$3 scripts=$4; shift 4
        root=$work/root
        mount -t overlay overlay -o "lowerdir=$cache/relay,upperdir=$work/upper,workdir=$work/work" "$root"
        mkdir -p "$root"/lab/{base,scripts,repo}
        mount --bind -o ro "$trees/base" "$root/lab/base"
        mount --bind -o ro "$scripts" "$root/lab/scripts"
        mount --bind "$work/repo" "$root/lab/repo"
        mount -t proc proc "$root/proc"
        mount --rbind /dev "$root/dev"
        rm -f "$root/etc/resolv.conf"
        cat /etc/resolv.conf >"$root/etc/resolv.conf"
        exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C \
            ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
            "$@"
    ' lab-rpms "$work" "$LAB_CACHE" "$LAB_TREES" "$LAB_D" \
        "LAB_SUITE=$LAB_HOST_SUITE" "LAB_HOOK_SUITE=$LAB_HOOK_SUITE" "LAB_HOOK_DEB=$LAB_HOOK_DEB" \
        "LAB_TRAITS=${LAB_TRAITS[*]}" bash /lab/scripts/rpm-build.sh "${LAB_DEBS[@]}"
    rm -rf "$LAB_TREES/repo"
    mv "$work/repo" "$LAB_TREES/repo"
    rm -rf "$work"
}
