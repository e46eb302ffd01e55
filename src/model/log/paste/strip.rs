//! Takes off a line what terminals, mail programs and web pages put into it: colours, marks of quotation, entities.

use crate::model::log::head::is_level;

/// Marks of quotation and of lists before a line. `>` may come several times.
const MARKS: [&str; 3] = ["| ", "* ", "• "];
const ENTITIES: [(&str, &str); 6] =
    [("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&amp;", "&")];

/// Tags that begin or end a line, and others (HTML; `o:p` is Word's).
const BLOCKS: [&str; 20] = [
    "body", "br", "div", "dd", "dt", "h1", "h2", "h3", "h4", "head", "hr", "html", "li", "p", "pre", "table",
    "td", "th", "tr", "ul",
];
const INLINE: [&str; 16] = [
    "a",
    "b",
    "blockquote",
    "code",
    "em",
    "font",
    "i",
    "img",
    "kbd",
    "meta",
    "o:p",
    "span",
    "strong",
    "tbody",
    "tt",
    "u",
];
/// The beginning of an escape sequence, where its first character is shown in other characters.
const ESCAPES: [&str; 4] = ["#033[", "ESC[", "^[[", "\\x1b["];
/// Marks around words, those of two characters first.
const AROUND: [(&str, &str); 9] = [
    ("**", "**"),
    ("__", "__"),
    ("*", "*"),
    ("_", "_"),
    ("`", "`"),
    ("\"", "\""),
    ("'", "'"),
    ("“", "”"),
    ("«", "»"),
];
/// Marks of an item in a list, and of words that were left out.
const BEFORE: [&str; 7] = ["- ", "* ", "+ ", "• ", "– ", "…", "..."];
/// The line as the program wrote it. Blanks before it stay, since listings and mails are read by them.
pub fn strip(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw);
    let text = text.trim_end().trim_start_matches('\u{feff}');
    let is_dressed = text.contains(['\u{1b}', '\t', '\u{a0}', '\r', '\u{200b}'])
        || ESCAPES.iter().any(|escape| text.contains(escape));
    let mut text = if is_dressed { colourless(text) } else { text.to_owned() };
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

