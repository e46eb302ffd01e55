# The tree of the box: the lab's host, and what boots it. Sourced after the lab's host-root.sh, never run.
# shellcheck shell=bash

BOX_D=$LAB_TOP/scripts/box.d

# Debian's own, like all in the lab that relayhost does not look at. openssh-server and sudo are for Vagrant, the guest
# agent is for scripts/vm, and SELinux's policy for kernels that are started with security=selinux.
BOX_PACKAGES=(
    systemd systemd-sysv udev dbus kmod logrotate openssh-server sudo qemu-guest-agent busybox-static
    selinux-policy-default policycoreutils selinux-utils
)
# What systemd of `fedora` loads when it is there, and only recommends.
BOX_PACKAGES_FEDORA=(
    libacl1 libaudit1 libbpf1 libcrypt1 libkmod2 libpam0g libseccomp2 libselinux1 libssl3t64 libzstd1 login mount
)
BOX_KERNEL=linux-image-cloud-amd64

# What boots and speaks; some kernels have some of them, and all have ext4, built in.
BOX_MODULES=(virtio_pci virtio_blk virtio_net virtio_console virtio_rng autofs4 ext4)

# Debian's, which EL has not, or which a machine without hardware and users does not need: each costs a second of
# emulation at boot.
BOX_MASKED=(
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer
    systemd-binfmt.service proc-sys-fs-binfmt_misc.automount proc-sys-fs-binfmt_misc.mount
    dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-fs-fuse-connections.mount
    sys-kernel-config.mount modprobe@.service kmod-static-nodes.service systemd-modules-load.service
    systemd-logind.service getty@tty1.service serial-getty@ttyS0.service systemd-pstore.service
    systemd-update-utmp.service systemd-update-utmp-runlevel.service
)

# box_generation NAME: BOX_CACHE is where the box of that generation is kept; 1 if there is no such generation.
box_generation() {
    lab_generation "$1" || return
    BOX_CACHE=$LAB_TOP/target/box
    [ "$1" = "$LAB_GENERATION_DEFAULT" ] || BOX_CACHE+=-$1
    [ "$1" != fedora ] || BOX_PACKAGES+=("${BOX_PACKAGES_FEDORA[@]}")
}

box_stamp() {
    {
        lab_host_stamp
        declare -f box_disk
        printf '%s\n' "$BOX_SIZE"
        cd "$BOX_D" && find . -type f ! -name disk.sh ! -name Vagrantfile -print0 | sort -z | xargs -0 cat
    } | sha256sum
}

box_ready() { [ "$(cat "$BOX_CACHE/stamp" 2>/dev/null)" = "$(box_stamp)" ]; }

# box_in ROOT CMD…: CMD in ROOT, with the machine's network and name server, as apt needs them, in mounts of its own.
box_in() {
    # shellcheck disable=SC2016  # expanded by the inner shell
    unshare --mount --propagation private -- bash -euc '
        root=$1; shift
        mount --bind "$root" "$root"
        mount -t proc proc "$root/proc"
        mount -t tmpfs tmpfs "$root/tmp"
        mount -t tmpfs tmpfs "$root/run"
        mount --rbind /dev "$root/dev"
        mount --bind /etc/resolv.conf "$root/etc/resolv.conf"
        exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C \
            DEBIAN_FRONTEND=noninteractive \
            ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} "$@"
    ' box-in "$@"
}

