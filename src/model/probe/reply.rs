//! Replies of an SMTP server (RFC 5321 §4.2), read as Postfix reads them (smtp_chat_resp in smtp/smtp_chat.c): a line
//! that is no reply is text of the reply that follows, and the last line's code counts. Whatever the server sends, no
//! more is kept than the limits here, and that is harmless for a terminal.

use crate::model::text;

/// Longest line that is kept, in bytes; of a longer one the rest is dropped, as Postfix does (line_length_limit).
pub const LINE_LIMIT: usize = 4096;

/// Longest reply, in bytes, line ends included. A server that sends more has no reply to give.
pub const REPLY_LIMIT: usize = 64 * 1024;

/// Most lines that are shown of one reply.
const LINES_SHOWN: usize = 64;

/// A whole reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The code of the last line; 0 if that line has none.
    pub code: u16,
    /// All lines with their codes, without control characters.
    pub lines: Vec<String>,
}

/// Collects the lines of one reply.
#[derive(Debug, Default)]
pub struct Collector {
    lines: Vec<String>,
}

/// The code of a line, and its text: of `250-a`, `250 a`, or `250`. `None` for a line that is no reply.
fn split(line: &str) -> Option<(u16, &str)> {
    let (code, rest) =
        line.split_at_checked(3).filter(|(code, _)| code.bytes().all(|c| c.is_ascii_digit()))?;
    let text = if rest.is_empty() { rest } else { rest.strip_prefix([' ', '-'])? };
    Some((code.parse().ok()?, text))
}

impl Collector {
    /// Takes one line, without its line end. Returns the reply if this was its last line.
    pub fn line(&mut self, bytes: &[u8]) -> Option<Reply> {
        let bytes = bytes.get(..LINE_LIMIT).unwrap_or(bytes);
        let line = text::one_line(String::from_utf8_lossy(bytes).trim_end());
        // After `250-a`, more lines follow.
        let end = split(&line).filter(|_| line.as_bytes().get(3) != Some(&b'-')).map(|(code, _)| code);
        if self.lines.len() < LINES_SHOWN {
            self.lines.push(line);
        } else if let (Some(_), Some(last)) = (end, self.lines.last_mut()) {
            *last = line;
        }
        end.map(|code| Reply { code, lines: std::mem::take(&mut self.lines) })
    }

    /// The first line of a reply that did not end.
    pub fn unfinished(&self) -> Option<&str> {
        self.lines.first().map(String::as_str)
    }
}

impl Reply {
    /// Whether the server accepts (2xx).
    pub fn is_good(&self) -> bool {
        self.class() == 2
    }

    /// First digit of the code.
    pub fn class(&self) -> u16 {
        self.code / 100
    }

    /// The reply on one line, as Postfix logs it: `250-a 250 b`.
    pub fn logged(&self) -> String {
        self.lines.join(" ")
    }

    /// The reply for a person: the text of all lines, the code once.
    pub fn shown(&self) -> String {
        let text = |line: &String| after_code(line).trim().to_owned();
        let words: Vec<String> = self.lines.iter().map(text).filter(|text| !text.is_empty()).collect();
        format!("{:03} {}", self.code, words.join(" ")).trim_end().to_owned()
    }

    /// The challenge of a `334` reply: what follows the code, with no line end.
    pub fn challenge(&self) -> &str {
        self.lines.last().map_or("", |line| after_code(line).trim())
    }
}

/// A line without its code and the character after it; a line without a code as it is.
fn after_code(line: &str) -> &str {
    split(line).map_or(line, |(_, text)| text)
}

/// A server's offer in its reply to EHLO.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offer {
    /// The lines after the first, as the server sent them: `SIZE 52428800`, `STARTTLS`, …
    pub keywords: Vec<String>,
    /// Mechanisms of all AUTH lines, in capitals; `None` without such a line.
    pub auth: Option<Vec<String>>,
    /// Largest message in bytes; `None` if the server names no limit, or 0 (RFC 1870: no limit known).
    pub size: Option<u64>,
}

