//! The records of the state directory, version 1: the change that a run was about to make (intent) and the files
//! before it (generation). Later versions of relayhost read them too, so a test freezes the forms.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::model::postfix::managed::{Managed, MapKind};
use crate::model::postfix::postmap::{Entries, MapSource};

/// Version of the forms.
pub const VERSION: u32 = 1;

/// Number of generations that are kept besides the first, which is the host as it was before relayhost.
pub const KEPT: usize = 20;
/// Number of generations that are kept whose change was put back, or never ended.
pub const FAILED: usize = 5;

/// Intent, written before the first change and removed after the last. A run that finds one knows that the run which
/// wrote it was stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// Version of this form.
    pub version: u32,
    /// The generation that holds the files before the change.
    pub generation: u32,
    /// The progress of the run.
    pub phase: Phase,
    /// Queue id of the run's test message, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// The progress of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Files may be old or new: recovery puts the old ones back.
    Changing,
    /// All files are new: recovery only has Postfix read them.
    Changed,
}

/// The host before a change, and after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Generation {
    /// Version of this form.
    pub version: u32,
    /// Number; 0 is the host as relayhost found it.
    pub number: u32,
    /// Time of the change, UTC (RFC 3339).
    pub time: String,
    /// The command that made the change: `apply`, `restore 3`.
    pub command: String,
    /// The fate of the change.
    pub fate: Fate,
    /// Every managed file, by its name. A link that was not there and is not made is left out, so that an earlier relayhost,
    /// which does not know it, can read the record.
    pub files: BTreeMap<String, Change>,
    /// Whether a test message was to prove the change, and relayhost did not learn the relay's answer.
    pub unproven: bool,
    /// Managed values that the run wrote: parameters, and digests of map entries (`sasl_passwd [relay]:587`).
    pub wrote: BTreeMap<String, String>,
}

impl Generation {
    /// Names of the files that the run changed.
    pub fn changed_files(&self) -> Vec<&str> {
        let changed =
            |change: &Change| change.before.as_ref().map(|inode| &inode.sha256) != change.after.as_ref();
        self.files.iter().filter(|(_, change)| changed(change)).map(|(name, _)| name.as_str()).collect()
    }
}

/// The fate of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// Under way, or stopped.
    Open,
    /// In force.
    Kept,
    /// Put back.
    Undone,
}

/// One file before and after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The file before; `None` if there was no file.
    pub before: Option<Inode>,
    /// SHA-256 of the file after; `None` if there is no file.
    pub after: Option<String>,
    /// The path of the file itself, where its name in Postfix's directory is a symbolic link to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<PathBuf>,
}

/// The properties of a file, without its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inode {
    /// Permission bits; of a symbolic link also its type.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Time of the last change of its bytes, in nanoseconds since 1970.
    pub mtime: i64,
    /// SHA-256 of its bytes; of a symbolic link, of the path that it leads to.
    pub sha256: String,
    /// Extended attributes, the SELinux label among them; values in hexadecimal.
    pub xattrs: BTreeMap<String, String>,
}

/// The type of a symbolic link in a mode (inode(7), S_IFLNK), and its permission bits, which nobody looks at.
const LINK: u32 = 0o120_777;

impl Inode {
    /// A symbolic link of root's to this path.
    pub fn link(target: &str, mtime: i64) -> Self {
        Self { mode: LINK, uid: 0, gid: 0, mtime, sha256: sha256(target.as_bytes()), xattrs: BTreeMap::new() }
    }

    /// The same file whenever its bytes were written.
    #[must_use]
    pub fn untimed(&self) -> Self {
        Self { mtime: 0, ..self.clone() }
    }

    /// Whether it is a symbolic link.
    pub fn is_link(&self) -> bool {
        self.mode & LINK == LINK
    }
}

/// The first word of the command that puts a generation back.
const RESTORE: &str = "restore";

impl Generation {
    /// The command that puts this generation back, as the record of that change has it.
    pub fn restored(&self) -> String {
        format!("{RESTORE} {}", self.number)
    }

    /// Whether its change was to put an earlier one back.
    pub fn is_restore(&self) -> bool {
        self.command.split(' ').next() == Some(RESTORE)
    }

    /// The number of the earlier one.
    pub fn target(&self) -> Option<u32> {
        self.command.split(' ').nth(1).filter(|_| self.is_restore())?.parse().ok()
    }
}

