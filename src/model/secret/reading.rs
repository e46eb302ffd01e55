//! The ways in which a text may be read: as it is, without the joints between the lines of a reply, and with one way of
//! writing bytes decoded. White space never counts, since texts are wrapped.

use std::ops::Range;

use crate::error::is_unsafe;

/// One unit of a reading, and its range in the text.
#[derive(Debug, Clone, Copy)]
pub struct Item {
    pub unit: Unit,
    pub from: usize,
    pub to: usize,
}

/// The content of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// This byte.
    Byte(u8),
    /// `?` or U+FFFD: possibly a byte or a character that is not ASCII.
    Any,
    /// No byte: the text may have been cut here.
    Cut,
    /// A character that ends this way of writing.
    Gap,
}

/// Length, in bytes, below which no program cuts a text. (syslog cuts at 1024; smtp(8) a line of SMTP at 2048;
/// relayhost at 300 and more, with `…`.)
const CUT: usize = 200;

/// A way of writing bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writing {
    Plain,
    /// `%41`, and `+` for a blank (application/x-www-form-urlencoded).
    Form,
    /// `%41` (RFC 3986).
    Percent,
    /// `=41`, and `=` at the end of a line (RFC 2045 §6.7).
    Quoted,
    /// `&#65;`, `&#x41;`, `&amp;`.
    Entity,
    /// `\x41`, `\101`, `\u0041`, and `\` before any character.
    Backslash,
    /// `#101` (rsyslog.conf(5), `$EscapeControlCharactersOnReceive`).
    Hash,
    /// `41`, with this many digits before it that belong to something else.
    Hex(usize),
    /// Base64 in either alphabet (RFC 4648 §4 and §5), not decoded.
    Base64,
}

impl Writing {
    /// The character with which an escape begins.
    fn sign(self) -> Option<char> {
        match self {
            Self::Form | Self::Percent => Some('%'),
            Self::Quoted => Some('='),
            Self::Entity => Some('&'),
            Self::Backslash => Some('\\'),
            Self::Hash => Some('#'),
            Self::Plain | Self::Hex(_) | Self::Base64 => None,
        }
    }
}

/// A character of the text, or a place where it may have been cut.
#[derive(Debug, Clone, Copy)]
struct Letter {
    c: Option<char>,
    from: usize,
    to: usize,
}

/// All readings of a text.
pub fn readings(text: &str) -> impl Iterator<Item = Vec<Item>> {
    const ALL: [(Writing, &str); 10] = [
        (Writing::Plain, ""),
        (Writing::Base64, ""),
        (Writing::Hex(0), ""),
        (Writing::Hex(1), ""),
        (Writing::Form, "+%"),
        (Writing::Percent, "%"),
        (Writing::Quoted, "="),
        (Writing::Entity, "&"),
        (Writing::Backslash, "\\"),
        (Writing::Hash, "#"),
    ];
    let (whole, joined) = (letters(text, false), letters(text, true));
    let differs = joined.len() != whole.len();
    let ways = std::iter::once(whole).chain(differs.then_some(joined));
    ways.flat_map(move |letters| {
        let is_used = |signs: &str| {
            signs.is_empty() || letters.iter().any(|letter| letter.c.is_some_and(|c| signs.contains(c)))
        };
        let used = ALL.iter().filter(|(_, signs)| is_used(signs));
        used.map(|(writing, _)| read(&letters, *writing)).collect::<Vec<_>>()
    })
}

/// The bytes of a text that count; `joined` as for `letters`.
pub fn essence(text: &str, joined: bool) -> Vec<u8> {
    letters(text, joined).iter().filter_map(|letter| letter.c).collect::<String>().into_bytes()
}

/// The bytes of a text that count if each is written by itself, as in `%C2%A0`: all but ASCII white space.
pub fn bytes(text: &str) -> Vec<u8> {
    text.bytes().filter(|byte| is_counted(*byte)).collect()
}

fn is_counted(byte: u8) -> bool {
    !byte.is_ascii() || is_shown(char::from(byte))
}

/// The range with the base64 characters on both sides of it.
pub fn run_around(text: &str, range: Range<usize>) -> Range<usize> {
    let is_run = |c: &char| c.is_ascii_alphanumeric() || "+/-_=".contains(*c);
    let before = text.get(..range.start).unwrap_or_default().chars().rev().take_while(is_run).count();
    let after = text.get(range.end..).unwrap_or_default().chars().take_while(is_run).count();
    range.start - before..range.end + after
}

