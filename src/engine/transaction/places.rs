//! Where Postfix's files are: in its directory, or, for a name that an administrator has made a symbolic link, into a git
//! checkout say, where that leads. THE rule for links: whoever looks follows them, as Postfix does; whoever writes, writes
//! to the file itself, and only where nobody but root can have led him there (`sys::trust::target`). A link is never
//! changed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::Transaction;
use crate::error::{Error, Result};
use crate::model::observed::PostfixPart;
use crate::model::plan::{Finding, Remedy, State};
use crate::model::postfix::managed::Managed;
use crate::model::state::generation::recorded_files;
use crate::sys::{files, postfix, state, swap, trust};

/// The path of a file itself, by its name. An error if root cannot write there. A managed link is such a file itself: it is
/// made, exchanged and taken away, and never followed.
pub fn path_of(name: &str) -> Result<PathBuf> {
    let path = Managed::path_of(name);
    if Managed::is_link(&path) { Ok(path) } else { trust::target(&path) }
}

/// The paths of all files that a generation keeps, by name. `also`: those that it keeps beside the ones that every generation
/// does.
pub fn paths<'a>(also: impl Iterator<Item = &'a String>) -> Result<BTreeMap<String, PathBuf>> {
    let names = recorded_files().into_iter().chain(also.cloned());
    names.map(|name| path_of(&name).map(|path| (name, path))).collect()
}

/// Refuses links that nobody can look through: `/etc/postfix` may be a link of the administrator's, but only to a directory
/// of root's; one of the files, a link of root's that leads to something. Called before Postfix's own programs, which follow
/// all links, and quote what they cannot parse.
pub fn trust_links() -> Result<()> {
    let path = Managed::MainCf.path().parent().map_or_else(PathBuf::new, Path::to_path_buf);
    match files::link_owner(&path)? {
        None | Some(0) => {}
        Some(_) => return Err(Error::Symlink { path }),
    }
    trust_links_of(&recorded_files())
}

/// The same for single files, by their names.
pub fn trust_links_of(names: &[String]) -> Result<()> {
    let is_link_of_postfix = |path: &PathBuf| !Managed::is_link(path) && files::is_link(path);
    for path in names.iter().map(|name| Managed::path_of(name)).filter(is_link_of_postfix) {
        if files::is_link_of_others(&path) || !files::exists(&path) {
            trust::target(&path)?;
        }
    }
    Ok(())
}

/// Refuses a host whose Postfix has no main.cf, which may be a link to nothing.
pub fn require_main_cf() -> Result<()> {
    trust_links()?;
    if postfix::lacks() == Some(PostfixPart::MainCf) { Err(Error::NoMainCf) } else { Ok(()) }
}

/// Refuses links through which root may not write, too.
pub fn trust_places() -> Result<()> {
    trust_links()?;
    paths(std::iter::empty()).map(|_| ())
}

/// A warning for each link through which root may not write: whoever owns a directory on the way can change what Postfix
/// does. `has_demanded`: also for the files that are looked at on demand.
pub fn links_of_others(has_demanded: bool) -> Vec<Finding> {
    let of = |name: String| {
        let error = path_of(&name).err()?;
        let remedy = Some(Remedy::say(error.hint("relayhost apply")));
        Some(Finding { id: format!("link.{name}"), state: State::Warning, found: error.to_string(), remedy })
    };
    let demanded = Managed::demanded().filter(|_| has_demanded);
    recorded_files().into_iter().chain(demanded).filter_map(of).collect()
}

/// The directories, beside those of the managed files, in which a run may have built a file that goes to where a link leads.
pub fn elsewhere() -> Vec<PathBuf> {
    let newest =
        state::numbers().unwrap_or_default().last().and_then(|number| state::generation(*number).ok());
    let now = recorded_files().into_iter().chain(Managed::demanded());
    let now = now.filter_map(|name| path_of(&name).ok());
    let then =
        newest.into_iter().flat_map(|newest| newest.files.into_values()).filter_map(|change| change.at);
    let directories: BTreeSet<PathBuf> =
        now.chain(then).filter_map(|path| Some(path.parent()?.to_owned())).collect();
    // One in which others may write by now has nothing that could be believed to be a run's.
    let is_closed = |path: &PathBuf| {
        trust::directory(path).is_ok_and(|found| found.is_some_and(|found| found.0 == *path))
    };
    let known = Managed::directories();
    directories.into_iter().filter(|path| !known.contains(path.as_path()) && is_closed(path)).collect()
}

impl Transaction {
    /// The path of the file itself of this name.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.paths.get(name).cloned().unwrap_or_else(|| Managed::path_of(name))
    }

    /// Links that lead elsewhere than when the change began.
    pub(super) fn led_elsewhere(&self) -> impl Iterator<Item = PathBuf> + '_ {
        // A file that the change has taken away leaves a link that leads to its place.
        let now = |name: &str, path: &Path| {
            if files::exists(path) { path_of(name).ok() } else { trust::end_of(&Managed::path_of(name)) }
        };
        let is_led = move |(name, path): &(&String, &PathBuf)| now(name, path).as_ref() == Some(*path);
        self.paths.iter().filter(move |pair| !is_led(pair)).map(|(name, _)| Managed::path_of(name))
    }

    /// An error if a link leads elsewhere than when the change began: what was written is not in force.
    pub(super) fn demand_places(&self) -> Result<()> {
        self.led_elsewhere().next().map_or(Ok(()), |link| Err(swap::changed(&link, &link)))
    }
}
