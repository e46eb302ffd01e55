//! Chooses the package files of a directory to install: those that meet the host's needs, and those that these require.
//! rpm itself knows the installed packages, and whether a set fits them (`rpm -U --test`); this module parses its
//! answer and chooses the next file. Changes nothing on the host.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use super::candidate::{Candidate, Capability, compare};
use super::need::Need;

/// The files chosen from a directory, to be shown to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Supply {
    /// The directory.
    pub directory: String,
    /// Names of the files, in alphabetical order.
    pub files: Vec<String>,
}

/// The packages of this host: name → the newest `epoch:version-release` of it.
#[derive(Debug, Default, Clone)]
pub struct Installed {
    newest: BTreeMap<String, String>,
}

/// The query format whose output `Installed::parse` reads.
pub const INSTALLED_FORMAT: &str = "%{NAME} %{EPOCH}:%{VERSION}-%{RELEASE}\\n";

impl Installed {
    /// Parses what `rpm -qa` printed.
    pub fn parse(output: &str) -> Self {
        let mut installed = Self::default();
        for (name, evr) in output.lines().filter_map(|line| line.split_once(' ')) {
            // rpm writes a missing epoch so.
            let evr = evr.strip_prefix("(none):").unwrap_or(evr);
            let newest = installed.newest.entry(name.to_owned()).or_insert_with(|| evr.to_owned());
            if compare(evr, newest).is_gt() {
                evr.clone_into(newest);
            }
        }
        installed
    }

    fn against(&self, candidate: &Candidate) -> Option<Ordering> {
        self.newest.get(&candidate.name).map(|installed| compare(&candidate.evr, installed))
    }
}

/// The chosen files; more are added until rpm accepts the set.
#[derive(Debug)]
pub struct Selection<'a> {
    all: &'a [Candidate],
    arch: &'a str,
    installed: &'a Installed,
    usable: Vec<&'a Candidate>,
    chosen: Vec<&'a Candidate>,
}

/// The next step after rpm's answer.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// More files were chosen: ask rpm again.
    More,
    /// The directory has no file for these requirements, a line each.
    Lacking(Vec<String>),
    /// rpm refuses for another reason than a missing package.
    Refused,
}

impl<'a> Selection<'a> {
    /// Starts with nothing chosen. Of each package only the newest is considered that is for this host's architecture
    /// (`arch`) or for any, and not older than the installed one. A 32-bit package does not meet a 64-bit host's need.
    pub fn new(all: &'a [Candidate], arch: &'a str, installed: &'a Installed) -> Self {
        let mut best: BTreeMap<&str, &Candidate> = BTreeMap::new();
        for candidate in all {
            let old = installed.against(candidate) == Some(Ordering::Less);
            if old || !fits(candidate, arch) {
                continue;
            }
            best.entry(&candidate.name)
                .and_modify(|other| {
                    if compare(&candidate.evr, &other.evr).is_gt() {
                        *other = candidate;
                    }
                })
                .or_insert(candidate);
        }
        Self { all, arch, installed, usable: best.into_values().collect(), chosen: Vec::new() }
    }

    /// The files chosen so far.
    pub fn chosen(&self) -> &[&'a Candidate] {
        &self.chosen
    }

    /// Chooses a file for each need; the error names the needs for which the directory has none, a line each.
    pub fn choose_for(&mut self, needs: &[Need]) -> Result<(), Vec<String>> {
        let mut lacking = Vec::new();
        for need in needs {
            let wanted: Vec<Capability> = need.names().into_iter().map(Capability::any).collect();
            match wanted.iter().find_map(|wanted| self.best(wanted)) {
                Some(candidate) => self.choose(candidate),
                None => lacking.push(format!("{}{}", need.label(), self.why_not(&wanted))),
            }
        }
        if lacking.is_empty() { Ok(()) } else { Err(lacking) }
    }

    /// Chooses files for what rpm reports missing. `output` is from a failed `rpm -U --test` in the C locale:
    /// `REQUIREMENT is needed by [(installed) ]PACKAGE` (rpmProblemString in rpm's lib/rpmprob.c).
    pub fn answer(&mut self, output: &str) -> Step {
        let (mut lacking, mut more) = (Vec::new(), false);
        for line in output.lines().map(str::trim) {
            let Some((requirement, by)) = line.split_once(" is needed by ") else { continue };
            match self.remedy(requirement, by) {
                Some(candidate) => {
                    self.choose(candidate);
                    more = true;
                }
                // A chosen file meets it: it was chosen for another line, or is in the way of a file chosen for one.
                None if self.is_met(requirement) => {}
                None => {
                    let wanted = [Capability::parse(requirement)];
                    lacking.push(format!("{requirement}, which {by} needs{}", self.why_not(&wanted)));
                }
            }
        }
        match (lacking.is_empty(), more) {
            (false, _) => Step::Lacking(lacking),
            (true, true) => Step::More,
            (true, false) => Step::Refused,
        }
    }