/// Whether a character can be seen: no white space, no control or formatting character.
fn is_shown(c: char) -> bool {
    !(c.is_whitespace() || is_unsafe(c))
}

/// The visible characters of a text; with `joined`, without the joints between the lines of a reply.
fn letters(text: &str, joined: bool) -> Vec<Letter> {
    let (mut letters, mut at) = (Vec::with_capacity(text.len()), 0);
    let cut = |at: usize| Letter { c: None, from: at, to: at };
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        // The code of a reply follows a line end, or the character that replaced one.
        let goes_on = !rest.starts_with('?')
            && text.get(..at).and_then(|before| before.chars().next_back()).is_some_and(is_shown);
        let joint = if goes_on { 0 } else { joint(rest) };
        let ends = joint > 0 || rest.starts_with('\n') || rest.starts_with(" (in reply to ");
        if (ends && at >= CUT) || rest.starts_with('…') {
            letters.push(cut(at));
        }
        if joined && joint > 0 {
            at += joint;
            continue;
        }
        let Some(c) = rest.chars().next() else { break };
        if is_shown(c) {
            letters.push(Letter { c: Some(c), from: at, to: at + c.len_utf8() });
        }
        at += c.len_utf8();
    }
    if text.len() >= CUT {
        letters.push(cut(text.len()));
    }
    letters
}

/// Length, in bytes, of a joint between two lines of a reply that begins here: `?535 5.7.8 `, where smtp(8) replaced
/// the line end by `?`, `535-`, or `5.7.8 ` where the code was removed. No joint: 0.
fn joint(text: &str) -> usize {
    let bytes = text.as_bytes();
    let is = |at: usize, test: fn(&u8) -> bool| bytes.get(at).is_some_and(test);
    let digits =
        |at: usize, most: usize| (at..at + most).take_while(|at| is(*at, u8::is_ascii_digit)).count();
    let ends = |byte: &u8| *byte == b' ' || *byte == b'-';
    let marks = (0..2).take_while(|at| is(*at, |byte| *byte == b'?')).count();
    let mut at = marks;
    if digits(at, 3) == 3 && is(at + 3, ends) {
        at += 4;
    }
    // RFC 3463: class, subject, detail.
    let (subject, point) = (digits(at + 2, 3), |byte: &u8| *byte == b'.');
    if digits(at, 1) == 1 && is(at + 1, point) && subject > 0 && is(at + 2 + subject, point) {
        let detail = digits(at + 3 + subject, 3);
        if detail > 0 && is(at + 3 + subject + detail, ends) {
            at += 4 + subject + detail;
        }
    }
    if at > marks { at } else { 0 }
}

/// Decodes the letters in one way of writing.
fn read(letters: &[Letter], writing: Writing) -> Vec<Item> {
    if let Writing::Hex(lead) = writing {
        return hex(letters, lead);
    }
    let (mut items, mut at) = (Vec::with_capacity(letters.len()), 0);
    while let Some(letter) = letters.get(at) {
        let Letter { c, from, to } = *letter;
        let Some(c) = c else {
            items.push(Item { unit: Unit::Cut, from, to });
            at += 1;
            continue;
        };
        if writing.sign() == Some(c) {
            if let Some((value, last, to)) = escape(letters, at, writing) {
                put(&mut items, value, from, to);
                at = last + 1;
                continue;
            }
            if let Some(cut) = cut_short(letters, at) {
                at = cut;
                continue;
            }
        }
        match (writing, c) {
            (Writing::Base64 | Writing::Quoted, '=') | (Writing::Form, '+') => {}
            (Writing::Base64, '-') => put(&mut items, Meant::Char('+'), from, to),
            (Writing::Base64, '_') => put(&mut items, Meant::Char('/'), from, to),
            (Writing::Base64, c) if !(c.is_ascii_alphanumeric() || "+/".contains(c)) => {
                items.push(Item { unit: Unit::Gap, from, to });
            }
            (_, '?' | char::REPLACEMENT_CHARACTER) => items.push(Item { unit: Unit::Any, from, to }),
            (_, c) => put(&mut items, Meant::Char(c), from, to),
        }
        at += 1;
    }
    items
}

