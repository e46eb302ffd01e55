//! The form of the record of incidents on the disk: two slots of one size in one file, written in turn and in place, so that to
//! write it takes no free block. Each slot has a revision and a checksum; the newer one that is whole counts. A power cut in the
//! middle of a write leaves the other one.

use super::record::Incidents;
use crate::model::state::generation::{read_record, sha256};

/// Bytes of a slot. The record is made to fit ([`Incidents::fitted`]).
pub const SLOT: usize = 128 * 1024;
/// Bytes for the line at the beginning of a slot, which has revision, length and checksum.
const HEAD: usize = 160;
/// Bytes for the record itself.
pub const ROOM: usize = SLOT - HEAD;
/// The first word of a slot, and the version of this form.
const NAME: &str = "relayhost-watch-1";
/// Largest revision, and largest number of an event: programs that read JSON know whole numbers up to there (RFC 8259 §6).
pub(super) const LARGEST: u64 = (1 << 53) - 1;
/// The numbers that are left out where a slot is damaged: more than one look gives to events, so none comes twice.
const SKIPPED: u64 = 64;

/// A record, and the number of its writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Counts how often it was written.
    pub revision: u64,
    /// The record.
    pub record: Incidents,
}

/// What a slot has.
enum Slot<'a> {
    /// Nothing was written yet.
    Empty,
    /// What was written is not whole.
    Damaged,
    /// A whole record of this revision.
    Whole(u64, &'a [u8]),
}

/// The record in a file of two slots. The error is why it cannot be used.
pub fn read(bytes: &[u8]) -> Result<Kept, String> {
    let slots =
        [0, 1].map(|place| look(bytes.get(place * SLOT..(place + 1) * SLOT).unwrap_or_default(), place));
    let newest = slots.iter().filter_map(|slot| match slot {
        Slot::Whole(revision, text) => Some((*revision, *text)),
        Slot::Empty | Slot::Damaged => None,
    });
    let Some((revision, text)) = newest.max_by_key(|(revision, _)| *revision) else {
        return Err("has no slot that is whole".into());
    };
    let mut record = read_record::<Incidents>(text).and_then(Incidents::checked)?;
    if slots.iter().any(|slot| matches!(slot, Slot::Damaged)) {
        // It may have been the newer one, whose events were told.
        record.sequence += SKIPPED;
    }
    Ok(Kept { revision, record })
}

fn look(bytes: &[u8], place: usize) -> Slot<'_> {
    let (head, _) = bytes.split_at(HEAD.min(bytes.len()));
    if !head.is_empty() && bytes.iter().all(|byte| *byte == 0) {
        return Slot::Empty;
    }
    let whole = || {
        let end = head.iter().position(|byte| *byte == b'\n')?;
        let words: Vec<&str> = std::str::from_utf8(head.get(..end)?).ok()?.split(' ').collect();
        let [NAME, revision, length, checksum] = words[..] else { return None };
        let number: u64 = revision.parse().ok().filter(|number| *number <= LARGEST)?;
        let text = bytes.get(HEAD..HEAD.checked_add(length.parse().ok()?)?)?;
        (place_of(number) == place && checksum == sum(number, text)).then_some(Slot::Whole(number, text))
    };
    whole().unwrap_or(Slot::Damaged)
}

/// The place of a revision: each is written over the one before the last.
fn place_of(revision: u64) -> usize {
    usize::from(revision % 2 == 1)
}

fn sum(revision: u64, text: &[u8]) -> String {
    sha256(&[format!("{revision} ").as_bytes(), text].concat())
}

/// What is to be written for a record of this revision, and at which offset of the file. `None` if it does not fit.
pub fn written(record: &Incidents, revision: u64) -> Option<(u64, Vec<u8>)> {
    let text = serde_json::to_vec(record).ok().filter(|text| text.len() <= ROOM)?;
    let mut bytes = format!("{NAME} {revision} {} {}\n", text.len(), sum(revision, &text)).into_bytes();
    bytes.resize(HEAD, b' ');
    bytes.extend(text);
    Some((u64::try_from(place_of(revision) * SLOT).ok()?, bytes))
}

/// A whole new file with a record of revision 1.
pub fn new_file(record: &Incidents) -> Option<Vec<u8>> {
    let (offset, bytes) = written(record, 1)?;
    let mut file = vec![0; 2 * SLOT];
    let at = usize::try_from(offset).ok()?;
    file.get_mut(at..at + bytes.len())?.copy_from_slice(&bytes);
    Some(file)
}

#[cfg(test)]
#[path = "slots_tests.rs"]
mod tests;
