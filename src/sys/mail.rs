//! Hands a message to the host's own `mail` command, as a monitoring system does.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::postfix::Instance;
use super::run::{self, Cmd};
use super::{files, scratch};
use crate::error::{Error, Result};
use crate::model::inspection::mailrc::Startup;
use crate::model::packages::need::MAIL_PROGRAMS;

/// The `mail` command of this host.
pub fn command() -> Option<PathBuf> {
    MAIL_PROGRAMS.iter().find_map(|name| run::find(name))
}

/// Sends a message and returns its Message-ID, without angle brackets. The command makes that id, and writes a
/// copy of the message (variable `record`); the copy is the one reliable source of the id, since mailx takes none from its
/// caller. `instance`: the Postfix that gets it.
pub fn submit(from: &str, to: &str, subject: &str, body: &str, instance: &Instance) -> Result<String> {
    let Some(program) = command() else {
        return Err(Error::ProgramMissing { program: "mail".into(), remedy: "relayhost apply".into() });
    };
    let directory = scratch::directory()?;
    let copy = directory.path().join("sent");
    let cmd = Cmd::new(&program)
        // No startup file may send it around Postfix: neither the host's nor root's, which s-nail reads wherever HOME
        // leads (HOME in its manual).
        .arg("-n")
        .variable("MAILRC", "/dev/null")
        // without sendwait the client returns before sendmail has, and its status says nothing
        .args(["-S", "sendwait", "-S"])
        .arg(format!("record={}", copy.display()))
        .args(["-s", subject, "-r", from, to])
        // The command must not leave a message that fails in root's home.
        .variable("HOME", directory.path().display().to_string())
        .variable("DEAD", directory.path().join("dead.letter").display().to_string())
        .input(body.as_bytes().to_vec())
        .within(Duration::from_secs(60))
        // A mail command that is ended may have handed the message over, and not have written the copy yet.
        .settling(Duration::from_secs(5));
    let cmd = instance.variable().into_iter().fold(cmd, |cmd, (name, value)| cmd.variable(name, value));
    let output = cmd.run()?;
    if !output.success() {
        return Err(Error::Submission {
            reason: format!("`{}`: {}\n{}", cmd.line(), output.status(), output.tail()),
        });
    }
    message_id(&copy)?.ok_or_else(|| Error::Submission {
        reason: format!("`{}` left no copy with a Message-ID; it said: {}", cmd.line(), output.tail()),
    })
}

/// The startup files that the `mail` command reads for other callers, as far as they are there. EL and Fedora have the
/// first, mailx as it is built from source the second, Debian's s-nail the third.
pub fn startup_files() -> Vec<Startup> {
    const FILES: [(&str, bool); 4] =
        [("/etc/mail.rc", true), ("/etc/nail.rc", true), ("/etc/s-nail.rc", true), ("/root/.mailrc", false)];
    let startup = |(path, is_everybodys): (&str, bool)| {
        // A directory, a device, or a file of more than 16 MiB is no startup file.
        let text = files::text(path)?;
        Some(Startup { path: path.into(), is_everybodys, text })
    };
    FILES.into_iter().filter_map(startup).collect()
}

fn message_id(copy: &Path) -> Result<Option<String>> {
    let bytes = files::read(copy, 1024 * 1024)?.unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let mut header = text.lines().take_while(|line| !line.is_empty());
    let id = header.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("message-id")
            .then(|| value.trim().trim_start_matches('<').trim_end_matches('>').to_owned())
    });
    Ok(id.filter(|id| !id.is_empty()))
}
