# A directory of packages, /srv/rpms, on a host without any package manager but rpm.
# shellcheck shell=bash

# sums: writes SHA256SUMS.
sums() { (cd /srv/rpms && sha256sum -- *.rpm >SHA256SUMS); }
installed() { command rpm -qa --qf '%{NAME}-%{VERSION}\n' | sort; }

# shellcheck disable=SC2034 # lib.sh's package() builds there
into=/srv/rpms
install -d -m 755 /srv/rpms
cp /lab/repo/*.rpm /srv/rpms/
sums
rm -rf /etc/yum.repos.d/* /usr/bin/dnf* /usr/bin/yum*
