//! While files change, some are old and some new, and Postfix may read them at any moment: a login has gone from its table
//! before qmgr(8) knows the new next hop, or a relay is shown a sender that is meant for another. What the relay says to that
//! is about neither configuration, and what it says before the test message has arrived may be about one that is put back. In
//! both cases Postfix would return the mail. So main.cf has `soft_bounce = yes` from before the first file changes until the
//! change is kept, or undone: smtp(8) reads main.cf when it starts, one that runs ends when a table has changed (pre_accept in
//! smtp/smtp.c), and with soft_bounce it leaves in the queue what a relay refuses (global/bounce.c). Then mail that waits gets
//! the senders of the files that stay ([`super::requeue`]), and main.cf itself takes the place of the guarded one.
//!
//! The guarded file follows from the file before the change, or from the one after it, so no record is needed to know it.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::requeue::{Requeued, former_mail, put_through};
use super::side::Side;
use super::{Transaction, queue};
use crate::engine::{Place, Progress, labels};
use crate::error::{Edit, Error, Result};
use crate::model::former_senders::{self, FormerSenders};
use crate::model::observed::QueueDirectories;
use crate::model::plan::action::ServiceAction;
use crate::model::postfix::maincf::MainCf;
use crate::model::postfix::managed::Managed;
use crate::model::postfix::settings::Settings;
use crate::model::state::generation::{Inode, sha256};
use crate::sys::digest::Content;
use crate::sys::{daemons, files, inode, postfix, swap};

/// A Postfix that returns no mail while files change.
#[derive(Debug, Clone)]
pub struct Guard {
    pub(super) queue: QueueDirectories,
    /// The queue managers that do not know the new files yet.
    former: Vec<String>,
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
        let former = daemons::queue_managers(&queue);
        let mut held = None;
        if let Some(guarded) = MainCf::new(bytes).guarded() {
            let (waiting, guarded) = self.stage_main_cf(&path, &now, guarded.bytes())?;
            self.replaced.insert(Managed::MainCf.name().to_owned());
            swap::put(&waiting, &path, Some(&now))?;
            held = Some(Held { waiting, guarded });
        }
        daemons::await_tables_open(&queue);
        self.guard = Some(Guard { queue, former, held });
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
        let held = self.guard.as_ref().and_then(|guard| guard.held.as_ref());
        let there = held.filter(|_| expected == before).map(|held| guarded_at(path, held)).transpose()?;
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

    /// Has main.cf itself in force, and mail that waits leave as the new files say. An edit that somebody made of the guarded
    /// main.cf stays, without the guard. False if mail is left: then the guard stays.
    pub(super) fn settle(&mut self, progress: &mut dyn Progress) -> Result<bool> {
        let released = match self.release(Side::After, progress) {
            // A guard that is left is for the next command to end, so a fault that passes is passed over.
            Err(error) if !matches!(error, Error::ChangedMeanwhile { .. }) => {
                self.release(Side::After, progress)
            }
            released => released,
        };
        match released {
            Ok(requeued) => {
                if let Some(requeued) = &requeued {
                    progress.note(&requeued.text());
                }
                // Somebody may have had the guarded file open.
                self.demand_no_edits()?;
                Ok(requeued.is_none_or(|requeued| requeued.is_over()))
            }
            Err(Error::ChangedMeanwhile { .. }) => {
                self.clear_edit()?;
                progress.note(&Edit::InForce { path: self.path(Managed::MainCf.name()) }.line());
                super::reread(self.place, ServiceAction::Reload).map(|()| true)
            }
            Err(error) => Err(error),
        }
    }

    /// Ends the guard with the files of one side in force, which Postfix reads first: mail that waits gets the senders that they
    /// say, and main.cf itself is put into its place. Returns what became of the mail. Of the files from before the caller tells
    /// Postfix once more.
    pub(super) fn release(&mut self, side: Side, progress: &mut dyn Progress) -> Result<Option<Requeued>> {
        if let Some(guard) = self.guard.as_ref().filter(|guard| daemons::master_runs(&guard.queue)) {
            let has_read = side == Side::After && daemons::have_gone(&guard.queue, &guard.former);
            if !has_read && !daemons::reread(&guard.queue) {
                let _ = super::reread(self.place, ServiceAction::Reload);
            }
        }
        let requeued = self.requeue(side, progress)?;
        // What is put back is over with that: only mail that came meanwhile has another sender.
        if side == Side::After && requeued.as_ref().is_some_and(|requeued| !requeued.is_over()) {
            return Ok(requeued);
        }
        let guard = self.guard.take();
        let Some(Guard { queue, held: Some(held), .. }) = guard.clone() else { return Ok(requeued) };
        if let Err(error) = self.put_in_place(side, &held) {
            self.guard = guard;
            return Err(error);
        }
        if side == Side::After {
            daemons::reread(&queue);
        }
        Ok(requeued)
    }

    /// Puts the mail that waits through the tables that are in force; `None` if there is no such mail. main.cf is then a guarded
    /// one.
    fn requeue(&mut self, side: Side, progress: &mut dyn Progress) -> Result<Option<Requeued>> {
        let Some((former, queue)) = self.former_senders(side) else { return Ok(None) };
        let waiting = match former_mail(&former) {
            Ok(waiting) if waiting.is_empty() => return Ok(None),
            Ok(waiting) => waiting,
            Err(error) => return Ok(Some(Requeued::unlisted(&error))),
        };
        if !self.guard_further(side, &former, &queue)? {
            return Ok(None);
        }
        daemons::reread(&queue);
        Ok(Some(put_through(waiting, &queue, progress)))
    }

