//! The test message: its trail through the log, its fate, and the record of its acceptance.

pub mod delivery;
pub mod fate;
pub mod gap;
pub mod proof;
pub mod trail;
pub mod verdict;
