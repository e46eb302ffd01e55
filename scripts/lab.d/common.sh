# Shared by scripts/lab and everything under scripts/lab.d: where the cache is, how to speak, how to make a
# Debian tree. Sourced, never run.
# shellcheck shell=bash

LAB_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
LAB_D=$LAB_TOP/scripts/lab.d
LAB_CACHE=${RELAYHOST_LAB_CACHE:-$LAB_TOP/target/lab}

# What relays are made of, and the tools that build packages: the same for hosts of every generation.
LAB_SUITE=bookworm

# Addresses that exist inside the lab's namespaces alone (RFC 5737 and RFC 3849 documentation ranges); a relay that is a
# machine of Vagrant's has another.
LAB_RELAY4=${LAB_RELAY4:-192.0.2.1} LAB_HOST4=192.0.2.2 LAB_RECEIVER4=192.0.2.3 LAB_PREFIX4=24
LAB_RELAY6=2001:db8::1 LAB_HOST6=2001:db8::2 LAB_PREFIX6=64
export LAB_TOP LAB_D LAB_CACHE LAB_SUITE
export LAB_RELAY4 LAB_HOST4 LAB_RECEIVER4 LAB_PREFIX4 LAB_RELAY6 LAB_HOST6 LAB_PREFIX6

# shellcheck source=scripts/lab.d/generations.sh
. "$LAB_D/generations.sh"

lab_say() { printf 'lab: %s\n' "$*" >&2; }
# LAB_DIE_STATUS: what a failure of the lab exits with; `run` sets it apart from what CMD may say.
lab_die() { printf 'lab: error: %s\n' "$*" >&2; exit "${LAB_DIE_STATUS:-1}"; }

# lab_step TEXT CMD…: runs CMD with its output in a log, and says how long it took; shows the log's end on failure.
# CMD may be a function: it runs with errexit, and so ends at its first failure.
lab_step() {
    local text=$1 start=$SECONDS log rc errexit=+e
    shift
    log=$(mktemp "${TMPDIR:-/tmp}/relayhost-lab.XXXXXX")
    lab_say "$text …"
    case $- in *e*) errexit=-e ;; esac
    set +e
    (set -e; "$@") >"$log" 2>&1 </dev/null
    rc=$?
    set "$errexit"
    if [ "$rc" -ne 0 ]; then
        tail -n 25 "$log" >&2
        lab_die "$text failed; the whole log is $log"
    fi
    rm -f "$log"
    lab_say "$text: $((SECONDS - start)) s"
}

# lab_stamped FILE STAMP: whether FILE has this stamp, which says of what the thing beside it was made.
lab_stamped() { [ "$(cat "$1" 2>/dev/null)" = "$2" ]; }

# lab_made NAME READY MAKE: has MAKE DIR make $LAB_CACHE/NAME, unless READY says that it is there and made of what is here now.
# One at a time; made beside and renamed, so that what is there is whole. The old one stays a while as NAME.old, since hosts
# that run may have it bind mounted.
lab_made() {
    local dir=$LAB_CACHE/$1 lock
    mkdir -p "$LAB_CACHE"
    exec {lock}>"$dir.lock"
    flock "$lock"
    if ! "$2"; then
        "$3" "$dir.new"
        rm -rf "$dir.old"
        [ ! -e "$dir" ] || mv "$dir" "$dir.old"
        mv "$dir.new" "$dir"
    fi
    exec {lock}>&-
}

# lab_tools: installs what the lab needs on this machine. Everything else lives inside the trees it makes.
lab_tools() {
    [ "$(id -u)" -eq 0 ] || lab_die "the lab makes namespaces and mounts: run it as root"
    local missing=()
    command -v debootstrap >/dev/null || missing+=(debootstrap)
    command -v ip >/dev/null || missing+=(iproute2)
    command -v unshare >/dev/null || missing+=(util-linux)
    [ ${#missing[@]} -eq 0 ] && return
    if command -v apt-get >/dev/null; then
        lab_step "apt-get install ${missing[*]}" sh -c \
            "apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -y -qq install ${missing[*]}"
    elif command -v dnf >/dev/null; then
        # debootstrap is in EPEL on the heirs of RHEL, and in Fedora itself.
        lab_step "dnf install ${missing[*]/iproute2/iproute}" sh -c \
            "{ dnf -y install epel-release || :; } && dnf -y install ${missing[*]/iproute2/iproute}"
    else
        lab_die "neither apt-get nor dnf here: install ${missing[*]} and run this again"
    fi
}

# lab_mirror: the Debian mirror that this machine is set up with; nothing where it has none, and then
# debootstrap takes its own default.
lab_mirror() {
    if [ -n "${RELAYHOST_DEBIAN_MIRROR:-}" ]; then
        printf '%s\n' "$RELAYHOST_DEBIAN_MIRROR"
    elif command -v apt-get >/dev/null; then
        # shellcheck disable=SC2016  # for apt-get to expand
        apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' "Codename: $LAB_SUITE" \
            | head -n 1
    fi
}

# lab_debootstrap SUITE DIR PACKAGE…: a minimal Debian tree in DIR with those packages; written beside and renamed, so
# that a tree that is there is whole. Downloads are shared between trees.
lab_debootstrap() {
    local suite=$1 dir=$2 debs=$LAB_CACHE/debs tmp mirror include script=''
    shift 2
    tmp=$dir.part
    mirror=$(lab_mirror)
    include=$(IFS=,; printf '%s' "$*")
    rm -rf --one-file-system "$tmp"
    mkdir -p "$tmp" "$debs"
    # A suite that this machine's debootstrap is too old to know is made as sid is.
    [ -e "/usr/share/debootstrap/scripts/$suite" ] || script=/usr/share/debootstrap/scripts/sid
    # An empty mirror is debootstrap's own default.
    # In mounts of its own: one that is killed would leave this machine's /proc in the tree, and the next run removes that.
    unshare --mount --propagation private debootstrap --variant=minbase --cache-dir="$(realpath "$debs")" --include="$include" \
        "$suite" "$tmp" "$mirror" ${script:+"$script"}
    rm -rf "$tmp"/var/cache/apt/archives/*.deb "$dir"
    mv "$tmp" "$dir"
}

# The generation that is meant where nobody says which; `--generation` names another.
lab_generation "${RELAYHOST_LAB_GENERATION:-$LAB_GENERATION_DEFAULT}" ||
    lab_die "RELAYHOST_LAB_GENERATION is ${RELAYHOST_LAB_GENERATION}; there are ${LAB_GENERATIONS[*]}"
