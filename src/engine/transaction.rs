//! A change of files that is made as a whole or not at all: the files are recorded before the first change, and put
//! back if the change fails, is refused, or was cut off.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

mod demanded;
mod edits;
mod guard;
mod last;
mod places;
mod requeue;
mod side;

pub use demanded::since as demanded_since;
pub use last::{last_run, main_cf_before, run_before};
pub use places::{
    elsewhere, links_of_others, path_of, require_main_cf, trust_links, trust_links_of, trust_places,
};
pub use side::{Side, bytes_on};

use guard::Guard;

use super::{Place, Progress};
use crate::error::{Edit, Error, Files, Result};
use crate::model::former_senders;
use crate::model::observed::{QueueDirectories, parse_settings};
use crate::model::plan::action::ServiceAction;
use crate::model::postfix::maincf::MainCf;
use crate::model::postfix::managed::Managed;
use crate::model::postfix::postmap::MapSource;
use crate::model::state::generation::{Change, Fate, Generation, Inode, Intent, Phase, VERSION, superfluous};
use crate::sys::digest::Content;
use crate::sys::{clock, daemons, files, inode, postfix, secrets, service, signals, state, swap};

/// A change under way.
#[derive(Debug)]
pub struct Transaction {
    generation: Generation,
    place: Place,
    /// The paths of the files themselves, by name.
    paths: BTreeMap<String, PathBuf>,
    /// The files that have changed, or may have, since the change began. An undo leaves the others alone.
    replaced: BTreeSet<String>,
    /// Names of the files that were exchanged for new ones, and their places now. Somebody may have had one open.
    displaced: Vec<(String, PathBuf)>,
    /// Directories of these files, where the transaction has made them.
    stagings: Vec<TempDir>,
    /// Queue id of the test message, once it is known.
    message: Option<String>,
    /// What keeps Postfix from returning mail while files change.
    guard: Option<Guard>,
    /// The digests of the guarded forms of main.cf, once they were asked for.
    guarded: OnceCell<Vec<String>>,
}

/// The change of one file.
#[derive(Debug)]
pub struct Wanted {
    /// The file that the new one was made from, as it was read. `None`: no file.
    pub before: Option<Inode>,
    /// Its new bytes; `None`: no file.
    pub after: Option<Content>,
}

/// Bytes for a record, by the names that they have in it.
type Blobs = Vec<(String, Content)>;

impl Transaction {
    /// Records on the disk every managed file, and the intent to change some of them, with these managed values. A
    /// file that is no longer the one that its change was made from is an error. The caller holds the lock.
    pub fn begin(
        command: &str,
        place: Place,
        wanted: &BTreeMap<String, Wanted>,
        wrote: BTreeMap<String, String>,
    ) -> Result<Self> {
        // The previous passwords are to be hidden, too.
        secrets::search();
        let paths = places::paths(demanded::of_change(wanted.keys()).iter())?;
        let (files, mut blobs) = Self::before(&paths, wanted)?;
        for (name, wish) in wanted {
            if let (true, Some(content)) = (name == Managed::SaslPasswd.name(), &wish.after) {
                secrets::know_table(&MapSource::new(files::read_no_link(&content.file)?.unwrap_or_default()));
            }
            blobs.extend(wish.after.clone().map(|content| (format!("after/{name}"), content)));
        }
        let generation = Generation {
            version: VERSION,
            number: state::next_number()?,
            time: clock::wall(),
            command: command.to_owned(),
            fate: Fate::Open,
            files,
            unproven: false,
            wrote,
        };
        state::add_generation(&generation, &blobs)?;
        let transaction = Self {
            generation,
            place,
            paths,
            replaced: BTreeSet::new(),
            displaced: Vec::new(),
            stagings: Vec::new(),
            message: None,
            guard: None,
            guarded: OnceCell::new(),
        };
        if let Err(error) = state::write_intent(&transaction.intent(Phase::Changing)) {
            // The record may be there and yet not be safe on the disk. Nothing has been changed, so it must not stay.
            let _ = state::remove_intent();
            return Err(error);
        }
        Ok(transaction)
    }

    /// The change of every managed file, by its name, and the bytes that are there now, by their names in the record.
    fn before(
        paths: &BTreeMap<String, PathBuf>,
        wanted: &BTreeMap<String, Wanted>,
    ) -> Result<(BTreeMap<String, Change>, Blobs)> {
        let (mut files, mut blobs) = (BTreeMap::new(), Vec::new());
        for (name, path) in paths {
            let before = inode::look(path)?;
            let wish = wanted.get(name);
            if wish.is_some_and(|wish| wish.before != before) {
                return Err(swap::changed(path, path));
            }
            let digest = before.as_ref().map(|inode| inode.sha256.clone());
            let content = digest.clone().map(|sha256| Content { file: path.clone(), sha256 });
            blobs.extend(content.map(|content| (format!("before/{name}"), content)));
            let of = |content: &Content| content.sha256.clone();
            let after = wish.map_or(digest, |wish| wish.after.as_ref().map(of));
            if Managed::is_link(path) && before.is_none() && after.is_none() {
                continue;
            }
            let at = (*path != Managed::path_of(name)).then(|| path.clone());
            files.insert(name.clone(), Change { before, after, at });
        }
        Ok((files, blobs))
    }