/// The result of the last run that is in force, with which `check` and `apply` compare the host.
#[derive(Debug, Default)]
pub struct LastRun {
    /// Time of the run.
    pub time: String,
    /// Number of its generation.
    pub number: u32,
    /// Whether a test message was to prove it, and relayhost did not learn the relay's answer.
    pub unproven: bool,
    /// Managed values that it wrote.
    pub wrote: BTreeMap<String, String>,
    /// Bytes of the sources as the run left them.
    pub after: BTreeMap<Managed, Vec<u8>>,
    /// SHA-256 of the files that the run itself made, by name: a database among them was built from the source beside it.
    pub built: BTreeMap<String, String>,
    /// Digests of the access tokens that were fetched for it and since; `None` if that record is lost, or there is none.
    pub tokens: Option<BTreeSet<String>>,
}

impl LastRun {
    /// The digest and the contents of a table's database, if the run built it from the source that is there. Lines that
    /// postmap may parse in another way are no contents that are known.
    pub fn built(&self, file: Managed, source: &MapSource, kind: &MapKind) -> Option<(&str, Arc<Entries>)> {
        let same = self.after.get(&file).is_some_and(|bytes| bytes == source.bytes());
        let database = kind.database(Path::new(file.name()))?;
        let digest = self.built.get(database.to_str()?)?;
        (same && !source.has_strange()).then(|| (digest.as_str(), source.entries()))
    }

    /// Keys and digests of the entries that it wrote into a map.
    pub fn entries(&self, file: Managed) -> impl Iterator<Item = (&str, &str)> {
        entries(&self.wrote, file)
    }
}

/// Keys and digests of the entries of a map, among the managed values that a run wrote.
pub fn entries(wrote: &BTreeMap<String, String>, file: Managed) -> impl Iterator<Item = (&str, &str)> {
    let entries = wrote.iter().map(|(name, digest)| (name.as_str(), digest.as_str()));
    entries
        .filter_map(move |(name, digest)| Some((name.strip_prefix(file.name())?.strip_prefix(' ')?, digest)))
}

/// Reads a record of the state directory, of this version only. The error says what is wrong with it.
pub fn read_record<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    /// What tells how the rest is read. A record may have thousands of entries, which are read once, as what they are.
    #[derive(Deserialize)]
    struct Head {
        version: Option<Value>,
    }
    if bytes.is_empty() {
        return Err("is empty".into());
    }
    let is_object = bytes.trim_ascii_start().starts_with(b"{");
    let head = if is_object {
        serde_json::from_slice(bytes).map(|Head { version }| version)
    } else {
        serde_json::from_slice(bytes).map(|IgnoredAny| None)
    };
    match head.map_err(|error| format!("is no JSON: {error}"))?.as_ref().and_then(Value::as_u64) {
        Some(version) if version == u64::from(VERSION) => {
            serde_json::from_slice(bytes).map_err(|error| format!("is no such record: {error}"))
        }
        Some(version) => Err(format!("is from a newer relayhost: version {version}")),
        None => Err("has no version".into()),
    }
}

/// Names of all files that every generation keeps: main.cf, the sources, their databases of every kind. Those that are looked
/// at on demand are kept by the generation of a change of theirs alone.
pub fn recorded_files() -> Vec<String> {
    Managed::ALL.into_iter().filter(|file| !file.is_on_demand()).flat_map(Managed::recorded).collect()
}

/// Names of all files that a generation may keep.
pub fn known_files() -> Vec<String> {
    recorded_files().into_iter().chain(Managed::demanded()).collect()
}

/// SHA-256 in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(value.into(), 16).unwrap_or_default();
    let mut text = String::with_capacity(bytes.len() * 2);
    text.extend(bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]));
    text
}

/// Bytes from hexadecimal; `None` if the text is not hexadecimal.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}

