//! The records of the state directory: generations, requests that wait, and the order that each run was given.

pub mod generation;
pub mod last;
pub mod last_drill;
pub mod last_probes;
pub mod mark;
pub mod order;
pub mod pending;
pub mod taken_back;
