//! journald's two forms: the datagram that it takes (`notice`), and the objects that `journalctl -o json` prints
//! (systemd's docs/JOURNAL_EXPORT_FORMATS.md). Takes and returns text; `sys` has the sockets and programs.

mod event;
mod notice;

use serde::Deserialize;
use serde_json::{Map, Value};

pub use notice::Notice;

/// An entry of the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalEntry {
    /// Its place in the journal.
    pub cursor: String,
    /// The message as a line of a mail log: `HOST NAME[PID]: TEXT`.
    pub line: String,
    /// The time at which journald took it, in seconds since 1970.
    pub time: Option<i64>,
    /// The name that the sender gives itself, which can be anything.
    name: String,
    /// Owner, name and executable file of the sending process, which journald has from the kernel, so that no sender can
    /// forge them (systemd.journal-fields(7), "Trusted Journal Fields").
    uid: Option<u32>,
    comm: String,
    exe: String,
}

/// Length, in bytes, of the process name that the kernel keeps, without the zero byte at the end (proc(5)).
const COMM: usize = 15;

impl JournalEntry {
    /// Reads a line of `journalctl -o json`; `None` if it is no entry.
    pub fn parse(line: &str) -> Option<Self> {
        let object: Map<String, Value> = serde_json::from_str(line).ok()?;
        let field = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default();
        let pid = [field("SYSLOG_PID"), field("_PID")].into_iter().find(|pid| !pid.is_empty())?;
        let (host, name) = (field("_HOSTNAME"), field("SYSLOG_IDENTIFIER"));
        let message = message(object.get("MESSAGE")?)?;
        Some(Self {
            cursor: field("__CURSOR").to_owned(),
            line: format!("{host} {name}[{pid}]: {message}"),
            time: field("__REALTIME_TIMESTAMP").parse::<i64>().ok().map(|time| time / 1_000_000),
            name: name.to_owned(),
            uid: field("_UID").parse().ok(),
            comm: field("_COMM").to_owned(),
            exe: field("_EXE").to_owned(),
        })
    }

    /// Whether root sent it.
    pub fn is_of_root(&self) -> bool {
        self.uid == Some(0)
    }

    /// Whether a daemon of Postfix sent it: its process is root's or `owner`'s (`mail_owner`), and runs the program
    /// that it names. Facility and identifier prove nothing: every user can send any.
    pub fn is_of_postfix(&self, owner: u32) -> bool {
        let Some((_, daemon)) = self.name.rsplit_once('/') else { return false };
        let is_daemon = |program: &str, known: &str| !program.is_empty() && program == known;
        let file = self.exe.rsplit('/').next().unwrap_or_default();
        (self.is_of_root() || self.uid == Some(owner))
            && (is_daemon(&self.comm, daemon.get(..COMM).unwrap_or(daemon))
                // A process goes on with a program that an upgrade has replaced.
                || is_daemon(file.trim_end_matches(" (deleted)"), daemon))
    }

    /// Whether journald itself sent it, such as the note that lines were dropped.
    pub fn is_of_journald(&self) -> bool {
        self.is_of_root() && self.comm == "systemd-journal"
    }
}

/// The text of a message. Text that is not UTF-8, or has control characters, comes as numbers.
fn message(value: &Value) -> Option<String> {
    let bytes = || Some(String::from_utf8_lossy(&Vec::<u8>::deserialize(value).ok()?).into_owned());
    value.as_str().map(str::to_owned).or_else(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of smtp(8), as `journalctl -o json` of systemd 252 prints it.
    const OF_SMTP: &str = r#"{"_SYSTEMD_CGROUP":"/system.slice/postfix.service","_GID":"89","__MONOTONIC_TIMESTAMP":"61243433","_SYSTEMD_UNIT":"postfix.service","SYSLOG_FACILITY":"2","_PID":"421","_EXE":"/usr/libexec/postfix/smtp","__CURSOR":"s=1;i=2","_COMM":"smtp","_TRANSPORT":"syslog","SYSLOG_PID":"421","PRIORITY":"6","_UID":"89","_CMDLINE":"smtp -t unix -u","SYSLOG_TIMESTAMP":"Nov 28 12:00:00 ","_HOSTNAME":"h","SYSLOG_IDENTIFIER":"postfix/smtp","_BOOT_ID":"0","MESSAGE":"A1B2C: to=<ops@example.com>"}"#;

    #[test]
    fn only_what_the_kernel_says_of_the_sender_is_believed() {
        let is_of_postfix = |line: &str| JournalEntry::parse(line).unwrap().is_of_postfix(89);
        assert!(is_of_postfix(OF_SMTP));
        assert!(is_of_postfix(&OF_SMTP.replace(r#""_UID":"89""#, r#""_UID":"0""#)));
        assert!(is_of_postfix(&OF_SMTP.replace(r#""_COMM":"smtp","#, "")));
        let upgraded = OF_SMTP
            .replace(r#""_COMM":"smtp","#, "")
            .replace("postfix/smtp\",\"__", "postfix/smtp (deleted)\",\"__");
        assert!(is_of_postfix(&upgraded), "{upgraded}");
        let long = OF_SMTP.replace("postfix/smtp\",\"_BOOT", "postfix/trivial-rewrites\",\"_BOOT");
        assert!(is_of_postfix(&long.replace(r#""_COMM":"smtp""#, r#""_COMM":"trivial-rewrite""#)));
        for (from, to) in [
            (r#""_UID":"89""#, r#""_UID":"65534""#),
            (r#""_UID":"89","#, ""),
            (r#""_UID":"89""#, r#""_UID":["89"]"#),
            (r#""_UID":"89","#, r#""UID":"0","OBJECT_UID":"0","SYSLOG_UID":"89","#),
            (r#""_COMM":"smtp","#, r#""_COMM":"logger","#),
            (r#""_COMM":"smtp","_TRANSPORT""#, r#""_COMM":"","COMM":"smtp","_TRANSPORT""#),
            (r#""SYSLOG_IDENTIFIER":"postfix/smtp""#, r#""SYSLOG_IDENTIFIER":"smtp""#),
            (r#""SYSLOG_IDENTIFIER":"postfix/smtp""#, r#""SYSLOG_IDENTIFIER":"postfix/cleanup""#),
        ] {
            let other = OF_SMTP.replace(from, to).replace("/usr/libexec/postfix/smtp", "/usr/bin/logger");
            assert_ne!(other, OF_SMTP);
            assert!(!is_of_postfix(&other), "{other}");
        }
    }

    #[test]
    fn an_entry_is_a_line_of_a_mail_log() {
        let line = r#"{"__CURSOR":"s=1;i=2","_HOSTNAME":"h","SYSLOG_IDENTIFIER":"postfix/qmgr","SYSLOG_PID":"7","_PID":"8","MESSAGE":"A1: removed"}"#;
        let entry = JournalEntry::parse(line).unwrap();
        assert_eq!(
            (entry.cursor.as_str(), entry.line.as_str()),
            ("s=1;i=2", "h postfix/qmgr[7]: A1: removed")
        );
        let bytes = line.replace("\"A1: removed\"", "[65,255,66]");
        assert_eq!(JournalEntry::parse(&bytes).unwrap().line, "h postfix/qmgr[7]: A\u{fffd}B");
        assert_eq!(JournalEntry::parse(&line.replace("\"A1: removed\"", "null")), None);
        assert_eq!(JournalEntry::parse("-- cursor: s=1"), None);
    }
}
