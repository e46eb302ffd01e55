# What packages are built of: a tarball of what git has here, one of the crates, and one of the page. Sourced by scripts/rpm and
# scripts/rpm.d/archive.sh after setup.sh, in the project's directory and with `out` set to a directory of target; never run.
# shellcheck shell=bash
name=relayhost
version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$TOP/Cargo.toml" | head -n 1)

# quietly LOG CMD…: its output goes to LOG, and the end of that to the screen if it fails.
quietly() {
    local log=$1
    shift
    "$@" >"$log" 2>&1 && return
    tail -n 40 "$log" >&2
    die "failed: ${*:0:3} …; all of its output is in $log"
}

# sources: a tarball of what git has here, with what is changed or new; its bytes depend on that and the commit alone.
sources() {
    local dirty
    dirty=$(git status --porcelain --untracked-files=normal)
    SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
    export SOURCE_DATE_EPOCH
    if [ -z "$dirty" ]; then
        say "sources: commit $(git rev-parse --short HEAD)"
    else
        say "sources: commit $(git rev-parse --short HEAD), with $(wc -l <<<"$dirty") files that are changed or new here"
    fi
    mkdir -p "${out:?}/sources"
    cp packaging/relayhost.spec "$out/sources/"
    # What is deleted here is in git's list, and not on the disk.
    git ls-files -z --cached --others --exclude-standard |
        while IFS= read -r -d '' file; do [ ! -e "$file" ] && [ ! -L "$file" ] || printf '%s\0' "$file"; done |
        tarball "$out/sources/$name-$version.tar.gz" --null --files-from=- --transform="flags=r;s,^,$name-$version/,"
}

# tarball FILE ARG…: tar's ARGs in FILE, in a fixed order and with nothing of this machine in it.
tarball() {
    local file=$1
    shift
    LC_ALL=C tar --create --sort=name --format=gnu --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner \
        --mode=u=rwX,go=rX "$@" | gzip -6 -n >"$file.part"
    mv "$file.part" "$file"
}

# vendor: a tarball of the crates of Cargo.lock; kept until that changes.
vendor() {
    local file=$out/sources/$name-$version-vendor.tar.gz key
    key=$(sha256sum <Cargo.lock)
    [ "$(cat "$out/sources/vendor.key" 2>/dev/null)" != "$key" ] || [ ! -f "$file" ] || return 0
    say "cargo vendor …"
    rm -rf "$out/vendor"
    mkdir -p "$out/vendor"
    quietly "$out/vendor.log" cargo vendor --locked --versioned-dirs "$out/vendor/vendor"
    # Crates come with fixed bytes; their time is none of ours.
    SOURCE_DATE_EPOCH=0 tarball "$file" --directory="$out/vendor" vendor
    rm -rf "$out/vendor"
    printf '%s\n' "$key" >"$out/sources/vendor.key"
}

# page: a tarball of the page in Cockpit, with its style sheet and script as Cockpit sends them; its bytes depend on cockpit/ alone.
page() {
    "$TOP/scripts/page" build >"$out/page.log" 2>&1 || { tail -n 20 "$out/page.log" >&2; die "the page could not be built; all of its output is in $out/page.log"; }
    SOURCE_DATE_EPOCH=0 tarball "$out/sources/$name-$version-page.tar.gz" --directory="$TOP/cockpit/dist" .
}
