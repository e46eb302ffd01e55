//! Takes off a line what terminals, mail programs and web pages put into it: colours, marks of quotation, entities.

/// Marks of quotation and of lists before a line. `>` may come several times.
const MARKS: [&str; 3] = ["| ", "* ", "• "];
const ENTITIES: [(&str, &str); 5] =
    [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];

/// The line as the program wrote it. Blanks before it stay, since listings and mails are read by them.
pub fn strip(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw);
    let text = text.trim_end().trim_start_matches('\u{feff}');
    let mut text = if text.contains(['\u{1b}', '\t', '\u{a0}', '#', '\r', '\u{200b}']) {
        colourless(text)
    } else {
        text.to_owned()
    };
    if text.contains('&') {
        for (entity, character) in ENTITIES {
            text = text.replace(entity, character);
        }
    }
    let mut rest = text.as_str();
    while let Some(after) = rest.trim_start().strip_prefix('>') {
        rest = after.strip_prefix(' ').unwrap_or(after);
    }
    for mark in MARKS {
        rest = rest.trim_start().strip_prefix(mark).unwrap_or(rest);
    }
    if rest.len() < text.len() { rest.to_owned() } else { text }
}

/// The text without escape sequences (ECMA-48), also as rsyslog writes them (`#033[`), and with plain blanks.
fn colourless(text: &str) -> String {
    let text = text.replace("#033[", "\u{1b}[");
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => {
                if chars.next_if(|c| *c == '[').is_some() {
                    while chars.next_if(|c| !('@'..='~').contains(c)).is_some() {}
                }
                chars.next();
            }
            '\t' | '\u{a0}' => plain.push(' '),
            '\r' | '\u{200b}' => {}
            c => plain.push(c),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::strip;

    #[test]
    fn what_was_put_around_a_line_is_taken_off() {
        for raw in [
            "a b",
            "a b\r\n",
            "\u{feff}a b\n",
            "> a b",
            ">> > a b",
            " > a b",
            "| a b",
            "* a b",
            "\u{1b}[32ma\u{1b}[0m b",
            "#033[32ma#033[0m b",
            "a\tb",
            "a\u{a0}b",
        ] {
            assert_eq!(strip(raw.as_bytes()), "a b", "{raw}");
        }
        assert_eq!(strip(b"to=&lt;a@b&gt; &amp; c"), "to=<a@b> & c");
        assert_eq!(strip(b">    a"), "   a");
        assert_eq!(strip(b"   a"), "   a");
        assert_eq!(strip(b"\x1b"), "");
        assert_eq!(strip(b"\x1b["), "");
    }
}
