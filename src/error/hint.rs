//! The next step after each error: the second line that a person reads.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::{Edit, Error};

/// The command that takes a byte order mark out of main.cf, by GNU sed.
pub const WITHOUT_BYTE_ORDER_MARK: &str = r"sed -i '1s/^\xEF\xBB\xBF//' /etc/postfix/main.cf";

/// A name, quoted for a shell: somebody else may have chosen it, so every name in a command of a remedy is written by this
/// function. Bash reads back its exact bytes. A backquote, which would end the command within its sentence, and characters
/// that no terminal shows are written as numbers.
pub fn typed(name: impl AsRef<Path>) -> String {
    let bytes = name.as_ref().as_os_str().as_bytes();
    let bytes = [if bytes.starts_with(b"-") { &b"./"[..] } else { b"" }, bytes].concat();
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._+=:@%,-".contains(byte);
    let is_shown = |c: char| c.is_alphanumeric() || c == ' ' || (c.is_ascii_graphic() && c != '`');
    match std::str::from_utf8(&bytes) {
        Ok(text) if !bytes.is_empty() && bytes.iter().all(is_plain) => text.to_owned(),
        Ok(text) if text.chars().all(is_shown) => format!("'{}'", text.replace('\'', "'\\''")),
        _ => format!("$'{}'", bytes.iter().copied().map(numbered).collect::<String>()),
    }
}

