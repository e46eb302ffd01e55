//! Packages from a directory, for hosts without a repository: finds out which of its files are needed, checks them,
//! and installs them in one transaction. All are checked before any is installed, on the bytes that are installed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Progress;
use super::install::{hear, not_installed, still_missing, unlocked};
use crate::error::{Error, Result};
use crate::model::desired::Desired;
use crate::model::packages::checksig;
use crate::model::packages::need::Need;
use crate::model::packages::supply::{INSTALLED_FORMAT, Installed, Selection, Step, Supply};
use crate::model::plan::Plan;
use crate::sys::directory::{Directory, Put, refused};
use crate::sys::{environment, files, host, packages, records, scratch};

/// The checked files, and their places.
struct Choice {
    /// Name in the directory, and the path from which the file is checked and installed.
    files: Vec<(String, PathBuf)>,
}

impl Choice {
    fn paths(&self) -> Vec<PathBuf> {
        self.files.iter().map(|(_, path)| path.clone()).collect()
    }

    fn supply(&self, directory: &Directory) -> Supply {
        let mut files: Vec<String> = self.files.iter().map(|(name, _)| name.clone()).collect();
        files.sort_unstable();
        Supply { directory: directory.path().display().to_string(), files }
    }

    /// The errors of rpm with the files' own names, and without the lines on unknown keys that rpm prints before.
    fn named(&self, said: &str) -> String {
        let said = said.find("error:").and_then(|at| said.get(at..)).unwrap_or(said);
        let lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        // In reverse order: 1.rpm is the end of 11.rpm.
        self.files
            .iter()
            .rev()
            .fold(lines.join("\n    "), |said, (name, path)| said.replace(&path.display().to_string(), name))
    }
}

/// Adds to a plan the packages that `install` would take. Copies nothing, and looks at the directory only if
/// something is missing and would be installed.
pub fn foresee(desired: &Desired, plan: &mut Plan) {
    let Some(from) = &desired.packages_from else { return };
    if plan.to_install().is_empty() || host::is_image() {
        return;
    }
    let choice = Directory::open(from).and_then(|directory| {
        let scratch = scratch::directory()?;
        let choice = choose(&directory, plan.to_install(), scratch.path(), Put::Link)?;
        Ok(choice.supply(&directory))
    });
    plan.supplied(desired, choice);
}

/// The directory that the answers name, for a tree that is about to be entered: like the answers themselves, it is
/// first looked for outside of the tree.
pub fn outside(desired: &Desired) -> Result<Option<Directory>> {
    let from = desired.packages_from.as_ref().filter(|from| files::exists(from));
    from.map(|from| Directory::open(from)).transpose()
}

/// Installs the needed packages from a directory. Call with the state directory's lock held: copies are made there.
pub fn install(
    directory: &Directory,
    needs: &[Need],
    patience: Duration,
    progress: &mut dyn Progress,
) -> Result<(Supply, String)> {
    let mut choice = None;
    let installation = unlocked(needs, patience, progress, |progress| {
        let scratch = files::staging(&Path::new(records::DIRECTORY).join("packages"))?;
        let choice = choice.insert(choose(directory, needs, scratch.path(), Put::Copy)?);
        packages::upgrade_from_files(&choice.paths(), &mut hear(progress))
    })?;
    let missing = still_missing(needs)?;
    match choice {
        Some(choice) if missing.is_empty() => {
            let supply = choice.supply(directory);
            let text = format!("installed {} from {}", supply.files.join(", "), supply.directory);
            Ok((supply, text))
        }
        Some(choice) => Err(refuses(directory, &choice.named(&installation.output.tail()))),
        None => Err(not_installed(&missing, installation)),
    }
}

fn choose(directory: &Directory, needs: &[Need], scratch: &Path, how: Put) -> Result<Choice> {
    let candidates = directory.candidates()?;
    let installed = Installed::parse(&packages::all(INSTALLED_FORMAT)?);
    let mut selection = Selection::new(&candidates, environment::ARCHITECTURE, &installed);
    selection.choose_for(needs).map_err(|lacking| lacks(directory, &lacking))?;
    let mut choice = Choice { files: Vec::new() };
    loop {
        let known = choice.files.len();
        for (number, candidate) in selection.chosen().iter().enumerate().skip(known) {
            // A name that rpm does not take for a pattern, whatever the file is called.
            let path = scratch.join(format!("{number}.rpm"));
            directory.put(&candidate.file, &path, how)?;
            choice.files.push((candidate.file.clone(), path));
        }
        trust(directory, choice.files.get(known..).unwrap_or_default())?;
        let Some(said) = packages::refusal(&choice.paths())? else { return Ok(choice) };
        match selection.answer(&said) {
            Step::More => {}
            Step::Lacking(lacking) => return Err(lacks(directory, &lacking)),
            Step::Refused => return Err(refuses(directory, &choice.named(&said))),
        }
    }
}

/// Has rpm check the digests and signatures of files.
fn trust(directory: &Directory, put: &[(String, PathBuf)]) -> Result<()> {
    let paths: Vec<PathBuf> = put.iter().map(|(_, path)| path.clone()).collect();
    let output = packages::checksig(&paths)?;
    let demand = packages::who_demands_signatures()?;
    for (name, path) in put {
        let refused = |problem: String, remedy: &str| refused(&directory.path().join(name), problem, remedy);
        let verdict = checksig::parse(&output, &path.display().to_string())
            .ok_or_else(|| refused("cannot be read by rpm".into(), "get it again from whoever made it"))?;
        if let Some(bad) = verdict.bad.first() {
            return Err(refused(
                format!("is damaged, or was changed after it was made: {bad}"),
                "get it again from whoever made it, and make SHA256SUMS anew",
            ));
        }
        if let Some(who) = demand.as_ref().filter(|_| !verdict.is_trusted()) {
            let what = match verdict.unknown.first() {
                Some(line) => format!("is signed with a key that this host does not trust ({line})"),
                None => "is not signed".into(),
            };
            return Err(refused(
                format!("{what}, and this host demands it: {who}"),
                "import the key of whoever made it (`rpm --import FILE`), or take packages that are signed",
            ));
        }
    }
    Ok(())
}

fn lacks(directory: &Directory, lacking: &[String]) -> Error {
    refused(
        directory.path(),
        format!("has no package for:\n    {}", lacking.join("\n    ")),
        "add what has it, and its lines in SHA256SUMS; on a host of the same release that has repositories, `yum install --downloadonly --downloaddir=DIR NAME` fetches a package with what it needs",
    )
}

fn refuses(directory: &Directory, said: &str) -> Error {
    let problem = format!("has packages that rpm does not install:\n    {said}");
    refused(directory.path(), problem, "mend what it says, and run `this command` again")
}
