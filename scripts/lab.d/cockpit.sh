# Hosts that boot: systemd as the first process, the journal, and Cockpit on port 9090, of Debian's packages, as a layer over the
# host's tree. Sourced after layer.sh and host-root.sh, never run.
# shellcheck shell=bash

# A person who logs in has a session and its bus, as on EL: without, Cockpit 337's bridge ends at the second page that asks for it.
LAB_COCKPIT_PACKAGES=(cockpit-ws cockpit-bridge cockpit-system systemd systemd-sysv libpam-systemd dbus dbus-user-session sudo)

# Who logs in there, as root after their own password, and somebody who may not.
LAB_COCKPIT_PASSWORD=throwaway

# What a container has no use for: each costs time at the start, or fails.
LAB_COCKPIT_MASKED=(
    getty.target console-getty.service systemd-udevd.service rsyslog.service e2scrub_reap.service
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer cockpit-motd.service
    systemd-update-utmp.service systemd-update-utmp-runlevel.service dev-hugepages.mount dev-mqueue.mount systemd-modules-load.service
    sys-kernel-debug.mount sys-kernel-tracing.mount sys-fs-fuse-connections.mount sys-kernel-config.mount
)

lab_cockpit_stamp() {
    printf '%s\n' "${LAB_COCKPIT_PACKAGES[@]}" "${LAB_COCKPIT_MASKED[@]}" "$LAB_COCKPIT_PASSWORD" \
        "$(declare -f lab_apt_sasl lab_cockpit_install lab_cockpit_finish)" "$(lab_host_stamp)" | sha256sum
}
lab_cockpit_ready() { lab_stamped "$LAB_TREES/cockpit/stamp" "$(lab_cockpit_stamp)"; }

# lab_cockpit: makes $LAB_TREES/cockpit, unless it is there and was made of the same packages over the same tree.
lab_cockpit() { LAB_CACHE=$LAB_TREES lab_made cockpit lab_cockpit_ready lab_cockpit_make; }

lab_cockpit_make() {
    rm -rf --one-file-system "$1"
    mkdir -p "$1"/{upper,work,root}
    # In mounts and processes of its own, so that nothing of them stays when this is killed.
    lab_step "host that boots ($LAB_HOST_SUITE: ${LAB_COCKPIT_PACKAGES[*]})" \
        unshare --mount --pid --fork --kill-child=KILL --propagation private -- \
        bash -euc "$(declare -f lab_apt_sasl lab_cockpit_install lab_cockpit_finish)"$'\nlab_cockpit_install "$@"' lab-cockpit \
        "$1" "$LAB_TREES/host" "$LAB_COCKPIT_PASSWORD" "${LAB_COCKPIT_MASKED[*]}" "${LAB_COCKPIT_PACKAGES[@]}"
    rm -rf "$1"/{work,root}
    lab_cockpit_stamp >"$1/stamp"
}

# lab_apt_sasl ROOT: has apt believe that Debian's libsasl2 is there, which the lab takes out since RPM brings it.
lab_apt_sasl() {
    local at=$1/var/tmp/sasl
    mkdir -p "$at/DEBIAN"
    printf '%s\n' 'Package: libsasl2-2' 'Version: 2.1.28+rpm' "Architecture: $(chroot "$1" dpkg --print-architecture)" \
        'Maintainer: nobody <nobody@localhost>' 'Description: of cyrus-sasl-lib, an RPM package' >"$at/DEBIAN/control"
    chroot "$1" dpkg-deb -b /var/tmp/sasl /var/tmp/sasl.deb
    chroot "$1" dpkg -i /var/tmp/sasl.deb
    rm -rf "$at" "$at.deb"
}

# lab_cockpit_install DIR HOST PASSWORD MASKED PACKAGE…: with the names and the mirror of this machine; no service is started.
lab_cockpit_install() {
    local dir=$1 root=$1/root host=$2 password=$3 masked=$4
    shift 4
    mount -t overlay overlay -o "lowerdir=$host,upperdir=$dir/upper,workdir=$dir/work" "$root"
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs tmpfs "$root/tmp"
    mount -t tmpfs tmpfs "$root/run"
    cp /etc/resolv.conf "$root/etc/resolv.conf"
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 0755 "$root/usr/sbin/policy-rc.d"
    lab_apt_sasl "$root"
    export DEBIAN_FRONTEND=noninteractive
    # A mirror may be late; debootstrap, which has made the tree, does not mind it either.
    chroot "$root" apt-get -qq -o APT::Sandbox::User=root -o Acquire::Check-Valid-Until=false update
    chroot "$root" apt-get -y -qq --no-install-recommends -o APT::Sandbox::User=root -o Dpkg::Options::=--force-unsafe-io install "$@"
    rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/* "$root/etc/resolv.conf" "$root/usr/sbin/policy-rc.d" \
        "$root"/usr/share/{doc,man}
    lab_cockpit_finish "$root" "$password" "$masked"
}

# lab_cockpit_finish ROOT PASSWORD MASKED: a host that is as an administrator left it.
lab_cockpit_finish() {
    local root=$1 password=$2 unit user
    for unit in $3; do ln -sf /dev/null "$root/etc/systemd/system/$unit"; done
    # Were there none, the first boot would enable and disable units anew.
    chroot "$root" systemd-machine-id-setup
    chroot "$root" systemctl --quiet enable cockpit.socket postfix.service
    for user in admin guest; do
        chroot "$root" useradd --create-home --shell /bin/bash "$user"
        echo "$user:$password" | chroot "$root" chpasswd
    done
    chroot "$root" usermod --append --groups sudo admin
    # By the test and by scripts/page it is reached over loopback alone.
    printf '%s\n' '[WebService]' 'AllowUnencrypted = true' >"$root/etc/cockpit/cockpit.conf"
    # The log is the journal.
    rm -f "$root/var/log/maillog"
}

# lab_cockpit_cgroup DIR CMD…: CMD, in place of this process, in a control group of its own, of which systemd is the root. DIR is
# where the machine's groups are shown for that; the group is empty once the host has ended, and the next host removes it.
lab_cockpit_cgroup() {
    local dir=$1 old
    shift
    mkdir -p "$dir"
    mount -t cgroup2 cgroup2 "$dir"
    for old in "$dir"/relayhost-lab-*; do
        [ ! -d "$old" ] || find "$old" -depth -type d -exec rmdir {} + 2>/dev/null || :
    done
    mkdir "$dir/relayhost-lab-$BASHPID-$RANDOM"
    echo 0 >"$_/cgroup.procs"
    umount "$dir"
    exec unshare --cgroup -- "$@"
}

# lab_cockpit_boot ROOT CMD…: the host's root becomes this process's, CMD runs once systemd has started, and its exit status is that
# of the host.
lab_cockpit_boot() {
    local root=$1 ready
    shift
    mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
    exec {ready}<>"$LAB_CACHE/mnt/relay-ready"
    cd "$root" || return
    mount --move . /
    chroot . /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
        LANG="${LANG:-C.UTF-8}" LAB_READY="$ready" /bin/bash /lab/boot-init "$@" <&0 &
    exec {ready}<&-
    exec chroot . /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin container=lab \
        /lib/systemd/systemd --unit=multi-user.target --log-target=journal --show-status=no </dev/null >/dev/null 2>&1
}
