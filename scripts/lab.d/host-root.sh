# The root tree of a host: Debian with rpm and dnf, and on it, by dnf, the lab's RPM packages. Sourced after
# common.sh and rpms.sh, never run.
# shellcheck shell=bash

# The base: what EL has in its minimal installation or the packages' libraries come from.
LAB_BASE_PACKAGES=(
    rpm rsyslog ca-certificates iproute2 procps strace acl python3 openssl passwd less liblmdb0 libgssapi-krb5-2 libidn2-0
)

# Installed in the host as it is cached; `run --without` takes away, and dnf brings back.
LAB_HOST_RPMS=(lab-base postfix cyrus-sasl cyrus-sasl-lib cyrus-sasl-plain)

lab_base_stamp() {
    printf '%s\n' "$LAB_HOST_SUITE" "$LAB_DNF" "${LAB_BASE_PACKAGES[@]}" "${LAB_BASE_LIBRARIES[@]}" \
        "$(declare -f lab_base_prepare)" | sha256sum
}

lab_base_ready() { lab_stamped "$LAB_TREES/base.stamp" "$(lab_base_stamp)" && [ -d "$LAB_TREES/base" ]; }

# lab_base: makes $LAB_TREES/base, the Debian part.
lab_base() {
    lab_base_ready && return
    rm -f "$LAB_TREES/base.stamp"
    local packages=("$LAB_DNF" "${LAB_BASE_PACKAGES[@]}" "${LAB_BASE_LIBRARIES[@]}")
    lab_step "host tree ($LAB_HOST_SUITE: ${packages[*]})" lab_debootstrap "$LAB_HOST_SUITE" "$LAB_TREES/base" "${packages[@]}"
    lab_step "host tree: prepare" lab_base_prepare "$LAB_TREES/base"
    lab_base_stamp >"$LAB_TREES/base.stamp"
}

# lab_base_prepare DIR: takes out of the Debian tree what the RPM packages bring.
lab_base_prepare() {
    local dir=$1
    chroot "$dir" dpkg --purge --force-depends libsasl2-2 libsasl2-modules-db
    rm -rf "$dir"/usr/lib/*-linux-gnu/sasl2 "$dir"/etc/rsyslog.conf "$dir"/etc/rsyslog.d/* "$dir"/etc/dnf/dnf.conf \
        "$dir"/var/lib/apt/lists/* "$dir"/etc/motd "$dir"/etc/resolv.conf "$dir"/etc/hostname
    # Debian's dnf5 comes with all its plugins. Of Fedora's two are packages of their own: that which runs commands is one of
    # the lab's RPMs, and that which keeps a repository of all that was installed is on no host that did not ask for it.
    rm -f "$dir"/etc/dnf/libdnf5-plugins/{actions,local}.conf "$dir"/usr/lib/*-linux-gnu/libdnf5/plugins/{actions,local}.so
    printf '%s\n' '127.0.0.1   localhost localhost.localdomain localhost4 localhost4.localdomain4' \
        '::1         localhost localhost.localdomain localhost6 localhost6.localdomain6' >"$dir/etc/hosts"
    mkdir -p "$dir/etc/pki/ca-trust/extracted/pem"
    cp "$dir/etc/ssl/certs/ca-certificates.crt" "$dir/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem"
    # Nothing of Debian's mail or SASL may stay, or a missing RPM package would not be missed.
    if find "$dir"/usr/bin "$dir"/usr/sbin "$dir"/usr/lib* \
        -name 'libplain*' -o -name 'liblogin.so*' -o -name 'libsasl2*' -o -name sendmail -o -name mail | grep .; then
        echo "the Debian tree still has those" >&2
        return 1
    fi
}

lab_host_stamp() {
    {
        printf '%s\n' "${LAB_HOST_RPMS[@]}" "$(declare -f lab_host_install lab_host_mailx lab_host_in)"
        lab_base_stamp
        lab_rpms_stamp
    } | sha256sum
}

lab_host_ready() { lab_stamped "$LAB_TREES/host.stamp" "$(lab_host_stamp)" && [ -d "$LAB_TREES/host" ]; }

# lab_host: makes $LAB_TREES/host, and $LAB_TREES/host-mailx, which is a layer over it where the mail client is mailx.
lab_host() {
    lab_host_ready && return
    rm -f "$LAB_TREES/host.stamp"
    lab_step "host: dnf install ${LAB_HOST_RPMS[*]} s-nail" lab_host_install
    lab_step "host: the same with mailx" lab_host_mailx
    lab_host_stamp >"$LAB_TREES/host.stamp"
}

# lab_host_in ROOT REPO CMD…: runs CMD in ROOT with that repository at /lab/repo and no network.
lab_host_in() {
    # shellcheck disable=SC2016  # expanded by the inner shell
    unshare --mount --net --propagation private -- bash -euc '
        root=$1 repo=$2; shift 2
        ip link set lo up
        mount --bind "$root" "$root"
        mkdir -p "$root/lab/repo"
        mount --bind -o ro "$repo" "$root/lab/repo"
        mount -t proc proc "$root/proc"
        mount -t tmpfs tmpfs "$root/tmp"
        mount -t tmpfs tmpfs "$root/run"
        mkdir -p "$root/run/lock"
        mount --rbind /dev "$root/dev"
        exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "$@"
    ' lab-host-in "$@"
}

lab_host_install() {
    local dir=$LAB_TREES/host.part repo=$LAB_TREES/repo/s-nail
    rm -rf "$dir"
    cp -a "$LAB_TREES/base" "$dir"
    # dnf itself needs libsasl2, so rpm brings the first two packages; it checks what they need all the same.
    # shellcheck disable=SC2016  # expanded by the inner shell
    lab_host_in "$dir" "$repo" bash -euc '
        rpm --define "_dbpath /var/lib/rpm" --define "_pkgverify_level digest" -i /lab/repo/lab-base-*.rpm /lab/repo/cyrus-sasl-lib-*.rpm
        ldconfig
        dnf -y install "$@"
        newaliases
        rm -rf /var/log/* /var/cache/apt/*.bin
        (umask 077 && touch /var/log/messages /var/log/maillog /var/log/secure /var/log/cron /var/log/spooler)
        rpm -Va || :' lab-host "${LAB_HOST_RPMS[@]}" s-nail
    rm -rf "$LAB_TREES/host"
    mv "$dir" "$LAB_TREES/host"
}

lab_host_mailx() {
    local dir=$LAB_TREES/host-mailx.part
    rm -rf "$dir"
    mkdir -p "$dir"/{upper,work,root}
    # shellcheck disable=SC2016  # expanded by the inner shells
    unshare --mount --propagation private -- bash -euc "$(declare -f lab_host_in)"'
        dir=$1 trees=$2
        mount -t overlay overlay -o "lowerdir=$trees/host,upperdir=$dir/upper,workdir=$dir/work" "$dir/root"
        lab_host_in "$dir/root" "$trees/repo/mailx" bash -euc "
            rm -rf /var/cache/dnf /var/cache/libdnf5
            dnf -y swap s-nail mailx
            rm -f /var/log/*dnf* /var/log/hawkey.log"
    ' lab-host-mailx "$dir" "$LAB_TREES"
    rm -rf "$LAB_TREES/host-mailx"
    mv "$dir/upper" "$LAB_TREES/host-mailx"
    rm -rf "$dir"
}
