//! One line of a mail log: `TIME HOST TAG/DAEMON[PID]: TEXT`, behind whatever prefix a syslog daemon, the journal or a
//! container put before it. Lines of other programs are skipped.

use super::head;
use super::stamp::{Calendar, Seconds};
use super::wrap::unwrap;
use crate::model::text::clipped;

/// Bytes of a line's text that are read: a reply of several lines has 512 bytes in each (RFC 5321 §4.5.3.1.5).
const TEXT: usize = 16 * 1024;

/// The severities that util/msg.c writes before a text.
pub const SEVERITIES: [&str; 4] = ["warning: ", "error: ", "fatal: ", "panic: "];

/// The writer of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writer {
    /// A program of Postfix, or a library in it: Cyrus SASL, OpenSSL, the C library with the kernel's errors.
    Daemon,
    /// The kernel, systemd, the journal, rsyslog.
    System,
}

/// A line that a Postfix program or the system wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// Time, host, and the prefix of a container's log.
    head: &'a str,
    /// Its writer, as far as the line tells.
    pub writer: Writer,
    /// `smtp`, `cleanup`, `qmgr`, …
    pub daemon: &'a str,
    /// Process id.
    pub pid: u32,
    /// Everything after the colon.
    pub text: &'a str,
}

/// Finds the Postfix part of a log line: `TAG/daemon[pid]: `, where TAG is `syslog_name`, which may contain `/`. `None`
/// for other lines, also for lines of other programs whose text looks like Postfix's.
pub fn parse_line(raw: &str) -> Option<Line<'_>> {
    let raw = raw.trim_end();
    let (tag, text) = raw.split_once(": ")?;
    let before = tag.strip_suffix(']')?;
    let start = before.rfind([' ', '\t']).map_or(0, |at| at + 1);
    let (tag, pid) = before.get(start..)?.rsplit_once('[')?;
    let (name, daemon) = tag.rsplit_once('/')?;
    if name.is_empty() || name.starts_with('/') || !is_word(daemon) {
        return None;
    }
    let (head, text) = (raw.get(..start)?, clipped(text, TEXT));
    Some(Line { head, writer: Writer::Daemon, daemon, pid: pid.parse().ok()?, text })
}

/// The time of a line, also of one that another program wrote.
pub fn time_of(raw: &[u8], calendar: &Calendar) -> Option<Seconds> {
    let raw = String::from_utf8_lossy(raw);
    let raw = unwrap(&raw);
    match parse_line(&raw) {
        Some(line) => line.when_and_where(calendar).0,
        None => calendar.read(&raw).map(|(stamp, _)| stamp.time),
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || b"_-".contains(&c))
}

impl<'a> Line<'a> {
    /// Reads a line of the kernel, systemd, the journal or rsyslog, which may be about Postfix, or of the command
    /// `postfix` itself; its `daemon` is empty.
    pub fn of_system(raw: &'a str) -> Option<Self> {
        const PROGRAMS: [&str; 7] =
            ["kernel", "systemd", "systemd-journald", "systemd-journal", "rsyslogd", "audit", "postfix"];
        let (tag, text) = raw.split_once(": ")?;
        let start = tag.rfind([' ', '\t'])? + 1;
        let name = tag.get(start..)?.split('[').next()?;
        if name == "sasl-xoauth2" {
            // The plugin writes in the process of smtp(8), under its own name.
            let pid = tag.rsplit_once('[')?.1.strip_suffix(']')?.parse().ok()?;
            let text = clipped(raw.get(start..)?.trim(), TEXT);
            return Some(Self { head: raw.get(..start)?, writer: Writer::Daemon, daemon: "smtp", pid, text });
        }
        let writer = if name == "postfix" { Writer::Daemon } else { Writer::System };
        PROGRAMS.contains(&name).then_some(())?;
        let text = clipped(text.trim(), TEXT);
        Some(Self { head: raw.get(..start)?, writer, daemon: "", pid: 0, text })
    }

    /// Whether the writer reports trouble (util/msg.c). Other lines of a daemon may be anything: a verbose one logs each
    /// word of a conversation. The command `postfix` repeats the lines of a program that it has called.
    pub fn is_trouble(&self) -> bool {
        let text = self.text.strip_prefix("/usr/sbin/postconf: ").unwrap_or(self.text);
        let complains = |head: &&str| text.starts_with(*head);
        let is_of_milter = self.daemon == "cleanup" && self.text.contains(": milter-reject: ");
        self.writer == Writer::System || is_of_milter || SEVERITIES.iter().any(complains)
    }

    /// Whether the line is the last of a process that ends (msg_fatal and msg_panic in util/msg.c).
    pub fn is_last_word(&self) -> bool {
        self.text.starts_with("fatal: ") || self.text.starts_with("panic: ")
    }

