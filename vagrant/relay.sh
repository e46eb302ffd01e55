#!/bin/bash
# relay.sh ADDRESS: makes of a Debian machine what a relay of the lab is: the same scripts start the same Postfix, Dovecot and
# dnsmasq with the same accounts and certificates, on the machine itself instead of in a tree. /tmp/relay has them.
set -euo pipefail
export LAB_RELAY4=$1
apt-get -qq update
DEBIAN_FRONTEND=noninteractive apt-get -y -qq install --no-install-recommends \
    postfix postfix-pcre dovecot-core dnsmasq-base iproute2 openssl ca-certificates python3 python3-milter >/dev/null
systemctl --quiet disable --now postfix.service dovecot.service 2>/dev/null || :
mkdir -p /lab/ca /lab/relays /var/log/relay /etc/relay /opt/relay/scripts
cp -r /tmp/relay/ca/. /lab/ca/
rm -rf /opt/relay/scripts/lab.d
cp -r /tmp/relay/lab.d /opt/relay/scripts/
cp -r /opt/relay/scripts/lab.d/relays/. /lab/relays/
id mailbox >/dev/null 2>&1 || useradd --system --uid 990 --no-create-home --home-dir /lab/mailbox mailbox
printf '%s\n' 'compatibility_level = 3.6' 'mydestination =' 'alias_maps =' >/etc/postfix/main.cf
postfix check
cat >/etc/systemd/system/relay.service <<EOF
[Unit]
Description=A relay of relayhost's lab
After=network-online.target
Wants=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
Environment=LAB_RELAY4=$1
ExecStart=/opt/relay/scripts/lab.d/relay.sh start ${RELAYHOST_RELAY_NAME:-submission} /

[Install]
WantedBy=multi-user.target
EOF
systemctl daemon-reload
systemctl --quiet enable relay.service
systemctl restart relay.service
