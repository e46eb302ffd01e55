//! The pure core: the answers, the state of the host, and the results of comparing them. Nothing here touches a file, a
//! process, the environment, the network or the clock; times and ids are arguments.

pub mod accounts;
pub mod alarm;
pub mod answers;
pub mod arrival;
pub mod causes;
pub mod desired;
pub mod ended;
pub mod exits;
pub mod host_kind;
pub mod incident;
pub mod inspection;
pub mod journald;
pub mod json;
pub mod labels;
pub mod leaving;
pub mod log;
pub mod message;
pub mod oauth;
pub mod observed;
pub mod one_sender;
pub mod packages;
pub mod plan;
pub mod postfix;
pub mod probe;
pub mod prometheus;
pub mod providers;
pub mod recipients;
pub mod redact;
pub mod route;
pub mod routes;
pub mod secret;
pub mod state;
pub mod text;
pub mod token_logins;
pub mod way_out;
