#!/bin/sh
# Prints which crates are linked into the program, under which licence, and the notices that those ask to be passed on.
# Run by relayhost.spec at the top of the source tree, where vendor/ is.
set -eu
crates=$(cargo tree --offline --locked --edges normal --target x86_64-unknown-linux-gnu --no-dedupe --prefix none \
    --format '{p}|{l}' | sed 's/ ([^)|]*)|/|/; s/ v\([0-9]\)/ \1/' | LC_ALL=C sort -u | grep -v '^relayhost ')
printf 'Crates that are linked into relayhost\n\n'
printf '%s\n' "$crates" | sed 's/|/: /'
printf '%s\n' "$crates" | while IFS='|' read -r crate license; do
    # The License tag of the package is the sum of these; where there is a choice, MIT is taken.
    case $license in
        *MIT* | Apache-2.0 | ISC | "Apache-2.0 AND ISC" | BSD-3-Clause) ;;
        *) echo "$crate: the licence $license is not in the License tag of packaging/relayhost.spec" >&2; exit 1 ;;
    esac
    dir=vendor/$(printf %s "$crate" | tr ' ' -)
    set -- "$dir"/LICENSE-MIT*
    [ -e "$1" ] || set -- "$dir"/license-mit*
    [ -e "$1" ] || set -- "$dir"/LICEN[CS]E* "$dir"/COPYING*
    for file in "$@" "$dir"/LICENSE-UNICODE*; do
        [ -f "$file" ] || continue
        printf '\n\n== %s: %s\n\n' "$crate" "${file##*/}"
        cat "$file"
    done
done
