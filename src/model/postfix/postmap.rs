//! Sources of Postfix lookup tables (postmap(1)), and the output of `postmap -s` for their databases. Values may be
//! passwords: a person may see only the text of `masked`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, OnceLock};

use super::aliases;
use super::lines::{self, Logical, is_space, trim};

/// The contents of a table source.
#[derive(Clone)]
pub struct MapSource {
    bytes: Vec<u8>,
    syntax: Syntax,
    /// What the bytes say: several look at the same table, which may have thousands of entries.
    entries: OnceLock<Arc<Entries>>,
}

impl PartialEq for MapSource {
    fn eq(&self, other: &Self) -> bool {
        (&self.bytes, self.syntax) == (&other.bytes, other.syntax)
    }
}

impl Eq for MapSource {}

/// How a line of a source says what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Syntax {
    /// Key, white space, value (postmap(1)).
    Table,
    /// Name, colon, value (aliases(5)).
    Aliases,
}

/// Keys in lower case, as Postfix folds them, to values.
pub type Entries = BTreeMap<String, String>;

/// The keys by which Postfix looks up an address in smtp_generic_maps, in generic(5)'s order and folded as Postfix
/// folds them: the whole address, the user if the domain is `origin` (`myorigin`), the domain.
pub fn rewrite_keys(address: &str, origin: &str) -> Vec<String> {
    let (user, domain) = address.rsplit_once('@').unwrap_or((address, origin));
    let mut keys = vec![address.to_lowercase()];
    if domain.eq_ignore_ascii_case(origin) {
        keys.push(user.to_lowercase());
    }
    keys.push(format!("@{}", domain.to_lowercase()));
    keys
}

