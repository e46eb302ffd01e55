#!/bin/bash
# rpm-build.sh DEB…: downloads those Debian packages, and makes the lab's RPM packages and repositories of them.
# Runs in the tool root: /lab/scripts is scripts/lab.d, /lab/base the host's Debian tree, /lab/repo the result. The
# generation comes in LAB_SUITE, LAB_HOOK_SUITE, LAB_HOOK_DEB and LAB_TRAITS (generations.sh).
set -euo pipefail

top=/build
mkdir -p "$top"/{debs,RPMS,SOURCES}
cp -r /lab/scripts/specs/. "$top/SOURCES"

cd "$top/debs"
# fetch SUITE DEB…: the versions of the suite itself, which debootstrap takes too; from where this tree came. A mirror may be
# days behind, and debootstrap does not mind that either.
fetch() {
    local suite=$1 lists=$top/lists/$1 apt
    shift
    mkdir -p "$lists/partial"
    sed "s/ $(. /etc/os-release && echo "$VERSION_CODENAME") / $suite /" /etc/apt/sources.list >"$lists.list"
    apt=(apt-get -qq -o APT::Sandbox::User=root -o "Dir::Etc::sourcelist=$lists.list" -o Dir::Etc::sourceparts=-
        -o "Dir::State::lists=$lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o Dir::State::status=/dev/null
        -o Acquire::Check-Valid-Until=false)
    "${apt[@]}" update
    "${apt[@]}" download "$@"
}
fetch "$LAB_SUITE" "$@"
fetch "$LAB_HOOK_SUITE" "$LAB_HOOK_DEB"
defines=(--define "_buildhost lab" --define "_topdir $top" --define "_dbpath $top/rpmdb" --define "debs $top/debs"
    --define "multiarch $(dpkg-architecture -q DEB_HOST_MULTIARCH 2>/dev/null || echo "$(uname -m)-linux-gnu")")
for name in "$@" "$LAB_HOOK_DEB"; do
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

for trait in $LAB_TRAITS; do defines+=(--define "$trait 1"); done
hook=dnf-plugins-core
[ "$LAB_HOOK_DEB" = $hook ] || hook=libdnf5-plugin-actions
for spec in lab-base cyrus-sasl $hook postfix s-nail; do
    rpmbuild -bb --quiet "${defines[@]}" "$top/SOURCES/$spec.spec"
done
rpmbuild -bb --quiet "${defines[@]}" --define 'as_mailx 1' "$top/SOURCES/s-nail.spec"

for client in s-nail mailx; do
    mkdir -p "/lab/repo/$client"
    find "$top/RPMS" -name '*.rpm' ! -name 's-nail-*' ! -name 'mailx-*' -exec cp {} "/lab/repo/$client" \;
    find "$top/RPMS" -name "$client-*.rpm" -exec cp {} "/lab/repo/$client" \;
    createrepo_c --quiet "/lab/repo/$client"
done
