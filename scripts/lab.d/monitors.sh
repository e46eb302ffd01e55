# The lab's monitoring systems: Nagios, NRPE, Icinga 2, Prometheus' promtool and node_exporter, of Debian's packages, as a layer
# over the relay's tree, which is of the same suite. Sourced after relay-root.sh, never run.
# shellcheck shell=bash

LAB_MONITORS_PACKAGES=(nagios4-core nagios-nrpe-server nagios-nrpe-plugin sudo icinga2-bin prometheus prometheus-node-exporter)

lab_monitors_stamp() {
    printf '%s\n' "${LAB_MONITORS_PACKAGES[@]}" "$(declare -f lab_monitors_make lab_monitors_install)" "$(lab_relay_stamp)" | sha256sum
}
lab_monitors_ready() { lab_stamped "$LAB_CACHE/monitors/stamp" "$(lab_monitors_stamp)"; }

# lab_monitors: makes $LAB_CACHE/monitors, unless it is there and was made of the same packages over the same tree.
lab_monitors() { lab_made monitors lab_monitors_ready lab_monitors_make; }

lab_monitors_make() {
    rm -rf --one-file-system "$1"
    mkdir -p "$1"/{upper,work,root}
    # In mounts and processes of its own, so that nothing of them stays when this is killed.
    lab_step "monitoring systems ($LAB_SUITE: ${LAB_MONITORS_PACKAGES[*]})" \
        unshare --mount --pid --fork --kill-child=KILL --propagation private -- \
        bash -euc "$(declare -f lab_monitors_install)"$'\nlab_monitors_install "$@"' lab-monitors \
        "$1" "$LAB_CACHE/relay" "${LAB_MONITORS_PACKAGES[@]}"
    rm -rf "$1"/{work,root}
    lab_monitors_stamp >"$1/stamp"
}

# lab_monitors_install DIR RELAY PACKAGE…: with the names and the mirror of this machine; no service is started.
lab_monitors_install() {
    local dir=$1 root=$1/root relay=$2
    shift 2
    mount -t overlay overlay -o "lowerdir=$relay,upperdir=$dir/upper,workdir=$dir/work" "$root"
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs tmpfs "$root/tmp"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 0755 "$root/usr/sbin/policy-rc.d"
    export DEBIAN_FRONTEND=noninteractive
    chroot "$root" apt-get -qq update
    chroot "$root" apt-get -y -qq --no-install-recommends -o Dpkg::Options::=--force-unsafe-io install "$@"
    # The server of Prometheus is not used, and is as large as all else.
    rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root/usr/bin/prometheus" "$root/etc/resolv.conf" \
        "$root"/usr/share/{doc,javascript,fonts,man}
    # The way to the host that the tree is shown in: the definitions call relayhost by its own place.
    # shellcheck disable=SC2016 # for the script that is written
    printf '#!/bin/sh\nexec chroot /proc/1/root /usr/sbin/relayhost "$@"\n' >"$root/usr/bin/relayhost"
    chmod 0755 "$root/usr/bin/relayhost"
}

# lab_monitors_show ROOT: the tree in a host whose root this is, writable, at /lab/monitors.
lab_monitors_show() {
    local root=$1/lab/monitors
    lab_overlay "$LAB_CACHE/mnt/monitors" "$LAB_CACHE/monitors/upper" "$LAB_CACHE/relay"
    mkdir -p "$root"
    mount --move "$LAB_CACHE/mnt/monitors/root" "$root"
    mount -t proc proc "$root/proc"
    mount -t tmpfs -o mode=0755,nosuid,nodev tmpfs "$root/run"
    mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$root/tmp"
    lab_dev "$root"
    cp "$1/etc/hosts" "$root/etc/hosts"
}
