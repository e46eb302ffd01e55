#!/bin/bash
# Puts the tarballs that packaging/relayhost.spec names into a directory, and prints where the first one is: Packit calls this
# (.packit.yaml), which builds from them on its own machines.
#     scripts/rpm.d/archive.sh DIR
set -euo pipefail
# shellcheck source=scripts/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../setup.sh"
# shellcheck disable=SC2034  # for what is sourced next
out=$TOP/target/archive
# shellcheck source=scripts/rpm.d/sources.sh
. "$TOP/scripts/rpm.d/sources.sh"
to=$(realpath "${1:?usage: scripts/rpm.d/archive.sh DIR}")
cd "$TOP"
mkdir -p "$out"
sources
vendor
page
cp "$out/sources/$name-$version"{,-vendor,-page}.tar.gz "$to/"
echo "${to#"$TOP"/}/$name-$version.tar.gz"
