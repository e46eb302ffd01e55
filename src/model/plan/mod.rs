//! The join of what is wanted and what was seen. `check` shows the findings, `plan` the actions, `apply` does them:
//! all three read one value, so they cannot disagree.

pub mod action;
mod packages;
pub mod parameters;
mod unmanaged;

use std::collections::BTreeMap;

use crate::error::{Error, Result};
use crate::model::desired::Desired;
use crate::model::observed::{Database, MapFile, Observed, Postfix, Queue};
use crate::model::plan::action::{Action, ServiceAction};
use crate::model::plan::parameters::{parameters, words};
use crate::model::postfix::managed::{MAP_MODE, Managed, MapKind};
use crate::model::postfix::postmap::MapSource;
use crate::model::postfix::shown;
use crate::model::state::generation::{LastRun, sha256};
use crate::model::state::pending::Waiting;

/// Findings and what follows from them.
#[derive(Debug)]
pub struct Plan {
    /// Everything that was compared.
    pub findings: Vec<Finding>,
    /// What `apply` would do, in order.
    pub actions: Vec<Action>,
    /// Managed values that the actions write: parameters, and digests of map entries.
    pub wrote: BTreeMap<String, String>,
    /// Managed values that somebody changed since our last run, to something else than the answers say.
    pub foreign: Vec<String>,
    /// Where Postfix shows whether it runs.
    pub queue: Queue,
    /// Where Postfix itself logs to; empty if it does not.
    pub maillog_file: String,
    /// Whether systemd would refuse to start Postfix.
    pub masked: bool,
    /// Whether the last run that is in force was to be proved by a message, and never was.
    pub unproven: bool,
    /// Whether the actions are all. While Postfix is not installed, its files cannot be planned.
    pub complete: bool,
}

/// The outcome of one comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Stable name: `package.postfix`, `setting.relayhost`, `map.sasl_passwd.database`, `service.running`.
    pub id: String,
    /// Verdict.
    pub state: State,
    /// What was seen.
    pub found: String,
    /// What to do, unless it is fine.
    pub remedy: Option<String>,
}

impl Finding {
    /// Whether `apply` mends it.
    pub fn is_for_apply(&self) -> bool {
        self.remedy.as_ref().is_some_and(|remedy| remedy.starts_with(APPLY))
    }
}

/// Verdict of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// As the answers say.
    Fine,
    /// Not as the answers say.
    Differs,
    /// As the answers say, and yet it may keep mail from arriving.
    Warning,
    /// Worth knowing, and no fault.
    Note,
}

const UNMASK: &str = "systemctl unmask postfix";
pub(super) const APPLY: &str = "relayhost apply";

impl Plan {
    /// Compares. Errors only where the answers cannot be had on this host at all.
    pub fn new(desired: &Desired, observed: &Observed) -> Result<Self> {
        let mut plan = Self {
            findings: Vec::new(),
            actions: Vec::new(),
            wrote: BTreeMap::new(),
            foreign: Vec::new(),
            queue: Queue::new(
                observed.postfix.as_ref().map_or(&BTreeMap::new(), |postfix| &postfix.settings),
            ),
            maillog_file: observed
                .postfix
                .as_ref()
                .map_or_else(String::new, |postfix| postfix.setting("maillog_file").to_owned()),
            masked: false,
            unproven: observed.last.unproven,
            complete: observed.postfix.is_some(),
        };
        plan.packages(desired, observed);
        if plan.unproven {
            let text = format!("the change of {} was never confirmed by the relay", observed.last.time);
            plan.add(
                "message.unproven",
                State::Warning,
                text,
                "relayhost apply (sends the test message again)",
            );
        }
        if let Some(postfix) = &observed.postfix {
            plan.postfix(desired, postfix, &observed.last)?;
            plan.drift(postfix, &observed.last);
            plan.routing(desired, postfix);
        }
        Ok(plan)
    }

    /// Whether the host is as the answers say.
    pub fn is_in_order(&self) -> bool {
        self.actions.is_empty() && !self.findings.iter().any(|finding| finding.state == State::Differs)
    }

    /// What is amiss, or may be, that `apply` does not mend.
    pub fn by_hand(&self) -> Vec<Finding> {
        let amiss = |state| matches!(state, State::Differs | State::Warning);
        let all = self.findings.iter().filter(|finding| amiss(finding.state) && !finding.is_for_apply());
        all.cloned().collect()
    }