impl Offer {
    /// Reads the reply. A server that knows only HELO offers nothing.
    pub fn of(reply: &Reply) -> Self {
        let mut offer = Self::default();
        for line in reply.lines.iter().skip(1) {
            let keyword = after_code(line).trim();
            if keyword.is_empty() {
                continue;
            }
            // Old Microsoft servers say `AUTH=LOGIN`; Postfix takes both.
            let (name, value) = keyword.split_once([' ', '\t', '=']).unwrap_or((keyword, ""));
            if name.eq_ignore_ascii_case("AUTH") {
                let all = offer.auth.get_or_insert_default();
                for mechanism in value.split_ascii_whitespace().map(str::to_ascii_uppercase) {
                    if !all.contains(&mechanism) {
                        all.push(mechanism);
                    }
                }
            } else if name.eq_ignore_ascii_case("SIZE") {
                offer.size = value.trim().parse().ok().filter(|size| *size > 0);
            }
            offer.keywords.push(keyword.to_owned());
        }
        offer
    }

    /// Whether the server offers a keyword.
    pub fn has(&self, name: &str) -> bool {
        let is = |keyword: &String| {
            keyword.split([' ', '\t', '=']).next().is_some_and(|word| word.eq_ignore_ascii_case(name))
        };
        self.keywords.iter().any(is)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(text: &str) -> Option<Reply> {
        let mut collector = Collector::default();
        text.split('\n').find_map(|line| collector.line(line.trim_end_matches('\r').as_bytes()))
    }

    #[test]
    fn one_line_and_several() {
        let one = reply("220 relay ESMTP").unwrap();
        assert_eq!((one.code, one.shown().as_str()), (220, "220 relay ESMTP"));
        let many = reply("535-5.7.8 Username and Password\n535 5.7.8 not accepted").unwrap();
        assert_eq!(many.logged(), "535-5.7.8 Username and Password 535 5.7.8 not accepted");
        assert_eq!(many.shown(), "535 5.7.8 Username and Password 5.7.8 not accepted");
        assert_eq!(reply("250").unwrap().shown(), "250");
    }

    #[test]
    fn what_is_no_reply_is_text_before_one() {
        for garbage in ["hello", "25 x", "2500 x", "", "250_", "\u{ff12}50 x"] {
            assert_eq!(reply(garbage), None, "{garbage}");
        }
        let late = reply("banner ad\n220 ready").unwrap();
        assert_eq!((late.code, late.lines.len()), (220, 2));
        assert_eq!(reply("250-a\n421 bye").unwrap().code, 421);
    }

    #[test]
    fn control_characters_are_not_kept() {
        let evil = reply("220 \u{1b}]0;owned\u{7}\0\u{9b}31m").unwrap();
        assert_eq!(evil.lines, ["220 ?]0;owned???31m"]);
    }

    #[test]
    fn long_lines_and_many_lines_are_cut() {
        let mut collector = Collector::default();
        for _ in 0..10_000 {
            assert_eq!(collector.line(&[b'x'; 10_000]), None);
        }
        let reply = collector.line(b"250 end").unwrap();
        assert_eq!((reply.lines.len(), reply.lines.last().unwrap().as_str()), (LINES_SHOWN, "250 end"));
        assert_eq!(reply.lines[0].len(), LINE_LIMIT);
    }

    #[test]
    fn an_offer() {
        let offer = Offer::of(
            &reply("250-relay Hello\n250-SIZE 1000\n250-AUTH PLAIN login\n250-AUTH=LOGIN\n250 starttls")
                .unwrap(),
        );
        assert_eq!(offer.auth.as_deref().unwrap(), ["PLAIN", "LOGIN"]);
        assert_eq!(offer.size, Some(1000));
        assert!(offer.has("STARTTLS") && offer.has("auth") && !offer.has("SIZ"));
        let none = Offer::of(&reply("250-relay\n250-AUTH\n250 SIZE 0").unwrap());
        assert_eq!((none.auth.unwrap().len(), none.size), (0, None));
        assert_eq!(Offer::of(&reply("250 AUTH PLAIN").unwrap()), Offer::default());
    }
}