# box_tree: makes $BOX_CACHE/root, with kernel and initrd beside it.
box_tree() {
    local root=$BOX_CACHE/root.part mirror
    rm -rf "$root"
    cp -a "$LAB_TREES/host" "$root"
    : >"$root/etc/resolv.conf"
    # The lab takes Debian's libsasl2 out, since RPM brings it; apt has to believe that it is there.
    mkdir -p "$root/var/tmp/sasl/DEBIAN"
    printf '%s\n' 'Package: libsasl2-2' 'Version: 2.1.28+rpm' "Architecture: $(chroot "$root" dpkg --print-architecture)" \
        'Maintainer: nobody <nobody@localhost>' 'Description: of cyrus-sasl-lib, an RPM package' \
        >"$root/var/tmp/sasl/DEBIAN/control"
    # No daemon starts in a tree.
    printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
    chmod 0755 "$root/usr/sbin/policy-rc.d"
    mirror=$(lab_mirror)
    [ -z "$mirror" ] || printf 'deb %s %s main\n' "$mirror" "$LAB_HOST_SUITE" >"$root/etc/apt/sources.list"
    # shellcheck disable=SC2016  # expanded by the inner shell
    box_in "$root" bash -euc '
        kernel=$1; shift
        # No user for downloads is needed, and a suite that is still in the making may be served from a while ago.
        apt=(apt-get -qq -o APT::Sandbox::User=root -o Acquire::Check-Valid-Until=false)
        dpkg-deb -b /var/tmp/sasl /tmp/sasl.deb
        dpkg -i /tmp/sasl.deb
        "${apt[@]}" update
        "${apt[@]}" -y install --no-install-recommends "$@"
        # Not installed: it would bring what makes a larger initrd than is needed here.
        kernel=$(apt-cache depends "$kernel" | sed -n "s/.*Depends: \(linux-image-.*\)/\1/p" | head -n 1)
        # In forky that is empty, and the kernel and its modules are in packages of its version that it depends on.
        parts=$(apt-cache depends "$kernel" | sed -n "s/.*Depends: //p" | grep -F -e "-${kernel#linux-image-}" || :)
        cd /var/tmp
        for part in "$kernel" $parts; do
            "${apt[@]}" download "$part"
            dpkg-deb -x "$part"_*.deb /var/tmp/kernel
        done
        apt-get clean' box "$BOX_KERNEL" "${BOX_PACKAGES[@]}"
    box_kernel "$root"
    rm -rf "$root"/var/tmp/* "$root/usr/sbin/policy-rc.d" "$root"/var/lib/apt/lists/*
    box_settle "$root"
    box_label "$root"
    rm -rf "$BOX_CACHE/root"
    mv "$root" "$BOX_CACHE/root"
}

# box_kernel ROOT: the kernel, its few modules in the tree, and an initrd of a shell and the modules that find the disk.
box_kernel() {
    local root=$1 at=/var/tmp/kernel initrd=$BOX_CACHE/initrd.part version module file place n=10
    local unpacked=$root$at
    # The package has its modules in one of the two, and kmod looks into one of the two.
    if [ -e "$unpacked/lib" ]; then
        mkdir -p "$unpacked/usr"
        mv "$unpacked/lib" "$unpacked/usr/lib"
    fi
    ln -s usr/lib "$unpacked/lib"
    version=$(cd "$unpacked/lib/modules" && echo *)
    cp "$unpacked/boot/vmlinuz-$version" "$BOX_CACHE/kernel" || cp "$unpacked/lib/modules/$version/vmlinuz" "$BOX_CACHE/kernel"
    rm -rf "$initrd"
    mkdir -p "$initrd"/{bin,dev,proc,mnt,modules} "$root/usr/lib/modules/$version"
    chroot "$root" depmod --basedir "$at" "$version"
    for module in "${BOX_MODULES[@]}"; do
        chroot "$root" modprobe --dirname "$at" --set-version "$version" --show-depends "$module"
    done | sed -n 's/^insmod \([^ ]*\).*/\1/p' | awk '!seen[$0]++' | while read -r file; do
        # Some are compressed, and busybox does not read that.
        case $file in *.xz) xz -d "$root$file"; file=${file%.xz} ;; esac
        place=${file#"$at"} place=/usr${place#/usr}
        install -D -m 0644 "$root$file" "$root$place"
        cp "$root$file" "$initrd/modules/$n-${file##*/}"
        n=$((n + 1))
    done
    cp "$unpacked/lib/modules/$version"/modules.{builtin,builtin.modinfo,order} "$root/usr/lib/modules/$version/"
    chroot "$root" depmod "$version"
    cp "$root/bin/busybox" "$initrd/bin/"
    install -m 0755 "$BOX_D/init" "$initrd/init"
    (cd "$initrd" && find . | LC_ALL=C sort | ./bin/busybox cpio -o -H newc | gzip -1 -n) >"$BOX_CACHE/initrd"
    rm -rf "$initrd"
}

# box_settle ROOT: the settings of a booted EL host, as far as relayhost can see them, and a login for Vagrant.
box_settle() {
    local root=$1 unit
    printf '%s\n' 'LABEL=box / ext4 defaults 0 1' 'LABEL=payload /lab/payload ext4 ro,noauto,nofail 0 0' >"$root/etc/fstab"
    mkdir -p "$root/lab/payload" "$root/lab/repo"
    cp -r "$LAB_TREES"/repo/s-nail/. "$root/lab/repo/"
    echo op5-system.localdomain >"$root/etc/hostname"
    printf '%s\n' '127.0.0.1   op5-system.localdomain op5-system localhost localhost.localdomain' \
        '::1         localhost localhost.localdomain' >"$root/etc/hosts"
    echo "nameserver $LAB_RELAY4" >"$root/etc/resolv.conf"
    # systemd makes one at each machine's first boot. Were there none, that boot would enable and disable units anew.
    : >"$root/etc/machine-id"
    rm -f "$root/var/lib/dbus/machine-id" "$root"/etc/ssh/ssh_host_*
    ln -sf bash "$root/usr/bin/sh" # as on EL
    # EL's last preset: what a package brings is off until somebody enables it.
    install -D -m 0644 "$BOX_D/99-default-disable.preset" "$root/usr/lib/systemd/system-preset/99-default-disable.preset"
    install -m 0644 "$BOX_D/rsyslog.conf" "$root/etc/rsyslog.conf"
    install -D -m 0644 "$BOX_D/80-dhcp.network" "$root/etc/systemd/network/80-dhcp.network"
    install -D -m 0644 "$BOX_D/journald.conf" "$root/etc/systemd/journald.conf.d/box.conf"
    install -D -m 0644 "$BOX_D/ssh-keys.service" "$root/etc/systemd/system/ssh-keys.service"
    for unit in "${BOX_MASKED[@]}"; do ln -sf /dev/null "$root/etc/systemd/system/$unit"; done
    chroot "$root" systemctl --quiet enable systemd-networkd.service systemd-networkd-wait-online.service \
        rsyslog.service ssh-keys.service
    chroot "$root" systemctl --quiet disable ssh.service
    chroot "$root" useradd --create-home --shell /bin/bash vagrant
    echo 'vagrant ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/vagrant"
    chmod 0440 "$root/etc/sudoers.d/vagrant"
}

# box_label ROOT: every file gets the label that the policy has for its path. They are attributes of files, which any kernel
# keeps and mke2fs copies; they mean something to one that is started with security=selinux, and to no other.
box_label() {
    local root=$1
    printf '%s\n' SELINUX=enforcing SELINUXTYPE=default >"$root/etc/selinux/config"
    # setfiles names files by /proc; without -m it would leave out file systems that this machine's kernel does not label: all.
    # shellcheck disable=SC2016  # expanded by the inner shell
    unshare --mount --propagation private -- bash -euc '
        mount -t proc proc "$1/proc"
        exec chroot "$1" setfiles -F -m -e /proc /etc/selinux/default/contexts/files/file_contexts /' box-label "$root"
}