impl MapSource {
    /// Takes a file's bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, syntax: Syntax::Table, entries: OnceLock::new() }
    }

    /// Takes the bytes of a file of aliases(5).
    pub fn aliases(bytes: Vec<u8>) -> Self {
        Self { bytes, syntax: Syntax::Aliases, entries: OnceLock::new() }
    }

    /// The bytes to write.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The value of a key: of several entries the first, as postmap takes it.
    pub fn get(&self, key: &str) -> Option<String> {
        let first = self.lines_of(key).into_iter().next()?;
        Some(self.split(&first.text(&self.bytes)).1)
    }

    /// The number of the line, from 1, that has this key: of several the first.
    pub fn line_of(&self, key: &str) -> Option<usize> {
        let key = key.to_lowercase();
        self.numbered().find(|(_, other, _)| other.to_lowercase() == key).map(|(line, ..)| line)
    }

    /// The entries in their order, each with the number of its line, from 1.
    pub fn numbered(&self) -> impl Iterator<Item = (usize, String, String)> {
        let (mut number, mut counted) = (1, 0);
        lines::logical(&self.bytes).into_iter().filter_map(move |line| {
            let start = line.parts.first()?.start;
            number += lines::ends(self.bytes.get(counted..start)?);
            counted = start;
            let (key, value) = self.split(&line.text(&self.bytes));
            Some((number, key, value))
        })
    }

    /// Sets an entry: in place of the first one of this key (others are removed), or at the end if there is none.
    /// Entries with other keys stay byte for byte, with their comments.
    pub fn set(&mut self, key: &str, value: &str) {
        self.set_all([(key, value)]);
    }

    /// Sets several entries, in the same way; of two with one key the last.
    pub fn set_all<'a>(&mut self, entries: impl IntoIterator<Item = (&'a str, &'a str)>) {
        let colon = if self.syntax == Syntax::Aliases { ":" } else { "" };
        let mut places: BTreeMap<String, usize> = BTreeMap::new();
        let mut texts: Vec<String> = Vec::new();
        for (key, value) in entries {
            let text = format!("{key}{colon} {value}");
            let place = *places.entry(key.to_lowercase()).or_insert(texts.len());
            match texts.get_mut(place) {
                Some(other) => *other = text,
                None => texts.push(text),
            }
        }
        if texts.is_empty() {
            return;
        }
        let mut edits = lines::Edits::default();
        let mut replaced = BTreeSet::new();
        for line in lines::logical(&self.bytes) {
            let key = self.split(&line.text(&self.bytes)).0.to_lowercase();
            let Some((place, text)) = places.get(&key).and_then(|place| Some((*place, texts.get(*place)?)))
            else {
                continue;
            };
            if replaced.insert(place) { edits.replace(&line, text) } else { edits.remove(&line) }
        }
        let added = texts.iter().enumerate().filter(|(place, _)| !replaced.contains(place));
        self.replace(lines::append_all(&edits.of(&self.bytes), added.map(|(_, text)| text.as_str())));
    }

    /// Removes the entries of a key whose value `is_ours`; true if there was one. Others under the same key stay.
    pub fn remove(&mut self, key: &str, is_ours: impl Fn(&str) -> bool) -> bool {
        let key = key.to_lowercase();
        !self.remove_all(|other, value| other == key && is_ours(value)).is_empty()
    }

    /// Removes the entries that `is_ours` says, by their keys in lower case and their values. Returns the keys.
    pub fn remove_all(&mut self, is_ours: impl Fn(&str, &str) -> bool) -> BTreeSet<String> {
        let mut edits = lines::Edits::default();
        let mut removed = BTreeSet::new();
        for line in lines::logical(&self.bytes) {
            let (key, value) = self.split(&line.text(&self.bytes));
            let key = key.to_lowercase();
            if is_ours(&key, &value) {
                edits.remove(&line);
                removed.insert(key);
            }
        }
        if !removed.is_empty() {
            self.replace(edits.of(&self.bytes));
        }
        removed
    }

    /// The values of all entries, also of those under a key that an earlier one has.
    pub fn values(&self) -> impl Iterator<Item = String> {
        self.numbered().map(|(_, _, value)| value).filter(|value| !value.is_empty())
    }

    /// The entries that the database of this source must contain.
    pub fn entries(&self) -> Arc<Entries> {
        let read = || {
            let mut entries = Entries::new();
            for line in lines::logical(&self.bytes) {
                let (key, value) = self.split(&line.text(&self.bytes));
                if !value.is_empty() {
                    entries.entry(key.to_lowercase()).or_insert(value);
                }
            }
            Arc::new(entries)
        };
        Arc::clone(self.entries.get_or_init(read))
    }

    fn replace(&mut self, bytes: Vec<u8>) {
        (self.bytes, self.entries) = (bytes, OnceLock::new());
    }

    /// The text that a person may see: of an entry in `keys` the user; of another entry only that it exists (a mistyped
    /// line may have a password in any part); of comments nothing (an old password is often in one). A value that
    /// differs from `other` under the same key is marked, so that a changed password is visible.
    pub fn masked(&self, other: &Self, keys: &[String]) -> String {
        let before = other.entries();
        let keys: BTreeSet<String> = keys.iter().map(|key| key.to_lowercase()).collect();
        let shown = |line: &Logical| {
            let (key, value) = self.split(&line.text(&self.bytes));
            if !keys.contains(&key.to_lowercase()) {
                return "(another entry)\n".to_owned();
            }
            let user = value.split_once(':').map_or("********", |(user, _)| user);
            let changed = before.get(&key.to_lowercase()).is_some_and(|old| *old != value);
            format!("{key} {user}:********{}\n", if changed { " (another password)" } else { "" })
        };
        lines::logical(&self.bytes).iter().map(shown).collect()
    }

    /// Whether a database has the entries of this source. Lines that postmap may parse in another way are not compared.
    pub fn agrees_with(&self, built: &Entries) -> bool {
        let entries = self.entries();
        if std::ptr::eq(entries.as_ref(), built) {
            return true;
        }
        let plain = |key: &str, value: &str| !self.is_strange(key) && !self.is_strange(value);
        let is_same = |built: &String, value: &String| match self.syntax {
            Syntax::Table => built == value,
            // postalias writes the value anew, with white space as it likes.
            Syntax::Aliases => aliases::squeezed(built) == aliases::squeezed(value),
        };
        let is_there =
            |(key, value): (&String, &String)| built.get(key).is_some_and(|built| is_same(built, value));
        let all_there = entries.iter().all(|pair| !plain(pair.0, pair.1) || is_there(pair));
        let is_known = |key: &String| {
            entries.contains_key(key) || self.syntax == Syntax::Aliases && aliases::is_signature(key)
        };
        let none_too_many = self.has_strange() || built.keys().all(is_known);
        all_there && none_too_many
    }

    /// Whether it has a line that postmap may parse in another way.
    pub fn has_strange(&self) -> bool {
        lines::logical(&self.bytes).iter().any(|line| self.is_strange(&line.text(&self.bytes)))
    }

    /// The lines that postalias passes over, with its reason: each by its number, from 1. Of a name that is there twice, the
    /// second.
    pub fn passed_over(&self) -> Vec<(usize, String)> {
        let mut seen = BTreeSet::new();
        let (mut number, mut counted, mut all) = (1, 0, Vec::new());
        for line in lines::logical(&self.bytes).iter().filter(|_| self.syntax == Syntax::Aliases) {
            let start = line.parts.first().map_or(0, |part| part.start);
            number += lines::ends(self.bytes.get(counted..start).unwrap_or_default());
            counted = start;
            match aliases::split(&line.text(&self.bytes)) {
                Err(why) => all.push((number, why.to_owned())),
                Ok((name, _)) if seen.contains(&name.to_lowercase()) => {
                    all.push((number, format!("a second entry for {name}")));
                }
                Ok((name, _)) => drop(seen.insert(name.to_lowercase())),
            }
        }
        all
    }

    /// Key and value of a logical line; of a line that postalias passes over neither.
    fn split(&self, text: &str) -> (String, String) {
        match self.syntax {
            Syntax::Table => split(text),
            Syntax::Aliases => aliases::split(text).unwrap_or_default(),
        }
    }

    /// Whether the program that builds the table may parse this in another way.
    fn is_strange(&self, text: &str) -> bool {
        match self.syntax {
            Syntax::Table => is_strange(text),
            Syntax::Aliases => aliases::is_strange(text),
        }
    }

    fn lines_of(&self, key: &str) -> Vec<Logical> {
        let has_key =
            |line: &Logical| self.split(&line.text(&self.bytes)).0.to_lowercase() == key.to_lowercase();
        lines::logical(&self.bytes).into_iter().filter(has_key).collect()
    }
}

