#!/bin/bash
# previous.sh: makes target/rpm/previous/x86_64/relayhost-*.rpm, the package of an earlier commit, to upgrade from. Kept until
# another commit is named. It is built where this tree is, in mounts of its own, so that the crates compiled for this one serve.
# Ends with 3 where the commit is not to be had: a shallow clone without a remote.
set -euo pipefail
# shellcheck source=scripts/setup.sh
. "$(dirname "${BASH_SOURCE[0]}")/../setup.sh"

# The first one that was tried under systemd. There is no release yet: when there is, name its tag here.
COMMIT=0f47d106a077ed239f093196e48e31d01416d846
out=$TOP/target/rpm/previous
work=$TOP/target/rpm/previous.work

mkdir -p "$TOP/target/rpm"
exec {lock}>"$TOP/target/rpm/previous.lock"
flock "$lock"
if [ "$(cat "$out/commit" 2>/dev/null)" = "$COMMIT" ]; then exit 0; fi
start=$SECONDS
if ! git -C "$TOP" cat-file -e "$COMMIT^{commit}" 2>/dev/null && ! git -C "$TOP" fetch -q --depth 1 origin "$COMMIT" 2>/dev/null; then
    say "commit ${COMMIT:0:7}, the previous release, is not in this clone, and cannot be fetched"
    exit 3
fi
say "building the package of ${COMMIT:0:7}, to upgrade from …"
rm -rf "$work"
mkdir -p "$work/target/rpm"
git -C "$TOP" archive "$COMMIT" | tar -x -C "$work"
# It has the version of what comes after it, as long as nothing is released.
sed -i -e 's/^\(Release: *\)1$/\10.1.previous/' -e 's/^\(\* .* - 0.1.0-\)1$/\10.1.previous/' "$work/packaging/relayhost.spec"
git -C "$work" -c init.defaultBranch=main init -q
git -C "$work" add -A
GIT_COMMITTER_DATE=$(git -C "$TOP" log -1 --format=%cI "$COMMIT") \
    git -C "$work" -c user.name=previous -c user.email=previous@localhost commit -q -m previous
# shellcheck disable=SC2016  # expanded by the inner shell
unshare --mount --propagation private -- bash -euc '
    top=$1 work=$2
    mkdir -p "$work/target/rpm/cache" "$work/target/rpm-pypi"
    mount --bind "$top/target/rpm/cache" "$work/target/rpm/cache"
    mount --bind "$top/target/rpm-pypi" "$work/target/rpm-pypi"
    mount --rbind "$work" "$top"
    cd "$top"
    exec scripts/rpm' previous "$TOP" "$work" >"$TOP/target/rpm/previous.log" 2>&1 {lock}>&- ||
    { tail -n 25 "$TOP/target/rpm/previous.log" >&2; die "the package of ${COMMIT:0:7} cannot be built"; }
rm -rf "$out"
mkdir -p "$out"
cp -a "$work/target/rpm/repo/x86_64" "$out/"
printf '%s\n' "$COMMIT" >"$out/commit"
rm -rf "$work"
say "the package of ${COMMIT:0:7}: $(took "$start")"
