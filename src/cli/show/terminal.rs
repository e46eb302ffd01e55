//! The abilities of the output: whether a person watches, its width, its characters and colours.

use std::io::IsTerminal;
use std::os::fd::AsFd;

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
    size.map_or(80, |(width, _)| usize::from(width.0)).clamp(20, WIDTH)
}

/// A line behind `head`, broken at spaces only: a name or a setting that is cut in two cannot be copied. What does not fit
/// goes on `indent` columns in.
pub fn wrapped(width: usize, head: &str, line: &str, indent: usize) -> String {
    let indent = " ".repeat(indent);
    let options = textwrap::Options::new(width)
        .initial_indent(head)
        .subsequent_indent(&indent)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .break_words(false);
    textwrap::fill(line, options)
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

/// Width of an output that is no terminal, and the most that is used of a terminal: longer lines are hard to read.
pub const WIDTH: usize = 100;

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
            width: if is_terminal { columns(std::io::stdout()) } else { WIDTH },
            color: live && set("NO_COLOR").is_none(),
            unicode: live && locale.to_lowercase().replace('-', "").contains("utf8"),
        }
    }

    /// The abilities of a file or a pipe.
    pub fn plain() -> Self {
        Self { live: false, width: WIDTH, color: false, unicode: false }
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
