//! Words as people repeat them in a text: in quotation marks, or as a sentence alone.

use super::bare;
use super::network::repeats_a_relay;
use super::piece::{Piece, is_known, is_known_exactly, of_reason};
use super::reply::{of_reply, said};
use super::strip::undressed;
use crate::model::causes::catalogue::{Entry, fitting};

/// Fewest words of a sentence, and most bytes.
const FEWEST: usize = 3;
const LONGEST: usize = 1000;

/// Words of the catalogue in a sentence that are no chance.
const MANY: usize = 4;
/// Words that replies, and sentences of Postfix, have beside those that name a cause.
const OF_MAIL: [&str; 30] = [
    "account",
    "address",
    "again",
    "auth",
    "command",
    "connect",
    "deliver",
    "domain",
    "http",
    "later",
    "lookup",
    "mail",
    "message",
    "password",
    "please",
    "postfix",
    "quota",
    "rcpt",
    "recipient",
    "refused",
    "reject",
    "relay",
    "sasl",
    "sender",
    "server",
    "smtp",
    "spam",
    "ssl",
    "tls",
    "user",
];

/// The parts of a text that stand in quotation marks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    [('"', '"'), ('“', '”'), ('«', '»'), ('`', '`')].into_iter().flat_map(move |(open, close)| {
        let parts = text.split(open).skip(1);
        parts.map(move |part| part.split_once(close).map_or(part, |(inner, _)| inner))
    })
}

/// The piece that a text repeats, if it is all that was given: without a form only the catalogue can tell.
pub fn read(text: &str) -> Option<Piece> {
    quoted(text).chain([text]).find_map(|words| {
        let words = undressed(words);
        let is_sentence = words.split_ascii_whitespace().count() >= FEWEST && words.len() <= LONGEST;
        is_sentence.then(|| bare::read(words).or_else(|| sentence(words))).flatten()
    })
}

/// A sentence of Postfix, or of a relay.
fn sentence(words: &str) -> Option<Piece> {
    let of_postfix = [words.to_owned(), format!("warning: {words}")];
    let is_own = |line: &&String| is_known_exactly(line) && is_about_mail(line, words);
    if let Some(line) = of_postfix.iter().find(is_own).filter(|_| !repeats_a_relay(words)) {
        return Some(of_reason(line));
    }
    let reply = said("relay", words);
    (is_known(&reply) && is_about_mail(&reply, words)).then(|| of_reply("relay", words))
}

/// Whether a sentence, with which the line ends, says what the catalogue knows, and does not just have the same few words in
/// it: these are most of it, or many, or others beside them are about mail.
fn is_about_mail(line: &str, sentence: &str) -> bool {
    let begin = line.len() - sentence.len();
    let matched = |entry: &Entry| {
        let captures = entry.captures(line.into())?;
        let found = captures.get(0)?;
        Some((found.start().max(begin), found.end().max(begin)))
    };
    fitting(&[line]).filter_map(matched).any(|(from, to)| {
        let words = line.get(from..to).unwrap_or_default();
        let is_most = words.len().saturating_mul(5) >= sentence.len().saturating_mul(3);
        let count = words.split_ascii_whitespace().count();
        let mut beside = [line.get(begin..from), line.get(to..)].into_iter().flatten();
        // A code of Microsoft's identity provider is no chance; one word in the midst of others is.
        is_most
            || count >= MANY
            || words.starts_with("AADSTS")
            || (count > 1 || from == begin)
                && beside.any(|part| {
                    let part = part.to_ascii_lowercase();
                    OF_MAIL.iter().any(|word| part.contains(word))
                })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_alone_is_read_as_evidence() {
        let refused = "Client was not authenticated to send anonymous mail during MAIL FROM";
        for text in [
            refused.to_owned(),
            format!("\"{refused}\""),
            format!("1.  If you receive the message \"{refused}\" your relay wants a login."),
            format!("what does “{refused}” mean?"),
        ] {
            assert_eq!(
                read(&text).and_then(Piece::reason),
                Some(format!("host relay said: {refused}")),
                "{text}"
            );
        }
        assert_eq!(
            read("No worthy mechs found").and_then(Piece::reason).as_deref(),
            Some("No worthy mechs found")
        );
        for reply in ["Relay access denied", "the mailbox is full", "Greylisted, please try again later"] {
            let reason = read(reply).and_then(Piece::reason);
            assert_eq!(reason, Some(format!("host relay said: {reply}")), "{reply}");
        }
        for text in [
            "",
            "\"\"",
            "the host is down",
            "mail for ops goes there",
            "`fatal`",
            "\"not a b\" c",
            "fatal: not a git repository",
            "error: it is broken",
            // These have words of the catalogue in them.
            "The mailbox is full of birds",
            "My certificate has expired and the cat is sick",
            "We offer SMTP relay, greylisting and a mailbox that is never full",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
