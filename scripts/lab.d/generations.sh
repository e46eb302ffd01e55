# The generations of hosts: each is a suite of Debian whose Postfix, rpm and package manager are near those of the releases it
# is named after. Sourced by common.sh, never run.
# shellcheck shell=bash disable=SC2034  # for those who source this

LAB_GENERATIONS=(el9 el9-next el10 fedora)
LAB_GENERATION_DEFAULT=el9-next

# lab_generation NAME: what its hosts are made of, and where they are kept; 1 if there is none of that name.
#   LAB_HOST_SUITE      the suite
#   LAB_ABOUT           what is in it, in a line; tests/lab/generation.rs has the same numbers, and a test asks a host for them
#   LAB_BASE_LIBRARIES  the libraries that the RPM packages need, under that suite's names
#   LAB_DNF             the package that has the package manager
#   LAB_HOOK_DEB        the package that has what runs a command after a transaction, and LAB_HOOK_SUITE the suite it is of
#   LAB_TRAITS          what the specs ask for: lmdb (Postfix's tables are lmdb, as from EL10 on), dnf5
lab_generation() {
    LAB_GENERATION=$1 LAB_TREES=$LAB_CACHE/$1
    LAB_DNF=dnf LAB_HOOK_DEB=dnf-plugins-core LAB_HOOK_SUITE='' LAB_TRAITS=()
    case $1 in
        el9)
            LAB_HOST_SUITE=bullseye
            LAB_ABOUT='Postfix 3.5.25, rpm 4.16 (Berkeley DB), dnf 4.5: EL8 and EL9, whose Postfix are 3.5.8 and 3.5.25'
            # netbase: Postfix before 3.7 asks /etc/services for the number of smtp.
            LAB_BASE_LIBRARIES=(libicu67 libnsl2 libldap-2.4-2 libdb5.3 netbase)
            # The suite has none; the next one's is Python, and fits.
            LAB_HOOK_SUITE=bookworm
            ;;
        el9-next)
            LAB_HOST_SUITE=bookworm
            LAB_ABOUT='Postfix 3.7, rpm 4.18, dnf 4.14: between EL9, whose dnf it has, and EL10; the default'
            LAB_BASE_LIBRARIES=(libicu72 libnsl2 libldap-2.5-0)
            ;;
        el10)
            LAB_HOST_SUITE=trixie
            LAB_ABOUT='Postfix 3.10 with lmdb tables, rpm 4.20, dnf 4.23: EL10'
            LAB_BASE_LIBRARIES=(libicu76 libnsl2 libldap2 libdb5.3t64 libtlsrpt0)
            LAB_TRAITS=(lmdb)
            ;;
        fedora)
            LAB_HOST_SUITE=forky
            LAB_ABOUT='Postfix 3.11 with lmdb tables, rpm 6.1, dnf5 5.4: Fedora'
            LAB_BASE_LIBRARIES=(libicu78 libnsl3 libldap2 libdb5.3t64 libtlsrpt0 libcdb1)
            LAB_DNF=dnf5 LAB_HOOK_DEB=libdnf5-2
            LAB_TRAITS=(lmdb dnf5)
            ;;
        *) return 1 ;;
    esac
    LAB_HOOK_SUITE=${LAB_HOOK_SUITE:-$LAB_HOST_SUITE}
    # For the scripts that this one starts.
    export RELAYHOST_LAB_GENERATION=$1
}

# lab_served: whether the mirror has the generation's suite. Ends the lab where the mirror does not answer at all: only "it is
# not there" is a no.
lab_served() {
    local mirror status=0
    mirror=$(lab_mirror)
    # Where this machine is set up with none: debootstrap's own.
    mirror=${mirror:-$(sed -n 's/^DEF_MIRROR="\(.*\)"/\1/p' "$(command -v debootstrap)")}
    wget -q -T 30 -O /dev/null "${mirror%/}/dists/$LAB_HOST_SUITE/Release" || status=$?
    # wget's word for an answer that is an error.
    case $status in 0) ;; 8) return 1 ;; *) lab_die "Debian's mirror does not answer (wget ended with $status)" ;; esac
}
