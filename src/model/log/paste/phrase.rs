//! Words as people repeat them in a text: in quotation marks, or as a sentence alone.

use super::bare::{self, is_known, is_known_exactly, of_reply, said};
use super::piece::{Piece, attempt};
use super::strip::undressed;

/// Fewest words of a sentence, and most bytes.
const FEWEST: usize = 3;
const LONGEST: usize = 1000;

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
    if let Some(words) = of_postfix.iter().find(|words| is_known_exactly(words)) {
        return Some(Piece::Attempt(Box::new(attempt("", words))));
    }
    is_known(&said("relay", words)).then(|| of_reply("relay", words))
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
        for text in [
            "",
            "\"\"",
            "the host is down",
            "mail for ops goes there",
            "`fatal`",
            "\"not a b\" c",
            "fatal: not a git repository",
            "error: it is broken",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
