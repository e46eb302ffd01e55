# The plugin for Cyrus SASL, a workspace of its own with lints of its own. Sourced by scripts/test; setup.sh before it.
# `cargo test --test quick plugin::` reads the object.
# shellcheck shell=bash

plugin_check() (
    cd "$TOP/sasl-xoauth2" && export CARGO_TARGET_DIR=$TOP/target/sasl-xoauth2 &&
        cargo fmt --check && cargo clippy --locked --all-targets -- -D warnings && cargo test --locked
)

# plugin_valgrind: the plugin in the real libsasl2, under valgrind: some 900 logins, in ten seconds.
plugin_valgrind() (
    out=$TOP/target/sasl-xoauth2/valgrind
    setup_tools valgrind
    [[ $(cc -print-file-name=libsasl2.so.2) == /* ]] || setup_install libsasl2-2/cyrus-sasl-lib || exit
    rm -rf "$out/plugins"
    mkdir -p "$out/plugins"
    CARGO_TARGET_DIR=$out cargo build --locked --release --manifest-path "$TOP/sasl-xoauth2/Cargo.toml" &&
        cp "$out/release/librelayhost_xoauth2.so" "$out/plugins/" &&
        cc -Wall -Wextra -Wno-cast-function-type -Werror -g -o "$out/logins" "$TOP/sasl-xoauth2/valgrind/logins.c" -l:libsasl2.so.2 &&
        timeout 300 valgrind -q --error-exitcode=9 --leak-check=full "$out/logins" "$out/plugins"
)