/// The generations to remove: all but the first, the newest `KEPT` of those that stayed in force, the newest `FAILED`
/// of the others, and those in use. The two kinds are counted apart: otherwise a run that is refused every hour
/// would leave nothing to go back to.
pub fn superfluous(known: &[(u32, Fate)], in_use: &[u32]) -> Vec<u32> {
    let old = |stayed: bool, kept: usize| {
        let mut numbers: Vec<u32> = known
            .iter()
            .filter(|(number, fate)| *number != 0 && (*fate == Fate::Kept) == stayed)
            .map(|(number, _)| *number)
            .collect();
        numbers.sort_unstable();
        numbers.truncate(numbers.len().saturating_sub(kept));
        numbers
    };
    [old(true, KEPT), old(false, FAILED)]
        .concat()
        .into_iter()
        .filter(|number| !in_use.contains(number))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_on_disk_are_frozen() {
        let intent = r#"{"version":1,"generation":7,"phase":"changing"}"#;
        let parsed: Intent = serde_json::from_str(intent).unwrap();
        assert_eq!(serde_json::to_string(&parsed).unwrap(), intent);
        let intent = r#"{"version":1,"generation":7,"phase":"changed","message":"4FxWXb1"}"#;
        let parsed: Intent = serde_json::from_str(intent).unwrap();
        assert_eq!(serde_json::to_string(&parsed).unwrap(), intent);
        let generation = r#"{"version":1,"number":7,"time":"2026-11-23T10:00:00Z","command":"apply","fate":"kept","files":{"main.cf":{"before":{"mode":420,"uid":0,"gid":0,"mtime":1,"sha256":"00","xattrs":{"security.selinux":"00"}},"after":"11"},"sasl_passwd":{"before":null,"after":"22"}},"unproven":false,"wrote":{"relayhost":"[x]:587"}}"#;
        let parsed: Generation = serde_json::from_str(generation).unwrap();
        assert_eq!(serde_json::to_string(&parsed).unwrap(), generation);
    }

    #[test]
    fn the_contents_of_a_database_are_known_only_of_what_the_run_itself_built() {
        let hash = MapKind::new("hash").unwrap();
        let last = |source: &[u8]| LastRun {
            after: [(Managed::SaslPasswd, source.to_vec())].into(),
            built: [("sasl_passwd.db".to_owned(), "ab".to_owned())].into(),
            ..LastRun::default()
        };
        let built = |last: &LastRun, kind: &MapKind, source: &[u8]| {
            let source = MapSource::new(source.to_vec());
            last.built(Managed::SaslPasswd, &source, kind).map(|(digest, all)| (digest.to_owned(), all.len()))
        };
        let (plain, quoted) = (b"[r]:587 u:p\n".as_slice(), b"\"a b\" u:p\n".as_slice());
        assert_eq!(built(&last(plain), &hash, plain), Some(("ab".to_owned(), 1)));
        assert_eq!(built(&last(plain), &hash, b"[r]:587 u:q\n"), None);
        assert_eq!(built(&last(plain), &MapKind::new("lmdb").unwrap(), plain), None);
        assert_eq!(built(&last(quoted), &hash, quoted), None);
        assert_eq!(built(&LastRun::default(), &hash, plain), None);
    }

    #[test]
    fn pruning_keeps_the_first_and_the_one_in_use() {
        let known: Vec<(u32, Fate)> = (0..30).map(|number| (number, Fate::Kept)).collect();
        assert_eq!(superfluous(&known, &[3]), [1, 2, 4, 5, 6, 7, 8, 9]);
        assert!(superfluous(&known[..21], &[20]).is_empty());
    }

    #[test]
    fn runs_that_failed_push_out_none_that_stayed() {
        let mut known = vec![(0, Fate::Kept), (1, Fate::Kept)];
        known.extend((2..40).map(|number| (number, Fate::Undone)));
        assert_eq!(superfluous(&known, &[39]), (2..35).collect::<Vec<u32>>());
    }

    #[test]
    fn hexadecimal_there_and_back() {
        assert_eq!(unhex(&hex(b"\x00\xffa")).as_deref(), Some(&b"\x00\xffa"[..]));
        assert!(unhex("abc").is_none() && unhex("zz").is_none() && unhex("ä").is_none());
    }

    #[test]
    fn every_file_is_main_cf_or_an_observed_map_and_is_recorded() {
        let recorded = recorded_files();
        for file in Managed::ALL {
            assert_eq!(Managed::path_of(file.name()), file.path());
            let is_recorded = recorded.iter().any(|name| name == file.name());
            assert_ne!(is_recorded, Managed::demanded().any(|name| name == file.name()), "{file:?}");
        }
        for file in Managed::files() {
            assert!(file == Managed::MainCf || Managed::is_map(file.path().to_str().unwrap()), "{file:?}");
        }
        let recorded: Vec<String> = recorded.into_iter().chain(Managed::demanded()).collect();
        for (map, kind) in Managed::maps().flat_map(|map| ["hash", "btree", "lmdb"].map(|kind| (map, kind))) {
            let database = MapKind::new(kind).unwrap().database(&map.path()).unwrap();
            let name = database.file_name().unwrap().to_str().unwrap();
            assert!(recorded.iter().any(|recorded| recorded == name), "{name}");
            assert_eq!(Managed::path_of(name), database);
        }
    }
}
