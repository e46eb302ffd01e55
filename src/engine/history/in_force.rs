//! What of the recorded changes is in force now, by the files as they are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::engine::transaction::{Side, bytes_on, path_of};
use crate::model::postfix::managed::Managed;
use crate::model::state::generation::{Fate, Generation, superfluous};
use crate::model::state::taken_back::{By, Contents, Files, Kept, Things, taken_back, things};
use crate::sys::inode;

/// The texts that were read, by file and digest: most of them are in several generations.
type Read = BTreeMap<(Managed, String), Option<Arc<Things>>>;

/// The changes that were taken back, with who did it. Databases are made of their sources, and say nothing beside them. Of more
/// generations than a change leaves, those that the next one removes are not compared: there may be thousands.
pub fn search(generations: &[Generation]) -> BTreeMap<u32, By> {
    let known: Vec<(u32, Fate)> = generations.iter().map(|one| (one.number, one.fate)).collect();
    let goes: BTreeSet<u32> = superfluous(&known, &[]).into_iter().collect();
    let stays = |one: &&Generation| one.fate == Fate::Kept && !goes.contains(&one.number);
    let kept = || generations.iter().filter(stays);
    let changed: BTreeSet<&str> = kept().flat_map(Generation::changed_files).collect();
    let files: Vec<Managed> = Managed::ALL.into_iter().filter(|file| changed.contains(file.name())).collect();
    let mut read = Read::new();
    let mut side = |generation: &Generation, side| -> Files {
        let of = |file: &Managed| {
            let change = generation.files.get(file.name())?;
            let digest = match side {
                Side::Before => change.before.as_ref().map(|inode| inode.sha256.clone()),
                Side::After => change.after.clone(),
            };
            let bytes = || bytes_on(generation, side, file.name()).ok().flatten();
            Some((file.name().to_owned(), contents(*file, digest, bytes, &mut read)))
        };
        files.iter().filter_map(of).collect()
    };
    let all: Vec<Kept> = kept()
        .map(|one| Kept {
            number: one.number,
            before: side(one, Side::Before),
            after: side(one, Side::After),
        })
        .collect();
    let now = files.iter().filter_map(|file| {
        let path = path_of(file.name()).ok()?;
        let digest = inode::look(&path).ok()?.map(|inode| inode.sha256);
        let bytes = || inode::take(&path).ok().flatten().map(|(_, bytes)| bytes);
        Some((file.name().to_owned(), contents(*file, digest, bytes, &mut read)))
    });
    taken_back(&all, &now.collect())
}

fn contents(
    file: Managed,
    digest: Option<String>,
    bytes: impl FnOnce() -> Option<Vec<u8>>,
    read: &mut Read,
) -> Contents {
    let key = digest.clone().filter(|_| file.target().is_none()).map(|digest| (file, digest));
    let things =
        key.and_then(|key| read.entry(key).or_insert_with(|| things(file, bytes()?).map(Arc::new)).clone());
    Contents { digest, things }
}
