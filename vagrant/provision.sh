#!/bin/bash
# provision.sh: makes a fresh machine one that the tests can start on: the same for scripts/vm and for every machine of
# vagrant/Vagrantfile. What it needs lies beside it, in /lab/payload. May be run again, and in a system that is off.
#     RELAYHOST_RELAY         the relay's address, where the machine's name server does not know its names
#     RELAYHOST_REPOSITORY    a repository with relayhost's package, signed as scripts/rpm does it, instead of the one that lies here
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# CentOS 7 is where old releases go (https://vault.centos.org).
if grep -qs 'CentOS Linux release 7' /etc/centos-release; then
    # shellcheck disable=SC2016  # yum expands it
    sed -i -e 's/^mirrorlist=/#mirrorlist=/' \
        -e 's,^#\? *baseurl=http://mirror.centos.org/centos/\$releasever,baseurl=https://vault.centos.org/7.9.2009,' \
        /etc/yum.repos.d/CentOS-*.repo
fi

# The relay's certificate is one that the machine trusts.
if command -v update-ca-trust >/dev/null; then
    cp "$here/ca.pem" /etc/pki/ca-trust/source/anchors/relayhost-lab.pem
    update-ca-trust
else
    bundle=/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem
    grep -qF "$(sed -n 2p "$here/ca.pem")" "$bundle" || cat "$here/ca.pem" >>"$bundle"
fi
# Public boxes have a name server of the world's. The names are those of examples/ and tests/; Postfix reads the file only
# if it is told to.
if [ -n "${RELAYHOST_RELAY:-}" ] && ! grep -qs "^nameserver $RELAYHOST_RELAY\$" /etc/resolv.conf; then
    sed -i '/ # relayhost-lab$/d' /etc/hosts
    printf '%s relay.lab.test smtp.example.com smtp.office365.com # relayhost-lab\n' "$RELAYHOST_RELAY" >>/etc/hosts
    rpm -q postfix >/dev/null || "$(command -v dnf || echo yum)" -y -q install postfix
    systemctl --quiet disable --now postfix
    postconf -e 'smtp_host_lookup = native'
fi
repository=${RELAYHOST_REPOSITORY:-file://$here/packages}
cat >/etc/yum.repos.d/relayhost.repo <<EOF
[relayhost]
name=relayhost
baseurl=$repository
gpgcheck=1
repo_gpgcheck=1
gpgkey=$repository/RPM-GPG-KEY
EOF
# For tests that call rpm, which would warn of a key that it does not know.
rpm --import "${repository#file://}/RPM-GPG-KEY"