impl fmt::Debug for MapSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MapSource({} bytes)", self.bytes.len())
    }
}

/// Whether postmap may parse this in another way: a quoted key, or text that is not UTF-8.
fn is_strange(text: &str) -> bool {
    text.starts_with('"') || text.contains(char::REPLACEMENT_CHARACTER)
}

/// Key and value of a logical line.
fn split(text: &str) -> (String, String) {
    let (key, value) = text.split_once(is_space).unwrap_or((text, ""));
    (key.to_owned(), trim(value).to_owned())
}

/// Parses the output of `postmap -s`: key, tab, value.
pub fn parse_dump(bytes: &[u8]) -> Entries {
    String::from_utf8_lossy(bytes)
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(key, value)| (key.to_lowercase(), value.to_owned()))
        .collect()
}

/// Whether a line that postmap writes about a table keeps no daemon from reading it: a warning, of a database that is older
/// than its source, say, or (Postfix 3.11, at each call) of a type that a later Postfix has no more.
pub fn is_harmless(line: &str) -> bool {
    line.contains("warning: ") && !line.contains(" is unavailable")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_no_failure_and_all_else_is() {
        for (line, expected) in [
            ("postmap: warning: database /etc/postfix/g.db is older than source file /etc/postfix/g", true),
            ("postmap: warning: hash:/etc/postfix/g: some later Postfix has no tables of this type", true),
            (
                "postmap: warning: hash:/etc/postfix/g is unavailable. open database /etc/postfix/g.db: No such file",
                false,
            ),
            ("postmap: fatal: open database /etc/postfix/g.db: No such file or directory", false),
        ] {
            assert_eq!(is_harmless(line), expected, "{line}");
        }
    }

    #[test]
    fn foreign_entries_stay_in_order_with_their_comments() {
        let mut map =
            MapSource::new(b"# old relay\n[old]:25 a:b\n\n[new]:587 x:y\n  continued\n# end\n".to_vec());
        map.set("[new]:587", "u:p w:#\"\\");
        assert_eq!(map.bytes(), b"# old relay\n[old]:25 a:b\n\n[new]:587 u:p w:#\"\\\n# end\n");
        assert_eq!(map.get("[new]:587").as_deref(), Some("u:p w:#\"\\"));
        map.set("[third]:25", "u:p");
        assert!(map.bytes().ends_with(b"# end\n[third]:25 u:p\n"));
    }

    #[test]
    fn keys_fold_and_the_first_of_two_counts() {
        let map = MapSource::new(b"[Relay]:587 a:b\n[relay]:587 c:d\nlonely\n".to_vec());
        assert_eq!(map.get("[relay]:587").as_deref(), Some("a:b"));
        assert_eq!(*map.entries(), Entries::from([("[relay]:587".into(), "a:b".into())]));
    }

    #[test]
    fn what_is_shown_has_no_password() {
        let old = MapSource::new(b"# was: u:hunter1\n[r]:587 u:hunter2\n".to_vec());
        let new = MapSource::new(b"[r]:587 u:hunter3:x\n".to_vec());
        let ours = ["[r]:587".to_owned()];
        assert_eq!(old.masked(&old, &ours), "[r]:587 u:********\n");
        assert_eq!(new.masked(&old, &ours), "[r]:587 u:******** (another password)\n");
        let odd = MapSource::new(b"[r]:587 hunter2\n[r]:587:u:hunter2\n[o]:25 hunter2\n".to_vec());
        assert_eq!(
            odd.masked(&old, &ours),
            "[r]:587 ********:******** (another password)\n(another entry)\n(another entry)\n"
        );
        assert!(!format!("{new:?}").contains("hunter"));
    }

    #[test]
    fn lines_that_postmap_reads_otherwise_are_not_compared() {
        let source = MapSource::new(b"\"foo bar@x\" y@z\n[old]:25 u:p\xe4\n[r]:587 u:p\n".to_vec());
        let built = Entries::from([("foo bar@x".into(), "y@z".into()), ("[r]:587".into(), "u:p".into())]);
        assert!(source.agrees_with(&built));
        assert!(!source.agrees_with(&Entries::new()));
        let plain = MapSource::new(b"a b\n".to_vec());
        assert!(!plain.agrees_with(&Entries::from([("a".into(), "b".into()), ("c".into(), "d".into())])));
    }

    #[test]
    fn a_dump_has_values_with_tabs_and_spaces() {
        let entries = parse_dump("[r]:587\tu: p\tw\u{e9}\n".as_bytes());
        assert_eq!(entries.get("[r]:587").map(String::as_str), Some("u: p\tw\u{e9}"));
    }

    #[test]
    fn the_keys_of_a_rewriting() {
        assert_eq!(
            rewrite_keys("Monitor@Host.lan", "host.lan"),
            ["monitor@host.lan", "monitor", "@host.lan"]
        );
        assert_eq!(rewrite_keys("a@b", "c"), ["a@b", "@b"]);
    }

    #[test]
    fn several_entries_are_set_and_removed_as_one_after_the_other_would_be() {
        let texts =
            ["", "a 1\n", "A 1\n# c\n  2\nb 3\na 4\r\n", "# c\nb 3", "a 1\nb 2\nc 3\nb 4\n", "c 1\r\n"];
        let entries = [("a", "x"), ("c", "y"), ("d", "z"), ("A", "w"), ("e", "")];
        for text in texts {
            let mut at_once = MapSource::new(text.into());
            let mut each = at_once.clone();
            at_once.set_all(entries);
            for (key, value) in entries {
                each.set(key, value);
            }
            assert_eq!(text_of(&at_once), text_of(&each), "{text:?}");
            let is_ours = |value: &str| !matches!(value, "3" | "w");
            let keys = ["a", "b", "d", "none"];
            let removed = at_once.remove_all(|key, value| keys.contains(&key) && is_ours(value));
            let known: BTreeSet<String> =
                keys.into_iter().filter(|key| each.remove(key, is_ours)).map(str::to_owned).collect();
            assert_eq!((text_of(&at_once), removed), (text_of(&each), known), "{text:?}");
        }
    }

    fn text_of(source: &MapSource) -> String {
        String::from_utf8_lossy(source.bytes()).into_owned()
    }
}
