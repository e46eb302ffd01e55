//! The pure core: what was asked for, what was seen, what follows. Nothing here touches a file, a process, the
//! environment, the network or the clock; times and ids are arguments.

pub mod action;
pub mod answers;
pub mod catalogue;
pub mod certificate;
pub mod choices;
pub mod complete;
pub mod crosscheck;
pub mod current;
pub mod delivery;
pub mod desired;
pub mod diagnosis;
pub mod generation;
pub mod kind;
mod layers;
pub mod lines;
pub mod maillog;
pub mod maincf;
pub mod managed;
pub mod mechanism;
pub mod need;
pub mod observed;
pub mod parameters;
pub mod pending;
pub mod plan;
pub mod postmap;
pub mod probe;
pub mod provider;
pub mod record;
pub mod reply;
pub mod route;
pub mod secret;
mod surroundings;
pub mod text;
pub mod trail;