/// The meaning of the escape that begins here, the index of its last letter, and its end in the text.
fn escape(letters: &[Letter], at: usize, writing: Writing) -> Option<(Meant, usize, usize)> {
    // An escape has twelve letters at most; a place of a cut within it is not counted.
    let ahead = letters.iter().enumerate().skip(at).filter(|(_, letter)| letter.c.is_some()).take(12);
    let ahead: Vec<(usize, char, usize)> =
        ahead.filter_map(|(at, letter)| Some((at, letter.c?, letter.to))).collect();
    let text: String = ahead.iter().map(|(_, c, _)| *c).collect();
    let (value, used) = undone(&text, writing)?;
    let (last, _, to) = ahead.get(used - 1)?;
    Some((value, *last, *to))
}

/// The index of the cut that left only the beginning of the escape that begins here.
fn cut_short(letters: &[Letter], at: usize) -> Option<usize> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '#';
    let mut rest = letters.iter().enumerate().skip(at + 1).take(7);
    let end = rest.find(|(_, letter)| !letter.c.is_some_and(is_part));
    end.filter(|(_, letter)| letter.c.is_none()).map(|(cut, _)| cut)
}

/// The byte or character that an escape stands for.
#[derive(Clone, Copy)]
enum Meant {
    Byte(u8),
    Char(char),
}

fn put(items: &mut Vec<Item>, meant: Meant, from: usize, to: usize) {
    let bytes = match meant {
        Meant::Byte(byte) if is_counted(byte) => vec![byte],
        Meant::Char(c) if is_shown(c) => c.to_string().into_bytes(),
        Meant::Byte(_) | Meant::Char(_) => return,
    };
    items.extend(bytes.into_iter().map(|byte| Item { unit: Unit::Byte(byte), from, to }));
}

/// The meaning of the escape that begins here, and its length in characters.
fn undone(text: &str, writing: Writing) -> Option<(Meant, usize)> {
    let number = |from: usize, count: usize, base: u32| {
        let digits = text.get(from..from + count)?;
        let is_number = digits.chars().all(|c| c.is_digit(base));
        if is_number { u32::from_str_radix(digits, base).ok() } else { None }
    };
    let byte = |from: usize, count: usize, base: u32| {
        let value = u8::try_from(number(from, count, base)?).ok()?;
        Some((Meant::Byte(value), from + count))
    };
    match (writing, text.chars().next()?) {
        (Writing::Form | Writing::Percent, '%') | (Writing::Quoted, '=') => byte(1, 2, 16),
        (Writing::Hash, '#') => byte(1, 3, 8),
        (Writing::Entity, '&') => {
            let end = text.find(';')?;
            let named = match text.get(1..end)? {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                "apos" => '\'',
                name => {
                    let digits = name.strip_prefix('#')?;
                    let hex = digits.strip_prefix(['x', 'X']);
                    let value =
                        hex.map_or_else(|| digits.parse().ok(), |hex| u32::from_str_radix(hex, 16).ok());
                    char::from_u32(value?)?
                }
            };
            Some((Meant::Char(named), end + 1))
        }
        (Writing::Backslash, '\\') => match text.chars().nth(1)? {
            'x' => byte(2, 2, 16),
            'u' => Some((Meant::Char(char::from_u32(number(2, 4, 16)?)?), 6)),
            '0'..='3' => byte(1, 3, 8),
            c => Some((Meant::Char(if "nrt".contains(c) { ' ' } else { c }), 2)),
        },
        _ => None,
    }
}

/// Decodes pairs of hexadecimal digits, with any of ` :,-`, `0x` and `\x` between them.
fn hex(letters: &[Letter], lead: usize) -> Vec<Item> {
    let (mut items, mut first, mut skip) = (Vec::new(), None, lead);
    let mut rest = letters.iter().peekable();
    while let Some(letter) = rest.next() {
        let Some(c) = letter.c else {
            items.push(Item { unit: Unit::Cut, from: letter.from, to: letter.to });
            continue;
        };
        let before_x = c == '0' && rest.peek().is_some_and(|next| matches!(next.c, Some('x' | 'X')));
        match c.to_digit(16) {
            Some(_) if before_x => {}
            Some(_) if skip > 0 => skip -= 1,
            Some(digit) => match first.take() {
                None => first = Some((digit, letter.from)),
                Some((high, from)) => {
                    let byte = u8::try_from(high << 4 | digit).unwrap_or_default();
                    put(&mut items, Meant::Byte(byte), from, letter.to);
                }
            },
            None if ":,-xX\\".contains(c) => {}
            None => {
                items.push(Item { unit: Unit::Gap, from: letter.from, to: letter.to });
                (first, skip) = (None, lead);
            }
        }
    }
    items
}
