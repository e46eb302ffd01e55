# The monitoring systems of /lab/monitors, for tests/lab/monitoring.rs: the blocks of docs/monitoring.md lie under /lab/page, by
# their file names.
# shellcheck shell=bash

M=/lab/monitors

# in_tree CMD…: CMD in the tree of the monitoring systems.
in_tree() { chroot "$M" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "$@"; }

# place FILE [PLACE]: a block of the page in the tree, at its own place or another.
place() {
    local to=$M${2:-$1}
    mkdir -p "${to%/*}"
    cp "/lab/page$1" "$to"
}

# tried NAME FILE CMD…: CMD takes FILE of the tree, and refuses it with a line that is none: "NAME good, broken refused".
tried() {
    local name=$1 file=$M$2 out
    shift 2
    cp "$file" /root/whole
    if out=$(in_tree "$@" 2>&1); then printf '%s good' "$name"; else printf '%s BAD: %s' "$name" "$out"; fi
    echo '}{' >>"$file"
    if in_tree "$@" >/dev/null 2>&1; then printf ', broken TAKEN\n'; else printf ', broken refused\n'; fi
    cat /root/whole >"$file"
}

# The right to run it, and the hosts that the definitions are about.
monitors() {
    place /etc/sudoers.d/relayhost
    chmod 0440 "$M/etc/sudoers.d/relayhost"
    in_tree useradd --system nrpe
    mkdir -p "$M"/run/{nagios4,nagios,icinga2}
    in_tree chown nagios: /run/nagios4 /run/icinga2
    in_tree chown nrpe: /run/nagios
}

# nagios_config: Debian's own, which looks at the host every second, with the blocks of the page for Nagios.
nagios_config() {
    place /etc/nagios/conf.d/relayhost.cfg /etc/nagios4/conf.d/relayhost.cfg
    place /etc/nagios/conf.d/relayhost-here.cfg /etc/nagios4/conf.d/relayhost-here.cfg
    printf 'define host {\n use linux-server\n host_name mon1.example.com\n address 127.0.0.1\n}\n' >"$M/etc/nagios4/conf.d/hosts.cfg"
    sed -i 's/^status_update_interval=.*/status_update_interval=1/; s/^use_syslog=.*/use_syslog=0/' "$M/etc/nagios4/nagios.cfg"
}

# op5_config: another configuration, with the templates that OP5 Monitor brings.
op5_config() {
    mkdir -p "$M/opt/monitor/etc"
    place /opt/monitor/etc/checkcommands.cfg
    place /opt/monitor/etc/services.cfg
    printf '%s\n' 'define service {' ' name default-service' ' use generic-service' ' register 0' '}' \
        'define host {' ' use linux-server' ' host_name mon1.example.com' ' address 127.0.0.1' '}' \
        'define host {' ' use linux-server' ' host_name monitor' ' address 127.0.0.1' '}' >"$M/opt/monitor/etc/hosts.cfg"
    sed 's,^cfg_dir=/etc/nagios4/conf.d,cfg_dir=/opt/monitor/etc,' "$M/etc/nagios4/nagios.cfg" >"$M/opt/nagios.cfg"
}

# nrpe_config: Debian's own, as the user that the packages of EL have.
nrpe_config() {
    place /etc/nrpe.d/relayhost.cfg
    sed -i 's/^nrpe_user=.*/nrpe_user=nrpe/; s/^nrpe_group=.*/nrpe_group=nrpe/' "$M/etc/nagios/nrpe.cfg"
    echo 'include_dir=/etc/nrpe.d' >>"$M/etc/nagios/nrpe.cfg"
}

# icinga_config: Debian's own, with a host that has no agent, looked at each second, and what its services say in /tmp/icinga.
icinga_config() {
    place /etc/icinga2/zones.d/global-templates/relayhost.conf /etc/icinga2/conf.d/relayhost.conf
    rm -f "$M"/etc/icinga2/conf.d/{hosts,services,apt,downtimes,notifications}.conf
    # shellcheck disable=SC2016 # Icinga's macros
    printf '%s\n' 'object Host "mon1.example.com" {' 'check_command = "dummy"' 'zone = "lab"' 'vars.relayhost = true' \
        'vars.relayhost_max_proof_age = "07d"' '}' \
        'object PerfdataWriter "test" {' 'service_perfdata_path = "/tmp/icinga"' 'service_temp_path = "/tmp/icinga.part"' \
        'host_perfdata_path = "/tmp/icinga-hosts"' 'host_temp_path = "/tmp/icinga-hosts.part"' 'rotation_interval = 1s' \
        'service_format_template = "$service.state_id$ $service.output$ | $service.perfdata$"' '}' \
        'object Zone "lab" { endpoints = [ "mon1.example.com" ] }' 'object Endpoint "mon1.example.com" { }' \
        >"$M/etc/icinga2/conf.d/lab.conf"
}

