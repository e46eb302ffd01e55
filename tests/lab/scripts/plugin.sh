# Functions for tests/lab/plugin.rs.
# shellcheck shell=bash

# The repository of scripts/rpm, as README.md has it.
sed 's,^baseurl=.*,baseurl=file:///lab/packages,; s,^gpgkey=.*,gpgkey=file:///lab/packages/RPM-GPG-KEY,' >/etc/yum.repos.d/relayhost.repo <<'END'
[relayhost]
name=relayhost
baseurl=
gpgcheck=1
repo_gpgcheck=1
gpgkey=
END
rpmkeys --import /lab/packages/RPM-GPG-KEY
[ ! -e /etc/relayhost/answers.toml ] || sed -n 's/^password = "\(.*\)"/\1/p' /etc/relayhost/answers.toml >/root/token

# offered: the mechanisms that any program of this host can log in by, in a fixed order.
offered() { pluginviewer -c 2>/dev/null | sed -n 's/.*SASL mechanism: \([^,]*\),.*/\1/p' | LC_ALL=C sort; }

# in_force: where the link leads.
in_force() { readlink /usr/lib64/sasl2/librelayhost-xoauth2.so || echo 'no link'; }
filter() { postconf -h smtp_sasl_mechanism_filter; }

# answer MECHANISM PASSWORD: other answers.
answer() { sed -i "s,^mechanism = .*,mechanism = \"$1\",; s,^password = .*,password = \"$2\"," /etc/relayhost/answers.toml; }