/// A byte between `$'` and `'` of bash.
fn numbered(byte: u8) -> String {
    match byte {
        b'\'' | b'\\' => format!("\\{}", char::from(byte)),
        b' '..=b'~' if byte != b'`' => char::from(byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    }
}

impl Error {
    /// The next step for a person, as a command or a sentence.
    pub fn hint(&self) -> String {
        match self {
            Self::Answers { remedy, .. }
            | Self::NotWritten { remedy, .. }
            | Self::Exposed { remedy, .. }
            | Self::Untrusted { remedy, .. }
            | Self::ProgramMissing { remedy, .. }
            | Self::Locked { remedy, .. }
            | Self::Log { remedy, .. }
            | Self::Package { remedy, .. }
            | Self::PostfixTooOld { remedy, .. } => remedy.clone(),
            Self::NotRoot => "run the same command with sudo".into(),
            Self::Io { source, path, .. } => match source.kind() {
                std::io::ErrorKind::NotFound => format!("check that {} is the right path", typed(path)),
                std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => "free some space on that file system, and run the same command again".into(),
                std::io::ErrorKind::ReadOnlyFilesystem => "remount that file system read-write, and run the same command again".into(),
                // It cannot be moved away.
                std::io::ErrorKind::ResourceBusy if path.is_absolute() => format!(
                    "something is mounted there: unmount it, or make it root's alone by `chown root: {0} && chmod 700 {0}`; \
                     then run the same command again",
                    typed(path)
                ),
                _ => format!("look at `ls -ldZ {}`, and run the same command again", typed(path)),
            },
            Self::TooLarge { path, .. } => format!("check that {} is the file you mean", typed(path)),
            Self::Symlink { path } => format!(
                "see who made it and why (`ls -l {0}`); if nobody needs it, `rm {0}`, and run the same command again",
                typed(path)
            ),
            Self::Program { stderr, .. } if stderr.contains("No space left on device") => {
                "free some space on that file system, and run the same command again".into()
            }
            Self::Program { .. } => "run that command by hand to see all that it says".into(),
            Self::Timeout { .. } => "run that command by hand to see where it hangs".into(),
            Self::InTransaction { .. } => "a request that was recorded is tried again; otherwise run the same command when the transaction has ended".into(),
            Self::Image { missing } => format!(
                "put it into the image (`RUN dnf -y install {0}` in the Containerfile), or `rpm-ostree install {0}` and reboot",
                missing.iter().map(typed).collect::<Vec<_>>().join(" ")
            ),
            Self::NotInstalled { missing, .. } => format!(
                "see which repository has it (`yum provides {}`), enable it, and run the same command again",
                missing.first().map(typed).unwrap_or_default()
            ),
            Self::MapType { .. } => "set `default_database_type = hash` (EL10: `lmdb`) in main.cf, and run the same command again".into(),
            Self::Staged { .. } => "nothing was changed; mend main.cf (`postconf -n` says where it is wrong), and run the same command again".into(),
            Self::MapDiffers { database } => {
                format!("look for another program that writes {}, and run the same command again", typed(database))
            }
            Self::NotRunning { .. } => "see why by `postfix check` and `ss -ltnp 'sport = :25'` (who has port 25, if it is not Postfix), mend that, and run the same command again".into(),
            Self::Submission { .. } => "try `echo test | mail -s test root` by hand; it shows the same trouble".into(),
            Self::NoLog => "have a syslog daemon, such as rsyslog, or systemd-journald run (`systemctl restart rsyslog`), see that `logger -p mail.info hello` leaves a line in /var/log/maillog, and run this again".into(),
            Self::ChangedMeanwhile { .. } => "run the same command again".into(),
            Self::NoRelay => "relayhost probe (without --current: tries the answers)".into(),
            Self::Masked => "systemctl unmask postfix, and run the same command again".into(),
            Self::Unreadable { marked: true, .. } => {
                format!("{WITHOUT_BYTE_ORDER_MARK} takes it out; then run the same command again")
            }
            Self::Unreadable { .. } => {
                "mend that line of main.cf (nothing was changed), and run the same command again".into()
            }
            Self::Busy { .. } => "wait for it to end, and run the same command again".into(),
            Self::Record { .. } => "relayhost repair (it sets that aside, and goes on without it)".into(),
            Self::Unrecovered { .. } => "relayhost repair (it makes the files what the answers say)".into(),
            Self::NoGeneration { known, .. } => match known.last() {
                None => "relayhost repair (nothing can be restored; it makes the files what the answers say)".into(),
                Some(number) => format!(
                    "relayhost history (lists them); `relayhost restore {number}` puts back what was there before that change"
                ),
            },
            Self::Tree { .. } => "name the directory that the system's / is mounted on, such as /mnt/sysimage".into(),
            Self::NoProc => "nothing was touched; `mount -t proc proc /proc`, and run the same command again".into(),
            Self::Foreign { .. } => {
                "keep theirs: put it into the answers; or overwrite it: relayhost apply --force (relayhost plan shows the diff)".into()
            }
            // An edit that is out of force stays so if nobody is told, whatever the cause of the undoing.
            Self::Undone { cause, edits } => match edits.iter().filter_map(Edit::hint).collect::<Vec<_>>() {
                hints if hints.is_empty() => cause.hint(),
                hints => format!("{}; then {}", hints.join("; "), cause.hint()),
            },
            Self::Interrupted(interruption) => interruption.hint(),
            Self::Stuck { undo, .. } if undo.is_lost_record() => {
                "relayhost repair (it makes the files what the answers say)".into()
            }
            Self::Stuck { generation, .. } => format!(
                "mend what the message names (disk full? read-only?), then `relayhost restore {generation}`; the previous bytes are in /var/lib/relayhost/generations/{generation:04}/before"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_one_word_of_a_shell_whatever_its_name() {
        for (path, word) in [
            ("/etc/postfix/main.cf", "/etc/postfix/main.cf"),
            ("/srv/a b;reboot", "'/srv/a b;reboot'"),
            ("/srv/$(x)'y", "'/srv/$(x)'\\''y'"),
            ("-rf", "./-rf"),
            ("/a`b`\n'\\", "$'/a\\x60b\\x60\\x0a\\'\\\\'"),
            ("/ä", "'/ä'"),
            ("/\u{202e}", "$'/\\xe2\\x80\\xae'"),
            ("", "''"),
        ] {
            assert_eq!(typed(Path::new(path)), word);
        }
    }
}
