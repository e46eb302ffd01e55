//! Words of which a text must have one for a pattern to match it. A search for them all leaves few patterns to be tried,
//! and only those are ever compiled: the catalogue has some 650, and a run meets a dozen.

/// Fewest bytes of a word: shorter ones are in every line.
const FEWEST: usize = 3;
/// Most bytes of a word that are searched for.
const MOST: usize = 12;

/// Words of which one is in each text that the pattern matches; `None` if the pattern needs none, or has a form that is not
/// read here (flags, codes of characters).
pub fn needed(pattern: &str) -> Option<Vec<String>> {
    let (words, rest) = alternatives(pattern)?;
    rest.is_empty().then_some(words)?.filter(|words| fewest(words) >= FEWEST)
}

/// The words of a group, up to its end, and the pattern from there on. The outer `None`: a form that is not read.
type Read<'a> = Option<(Option<Vec<String>>, &'a str)>;

/// Reads branches that `|` separates, up to a closing parenthesis. One branch without words leaves the whole without.
fn alternatives(mut rest: &str) -> Read<'_> {
    let mut all = Some(Vec::new());
    loop {
        let (words, after) = branch(rest)?;
        all = all.zip(words).map(|(mut all, words)| {
            all.extend(words);
            all
        });
        match after.strip_prefix('|') {
            Some(next) => rest = next,
            None => return Some((all, after)),
        }
    }
}

/// Reads what stands one after the other, up to `|`, a closing parenthesis or the end: the best words of it.
fn branch(mut rest: &str) -> Read<'_> {
    let (mut best, mut run) = (None, String::new());
    while let Some(c) = rest.chars().next() {
        if c == '|' || c == ')' {
            break;
        }
        let after = rest.get(c.len_utf8()..)?;
        rest = after;
        match c {
            '(' => {
                keep(&mut best, &mut run);
                let inner =
                    if let Some(flags) = after.strip_prefix('?') { flags.strip_prefix(':')? } else { after };
                let (words, end) = alternatives(inner)?;
                rest = end.strip_prefix(')')?;
                let may_be_absent = rest.starts_with(['?', '*', '{']);
                if let Some(words) = words.filter(|_| !may_be_absent) {
                    better(&mut best, words);
                }
            }
            '[' => {
                keep(&mut best, &mut run);
                rest = after_class(after)?;
            }
            '\\' => {
                let escaped = after.chars().next()?;
                rest = after.get(escaped.len_utf8()..)?;
                match escaped {
                    'd' | 'D' | 's' | 'S' | 'w' | 'W' | 'b' | 'B' | 'A' | 'z' => keep(&mut best, &mut run),
                    _ if escaped.is_ascii_alphanumeric() => return None,
                    _ => run.push(escaped),
                }
            }
            '?' | '*' | '{' => {
                run.pop();
                keep(&mut best, &mut run);
                if c == '{' {
                    rest = after.split_once('}')?.1;
                }
            }
            '+' | '.' | '^' | '$' => keep(&mut best, &mut run),
            _ if !c.is_ascii() => keep(&mut best, &mut run),
            _ => run.push(c),
        }
    }
    keep(&mut best, &mut run);
    Some((best, rest))
}

/// Ends a run of characters, and keeps it if it is better than what was found before.
fn keep(best: &mut Option<Vec<String>>, run: &mut String) {
    let run = std::mem::take(run);
    if !run.is_empty() {
        better(best, vec![run.chars().take(MOST).collect()]);
    }
}

/// Keeps the words of which the shortest is longer: they are in fewer texts.
fn better(best: &mut Option<Vec<String>>, words: Vec<String>) {
    if best.as_ref().is_none_or(|best| fewest(&words) > fewest(best)) {
        *best = Some(words);
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
    fn the_longest_words_that_must_be_there() {
        for (pattern, words) in [
            (r"All-whitespace username", "All-whitespa"),
            (r"^fatal: .*unknown service", "unknown serv"),
            (r"GSSAPI (Error|Failure)", "GSSAPI "),
            (r"^(?:Cannot|Unable)$", "Cannot|Unable"),
            (r"abcd(?:efghij)?k|lmn", "abcd|lmn"),
            (r"abcde*f", "abcd"),
            (r"a\.b\(c[]x]def", "a.b(c"),
            (r"[^\]\[x]zz[[:digit:]]yyy", "yyy"),
            (r"535.5\.7\.8 x+yy", "5.7.8 x"),
            (r"abc{0,2}defg", "defg"),
        ] {
            assert_eq!(needed(pattern).map(|words| words.join("|")).as_deref(), Some(words), "{pattern}");
        }
        for pattern in [r"", r"ab", r"abc|d", r"(?i)abcdef", r"\x41abc", r"\d+", r"(abc)?", r"a)bcd", r"[abc"]
        {
            assert_eq!(needed(pattern), None, "{pattern}");
        }
    }
}
