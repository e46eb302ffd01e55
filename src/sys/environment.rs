//! The environment of this process, and the architecture that it was built for.

use std::path::PathBuf;

use crate::model::secret::Secret;

/// The architecture of this host's packages, as rpm calls it.
pub const ARCHITECTURE: &str = std::env::consts::ARCH;

/// The command line of this process, for a shell.
pub fn command_line() -> String {
    crate::error::command_line(std::env::args_os().skip(1))
}

/// An environment variable, if it is set and is UTF-8.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// An environment variable that holds a password.
pub fn secret_variable(name: &str) -> Option<Secret> {
    variable(name).map(Secret::new)
}

/// The file in which systemd puts a credential of this name for its service (systemd.exec(5)); `None` outside of one.
pub fn credential_path(name: &str) -> Option<PathBuf> {
    variable("CREDENTIALS_DIRECTORY").map(|directory| PathBuf::from(directory).join(name))
}