/// The text without escape sequences (ECMA-48), also as rsyslog, less and editors write them, and with plain blanks.
fn colourless(text: &str) -> String {
    let text = ESCAPES.iter().fold(text.to_owned(), |text, escape| text.replace(escape, "\u{1b}["));
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\u{1b}' => {
                // ECMA-48: a sequence of parameters (CSI), or a text for the terminal (OSC) such as its title or a link,
                // which BEL may end as well.
                if chars.next_if_eq(&'[').is_some() {
                    while chars.next_if(|c| !('@'..='~').contains(c)).is_some() {}
                } else if chars.next_if_eq(&']').is_some() {
                    while chars.next_if(|c| !matches!(c, '\u{7}' | '\u{1b}')).is_some() {}
                    if chars.next_if_eq(&'\u{1b}').is_none() {
                        chars.next();
                        continue;
                    }
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

/// The lines of a text without the tags of HTML in it; `None` if it has none. Only names of tags count: `<a@b>` is an
/// address.
pub fn without_tags(text: &str) -> Option<String> {
    if !text.contains("</") && !text.contains("<br") && !text.contains("<p>") {
        return None;
    }
    let (mut plain, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, after)) = rest.split_once('<') {
        plain.push_str(before);
        if let Some((name, after)) = tag(after) {
            let ends_line = BLOCKS.contains(&name.to_ascii_lowercase().as_str());
            plain.push_str(if ends_line { "\n" } else { "" });
            rest = after;
        } else {
            plain.push('<');
            rest = after;
        }
    }
    plain.push_str(rest);
    Some(plain)
}

/// Whether a line begins with a tag.
pub fn begins_with_tag(text: &str) -> bool {
    text.trim_start()
        .strip_prefix('<')
        .is_some_and(|rest| rest.starts_with("!DOCTYPE") || tag(rest).is_some())
}

/// A line without the tags at its end.
pub fn without_last_tags(text: &str) -> &str {
    let mut text = text;
    while let Some((before, last)) = text.trim_end().rsplit_once('<')
        && tag(last).is_some_and(|(_, after)| after.is_empty())
    {
        text = before;
    }
    text
}

/// The name of the tag whose text after `<` this is, and the text after the tag.
fn tag(text: &str) -> Option<(&str, &str)> {
    // Not over the next `<`: a line may have many, and each would be a look at the whole rest.
    let (end, _) = text.match_indices(['<', '>']).next()?;
    let (tag, after) = (text.get(..end)?, text.get(end..)?.strip_prefix('>')?);
    let name = tag.strip_prefix('/').unwrap_or(tag).trim_end_matches('/');
    let name = name.split([' ', '\t']).next()?;
    let is_tag = BLOCKS.iter().chain(&INLINE).any(|known| name.eq_ignore_ascii_case(known));
    is_tag.then_some((name, after))
}

/// A text without the marks around it.
pub fn undressed(text: &str) -> &str {
    let mut text = text.trim();
    loop {
        let item = BEFORE.iter().find_map(|mark| text.strip_prefix(mark)).or_else(|| after_number(text));
        let inner = item.map(|item| item.trim_start_matches('.')).or_else(|| without_pair(text));
        let Some(inner) = inner.or_else(|| after_column(text)).map(str::trim) else { return text };
        text = inner;
    }
}

/// The item of a numbered list (`1. `, `2) `), and what a count stands before: `14: `, or as uniq(1) writes it, `14 (`.
fn after_number(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = text.len() - rest.len();
    let item = rest.strip_prefix(". ").or_else(|| rest.strip_prefix(") ")).filter(|_| digits <= 2);
    let counted =
        || rest.strip_prefix(": ").or_else(|| rest.strip_prefix(' ').filter(|rest| rest.starts_with('(')));
    item.or_else(counted).filter(|_| (1..=7).contains(&digits))
}

/// The text after a column of a table that has a time, a number or a level.
fn after_column(text: &str) -> Option<&str> {
    let (column, rest) = text.split_once(" | ")?;
    // Compose fills the names of its containers with blanks.
    let is_name = column.ends_with(' ') && !column.trim_end().contains(' ');
    (is_name || is_level(column) || column.len() < 40 && !column.contains(|c: char| c.is_alphabetic()))
        .then_some(rest)
}

/// A text without a pair of marks around it. The second mark may be in another line.
fn without_pair(text: &str) -> Option<&str> {
    AROUND.iter().find_map(|(open, close)| {
        let inner = text.strip_prefix(open)?;
        Some(inner.strip_suffix(close).unwrap_or(inner))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A look at the whole rest for each `<` would take minutes here.
    #[test]
    fn a_line_of_beginnings_of_tags_stays() {
        let text = "</<".repeat(300_000);
        assert_eq!(without_tags(&text).as_deref(), Some(text.as_str()));
        assert_eq!(without_tags("</b< <b>x</b>").as_deref(), Some("</b< x"));
    }

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
            "\u{1b}]0;root@mon: ~\u{7}\u{1b}[32ma\u{1b}[0m b",
            "a \u{1b}]8;;http://h\u{1b}\\b\u{1b}]8;;\u{1b}\\",
            "#033[32ma#033[0m b",
            "ESC[32maESC[0m b",
            "^[[32ma^[[0m b",
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

    #[test]
    fn marks_around_words_are_taken_off() {
        for text in [
            "a b",
            "*a b*",
            "**a b**",
            "__a b__",
            "- *a b*",
            "-   `a b`",
            "1. a b",
            "12) \"a b\"",
            "14: a b",
            "mail-1       | a b",
            "03.08.2021, 10:40:22 | crit | a b",
            "* a b",
            "*a b",
            "...a b",
            ".......a b",
            "…a b",
            "“a b”",
            "  a b ",
        ] {
            assert_eq!(undressed(text), "a b", "{text}");
        }
        for text in ["535 5.7.8 no", "a *b*", "2026. x is", "550-5.7.1 a", "x: 'PLAIN LOGIN'", "1.2 a"] {
            assert_eq!(undressed(text).len(), text.len(), "{text}");
        }
        for text in ["*", "**", "\"", "- ", "1. ", "…", "...."] {
            undressed(text);
        }
    }

    #[test]
    fn tags_of_html_are_taken_off() {
        for (text, expected) in [
            ("<p>a <b>b</b></p>", "\na b\n"),
            ("<td>a</td><td>b</td>", "\na\n\nb\n"),
            ("to=<a@b>, <span style=\"x\">c</span><br/>d", "to=<a@b>, c\nd"),
            ("<A HREF=\"x\">a</A>", "a"),
            ("a < b </p>", "a < b \n"),
        ] {
            assert_eq!(without_tags(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["to=<a@b>, relay=none", "a < b > c", "<root>: x"] {
            assert_eq!(without_tags(text), None, "{text}");
        }
    }
}
