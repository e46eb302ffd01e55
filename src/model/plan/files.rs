//! The part of a plan that is about Postfix's files: the maps, and the managed parameters of main.cf.

use super::Plan;
use super::action::{FileChange, MainCfChange, MapChange};
use super::parameters::{parameters, words};
use crate::error::{Error, Result};
use crate::model::desired::Desired;
use crate::model::observed::{Database, MapFile, Postfix};
use crate::model::postfix::managed::{MAP_MODE, Managed, MapKind};
use crate::model::postfix::postmap::MapSource;
use crate::model::postfix::shown;
use crate::model::state::generation::LastRun;
use crate::model::state::mark::{fits, mark};

impl Plan {
    /// Compares the maps and main.cf.
    pub(super) fn files(&mut self, desired: &Desired, postfix: &Postfix, last: &LastRun) -> Result<()> {
        let Some(kind) = &postfix.map_kind else {
            return Err(Error::MapType { kind: postfix.setting("default_database_type").to_owned() });
        };
        for file in Managed::maps() {
            self.map(file, kind, desired, postfix, last);
        }
        self.settings(desired, postfix, kind, last)
    }

    /// Compares one map.
    fn map(&mut self, file: Managed, kind: &MapKind, desired: &Desired, postfix: &Postfix, last: &LastRun) {
        let entries = desired.entries(file);
        let nothing = MapFile::default();
        let found = postfix.maps.get(&file).unwrap_or(&nothing);
        let mut after = found.source.clone().unwrap_or_else(|| MapSource::new(Vec::new()));
        let mut stale = Vec::new();
        let is_renewed = file.is_secret() && desired.app().is_some();
        let tokens = last.tokens.as_ref();
        for (key, value) in &entries {
            let (name, found) = (format!("{} {key}", file.name()), after.get(key));
            let wanted = mark(value, is_renewed);
            let ours = last.wrote.get(&name);
            // Of a password as of a token: an entry that is still ours is no edit.
            let seen = found.as_deref().map(|found| match ours {
                Some(ours) if fits(ours, found, tokens) => ours.clone(),
                // Never the mark of a token, which a password of a person's with the same user would have too.
                _ => mark(found, is_renewed && found == value),
            });
            let shown = if found.is_some() { "another entry" } else { "not there" };
            self.foreign_edit(&name, seen.as_deref(), &wanted, last, shown);
            self.wrote.insert(name, wanted);
            if found.as_ref() != Some(value) {
                stale.push(key.clone());
                after.set(key, value);
            }
        }
        // An entry that the last run wrote and nobody has changed is removed when the answers no longer have it: an old
        // relay's password must not stay on the disk. An entry that a person wrote stays.
        let is_wanted =
            |key: &str| entries.iter().any(|(wanted, _)| wanted.to_lowercase() == key.to_lowercase());
        let mut left = Vec::new();
        for (key, digest) in last.entries(file).filter(|(key, _)| !is_wanted(key)) {
            if after.remove(key, |value| fits(digest, value, tokens)) {
                left.push(key.to_owned());
            }
        }
        // smtp(8) looks the server's bare name up before the next hop (smtp_sasl_passwd_lookup), so the entry of a how-to would
        // win over ours. It stays where another way may need it; `route.login` says so.
        let mut stronger = Vec::new();
        if file.is_secret()
            && postfix.other_way.is_none()
            && let Some((_, ours)) = entries.first()
            && after.remove(&desired.relay.host, |value| value != ours)
        {
            stronger.push(desired.relay.host.clone());
        }
        if entries.is_empty() && left.is_empty() {
            return;
        }
        let faults = [
            ("no entry, or another one, for", &stale, ""),
            ("still has our entry for", &left, ""),
            ("has an entry for", &stronger, ", which smtp(8) takes instead of ours"),
        ];
        let faults = faults.into_iter().filter(|(_, keys, _)| !keys.is_empty());
        let amiss: Vec<_> =
            faults.map(|(fault, keys, effect)| format!("{fault} {}{effect}", keys.join(", "))).collect();
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
            self.judge(format!("map.{}.{part}", file.name()), result);
        }
        let Some(why) = why else { return };
        let (kind, before) = (kind.clone(), found.source.clone());
        let keys = entries.iter().map(|(key, _)| key.clone()).chain(left).chain(stronger).collect();
        self.actions.files.push(FileChange::Map(MapChange { file, kind, before, after, why, keys }));
    }

    /// Compares the parameters of main.cf.
    fn settings(
        &mut self,
        desired: &Desired,
        postfix: &Postfix,
        kind: &MapKind,
        last: &LastRun,
    ) -> Result<()> {
        let mut changes = Vec::new();
        let mut after = postfix.main_cf.clone();
        for (name, value) in parameters(desired, postfix, kind)? {
            let found = postfix.setting(name);
            let (now, wanted) = (words(found).join(", "), words(&value).join(", "));
            let shown =
                if found.is_empty() { "not set".into() } else { format!("`{}`", shown::value(found)) };
            self.foreign_edit(name, Some(&now), &wanted, last, &shown);
            let result = if now == wanted {
                Ok(value.clone())
            } else {
                Err(format!("{shown}, and should be `{value}`"))
            };
            self.wrote.insert(name.to_owned(), wanted);
            if !self.judge(format!("setting.{name}"), result) {
                after.set(name, &value);
                changes.push((name.to_owned(), value));
            }
        }
        if !changes.is_empty() {
            let before = postfix.main_cf.clone();
            self.actions.files.push(FileChange::MainCf(MainCfChange { before, after, changes }));
        }
        Ok(())
    }

    /// Notes a managed value that is neither as the last run wrote it nor as the answers say.
    pub(super) fn foreign_edit(
        &mut self,
        name: &str,
        found: Option<&str>,
        wanted: &str,
        last: &LastRun,
        shown: &str,
    ) {
        let Some(ours) = last.wrote.get(name) else { return };
        if found != Some(ours) && found != Some(wanted) {
            self.foreign.push(format!("{name}: now {shown}, set otherwise by relayhost on {}", last.time));
        }
    }
}
