//! While files change, some are old and some new, and Postfix may read them at any moment: a login has gone from its table
//! before qmgr(8) knows the new next hop, or a relay is shown a sender that is meant for another. What the relay says to that
//! is about neither configuration, and Postfix would return the mail. So main.cf has `soft_bounce = yes` from before the first
//! file changes until Postfix has read the last: smtp(8) reads main.cf when it starts, one that runs ends when a table has
//! changed (pre_accept in smtp/smtp.c), and with soft_bounce it leaves in the queue what a relay refuses (global/bounce.c).
//! Then main.cf itself takes the place of the guarded one, and whoever made the change tells Postfix, as ever.
//!
//! The guarded file follows from the file before the change, or from the one after it, so no record is needed to know it.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{Transaction, queue};
use crate::engine::{Place, labels};
use crate::error::Result;
use crate::model::observed::QueueDirectories;
use crate::model::plan::action::ServiceAction;
use crate::model::postfix::maincf::MainCf;
use crate::model::postfix::managed::Managed;
use crate::model::state::generation::{Inode, sha256};
use crate::sys::digest::Content;
use crate::sys::{daemons, files, inode, postfix, state, swap};

/// A Postfix that returns no mail while files change.
#[derive(Debug)]
pub struct Guard {
    queue: QueueDirectories,
    /// The main.cf that waits beside its place, and the guarded one that is there.
    held: Option<Held>,
}

#[derive(Debug, Clone)]
struct Held {
    /// The file itself. If the kernel could not exchange files, and the change is not about main.cf, there is none.
    waiting: PathBuf,
    guarded: Inode,
}

impl Transaction {
    /// Has Postfix, if it runs, return no mail until [`Self::release`]. `known`: its directories, where they are known.
    pub fn guard(&mut self, known: Option<&QueueDirectories>) -> Result<()> {
        let is_needed = self.generation.changed_files().iter().any(|name| is_of_sending(name));
        if self.guard.is_some() || self.place == Place::Tree || !is_needed || !postfix::is_installed() {
            return Ok(());
        }
        let queue = known.map_or_else(queue, |known| Ok(known.clone()))?;
        if !daemons::master_runs(&queue) {
            return Ok(());
        }
        let path = self.path(Managed::MainCf.name());
        let Some((now, bytes)) = inode::take(&path)? else { return Ok(()) };
        // An edit that somebody made stays as it is.
        if self.is_foreign(Managed::MainCf.name(), &now) {
            return Ok(());
        }
        // Both are built before anything changes: on a full disk, nothing has to be put back.
        for guarded in self.guarded_files() {
            self.stage_main_cf(&path, &now, guarded.bytes())?;
        }
        let mut held = None;
        if let Some(guarded) = MainCf::new(bytes).guarded() {
            let (waiting, guarded) = self.stage_main_cf(&path, &now, guarded.bytes())?;
            self.replaced.insert(Managed::MainCf.name().to_owned());
            swap::put(&waiting, &path, Some(&now))?;
            held = Some(Held { waiting, guarded });
        }
        daemons::await_tables_open(&queue);
        self.guard = Some(Guard { queue, held });
        Ok(())
    }

    /// Puts a finished file into its place, where the `expected` one must be. While Postfix is guarded, that is the guarded
    /// main.cf, and the file itself waits.
    pub(super) fn exchange(
        &mut self,
        name: &str,
        staged: &Path,
        path: &Path,
        expected: Option<&Inode>,
    ) -> Result<()> {
        if name != Managed::MainCf.name() {
            swap::put(staged, path, expected)?;
            // A smtp(8) that has the old table open is to see it (dict_changed_name in util/dict.c): it looks at the time.
            inode::outdate(staged);
            return Ok(());
        }
        if self.guard.is_none() {
            return swap::put(staged, path, expected);
        }
        // The guarded one has taken the place of the file of before.
        let before = self.generation.files.get(name).and_then(|change| change.before.as_ref());
        let there = self.guarded_at(path)?.filter(|_| expected == before);
        let expected = there.as_ref().or(expected);
        let held = self.put_guarded(staged, path, expected)?;
        if held.is_none() {
            swap::put(staged, path, expected)?;
        }
        self.guard.iter_mut().for_each(|guard| guard.held.clone_from(&held));
        Ok(())
    }

    /// Puts the guarded form of a finished main.cf into its place. `None` if it has none, or cannot be built.
    fn put_guarded(&mut self, staged: &Path, path: &Path, expected: Option<&Inode>) -> Result<Option<Held>> {
        let Some((own, bytes)) = inode::take(staged)? else { return Err(swap::changed(path, staged)) };
        let Some(guarded) = MainCf::new(bytes).guarded() else { return Ok(None) };
        let waiting = staged.to_owned();
        if let Some(there) = expected.filter(|there| there.sha256 == sha256(guarded.bytes())) {
            return Ok(Some(Held { waiting, guarded: there.clone() }));
        }
        // Where there is no room, the file itself matters more.
        let Ok((built, guarded)) = self.stage_main_cf(path, &own, guarded.bytes()) else { return Ok(None) };
        swap::put(&built, path, expected)?;
        Ok(Some(Held { waiting, guarded }))
    }

