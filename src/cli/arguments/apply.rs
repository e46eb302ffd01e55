//! The options of `apply` and `repair`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::Common;
use crate::model::text;

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is an option that is given or not")]
pub struct Apply {
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    pub change: Change,
    /// Send no test message
    #[arg(long)]
    pub no_verify: bool,
    /// Send the test message even if there was nothing to do
    #[arg(long, conflicts_with = "no_verify")]
    pub verify: bool,
    /// Overwrite values of ours that somebody changed by hand
    #[arg(long)]
    pub force: bool,
    /// Keep the answers of standard input as the host's file, if their configuration stays
    #[arg(long)]
    pub save: bool,
    /// Work on a tree that is not running (an install image, a chroot): start, tell and send nothing
    #[arg(long, value_name = "DIR", conflicts_with = "verify")]
    pub root: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Repair {
    #[command(flatten)]
    pub common: Common,
    #[command(flatten)]
    pub change: Change,
}

#[derive(Debug, Args)]
pub struct Change {
    /// What to do with the configuration if the relay refuses the test message
    #[arg(long, value_name = "WHAT", value_enum, default_value = "rollback")]
    pub on_failure: OnFailure,
    /// Do not probe the relay first: write the configuration, and let the test message decide
    #[arg(long)]
    pub no_probe: bool,
    /// How long to wait for another package manager, or another relayhost, to end
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = text::parse_duration)]
    pub lock_timeout: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnFailure {
    /// Put the previous one back
    Rollback,
    /// Leave it
    Keep,
}
