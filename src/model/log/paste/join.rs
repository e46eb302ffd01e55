//! Puts lines together that a mail program or a terminal has wrapped. Only what cannot be whole yet is put together: a
//! record without its end, a stamp without a program, a long line before one that cannot begin anything.

use super::part::find;
use super::trace::is_of_stack;
use super::{bare, mailer, reply};
use crate::model::log::stamp::Calendar;

/// Most bytes of a line that was put together, and most lines of the input in it.
const MOST: usize = 8192;
const LINES: usize = 40;
/// Columns of a line that may have been wrapped, with the first word of the next.
const WIDE: usize = 64;
/// Columns from which on a terminal, and not a mail program, has wrapped a line (RFC 5322 §2.1.1: 78).
const TERMINAL: usize = 79;

/// A line that may go on, as it was read so far.
#[derive(Debug, Clone)]
pub struct Open {
    /// Its text.
    pub text: String,
    /// Number of its first line.
    pub first: u64,
    /// Number of its last line.
    pub last: u64,
    /// Columns of its last line as it stands in the input, and whether a blank ends it.
    width: usize,
    blank: bool,
}

impl Open {
    /// A line of this width in the input.
    pub fn new(text: String, number: u64, raw: &str) -> Self {
        Self { text, first: number, last: number, width: columns(raw), blank: ends_with_blank(raw) }
    }

    /// Takes the next line, if this one goes on in it.
    pub fn take(&mut self, next: &str, number: u64, raw: &str, calendar: &Calendar) -> bool {
        if !self.goes_on(next, calendar) {
            return false;
        }
        // A terminal breaks a word, a mail program breaks between words. A line that is one column shorter than a usual
        // width ended with a blank, which the terminal has lost.
        let is_at_end = [79, 99, 119, 131, 159, 199].contains(&self.width);
        let breaks_words = self.width >= TERMINAL && !is_at_end;
        let is_between_words = self.blank || next.starts_with(' ') || !breaks_words;
        if is_in_address(&self.text) {
            self.text.truncate(self.text.trim_end().len());
        } else if is_between_words {
            self.text.truncate(self.text.trim_end().len());
            self.text.push(' ');
        }
        self.text.push_str(next.trim_start());
        (self.last, self.width, self.blank) = (number, columns(raw), ends_with_blank(raw));
        true
    }

    fn goes_on(&self, next: &str, calendar: &Calendar) -> bool {
        let trimmed = next.trim();
        if trimmed.is_empty() || self.text.len() + next.len() > MOST || self.last - self.first >= LINES as u64
        {
            return false;
        }
        let part = find(trimmed);
        if is_stamp_only(&self.text, calendar) {
            return part
                .is_some_and(|part| part.before.len() < WIDE && calendar.read_any(part.before).is_none());
        }
        // A reply of several lines: `550-5.7.1 a`, `550 5.7.1 b`.
        let (code, rest) = self.text.trim().split_at_checked(3).unwrap_or_default();
        if rest.starts_with('-') && reply::is_reply(self.text.trim()) {
            return trimmed.starts_with(code);
        }
        if part.is_some()
            || is_of_stack(trimmed)
            || calendar.read_any(trimmed).is_some()
            || mailer::told(trimmed).is_some()
        {
            return false;
        }
        let text = find(&self.text).map_or(self.text.as_str(), |part| part.text);
        if text.contains("to=<") && (text.starts_with("to=<") || text.contains(": to=<")) {
            return !is_whole(text);
        }
        let is_of_postfix = find(&self.text).is_some() || bare::read(&self.text).is_some();
        let word = trimmed.split(' ').next().unwrap_or_default();
        let is_full = self.width + columns(word) >= WIDE;
        let cannot_begin =
            next.starts_with(|c: char| c.is_lowercase() || c.is_ascii_digit() || " `'[(:=<".contains(c));
        let cannot_end = self.blank || self.text.ends_with([':', ',', '=']);
        is_of_postfix && is_full && (cannot_end || cannot_begin) && bare::read(trimmed).is_none()
    }
}

