//! The recorded generations: lists them, and puts one back.

mod in_force;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use super::defer::refuse_without_proc;
use super::observe::observe;
use super::recover::{lock_and_recover, recover_if_stopped, tell_of_damage};
use super::transaction::{
    Side, Transaction, Wanted, bytes_on, demanded_since, last_run, path_of, run_before,
};
use super::{Place, Progress, load, stage, tables, token};
use crate::error::{Error, Result};
use crate::model::ended::{Change, Edited, Listed, Replaced, Restored};
use crate::model::plan::Plan;
use crate::model::plan::action::difference;
use crate::model::postfix::managed::Managed;
use crate::model::postfix::postmap::MapSource;
use crate::model::state::generation::{Fate, Generation, Inode, entries, recorded_files};
use crate::model::state::mark::without_tokens;
use crate::sys::{damage, inode, secrets, signals, state};

/// Clears up what a stopped run left, and reads all generations that can be used, oldest first.
pub fn list(progress: &mut dyn Progress) -> Result<Listed> {
    let recovered = recover_if_stopped(progress)?;
    let is_damaged = tell_of_damage(progress);
    let damaged: Vec<_> = damage::survey().into_iter().map(|damage| damage.path).collect();
    let readable = |number| match state::generation(number) {
        _ if damaged.contains(&state::generation_path(number)) => None,
        Err(error) if error.is_lost_record() => None,
        other => Some(other),
    };
    let generations = state::numbers()?.into_iter().filter_map(readable).collect::<Result<Vec<_>>>()?;
    let taken_back = in_force::search(&generations);
    Ok(Listed { generations, taken_back, changes: None, is_damaged, recovered })
}

/// The one generation of that number, with what its change did to the files.
pub fn one(number: u32, progress: &mut dyn Progress) -> Result<Listed> {
    let mut listed = list(progress)?;
    let known = listed.generations.iter().map(|generation| generation.number).collect();
    listed.generations.retain(|generation| generation.number == number);
    let Some(generation) = listed.generations.first() else {
        let is_damaged = listed.is_damaged && state::numbers()?.contains(&number);
        let is_answered = load::is_answered();
        return Err(Error::NoGeneration { number: Some(number), known, is_damaged, is_answered });
    };
    listed.changes = Some(changes(generation)?);
    Ok(listed)
}

/// What a change did to the texts among the files. The passwords of both versions are hidden wherever they stand: of those that are
/// in no table any more nobody else knows.
fn changes(generation: &Generation) -> Result<Vec<Change>> {
    secrets::search();
    let (former, changed) = (run_before(generation.number)?, generation.changed_files());
    let Generation { command, time, .. } = generation;
    let then = [format!(" before {command} of {time}"), format!("as {command} left it")];
    let mut changes = Vec::new();
    for file in Managed::files().filter(|file| changed.contains(&file.name())) {
        let [before, after] = versions(generation, file)?;
        if file.is_secret() {
            let tables = [&before, &after].into_iter().flatten();
            let entries = tables.flat_map(|bytes| MapSource::new(bytes.clone()).values().collect::<Vec<_>>());
            let entries: BTreeSet<String> = entries.collect();
            entries.iter().take(tables::MOST).for_each(|entry| secrets::know_entry(entry));
        }
        let ours = former.entries(file).chain(entries(&generation.wrote, file));
        let keys: Vec<String> = ours.map(|(key, _)| key.to_owned()).collect();
        let both = before.zip(after);
        let diff =
            both.map(|(before, after)| difference(file, [&before, &after], &keys, [&then[0], &then[1]]));
        changes.push(Change { file: file.name(), diff });
    }
    Ok(changes)
}

/// The bytes of a file before and after a change; none where there was no file, `None` where they are not kept.
fn versions(generation: &Generation, file: Managed) -> Result<[Option<Vec<u8>>; 2]> {
    let kept = |side| match bytes_on(generation, side, file.name()) {
        Err(error) if error.is_lost_record() => Ok(None),
        bytes => bytes.map(|bytes| Some(bytes.unwrap_or_default())),
    };
    Ok([kept(Side::Before)?, kept(Side::After)?])
}

/// Whether the change that a generation was made for has been put back already. No change is under way while the lock is held: one
/// that a full disk kept from being recorded as put back is. What cannot be read is not known to be.
fn is_over(number: u32) -> bool {
    state::generation(number).is_ok_and(|generation| generation.fate != Fate::Kept)
}

