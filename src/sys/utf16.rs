//! Text in UTF-16, as editors and PowerShell of Windows write it, read as UTF-8. It is known by its byte order mark, or
//! without one by its beginning: ASCII, in which every other byte is 0.

use std::io::{Cursor, Read, Result};

/// Bytes that are read at once.
const CHUNK: usize = 16 * 1024;

/// Bytes at the beginning that tell UTF-16 without a byte order mark, and the fewest that do.
const HEAD: u64 = 32;
const FEWEST: usize = 8;

/// The input as it is, or as UTF-8 if its beginning is UTF-16. Errors: those of its reads.
pub(super) fn as_utf8(mut input: Box<dyn Read>) -> Result<Box<dyn Read>> {
    let mut head = Vec::new();
    input.by_ref().take(HEAD).read_to_end(&mut head)?;
    let (unit, mark) = match head.as_slice() {
        [0xff, 0xfe, ..] => (Some(little as Unit), 2),
        [0xfe, 0xff, ..] => (Some(big as Unit), 2),
        text => (unit_of(text), 0),
    };
    head.drain(..mark);
    let input: Box<dyn Read> = Box::new(Cursor::new(head).chain(input));
    Ok(match unit {
        Some(unit) => Box::new(Wide { input, unit, bytes: Vec::new(), text: Cursor::default() }),
        None => input,
    })
}

/// Makes a unit of two bytes.
type Unit = fn([u8; 2]) -> u16;

fn little(pair: [u8; 2]) -> u16 {
    u16::from_le_bytes(pair)
}

fn big(pair: [u8; 2]) -> u16 {
    u16::from_be_bytes(pair)
}

/// The order of the bytes of a text without a byte order mark; `None` if it is not clearly UTF-16.
fn unit_of(head: &[u8]) -> Option<Unit> {
    let (pairs, _) = head.as_chunks::<2>();
    let is_text = |unit: Unit| {
        let is_of_text =
            |c: u16| u8::try_from(c).is_ok_and(|c| c.is_ascii_graphic() || b" \t\r\n".contains(&c));
        head.len() >= FEWEST && pairs.iter().all(|pair| is_of_text(unit(*pair)))
    };
    [little as Unit, big as Unit].into_iter().find(|unit| is_text(*unit))
}

/// A reader of UTF-16.
struct Wide {
    input: Box<dyn Read>,
    unit: Unit,
    /// Bytes of a character that is not whole.
    bytes: Vec<u8>,
    text: Cursor<Vec<u8>>,
}

impl Read for Wide {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            let count = self.text.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let before = self.bytes.len();
            self.bytes.resize(before + CHUNK, 0);
            let room = self.bytes.get_mut(before..).unwrap_or_default();
            let read = self.input.read(room);
            self.bytes.truncate(before + *read.as_ref().unwrap_or(&0));
            let is_end = read? == 0;
            if is_end && before == 0 {
                return Ok(0);
            }
            self.decode(is_end);
        }
    }
}

impl Wide {
    /// Decodes what was read. At the end of the input a part of a character is a wrong character.
    fn decode(&mut self, is_end: bool) {
        let (pairs, odd) = self.bytes.as_chunks::<2>();
        let mut units: Vec<u16> = pairs.iter().map(|pair| (self.unit)(*pair)).collect();
        let mut rest = odd.to_vec();
        let is_high = units.last().is_some_and(|unit| (0xd800..0xdc00).contains(unit));
        if is_high && !is_end {
            units.pop();
            rest = pairs.last().into_iter().flatten().chain(odd).copied().collect();
        }
        let characters = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER));
        self.text = Cursor::new(characters.collect::<String>().into_bytes());
        self.bytes = if is_end { Vec::new() } else { rest };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An input that gives so many bytes at once.
    struct Slow(Cursor<Vec<u8>>, usize);

    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
            let length = buffer.len().min(self.1);
            self.0.read(&mut buffer[..length])
        }
    }

    fn read(bytes: &[u8], at_once: usize) -> Vec<u8> {
        let mut text = Vec::new();
        let input = Slow(Cursor::new(bytes.to_vec()), at_once);
        as_utf8(Box::new(input)).unwrap().read_to_end(&mut text).unwrap();
        text
    }

    #[test]
    fn both_orders_are_read_in_pieces_of_any_size() {
        let text = "postfix/smtp[7]: é\r\n\u{1f600} end";
        let units: Vec<u16> = "\u{feff}".encode_utf16().chain(text.encode_utf16()).collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        for at_once in [1, 2, 3, 5, 100] {
            for bytes in [&little[..], &big, &little[2..], &big[2..]] {
                assert_eq!(read(bytes, at_once), text.as_bytes(), "{at_once}");
            }
        }
    }

    #[test]
    fn any_other_input_stays_as_it_is() {
        for bytes in [
            &b""[..],
            b"a",
            b"ab",
            b"abc",
            b"\xff",
            b"\xef\xbb\xbfa",
            b"\xfe\xfe",
            b"a\0b\0",
            b"postfix/smtp",
            b"a\0b\0c\0\0\0",
            b"\0\0\0\0\0\0\0\0",
        ] {
            assert_eq!(read(bytes, 100), bytes);
        }
        for (bytes, expected) in
            [(&b"\xff\xfe"[..], ""), (&b"\xff\xfea"[..], ""), (&b"\xff\xfe\x00\xd8"[..], "\u{fffd}")]
        {
            assert_eq!(read(bytes, 100), expected.as_bytes());
        }
    }
}
