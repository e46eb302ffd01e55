//! The files of the catalogue as one table, and the search in it: each line is read once for all patterns of a speaker.

use std::sync::LazyLock;

use regex::bytes::{RegexSet, RegexSetBuilder};
use serde::Deserialize;

use super::{Entry, Pattern};
use crate::model::causes::words::{Speaker, Words};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Catalogue {
    pub(super) cause: Vec<Entry>,
}

/// The order of the files is part of the order of the causes.
const FILES: [&str; 10] = [
    include_str!("identity.toml"),
    include_str!("oauth.toml"),
    include_str!("login.toml"),
    include_str!("tls.toml"),
    include_str!("sender.toml"),
    include_str!("recipient.toml"),
    include_str!("limit.toml"),
    include_str!("network.toml"),
    include_str!("config.toml"),
    include_str!("queue.toml"),
];

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
            for at in &reader.set.matches(text.as_bytes()) {
                let Some((entry, role)) = reader.of.get(at) else { continue };
                let Some(hit) = hits.get_mut(*entry) else { continue };
                match role {
                    Role::Pattern => hit.pattern = true,
                    Role::At(at) => hit.pattern |= port == Some(*at),
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
    entries: Vec<Entry>,
    readers: Vec<Reader>,
}

/// All patterns that read one speaker's words, as one set.
struct Reader {
    speaker: Speaker,
    set: RegexSet,
    /// For each pattern in the set: the number of its entry, and its role.
    of: Vec<(usize, Role)>,
}

/// All entries.
pub fn entries() -> &'static [Entry] {
    &TABLE.entries
}

static TABLE: LazyLock<Table> = LazyLock::new(read);

#[expect(
    clippy::unwrap_used,
    reason = "part of the program; no build whose tests pass has one that does not parse"
)]
fn read() -> Table {
    let parse = |text: &&str| toml::from_str::<Catalogue>(text).unwrap().cause;
    let entries: Vec<Entry> = FILES.iter().flat_map(parse).collect();
    let reader = |speaker| {
        let (mut texts, mut of) = (Vec::new(), Vec::new());
        for (at, entry) in entries.iter().enumerate() {
            let own =
                entry.patterns().into_iter().find(|(of, patterns)| *of == speaker && !patterns.is_empty());
            let Some((_, patterns)) = own else { continue };
            let mut roles: Vec<(&Pattern, Role)> = Vec::new();
            roles.extend(patterns.iter().map(|pattern| (pattern, Role::Pattern)));
            for (port, patterns) in &entry.at {
                let role = Role::At(port.parse().unwrap());
                roles.extend(patterns.iter().map(|pattern| (pattern, role)));
            }
            roles.extend(entry.unless.iter().map(|pattern| (pattern, Role::Unless)));
            roles.extend((0..).zip(&entry.also).map(|(number, pattern)| (pattern, Role::Also(number))));
            for (pattern, role) in roles {
                texts.push(pattern.text.clone());
                of.push((at, role));
            }
        }
        let set = RegexSetBuilder::new(texts).unicode(false).build().unwrap();
        Reader { speaker, set, of }
    };
    let readers = [Speaker::Stranger, Speaker::Daemon, Speaker::System].map(reader).into();
    Table { entries, readers }
}
