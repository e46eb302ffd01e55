//! The files of the catalogue as one table, and the search in it: each line is searched once for the words that the patterns
//! of a speaker need, and only patterns whose words are there are tried. Compiling them all would take longer than reading
//! 30 MB of a log.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::needed::{OneOf, needed};
use super::{Entry, Pattern};
use crate::model::causes::words::{Speaker, Words};
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use memchr::memmem;

/// The entries in the order of their files, as build.rs has written them.
const ENTRIES: &str = include_str!(concat!(env!("OUT_DIR"), "/catalogue.json"));

/// Most bytes of a word that are searched for in all lines.
const MOST: usize = 12;

/// The entries whose patterns fit the evidence, without regard to the facts of the host, the most exact first. Those that a
/// delivery agent must have written are not among them.
pub fn fitting<'a, W: Copy + Into<Words<'a>>>(
    evidence: &[W],
) -> impl Iterator<Item = &'static Entry> + use<'a, W> {
    fitting_at(evidence, None).filter(|entry| entry.agent.is_none())
}

/// All entries whose patterns fit, for an attempt at this port.
pub fn fitting_at<'a, W: Copy + Into<Words<'a>>>(
    evidence: &[W],
    port: Option<u16>,
) -> impl Iterator<Item = &'static Entry> + use<'a, W> {
    let table: &'static Table = &TABLE;
    let mut hits = vec![Hit::default(); table.entries.len()];
    for line in evidence {
        let words: Words = (*line).into();
        for reader in &table.readers {
            let Some(text) = words.read_as(reader.speaker) else { continue };
            for rule in reader.matching(text.as_bytes()) {
                let Some(hit) = hits.get_mut(rule.entry) else { continue };
                match rule.role {
                    Role::Pattern => hit.pattern = true,
                    Role::At(at) => hit.pattern |= port == Some(at),
                    Role::Also(number) => hit.also |= 1 << number,
                    Role::Unless => hit.unless = true,
                }
            }
        }
    }
    let fits = |(entry, hit): &(&Entry, Hit)| {
        hit.pattern && !hit.unless && hit.also.count_ones() as usize == entry.also.len()
    };
    table.entries.iter().zip(hits).filter(fits).map(|(entry, _)| entry)
}

/// The role of a pattern.
#[derive(Debug, Clone, Copy)]
enum Role {
    Pattern,
    /// A pattern that counts at this port.
    At(u16),
    /// One of several that all must match, by its number.
    Also(u32),
    Unless,
}

#[derive(Debug, Clone, Default)]
struct Hit {
    pattern: bool,
    also: u32,
    unless: bool,
}

/// The entries, and a reader for each speaker's words.
struct Table {
    entries: &'static [Entry],
    readers: Vec<Reader>,
}

/// All patterns that read one speaker's words.
struct Reader {
    speaker: Speaker,
    rules: Vec<Rule>,
    /// The words that the rules need, and for each the rules that need it, by their numbers.
    words: AhoCorasick,
    needed_by: Vec<Vec<usize>>,
    /// Rules that need no word.
    always: Vec<usize>,
}

/// A pattern, what a text must have for it to match, the number of its entry, and its role there.
struct Rule {
    pattern: &'static Pattern,
    needs: Vec<OneOf>,
    entry: usize,
    role: Role,
}

impl Rule {
    /// Whether a text has what the pattern needs, so that it is worth while to compile it.
    fn may_match(&self, text: &[u8]) -> bool {
        self.needs.iter().all(|words| words.iter().any(|word| memmem::find(text, word.as_bytes()).is_some()))
    }
}

impl Reader {
    #[expect(clippy::unwrap_used, reason = "few words; every test of the catalogue needs it")]
    fn new(speaker: Speaker, rules: Vec<Rule>) -> Self {
        let (mut numbers, mut words) = (HashMap::new(), Vec::new());
        let (mut needed_by, mut always): (Vec<Vec<usize>>, _) = (Vec::new(), Vec::new());
        for (at, rule) in rules.iter().enumerate() {
            let Some(best) = rule.needs.first() else {
                always.push(at);
                continue;
            };
            for word in best {
                let word: String = word.chars().take(MOST).collect();
                let number = *numbers.entry(word.clone()).or_insert(words.len());
                if number == words.len() {
                    words.push(word);
                    needed_by.push(Vec::new());
                }
                needed_by.get_mut(number).into_iter().for_each(|rules| rules.push(at));
            }
        }
        // The kind that is made fastest: a run searches few lines.
        let kind = Some(AhoCorasickKind::NoncontiguousNFA);
        let words = AhoCorasick::builder().kind(kind).dense_depth(1).prefilter(false).build(words).unwrap();
        Self { speaker, rules, words, needed_by, always }
    }

    /// The rules whose pattern matches a text.
    fn matching(&self, text: &[u8]) -> impl Iterator<Item = &Rule> {
        let found = self.words.find_overlapping_iter(text).map(|found| found.pattern().as_usize());
        let mut possible: Vec<usize> =
            found.filter_map(|word| self.needed_by.get(word)).flatten().copied().collect();
        possible.extend(&self.always);
        possible.sort_unstable();
        possible.dedup();
        let rules = possible.into_iter().filter_map(|at| self.rules.get(at));
        rules.filter(|rule| rule.may_match(text) && rule.pattern.is_match(text))
    }
}

/// All entries.
pub fn entries() -> &'static [Entry] {
    TABLE.entries
}

static TABLE: LazyLock<Table> = LazyLock::new(read);

#[expect(
    clippy::unwrap_used,
    reason = "part of the program; no build whose tests pass has one that does not parse"
)]
fn read() -> Table {
    let entries: Vec<Entry> = serde_json::from_str(ENTRIES).unwrap();
    // It lives as long as the program.
    let entries: &'static [Entry] = Vec::leak(entries);
    let reader = |speaker| {
        let mut rules = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            let own =
                entry.patterns().into_iter().find(|(of, patterns)| *of == speaker && !patterns.is_empty());
            let Some((_, patterns)) = own else { continue };
            let mut add = |pattern: &'static Pattern, role| {
                rules.push(Rule { pattern, needs: needed(&pattern.text), entry: at, role });
            };
            for pattern in patterns {
                add(pattern, Role::Pattern);
            }
            for (port, patterns) in &entry.at {
                let port = port.parse().unwrap();
                for pattern in patterns {
                    add(pattern, Role::At(port));
                }
            }
            entry.unless.iter().for_each(|pattern| add(pattern, Role::Unless));
            (0..).zip(&entry.also).for_each(|(number, pattern)| add(pattern, Role::Also(number)));
        }
        Reader::new(speaker, rules)
    };
    let readers = [Speaker::Stranger, Speaker::Daemon, Speaker::System].map(reader).into();
    Table { entries, readers }
}
