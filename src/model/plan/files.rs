//! The part of a plan that is about Postfix's files: the maps, and the managed parameters of main.cf.

use super::action::{FileChange, MainCfChange, MapChange};
use super::parameters::{parameters, words};
use super::{Plan, Remedy, fine_if};
use crate::error::{Error, Result};
use crate::model::desired::Desired;
use crate::model::observed::{Database, MapFile, Postfix};
use crate::model::postfix::managed::{MAP_MODE, Managed, MapKind};
use crate::model::postfix::postmap::MapSource;
use crate::model::postfix::shown;
use crate::model::state::generation::{LastRun, sha256};

impl Plan {
    /// Compares the maps and main.cf.
    pub(super) fn files(&mut self, desired: &Desired, postfix: &Postfix, last: &LastRun) -> Result<()> {
        let kind = map_kind(postfix)?;
        for file in Managed::maps() {
            let entries = desired.entries(file);
            let prefix = format!("{} ", file.name());
            if !entries.is_empty() || last.wrote.keys().any(|name| name.starts_with(&prefix)) {
                self.map(file, &kind, &entries, &desired.relay.host, postfix, last);
            }
        }
        let changes = self.settings(desired, postfix, &kind, last)?;
        if !changes.is_empty() {
            let before = postfix.main_cf.clone();
            let mut after = before.clone();
            for (name, value) in &changes {
                after.set(name, value);
            }
            self.actions.files.push(FileChange::MainCf(MainCfChange { before, after, changes }));
        }
        Ok(())
    }

    /// Compares one map.
    fn map(
        &mut self,
        file: Managed,
        kind: &MapKind,
        entries: &[(String, String)],
        host: &str,
        postfix: &Postfix,
        last: &LastRun,
    ) {
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
        // An entry that the last run wrote and nobody has changed is removed when the answers no longer have it: an old
        // relay's password must not stay on the disk. An entry that a person wrote stays.
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
        // smtp(8) looks the server's bare name up before the next hop (smtp_sasl_passwd_lookup), so the entry of a how-to would
        // win over ours. It stays where another way may need it; `route.login` says so.
        let mut stronger = Vec::new();
        if file.is_secret()
            && postfix.other_way.is_none()
            && let Some((_, ours)) = entries.first()
            && after.remove(host, |value| value != ours)
        {
            stronger.push(host.to_owned());
        }
        if entries.is_empty() && left.is_empty() {
            return;
        }
        let mut amiss = Vec::new();
        if !stale.is_empty() {
            amiss.push(format!("no entry, or another one, for {}", stale.join(", ")));
        }
        if !left.is_empty() {
            amiss.push(format!("still has our entry for {}", left.join(", ")));
        }
        if !stronger.is_empty() {
            amiss.push(format!("has an entry for {host}, which smtp(8) takes instead of ours"));
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
            self.add(format!("map.{}.{part}", file.name()), state, text, Remedy::Apply);
        }
        let Some(why) = why else { return };
        let (kind, before) = (kind.clone(), found.source.clone());
        let keys = entries.iter().map(|(key, _)| key.clone()).chain(left).chain(stronger).collect();
        self.actions.files.push(FileChange::Map(MapChange { file, kind, before, after, why, keys }));
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
            self.add(format!("setting.{name}"), fine_if(same), shown, Remedy::Apply);
            if !same {
                changes.push((name.to_owned(), value));
            }
        }
        Ok(changes)
    }

    /// Notes a managed value that is neither as the last run wrote it nor as the answers say.
    fn foreign_edit(&mut self, name: &str, found: Option<&str>, wanted: &str, last: &LastRun, shown: &str) {
        let Some(ours) = last.wrote.get(name) else { return };
        if found != Some(ours) && found != Some(wanted) {
            self.foreign.push(format!("{name}: now {shown}, set otherwise by relayhost on {}", last.time));
        }
    }
}

fn map_kind(postfix: &Postfix) -> Result<MapKind> {
    postfix
        .map_kind
        .clone()
        .ok_or_else(|| Error::MapType { kind: postfix.setting("default_database_type").to_owned() })
}
