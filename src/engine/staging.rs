//! The files of a plan, finished beside their places and tried out by Postfix's own programs: an error in them shows
//! before anything is changed.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::transaction::{Transaction, path_of};
use super::{Progress, labels, stage};
use crate::error::{Error, Result, shown};
use crate::model::observed::{Database, parse_settings};
use crate::model::plan::action::{FileChange, LinkChange, MainCfChange, MapChange};
use crate::model::plan::parameters::words;
use crate::model::postfix::maincf::MainCf;
use crate::model::postfix::managed::Managed;
use crate::model::postfix::postmap::MapSource;
use crate::model::state::generation::Inode;
use crate::sys::{files, inode, postfix, swap, trust};

/// Builds and tries out all files, one after the other: side by side would be faster, and then the tests that stop a
/// run at each system call (strace without -f) would not see the threads. A stage is shown only for a file that
/// fails; otherwise the stage that puts the file in place shows it.
pub fn stage_all(files: &[FileChange], progress: &mut dyn Progress) -> Result<Vec<Staged>> {
    let mut staged = Vec::new();
    for change in files {
        match Staged::new(change) {
            Ok(ready) => staged.push(ready),
            Err(error) => stage(progress, change.file().name(), |_| Err(error))?,
        }
    }
    Ok(staged)
}

/// One managed file, finished in a staging directory.
pub struct Ready {
    /// Its name.
    pub name: String,
    /// The finished file. If there is none, the file in its place is to be taken away.
    pub built: PathBuf,
    /// The file that it was made from.
    pub before: Option<Inode>,
}

impl Ready {
    fn new(built: &Path, before: Option<Inode>) -> Self {
        let name = built.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Self { name, built: built.to_owned(), before }
    }
}

/// A change that is ready to be put into its place: a map's database and source, or main.cf, or a link.
pub struct Staged {
    of: Managed,
    /// Its files, in the order in which they go into their places.
    pub files: Vec<Ready>,
    done: String,
    stagings: Vec<TempDir>,
}

impl Staged {
    /// Builds and tries out the files of one change.
    pub fn new(change: &FileChange) -> Result<Self> {
        match change {
            FileChange::Map(change) => Self::map(change),
            FileChange::MainCf(change) => Self::main_cf(change),
            FileChange::Link(change) => Self::link(change),
        }
    }

    /// A table that goes, with its databases of every kind.
    fn gone(change: &MapChange) -> Result<Self> {
        let of = change.file;
        take_if(&path_of(of.name())?, change.before.as_ref().map(MapSource::bytes))?;
        let (mut files, mut stagings) = (Vec::new(), Vec::new());
        for name in of.recorded() {
            let path = path_of(&name)?;
            let Some(found) = inode::look(&path)? else { continue };
            let staging = files::staging(&path)?;
            files.push(Ready { name: name.clone(), built: staging.path().join(&name), before: Some(found) });
            stagings.push(staging);
        }
        Ok(Self { of, files, done: format!("removed {}", shown(of.path())), stagings })
    }

    fn map(change: &MapChange) -> Result<Self> {
        if change.gone {
            return Self::gone(change);
        }
        let MapChange { file: of, kind, before, after, removed, .. } = change;
        let path = of.path();
        let own = path_of(of.name())?;
        let source = take_if(&own, before.as_ref().map(MapSource::bytes))?;
        let own_database = kind.database(&path).map(|path| trust::target(&path)).transpose()?;
        let database = own_database.as_deref().map(inode::look).transpose()?.flatten();
        let built = postfix::build_map(*of, kind, after.bytes())?;
        match postfix::read_database(&built.source, kind, None)? {
            Database::Read { entries, .. } if after.agrees_with(&entries) => {}
            Database::NotNeeded => {}
            _ => return Err(Error::MapDiffers { database: kind.database(&path).unwrap_or(path) }),
        }
        let mut stagings = vec![built.staging];
        let mut files = vec![Ready::new(&near(built.source, &own, &mut stagings)?, source)];
        // The database first, since it is what Postfix reads.
        if let (Some(built), Some(own)) = (built.database, own_database) {
            files.insert(0, Ready::new(&near(built, &own, &mut stagings)?, database));
        }
        let count = after.entries().len();
        let entries = if count == 1 { "entry" } else { "entries" };
        let in_it = format!("{count} {entries} in {}", kind.table(&path));
        let done = removed.iter().fold(in_it, |done, entry| format!("{done}; removed the entry of {entry}"));
        Ok(Self { of: *of, files, done, stagings })
    }

