//! Finds the parts of the state directory that cannot be used, says what is lost without them, and has them set aside.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::records::{self, DIRECTORY, foreign};
use super::state::{self, Lock};
use super::{incidents, last_drill, last_probes, tokens};
use crate::error::{Error, Result, shown};
use crate::model::message::proof::Proof;
use crate::model::state::generation::{self, Generation};
use crate::model::state::last::LastEnd;
use crate::model::state::last_drill::LastDrill;
use crate::model::state::last_probes::LastProbes;

/// Number of generations that are checked, besides the first: all that are kept, as a rule. Where there are thousands,
/// the next change removes the others, and `restore` checks the one that it restores.
const LOOKED_AT: usize = 2 * (generation::KEPT + generation::FAILED);

/// A part of the state directory that cannot be used.
#[derive(Debug)]
pub struct Damage {
    /// The file or directory.
    pub path: PathBuf,
    /// The reason why it cannot be used.
    problem: String,
    /// The knowledge or the ability that relayhost lacks without it.
    lost: String,
}

impl Damage {
    /// The damage in one line, for a person.
    pub fn line(&self) -> String {
        format!("`{}` cannot be used ({}): {}", shown(&self.path), self.problem, self.lost)
    }
}

/// A line for a person if others can read the state directory.
pub fn exposure() -> Option<String> {
    let mode = fs::symlink_metadata(DIRECTORY).ok()?.mode() & 0o7777;
    (state::is_there() && mode & 0o077 != 0)
        .then(|| format!("`{DIRECTORY}` has mode {mode:04o}, so that others can read the passwords in it"))
}

/// All parts of the state directory that cannot be used, and are to be set aside.
pub fn survey() -> Vec<Damage> {
    let directory = Path::new(DIRECTORY);
    if let Some(problem) = foreign(directory) {
        let lost = "nothing in it is read, so earlier changes and the requests of packages are not known";
        return vec![Damage { path: directory.to_owned(), problem, lost: lost.into() }];
    }
    let mut all = Vec::new();
    for (name, lost) in [
        ("generations", "no earlier configuration can be restored"),
        ("pending", "the requests of packages are not known (`relayhost repair` does them all the same)"),
        (
            "tokens",
            "the access token and the logins are not known (`relayhost token` fetches another token, `relayhost login` logs in)",
        ),
        ("damaged", "the files that were set aside in it stay unread"),
    ] {
        let path = directory.join(name);
        all.extend(foreign(&path).map(|problem| Damage { path, problem, lost: lost.into() }));
    }
    all.extend(damaged(state::intent(), "it is not known how far the stopped run had come"));
    let proof = records::read::<Proof>(&state::proof_path());
    all.extend(damaged(proof, "it is not known when the relay last took a test message"));
    let last = records::read::<LastEnd>(&state::last_end_path());
    all.extend(damaged(last, "it is not known how the last run ended"));
    let drill = records::read::<LastDrill>(&last_drill::path());
    all.extend(damaged(drill, "it is not known how the last drill ended"));
    let probes = records::read::<LastProbes>(&last_probes::path());
    all.extend(damaged(probes, "it is not known which accounts were refused when they were probed"));
    all.extend(damaged(state::leaving(), "it is not known what `check` has seen of mail that left"));
    let lock = state::leaving_lock_path();
    if fs::symlink_metadata(&lock).is_ok_and(|found| !found.is_file()) {
        let lost = "`check` cannot note what it sees of mail that leaves".into();
        all.push(Damage { path: lock, problem: "is not a file".into(), lost });
    }
    all.extend(damaged(
        incidents::read(),
        "it is not known which incidents are open (the next `relayhost watch` begins anew)",
    ));
    let lock = incidents::lock_path();
    if fs::symlink_metadata(&lock).is_ok_and(|found| !found.is_file()) {
        let lost = "`relayhost watch` cannot work".into();
        all.push(Damage { path: lock, problem: "is not a file".into(), lost });
    }
    all.extend(damaged(tokens::kept(), "the access tokens are not known (`relayhost token` fetches others)"));
    all.extend(damaged(tokens::logins(), "nobody is logged in any more (`relayhost login` does it again)"));
    let numbers = state::numbers().unwrap_or_default();
    let newest = numbers.iter().skip(1).rev().take(LOOKED_AT);
    all.extend(numbers.first().into_iter().chain(newest).flat_map(|number| of_generation(*number)));
    all
}

/// The damage that reading a record has met, if it has met one.
fn damaged<T>(read: Result<T>, lost: &str) -> Option<Damage> {
    let Err(Error::Record { path, problem }) = read else { return None };
    Some(Damage { path, problem, lost: lost.to_owned() })
}

fn of_generation(number: u32) -> Vec<Damage> {
    let generation =
        match state::generation(number).and_then(|generation| whole(&generation).map(|()| generation)) {
            Ok(generation) => generation,
            Err(Error::Record { path, problem }) => {
                let directory = state::generation_path(number);
                let inside = path.strip_prefix(&directory).unwrap_or(Path::new("")).display().to_string();
                let problem = if inside.is_empty() { problem } else { format!("{inside} {problem}") };
                let lost = format!("generation {number} cannot be restored");
                return vec![Damage { path: directory, problem, lost }];
            }
            Err(_) => return Vec::new(),
        };
    // `after` does not have each file, and restoring does not need it.
    let after = generation.files.iter().filter_map(|(name, change)| {
        let result = state::open_after(number, name, change.after.as_deref().unwrap_or_default());
        let damage = damaged(result, &format!("edits of {name} since generation {number} cannot be shown"));
        damage.filter(|damage| fs::symlink_metadata(&damage.path).is_ok())
    });
    after.collect()
}

/// `Error::Record` unless all bytes are there that restoring a generation takes.
pub fn whole(generation: &Generation) -> Result<()> {
    let mut kept = generation.files.iter().filter_map(|(name, change)| Some((name, change.before.as_ref()?)));
    kept.try_for_each(|(name, before)| state::open_before(generation.number, name, before).map(|_| ()))
}

/// Sets aside all parts that cannot be used, and returns a line for each. A part that cannot be moved stays, and stays
/// unused.
pub fn set_all_aside(_lock: &Lock) -> Vec<String> {
    let line = |damage: Damage| match records::set_aside(&damage.path) {
        Ok(to) => format!("{}; it is set aside as {}", damage.line(), shown(to)),
        Err(error) => format!("{}; it cannot be set aside: {error}", damage.line()),
    };
    let inside = survey().into_iter().filter(|damage| damage.path != Path::new(DIRECTORY));
    inside.map(line).collect()
}
