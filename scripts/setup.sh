# What it takes to build and test: a C linker, Rust, and for the tests shellcheck and strace; installed if missing.
# Sourced by scripts/demo, scripts/test, scripts/rpm and scripts/bench, never run. What the lab needs, the lab installs itself.
# shellcheck shell=bash

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# Where scripts/lab looks for the program, whatever the caller's Cargo is set to.
export CARGO_TARGET_DIR=$TOP/target

# A child that handles Ctrl-C by exiting would have this shell go on without it. Nothing to undo here: what runs is in
# the same foreground group and is told too, and there are no temporary files.
trap 'exit 130' INT

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "error: $*"; exit 1; }

# took START: how long ago that was, in words; START is a value of SECONDS.
took() {
    local s=$((SECONDS - $1))
    if [ "$s" -lt 60 ]; then printf '%d s' "$s"; else printf '%d min %02d s' $((s / 60)) $((s % 60)); fi
}

# setup_install NAME…: by the machine's package manager; Debian's names, or EL's after a slash (gcc, strace, shellcheck/ShellCheck).
setup_install() {
    local log=$TOP/target/setup.log start=$SECONDS status=0 names
    mkdir -p "$TOP/target"
    if command -v apt-get >/dev/null; then
        names=("${@%%/*}")
        # A machine may have one of them from elsewhere (backports), which keeps the others out: then all are those of its release.
        # shellcheck disable=SC2016  # for that shell to expand
        set -- sh -c 'apt-get -qq update || exit
            install() { apt-get -qq -y -o DPkg::Lock::Timeout=300 install --no-install-recommends "$@"; }
            install "$@" && exit
            . /etc/os-release
            for name; do set -- "$@" "$name/$VERSION_CODENAME"; shift; done
            install --allow-downgrades "$@"' sh
    elif command -v dnf >/dev/null; then
        names=("${@##*/}")
        set -- dnf -y install
    else
        die "neither apt-get nor dnf here: install ${*%%/*} and run this again"
    fi
    [ "$(id -u)" -eq 0 ] || die "needs ${names[*]}: install that, or run this as root"
    say "installing ${names[*]} …"
    DEBIAN_FRONTEND=noninteractive "$@" "${names[@]}" >"$log" 2>&1 </dev/null || status=$?
    if [ "$status" -ne 0 ]; then
        tail -n 25 "$log" >&2
        say "could not install ${names[*]}; all of its output is in $log"
        return 1
    fi
    say "installed ${names[*]}: $(took "$start")"
}

