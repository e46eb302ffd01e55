//! The journal as fields: `journalctl -o verbose` and `-o export`. The lines between two stamps, or two blank lines, are one
//! entry.

use super::json::daemon_of;
use super::part::line_of;
use crate::model::log::head::is_host;
use crate::model::log::stamp::{Calendar, Seconds};
use crate::model::text::clipped;

/// Most bytes of a text that are kept.
const MOST: usize = 16 * 1024;

/// The entry that is being read.
#[derive(Debug, Default)]
pub struct Fields {
    is_open: bool,
    time: Option<Seconds>,
    host: String,
    program: String,
    pid: u32,
    text: String,
}

impl Fields {
    /// Takes a line. True if it is part of an entry; `done` gets the entry before, as a line, if that has ended.
    pub fn take(&mut self, text: &str, calendar: &Calendar, done: &mut Vec<String>) -> bool {
        let trimmed = text.trim();
        if trimmed.ends_with(']') && trimmed.contains("[s=") && trimmed.contains(";i=") {
            done.extend(self.end());
            self.is_open = true;
            self.time = calendar.read_any(trimmed).map(|(stamp, _)| stamp.time);
            return true;
        }
        if trimmed.starts_with("__CURSOR=") || trimmed.starts_with("__REALTIME_TIMESTAMP=") && !self.is_open {
            done.extend(self.end());
            self.is_open = true;
        }
        if !self.is_open {
            return false;
        }
        let Some((name, value)) = trimmed.split_once('=').filter(|(name, _)| is_field(name)) else {
            // An entry of `-o export` ends with an empty line.
            done.extend(self.end());
            return false;
        };
        match name {
            "__REALTIME_TIMESTAMP" | "_SOURCE_REALTIME_TIMESTAMP" => {
                self.time = self.time.or(calendar.read_any(value).map(|(stamp, _)| stamp.time));
            }
            "_HOSTNAME" => value.clone_into(&mut self.host),
            "SYSLOG_IDENTIFIER" => value.clone_into(&mut self.program),
            "SYSLOG_PID" => self.pid = value.parse().unwrap_or(self.pid),
            "_PID" if self.pid == 0 => self.pid = value.parse().unwrap_or_default(),
            "MESSAGE" => clipped(value, MOST).clone_into(&mut self.text),
            _ => {}
        }
        true
    }

    /// Ends the entry.
    pub fn end(&mut self) -> Option<String> {
        let entry = std::mem::take(self);
        if entry.text.is_empty() || entry.program.is_empty() {
            return None;
        }
        let host = Some(entry.host.as_str()).filter(|host| is_host(host));
        if let Some(daemon) = daemon_of(&entry.program) {
            return Some(line_of(entry.time, host, daemon, entry.pid, &entry.text));
        }
        let time = entry.time.map_or_else(String::new, |time| format!("{time}.0 "));
        Some(format!("{time}{} {}: {}", host.unwrap_or("x"), entry.program, entry.text))
    }
}

fn is_field(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verbose_and_export() {
        let fields = "_HOSTNAME=h\n    SYSLOG_IDENTIFIER=postfix/smtp\n    _PID=7\n    MESSAGE=ABCDE1: a=b\n";
        let verbose = format!("Tue 2026-11-24 08:00:00.123456 UTC [s=abc;i=1;b=2;m=3;t=4;x=5]\n    {fields}");
        let export = format!(
            "__CURSOR=s=abc;i=1\n__REALTIME_TIMESTAMP=1795507200123456\n{}",
            fields.replace("    ", "")
        );
        for entry in [verbose, export] {
            let (mut reader, mut done) = (Fields::default(), Vec::new());
            for line in format!("{entry}\n{entry}").lines() {
                reader.take(line, &Calendar::utc(1_795_507_200), &mut done);
            }
            done.extend(reader.end());
            assert_eq!(done, ["1795507200.0 h postfix/smtp[7]: ABCDE1: a=b"; 2]);
        }
        assert!(!Fields::default().take("MESSAGE=x", &Calendar::default(), &mut Vec::new()));
    }
}