    /// Takes up the change that a stopped run left: any file may be new. `message`: the queue id of its test message.
    pub fn resume(number: u32, message: Option<String>, place: Place) -> Result<Self> {
        secrets::search();
        let generation = state::generation(number)?;
        let paths = places::paths(demanded::of_change(generation.files.keys()).iter())?;
        let replaced = generation.files.keys().cloned().collect();
        let mut displaced = Vec::new();
        let directories = Managed::directories().into_iter().map(Path::to_path_buf);
        for directory in elsewhere().into_iter().chain(directories) {
            for staging in files::stagings(&directory)? {
                displaced.extend(generation.files.keys().map(|name| (name.clone(), staging.join(name))));
            }
        }
        let (stagings, guard, guarded) = (Vec::new(), None, OnceCell::new());
        Ok(Self { generation, place, paths, replaced, displaced, stagings, message, guard, guarded })
    }

    /// Keeps directories with files that were exchanged until the change has ended.
    pub fn hold(&mut self, stagings: Vec<TempDir>) {
        self.stagings.extend(stagings);
    }

    /// Number of the generation that has the files before the change.
    pub fn number(&self) -> u32 {
        self.generation.number
    }

    /// Records that all files are new; an error if a program that had an old one open has written to it since, or if a link
    /// leads elsewhere by now.
    pub fn changed(&self) -> Result<()> {
        self.demand_places()?;
        self.demand_no_edits()?;
        state::write_next_intent(&self.intent(Phase::Changed))
    }

    fn intent(&self, phase: Phase) -> Intent {
        Intent { version: VERSION, generation: self.generation.number, phase, message: self.message.clone() }
    }

    /// Notes the queue id of the test message, so that the next run can name it if this one is killed. All files are new.
    pub fn sent(&mut self, queue_id: &str) {
        self.message = Some(queue_id.to_owned());
        // On a full disk the message is more important.
        let _ = state::write_intent(&self.intent(Phase::Changed));
    }

    /// Queue id of the test message, if it is known.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// The last change that was begun, if it has not ended: that of a run whose intent cannot be read.
    pub fn resume_newest(place: Place) -> Result<Option<Self>> {
        let Some(number) = state::numbers()?.last().copied() else { return Ok(None) };
        let newest = Self::resume(number, None, place)?;
        Ok((newest.generation.fate == Fate::Open).then_some(newest))
    }

