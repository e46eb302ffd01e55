//! The arguments of a service as master(8) hands them to its daemon (master/master_ent.c), and as the daemon reads them: by
//! getopt(3) and split_nameval(3) (master/single_server.c). A daemon that cannot read them ends at once.

use super::super::lines;
use super::Setting;

/// A word of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Number of the line in which it begins, from 1.
    pub line: usize,
    /// Its text, without the braces around it.
    pub text: String,
    /// Whether it stood in braces: one word for Postfix 3.0 and later only.
    pub braced: bool,
}

/// An argument that the daemon cannot read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadArgument {
    /// Number of the line, from 1.
    pub line: usize,
    /// The argument: `-o smtp_tls_security_level`.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
    /// The parameter that it is meant to set, and the words of the value, where both are clear.
    pub meant: Option<(String, Vec<String>)>,
}

/// Arguments, read.
#[derive(Debug, Default)]
pub struct Arguments {
    /// The parameters that `-o` sets.
    pub options: Vec<Setting>,
    /// The other words.
    pub args: Vec<String>,
    /// The first that the daemon cannot read.
    pub unread: Option<BadArgument>,
    /// The first option in braces, which Postfix before 3.0 cannot read.
    pub braced: Option<BadArgument>,
}

/// Options of a daemon without a value, and those with one, apart from `-o`.
const FLAGS: &str = "cdDluvVz";
const VALUED: &str = "imnst";
/// Daemons that take further words, which are no options.
const TAKE_WORDS: [&str; 2] = ["pipe", "spawn"];

/// The words of a logical line, by its parts with their numbers. White space within braces does not end a word, and braces
/// around a whole word are taken off, with the white space at their inner sides (mystrtokq(3), extpar(3)).
pub fn split(parts: &[(usize, String)]) -> Vec<Word> {
    let (mut words, mut depth) = (Vec::new(), 0_u32);
    let mut word = Word { line: 0, text: String::new(), braced: false };
    for (line, text) in parts {
        for c in text.chars() {
            if depth == 0 && lines::is_space(c) {
                words.extend(whole(&mut word));
                continue;
            }
            if word.text.is_empty() {
                word.line = *line;
            }
            match c {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if c != '\n' {
                word.text.push(c);
            }
        }
    }
    words.extend(whole(&mut word));
    words
}

/// The word that has ended, if there is one.
fn whole(word: &mut Word) -> Option<Word> {
    let text = std::mem::take(&mut word.text);
    let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let (text, braced) = inner.map_or((text.as_str(), false), |inner| (lines::trim(inner), true));
    (braced || !text.is_empty()).then(|| Word { line: word.line, text: text.to_owned(), braced })
}

/// Reads the arguments of a daemon. What comes after one that it cannot read is kept among the other words.
pub fn read(words: &[Word], program: &str) -> Arguments {
    let mut read = Arguments::default();
    let mut rest = words;
    while let [word, after @ ..] = rest {
        let Some(letters) = word.text.strip_prefix('-').filter(|letters| !letters.is_empty()) else { break };
        rest = after;
        if letters == "-" {
            break;
        }
        let at = letters.find(|c| !FLAGS.contains(c));
        let Some((letter, value)) = at.and_then(|at| letters.get(at..)).and_then(first) else {
            read.args.push(word.text.clone());
            continue;
        };
        let (value, line, braced) = match (value, after) {
            ("", [next, after @ ..]) if letter == 'o' || VALUED.contains(letter) => {
                rest = after;
                (next.text.as_str(), next.line, next.braced)
            }
            _ => (value, word.line, false),
        };
        let why = match (letter, value) {
            ('o', "") => "no `name=value` follows it",
            ('o', _) => match parameter(value) {
                Ok((name, value)) => {
                    let set = Setting { name: name.to_owned(), value: value.to_owned(), line };
                    if braced && read.braced.is_none() {
                        read.braced = Some(in_braces(&set));
                    }
                    read.options.push(set);
                    continue;
                }
                Err(why) => why,
            },
            (letter, value) if VALUED.contains(letter) && !value.is_empty() => continue,
            (letter, _) if VALUED.contains(letter) => "no value follows it",
            _ => "there is no such option",
        };
        let is_option = letter == 'o' && !value.is_empty();
        let text = if is_option { format!("-o {value}") } else { word.text.clone() };
        read.args.extend([word.text.clone(), value.to_owned()]);
        read.unread = Some(BadArgument { line, text, why, meant: meant(value, rest) });
        break;
    }
    if read.unread.is_none() && !TAKE_WORDS.contains(&program) {
        read.unread = stray(rest, &read.options);
    }
    read.args.extend(rest.iter().map(|word| word.text.clone()));
    read
}

/// The first of the words after the options of a program that takes no words.
fn stray(rest: &[Word], options: &[Setting]) -> Option<BadArgument> {
    let word = rest.first()?;
    // `-o name= value`: the blank ends the value.
    let open = options.last().filter(|set| set.value.is_empty());
    let meant = open.and_then(|set| meant(&set.name, rest));
    Some(BadArgument { line: word.line, text: word.text.clone(), why: "it belongs to no option", meant })
}

fn first(text: &str) -> Option<(char, &str)> {
    let mut chars = text.chars();
    Some((chars.next()?, chars.as_str()))
}

/// Name and value of a parameter (split_nameval(3)).
fn parameter(text: &str) -> Result<(&str, &str), &'static str> {
    let (name, value) = text.split_once('=').ok_or("an `=` right after the name is missing")?;
    match lines::trim(name) {
        "" => Err("the name is missing"),
        name if name.contains(lines::is_space) => Err("an `=` right after the name is missing"),
        name => Ok((name, lines::trim(value))),
    }
}

