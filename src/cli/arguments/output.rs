//! The form in which a command shows what it does and how that ended.

use clap::{Args, ValueEnum};

/// The forms of JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Json {
    /// One document, at the end
    Document,
    /// A document on each line as it happens, the last of which is that of the end
    Stream,
}

#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Output {
    /// Print one JSON document (docs/schema.json); `=stream`: one on each line for each step as it happens, and the same at the
    /// end
    #[arg(
        long,
        value_name = "FORM",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "document",
        hide_possible_values = true
    )]
    pub json: Option<Json>,
}
