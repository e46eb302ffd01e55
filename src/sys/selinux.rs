//! SELinux labels of the files that relayhost puts into their places.

use std::path::{Path, PathBuf};

use super::run;
use crate::error::Result;

/// Gives files back their SELinux labels, where there is SELinux.
pub fn restore_labels(paths: &[PathBuf]) -> Result<()> {
    if !Path::new("/sys/fs/selinux/enforce").exists() {
        return Ok(());
    }
    match run::find("restorecon") {
        None => Ok(()),
        Some(program) => {
            let paths = paths.iter().map(|path| path.display().to_string());
            run::Cmd::new(&program).arg("-F").args(paths).ok().map(|_| ())
        }
    }
}