    fn main_cf(change: &MainCfChange) -> Result<Self> {
        let MainCfChange { before, after, changes, taken_back } = change;
        let path = path_of(Managed::MainCf.name())?;
        accepted_by_postfix(after, changes)?;
        let Some(found) = take_if(&path, Some(before.bytes()))? else {
            return Err(swap::changed(&path, &path));
        };
        let staging = files::staging(&path)?;
        let built = swap::prepare(
            staging.path(),
            Managed::MainCf.name().as_ref(),
            &inode::renewed(&found),
            &mut after.bytes(),
        )?;
        let number =
            |names: usize| format!("{names} {}", if names == 1 { "parameter" } else { "parameters" });
        let back = (!taken_back.is_empty()).then(|| format!("; {} as before", number(taken_back.len())));
        let done = format!("{} set{}", number(changes.len()), back.unwrap_or_default());
        let files = vec![Ready::new(&built, Some(found))];
        Ok(Self { of: Managed::MainCf, files, done, stagings: vec![staging] })
    }

    fn link(change: &LinkChange) -> Result<Self> {
        let LinkChange { file: of, before, target } = change;
        let path = of.path();
        if inode::look(&path)? != *before {
            return Err(swap::changed(&path, &path));
        }
        let staging = files::staging(&path)?;
        let built = match target {
            Some(target) => swap::prepare(
                staging.path(),
                of.name().as_ref(),
                &inode::new_link(target),
                &mut target.as_bytes(),
            )?,
            // Nothing is to be there; the file that goes away is moved here.
            None => staging.path().join(of.name()),
        };
        let files = vec![Ready::new(&built, before.clone())];
        Ok(Self { of: *of, files, done: change.describe(), stagings: vec![staging] })
    }

    /// Puts its files into their places. The transaction has their directories from then on: it ends the guard with the main.cf
    /// that waits in one, and looks for edits in what was exchanged.
    pub fn put_in_place(self, transaction: &mut Transaction, progress: &mut dyn Progress) -> Result<()> {
        let put = stage(progress, self.of.name(), |_| {
            self.files.iter().try_for_each(|file| transaction.put(&file.name, &file.built))?;
            self.relabel()?;
            Ok(self.done.clone())
        });
        transaction.hold(self.stagings);
        put
    }

    /// Puts its files into their places without a transaction: each is whole, and the next call finishes what a killed one
    /// has begun.
    pub fn put_alone(&self) -> Result<()> {
        for file in &self.files {
            swap::put(&file.built, &path_of(&file.name)?, file.before.as_ref())?;
        }
        self.relabel()
    }

    /// Gives its files the labels of their places.
    fn relabel(&self) -> Result<()> {
        labels::restore(&self.files.iter().map(|file| file.name.as_str()).collect::<Vec<_>>())
    }
}

/// A finished file in a directory from which one rename takes it to `path`: where a link leads elsewhere, a copy beside
/// that.
fn near(built: PathBuf, path: &Path, stagings: &mut Vec<TempDir>) -> Result<PathBuf> {
    if built.parent().and_then(Path::parent) == path.parent() {
        return Ok(built);
    }
    let (Some(inode), Some(mut bytes)) = (inode::look(&built)?, inode::open(&built)?) else {
        return Err(swap::changed(&built, &built));
    };
    let staging = files::staging(path)?;
    let copy = swap::prepare(staging.path(), built.file_name().unwrap_or_default(), &inode, &mut bytes)?;
    stagings.push(staging);
    Ok(copy)
}

/// The inode of a file that still has the bytes that the plan was made from.
fn take_if(path: &Path, bytes: Option<&[u8]>) -> Result<Option<Inode>> {
    let found = inode::take(path)?;
    if found.as_ref().map(|(_, bytes)| bytes.as_slice()) != bytes {
        return Err(swap::changed(path, path));
    }
    Ok(found.map(|(inode, _)| inode))
}

/// Has Postfix read the new file first, and compares the settings that it read with those that were meant.
fn accepted_by_postfix(after: &MainCf, changes: &[(String, String)]) -> Result<()> {
    let (text, warnings) = postfix::try_out(after.bytes())?;
    let understood = parse_settings(&text);
    for (name, value) in changes {
        let unused = format!("unused parameter: {name}=");
        if let Some(warning) = warnings.lines().find(|line| line.contains(&unused)) {
            return Err(Error::Staged { reason: warning.to_owned() });
        }
        let got = understood.get(name).map_or("", String::as_str);
        if words(got) != words(value) {
            return Err(Error::Staged { reason: format!("it reads {name} as `{got}` instead of `{value}`") });
        }
    }
    Ok(())
}
