//! The only code that touches the host. Small and dull: it does what it is told and reports what it saw; what that
//! means is decided elsewhere.
#![allow(clippy::disallowed_methods, reason = "this is the layer that the list in clippy.toml keeps them in")]

pub mod acl;
pub mod archive;
pub mod clock;
pub mod damage;
pub mod directory;
pub mod dns;
pub mod files;
pub mod host;
pub mod inode;
pub mod input;
pub mod journal;
pub mod limit;
pub mod lock;
pub mod log_files;
pub mod log_tail;
pub mod mail;
pub mod network;
pub mod output;
pub mod packages;
pub mod pending;
pub mod postfix;
pub mod random;
pub mod run;
pub mod sasl;
pub mod scratch;
pub mod secrets;
pub mod service;
pub mod signals;
pub mod state;
pub mod stream;
pub mod swap;
pub mod syslog;
pub mod tls;
pub mod trust;
pub mod tty;
pub mod wire;
