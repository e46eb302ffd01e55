//! Which recorded changes are in force no longer, since what they made gave way to what had been there before. That is seen by
//! comparing, thing by thing (a parameter, an entry of a table), what a change made with what was in force before it, and with
//! what is in force now: a restore is a change like any other, and an `apply` or a hand may put the same back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::generation::sha256;
use crate::model::postfix::maincf::MainCf;
use crate::model::postfix::managed::Managed;

/// Bytes of a text above which its lines are not told apart: it is one thing.
const LARGEST: usize = 1 << 20;

/// Who took a change back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// The change of the generation with this number.
    Change(u32),
    /// Somebody else than relayhost.
    Hand,
}

/// The things in a text, each with the digest of its value.
pub type Things = BTreeMap<String, String>;

/// What a file is at one moment.
#[derive(Debug, Clone, Default)]
pub struct Contents {
    /// SHA-256 of the whole; `None`: there is no such file.
    pub digest: Option<String>,
    /// What is in it; `None` if it is no text, or its bytes are not known.
    pub things: Option<Arc<Things>>,
}

/// Files at one moment, by their names. Of one that is not among them nothing is known.
pub type Files = BTreeMap<String, Contents>;

/// A change that was kept.
#[derive(Debug)]
pub struct Kept {
    /// The number of its generation.
    pub number: u32,
    /// The files before it.
    pub before: Files,
    /// The files after it.
    pub after: Files,
}

/// A thing: its file, and its name there; `None`: all of the file.
type Thing<'a> = (&'a str, Option<&'a str>);

/// A thing that a change made anew: its value after it, and those that it had had until then.
struct Made<'a> {
    thing: Thing<'a>,
    after: Option<&'a str>,
    earlier: BTreeSet<Option<&'a str>>,
}

/// The parameters of a main.cf, or the entries of a table; `None` where they are too many to tell apart, or rules in an order.
pub fn things(file: Managed, bytes: Vec<u8>) -> Option<Things> {
    if bytes.len() > LARGEST || file.is_whole() {
        return None;
    }
    let digest = |value: &str| sha256(value.as_bytes());
    Some(if file == Managed::MainCf {
        MainCf::new(bytes).all().into_iter().map(|one| (one.name, digest(&one.value))).collect()
    } else {
        let entries = file.source(bytes).entries();
        entries.iter().map(|(key, value)| (key.clone(), digest(value))).collect()
    })
}

/// The changes that were taken back, by their numbers: all that each of them had made is what it was at a time before it. `all`:
/// oldest first; `now`: the files as they are.
pub fn taken_back(all: &[Kept], now: &Files) -> BTreeMap<u32, By> {
    let sides = |one: &Kept| [(By::Hand, one.before.clone()), (By::Change(one.number), one.after.clone())];
    let mut moments: Vec<_> = all.iter().flat_map(sides).collect();
    moments.push((By::Hand, now.clone()));
    let by = |(at, change): (usize, &Kept)| {
        let (earlier, later) = moments.split_at_checked(2 * at + 1)?;
        Some((change.number, who(&made(change, earlier), later)?))
    };
    all.iter().enumerate().filter_map(by).collect()
}

/// Whose moment the first one is from which on nothing of this is in force up to the last one.
fn who(made: &[Made], later: &[(By, Files)]) -> Option<By> {
    let mut found = None;
    for (by, files) in later {
        let gone = made.iter().map(|one| {
            value(files, one.thing).map(|value| value != one.after && one.earlier.contains(&value))
        });
        // What is not known of one moment is as it was at the one before.
        let (mut is_gone, mut is_known) = (true, true);
        for one in gone {
            is_gone &= one.unwrap_or(true);
            is_known &= one.is_ok();
        }
        match (is_gone, is_known) {
            (true, true) => found = found.or(Some(*by)),
            (false, _) => found = None,
            (true, false) => {}
        }
    }
    found.filter(|_| !made.is_empty())
}

/// What a change made anew; `earlier`: the moments up to it.
fn made<'a>(change: &'a Kept, earlier: &'a [(By, Files)]) -> Vec<Made<'a>> {
    let mut all = Vec::new();
    for (file, after) in &change.after {
        let Some(before) = change.before.get(file).filter(|before| before.digest != after.digest) else {
            continue;
        };
        let names = names(before).zip(names(after));
        let names = names.map(|(one, other)| one.into_iter().chain(other).collect::<BTreeSet<_>>());
        let is_made = |thing: &Thing| value(&change.before, *thing) != value(&change.after, *thing);
        let mut things: Vec<Thing> =
            names.into_iter().flatten().map(|name| (file.as_str(), Some(name))).filter(is_made).collect();
        if things.is_empty() {
            things.push((file, None));
        }
        all.extend(things.into_iter().map(|thing| Made {
            thing,
            after: value(&change.after, thing).ok().flatten(),
            earlier: earlier.iter().filter_map(|(_, files)| value(files, thing).ok()).collect(),
        }));
    }
    all
}

/// The names of the things in a file.
fn names(contents: &Contents) -> Option<Vec<&str>> {
    match (&contents.digest, &contents.things) {
        (None, _) => Some(Vec::new()),
        (Some(_), things) => things.as_ref().map(|all| all.keys().map(String::as_str).collect()),
    }
}

/// What is not known of a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Unknown;

/// The value of a thing, by its digest: none where it is not there.
fn value<'a>(files: &'a Files, (file, name): Thing) -> Result<Option<&'a str>, Unknown> {
    let contents = files.get(file).ok_or(Unknown)?;
    let Some(digest) = &contents.digest else { return Ok(None) };
    let Some(name) = name else { return Ok(Some(digest)) };
    Ok(contents.things.as_ref().ok_or(Unknown)?.get(name).map(String::as_str))
}

#[cfg(test)]
#[path = "taken_back_tests.rs"]
mod tests;
