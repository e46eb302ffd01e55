//! SELinux labels of the files that relayhost puts into their places.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::run::Cmd;
use crate::error::Result;

/// The time for a look at labels: restorecon reads the policy's list of paths, which takes a fraction of a second.
const LOOK: Duration = Duration::from_secs(5);

/// restorecon(8), where there is SELinux, enforcing or permissive.
fn restorecon() -> Option<Cmd> {
    Path::new("/sys/fs/selinux/enforce").exists().then(|| Cmd::find("restorecon")).flatten()
}

/// Gives files back the labels that the policy has for their paths, where there is SELinux.
pub fn restore_labels(paths: &[PathBuf]) -> Result<()> {
    let Some(cmd) = restorecon() else { return Ok(()) };
    cmd.arg("-F").args(paths.iter().map(|path| path.display().to_string())).ok().map(|_| ())
}

/// The words of `restorecon -n -v` for these files, a line for each whose type is not the policy's; it changes nothing, and
/// leaves out labels of a type that an administrator may choose (customizable_types(5)). `None` where there is no SELinux.
/// Errors: it fails, or takes more than five seconds.
pub fn differing_labels(paths: &[PathBuf]) -> Result<Option<String>> {
    let Some(cmd) = restorecon() else { return Ok(None) };
    let cmd = cmd.args(["-n", "-v"]).args(paths.iter().map(|path| path.display().to_string()));
    let output = cmd.within(LOOK).ok()?;
    Ok(Some(output.text() + &String::from_utf8_lossy(&output.stderr)))
}