    /// What to do about all that differs, in one line: the remedy of each finding that `apply` does not mend, and `apply`,
    /// in the words of the caller, only if it mends something.
    pub fn remedy(&self, apply: &str) -> String {
        let (ours, by_hand): (Vec<_>, Vec<_>) = self
            .findings
            .iter()
            .filter(|finding| finding.state == State::Differs)
            .partition(|finding| finding.is_for_apply());
        let mut steps: Vec<&str> = by_hand.iter().filter_map(|finding| finding.remedy.as_deref()).collect();
        steps.dedup();
        let last = if steps.is_empty() { apply.to_owned() } else { format!("then {apply}") };
        if !ours.is_empty() {
            steps.push(&last);
        }
        steps.join("; ")
    }

    /// How many comparisons there were: notes are none.
    pub fn compared(&self) -> usize {
        self.findings.iter().filter(|finding| finding.state != State::Note).count()
    }

    /// Adds what waits for the end of an RPM transaction, or has failed after one.
    pub fn waits(&mut self, waiting: &[Waiting]) {
        self.findings.extend(waiting.iter().map(|waiting| Finding {
            id: format!("pending.{}", waiting.name),
            state: if waiting.attention { State::Differs } else { State::Note },
            found: waiting.text.clone(),
            remedy: waiting.attention.then(|| waiting.remedy.clone()),
        }));
    }

    pub(super) fn add(
        &mut self,
        id: impl Into<String>,
        state: State,
        found: impl Into<String>,
        remedy: &str,
    ) {
        let remedy = (!remedy.is_empty() && state != State::Fine).then(|| remedy.to_owned());
        self.findings.push(Finding { id: id.into(), state, found: found.into(), remedy });
    }

    fn postfix(&mut self, desired: &Desired, postfix: &Postfix, last: &LastRun) -> Result<()> {
        let installs = !self.actions.is_empty();
        let kind = map_kind(postfix)?;
        let mut changed = false;
        for file in Managed::maps() {
            let entries = desired.entries(file);
            let prefix = format!("{} ", file.name());
            if !entries.is_empty() || last.wrote.keys().any(|name| name.starts_with(&prefix)) {
                changed |= self.map(file, &kind, &entries, postfix, last);
            }
        }
        let changes = self.settings(desired, postfix, &kind, last)?;
        let restart = changes.iter().any(|(name, _)| name == "inet_protocols");
        if !changes.is_empty() {
            changed = true;
            let mut after = postfix.main_cf.clone();
            for (name, value) in &changes {
                after.set(name, value);
            }
            self.actions.push(Action::WriteMainCf { before: postfix.main_cf.clone(), after, changes });
        }
        if postfix.service.masked {
            self.add("service.masked", State::Differs, "systemd is told never to start Postfix", UNMASK);
        }
        self.masked = postfix.service.masked;
        let running = if postfix.service.running { "running" } else { "not running" };
        self.add("service.running", fine_if(postfix.service.running), running, APPLY);
        // A plugin that was installed is seen by new smtp(8) processes only, hence the reload.
        if !postfix.service.running {
            self.actions.push(Action::Service(ServiceAction::Start));
        } else if changed || installs {
            let action = if restart { ServiceAction::Restart } else { ServiceAction::Reload };
            self.actions.push(Action::Service(action));
        }
        if let Some(enabled) = postfix.service.enabled {
            let found = if enabled { "starts at boot" } else { "does not start at boot" };
            self.add("service.enabled", fine_if(enabled), found, APPLY);
            if !enabled {
                self.actions.push(Action::Enable);
            }
        }
        Ok(())
    }