/// The parameter that a text was to set, and its value, from the words that follow: `name`, `=`, `value`.
fn meant(text: &str, rest: &[Word]) -> Option<(String, Vec<String>)> {
    let is_name =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    // `-o{ name = value }`, without a blank.
    let inner =
        text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).and_then(|text| parameter(text).ok());
    if let Some((name, value)) = inner {
        return is_name(name).then(|| (name.to_owned(), vec![value.to_owned()]));
    }
    let mut words: Vec<String> =
        rest.iter().map(|word| word.text.clone()).take_while(|word| !word.starts_with('-')).collect();
    if let Some(word) = words.first_mut() {
        *word = word.trim_start_matches('=').to_owned();
    }
    words.retain(|word| !word.is_empty());
    (is_name(text) && !words.is_empty()).then(|| (text.to_owned(), words))
}

fn in_braces(set: &Setting) -> BadArgument {
    let words = set.value.split(lines::is_space).filter(|word| !word.is_empty()).map(str::to_owned);
    BadArgument {
        line: set.line,
        text: format!("-o {{ {} = {} }}", set.name, set.value),
        why: "Postfix reads braces from 3.0 on",
        meant: Some((set.name.clone(), words.collect())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str, program: &str) -> Arguments {
        read(&split(&[(7, text.to_owned())]), program)
    }

    #[test]
    fn what_a_daemon_can_read_is_read() {
        for (text, options) in [
            ("", vec![]),
            ("-v -v", vec![]),
            ("-o a=b", vec![("a", "b")]),
            ("-oa=b -vo c=d", vec![("a", "b"), ("c", "d")]),
            ("-o { a = b c } -o {d=e}", vec![("a", "b c"), ("d", "e")]),
            ("-o a=", vec![("a", "")]),
            ("-o a=${x?{3 4}} -D", vec![("a", "${x?{3 4}}")]),
            ("-o a=b=c -s 5 --", vec![("a", "b=c")]),
        ] {
            let read = of(text, "smtp");
            assert_eq!(read.unread, None, "{text}");
            let all: Vec<_> =
                read.options.iter().map(|set| (set.name.as_str(), set.value.as_str())).collect();
            assert_eq!(all, options, "{text}");
            assert_eq!(read.braced.is_some(), text.contains("-o {"), "{text}");
        }
        let pipe = of("-o a=b flags=R argv=/x -o c", "pipe");
        assert_eq!((pipe.unread, pipe.options.len()), (None, 1));
        assert_eq!(pipe.args, ["flags=R", "argv=/x", "-o", "c"]);
    }

    #[test]
    fn what_a_daemon_cannot_read_is_named_with_what_was_meant() {
        for (text, named, meant) in [
            ("-o a = b", "-o a", Some("a=b")),
            ("-o a =b -o c=d", "-o a", Some("a=b")),
            ("-o c=d -o a= b", "b", Some("a=b")),
            ("-o a = b, c -v", "-o a", Some("a=b, c")),
            ("-o{ a = b }", "-o { a = b }", Some("a=b")),
            ("-o a", "-o a", None),
            ("-o a -o c=d", "-o a", None),
            ("-v -o", "-o", None),
            ("-o =x", "-o =x", None),
            ("-o { a }", "-o a", None),
            ("-o a=b stray", "stray", None),
            ("-q", "-q", None),
            ("-s", "-s", None),
            ("- x", "-", None),
            ("-- x", "x", None),
        ] {
            let read = of(text, "smtp");
            let unread = read.unread.unwrap_or_else(|| panic!("{text}"));
            assert_eq!((unread.text.as_str(), unread.line), (named, 7), "{text}");
            let told = unread.meant.map(|(name, words)| format!("{name}={}", words.join(" ")));
            assert_eq!(told.as_deref(), meant, "{text}");
        }
    }
}
