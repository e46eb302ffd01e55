//! Parts of a mail that were encoded for transport: quoted-printable and base64 (RFC 2045 §6.7, §6.8). Exchange encodes its
//! non-delivery reports so, and a mail program that forwards a bounce may as well.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::part::find;

/// Most bytes of a part in base64, and of a line in quoted-printable.
const MOST: usize = 1024 * 1024;

/// Fields of a log's line in quoted-printable.
const FIELDS: [&str; 4] = ["to=3D<", "from=3D<", "relay=3D", "status=3D"];
/// Lengths of a line of base64 (RFC 2045 §6.8; RFC 4648 §3.1 of PEM; mail programs that leave room).
const LINES_OF_BASE64: [usize; 4] = [76, 72, 64, 60];

fn is_of_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/=".contains(&byte)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Quoted,
    Base64,
}

/// Reader of encoded parts.
#[derive(Debug, Default)]
pub struct Encoded {
    /// The encoding of the part whose header, or whose text, is being read.
    encoding: Option<Encoding>,
    is_in_text: bool,
    /// Whether no header has told the encoding: then base64 counts only if it is a text.
    is_guessed: bool,
    /// What is not decoded yet: a line that goes on, or a text in base64.
    rest: String,
    /// Lines that were decoded and not taken yet.
    pub lines: Vec<String>,
}

impl Encoded {
    /// Whether the text of an encoded part is being read.
    pub fn is_open(&self) -> bool {
        self.is_in_text
    }

    /// Takes a line. True if it is part of an encoded text.
    pub fn take(&mut self, text: &str) -> bool {
        if let Some(name) = header(text) {
            self.end();
            self.encoding = match name.as_str() {
                "quoted-printable" => Some(Encoding::Quoted),
                "base64" => Some(Encoding::Base64),
                _ => None,
            };
            return true;
        }
        self.begin_without_header(text);
        let Some(encoding) = self.encoding else { return false };
        if !self.is_in_text {
            self.is_in_text = text.trim().is_empty();
            return false;
        }
        if text.starts_with("--") {
            self.end();
            return true;
        }
        match encoding {
            Encoding::Quoted => self.quoted(text),
            Encoding::Base64 => self.base64(text),
        }
    }

    /// Begins a text whose header was not copied, if this line can be nothing else: a line of a log in which `=` is encoded,
    /// or a whole line of base64.
    fn begin_without_header(&mut self, text: &str) {
        if self.encoding.is_some() {
            return;
        }
        let is_quoted = text.contains("=3D")
            && find(text).is_some_and(|part| FIELDS.iter().any(|field| part.text.contains(field)));
        let has = |kind: fn(&u8) -> bool| text.as_bytes().iter().any(kind);
        let is_base64 = LINES_OF_BASE64.contains(&text.len())
            && text.bytes().all(is_of_base64)
            && has(u8::is_ascii_lowercase)
            && has(u8::is_ascii_uppercase)
            && has(u8::is_ascii_digit);
        self.encoding = match (is_quoted, is_base64) {
            (true, _) => Some(Encoding::Quoted),
            (_, true) => Some(Encoding::Base64),
            _ => None,
        };
        self.is_in_text = self.encoding.is_some();
        self.is_guessed = self.is_in_text;
    }

    fn quoted(&mut self, text: &str) -> bool {
        // The next mail of an mbox, or a log after the mail: a blank line ends a paragraph alone.
        let is_log =
            find(text).is_some_and(|part| part.text.contains("status=") && !part.text.contains("=3D"));
        if text.starts_with("From ") || is_log {
            self.end();
            return false;
        }
        if text.is_empty() && self.rest.is_empty() {
            return false;
        }
        match text.strip_suffix('=') {
            Some(part) if self.rest.len() + part.len() < MOST => self.rest.push_str(part),
            part => {
                self.rest.push_str(part.unwrap_or(text));
                let line = std::mem::take(&mut self.rest);
                self.lines.push(characters(bytes_of_quoted(&line)));
            }
        }
        true
    }

    fn base64(&mut self, text: &str) -> bool {
        let text = text.trim();
        if text.is_empty() && self.rest.is_empty() {
            return false;
        }
        if text.is_empty() || !text.bytes().all(is_of_base64) || self.rest.len() + text.len() > MOST {
            self.end();
            return false;
        }
        self.rest.push_str(text);
        true
    }

