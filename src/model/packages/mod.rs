//! What must be installed, and the package files that an administrator brings.

pub mod candidate;
pub mod checksig;
pub mod header;
pub mod need;
pub mod plugin;
pub mod sums;
pub mod supply;
