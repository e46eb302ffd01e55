//! The pipeline: load → observe → plan (in `model`) → apply → verify. Decides and orders; touches the host through
//! `sys` alone, and shows nothing itself: what happens is told to a `Progress`.

pub mod apply;
pub mod load;
pub mod observe;
pub mod verify;

use std::time::Duration;

/// Who is told how a run goes on.
pub trait Progress {
    /// A stage begins. Stages do not nest.
    fn begin(&mut self, stage: &str);
    /// A line of output of a program that the stage runs, or a word on why it takes long.
    fn say(&mut self, line: &str);
    /// The stage is over.
    fn end(&mut self, good: bool, result: &str, took: Duration);
}