fn columns(raw: &str) -> usize {
    raw.trim_end_matches(['\r', '\n']).chars().count()
}

fn ends_with_blank(raw: &str) -> bool {
    raw.trim_end_matches(['\r', '\n']).ends_with(' ')
}

/// Whether a text ends within an address, which has no blank in it.
fn is_in_address(text: &str) -> bool {
    let open = text.rsplit_once("=<").map(|(_, address)| address.trim_end());
    open.is_some_and(|address| !address.contains(['>', ' ', '"']))
}

/// Whether a record has its end: `status=WORD (REASON)`.
pub fn is_whole(text: &str) -> bool {
    let Some((_, status)) = text.rsplit_once("status=") else { return false };
    let count = |c| status.matches(c).count();
    status.trim_end().ends_with(')') && count('(') <= count(')')
}

/// Whether a line is a stamp and perhaps a host.
fn is_stamp_only(text: &str, calendar: &Calendar) -> bool {
    let rest = calendar.read_any(text.trim()).map(|(_, rest)| rest);
    rest.is_some_and(|rest| rest.split_ascii_whitespace().count() <= 2 && !rest.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "Nov 24 08:00:00 mon1 postfix/smtp[7]: 4Bd2c1x0z: to=<ops@example.com>, relay=none, delay=30, delays=0/0/30/0, dsn=4.4.1, status=deferred (connect to r.example.com[192.0.2.1]:587: Connection timed out)";

    fn joined(lines: &[String]) -> Vec<String> {
        let calendar = Calendar::utc(1_795_507_200);
        let mut all: Vec<Open> = Vec::new();
        for (number, line) in (1..).zip(lines) {
            if !all.last_mut().is_some_and(|open| open.take(line, number, line, &calendar)) {
                all.push(Open::new(line.clone(), number, line));
            }
        }
        all.into_iter().map(|open| open.text).collect()
    }

    #[test]
    fn a_wrapped_line_is_whole_again_at_every_width() {
        for width in [72, 76, 78] {
            let mut lines = vec![String::new()];
            for word in LINE.split(' ') {
                let last = lines.last_mut().unwrap();
                if last.len() + 1 + word.len() > width && !last.is_empty() {
                    lines.push(word.to_owned());
                } else {
                    last.push_str(if last.is_empty() { "" } else { " " });
                    last.push_str(word);
                }
            }
            assert_eq!(joined(&lines), [LINE], "{width}");
            // format=flowed (RFC 3676) leaves the blank
            let end = lines.len() - 1;
            let flowed: Vec<String> = lines
                .iter()
                .enumerate()
                .map(|(at, line)| if at < end { format!("{line} ") } else { line.clone() })
                .collect();
            assert_eq!(joined(&flowed), [LINE], "{width}");
        }
        for width in 80..120 {
            let lines: Vec<String> = LINE
                .as_bytes()
                .chunks(width)
                .map(|bytes| String::from_utf8(bytes.to_vec()).unwrap())
                .collect();
            if ![99, 119].contains(&width) {
                assert_eq!(joined(&lines), [LINE], "{width}");
            }
        }
    }

    #[test]
    fn a_line_that_was_broken_within_an_address_is_whole_again() {
        for at in ["ops@", "ops@exam", "to=<"] {
            let (head, rest) = LINE.split_at(LINE.find(at).unwrap() + at.len());
            for (head, rest) in
                [(head.to_owned(), rest.to_owned()), (format!("{head} "), format!("    {rest}"))]
            {
                assert_eq!(joined(&[head, rest]), [LINE], "{at}");
            }
        }
    }

    #[test]
    fn what_is_whole_stays_alone() {
        for next in [
            "I do not understand this.",
            "",
            "and now?",
            "Nov 24 08:00:01 mon1 postfix/smtp[7]: x",
            "$ mailq",
        ] {
            assert_eq!(joined(&[LINE.to_owned(), next.to_owned()]), [LINE, next]);
        }
        let short = "postfix/smtp[7]: warning: x".to_owned();
        assert_eq!(joined(&[short.clone(), "and what now".into()]), [short.as_str(), "and what now"]);
    }
}