    /// The file that resolves one line of rpm's: an upgrade of the installed package that would lose its requirement,
    /// or else a file that meets the requirement.
    fn remedy(&self, requirement: &str, by: &str) -> Option<&'a Candidate> {
        let installed = by.strip_prefix("(installed) ");
        let upgrade = installed.and_then(|by| {
            let is_of = |candidate: &&&Candidate| {
                let rest = by.strip_prefix(&candidate.name).and_then(|rest| rest.strip_prefix('-'));
                // `a-b` is no version of `a`: the rest must be a version and a release.
                rest.is_some_and(|rest| rest.matches('-').count() == 1)
            };
            self.usable
                .iter()
                .find(is_of)
                .copied()
                .filter(|new| self.installed.against(new) == Some(Ordering::Greater))
        });
        upgrade.filter(|candidate| !self.is_chosen(candidate)).or_else(|| {
            let wanted = alternatives(requirement);
            wanted.iter().find_map(|wanted| self.best(wanted).filter(|candidate| !self.is_chosen(candidate)))
        })
    }

    fn is_met(&self, requirement: &str) -> bool {
        alternatives(requirement)
            .iter()
            .any(|wanted| self.chosen.iter().any(|candidate| candidate.meets(wanted)))
    }

    /// The best file that meets a requirement: one already chosen, else of that name, else the first in the alphabet.
    fn best(&self, wanted: &Capability) -> Option<&'a Candidate> {
        let named = |candidate: &&&Candidate| candidate.name == wanted.name && candidate.meets(wanted);
        let chosen = self.chosen.iter().find(|candidate| candidate.meets(wanted));
        let named = || self.usable.iter().find(named);
        let any = || self.usable.iter().find(|candidate| candidate.meets(wanted));
        chosen.or_else(named).or_else(any).copied()
    }

    fn choose(&mut self, candidate: &'a Candidate) {
        if !self.is_chosen(candidate) {
            self.chosen.push(candidate);
        }
    }

    fn is_chosen(&self, candidate: &Candidate) -> bool {
        self.chosen.iter().any(|chosen| chosen.file == candidate.file)
    }

    /// The reason why a file that meets a requirement is not chosen.
    fn why_not(&self, wanted: &[Capability]) -> String {
        let meets = |candidate: &&Candidate| wanted.iter().any(|wanted| candidate.meets(wanted));
        let Some(other) = self.all.iter().find(meets) else { return String::new() };
        if fits(other, self.arch) && self.installed.against(other) == Some(Ordering::Less) {
            format!(" ({} is older than what is installed)", other.file)
        } else if fits(other, self.arch) {
            format!(" ({} has it, and a newer one of its name is taken)", other.file)
        } else if other.arch == "src" {
            format!(" ({} is a source package)", other.file)
        } else {
            format!(" ({} is for {}, and this host is {})", other.file, other.arch, self.arch)
        }
    }
}

/// Whether a package is for this host's architecture. `x86_64_v2` and similar names are the same architecture; rpm
/// knows whether the processor supports them.
fn fits(candidate: &Candidate, arch: &str) -> bool {
    let level = || candidate.arch.strip_prefix(arch).is_some_and(|rest| rest.starts_with("_v"));
    candidate.arch == "noarch" || candidate.arch == arch || level()
}

/// Words between the names of a rich dependency.
const WORDS: [&str; 13] =
    ["or", "and", "if", "else", "unless", "with", "without", "<", "<=", "=", ">=", ">", ""];

/// The capabilities of which any one may meet a requirement: of a rich dependency (`(a or b)`), each that it names; rpm
/// says afterwards whether it is met.
fn alternatives(requirement: &str) -> Vec<Capability> {
    if !requirement.starts_with('(') {
        return vec![Capability::parse(requirement)];
    }
    let words = requirement.split_whitespace().map(|word| {
        let word = word.trim_start_matches('(');
        // Removes the brackets that close the whole dependency, not those of `lib.so()(64bit)`.
        let surplus = word.matches(')').count().saturating_sub(word.matches('(').count());
        word.get(..word.len() - surplus).unwrap_or(word)
    });
    words.filter(|word| !WORDS.contains(word)).map(Capability::any).collect()
}

#[cfg(test)]
#[path = "supply_tests.rs"]
mod tests;
