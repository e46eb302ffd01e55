//! The abilities of the output: whether a person watches, its width, its characters and colours.

use std::io::IsTerminal;
use std::os::fd::AsFd;

use textwrap::core::Word;

use crate::sys::environment;

/// Abilities of an output.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    /// Whether a person watches, so that lines may be overwritten.
    pub live: bool,
    /// Columns to use.
    pub width: usize,
    color: bool,
    unicode: bool,
}

/// The columns of a terminal that are used.
fn columns(terminal: impl AsFd) -> usize {
    let size = terminal_size::terminal_size_of(terminal);
    size.map_or(USUAL, |(width, _)| usize::from(width.0)).clamp(LEAST, WIDTH)
}

/// The columns of an output that is no terminal: those that COLUMNS names, which a shell hands on only if a person has said
/// so. What is behind a pipe is most often shown in a terminal after all.
fn columns_behind() -> usize {
    let wanted = environment::variable("COLUMNS").and_then(|columns| columns.parse().ok());
    wanted.unwrap_or(USUAL).clamp(LEAST, WIDTH)
}

/// How lines are broken: between words only, and never within a command, of which a half does something else.
pub fn breaks<'a>(width: usize) -> textwrap::Options<'a> {
    textwrap::Options::new(width)
        .word_separator(textwrap::WordSeparator::Custom(whole_words))
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .break_words(false)
}

/// A line behind `head`, broken as `breaks` says. What does not fit goes on `indent` columns in.
pub fn wrapped(width: usize, head: &str, line: &str, indent: usize) -> String {
    let indent = " ".repeat(indent);
    textwrap::fill(line, breaks(width).initial_indent(head).subsequent_indent(&indent))
}

/// The words of a line; a command is one.
fn whole_words(line: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    let mut rest = line;
    Box::new(std::iter::from_fn(move || {
        let (word, left) = rest.split_at_checked(end_of_word(rest)).filter(|(word, _)| !word.is_empty())?;
        rest = left;
        Some(Word::from(word))
    }))
}

/// What stands in front of a remedy.
pub const REMEDY: &str = "-> ";