    /// Ends the part.
    pub fn end(&mut self) {
        let rest = std::mem::take(&mut self.rest);
        match self.encoding.take() {
            Some(Encoding::Base64) => {
                // What was cut off in the middle is read as far as it goes.
                let whole = rest.get(..rest.len() / 4 * 4).unwrap_or_default();
                let bytes = STANDARD.decode(whole).unwrap_or_default();
                let is_text = !self.is_guessed || std::str::from_utf8(&bytes).is_ok();
                let text = if is_text { characters(bytes) } else { String::new() };
                self.lines.extend(text.lines().map(str::to_owned));
            }
            Some(Encoding::Quoted) if !rest.is_empty() => self.lines.push(characters(bytes_of_quoted(&rest))),
            _ => {}
        }
        (self.is_in_text, self.is_guessed) = (false, false);
    }
}

/// The encoding that a header names.
fn header(text: &str) -> Option<String> {
    let (name, value) = text.split_once(':')?;
    name.trim_start()
        .eq_ignore_ascii_case("content-transfer-encoding")
        .then(|| value.trim().to_ascii_lowercase())
}

fn bytes_of_quoted(line: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(line.len());
    let mut rest = line.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        if let Some(byte) = hex.filter(|_| *first == b'=') {
            bytes.push(byte);
            rest = after.get(2..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    bytes
}

/// The characters of UTF-8, else of ISO 8859-1, which a byte stands for each.
fn characters(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes)
        .unwrap_or_else(|error| error.as_bytes().iter().map(|byte| char::from(*byte)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines as they are to be read: those that were decoded, and those that are as they were.
    fn read(text: &str) -> Vec<String> {
        let (mut encoded, mut all) = (Encoded::default(), Vec::new());
        for line in text.lines() {
            let is_taken = encoded.take(line);
            all.append(&mut encoded.lines);
            if !is_taken {
                all.push(line.to_owned());
            }
        }
        encoded.end();
        all.append(&mut encoded.lines);
        all.retain(|line| !line.is_empty() && header(line).is_none());
        all
    }

    #[test]
    fn parts_are_decoded_up_to_their_end() {
        let quoted = "Content-Transfer-Encoding: quoted-printable\n\na =3D b=\n c =C3=A9 =E9\n\nd =zz =\n";
        assert_eq!(read(quoted), ["a = b c Ã© é", "d =zz "]);
        assert_eq!(read(&format!("{quoted}\n--b\ne =3D f")), ["a = b c Ã© é", "d =zz ", "e =3D f"]);
        let log = "Nov 24 08:00:00 h postfix/smtp[7]: 4Bd2c1x0z: to=<a@b>, status=deferred (x)";
        assert_eq!(read(&format!("{quoted}\n{log}")).last().unwrap(), log);
        let base64 = "content-transfer-encoding: BASE64\n\nYQpi\nCmM=\n";
        for after in ["", "--x"] {
            assert_eq!(read(&format!("{base64}{after}")), ["a", "b", "c"], "{after}");
        }
        assert_eq!(read("Content-Transfer-Encoding: base64\n\nYQpiC"), ["a", "b"]);
        assert_eq!(read("Content-Transfer-Encoding: base64\n\n!\nYQpi"), ["!", "YQpi"]);
        let body = "QUJDREUxOiB0bz08YUBiPiwgcmVsYXk9bm9uZSwgc3RhdHVzPWRlZmVycmVkIChjb25uZWN0IHRv\nIHIpCg==\n";
        assert_eq!(read(body), ["ABCDE1: to=<a@b>, relay=none, status=deferred (connect to r)"]);
        let log = "h postfix/smtp[7]: ABCDE1: to=3D<a@b>, relay=3Dnone, st=\natus=3Ddeferred (x)";
        assert_eq!(read(log), ["h postfix/smtp[7]: ABCDE1: to=<a@b>, relay=none, status=deferred (x)"]);
        for text in ["Content-Transfer-Encoding: 7bit\n\na =3D b", "a =3D b", "x\n\na =3D b"] {
            assert_eq!(read(text).last().unwrap(), "a =3D b");
        }
    }
}