    /// Time and host of the line, each as far as the line tells.
    pub fn when_and_where(&self, calendar: &Calendar) -> (Option<Seconds>, Option<&'a str>) {
        head::when_and_where(self.head, calendar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-24T08:00:00Z
    const NOW: Seconds = 1_795_507_200;

    #[test]
    fn heads_of_every_kind() {
        let text = "4Bd2c1x0z: message-id=<a@b>";
        for head in [
            "Nov 24 08:00:00 host postfix/cleanup[1]: ",
            "Nov 24 08:00:00.123456 host postfix/cleanup[1]: ",
            "2026-11-24T08:00:00.123456+00:00 host postfix/cleanup[1]: ",
            "2026-11-24T08:00:00+0000 host postfix/cleanup[1]: ",
            "Tue 2026-11-24 08:00:00 UTC host postfix/cleanup[1]: ",
            "1795507200.000000 host postfix/cleanup[1]: ",
            "Nov 24 08:00:00 host postfix-out/cleanup[1]: ",
            "Nov 24 08:00:00 host postfix/submission/cleanup[1]: ",
            "2026-11-24T08:00:00.999999999Z stdout F Nov 24 08:00:00 host postfix/cleanup[1]: ",
            "2026-11-24T09:00:00.999999999+01:00 stderr P Nov 24 08:00:00 host postfix/cleanup[1]: ",
            "2026-11-24T08:00:00Z Nov 24 07:00:00 host postfix/cleanup[1]: ",
            "mail-1  | Nov 24 08:00:00 host postfix/cleanup[1]: ",
        ] {
            let raw = format!("{head}{text}\r\n");
            let line = parse_line(&raw).unwrap();
            assert_eq!((line.daemon, line.pid, line.text), ("cleanup", 1, text), "{head}");
            assert_eq!(line.when_and_where(&Calendar::utc(NOW)), (Some(NOW), Some("host")), "{head}");
        }
    }

    #[test]
    fn heads_without_host_or_time() {
        let line = parse_line("Nov 24 08:00:00 postfix/smtp[1]: x").unwrap();
        assert_eq!(line.when_and_where(&Calendar::utc(NOW)), (Some(NOW), None));
        let line = parse_line("postfix/smtp[1]: x").unwrap();
        assert_eq!(line.when_and_where(&Calendar::utc(NOW)), (None, None));
    }

    #[test]
    fn json_of_the_journal_and_of_docker() {
        let journal = r#"{"__REALTIME_TIMESTAMP":"1795507200000000","_HOSTNAME":"host","SYSLOG_IDENTIFIER":"postfix/smtp","SYSLOG_PID":"7","MESSAGE":"ABCDE1: to=<\"a b\"@x>"}"#;
        let docker = r#"{"log":"Nov 24 08:00:00 host postfix/smtp[7]: ABCDE1: to=<\"a b\"@x>\n","stream":"stdout","time":"2026-11-24T08:00:00.5Z"}"#;
        for raw in [journal, docker] {
            let raw = unwrap(raw);
            let line = parse_line(&raw).unwrap();
            assert_eq!((line.daemon, line.pid, line.text), ("smtp", 7, "ABCDE1: to=<\"a b\"@x>"));
            assert_eq!(line.when_and_where(&Calendar::utc(NOW)), (Some(NOW), Some("host")));
        }
        let bytes = r#"{"SYSLOG_IDENTIFIER":"postfix/smtp","_PID":7,"MESSAGE":[102,195]}"#;
        assert!(unwrap(bytes).ends_with("postfix/smtp[7]: f\u{fffd}"));
    }

    #[test]
    fn lines_of_the_system() {
        for (raw, text) in [
            (
                "Nov 24 08:00:00 h systemd[1]: postfix.service: Failed with result",
                "postfix.service: Failed with result",
            ),
            (
                "Nov 24 08:00:00 h kernel: type=1400 audit(1.1:2): avc:  denied",
                "type=1400 audit(1.1:2): avc:  denied",
            ),
            (
                "Nov 24 08:00:00 h systemd-journald[9]: Suppressed 9 messages from x",
                "Suppressed 9 messages from x",
            ),
        ] {
            let line = Line::of_system(raw).unwrap();
            assert_eq!((line.daemon, line.text), ("", text));
            assert_eq!(line.when_and_where(&Calendar::utc(NOW)), (Some(NOW), Some("h")));
        }
        for raw in [
            "Nov 24 08:00:00 h sshd[1]: error: x",
            "Nov 24 08:00:00 h sshd[1]: Invalid user kernel: avc:  denied  { read } for comm=smtp",
            "Nov 24 08:00:00 h app: said kernel: avc:  denied",
        ] {
            assert_eq!(Line::of_system(raw), None, "{raw}");
        }
    }

    #[test]
    fn lines_of_others() {
        for raw in [
            "",
            "Nov 23 10:00:00 host sshd[1]: postfix is a word",
            "Nov 23 10:00:00 host dovecot: imap(a)<1><x>: x",
            "Nov 23 10:00:00 host CRON[1]: (root) CMD (/usr/bin/a[1]: b)",
            "{\"a\":1}",
            "x /[1]: ",
            // The text of another program may look like a line of Postfix.
            "Nov 23 10:00:00 host dovecot: imap(a): x postfix/smtp[1]: fatal: x",
            "é]: é]: ",
        ] {
            assert_eq!(parse_line(raw), None, "{raw}");
        }
    }
}
