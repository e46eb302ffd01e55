//! A client plugin for Cyrus SASL: XOAUTH2 (Google's form) and OAUTHBEARER (RFC 7628). The password is the access token.
//!
//! It runs inside smtp(8), so it does as little as possible. It opens no file and no connection. It allocates by
//! Cyrus SASL's own functions only, two blocks for each login: the state of the login, and its first message, which is
//! erased before it is freed. It calls nothing of libsasl2 by name: all that it needs comes as pointers in
//! `sasl_utils_t`. It never panics: `tests/plugin.rs` of the program reads the object, and finds no symbol of a panic.
//!
//! Three files: `message` has the octets, without `unsafe`; `cyrus` the forms of Cyrus SASL's headers; `plugin` the
//! functions that Cyrus SASL calls. `unsafe` is needed where a pointer of Cyrus SASL's is followed, or one of its functions
//! called. What all blocks rely on is the contract of saslplug.h: the pointers that Cyrus SASL hands to a plugin lead to
//! valid values for as long as the call lasts, `utils` for as long as the connection lives, and nobody else uses them
//! meanwhile. Each block says what else it relies on.
#![cfg_attr(not(test), no_std)]

mod cyrus;
mod message;
mod plugin;

/// The linker removes it, since nothing panics.
#[cfg(not(test))]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
