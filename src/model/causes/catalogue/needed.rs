//! Words that a text must have for a pattern to match it. A search for one of each pattern leaves few patterns to be tried,
//! the others leave fewer, and only those are ever compiled: the catalogue has some 650, and a run meets a dozen.

/// Fewest bytes of a word: shorter ones are in every line.
const FEWEST: usize = 3;

/// Words of which a text must have one.
pub type OneOf = Vec<String>;

/// For each part of a pattern the words of which one is in each text that the pattern matches, the longest first: they are
/// in the fewest texts. Empty if the pattern needs none, or has a form that is not read here (flags, codes of characters).
pub fn needed(pattern: &str) -> Vec<OneOf> {
    let parts = alternatives(pattern).filter(|(_, rest)| rest.is_empty()).map(|(parts, _)| parts);
    let mut parts = parts.unwrap_or_default();
    parts.retain(|words| fewest(words) >= FEWEST);
    parts.sort_by_key(|words| std::cmp::Reverse(fewest(words)));
    parts
}

/// The words of the parts of a group, up to its end, and the pattern from there on. `None`: a form that is not read.
type Read<'a> = Option<(Vec<OneOf>, &'a str)>;

/// Reads branches that `|` separates, up to a closing parenthesis. Of several, one word is needed that is the best of one of
/// them; a branch without words leaves the whole without.
fn alternatives(rest: &str) -> Read<'_> {
    let (parts, mut rest) = branch(rest)?;
    if !rest.starts_with('|') {
        return Some((parts, rest));
    }
    let mut all = best(parts);
    while let Some(next) = rest.strip_prefix('|') {
        let (parts, after) = branch(next)?;
        all = all.zip(best(parts)).map(|(all, words)| [all, words].concat());
        rest = after;
    }
    Some((all.into_iter().collect(), rest))
}

/// The words of which the shortest is longer than those of any other part.
fn best(parts: Vec<OneOf>) -> Option<OneOf> {
    parts.into_iter().reduce(|best, words| if fewest(&words) > fewest(&best) { words } else { best })
}

/// Reads what stands one after the other, up to `|`, a closing parenthesis or the end: the words of each of its parts.
fn branch(mut rest: &str) -> Read<'_> {
    let (mut all, mut run) = (Vec::new(), String::new());
    while let Some(c) = rest.chars().next() {
        if c == '|' || c == ')' {
            break;
        }
        let after = rest.get(c.len_utf8()..)?;
        rest = after;
        match c {
            '(' => {
                keep(&mut all, &mut run);
                let inner =
                    if let Some(flags) = after.strip_prefix('?') { flags.strip_prefix(':')? } else { after };
                let (parts, end) = alternatives(inner)?;
                rest = end.strip_prefix(')')?;
                let may_be_absent = rest.starts_with(['?', '*', '{']);
                if !may_be_absent {
                    all.extend(parts);
                }
            }
            '[' => {
                keep(&mut all, &mut run);
                rest = after_class(after)?;
            }
            '\\' => {
                let escaped = after.chars().next()?;
                rest = after.get(escaped.len_utf8()..)?;
                match escaped {
                    'd' | 'D' | 's' | 'S' | 'w' | 'W' | 'b' | 'B' | 'A' | 'z' => keep(&mut all, &mut run),
                    _ if escaped.is_ascii_alphanumeric() => return None,
                    _ => run.push(escaped),
                }
            }
            '?' | '*' | '{' => {
                run.pop();
                keep(&mut all, &mut run);
                if c == '{' {
                    rest = after.split_once('}')?.1;
                }
            }
            '+' | '.' | '^' | '$' => keep(&mut all, &mut run),
            _ if !c.is_ascii() => keep(&mut all, &mut run),
            _ => run.push(c),
        }
    }
    keep(&mut all, &mut run);
    Some((all, rest))
}

/// Ends a run of characters.
fn keep(all: &mut Vec<OneOf>, run: &mut String) {
    if !run.is_empty() {
        all.push(vec![std::mem::take(run)]);
    }
}

fn fewest(words: &[String]) -> usize {
    words.iter().map(String::len).min().unwrap_or_default()
}

/// The pattern after a class of characters.
fn after_class(text: &str) -> Option<&str> {
    let text = text.strip_prefix('^').unwrap_or(text);
    // A bracket that comes first is a character of the class.
    let mut rest = text.strip_prefix(']').unwrap_or(text);
    let mut depth = 1;
    while depth > 0 {
        let at = rest.find(['\\', '[', ']'])?;
        let (mark, after) = rest.get(at..)?.split_at_checked(1)?;
        rest = after;
        match mark {
            "\\" => rest = after.get(after.chars().next()?.len_utf8()..)?,
            "[" => depth += 1,
            _ => depth -= 1,
        }
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_that_must_be_there() {
        for (pattern, words) in [
            (r"All-whitespace username", "All-whitespace username"),
            (r"^fatal: .*unknown service", "unknown service & fatal: "),
            (r"GSSAPI (Error|Failure)", "GSSAPI  & Error|Failure"),
            (r"^(?:Cannot|Unable)$", "Cannot|Unable"),
            (r"abcd(?:efghij)?k|lmn", "abcd|lmn"),
            (r"abcde*f", "abcd"),
            (r"a\.b\(c[]x]def", "a.b(c & def"),
            (r"[^\]\[x]zz[[:digit:]]yyy", "yyy"),
            (r"535.5\.7\.8 x+yy", "5.7.8 x & 535"),
            (r"abc{0,2}defg", "defg"),
        ] {
            let parts: Vec<String> = needed(pattern).iter().map(|words| words.join("|")).collect();
            assert_eq!(parts.join(" & "), words, "{pattern}");
        }
        for pattern in [r"", r"ab", r"abc|d", r"(?i)abcdef", r"\x41abc", r"\d+", r"(abc)?", r"a)bcd", r"[abc"]
        {
            assert_eq!(needed(pattern), Vec::<OneOf>::new(), "{pattern}");
        }
    }
}
