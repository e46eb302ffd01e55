# The box as a disk, and as Vagrant takes it. Sourced after tree.sh, never run.
# shellcheck shell=bash

# Room for a few transactions; the file is sparse.
BOX_SIZE=3G

# box_disk TREE FILE: FILE becomes an ext4 file system, with a journal, of what is in TREE; no loop device, no mount.
box_disk() {
    rm -f "$2.part"
    mke2fs -q -F -t ext4 -L box -d "$1" "$2.part" "$BOX_SIZE" >/dev/null
    mv "$2.part" "$2"
}

# box_pack: $BOX_CACHE/lab.box: the box with sshd and Vagrant's first key, as qcow2, and what it boots with beside it: it has no
# boot loader (vagrant-libvirt's kernel, initrd and cmd_line).
box_pack() {
    local work=$BOX_CACHE/lab.part key
    key=$(find /usr/share /opt/vagrant -path '*/keys/vagrant.pub' 2>/dev/null | head -n 1 || :)
    [ -n "$key" ] || { echo 'vagrant is not installed: its first public key is needed'; return 1; }
    rm -rf "$work"
    mkdir -p "$work"
    # What the box has more than the tree is in mounts of its own, and gone with them.
    # shellcheck disable=SC2016  # expanded by the inner shell
    unshare --mount --propagation private -- bash -euc '
        . "$1/scripts/lab.d/common.sh"
        . "$LAB_D/mounts.sh"
        . "$1/scripts/box.d/tree.sh"
        . "$1/scripts/box.d/disk.sh"
        work=$2 key=$3
        box_generation "$LAB_GENERATION_DEFAULT"
        mkdir -p "$LAB_CACHE/mnt"
        mount -t tmpfs tmpfs "$LAB_CACHE/mnt"
        lab_overlay "$LAB_CACHE/mnt/box" "$BOX_CACHE/root"
        root=$LAB_CACHE/mnt/box/root
        install -d -m 0700 -o 1000 -g 1000 "$root/home/vagrant/.ssh"
        install -m 0600 -o 1000 -g 1000 "$key" "$root/home/vagrant/.ssh/authorized_keys"
        chroot "$root" systemctl --quiet enable ssh.service
        box_disk "$root" "$work/disk.raw"
    ' box-pack "$LAB_TOP" "$work" "$key"
    qemu-img convert -f raw -O qcow2 "$work/disk.raw" "$work/box.img"
    rm "$work/disk.raw"
    cp "$BOX_CACHE/kernel" "$BOX_CACHE/initrd" "$work/"
    printf '{"provider": "libvirt", "format": "qcow2", "virtual_size": %d}\n' "${BOX_SIZE%G}" >"$work/metadata.json"
    cp "$BOX_D/Vagrantfile" "$work/Vagrantfile"
    tar -C "$work" -czf "$BOX_CACHE/lab.box.part" metadata.json Vagrantfile kernel initrd box.img
    mv "$BOX_CACHE/lab.box.part" "$BOX_CACHE/lab.box"
    rm -rf "$work"
}