    /// Ends the guard, once all files are new, or as before: Postfix reads them, and main.cf itself is put into its place. That
    /// Postfix could not be told is for the caller to find, who tells it once more.
    pub fn release(&mut self) -> Result<()> {
        let path = self.path(Managed::MainCf.name());
        let there = self.guarded_at(&path)?;
        let Some(Guard { queue, held: Some(Held { waiting, guarded }) }) = self.guard.take() else {
            return Ok(());
        };
        if !daemons::reread(&queue) {
            let _ = super::reread(self.place, ServiceAction::Reload);
        }
        let expected = there.unwrap_or(guarded);
        if files::exists(&waiting) {
            swap::put(&waiting, &path, Some(&expected))?;
        } else {
            self.make(&self.generation.clone(), Managed::MainCf.name(), Some(&expected))?;
        }
        labels::restore(&[Managed::MainCf.name()])
    }

    /// Takes the guard out of an edit that somebody made of the guarded main.cf, and that stays in force: it is no part of the
    /// edit. If that cannot be done, the edit as it is matters more.
    pub(super) fn clear_edit(&mut self) -> Result<()> {
        let name = Managed::MainCf.name();
        let path = self.path(name);
        let Some((now, bytes)) = inode::take(&path)? else { return Ok(()) };
        let Some(edit) = self.unguarded(bytes).filter(|_| self.is_foreign(name, &now)) else { return Ok(()) };
        let (built, _) = self.stage_main_cf(&path, &now, edit.bytes())?;
        swap::put(&built, &path, Some(&now))?;
        // What came out of it is the edit that is in force.
        self.displaced.retain(|(_, staged)| *staged != built);
        Ok(())
    }

    /// An edit of the guarded main.cf without the guard; `None`: there is none in it, or it cannot be told.
    fn unguarded(&self, edit: Vec<u8>) -> Option<MainCf> {
        let before =
            state::blob(self.generation.number, &format!("before/{}", Managed::MainCf.name())).ok()??;
        MainCf::new(edit).unguarded(&MainCf::new(before))
    }

    /// The same file of somebody's as a file beside the place of main.cf, which goes with the directory: that is what is kept of
    /// it. `None`: it has no guard, or there is no room, and then the edit as it is matters more.
    pub(super) fn edit_to_keep(&self, inode: &Inode, there: &Path) -> Option<(TempDir, Content)> {
        let (now, bytes) = inode::take(there).ok()?.filter(|_| self.place == Place::Host)?;
        let edit = self.unguarded(bytes).filter(|_| now == *inode)?;
        let staging = files::staging(&self.path(Managed::MainCf.name())).ok()?;
        let name = Managed::MainCf.name().as_ref();
        let file = swap::prepare(staging.path(), name, &inode::renewed(&now), &mut edit.bytes()).ok()?;
        Some((staging, Content { file, sha256: sha256(edit.bytes()) }))
    }

    /// The guarded main.cf that is in its place, with the label that it may have got there.
    fn guarded_at(&self, path: &Path) -> Result<Option<Inode>> {
        let Some(held) = self.guard.as_ref().and_then(|guard| guard.held.as_ref()) else { return Ok(None) };
        let is_it = |now: &Inode| (&now.sha256, now.mtime) == (&held.guarded.sha256, held.guarded.mtime);
        Ok(Some(inode::look(path)?.filter(is_it).unwrap_or_else(|| held.guarded.clone())))
    }

    /// Builds a main.cf beside its place, with the attributes of `like`, unless one of these bytes is there.
    fn stage_main_cf(&mut self, path: &Path, like: &Inode, bytes: &[u8]) -> Result<(PathBuf, Inode)> {
        let digest = sha256(bytes);
        let of_main_cf = self.displaced.iter().filter(|(name, _)| name == Managed::MainCf.name());
        let mut built = of_main_cf.filter_map(|(_, path)| Some((path.clone(), inode::look(path).ok()??)));
        if let Some(built) = built.find(|(_, built)| built.sha256 == digest) {
            return Ok(built);
        }
        let staging = files::staging(path)?;
        let like = inode::renewed(like);
        let staged = swap::prepare(staging.path(), Managed::MainCf.name().as_ref(), &like, &mut &*bytes)?;
        self.displaced.push((Managed::MainCf.name().to_owned(), staged.clone()));
        self.stagings.push(staging);
        let built = inode::look(&staged)?.ok_or_else(|| swap::changed(path, &staged))?;
        Ok((staged, built))
    }

    /// The forms of main.cf before and after this change by which Postfix returns no mail.
    fn guarded_files(&self) -> Vec<MainCf> {
        let of = |part: &str| {
            let name = format!("{part}/{}", Managed::MainCf.name());
            MainCf::new(state::blob(self.generation.number, &name).ok()??).guarded()
        };
        ["before", "after"].into_iter().filter_map(of).collect()
    }

    /// Whether a main.cf of this digest is one that this change had in force for as long as files changed.
    pub(super) fn is_guarded(&self, digest: &str) -> bool {
        let digests =
            || self.guarded_files().iter().map(|guarded| sha256(guarded.bytes())).collect::<Vec<_>>();
        self.guarded.get_or_init(digests).iter().any(|guarded| guarded == digest)
    }
}

/// Whether mail leaves by this file: all but the plugins' links and the aliases of the system.
fn is_of_sending(name: &str) -> bool {
    !Managed::is_link(&Managed::path_of(name)) && !Managed::demanded().any(|demanded| demanded == name)
}