    /// Compares one map; true if it has to be written.
    fn map(
        &mut self,
        file: Managed,
        kind: &MapKind,
        entries: &[(String, String)],
        postfix: &Postfix,
        last: &LastRun,
    ) -> bool {
        let nothing = MapFile::default();
        let found = postfix.maps.get(&file).unwrap_or(&nothing);
        let mut after = found.source.clone().unwrap_or_else(|| MapSource::new(Vec::new()));
        let mut stale = Vec::new();
        for (key, value) in entries {
            let (name, found) = (format!("{} {key}", file.name()), after.get(key));
            let digest = |value: &str| sha256(value.as_bytes());
            self.foreign_edit(
                &name,
                found.as_deref().map(digest).as_deref(),
                &digest(value),
                last,
                if found.is_some() { "another entry" } else { "not there" },
            );
            self.wrote.insert(name, digest(value));
            if found.as_deref() != Some(value) {
                stale.push(key.clone());
                after.set(key, value);
            }
        }
        // What our last run wrote and nobody has touched goes when the answers no longer have it: an old relay's
        // password must not lie about. What a person wrote is theirs.
        let prefix = format!("{} ", file.name());
        let ours = last.wrote.iter().filter_map(|(name, digest)| Some((name.strip_prefix(&prefix)?, digest)));
        let is_wanted =
            |key: &str| entries.iter().any(|(wanted, _)| wanted.to_lowercase() == key.to_lowercase());
        let mut left = Vec::new();
        for (key, digest) in ours.filter(|(key, _)| !is_wanted(key)) {
            if after.remove(key, |value| sha256(value.as_bytes()) == *digest) {
                left.push(key.to_owned());
            }
        }
        if entries.is_empty() && left.is_empty() {
            return false;
        }
        let mut amiss = Vec::new();
        if !stale.is_empty() {
            amiss.push(format!("no entry, or another one, for {}", stale.join(", ")));
        }
        if !left.is_empty() {
            amiss.push(format!("still has our entry for {}", left.join(", ")));
        }
        let entry = if amiss.is_empty() { Ok("has our entries".to_owned()) } else { Err(amiss.join("; ")) };
        let mode = found.source_exposed.clone().or_else(|| match &found.database {
            Database::Read { exposed, .. } => exposed.clone(),
            _ => None,
        });
        let mode = mode.map_or_else(|| Ok(format!("root's, {MAP_MODE:04o}")), Err);
        let database = match &found.database {
            Database::NotNeeded => Ok("this kind of table needs none".to_owned()),
            Database::Missing => Err("there is no database; Postfix finds nothing".to_owned()),
            Database::Broken(reason) => Err(format!("the database cannot be read: {reason}")),
            Database::Read { entries: built, .. } => {
                if found.source.as_ref().is_some_and(|source| source.agrees_with(built)) {
                    Ok("is what the source says".to_owned())
                } else {
                    Err("the database is not what its source says".to_owned())
                }
            }
        };
        let why = [&entry, &mode, &database].into_iter().find_map(|result| result.as_ref().err().cloned());
        for (part, result) in [("entry", entry), ("mode", mode), ("database", database)] {
            if part == "mode" && found.source.is_none() {
                continue;
            }
            let state = fine_if(result.is_ok());
            let (Ok(text) | Err(text)) = result;
            self.add(format!("map.{}.{part}", file.name()), state, text, APPLY);
        }
        let Some(why) = why else { return false };
        self.actions.push(Action::WriteMap {
            file,
            kind: kind.clone(),
            before: found.source.clone(),
            after,
            why,
            keys: entries.iter().map(|(key, _)| key.clone()).chain(left).collect(),
        });
        true
    }

    /// Compares the parameters; returns those that have to be set.
    fn settings(
        &mut self,
        desired: &Desired,
        postfix: &Postfix,
        kind: &MapKind,
        last: &LastRun,
    ) -> Result<Vec<(String, String)>> {
        let mut changes = Vec::new();
        for (name, value) in parameters(desired, postfix, kind)? {
            let found = postfix.setting(name);
            let public = shown::value(found);
            let same = words(found) == words(&value);
            self.foreign_edit(
                name,
                Some(&words(found).join(", ")),
                &words(&value).join(", "),
                last,
                &if public.is_empty() { "not set".to_owned() } else { format!("`{public}`") },
            );
            self.wrote.insert(name.to_owned(), words(&value).join(", "));
            let shown = match (same, found.is_empty()) {
                (true, _) => value.clone(),
                (false, true) => format!("not set, and should be `{value}`"),
                (false, false) => format!("`{public}`, and should be `{value}`"),
            };
            self.add(format!("setting.{name}"), fine_if(same), shown, APPLY);
            if !same {
                changes.push((name.to_owned(), value));
            }
        }
        Ok(changes)
    }

    /// Notes a managed value that is neither what our last run wrote nor what the answers say.
    fn foreign_edit(&mut self, name: &str, found: Option<&str>, wanted: &str, last: &LastRun, shown: &str) {
        let Some(ours) = last.wrote.get(name) else { return };
        if found != Some(ours) && found != Some(wanted) {
            self.foreign.push(format!("{name}: now {shown}, set otherwise by relayhost on {}", last.time));
        }
    }

    /// The plan for a tree that is not running: Postfix is not told.
    #[must_use]
    pub fn without_service(mut self) -> Self {
        self.actions.retain(|action| !matches!(action, Action::Service(_) | Action::Enable));
        self.findings.retain(|finding| !finding.id.starts_with("service."));
        self
    }

    /// Has Postfix read its configuration again, whatever else is to do.
    pub fn ensure_reload(&mut self) {
        if !self.actions.iter().any(|action| matches!(action, Action::Service(_))) {
            self.actions.push(Action::Service(ServiceAction::Reload));
        }
    }
}

fn fine_if(good: bool) -> State {
    if good { State::Fine } else { State::Differs }
}

fn map_kind(postfix: &Postfix) -> Result<MapKind> {
    postfix
        .map_kind
        .clone()
        .ok_or_else(|| Error::MapType { kind: postfix.setting("default_database_type").to_owned() })
}