    /// Puts the main.cf by which former senders become the present one into its place. False if it cannot be built, or if
    /// somebody has edited the one that is there, which stays as it is: then mail keeps its sender.
    fn guard_further(
        &mut self,
        side: Side,
        former: &FormerSenders,
        queue: &QueueDirectories,
    ) -> Result<bool> {
        let name = Managed::MainCf.name();
        let path = self.path(name);
        let (Some(now), Some(itself)) = (inode::look(&path)?, self.recorded(side, name)) else {
            return Ok(false);
        };
        let held = self.guard.as_ref().and_then(|guard| guard.held.clone());
        let is_there = held.as_ref().is_none_or(|held| held.guarded.sha256 == now.sha256);
        if !is_there || self.is_foreign(name, &now) {
            return Ok(false);
        }
        let meanwhile = former.main_cf(&MainCf::new(itself));
        let Ok((built, guarded)) = self.stage_main_cf(&path, &now, meanwhile.bytes()) else {
            return Ok(false);
        };
        if files::replace(former_senders::TABLE.as_ref(), former.text().as_bytes(), 0o644).is_err() {
            return Ok(false);
        }
        self.replaced.insert(name.to_owned());
        swap::put(&built, &path, Some(&now))?;
        let waiting = held.map_or(built, |held| held.waiting);
        let guard = self.guard.get_or_insert(Guard { queue: queue.clone(), former: Vec::new(), held: None });
        guard.held = Some(Held { waiting, guarded });
        Ok(true)
    }

    /// Takes up the guard that a run which was stopped has left, once all files are new.
    pub fn resume_guard(&mut self) -> Result<()> {
        let now = inode::look(&self.path(Managed::MainCf.name()))?;
        if let Some(guarded) = now.filter(|now| self.is_guarded(&now.sha256)) {
            let queue = queue().unwrap_or_else(|_| QueueDirectories::new(&Settings::new()));
            let held = Some(Held { waiting: PathBuf::new(), guarded });
            self.guard = Some(Guard { former: daemons::queue_managers(&queue), queue, held });
            return Ok(());
        }
        // Somebody has edited it since.
        self.clear_edit()
    }

    /// Puts main.cf itself into the place of the guarded one.
    fn put_in_place(&mut self, side: Side, held: &Held) -> Result<()> {
        let name = Managed::MainCf.name();
        let path = self.path(name);
        let there = guarded_at(&path, held)?;
        if files::exists(&held.waiting) {
            swap::put(&held.waiting, &path, Some(&there))?;
        } else if side == Side::After && self.generation.changed_files().contains(&name) {
            let Some(bytes) = self.recorded(side, name) else { return Err(swap::changed(&path, &path)) };
            let (built, _) = self.stage_main_cf(&path, &there, &bytes)?;
            swap::put(&built, &path, Some(&there))?;
        } else {
            self.make(&self.generation.clone(), name, Some(&there))?;
        }
        labels::restore(&[name])
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

    /// An edit of a guarded main.cf without the guard; `None`: there is none in it, or it cannot be told.
    fn unguarded(&self, edit: Vec<u8>) -> Option<MainCf> {
        let edit = MainCf::new(edit);
        let itself = |side| self.recorded(side, Managed::MainCf.name()).map(MainCf::new);
        // Which of the two it was made from, the tables for senders tell: a table of former senders is beside those of its side.
        let of = |side| FormerSenders::taken_out(&edit, &itself(side)?);
        let is_whole =
            |out: &MainCf| itself(Side::After).is_some_and(|after| FormerSenders::has_same_maps(out, &after));
        of(Side::After).filter(is_whole).or_else(|| of(Side::Before))
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
        let of = |side: Side| MainCf::new(self.recorded(side, Managed::MainCf.name())?).guarded();
        [Side::Before, Side::After].into_iter().filter_map(of).collect()
    }

    /// Whether a main.cf of this digest is one that this change had in force for as long as files changed.
    pub(super) fn is_guarded(&self, digest: &str) -> bool {
        let digests = || {
            let meanwhile =
                [Side::Before, Side::After].into_iter().filter_map(|side| self.main_cf_meanwhile(side));
            let forms = self.guarded_files().into_iter().chain(meanwhile);
            forms.map(|form| sha256(form.bytes())).collect::<Vec<_>>()
        };
        self.guarded.get_or_init(digests).iter().any(|guarded| guarded == digest)
    }
}

/// The guarded main.cf that is in its place, with the label that it may have got there.
fn guarded_at(path: &Path, held: &Held) -> Result<Inode> {
    let is_it = |now: &Inode| (&now.sha256, now.mtime) == (&held.guarded.sha256, held.guarded.mtime);
    Ok(inode::look(path)?.filter(is_it).unwrap_or_else(|| held.guarded.clone()))
}

/// Whether mail leaves by this file: all but the plugins' links and the aliases of the system.
fn is_of_sending(name: &str) -> bool {
    !Managed::is_link(&Managed::path_of(name)) && !Managed::demanded().any(|demanded| demanded == name)
}
