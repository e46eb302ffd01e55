//! Postfix's files as bytes: main.cf, lookup tables, and which of them relayhost manages.

pub mod aliases;
pub mod beside;
pub mod header_from;
pub mod lines;
pub mod maincf;
pub mod managed;
pub mod mastercf;
pub mod own_names;
pub mod postmap;
pub mod settings;
pub mod shown;
pub mod tables;
pub mod types;
