# The lab's monitoring systems: Nagios, NRPE, Icinga 2, Prometheus' promtool and node_exporter, of Debian's packages, as a layer
# over the relay's tree, which is of the same suite. Sourced after layer.sh, never run.
# shellcheck shell=bash

LAB_MONITORS_PACKAGES=(nagios4-core nagios-nrpe-server nagios-nrpe-plugin sudo icinga2-bin prometheus prometheus-node-exporter)

lab_monitors_ready() {
    lab_stamped "$LAB_CACHE/monitors/stamp" "$(lab_layer_stamp lab_monitors_finish "${LAB_MONITORS_PACKAGES[@]}")"
}

# lab_monitors: makes $LAB_CACHE/monitors, unless it is there and was made of the same packages over the same tree.
lab_monitors() { lab_made monitors lab_monitors_ready lab_monitors_make; }

lab_monitors_make() { lab_layer_make 'monitoring systems' "$1" lab_monitors_finish "${LAB_MONITORS_PACKAGES[@]}"; }

# lab_monitors_finish ROOT: what the packages do not bring.
lab_monitors_finish() {
    local root=$1
    # The server of Prometheus is not used, and is as large as all else.
    rm "$root/usr/bin/prometheus"
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
