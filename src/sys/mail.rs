//! Hands a message to the host's own `mail` command, as a monitor does.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::files;
use super::run::{self, Cmd};
use crate::error::{Error, Result};
use crate::model::need::MAIL_PROGRAMS;

/// The `mail` command of this host.
pub fn command() -> Option<PathBuf> {
    MAIL_PROGRAMS.iter().find_map(|name| run::find(name))
}

/// Sends a message and returns its Message-ID, without angle brackets. The client makes that id and writes a copy of
/// what it sent (variable `record`); the copy is the one honest source of the id, since mailx takes none from us.
pub fn submit(from: &str, to: &str, subject: &str, body: &str) -> Result<String> {
    let Some(program) = command() else {
        return Err(Error::ProgramMissing { program: "mail".into(), remedy: "relayhost apply".into() });
    };
    let directory = files::scratch()?;
    let copy = directory.path().join("sent");
    let cmd = Cmd::new(&program)
        // without sendwait the client returns before sendmail has, and its status says nothing
        .args(["-S", "sendwait", "-S"])
        .arg(format!("record={}", copy.display()))
        .args(["-s", subject, "-r", from, to])
        // Not root's: its .mailrc may send around Postfix, and a message that fails leaves a dead.letter.
        .home(directory.path())
        .input(body.as_bytes().to_vec())
        .within(Duration::from_secs(60))
        // One that is ended may have handed the message over, and not have noted which.
        .settling(Duration::from_secs(5));
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
