//! relayhost: working outgoing mail through an SMTP relay for RPM-based servers.
//!
//! Four layers, and calls go downwards only (`tests/layering.rs` checks it):
//!
//! | layer | may |
//! |---|---|
//! | [`cli`] | parse arguments, call `engine`, render; decides nothing |
//! | [`engine`] | run the pipeline: load → observe → plan → apply → verify |
//! | [`sys`] | touch the host: files, programs, clock, log; no policy |
//! | [`model`] | think: pure types and functions, no file, process, environment, network or clock |
//! | [`error`] | say what went wrong, with which exit status, and what to do next |

pub mod cli;
pub mod engine;
pub mod error;
pub mod model;
pub mod sys;
