//! The SELinux labels of Postfix's files: which are wrong, and how they get right. A label of SELinux is an attribute of the file,
//! so a file that was moved keeps that of its old place.

use std::path::PathBuf;

use super::Place;
use crate::error::Result;
use crate::model::labels::Labels;
use crate::model::postfix::managed::Managed;
use crate::model::state::generation::recorded_files;
use crate::sys::{files, selinux};

/// Compares the labels of all managed files that are there with the policy. In a tree nobody knows the policy. That nothing can be
/// learned is no error. `has_demanded`: those too that are looked at on demand.
pub fn look(place: Place, has_demanded: bool) -> Result<Labels> {
    let demanded = Managed::demanded().filter(|_| has_demanded);
    let paths = in_place(&recorded_files().into_iter().chain(demanded).collect::<Vec<_>>());
    if place == Place::Tree || paths.is_empty() {
        return Ok(Labels::NotUsed);
    }
    match selinux::differing_labels(&paths) {
        Ok(None) => Ok(Labels::NotUsed),
        Ok(Some(output)) => Ok(Labels::parse(&paths, &output)),
        Err(error) if error.interruption().is_some() => Err(error),
        Err(error) => Ok(Labels::Unknown(error.to_string())),
    }
}

/// Gives files of these names the labels of their places.
pub fn restore<S: AsRef<str>>(names: &[S]) -> Result<()> {
    selinux::restore_labels(&in_place(names))
}

/// The paths of those files that are in their places. A file to which a link leads keeps its label: that of the link's place would
/// keep Postfix from it.
fn in_place<S: AsRef<str>>(names: &[S]) -> Vec<PathBuf> {
    let is_in_place = |path: &PathBuf| Managed::is_link(path) || !files::is_link(path);
    let places = names.iter().map(|name| Managed::path_of(name.as_ref()));
    places.filter(|path| files::exists(path) && is_in_place(path)).collect()
}
