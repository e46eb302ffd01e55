//! Logical lines as Postfix reads them (postconf(5), postmap(1)): a line that starts with white space continues the
//! one before; empty lines and comments may stand anywhere, also inside. Shared by main.cf and map sources.

use std::collections::BTreeMap;
use std::ops::Range;

/// One logical line: the physical lines that make it up, comments between them left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logical {
    /// Byte ranges of the physical lines, each with its line end.
    pub parts: Vec<Range<usize>>,
}

impl Logical {
    /// The text: the parts joined, line ends removed, up to the first NUL, at which Postfix ends it too (readllines in
    /// util/readlline.c, and C), [`trim`]med; not UTF-8 becomes U+FFFD.
    pub fn text(&self, bytes: &[u8]) -> String {
        let part = |part: &Range<usize>| {
            let line = bytes.get(part.clone()).unwrap_or_default();
            line.strip_suffix(b"\n").unwrap_or(line)
        };
        match self.parts.as_slice() {
            [alone] => read(part(alone)),
            several => {
                let joined = several.iter().map(part).collect::<Vec<_>>().concat();
                read(&joined)
            }
        }
    }
}

impl Logical {
    /// The physical lines, with the line ends between them and none at the end.
    pub fn lines(&self, bytes: &[u8]) -> String {
        let parts = self.parts.iter().map(|part| bytes.get(part.clone()).unwrap_or_default());
        let text = String::from_utf8_lossy(&parts.collect::<Vec<_>>().concat()).into_owned();
        let bare =
            text.strip_suffix('\n').map_or(text.as_str(), |bare| bare.strip_suffix('\r').unwrap_or(bare));
        bare.to_owned()
    }
}

/// The text without ASCII white space at both ends, as Postfix reads it. A no-break space stays: it may end a password.
pub fn trim(text: &str) -> &str {
    text.trim_matches(is_space)
}

/// The text of a line.
fn read(line: &[u8]) -> String {
    let line = line.split(|byte| *byte == 0).next().unwrap_or_default();
    trim(&String::from_utf8_lossy(line)).to_owned()
}

/// Whether Postfix takes this for white space: isspace(3) of ASCII, with the vertical tab, which Rust's own test omits.
pub fn is_space(c: char) -> bool {
    c.is_ascii_whitespace() || c == '\u{b}'
}

/// The number of line ends in these bytes.
pub fn ends(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == b'\n').count().saturating_sub(1)
}

/// The logical lines of a file, in order.
pub fn logical(bytes: &[u8]) -> Vec<Logical> {
    let mut lines: Vec<Logical> = Vec::new();
    let mut start = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let range = start..start + line.len();
        start = range.end;
        let first = line.iter().find(|byte| !is_space(char::from(**byte)));
        if matches!(first, None | Some(b'#')) {
            continue;
        }
        let continues = line.first().is_some_and(|byte| is_space(char::from(*byte)));
        match lines.last_mut() {
            Some(last) if continues => last.parts.push(range),
            _ => lines.push(Logical { parts: vec![range] }),
        }
    }
    lines
}

/// Replaces logical lines: `keep` becomes `text` (no line end; the old one stays), those in `drop` are removed.
/// Everything else, comments between the parts of a replaced line included, stays byte for byte.
pub fn replace(bytes: &[u8], keep: Option<&Logical>, drop: &[Logical], text: &str) -> Vec<u8> {
    let mut edits = Edits::default();
    for line in drop {
        edits.remove(line);
    }
    if let Some(line) = keep {
        edits.replace(line, text);
    }
    edits.of(bytes)
}

/// Changes of several logical lines, which are made at once: each alone would read the whole file.
#[derive(Debug, Default)]
pub struct Edits<'a> {
    /// Where a physical line starts, to the text that takes its place.
    lines: BTreeMap<usize, Option<&'a str>>,
}

impl<'a> Edits<'a> {
    /// Removes a line.
    pub fn remove(&mut self, line: &Logical) {
        self.lines.extend(line.parts.iter().map(|part| (part.start, None)));
    }

    /// Puts a text without line end in the place of a line, whose own line end stays.
    pub fn replace(&mut self, line: &Logical, text: &'a str) {
        self.remove(line);
        self.lines.extend(line.parts.first().map(|part| (part.start, Some(text))));
    }

    /// The bytes with the changes.
    pub fn of(&self, bytes: &[u8]) -> Vec<u8> {
        let (mut out, mut start) = (Vec::with_capacity(bytes.len()), 0);
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            match self.lines.get(&start) {
                None => out.extend_from_slice(line),
                Some(None) => {}
                Some(Some(text)) => {
                    out.extend_from_slice(text.as_bytes());
                    out.extend_from_slice(line_end(line));
                }
            }
            start += line.len();
        }
        out
    }
}

/// Adds a line at the end, after a line end if the last line has none. It ends as the last line does that has one.
pub fn append(bytes: &[u8], text: &str) -> Vec<u8> {
    append_all(bytes, [text])
}

/// Adds lines at the end, in the same way.
pub fn append_all<'a>(bytes: &[u8], texts: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let ended = bytes.iter().rposition(|byte| *byte == b'\n').and_then(|at| bytes.get(..=at));
    let end = ended.map_or(&b"\n"[..], line_end);
    let mut out = bytes.to_vec();
    for text in texts {
        if !out.is_empty() && !out.ends_with(b"\n") {
            out.extend_from_slice(end);
        }
        out.extend_from_slice(text.as_bytes());
        out.extend_from_slice(end);
    }
    out
}

/// The line end of a text: CR LF, LF, or none.
fn line_end(text: &[u8]) -> &[u8] {
    let length = if text.ends_with(b"\r\n") { 2 } else { usize::from(text.ends_with(b"\n")) };
    text.get(text.len() - length..).unwrap_or_default()
}
