# Mounts that the world and the host both need. Sourced, never run.
# shellcheck shell=bash

# lab_overlay WORK LOWER…: WORK/root shows the LOWER trees, the first on top, and keeps what is written in WORK.
# WORK lies on the run's tmpfs.
lab_overlay() {
    local work=$1 lower lowers='' n=0
    shift
    mkdir -p "$work/upper" "$work/work" "$work/root"
    for lower in "$@"; do
        # Bound first: the name of a lower directory has to do without : and , then.
        n=$((n + 1))
        mkdir "$work/lower$n"
        mount --bind "$lower" "$work/lower$n"
        lowers+=${lowers:+:}$work/lower$n
    done
    mount -t overlay overlay -o "lowerdir=$lowers,upperdir=$work/upper,workdir=$work/work" "$work/root"
}

# lab_relay_tree: /proc, a tmpfs on $LAB_CACHE/mnt, both gone with this process's namespaces, and on it the relay's tree, whose
# root is $relay, with what a relay is shown.
lab_relay_tree() {
    local mnt=$LAB_CACHE/mnt
    mount -t proc proc /proc
    mount -t tmpfs -o mode=0755 tmpfs "$mnt"
    echo relay.lab.test >/proc/sys/kernel/hostname
    relay=$mnt/relay/root
    if [ -n "${LAB_RUN_RECEIVER:-}" ]; then
        lab_overlay "$mnt/relay" "$LAB_CACHE/receiver/upper" "$LAB_CACHE/relay"
    else
        lab_overlay "$mnt/relay" "$LAB_CACHE/relay"
    fi
    mount -t proc proc "$relay/proc"
    lab_dev "$relay"
    mkdir -p "$relay/lab/mailbox" "$relay/var/log/relay"
    lab_show "$LAB_CACHE/ca" "$relay/lab/ca"
    lab_show "$LAB_D/relays" "$relay/lab/relays"
}

# lab_dev ROOT: a /dev of its own, with what every program may expect and nothing of the machine's devices.
lab_dev() {
    local dev=$1/dev node
    mkdir -p "$dev"
    mount -t tmpfs -o mode=0755,nosuid tmpfs "$dev"
    for node in null:1:3 zero:1:5 full:1:7 random:1:8 urandom:1:9 tty:5:0; do
        IFS=: read -r node major minor <<<"$node"
        mknod -m 0666 "$dev/$node" c "$major" "$minor"
    done
    mkdir "$dev/pts" "$dev/shm"
    mount -t devpts -o newinstance,ptmxmode=0666,mode=0620,gid=5 devpts "$dev/pts"
    mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs "$dev/shm"
    ln -s pts/ptmx "$dev/ptmx"
    ln -s /proc/self/fd "$dev/fd"
    ln -s /proc/self/fd/0 "$dev/stdin"
    ln -s /proc/self/fd/1 "$dev/stdout"
    ln -s /proc/self/fd/2 "$dev/stderr"
}

# lab_show SRC DST: SRC, read-only, at DST.
lab_show() {
    if [ -d "$1" ]; then
        mkdir -p "$2"
    else
        mkdir -p "$(dirname "$2")"
        [ -e "$2" ] || : >"$2"
    fi
    mount --bind -o ro "$1" "$2"
}