/// The end of the first word, with the blanks behind it. What stands between backquotes is a command, and so is
/// `relayhost` with the words that follow it, up to one that is no option. The mark of a remedy does not stand alone.
fn end_of_word(line: &str) -> usize {
    if let Some(remedy) = line.strip_prefix(REMEDY) {
        return REMEDY.len() + end_of_word(remedy);
    }
    let bytes = line.as_bytes();
    let (mut is_quoted, mut at, mut words) = (false, 0, 0);
    let own = line.trim_start_matches(['(', ' ']).starts_with("relayhost ");
    while let Some(byte) = bytes.get(at) {
        match byte {
            // A backquote alone, of somebody else's words, quotes nothing.
            b'`' => is_quoted = !is_quoted && bytes.get(at + 1..).is_some_and(|rest| rest.contains(&b'`')),
            b' ' if !is_quoted => {
                let next = at + bytes.iter().skip(at).take_while(|byte| **byte == b' ').count();
                words += usize::from(at > 0);
                let follows = line.get(next..).unwrap_or_default();
                let is_whole = at > 0 && bytes.get(at - 1).is_some_and(u8::is_ascii_alphanumeric);
                let goes_on = own
                    && is_whole
                    && ((words == 1 && follows.starts_with(|c: char| c.is_ascii_lowercase()))
                        || (words > 1 && follows.starts_with("--")));
                if !goes_on {
                    return next;
                }
                at = next;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    line.len()
}

/// Meaning of a mark in front of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
    /// May keep mail from arriving.
    Warning,
    /// Worth knowing.
    Note,
    /// Under way.
    Busy,
}

/// The most columns that are used: longer lines are hard to read.
pub const WIDTH: usize = 100;
/// The fewest columns that are used.
const LEAST: usize = 20;
/// The columns of a terminal of which nothing is known.
const USUAL: usize = 80;

impl Terminal {
    /// Looks at standard output and at the caller's locale.
    pub fn detect() -> Self {
        let set = |name: &str| environment::variable(name).filter(|value| !value.is_empty());
        let dumb = set("TERM").is_none_or(|term| term == "dumb");
        let is_terminal = std::io::stdout().is_terminal();
        let live = is_terminal && !dumb;
        let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG")).unwrap_or_default();
        Self {
            live,
            width: if is_terminal { columns(std::io::stdout()) } else { columns_behind() },
            color: live && set("NO_COLOR").is_none(),
            unicode: live && locale.to_lowercase().replace('-', "").contains("utf8"),
        }
    }

    /// The abilities of a file or a pipe.
    pub fn plain() -> Self {
        Self { live: false, width: columns_behind(), color: false, unicode: false }
    }

    /// The abilities of standard error. What is no terminal gets each line whole: a log has lines, and no columns.
    pub fn of_errors() -> Self {
        let error = std::io::stderr();
        Self { width: if error.is_terminal() { columns(error) } else { usize::MAX }, ..Self::plain() }
    }

    /// A text, each line of it wrapped; what does not fit goes on two columns further in.
    pub fn fill(self, text: &str) -> String {
        if self.width == usize::MAX {
            return format!("{}\n", text.trim_end_matches('\n'));
        }
        let line = |line: &str| {
            let words = line.trim_start_matches(' ');
            let indent = line.len() - words.len();
            wrapped(self.width, &" ".repeat(indent), words, indent + 2) + "\n"
        };
        text.lines().map(line).collect()
    }

    /// The mark, of the same width for each meaning.
    pub fn mark(self, mark: Mark) -> String {
        let (unicode, ascii, color) = match mark {
            Mark::Good => ("✓", "ok  ", "32"),
            Mark::Bad => ("✗", "FAIL", "31"),
            Mark::Warning => ("!", "warn", "33"),
            Mark::Note => ("i", "note", "36"),
            Mark::Busy => ("…", "... ", "2"),
        };
        self.paint(color, if self.unicode { unicode } else { ascii })
    }

    /// Whether it shows the block characters of Unicode, and a person looks at it.
    pub fn shows_blocks(self) -> bool {
        self.unicode
    }

    /// Number of columns that a mark takes.
    pub fn mark_width(self) -> usize {
        if self.unicode { 1 } else { 4 }
    }

    /// Text in a fainter colour.
    pub fn dim(self, text: &str) -> String {
        self.paint("2", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::Error;
    use crate::model::causes::catalogue::catalogue;

    /// The commands of a text, as it marks them.
    fn commands(text: &str) -> Vec<&str> {
        if text.matches('`').count() % 2 == 1 {
            return Vec::new();
        }
        text.split('`').skip(1).step_by(2).collect()
    }

    fn holds(width: usize, text: &str) {
        let shown = wrapped(width, "   ", text, 6);
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(words(&shown), words(text), "a word was broken at {width}: {shown}");
        for command in commands(text) {
            assert!(shown.contains(command), "`{command}` was broken at {width}: {shown}");
        }
        for line in shown.lines().filter(|line| line.chars().count() > width) {
            let words: Vec<&str> = whole_words(line.trim_start()).map(|word| word.word).collect();
            assert_eq!(words.len(), 1, "wider than {width}, and could be broken: {line}");
        }
    }

    #[test]
    fn every_remedy_keeps_its_commands_whole_at_every_width() {
        let errors = [Error::NoLog, Error::Masked, Error::NoProc, Error::NoMainCf, Error::NotRoot];
        let hints = errors.map(|error| error.hint("relayhost apply --answers '/srv/a b.toml'"));
        let remedies: Vec<&str> = catalogue()
            .iter()
            .map(|entry| entry.remedy.as_str())
            .chain(hints.iter().map(String::as_str))
            .collect();
        for width in 20..=200 {
            for &text in &remedies {
                holds(width, text);
            }
        }
    }

    proptest! {
        #[test]
        fn no_word_and_no_command_is_ever_broken(
            width in 20_usize..200,
            parts in proptest::collection::vec("[a-z]{1,9},?|->|[/a-z.]{20,90}|`[a-z]{1,9}( -[a-z]{1,30}){0,9}`[;,.]?|`|relayhost", 0..30),
        ) {
            holds(width, &parts.join(" "));
        }
    }

    #[test]
    fn a_command_of_relayhosts_own_is_one_word_without_marks_too() {
        let words = |text: &'static str| whole_words(text).map(|word| word.word).collect::<Vec<_>>();
        assert_eq!(
            words("run relayhost apply --force --json, then"),
            ["run", "relayhost apply --force --json,", "then"]
        );
        assert_eq!(
            words("relayhost apply (relayhost plan shows it)"),
            ["relayhost apply", "(relayhost plan", "shows", "it)"]
        );
        assert_eq!(words("-> `postqueue -f` tries"), ["-> `postqueue -f`", "tries"]);
        assert_eq!(words("in relayhost, and so"), ["in", "relayhost,", "and", "so"]);
        assert_eq!(words("a ` b  c"), ["a", "`", "b", "c"]);
        assert_eq!(words("(`a b`), `c"), ["(`a b`),", "`c"]);
    }
}
