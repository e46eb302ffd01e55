# Are the systemd units of packaging/ good? Sourced by scripts/test, after scripts/setup.sh, never run.
# shellcheck shell=bash

# units_lint: systemd has nothing to say of them, but would have of a broken one.
units_lint() {
    local work=$TOP/target/units broken place status=0
    setup_tools systemd-analyze || return
    rm -rf "$work"
    mkdir -p "$work/broken"
    cp "$TOP"/packaging/usr/lib/systemd/system/*.{service,timer,path} "$work/"
    # The program is not on this machine.
    sed -i 's,^ExecStart=/usr/bin/relayhost ,ExecStart=/bin/sh ,' "$work"/*.service
    broken=$work/broken/relayhost-pending.service
    sed 's/^Condition.*/ConditionNoSuchThing=yes/' "$work/relayhost-pending.service" >"$broken"
    if [ -z "$(units_verify "$broken")" ]; then
        say "systemd-analyze had nothing to say of $broken"
        status=1
    fi
    # The drop-in that a kickstart file writes for the console.
    for place in "$work" "$work/broken"; do
        mkdir "$place/relayhost-pending.service.d"
        sed -n '/^\[Service\]$/,/^UNIT$/{/^UNIT$/!p}' "$TOP/packaging/kickstart/answers-inline.ks" \
            >"$place/relayhost-pending.service.d/console.conf"
    done
    cp "$work/relayhost-pending.service" "$broken"
    sed -i 's/journal+console/no+such/' "$work/broken/relayhost-pending.service.d/console.conf"
    if [ ! -s "$work/relayhost-pending.service.d/console.conf" ] || [ -z "$(units_verify "$broken")" ]; then
        say "the drop-in of answers-inline.ks was not looked at"
        status=1
    fi
    units_verify "$work"/relayhost-*.{service,timer} | grep . && status=1
    echo "$(find "$work" -maxdepth 1 -name 'relayhost-*' -type f | wc -l) units"
    return "$status"
}

# units_verify FILE…: warnings too, which leave its status at 0.
units_verify() { systemd-analyze --man=no verify "$@" 2>&1 || echo "systemd-analyze: exit status $?"; }
