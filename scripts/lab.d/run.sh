# `lab run`: its options, and the way into the namespaces. Sourced, never run.
# shellcheck shell=bash

# shellcheck source=scripts/lab.d/identity.sh
. "$LAB_D/identity.sh"
# shellcheck source=scripts/lab.d/layer.sh
. "$LAB_D/layer.sh"
# shellcheck source=scripts/lab.d/cockpit.sh
. "$LAB_D/cockpit.sh"
# shellcheck source=scripts/lab.d/monitors.sh
. "$LAB_D/monitors.sh"
# shellcheck source=scripts/lab.d/receiver.sh
. "$LAB_D/receiver.sh"

lab_run() {
    local relay=submission host_root='' answers='' replies='' bare='' binary='' client=s-nail start=yes without='' binds='' monitors='' cockpit='' value
    while [ $# -gt 0 ]; do
        case $1 in
            --generation | --relay | --replies | --host-root | --without | --answers | --binary | --mail-client | --bind)
                [ $# -ge 2 ] || lab_usage_error "$1 needs a value"
                value=$2
                case $1 in
                    --generation) lab_generation "$value" || lab_no_generation "$value" ;;
                    --relay) relay=$value ;;
                    --replies) replies=$value ;;
                    --host-root) host_root=$value ;;
                    --without) without+="$value"$'\n' ;;
                    --answers) answers=$value ;;
                    --binary) binary=$value ;;
                    --mail-client) client=$value ;;
                    --bind) binds+="$(lab_run_bind "$value")"$'\n' || exit 2 ;;
                esac
                shift 2
                ;;
            --bare) bare=yes; shift ;;
            --stopped) start=''; shift ;;
            --monitors) monitors=yes; shift ;;
            --cockpit) cockpit=yes; shift ;;
            --) shift; break ;;
            *) lab_usage_error "run has no option $1 (the command goes after --)" ;;
        esac
    done
    [ $# -gt 0 ] || lab_usage_error "run needs a command: scripts/lab run [OPTIONS] -- CMD…"
    [[ $relay != */* && -f $LAB_D/relays/$relay/about ]] ||
        lab_usage_error "there is no relay $relay; there are: $(cd "$LAB_D/relays" && echo */about | sed 's|/about||g')"
    case $client in s-nail | mailx) ;; *) lab_usage_error "--mail-client is s-nail or mailx, not $client" ;; esac
    if [ -n "$host_root" ]; then
        [ -d "$host_root" ] || lab_usage_error "--host-root $host_root is no directory"
        host_root=$(realpath "$host_root")
        [ -x "$host_root/bin/bash" ] || [ -x "$host_root/usr/bin/bash" ] ||
            lab_usage_error "--host-root $host_root has no bash: is it a root tree?"
    fi
    [ -z "$cockpit" ] || [ -z "$without" ] || lab_usage_error "--without is not for a host that boots: have CMD erase the package"
    [ -z "$replies" ] || [ -r "$replies" ] || lab_usage_error "--replies $replies cannot be read"
    [ -z "$replies" ] || [ -f "$LAB_D/relays/$relay/replies" ] ||
        lab_usage_error "--replies is for a scripted relay, such as --relay scripted"
    [ -z "$answers" ] || [ -r "$answers" ] || lab_usage_error "--answers $answers cannot be read"
    # Those of scripts/rpm. A login by a token needs one of them, beside the program that was built last.
    local packages=''
    if [ -n "$bare" ]; then
        binary='' packages=yes
    elif [ -z "$binary" ]; then
        binary=$(lab_run_binary)
        ! grep -q '^identity=' "$LAB_D/relays/$relay/setup" || packages=yes
    elif [ ! -x "$binary" ]; then
        lab_usage_error "--binary $binary is no program"
    fi
    [ "$(id -u)" -eq 0 ] || lab_die "the lab makes namespaces and mounts: run it as root"

    # shellcheck disable=SC2034  # lab_die's
    LAB_DIE_STATUS=125
    if ! lab_ready; then
        lab_say "the lab is not built, or what makes it has changed: building first"
        lab_build
    fi
    lab_lock shared
    lab_lock shared "$LAB_TREES"
    lab_ca
    if grep -q '^identity=' "$LAB_D/relays/$relay/setup"; then lab_identity; fi
    [ -z "$monitors" ] || lab_monitors
    [ -z "$cockpit" ] || lab_cockpit
    local behind=''
    if grep -q '^receiver' "$LAB_D/relays/$relay/setup"; then behind=yes; lab_receiver; fi
    mkdir -p "$LAB_CACHE/mnt"
    # Descriptors that are closed here would be taken by the lab's own files.
    { : <&0; } 2>/dev/null || exec 0</dev/null
    { : >&1; } 2>/dev/null || exec 1>/dev/null
    { : >&2; } 2>/dev/null || exec 2>/dev/null

    export LAB_RUN_RELAY=$relay LAB_RUN_REPLIES=$replies LAB_RUN_HOST_ROOT=$host_root LAB_RUN_ANSWERS=$answers
    export LAB_RUN_BINARY=$binary LAB_RUN_PACKAGES=$packages
    export LAB_RUN_CLIENT=$client LAB_RUN_START=$start LAB_RUN_WITHOUT=$without LAB_RUN_BINDS=$binds LAB_RUN_MONITORS=$monitors LAB_RUN_COCKPIT=$cockpit
    export LAB_RUN_RECEIVER=$behind
    # In the foreground, and without a trap: a signal that ends this shell ends it at once, and the kernel then ends
    # unshare (pdeathsig), the world's first process (--kill-child), and with it every process, mount and interface.
    # There is one clock for the machine and all hosts: nobody in them may set it.
    local status=0 fd
    (
        for fd in "${LAB_LOCKS[@]}"; do exec {fd}>&-; done
        exec setpriv --pdeathsig KILL --bounding-set=-sys_time \
            unshare --mount --pid --net --ipc --uts --fork --kill-child=KILL --propagation private -- \
            bash "$LAB_D/world.sh" "$@"
    ) || status=$?
    exit "$status"
}

# lab_run_bind SRC:DST: the same with SRC absolute; complains if that cannot be.
lab_run_bind() {
    local src=${1%:*} dst=${1##*:}
    [[ $1 == *:/* && -n $src && $dst == /* && $1 != *$'\n'* ]] ||
        lab_usage_error "--bind wants SRC:DST with an absolute DST, not $1"
    [ -e "$src" ] || lab_usage_error "--bind $1: there is no $src"
    printf '%s:%s' "$(realpath "$src")" "$dst"
}

# lab_run_binary: the relayhost that was built last. What Cargo links here needs this machine's C library or a newer one, which
# an older generation has not; scripts/rpm's needs that of EL7.
lab_run_binary() {
    local newest='' file packed=$LAB_TOP/target/rpm/build/relayhost
    if [ "$LAB_GENERATION" = el9 ] && [ -x "$packed" ]; then
        printf '%s' "$packed"
        return
    fi
    for file in "$LAB_TOP"/target/release/relayhost "$LAB_TOP"/target/debug/relayhost; do
        [ -x "$file" ] || continue
        [ -n "$newest" ] && [ ! "$file" -nt "$newest" ] || newest=$file
    done
    [ -n "$newest" ] || lab_usage_error "there is no relayhost under target/: run 'cargo build' first, or give --bare or --binary FILE"
    printf '%s' "$newest"
}
