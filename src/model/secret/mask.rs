//! Removes known passwords from a text that others can influence: a relay's reply, a line of the log, a comment in
//! main.cf. A relay knows the password and may repeat it in any form; its reply is shown, kept as a proof, and pasted
//! into tickets. So a text is read in several ways (`reading`), and the password is searched for in each.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{Range, RangeInclusive};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use serde_json::Value;

use super::Secret;
use super::reading::{self, Item, Unit};

/// Least length of a form, in bytes. A shorter password is searched for as a whole word: it would be found by chance
/// everywhere. At a place where a text may have been cut, this many bytes of a form count as its beginning.
pub const LEAST: usize = 4;

/// Characters for a mask: the first that no password contains is used.
const MASKS: std::ops::RangeInclusive<char> = '\u{2580}'..='\u{25ff}';

/// Members of a JSON document whose values are relayhost's own words, on which programs rely, wherever they stand.
const OWN: [&str; 21] = [
    "command", "id", "cause_id", "kind", "state", "stage", "verdict", "fix", "ending", "ended", "event",
    "action", "queue", "fate", "signal", "author", "basis", "topic", "severity", "put_back", "question",
];
/// The same, of names that other members have as well: the member that holds the object, and its own name.
const OWN_IN: [(&str, &str); 9] = [
    ("lines", "name"),
    ("hops", "name"),
    ("stages", "name"),
    ("seen", "text"),
    ("interrupted", "files"),
    ("options", "answer"),
    ("options", "title"),
    ("generations", "time"),
    ("changes", "file"),
];
/// The member in which all words are relayhost's own.
const OWN_ALL: &str = "providers";

/// Known passwords, to be hidden in any text.
#[derive(Clone, Default)]
pub struct Mask {
    passwords: Vec<Secret>,
    /// By their beginnings: a host may have a thousand passwords, each in some fifty forms.
    forms: BTreeMap<Start, Vec<Form>>,
    /// Forms of passwords that are too short for `forms`: hidden only as whole words.
    words: Vec<Secret>,
    instead: String,
}

/// A form in which a text can reveal a password.
#[derive(Clone, PartialEq, Eq)]
struct Form {
    bytes: Vec<u8>,
    /// Whether it is base64, where the neighbouring characters hold bits of it too.
    base64: bool,
}

/// The beginning of a form, or of a text, in which the bytes that may stand for each other are one.
type Start = [u8; LEAST];

impl fmt::Debug for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mask({} passwords)", self.passwords.len())
    }
}

impl Mask {
    /// A mask for one login.
    pub fn new(user: &str, password: &Secret) -> Self {
        let mut mask = Self::default();
        mask.know(user, password);
        mask
    }

    /// Adds a login.
    pub fn know(&mut self, user: &str, password: &Secret) {
        let plain = password.expose();
        // A password of white space cannot be hidden, and cannot be seen.
        if reading::essence(plain, false).is_empty() || self.passwords.contains(password) {
            return;
        }
        let logins = [format!("{user}\0{plain}"), format!("{user}:{plain}")];
        let wholes = [reading::essence(plain, false), reading::essence(plain, true), reading::bytes(plain)];
        for whole in wholes {
            self.add(Form { bytes: whole, base64: false });
        }
        let wide: Vec<u8> = plain.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let wide_big: Vec<u8> = plain.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let short = reading::essence(plain, false).len() < LEAST;
        let texts: Vec<&[u8]> = if short {
            let each = |write: fn(u8) -> String| plain.bytes().map(write).collect::<String>();
            let words = [
                plain.to_owned(),
                BASE64.encode(plain),
                each(|byte| format!("{byte:02x}")),
                each(|byte| format!("{byte:02X}")),
                each(|byte| format!("%{byte:02X}")),
            ];
            self.words.extend(words.map(Secret::new));
            vec![&wide, &wide_big]
        } else {
            vec![plain.as_bytes(), &wide, &wide_big]
        };
        for text in texts.into_iter().chain(logins.iter().map(String::as_bytes)) {
            for lead in 0..3 {
                let once = core(text, lead);
                for lead in 0..3 {
                    self.add(Form { bytes: core(&once, lead), base64: true });
                }
                self.add(Form { bytes: once, base64: true });
            }
        }
        self.passwords.push(password.clone());
        let is_free = |sign: &char| !self.passwords.iter().any(|known| known.expose().contains(*sign));
        let sign = std::iter::once('*').chain(MASKS).find(is_free).unwrap_or('*');
        self.instead = sign.to_string().repeat(8);
    }

    fn add(&mut self, form: Form) {
        let Some(start) = form.bytes.first_chunk::<LEAST>() else { return };
        let forms = self.forms.entry(start.map(as_written)).or_default();
        if !forms.contains(&form) {
            forms.push(form);
        }
    }

    /// The text without the passwords, in any form.
    pub fn hide(&self, text: &str) -> String {
        if self.passwords.is_empty() {
            return text.to_owned();
        }
        let mut hits = Vec::new();
        for items in reading::readings(text) {
            self.find(&items, text, &mut hits);
        }
        for word in &self.words {
            hits.extend(whole_words(text, word.expose()));
        }
        hits.sort_unstable_by_key(|hit| hit.start);
        let (mut out, mut done) = (String::with_capacity(text.len()), 0);
        for hit in hits {
            if hit.start >= done {
                out.push_str(text.get(done..hit.start).unwrap_or_default());
                out.push_str(&self.instead);
            }
            done = done.max(hit.end);
        }
        out.push_str(text.get(done..).unwrap_or_default());
        out
    }