# setup_tools NAME…: those of shellcheck, strace, rpmbuild, createrepo_c, rpmsign, gpg and gpg-agent that are named, and
# the linker, always. ShellCheck is in EPEL on the heirs of RHEL, and in Fedora itself.
setup_tools() {
    local missing=() name
    # Without the C library's start files there is a compiler, but it links nothing.
    [[ $(cc -print-file-name=crt1.o 2>/dev/null) == /* ]] || missing+=(gcc libc6-dev/glibc-devel)
    # Cargo fetches over TLS.
    [ -e /etc/ssl/certs/ca-certificates.crt ] || [ -e /etc/pki/tls/certs/ca-bundle.crt ] || missing+=(ca-certificates)
    for name; do
        command -v "$name" >/dev/null && continue
        case $name in
            shellcheck)
                missing+=(shellcheck/ShellCheck)
                if ! command -v apt-get >/dev/null && ! grep -qs '^ID=fedora' /etc/os-release; then
                    rpm -q epel-release >/dev/null 2>&1 || setup_install epel-release || :
                fi
                ;;
            systemd-analyze) missing+=(systemd) ;;
            rpmbuild) missing+=(rpm/rpm-build) ;;
            rpmsign) missing+=(rpm/rpm-sign) ;;
            gpg | gpg-agent) missing+=(gnupg/gnupg2) ;;
            createrepo_c) missing+=(createrepo-c/createrepo_c) ;;
            *) missing+=("$name") ;;
        esac
    done
    [ ${#missing[@]} -eq 0 ] || setup_install "${missing[@]}" || exit 1
}

# at_least VERSION WANTED
at_least() { [ -n "$1" ] && [ "$(printf '%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]; }

# rust_ready WANTED: is the cargo on the PATH that new? A rustup without a toolchain answers too, with an error.
rust_ready() {
    cargo --version >/dev/null 2>&1 && at_least "$(rustc --version 2>/dev/null | cut -d' ' -f2)" "$1"
}

# distribution_has NAME[/EL-NAME]: prints the version that the distribution would install; nothing if it has none.
distribution_has() {
    if command -v apt-cache >/dev/null; then
        # A new machine has no lists yet; without a network this says nothing, and so does what follows.
        apt-get -qq update >/dev/null 2>&1 || :
        LC_ALL=C apt-cache policy "${1%%/*}" | sed -n 's/^ *Candidate: \([0-9][0-9.]*\).*/\1/p'
    elif command -v dnf >/dev/null; then
        dnf -q repoquery --latest-limit=1 --qf '%{version}\n' "${1##*/}" 2>/dev/null | sort -V | tail -n 1
    fi
}

# setup_rust: puts on the PATH a cargo that Cargo.toml is content with.
setup_rust() {
    local wanted
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' "$TOP/Cargo.toml")
    rust_ready "$wanted" && return
    PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
    rust_ready "$wanted" && return
    say "there is no Rust $wanted or newer here: looking for one"
    if ! command -v rustup >/dev/null; then
        if at_least "$(distribution_has rustc/rust)" "$wanted"; then
            setup_install cargo rustc/rust rust-clippy/clippy rustfmt && rust_ready "$wanted" && return
        elif [ -n "$(distribution_has rustup)" ]; then
            setup_install rustup || :
        fi
    fi
    if command -v rustup >/dev/null; then
        say "rustup toolchain install stable …"
        rustup toolchain install stable --profile minimal -c clippy -c rustfmt </dev/null || :
        export RUSTUP_TOOLCHAIN=stable
    elif command -v rustup-init >/dev/null; then # Fedora's package has the installer alone
        say "rustup-init …"
        rustup-init -y -q --no-modify-path --default-toolchain stable --profile minimal -c clippy -c rustfmt </dev/null || :
    fi
    rust_ready "$wanted" ||
        die "no Rust $wanted or newer, and this distribution has none: install it with rustup, as the Rust project's page 'Install Rust' says, and run this again"
}

# setup_lint: clippy and rustfmt, which a Rust toolchain may come without.
setup_lint() {
    lint_ready && return
    if command -v rustup >/dev/null; then
        say "rustup component add clippy rustfmt …"
        rustup component add clippy rustfmt </dev/null || :
    else
        setup_install rust-clippy/clippy rustfmt || :
    fi
    lint_ready || die "$(cargo --version) has no clippy or no rustfmt: 'rustup component add clippy rustfmt', or the distribution's packages for it, and run this again"
}
lint_ready() { cargo clippy --version >/dev/null 2>&1 && cargo fmt --version >/dev/null 2>&1; }

# pypi_env NAME: what scripts/pypi/NAME.txt lists, from PyPI, each file with the digest that is written there, in an environment of
# its own, target/NAME; PYPI_BIN is where.
pypi_env() {
    local venv=$TOP/target/$1 list=$TOP/scripts/pypi/$1.txt build=$TOP/scripts/pypi/build.txt python=/usr/bin/python3 wanted
    # shellcheck disable=SC2034  # for those who source this
    PYPI_BIN=$venv/bin
    wanted=$(cat "$build" "$list" | sha256sum)
    [ "$(cat "$venv/wanted" 2>/dev/null)" = "$wanted" ] && return
    # The distribution's Python, which has rpm's module too. Debian's comes without what makes environments.
    "$python" -c 'import ensurepip' 2>/dev/null || setup_install python3 python3-venv/python3-pip || return
    say "pip install: scripts/pypi/$1.txt …"
    rm -rf "$venv"
    # In the environment itself, not in one that pip makes for a build: that would fetch what it takes without digests.
    if ! { "$python" -m venv "$venv" && pip_install "$venv" "$build" && pip_install "$venv" --no-build-isolation "$list"; } </dev/null; then
        say "error: pip could not install what scripts/pypi/$1.txt lists (see above)"
        return 1
    fi
    printf '%s\n' "$wanted" >"$venv/wanted"
}

# pip_install VENV [OPTION…] LIST.
pip_install() { "$1/bin/pip" -q --disable-pip-version-check install --require-hashes "${@:2:$#-2}" -r "${!#}"; }

setup_pypi() { pypi_env pypi; }

setup_rpm_pypi() {
    # Read by rpmlint; PyPI's package of that name only looks for it.
    /usr/bin/python3 -c 'import rpm' 2>/dev/null || setup_install python3-rpm || return
    pypi_env rpm-pypi
}

# setup_vm: what boots the box.
setup_vm() {
    local missing=()
    # Both, if one is missing: apt takes away one of another version, as from backports, to install the other.
    { command -v qemu-system-x86_64 && command -v qemu-img; } >/dev/null ||
        missing+=(qemu-system-x86/qemu-system-x86-core qemu-utils/qemu-img)
    command -v mke2fs >/dev/null || missing+=(e2fsprogs)
    command -v python3 >/dev/null || missing+=(python3)
    [ ${#missing[@]} -eq 0 ] || setup_install "${missing[@]}" || exit 1
}

# setup_vagrant: Vagrant with libvirt; Debian has both as packages, EL has neither.
setup_vagrant() {
    local missing=()
    command -v vagrant >/dev/null || missing+=(vagrant)
    [ -n "$(vagrant plugin list --local 2>/dev/null; find /usr/share/rubygems-integration -maxdepth 4 -name 'vagrant-libvirt-*' 2>/dev/null)" ] || missing+=(vagrant-libvirt)
    command -v libvirtd >/dev/null || missing+=(libvirt-daemon libvirt-daemon-driver-qemu/libvirt-daemon-kvm)
    command -v virsh >/dev/null || missing+=(libvirt-clients/libvirt-client)
    command -v dnsmasq >/dev/null || missing+=(dnsmasq-base/dnsmasq)
    command -v iptables >/dev/null || missing+=(iptables)
    [ ${#missing[@]} -eq 0 ] || setup_install "${missing[@]}" || exit 1
}

# build_program PROFILE: builds the program, and PROGRAM becomes its path. `release`: as it is shipped. `dev`: as the tests take
# it, in less than half the time.
build_program() {
    local start=$SECONDS
    case $1 in release) PROGRAM=$TOP/target/release/relayhost ;; dev) PROGRAM=$TOP/target/debug/relayhost ;; esac
    say "cargo build --profile $1 (minutes the first time) …"
    (cd "$TOP" && exec setpriv --pdeathsig TERM cargo build --profile "$1" --locked) </dev/null || die "the build failed"
    say "built: $(took "$start")"
}

# lab_host ARG…: scripts/lab run, on that program. A host does not outlive this script, even if that is killed.
lab_host() { setpriv --pdeathsig KILL "$TOP/scripts/lab" run --binary "$PROGRAM" "$@"; }
