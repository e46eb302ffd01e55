# The example package of packaging/example, and the hook for dnf.
# shellcheck shell=bash

in_path() { [ -x /usr/bin/relayhost ] || ! command -v relayhost >/dev/null || ln -s "$(command -v relayhost)" /usr/bin/relayhost; }
built() { rpmbuild -bb --quiet --nodeps --define '_topdir /root/build' --define '_rpmdir /root' --define '_sourcedir /lab/packaging/example' "$1" || exit 9; }

# example: installs the macros, puts relayhost where a package would, and builds the example as its owner does: $one, $two.
# shellcheck disable=SC2034 # the tests install them
example() {
    cp /lab/packaging/usr/lib/rpm/macros.d/macros.relayhost /usr/lib/rpm/macros.d/
    in_path
    built /lab/packaging/example/op5-alerts.spec
    sed 's/^Version:.*/Version: 2.0/' /lab/packaging/example/op5-alerts.spec >/root/next.spec
    built /root/next.spec
    one=/root/noarch/op5-alerts-1.0-1.noarch.rpm two=/root/noarch/op5-alerts-2.0-1.noarch.rpm
}

# hook: the hook for dnf, and dnf's plugin that reads it.
hook() {
    local file=plugins/post-transaction-actions.d/relayhost.action
    [ "$PLUGIN" != libdnf5-plugin-actions ] || file=libdnf5-plugins/actions.d/relayhost.actions
    in_path
    yum -y -q install "$PLUGIN" >/dev/null 2>&1 || exit 9
    cp "/lab/packaging/etc/dnf/$file" "/etc/dnf/$file"
}
