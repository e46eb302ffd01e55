//! Replaces the files of a change, and puts them back, beside an administrator who may edit them at any moment: a
//! file that is not as recorded is not replaced, or, when files are put back, is kept first.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::Transaction;
use super::side::Side;
use crate::engine::Progress;
use crate::error::{Edit, Error, Result};
use crate::model::postfix::managed::Managed;
use crate::model::state::generation::{Change, Generation, Inode};
use crate::sys::digest::Content;
use crate::sys::{files, inode, state, swap};

/// Number of attempts to put one file back while somebody goes on changing it.
const TRIES: usize = 5;

impl Transaction {
    /// Puts a finished file into its place, or takes one away, if the file there is as recorded.
    pub fn put(&mut self, name: &str, staged: &Path) -> Result<()> {
        let Some(Change { before, after, .. }) = self.generation.files.get(name).cloned() else {
            return Ok(());
        };
        self.displaced.push((name.to_owned(), staged.to_owned()));
        self.replaced.insert(name.to_owned());
        let path = self.path(name);
        let result = match (&before, after) {
            (Some(before), None) => swap::take_away(&path, staged, before),
            _ => self.exchange(name, staged, &path, before.as_ref()),
        };
        self.left_alone(name, &result);
        result
    }

    /// Notes that a file was left alone, if it was not as recorded.
    fn left_alone(&mut self, name: &str, result: &Result<()>) {
        if matches!(result, Err(Error::ChangedMeanwhile { .. } | Error::Symlink { .. })) {
            self.replaced.remove(name);
        }
    }

    /// Puts back every file that was replaced. Returns the edits of somebody else's that it met.
    pub(super) fn put_all_back(&mut self, progress: &mut dyn Progress) -> Result<Vec<Edit>> {
        let mut edits = self.rescue()?;
        self.demand_bytes()?;
        for (name, change) in self.in_order(&self.generation) {
            let path = self.path(&name);
            if self.replaced.contains(&name) {
                edits.extend(self.put_back(&name, &path)?);
            } else if !inode::look(&path).is_ok_and(|now| now == change.before) {
                edits.push(Edit::InForce { path });
            }
        }
        edits.extend(self.release_or_put_back(progress)?);
        edits.extend(self.led_elsewhere().map(|path| Edit::InForce { path }));
        // An edit that was kept may have come out of an exchange, too.
        let mut seen = BTreeSet::new();
        edits.retain(|edit| seen.insert(edit.clone()));
        Ok(edits)
    }

    /// Ends the guard. A main.cf that was edited meanwhile is kept, and replaced, as all files are; one that was edited before
    /// stays, without the guard. Returns such edits.
    fn release_or_put_back(&mut self, progress: &mut dyn Progress) -> Result<Vec<Edit>> {
        let (mut edits, name) = (Vec::new(), Managed::MainCf.name());
        match self.release(Side::Before, progress) {
            Err(Error::ChangedMeanwhile { .. }) if self.replaced.contains(name) => {
                edits.extend(self.put_back(name, &self.path(name))?);
            }
            Err(Error::ChangedMeanwhile { .. }) => {}
            released => drop(released?),
        }
        if !self.replaced.contains(name) {
            let _ = self.clear_edit();
        }
        // Somebody may have had the guarded file open.
        edits.extend(self.rescue()?);
        Ok(edits)
    }

    /// The files in the order in which they become those of a generation, which is that of `apply`: what main.cf may name then is
    /// there before it, and what goes, goes after it. A login is there before the table that sends mail to its relay.
    fn in_order(&self, target: &Generation) -> Vec<(String, Change)> {
        let mut all: Vec<(String, Change)> = self.generation.files.clone().into_iter().collect();
        let goes = |name: &String| target.files.get(name).is_none_or(|change| change.before.is_none());
        let is_main_cf = |name: &String| name == Managed::MainCf.name();
        let order: Vec<String> = Managed::ALL.into_iter().flat_map(Managed::written).collect();
        let place = |name: &String| order.iter().position(|known| known == name);
        let turn = |name: &String| if is_main_cf(name) { 1 } else { 2 * u8::from(goes(name)) };
        all.sort_by_key(|(name, _)| (turn(name), place(name)));
        all
    }

    /// Asks for the bytes of all files that are to be put back: `Error::Record` if those of one are lost. Called
    /// before the first is put back, so that a change that cannot be undone as a whole stays as it is.
    fn demand_bytes(&self) -> Result<()> {
        for (name, change) in self.generation.files.iter().filter(|(name, _)| self.replaced.contains(*name)) {
            let now = inode::look(&self.path(name))?;
            if let Some(before) = change.before.as_ref().filter(|before| now.as_ref() != Some(*before)) {
                state::open_before(self.generation.number, name, before)?;
            }
        }
        Ok(())
    }

