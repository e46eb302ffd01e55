#!/bin/bash
# vagrant.sh: `vagrant up lab` for real, with libvirt, the tests on it, power cuts, and away with it. Runs in the namespaces of
# world.sh: libvirtd, its bridge, its firewall rules and its guests are in them, and gone with them; Vagrant's own files are
# under target/vagrant.
set -euo pipefail
# shellcheck source=scripts/lab.d/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../lab.d/common.sh"
work=$LAB_TOP/target/vagrant
export VAGRANT_HOME=$work/home VAGRANT_DOTFILE_PATH=$work/machines VAGRANT_CHECKPOINT_DISABLE=1 VAGRANT_DEFAULT_PROVIDER=libvirt
export RELAYHOST_RELAY=$LAB_RELAY4 RELAYHOST_DRIVER=qemu RELAYHOST_MEMORY=512
passed=0 failed=0
ok() { printf '   ok    %s\n' "$*"; passed=$((passed + 1)); }
bad() { printf '   FAIL  %s\n' "$*"; failed=$((failed + 1)); }
shown() {
    local what=$1 start=$SECONDS status=0
    shift
    "$@" >"$work/log" 2>&1 </dev/null || status=$?
    if [ "$status" -eq 0 ]; then ok "$what  ($((SECONDS - start)) s)"; else bad "$what  ($((SECONDS - start)) s)"; tail -n 40 "$work/log" | sed 's/^/         /'; fi
    return "$status"
}

# Nothing of an earlier run: its machines died with their namespaces.
rm -rf "$work"
mkdir -p "$work"/{home,libvirt,etc}
cp -r /etc/libvirt/. "$work/etc/"
mount --bind "$work/etc" /etc/libvirt
mkdir -p /var/lib/libvirt /var/log/libvirt /var/cache/libvirt
mount --bind "$work/libvirt" /var/lib/libvirt
mount -t tmpfs tmpfs /var/log/libvirt
mount -t tmpfs tmpfs /var/cache/libvirt
mount -t tmpfs -o mode=0755 tmpfs /run
mount -t sysfs sysfs /sys 2>/dev/null || :
cat >/etc/libvirt/qemu.conf <<'EOF'
user = "root"
group = "root"
security_driver = "none"
namespaces = []
cgroup_controllers = []
remember_owner = 0
stdio_handler = "file"
EOF
cat >/etc/libvirt/libvirtd.conf <<'EOF'
auth_unix_rw = "none"
auth_unix_ro = "none"
EOF
# libvirt insists on a user of its own being there, though it is told to use root; it comes with a package that starts
# libvirtd on this machine.
for file in passwd group; do
    cp "/etc/$file" "$work/$file"
    grep -q '^libvirt-qemu:' "$work/$file" || echo "libvirt-qemu:x:64055:$([ "$file" = group ] || echo 64055::/:/usr/sbin/nologin)" >>"$work/$file"
    mount --bind "$work/$file" "/etc/$file"
done
echo 1 >/proc/sys/net/ipv4/ip_forward
libvirtd >"$work/libvirtd.log" 2>&1 &
for _ in $(seq 100); do virsh -q -c qemu:///system list >/dev/null 2>&1 && break; sleep 0.2; done
shown 'libvirtd is up, in a network namespace of its own' virsh -c qemu:///system version || exit 1
"$LAB_D/relay.sh" start submission "$VM_RELAY_ROOT"

cd "$LAB_TOP/vagrant"
trap 'vagrant destroy -f lab >/dev/null 2>&1 || :' EXIT
shown 'vagrant validate' vagrant validate
if shown 'vagrant up lab' vagrant up lab; then
    if shown 'vagrant provision lab --provision-with tests' vagrant provision lab --provision-with tests; then :; fi
    grep -E '(ok|FAIL) |passed' "$work/log" | sed 's/^ *lab: */         /'
    shown 'vagrant reload lab' vagrant reload lab || :
    if "$LAB_TOP/vagrant/cuts.sh" lab "${1:-2}"; then ok "power cuts"; else bad "power cuts"; fi
    shown 'vagrant destroy lab' vagrant destroy -f lab
fi
messages=$(find "$VM_RELAY_ROOT/lab/mailbox/new" -type f | wc -l)
if [ "$messages" -gt 0 ]; then ok "the relay's mailbox has $messages messages"; else bad 'no message in the mailbox of the relay'; fi
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