# deferred: whether a message has been put off. aged: each that waits has arrived an hour earlier: the time that its file has of
# it (record_type.h: REC_TYPE_TIME, 'T', the first that showq(8) reads) is written anew.
deferred() { [ -n "$(find /var/spool/postfix/deferred -type f)" ]; }
aged() {
    local file
    find /var/spool/postfix/deferred -type f | while read -r file; do
        python3 - "$file" <<'END'
import re, sys
path = sys.argv[1]
data = open(path, "rb").read()
time = re.search(rb"T.(\d{10})", data, re.S)
assert time, data
earlier = b"%d" % (int(time[1]) - 3600)
with open(path, "r+b") as file:
    file.seek(time.start(1))
    file.write(earlier)
END
    done
}

start_nrpe() { in_tree nrpe -c /etc/nagios/nrpe.cfg -d && await listens 5666; }
listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

start_nagios() {
    in_tree nagios4 -d /etc/nagios4/nagios.cfg >/root/nagios.log 2>&1 || cat /root/nagios.log
    await test -p "$M/var/lib/nagios4/rw/nagios.cmd"
}

# look: has Nagios run both services at once, and waits for what they say.
look() {
    local now on
    now=$(date +%s)
    sleep 1
    for on in localhost mon1.example.com; do
        printf '[%s] SCHEDULE_FORCED_SVC_CHECK;%s;mail leaves;%s\n' "$now" "$on" "$now" >"$M/var/lib/nagios4/rw/nagios.cmd"
    done
    for on in localhost mon1.example.com; do await looked "$now" "$on"; done
}
looked() { [ "$(of_service "$2" last_check)" -gt "$1" ]; }

# of_service HOST KEY: from Nagios' status file.
of_service() {
    awk -v host="host_name=$1" -v key="$2=" '
        /^servicestatus/ { on = 1; mine = 0; mail = 0 }
        on && $1 == host { mine = 1 }
        on && /service_description=mail leaves/ { mail = 1 }
        on && mine && mail && index($0, key) { sub(/^[^=]*=/, ""); print; exit }
    ' "$M/var/lib/nagios4/status.dat"
}

# shown HOST: state, words and figures of the service, as Nagios has them.
shown() { printf '%s %s | %s\n' "$(of_service "$1" current_state)" "$(of_service "$1" plugin_output)" "$(of_service "$1" performance_data)"; }

# start_icinga: without the agent that the definition is for; the host is its own.
start_icinga() {
    sed -i '/command_endpoint/d; s/check_interval = 5m/check_interval = 1s/; s/retry_interval = 1m/retry_interval = 1s/' "$M/etc/icinga2/conf.d/relayhost.conf"
    sed -i '/zone = /d; /^object Zone/d; /^object Endpoint/d' "$M/etc/icinga2/conf.d/lab.conf"
    in_tree icinga2 daemon </dev/null >/root/icinga.log 2>&1 &
}

# icinga_shown: state, words and figures of the next look that begins from now on.
icinga_shown() {
    sleep 3
    rm -f "$M"/tmp/icinga.[0-9]*
    await said_by_icinga || tail -n 20 /root/icinga.log
    cat "$M"/tmp/icinga.[0-9]* | tail -n 1
}
said_by_icinga() { grep -qs RELAYHOST "$M"/tmp/icinga.[0-9]*; }

FILE=/var/lib/node_exporter/textfile_collector/relayhost.prom

# written: does what the unit on the page does; PROGRAM in the place of relayhost.
written() {
    local unit=$M/etc/systemd/system/relayhost-prometheus.service line
    line=$(sed -n "s/^ExecStart=//p" "$unit")
    [ -z "${PROGRAM:-}" ] || line=${line//\/usr\/bin\/relayhost/$PROGRAM}
    mkdir -p "$M${FILE%/*}"
    in_tree env "$(sed -n 's/^Environment=//p' "$unit")" /bin/bash -c "umask 077; $line" 2>/root/err
    echo "unit $?"
    in_tree sh -c "promtool check metrics <$FILE"
    echo "promtool $?"
}

start_exporter() {
    mkdir -p "$M${FILE%/*}"
    in_tree prometheus-node-exporter --collector.disable-defaults --collector.textfile "--collector.textfile.directory=${FILE%/*}" \
        --web.listen-address=127.0.0.1:9100 </dev/null >/root/exporter.log 2>&1 &
    await listens 9100
}

# exported: what Prometheus would get of it.
exported() {
    python3 -c 'import urllib.request; print(urllib.request.urlopen("http://127.0.0.1:9100/metrics").read().decode())' |
        grep -E '^(relayhost_|node_textfile_scrape_error)'
}
