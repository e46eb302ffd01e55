//! The tests that need no packages, no root and no host: the pure core under arbitrary input, texts and data of the
//! project, and the program as it is called. `cargo test --test quick`, or with `MODULE::` after it, those of one file.
#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a test that cannot go on must stop there, it works on files of its own, and it prints its counts"
)]

#[path = "../project/mod.rs"]
mod project;

mod corpus;
mod diagnose;
mod forms;
mod hooks;
mod manual;
mod pages;
mod plugin;
mod properties;
mod supply;
mod undo;
mod words;
