//! SELinux labels of the files that relayhost puts into their places.

use std::path::{Path, PathBuf};

use super::run::Cmd;
use crate::error::Result;

/// Gives files back their SELinux labels, where there is SELinux.
pub fn restore_labels(paths: &[PathBuf]) -> Result<()> {
    if !Path::new("/sys/fs/selinux/enforce").exists() {
        return Ok(());
    }
    let Some(cmd) = Cmd::find("restorecon") else { return Ok(()) };
    cmd.arg("-F").args(paths.iter().map(|path| path.display().to_string())).ok().map(|_| ())
}
