//! Everything that touches a host, on throwaway hosts of the lab: real rpm, dnf, Postfix, Cyrus SASL, s-nail, and a
//! real relay. `scripts/test` builds the lab first; `scripts/lab build` does it alone.
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

mod accounts;
mod arrival;
mod backlog;
mod bad_input;
mod by_hand;
mod clock;
mod damage;
mod diagnose;
mod drill;
mod each_way;
mod explained;
mod fallback;
mod faults;
mod field;
mod forged;
mod former_senders;
mod from;
mod generation;
mod hidden;
mod hooks;
mod host;
mod in_force;
mod init;
mod init_again;
mod init_form;
mod init_token;
mod journald;
mod kickstart;
mod lab_itself;
mod leaving;
mod linked;
mod links;
mod lists;
mod local_logins;
mod logins;
mod loops;
mod mailrc;
mod main_job;
mod matrix;
mod monitoring;
mod naive;
mod no_relay;
mod odd_hosts;
mod output;
mod package;
mod packages;
mod plugin;
mod probe;
mod providers;
mod refusals;
mod releases;
mod remedies;
mod returned;
mod root;
mod route;
mod route_words;
mod routes;
mod saved;
mod scriptlets;
mod secrets;
mod senders;
mod signals;
mod signed;
mod stopped;
mod stream;
mod together;
mod token_ends;
mod token_refusals;
mod token_ways;
mod tokens;
mod transactions;
mod trees;
mod trust;
mod types;
mod under_way;
mod undo;
mod unlisted;
mod upgrade;
mod watch;
mod watch_disk;
mod words;
mod worked;
