//! Package files of a directory, for arbitrary input: damaged headers and lists end in words, never in a panic; and what
//! is chosen is all that is needed, and nothing else.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use relayhost::model::packages::candidate::{self, Candidate, Capability};
use relayhost::model::packages::need::Need;
use relayhost::model::packages::sums::Sums;
use relayhost::model::packages::supply::{Installed, Selection, Step};
use sha2::{Digest, Sha256};

/// A header of RPM's: entries of tag, type, count, value.
fn header(entries: &[(u32, u32, u32, &[u8])]) -> Vec<u8> {
    let (mut index, mut data) = (Vec::new(), Vec::new());
    for (tag, kind, count, value) in entries {
        while data.len() % 4 != 0 {
            data.push(0);
        }
        for word in [*tag, *kind, u32::try_from(data.len()).unwrap(), *count] {
            index.extend(word.to_be_bytes());
        }
        data.extend(*value);
    }
    let mut bytes = b"\x8e\xad\xe8\x01\0\0\0\0".to_vec();
    bytes.extend(u32::try_from(entries.len()).unwrap().to_be_bytes());
    bytes.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
    [bytes, index, data].concat()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// The main header of `tool-1.2-3.noarch`, which provides `thing = 7` and has /usr/bin/tool.
fn main_header() -> Vec<u8> {
    header(&[
        (1000, 6, 1, b"tool\0"),
        (1001, 6, 1, b"1.2\0"),
        (1002, 6, 1, b"3\0"),
        (1022, 6, 1, b"noarch\0"),
        (1044, 6, 1, b"tool-1.2-3.src.rpm\0"),
        (1047, 8, 1, b"thing\0"),
        (1112, 4, 1, &[0, 0, 0, 8]),
        (1113, 8, 1, b"7\0"),
        (1116, 4, 1, &[0, 0, 0, 0]),
        (1117, 8, 1, b"tool\0"),
        (1118, 8, 1, b"/usr/bin/\0"),
    ])
}

/// A lead, a signature header with the digest of `main`, and that.
fn package(main: &[u8]) -> Vec<u8> {
    let digest = hex(&Sha256::digest(main)) + "\0";
    let mut signature = header(&[(273, 6, 1, digest.as_bytes()), (1000, 4, 1, &[0, 0, 4, 0])]);
    signature.resize(signature.len().next_multiple_of(8), 0);
    let mut lead = vec![0; 96];
    lead[..6].copy_from_slice(b"\xed\xab\xee\xdb\x03\x00");
    lead[78..80].copy_from_slice(&[0, 5]);
    [&lead, &signature, main].concat()
}

#[test]
fn an_honest_package_is_read() {
    let headers = candidate::read("x.rpm", &package(&main_header())).unwrap();
    assert_eq!(headers.candidate.nevra(), "tool-1.2-3.noarch");
    assert!(headers.candidate.meets(&Capability::parse("thing >= 7")));
    assert!(headers.candidate.meets(&Capability::any("/usr/bin/tool")));
    assert!(!headers.candidate.meets(&Capability::any("other")));
    assert_eq!(headers.size, Some(1024 + 96 + 16 + 2 * 16 + 72));
    let mut changed = package(&main_header());
    let at = changed.len() - 20;
    changed[at] ^= 1;
    assert!(candidate::read("x.rpm", &changed).unwrap_err().contains("digest"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_headers_end_in_words(
        fits in any::<bool>(),
        damage in vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        is_cut in prop::bool::weighted(0.1),
    ) {
        // Damage that the digest was made of is found by nothing but what reads the values.
        let mut bytes = if fits { main_header() } else { package(&main_header()) };
        for (place, byte) in damage {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        if is_cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        if fits {
            bytes = package(&bytes);
        }
        if let Ok(headers) = candidate::read("x.rpm", &bytes) {
            let nevra = headers.candidate.nevra();
            prop_assert!(nevra.chars().all(|c| c.is_ascii_graphic()) && !nevra.contains('/'), "{nevra:?}");
        }
    }

    #[test]
    fn arbitrary_lists_end_in_words(bytes in vec(any::<u8>(), 0..300), text in "[0-9a-f]{60,70}[ *]{1,3}\\PC{0,9}(\n\\PC{0,90}){0,3}") {
        let _ = Sums::parse(&bytes);
        let _ = Sums::parse(text.as_bytes());
    }

    /// As sha256sum writes names, they are read.
    #[test]
    fn every_name_that_sha256sum_writes_is_found(name in "[^\0/]{1,20}", binary in any::<bool>()) {
        prop_assume!(name != ".." && name != "." && name.trim_ascii() == name);
        let escaped = name.replace('\\', "\\\\").replace('\n', "\\n").replace('\r', "\\r");
        let (mark, mode) = (if escaped == name { "" } else { "\\" }, if binary { '*' } else { ' ' });
        let digest = hex(&Sha256::digest(name.as_bytes()));
        let sums = Sums::parse(format!("{mark}{digest} {mode}{escaped}\n").as_bytes()).unwrap();
        prop_assert_eq!(sums.digest(&name), Some(digest.as_str()));
    }
}

/// A package of the little world below: its number is its name.
#[derive(Debug, Clone)]
struct Model {
    name: usize,
    version: u32,
    provides: BTreeSet<usize>,
    requires: BTreeSet<usize>,
}

impl Model {
    fn candidate(&self) -> Candidate {
        let own = Capability::parse(&format!("p{} = {}-1", self.name, self.version));
        Candidate {
            file: format!("p{}-{}.rpm", self.name, self.version),
            name: format!("p{}", self.name),
            evr: format!("{}-1", self.version),
            arch: "noarch".into(),
            provides: self.provides.iter().map(|c| Capability::any(&format!("c{c}"))).chain([own]).collect(),
            files: Vec::new(),
        }
    }
}

fn model() -> impl Strategy<Value = Model> {
    (0..8_usize, 1..4_u32, btree_set(0..6_usize, 0..3), btree_set(0..6_usize, 0..3))
        .prop_map(|(name, version, provides, requires)| Model { name, version, provides, requires })
}

fn is_provided(capability: usize, by: &[&Model]) -> bool {
    by.iter().any(|model| model.provides.contains(&capability))
}

/// One version of each package, and nothing that lacks something.
fn consistent(models: Vec<Model>) -> Vec<Model> {
    let mut kept: Vec<Model> = Vec::new();
    for model in models {
        if kept.iter().all(|other| other.name != model.name) {
            kept.push(model);
        }
    }
    loop {
        let all: Vec<&Model> = kept.iter().collect();
        let sound: Vec<bool> =
            kept.iter().map(|model| model.requires.iter().all(|c| is_provided(*c, &all))).collect();
        if sound.iter().all(|sound| *sound) {
            return kept;
        }
        let mut sound = sound.into_iter();
        kept.retain(|_| sound.next().unwrap());
    }
}

/// What `rpm -U --test` would say.
fn said(chosen: &[&Model], installed: &[Model]) -> Option<String> {
    let is_replaced = |model: &&Model| chosen.iter().any(|new| new.name == model.name);
    let left: Vec<&Model> = installed.iter().filter(|model| !is_replaced(model)).collect();
    let all: Vec<&Model> = chosen.iter().copied().chain(left.iter().copied()).collect();
    let mut text = String::new();
    for (mark, models) in [("", chosen), ("(installed) ", left.as_slice())] {
        for model in models {
            for capability in model.requires.iter().filter(|c| !is_provided(**c, &all)) {
                let (name, version) = (model.name, model.version);
                writeln!(text, "\tc{capability} is needed by {mark}p{name}-{version}-1.noarch").unwrap();
            }
        }
    }
    (!text.is_empty()).then_some(text)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// With a stand-in for rpm that knows capabilities and upgrades, as rpm does: the choice comes to an end, fits what is
    /// installed, has the newest of each and nothing that is older than installed or that nobody asked for; and what is
    /// said to be lacking is not there.
    #[test]
    fn what_is_chosen_is_what_is_needed(there in vec(model(), 1..14), host in vec(model(), 0..8), wanted in 0..8_usize) {
        let mut files = BTreeSet::new();
        let there: Vec<Model> = there.into_iter().filter(|model| files.insert((model.name, model.version))).collect();
        let installed = consistent(host);
        prop_assume!(installed.iter().all(|model| model.name != wanted));
        let candidates: Vec<Candidate> = there.iter().map(Model::candidate).collect();
        let lines: Vec<_> = installed.iter().map(|model| format!("p{} (none):{}-1", model.name, model.version)).collect();
        let known = Installed::parse(&lines.join("\n"));
        let mut selection = Selection::new(&candidates, "x86_64", &known);
        let needs = [Need::Package { name: format!("p{wanted}"), plugin: None }];
        let newest = |name: usize| there.iter().filter(|model| model.name == name).map(|model| model.version).max();
        if selection.choose_for(&needs).is_err() {
            prop_assert_eq!(newest(wanted), None);
            return Ok(());
        }
        let mut asked: BTreeSet<String> = [format!("p{wanted}")].into();
        for round in 0.. {
            prop_assert!(round <= there.len(), "no end");
            let chosen: Vec<&Model> = selection.chosen().iter().map(|candidate| {
                there.iter().find(|model| model.candidate().file == candidate.file).unwrap()
            }).collect();
            for model in &chosen {
                prop_assert_eq!(Some(model.version), newest(model.name));
                prop_assert!(installed.iter().all(|old| old.name != model.name || old.version <= model.version));
                let names: BTreeSet<String> =
                    model.provides.iter().map(|c| format!("c{c}")).chain([format!("p{}", model.name)]).collect();
                prop_assert!(!names.is_disjoint(&asked), "{model:?} was not asked for: {asked:?}");
            }
            let Some(text) = said(&chosen, &installed) else { break };
            for line in text.lines() {
                let (capability, by) = line.trim().split_once(" is needed by ").unwrap();
                asked.insert(capability.to_owned());
                if let Some(by) = by.strip_prefix("(installed) ") {
                    asked.insert(by.split_once('-').unwrap().0.to_owned());
                }
            }
            match selection.answer(&text) {
                Step::More => {}
                Step::Refused => break,
                Step::Lacking(lines) => {
                    for line in lines {
                        let capability: usize = line.strip_prefix('c').unwrap()[..1].parse().unwrap();
                        let could = |model: &&Model| {
                            model.provides.contains(&capability)
                                && Some(model.version) == newest(model.name)
                                && installed.iter().all(|old| old.name != model.name || old.version <= model.version)
                        };
                        prop_assert!(!there.iter().any(|model| could(&model)), "{line} is there");
                    }
                    break;
                }
            }
        }
    }
}