/// Puts a generation back; without a number the newest whose change was not put back already. What is there now becomes a
/// generation of its own, so that this can be undone too. `patience`: how long to wait for another run to end.
pub fn restore(number: Option<u32>, patience: Duration, progress: &mut dyn Progress) -> Result<Restored> {
    refuse_without_proc()?;
    // Taking the lock sets aside the records that cannot be used.
    let held = lock_and_recover(patience, Place::here(), progress)?;
    let known = state::numbers()?;
    // Without a number the last change is to be undone; if its generation is lost, not the one before it.
    let aside = state::generations_aside();
    let newest = || known.iter().chain(&aside).copied().filter(|number| !is_over(*number)).max();
    let wanted = number.or_else(newest);
    let Some(number) = wanted.filter(|number| known.contains(number)) else {
        let is_damaged = wanted.is_some_and(|number| aside.contains(&number));
        return Err(Error::NoGeneration {
            number: wanted,
            known,
            is_damaged,
            is_answered: load::is_answered(),
        });
    };
    let generation = state::generation(number)?;
    damage::whole(&generation)?;
    // The last moment at which a signal ends the run with nothing changed; from here on signals wait.
    signals::check()?;
    let _held = signals::hold();
    let mut replaced = None;
    stage(progress, "restore", |progress| {
        replaced = put_back(&generation, progress)?;
        let how = if replaced.is_some() { "again" } else { "already: nothing was changed" };
        let Generation { command, time, .. } = &generation;
        Ok(format!("the files of generation {number}, from before {command} of {time}, are in force {how}"))
    })?;
    if replaced.is_some() {
        token::after_restore(progress);
    }
    let (wanted, recovered) = (still_wanted(), held.recovered.clone());
    Ok(Restored { generation: number, replaced, wanted, recovered })
}

/// What the answers ask for that the files which are in force now do not have. It cannot be known of answers that cannot be read.
fn still_wanted() -> Option<String> {
    let desired = load::is_answered().then(|| load::load(Path::new(load::DEFAULT)).ok()).flatten()?;
    let place = Place::here();
    let observed = observe(&desired, place).ok()?;
    let plan = match place {
        Place::Host => Plan::new(&desired, &observed),
        Place::Tree => Plan::for_tree(&desired, &observed),
    };
    plan.is_ok_and(|plan| !plan.actions.files.is_empty()).then(|| desired.summary())
}

/// Puts the files back; `None`: they are there already.
fn put_back(generation: &Generation, progress: &mut dyn Progress) -> Result<Option<Replaced>> {
    let mut wanted = BTreeMap::new();
    let mut is_there = true;
    let demanded = demanded_since(generation.number)?;
    let names = recorded_files().into_iter().map(|name| (name, generation));
    for (name, generation) in names.chain(demanded.iter().map(|(name, of)| (name.clone(), of))) {
        let now = inode::look(&path_of(&name)?)?;
        let kept = generation.files.get(&name).and_then(|change| change.before.as_ref());
        is_there &= now.as_ref().map(Inode::untimed) == kept.map(Inode::untimed);
        let after = kept.map(|kept| state::content_before(generation.number, &name, kept)).transpose()?;
        wanted.insert(name, Wanted { before: now, after });
    }
    if is_there {
        return Ok(None);
    }
    let command = generation.restored();
    // The entries that this puts back belong to relayhost as far as they did then: otherwise nobody would remove an
    // old relay's password.
    let wrote = run_before(generation.number)?.wrote;
    let last = last_run()?;
    let mut edited = Vec::new();
    for (file, ours) in &last.after {
        let now = inode::take(&path_of(file.name())?)?.map(|(_, bytes)| bytes);
        let compared = |bytes: &[u8]| {
            if file.is_secret() { without_tokens(bytes, *file, &last) } else { bytes.to_vec() }
        };
        if now.is_some_and(|now| compared(&now) != compared(ours)) {
            let is_there = wanted.get(file.name()).is_some_and(|wanted| wanted.after.is_some());
            edited.push(Edited { name: file.name().to_owned(), is_there });
        }
    }
    let mut transaction = Transaction::begin(&command, Place::here(), &wanted, wrote)?;
    match transaction
        .guard(None)
        .and_then(|()| transaction.restore(generation, &demanded))
        .and_then(|()| transaction.changed())
        .and_then(|()| transaction.tell_postfix())
    {
        Ok(()) => {
            let number = transaction.number();
            transaction.keep(false, progress).map(|()| Some(Replaced { previous: number, edited }))
        }
        Err(cause) => Err(transaction.fail(cause, progress)),
    }
}
