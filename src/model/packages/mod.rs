//! The packages that must be installed, and the package files that an administrator provides.

pub mod candidate;
pub mod checksig;
pub mod header;
pub mod need;
pub mod plugin;
pub mod sums;
pub mod supply;
