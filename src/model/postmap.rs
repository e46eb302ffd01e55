//! Sources of Postfix lookup tables (postmap(1)) and what `postmap -s` prints of their databases. Values may be
//! passwords: nothing here is printed, and `masked` is what a person may see.

use std::collections::BTreeMap;
use std::fmt;

use super::lines::{self, Logical};

/// The contents of a table source.
#[derive(Clone, PartialEq, Eq)]
pub struct MapSource {
    bytes: Vec<u8>,
}

/// Keys in lower case, as Postfix folds them, to values.
pub type Entries = BTreeMap<String, String>;

impl MapSource {
    /// Takes a file's bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes }
    }

    /// The bytes to write.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The value of a key: of several entries the first, as postmap takes it.
    pub fn get(&self, key: &str) -> Option<String> {
        let first = self.lines_of(key).into_iter().next()?;
        Some(split(&first.text(&self.bytes)).1)
    }

    /// Sets an entry: where it is already, in that place (the first one, the others go); else at the end. Entries
    /// with other keys stay byte for byte, with their comments.
    pub fn set(&mut self, key: &str, value: &str) {
        let text = format!("{key} {value}");
        let mut found = self.lines_of(key).into_iter();
        self.bytes = match found.next() {
            Some(first) => lines::replace(&self.bytes, &first, &found.collect::<Vec<_>>(), &text),
            None => lines::append(&self.bytes, &text),
        };
    }

    /// What the database of this source must contain.
    pub fn entries(&self) -> Entries {
        let mut entries = Entries::new();
        for line in lines::logical(&self.bytes) {
            let (key, value) = split(&line.text(&self.bytes));
            if !value.is_empty() {
                entries.entry(key.to_lowercase()).or_insert(value);
            }
        }
        entries
    }

    /// The source with everything after the first colon of each value hidden, comments too: an old password often
    /// stands in one. What differs from `other` under the same key is marked, so that a changed password shows.
    pub fn masked(&self, other: &Self) -> String {
        let before = other.entries();
        let shown = |line: &Logical| {
            let (key, value) = split(&line.text(&self.bytes));
            let user = value.split(':').next().unwrap_or_default();
            let changed = before.get(&key.to_lowercase()).is_some_and(|old| *old != value);
            format!("{key} {user}:********{}\n", if changed { " (another password)" } else { "" })
        };
        lines::logical(&self.bytes).iter().map(shown).collect()
    }

    fn lines_of(&self, key: &str) -> Vec<Logical> {
        let has_key = |line: &Logical| split(&line.text(&self.bytes)).0.to_lowercase() == key.to_lowercase();
        lines::logical(&self.bytes).into_iter().filter(has_key).collect()
    }
}

impl fmt::Debug for MapSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MapSource({} bytes)", self.bytes.len())
    }
}

/// Key and value of a logical line.
fn split(text: &str) -> (String, String) {
    let (key, value) = text.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((text, ""));
    (key.to_owned(), value.trim().to_owned())
}

/// Parses the output of `postmap -s`: key, tab, value.
pub fn parse_dump(bytes: &[u8]) -> Entries {
    String::from_utf8_lossy(bytes)
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(key, value)| (key.to_lowercase(), value.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(map.entries().into_iter().collect::<Vec<_>>(), [("[relay]:587".into(), "a:b".into())]);
    }

    #[test]
    fn what_is_shown_has_no_password() {
        let old = MapSource::new(b"# was: u:hunter1\n[r]:587 u:hunter2\n".to_vec());
        let new = MapSource::new(b"[r]:587 u:hunter3:x\n".to_vec());
        assert_eq!(old.masked(&old), "[r]:587 u:********\n");
        assert_eq!(new.masked(&old), "[r]:587 u:******** (another password)\n");
        assert!(!format!("{new:?}").contains("hunter"));
    }

    #[test]
    fn a_dump_has_values_with_tabs_and_spaces() {
        let entries = parse_dump("[r]:587\tu: p\tw\u{e9}\n".as_bytes());
        assert_eq!(entries.get("[r]:587").map(String::as_str), Some("u: p\tw\u{e9}"));
    }
}