    /// Puts one file back. Somebody else's edit is kept first, and only the file that was kept is replaced.
    fn put_back(&mut self, name: &str, path: &Path) -> Result<Vec<Edit>> {
        let mut edits = Vec::new();
        for _ in 0..TRIES {
            let now = inode::look(path)?;
            match now.as_ref().map(|now| self.keep_edit(name, now, path)).transpose() {
                Err(Error::ChangedMeanwhile { .. }) => continue,
                kept => edits.extend(kept?.flatten()),
            }
            let result = self.make(&self.generation.clone(), name, now.as_ref());
            edits.extend(self.rescue()?);
            match result {
                Err(Error::ChangedMeanwhile { .. }) => {}
                other => return other.map(|()| edits),
            }
        }
        Err(swap::changed(path, path))
    }

    /// Makes every managed file what it was before a generation's change, if it is as recorded. `demanded`: the generations that
    /// have the files that are kept on demand, by name.
    pub fn restore(
        &mut self,
        generation: &Generation,
        demanded: &BTreeMap<String, Generation>,
    ) -> Result<()> {
        // Those of this change: the generation may be of an earlier relayhost, and then a link that it does not know was not
        // there.
        for (name, Change { before: now, .. }) in self.in_order(generation) {
            self.replaced.insert(name.clone());
            let generation = demanded.get(&name).unwrap_or(generation);
            let result = self.make(generation, &name, now.as_ref());
            self.left_alone(&name, &result);
            result?;
        }
        Ok(())
    }

    /// Makes one file what it was before a generation's change, if it is `now`.
    pub(super) fn make(&mut self, generation: &Generation, name: &str, now: Option<&Inode>) -> Result<()> {
        let before = generation.files.get(name).and_then(|change| change.before.as_ref());
        if now == before {
            return Ok(());
        }
        let path = self.path(name);
        let staging = files::staging(&path)?;
        let staged = staging.path().join(name);
        self.displaced.push((name.to_owned(), staged.clone()));
        let directory = staging.path().to_owned();
        self.stagings.push(staging);
        match (before, now) {
            (Some(before), _) => {
                let mut bytes = state::open_before(generation.number, name, before)?;
                swap::prepare(&directory, name.as_ref(), before, &mut bytes)?;
                self.exchange(name, &staged, &path, now)
            }
            (None, Some(now)) => swap::take_away(&path, &staged, now),
            (None, None) => Ok(()),
        }
    }

    /// Keeps every file that came out of an exchange and has an edit of somebody else's: the run was stopped before
    /// it could look, or somebody had the file open. Returns these edits.
    pub fn rescue(&self) -> Result<Vec<Edit>> {
        let mut edits = Vec::new();
        for (name, staged) in &self.displaced {
            match inode::look(staged) {
                // The link leads where it led; nothing is lost.
                Err(Error::Symlink { .. }) => {}
                taken => {
                    edits.extend(
                        taken?.map(|taken| self.keep_edit(name, &taken, staged)).transpose()?.flatten(),
                    );
                }
            }
        }
        Ok(edits)
    }

    /// Whether nothing that came out of an exchange has an edit of somebody else's.
    pub(super) fn demand_no_edits(&self) -> Result<()> {
        for (name, staged) in &self.displaced {
            if inode::look(staged)?.is_some_and(|inode| self.is_foreign(name, &inode)) {
                return Err(swap::changed(&self.path(name), staged));
            }
        }
        Ok(())
    }

    /// Keeps a file that is neither the one before the change nor relayhost's own, and lies `there`. Returns its new place.
    fn keep_edit(&self, name: &str, inode: &Inode, there: &Path) -> Result<Option<Edit>> {
        if !self.is_foreign(name, inode) {
            return Ok(None);
        }
        let path = self.path(name);
        let unguarded = if name == Managed::MainCf.name() { self.edit_to_keep(inode, there) } else { None };
        let as_it_is = || Content { file: there.to_owned(), sha256: inode.sha256.clone() };
        let content = unguarded.as_ref().map_or_else(as_it_is, |(_, content)| content.clone());
        let kept = state::set_aside(self.generation.number, name, &content, &path)?;
        Ok(Some(Edit::Kept { path, kept }))
    }

    pub(super) fn is_foreign(&self, name: &str, inode: &Inode) -> bool {
        self.generation.files.get(name).is_some_and(|change| {
            change.before.as_ref().map(|before| &before.sha256) != Some(&inode.sha256)
                && change.after.as_ref() != Some(&inode.sha256)
        }) && !(name == Managed::MainCf.name() && self.is_guarded(&inode.sha256))
    }
}