    /// Whether every managed file has the bytes that the change gives it.
    pub fn is_as_after(&self) -> Result<bool> {
        for (name, change) in &self.generation.files {
            let now = inode::look(&self.path(name))?.map(|inode| inode.sha256);
            if now != change.after {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether every managed file is what it was before the change.
    pub fn is_as_before(&self) -> Result<bool> {
        for (name, change) in &self.generation.files {
            let now = inode::look(&self.path(name))?;
            if now != change.before {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Keeps the change. `unproven`: a message was to prove it, and relayhost did not learn the relay's answer.
    pub fn keep(mut self, unproven: bool, progress: &mut dyn Progress) -> Result<()> {
        // A run that fails leaves the previous files, even if only the record could not be written.
        match self.record(unproven, progress) {
            Ok(()) => Ok(()),
            Err(cause) => Err(self.fail(cause, progress)),
        }
    }

    /// Keeps a change that the relay has confirmed, or may have: it stays, whether that can be recorded or not. After an
    /// error the intent is still there, and the next command records it.
    pub fn stay(mut self, unproven: bool, progress: &mut dyn Progress) -> Result<()> {
        self.record(unproven, progress)
    }

    fn record(&mut self, unproven: bool, progress: &mut dyn Progress) -> Result<()> {
        if !self.settle(progress)? {
            // The intent stays, and with it whoever comes next.
            return Ok(());
        }
        self.generation.unproven = unproven;
        self.end(Fate::Kept)
    }

    /// Ends a change that has failed: puts everything back. Returns the error to end with: the cause, or that the
    /// files could not be put back.
    pub fn fail(self, cause: Error, progress: &mut dyn Progress) -> Error {
        let cause = signals::blame(cause).interrupted_with(|left| left.files = Files::PutBack);
        match self.undo(&cause.to_string(), progress) {
            // If Postfix could not be told, the reason is as a rule that for which the change failed.
            Ok(put_back) => Error::Undone { cause: Box::new(cause), edits: put_back.edits },
            Err(stuck) => stuck,
        }
    }

    /// Puts everything back and tells Postfix. `cause` is why, for the error if that fails. The files decide: if they
    /// are back and Postfix could not be told, the reason is returned and the change is over all the same.
    pub fn undo(mut self, cause: &str, progress: &mut dyn Progress) -> Result<PutBack> {
        // Signals wait, however often somebody presses Ctrl-C.
        let _held = signals::hold();
        let number = self.generation.number;
        // From here on files may be old or new again. If that cannot be noted, putting back matters more.
        let _ = state::write_intent_anyway(&self.intent(Phase::Changing));
        // Where there is no room for it, putting back matters more, too.
        let _ = self.guard(None);
        let edits = self.put_all_back(progress);
        if edits.is_err() {
            let _ = self.release(Side::Before, progress);
        }
        let edits = edits.map_err(|undo| Error::Stuck {
            cause: cause.to_owned(),
            undo: Box::new(undo),
            files: self.on_disk(),
            generation: number,
        })?;
        let untold = self.tell_postfix().err();
        self.end(Fate::Undone)?;
        Ok(PutBack { untold, edits })
    }

    fn end(&mut self, fate: Fate) -> Result<()> {
        self.generation.fate = fate;
        // main.cf names it no more.
        let _ = files::remove(former_senders::TABLE.as_ref());
        // These files have been checked; nobody checks them once the intent is gone.
        self.displaced.clear();
        self.stagings.clear();
        match state::update_generation(&self.generation) {
            // Full disk: the files are back, and a record that still says `open` counts no more than `undone`.
            Err(_) if fate == Fate::Undone => {}
            other => other?,
        }
        state::remove_intent()?;
        // A generation that cannot be read may be of use to a person, so it stays.
        let fate = |number| state::generation(number).map_or(Fate::Kept, |generation| generation.fate);
        let known: Vec<(u32, Fate)> =
            state::numbers().unwrap_or_default().into_iter().map(|number| (number, fate(number))).collect();
        let in_use: Vec<u32> = demanded::first().into_iter().chain([self.generation.number]).collect();
        for number in superfluous(&known, &in_use) {
            // The next run tries to remove it again; this one has done its work.
            let _ = state::remove_generation(number);
        }
        Ok(())
    }

    /// Has Postfix read the files that are there now. A Postfix that has stopped is started. It is restarted if the
    /// two main.cf differ in inet_protocols, which it reads at the start only, or if they cannot be read.
    pub fn tell_postfix(&self) -> Result<()> {
        let restart = self.changes_protocols().unwrap_or(true);
        reread(self.place, if restart { ServiceAction::Restart } else { ServiceAction::Reload })
    }

    fn changes_protocols(&self) -> Result<bool> {
        let main_cf =
            |part| state::blob(self.generation.number, &format!("{part}/{}", Managed::MainCf.name()));
        // Without the bytes of after, main.cf was left alone.
        let Some(after) = main_cf("after")? else { return Ok(false) };
        let protocols = |bytes| MainCf::new(bytes).get("inet_protocols");
        Ok(main_cf("before")?.and_then(protocols) != protocols(after))
    }

    /// Every managed file that is not as before, for a person.
    fn on_disk(&self) -> Vec<String> {
        let word = |name: &String, change: &Change| {
            let now = inode::look(&self.path(name)).ok().flatten().map(|inode| inode.sha256);
            let before = change.before.as_ref().map(|inode| inode.sha256.clone());
            let state = if now == change.after { "new" } else { "neither old nor new" };
            (now != before).then(|| format!("{name} ({state})"))
        };
        let files: Vec<String> =
            self.generation.files.iter().filter_map(|(name, change)| word(name, change)).collect();
        if files.is_empty() {
            vec!["every file as before, but not its mode, owner or time".into()]
        } else {
            files
        }
    }
}

/// Goes on with a change, if there is one, after a step that succeeded. After a step that failed, puts everything
/// back and returns its error, unless the undo failed too.
pub fn or_undo<T>(
    step: Result<T>,
    change: Option<Transaction>,
    progress: &mut dyn Progress,
) -> Result<(T, Option<Transaction>)> {
    match (step, change) {
        (Ok(value), change) => Ok((value, change)),
        (Err(cause), None) => Err(cause),
        (Err(cause), Some(change)) => Err(change.fail(cause, progress)),
    }
}

/// The result of an undo.
#[derive(Debug)]
pub struct PutBack {
    /// The reason why Postfix could not be told of it, if so.
    pub untold: Option<Error>,
    /// The edits that somebody else made meanwhile.
    pub edits: Vec<Edit>,
}

/// Notes that the relay has confirmed the change of this generation.
pub fn prove(number: u32) -> Result<()> {
    let mut generation = state::generation(number)?;
    generation.unproven = false;
    state::update_generation(&generation)
}

/// Has a Postfix that is installed read its configuration again; starts it if it should run and does not.
pub fn reread(place: Place, action: ServiceAction) -> Result<()> {
    if place == Place::Tree || !postfix::is_installed() {
        return Ok(());
    }
    let queue = queue()?;
    let action = if daemons::master_runs(&queue) { action } else { ServiceAction::Start };
    service::tell(action, &queue, &mut |_| {}).map(|_| ())
}

/// Whether Postfix runs.
pub fn postfix_runs() -> Result<bool> {
    Ok(postfix::is_installed() && daemons::master_runs(&queue()?))
}

/// The directories of Postfix's queue, as it is set up now.
pub fn queue() -> Result<QueueDirectories> {
    Ok(QueueDirectories::new(&parse_settings(&postfix::settings(&[
        "queue_directory",
        "process_id_directory",
    ])?)))
}
