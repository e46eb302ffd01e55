//! The environment of this process, and the architecture that it was built for.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use crate::model::secret::Secret;

/// The architecture of this host's packages, as rpm calls it.
pub const ARCHITECTURE: &str = std::env::consts::ARCH;

/// The command with which this process goes on, if it is another one than was typed.
static GOES_ON: Mutex<Option<String>> = Mutex::new(None);

/// Notes that the process goes on with another command, which a person has asked for at a question of the one that was typed.
pub fn go_on_with(command: &str) {
    *GOES_ON.lock().unwrap_or_else(PoisonError::into_inner) = Some(command.to_owned());
}

/// The command line of this process, for a shell; or the command with which it goes on.
pub fn command_line() -> String {
    if let Some(command) = GOES_ON.lock().unwrap_or_else(PoisonError::into_inner).clone() {
        return command;
    }
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
