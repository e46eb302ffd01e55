//! The end of the last drill, if it had no success: its Postfix is gone, and no log of this host has it.

use serde::{Deserialize, Serialize};

/// The record of a drill that had no success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastDrill {
    /// Version of this form.
    pub version: u32,
    /// Time of its end, UTC (RFC 3339).
    pub time: String,
    /// The fallback relay, as main.cf names it.
    pub relay: String,
    /// The cause, in words.
    pub text: String,
    /// The remedy, in words.
    pub remedy: String,
}
