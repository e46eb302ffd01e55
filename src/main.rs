//! The `relayhost` program: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(relayhost::cli::run(std::env::args_os()))
}