    /// A JSON document without the passwords in its texts; relayhost's own words stay.
    pub fn hide_in(&self, document: Value) -> Value {
        self.hide_below("", document)
    }

    /// The same for the value of the member `place`.
    fn hide_below(&self, place: &str, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.hide(&text)),
            Value::Array(list) => {
                Value::Array(list.into_iter().map(|one| self.hide_below(place, one)).collect())
            }
            Value::Object(all) => {
                let one = |(name, value): (String, Value)| {
                    let word = name.as_str();
                    let is_word = OWN.contains(&word) || OWN_IN.contains(&(place, word));
                    let is_own = is_word && value.is_string() || word == OWN_ALL;
                    let value = if is_own { value } else { self.hide_below(&name, value) };
                    (name, value)
                };
                Value::Object(all.into_iter().map(one).collect())
            }
            other => other,
        }
    }

    /// Adds to `hits` the ranges of forms in one reading of a text.
    fn find(&self, items: &[Item], text: &str, hits: &mut Vec<Range<usize>>) {
        for (at, item) in items.iter().enumerate() {
            let rest = items.get(at..).unwrap_or_default();
            let Some(starts) = starts(rest) else { continue };
            for form in self.forms.range(starts).flat_map(|(_, forms)| forms) {
                let begins = item.unit != Unit::Any || form.bytes.first().is_some_and(|first| is_any(*first));
                let Some(end) = begins.then(|| extent(rest, &form.bytes)).flatten() else { continue };
                let hit = item.from..end;
                hits.push(if form.base64 { reading::run_around(text, hit) } else { hit });
            }
        }
    }
}

/// The beginnings of the forms that this reading may begin with; `None` if no form can begin here.
fn starts(items: &[Item]) -> Option<RangeInclusive<Start>> {
    let (mut low, mut high) = ([0; LEAST], [u8::MAX; LEAST]);
    if matches!(items.first()?.unit, Unit::Cut | Unit::Gap) {
        return None;
    }
    let mut units = items.iter().map(|item| item.unit).filter(|unit| *unit != Unit::Cut);
    for (low, high) in low.iter_mut().zip(&mut high) {
        match units.next()? {
            Unit::Byte(byte) => (*low, *high) = (as_written(byte), as_written(byte)),
            Unit::Any => break,
            Unit::Cut | Unit::Gap => return None,
        }
    }
    Some(low..=high)
}

/// The byte that relayhost's sentences have in place of this one: `'` in place of quotes and backquotes, and `/` in place of
/// the bar that ends the text of a Nagios plugin.
fn as_written(byte: u8) -> u8 {
    match byte {
        b'"' | b'`' => b'\'',
        b'|' => b'/',
        other => other,
    }
}

/// Whether a byte of a text may stand for this one of a password.
fn is_same(known: u8, found: u8) -> bool {
    known == found || as_written(known) == found
}

/// Whether a byte may be written as `?`: by smtp(8), for a terminal, or because it is not UTF-8.
fn is_any(byte: u8) -> bool {
    byte == b'?' || !byte.is_ascii()
}

/// The end, in the text, of a form that begins here, or of the form's beginning where the text may have been cut.
fn extent(items: &[Item], form: &[u8]) -> Option<usize> {
    let (mut states, mut end, mut found, mut seen) = (vec![0], 0, None, false);
    for item in items {
        match item.unit {
            Unit::Gap => break,
            Unit::Cut => {
                if seen && states.iter().any(|state| *state >= LEAST) {
                    found = Some(end);
                }
                continue;
            }
            Unit::Byte(byte) => {
                let goes = |state: &usize| form.get(*state).is_some_and(|known| is_same(*known, byte));
                states = states.iter().filter(|state| goes(state)).map(|state| state + 1).collect();
                seen = true;
            }
            // It stands for a character of up to four bytes, for one of its bytes, or for no byte of the form.
            Unit::Any => {
                let goes = |state: &usize| {
                    let rest = form.get(*state..).unwrap_or_default();
                    let most = rest.iter().take(4).take_while(|byte| is_any(**byte)).count();
                    *state..=*state + most
                };
                let before = states.iter().max().copied();
                states = states.iter().flat_map(goes).collect();
                states.sort_unstable();
                states.dedup();
                if states.last().copied() == before {
                    continue;
                }
            }
        }
        end = item.to;
        if states.is_empty() {
            break;
        }
        if states.contains(&form.len()) && (seen || form.iter().all(|byte| is_any(*byte))) {
            return Some(end);
        }
    }
    found
}

/// The base64 characters that depend on this text alone, if `lead` other bytes are before it.
fn core(text: &[u8], lead: usize) -> Vec<u8> {
    let encoded = BASE64.encode([vec![0; lead].as_slice(), text].concat()).into_bytes();
    let (from, to) = ((lead * 8).div_ceil(6), (lead + text.len()) * 8 / 6);
    encoded.get(from..to).unwrap_or_default().to_vec()
}

/// The ranges of a word with no letter or digit beside it.
fn whole_words(text: &str, word: &str) -> Vec<Range<usize>> {
    let is_whole = |at: &usize| {
        let before = text.get(..*at).and_then(|before| before.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|after| after.chars().next());
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    };
    text.match_indices(word).map(|(at, _)| at).filter(is_whole).map(|at| at..at + word.len()).collect()
}
