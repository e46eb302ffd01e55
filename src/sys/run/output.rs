//! The end of a program that was run: its status, and what it wrote.

use crate::error::{Error, Result};

/// Lines of standard error in an error.
const TAIL_LINES: usize = 12;

/// The exit status and the output of a program.
#[derive(Debug)]
pub struct Output {
    /// Exit status; `None` if a signal ended it.
    pub code: Option<i32>,
    /// Number of the signal that ended it.
    pub signal: Option<i32>,
    /// Standard output, cut at 4 MiB, or where the caller said.
    pub stdout: Vec<u8>,
    /// Standard error, likewise.
    pub stderr: Vec<u8>,
    /// The command line.
    pub command: String,
}

impl Output {
    /// Whether the status is 0.
    pub fn success(&self) -> bool {
        self.code == Some(0)
    }

    /// `exit status 3`, or `signal 9`.
    pub fn status(&self) -> String {
        match (self.code, self.signal) {
            (Some(code), _) => format!("exit status {code}"),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => "no exit status".into(),
        }
    }

    /// The first line, of all that it wrote, that is such a line.
    pub fn line_with(&self, is_such: &dyn Fn(&str) -> bool) -> Option<String> {
        [&self.stdout, &self.stderr].into_iter().find_map(|bytes| {
            String::from_utf8_lossy(bytes).lines().find(|line| is_such(line)).map(str::to_owned)
        })
    }

    /// Standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// The last lines of both outputs.
    pub fn tail(&self) -> String {
        let out = last_lines(&self.stdout);
        let err = last_lines(&self.stderr);
        [out, err].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
    }

    /// The error that it has failed, with the last lines of both outputs.
    pub fn failure(&self) -> Error {
        Error::Program { command: self.command.clone(), status: self.status(), stderr: self.tail() }
    }

    /// Itself if the status is 0, else an error with the last lines of standard error.
    pub fn checked(self) -> Result<Self> {
        if self.success() {
            return Ok(self);
        }
        Err(Error::Program { status: self.status(), stderr: last_lines(&self.stderr), command: self.command })
    }
}

/// The last lines of a text that are not empty.
pub(super) fn last_lines(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let from = lines.len().saturating_sub(TAIL_LINES);
    lines.get(from..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_wherever_it_stands_and_the_end_is_said_in_words() {
        let mut output = Output {
            code: None,
            signal: Some(9),
            stdout: format!("No package x available.\n{}", "more\n".repeat(100)).into_bytes(),
            stderr: b"oops\n".to_vec(),
            command: "yum".into(),
        };
        let line = |output: &Output, word: &str| output.line_with(&|line| line.contains(word));
        assert_eq!(line(&output, "No package").as_deref(), Some("No package x available."));
        assert_eq!(line(&output, "oops").as_deref(), Some("oops"));
        assert!(!output.tail().contains("No package") && line(&output, "less").is_none());
        assert_eq!(output.status(), "signal 9");
        output.code = Some(3);
        assert_eq!(output.status(), "exit status 3");
    }
}
