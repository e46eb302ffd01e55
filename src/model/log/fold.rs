//! Folds texts that differ only in numbers, addresses and ids into one text, so that messages that failed for one reason
//! make one group.

/// Appends `text` to `out`, and replaces what differs from message to message and no cause depends on: text in brackets,
/// mail addresses, long words with many digits. Codes and short numbers stay.
pub fn soft(text: &str, out: &mut String) {
    for (at, word) in text.split(' ').enumerate() {
        if at > 0 {
            out.push(' ');
        }
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        if word.starts_with("sender='") {
            // What a login may not be (sendmail(1), postdrop(1)): each address has a cause of its own.
            out.push_str(word);
        } else if let Some(at) = word.find('@') {
            // After it the number of a login may stand: `a@b(1000):`.
            let number = word.get(at..).and_then(|rest| rest.find('(').and_then(|start| rest.get(start..)));
            out.extend(["@", number.unwrap_or_default()]);
        } else if let Some((name, rest)) = word.split_once('[') {
            // The cause may depend on the kind of address (IPv4 or IPv6), and on the port.
            let (address, port) = rest.split_once(']').unwrap_or((rest, ""));
            let kind = if address.contains(':') { "[:]" } else { "[.]" };
            out.extend([name, kind, port]);
        } else if word.starts_with('<') {
            out.push_str("<>");
        } else if word.len() >= 10 && digits >= 3 && !word.starts_with("AADSTS") {
            out.push('#');
        } else {
            out.push_str(word);
        }
    }
}

/// Folds all numbers and names as well, except the codes of a reply. Words that the catalogue does not know are grouped
/// by this text.
pub fn hard(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    soft(text, &mut folded);
    let hard = |word: &str| {
        if is_code(word) {
            word.to_owned()
        } else if word.contains("[:]") || word.contains("[.]") {
            "[]".to_owned()
        } else if is_name(word) {
            "*".to_owned()
        } else {
            let mut letters: Vec<char> =
                word.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).collect();
            letters.dedup_by(|one, other| *one == '#' && *other == '#');
            letters.into_iter().collect()
        }
    };
    folded.split(' ').map(hard).collect::<Vec<String>>().join(" ")
}

/// Whether a word is the code of a reply: `550`, `5.7.1`, `550-5.7.1`.
fn is_code(word: &str) -> bool {
    let word = word.trim_end_matches([':', ',', ';']);
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    word.starts_with(['2', '4', '5'])
        && (3..=9).contains(&digits)
        && word.len() <= 12
        && word.bytes().all(|c| c.is_ascii_digit() || c == b'.' || c == b'-')
}

/// Whether a word looks like a host name: a dot between letters.
fn is_name(word: &str) -> bool {
    let is_letter = u8::is_ascii_alphabetic;
    word.as_bytes().windows(3).any(|three| matches!(three, [a, b'.', z] if is_letter(a) && is_letter(z)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ids_and_addresses_are_folded_and_codes_are_not() {
        let one =
            "host mx1.a.test[192.0.2.1] said: 550-5.7.1 <a@b>: try 17 at https://x.test/1 id 4Bd2c1x0zYYY";
        let two =
            "host mx2.b.test[192.0.2.2] said: 550-5.7.1 <c@d>: try 2 at https://x.test/2 id 99d2c1x0zXXX";
        assert_eq!(hard(one), hard(two));
        assert_ne!(hard(one), hard(&one.replace("550", "450")));
        assert_eq!(hard("450 4.7.1 come back in 57 s"), "450 4.7.1 come back in # s");
    }

    #[test]
    fn what_a_cause_may_depend_on_stays() {
        let soft = |text: &str| {
            let mut out = String::new();
            super::soft(text, &mut out);
            out
        };
        assert_ne!(soft("connect to r[192.0.2.1]:587: x"), soft("connect to r[2001:db8::1]:587: x"));
        assert_ne!(soft("connect to r[192.0.2.1]:587: x"), soft("connect to r[192.0.2.1]:465: x"));
        assert_eq!(soft("connect to r[192.0.2.1]:25: x"), soft("connect to r[192.0.2.9]:25: x"));
        assert_ne!(soft("fatal: a@b(1000): not x"), soft("fatal: a@b(1001): not x"));
        assert_eq!(soft("fatal: a@b(1000): not x"), soft("fatal: c@d(1000): not x"));
        assert_ne!(soft("AADSTS7000215: x"), soft("AADSTS7000222: x"));
    }
}
