#!/bin/bash
# rpm-build.sh DEB…: downloads those Debian packages, and makes the lab's RPM packages and repositories of them.
# Runs in the tool root: /lab/scripts is scripts/lab.d, /lab/base the host's Debian tree, /lab/repo the result.
set -euo pipefail

top=/build
mkdir -p "$top"/{debs,RPMS,SOURCES}
cp -r /lab/scripts/specs/. "$top/SOURCES"

cd "$top/debs"
# The versions of the suite itself, which debootstrap takes too.
apt-get -qq -o APT::Sandbox::User=root update
apt-get -qq -o APT::Sandbox::User=root download "$@"
defines=(--define "_buildhost lab" --define "_topdir $top" --define "_dbpath $top/rpmdb" --define "debs $top/debs"
    --define "multiarch $(dpkg-architecture -q DEB_HOST_MULTIARCH 2>/dev/null || echo "$(uname -m)-linux-gnu")")
for name in "$@"; do
    deb=$(echo "${name}"_*.deb)
    dpkg-deb -x "$deb" "$name"
    # rpm's versions have no epoch and no hyphen, and ~ and + mean nothing else there.
    version=$(dpkg-deb -f "$deb" Version)
    version=${version#*:}
    defines+=(--define "deb_$(printf %s "$name" | tr -c 'a-z0-9' _) ${version%-*}")
    [ "$name" = libsasl2-2 ] && defines+=(--define "deb_cyrus_sasl ${version%%+*}")
done

# What the host's tree provides: each library, told by rpm's own tool.
find /lab/base/usr/lib/*-linux-gnu /lab/base/usr/lib64 -xdev -type f -name '*.so*' |
    /usr/lib/rpm/elfdeps --provides | sort -u | sed 's/^/Provides: /' >"$top/SOURCES/lab-base/provides.inc"

for spec in lab-base cyrus-sasl dnf-plugins-core postfix s-nail; do
    rpmbuild -bb --quiet "${defines[@]}" "$top/SOURCES/$spec.spec"
done
rpmbuild -bb --quiet "${defines[@]}" --define 'as_mailx 1' "$top/SOURCES/s-nail.spec"

for client in s-nail mailx; do
    mkdir -p "/lab/repo/$client"
    find "$top/RPMS" -name '*.rpm' ! -name 's-nail-*' ! -name 'mailx-*' -exec cp {} "/lab/repo/$client" \;
    find "$top/RPMS" -name "$client-*.rpm" -exec cp {} "/lab/repo/$client" \;
    createrepo_c --quiet "/lab/repo/$client"
done
