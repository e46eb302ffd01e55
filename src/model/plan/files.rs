//! The part of a plan that is about Postfix's files: the maps, and the managed parameters of main.cf.

use std::collections::BTreeMap;

use super::Plan;
use super::action::{FileChange, MainCfChange, MapChange};
use super::former::leave_out_former;
use super::parameters::{as_ours, parameters, words};
use crate::error::{Error, Result};
use crate::model::desired::{Desired, WayOut};
use crate::model::observed::{Database, MapFile, Postfix};
use crate::model::postfix::managed::{Managed, MapKind};
use crate::model::postfix::postmap::MapSource;
use crate::model::postfix::shown;
use crate::model::state::generation::LastRun;
use crate::model::state::mark::{fits, is_without_password, mark};
use crate::model::text::{NAMED, few};

impl Plan {
    /// Compares the maps and main.cf.
    pub(super) fn files(&mut self, desired: &Desired, postfix: &Postfix, last: &LastRun) -> Result<()> {
        let Some(kind) = &postfix.map_kind else {
            return Err(Error::MapType { kind: postfix.setting("default_database_type").to_owned() });
        };
        for file in Managed::own_maps() {
            let kind = &file.kind(kind);
            if file.is_whole() {
                self.whole(file, kind, desired, postfix, last);
            } else {
                self.map(file, kind, desired, postfix, last);
            }
        }
        self.aliases(desired, postfix, last);
        self.settings(desired, postfix, kind, last)?;
        // A table must be there as long as main.cf names it.
        self.actions.files.sort_by_key(FileChange::is_removal);
        Ok(())
    }

    /// Compares one map.
    pub(super) fn map(
        &mut self,
        file: Managed,
        kind: &MapKind,
        desired: &Desired,
        postfix: &Postfix,
        last: &LastRun,
    ) {
        let entries = desired.entries(file, &postfix.settings);
        let nothing = MapFile::default();
        let found = postfix.maps.get(&file).unwrap_or(&nothing);
        let mut after = found.source.clone().unwrap_or_else(|| file.source(Vec::new()));
        let renewed = desired.ways().filter(|way| file.is_secret() && way.app().is_some());
        let renewed: Vec<String> = renewed.map(WayOut::next_hop).collect();
        let stale = self.entries(file, &entries, &renewed, &mut after, last);
        let left = leave_out_former(file, &entries, &mut after, last);
        let (mut stronger, mut removed) = (Vec::new(), Vec::new());
        let strays = desired.strays().filter(|stray| !postfix.other_ways.contains_key(stray.host));
        for stray in strays.filter(|_| file.is_secret()) {
            let found = self.stronger(file, &stray.key, &stray.ours, &mut after, last);
            stronger.extend((!found.is_empty()).then_some(stray.key));
            removed.extend(found);
        }
        if entries.is_empty() && left.is_empty() && removed.is_empty() {
            return;
        }
        let faults = [
            ("no entry, or another one, for", &stale, ""),
            ("still has our entry for", &left, ""),
            ("has an entry for", &removed, ", which smtp(8) takes, and not what the answers say"),
        ];
        let faults = faults.into_iter().filter(|(_, keys, _)| !keys.is_empty());
        let amiss: Vec<_> =
            faults.map(|(fault, keys, effect)| format!("{fault} {}{effect}", few(keys))).collect();
        let entry = if amiss.is_empty() { Ok("has our entries".to_owned()) } else { Err(amiss.join("; ")) };
        let Some(why) = self.judge_map(file, entry, found) else { return };
        let keys = entries.iter().map(|(key, _)| key.clone()).chain(left).chain(stronger).collect();
        let change = MapChange::new(file, kind, found.source.as_ref(), after, why);
        self.actions.files.push(FileChange::Map(MapChange { keys, removed, ..change }));
    }

    /// Compares a file of which nothing is anybody else's. One that the answers no longer ask for goes, unless somebody has
    /// changed it.
    fn whole(&mut self, file: Managed, kind: &MapKind, desired: &Desired, postfix: &Postfix, last: &LastRun) {
        let nothing = MapFile::default();
        let found = postfix.maps.get(&file).unwrap_or(&nothing);
        let text = found.source.as_ref().map(|source| String::from_utf8_lossy(source.bytes()).into_owned());
        let seen = text.as_ref().map(|text| mark(text, false));
        let after = match desired.text(file, &postfix.settings) {
            Some(wanted) => {
                let shown = if seen.is_some() { "another text" } else { "not there" };
                let wanted_mark = mark(&wanted, false);
                self.foreign_edit(file.name(), seen.as_deref(), &wanted_mark, last, shown);
                self.wrote.insert(file.name().to_owned(), wanted_mark);
                wanted
            }
            None if seen.is_some() && seen.as_ref() == last.wrote.get(file.name()) => String::new(),
            None => return,
        };
        let entry = if text.as_ref() == Some(&after) {
            Ok("has our rules".to_owned())
        } else if after.is_empty() {
            Err("still has our rules".to_owned())
        } else {
            Err("has not our rules, or others beside them".to_owned())
        };
        let Some(why) = self.judge_map(file, entry, found) else { return };
        let after = MapSource::new(after.into_bytes());
        let change = MapChange::new(file, kind, found.source.as_ref(), after, why);
        self.actions.files.push(FileChange::Map(change));
    }

    /// Adds what a map has, who may read it, and whether its database is what its source says. Returns the fault, if there
    /// is one.
    fn judge_map(
        &mut self,
        file: Managed,
        entry: std::result::Result<String, String>,
        found: &MapFile,
    ) -> Option<String> {
        let (mode, database) = (mode_of(file, found), database_of(found));
        let why = [&entry, &mode, &database].into_iter().find_map(|result| result.as_ref().err().cloned());
        let mode = found.source.is_some().then_some(mode);
        for (part, result) in [("entry", Some(entry)), ("mode", mode), ("database", Some(database))] {
            if let Some(result) = result {
                self.judge(format!("map.{}.{part}", file.name()), result);
            }
        }
        why
    }

    /// Sets the entries of the answers, and returns the keys of those that were not there, or were others. `renewed`: the keys
    /// of those with an access token that relayhost fetches.
    fn entries(
        &mut self,
        file: Managed,
        entries: &[(String, String)],
        renewed: &[String],
        after: &mut MapSource,
        last: &LastRun,
    ) -> Vec<String> {
        // All at once: each look for one key would read the whole table.
        let there = after.entries();
        let (mut stale, known) = (Vec::new(), self.foreign.len());
        // Thousands of senders may have one value.
        let mut marks = BTreeMap::new();
        for (key, value) in entries {
            let (name, found) = (format!("{} {key}", file.name()), there.get(&key.to_lowercase()));
            let is_renewed = renewed.contains(key);
            let wanted = marks.entry((value, is_renewed)).or_insert_with(|| mark(value, is_renewed)).clone();
            // While no token can be fetched for these answers, one that is there already may live.
            let waits = is_renewed && is_without_password(value);
            let value =
                found.filter(|found| waits && fits(&wanted, found, last.tokens.as_ref())).unwrap_or(value);
            let ours = last.wrote.get(&name);
            // A password and a token alike: an entry that relayhost wrote, and nobody has changed, is no edit.
            let seen = found.map(|found| match ours {
                _ if found == value => wanted.clone(),
                Some(ours) if fits(ours, found, last.tokens.as_ref()) => ours.clone(),
                // A token is marked by its user alone. A password that a person wrote for the same user must not get the
                // same mark.
                _ => mark(found, false),
            });
            let shown = if found.is_some() { "another entry" } else { "not there" };
            self.foreign_edit(&name, seen.as_deref(), &wanted, last, shown);
            self.wrote.insert(name, wanted);
            if found != Some(value) {
                stale.push((key.as_str(), value.as_str()));
            }
        }
        after.set_all(stale.iter().copied());
        if let Some(more) = self.foreign.len().checked_sub(known + NAMED).filter(|more| *more > 1) {
            self.foreign.truncate(known + NAMED);
            self.foreign.push(format!("{}: {more} more entries in the same way", file.name()));
        }
        stale.into_iter().map(|(key, _)| key.to_owned()).collect()
    }

    /// Takes the entries for the bare name of the relay's server out: smtp(8) looks that up before the next hop
    /// (smtp_sasl_passwd_lookup), so it would use such an entry, as many how-tos have it, instead of relayhost's. They stay
    /// where another way may need them; `route.login` says so. One that came after the last run is an edit by hand. Returns
    /// each for a person: the key, and the user.
    fn stronger(
        &mut self,
        file: Managed,
        name: &str,
        ours: &str,
        after: &mut MapSource,
        last: &LastRun,
    ) -> Vec<String> {
        let of = |source: &MapSource| -> Vec<String> {
            let all =
                source.numbered().filter(|(_, key, value)| key.eq_ignore_ascii_case(name) && value != ours);
            all.map(|(_, _, value)| value).collect()
        };
        let others = of(after);
        after.remove(name, |value| value != ours);
        let shown = |value: &String| match value.split_once(':') {
            Some((user, _)) => format!("{name} ({user})"),
            None => name.to_owned(),
        };
        let shown: Vec<String> = others.iter().map(shown).collect();
        let known = last.after.get(&file).map(|bytes| of(&MapSource::new(bytes.clone())));
        for (value, shown) in others.iter().zip(&shown) {
            if known.as_ref().is_some_and(|known| !known.contains(value)) {
                let name = file.name();
                self.foreign.push(format!(
                    "{name}: an entry for {shown}, which was not there after relayhost's run of {}",
                    last.time
                ));
            }
        }
        shown
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
        let all = parameters(desired, postfix, kind)?;
        let taken_back = self.take_back(&all, postfix, kind, last, &mut after);
        for (name, value) in all {
            let found = postfix.setting(name);
            let (now, wanted) = (words(found).join(", "), words(&value).join(", "));
            let shown =
                if found.is_empty() { "not set".into() } else { format!("`{}`", shown::value(found)) };
            // The type of relayhost's own tables is no choice of a person's: an upgrade changes it.
            let seen = as_ours(found, kind).join(", ");
            self.foreign_edit(name, Some(&seen), &wanted, last, &shown);
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
        if !changes.is_empty() || !taken_back.is_empty() {
            let before = postfix.main_cf.clone();
            self.actions.files.push(FileChange::MainCf(MainCfChange { before, after, changes, taken_back }));
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

/// Who may read and write a map: its source first, then its database.
fn mode_of(file: Managed, found: &MapFile) -> std::result::Result<String, String> {
    let of_database = || match &found.database {
        Database::Read { exposed, .. } => exposed.clone(),
        _ => None,
    };
    let good = if file.is_secret() { "root's, 0600" } else { "root's, and nobody else may write to it" };
    found.source_exposed.clone().or_else(of_database).map_or_else(|| Ok(good.to_owned()), Err)
}

/// Whether the database of a map has what its source says.
fn database_of(found: &MapFile) -> std::result::Result<String, String> {
    match &found.database {
        Database::NotNeeded => Ok("this kind of table needs none".to_owned()),
        Database::Missing => Err("there is no database; Postfix finds nothing".to_owned()),
        Database::Broken(reason) => Err(format!("the database cannot be read: {reason}")),
        Database::Read { entries, .. } => {
            if found.source.as_ref().is_some_and(|source| source.agrees_with(entries)) {
                Ok("is what the source says".to_owned())
            } else {
                Err("the database is not what its source says".to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::answers::Answers;
    use crate::model::answers::complete::complete;
    use crate::model::labels::Labels;
    use crate::model::observed::Observed;
    use crate::model::secret::Secret;
    use crate::model::state::order::Order;

    const OURS: &str = "[r.example.com]:587 u:p\n";
    const BARE: &str = "r.example.com old@example.com:secret\n";

    /// The plan for a host whose password table is this, and was that after the last run.
    fn plan(now: &str, before: Option<&str>) -> Plan {
        let text =
            "version = 1\n[relay]\nhost = \"r.example.com\"\n[auth]\nusername = \"u\"\npassword = \"p\"\n";
        let desired =
            complete(&Answers::parse("a", text.as_bytes()).unwrap(), Some(Secret::new("p"))).unwrap();
        let mut postfix = Postfix::with(&[]);
        let source = Some(MapSource::new(now.into()));
        postfix.maps.insert(Managed::SaslPasswd, MapFile { source, ..MapFile::default() });
        let mut last = LastRun { time: "T".into(), ..LastRun::default() };
        if let Some(before) = before {
            last.wrote.insert("sasl_passwd [r.example.com]:587".into(), mark("u:p", false));
            last.after.insert(Managed::SaslPasswd, before.into());
        }
        let observed = Observed {
            packages: std::collections::BTreeMap::new(),
            plugins: std::collections::BTreeSet::new(),
            link: None,
            labels: Labels::NotUsed,
            mail_command: None,
            last,
            postfix: Some(postfix),
            lacks: None,
            timer: None,
        };
        Plan::new(&desired, &observed).unwrap()
    }

    fn change(plan: &Plan) -> &MapChange {
        let is_map = |change: &FileChange| change.file() == Managed::SaslPasswd;
        match plan.actions.files.iter().find(|change| is_map(change)) {
            Some(FileChange::Map(change)) => change,
            _ => panic!("{:?}", plan.actions),
        }
    }

    #[test]
    fn an_entry_that_would_win_is_removed_with_a_word_and_one_of_later_is_an_edit_by_hand() {
        for now in [format!("{BARE}{OURS}"), format!("{OURS}{BARE}")] {
            for (before, is_edit) in [(None, false), (Some(now.as_str()), false), (Some(OURS), true)] {
                let plan = plan(&now, before);
                let MapChange { after, why, removed, .. } = change(&plan);
                assert_eq!(after.bytes(), OURS.as_bytes());
                assert_eq!(removed, &["r.example.com (old@example.com)"]);
                assert!(why.contains("r.example.com (old@example.com)"), "{why}");
                assert_eq!(plan.permit(Order::default()).is_err(), is_edit, "{before:?}: {:?}", plan.foreign);
                assert!(plan.permit(Order { force: true, ..Order::default() }).is_ok());
                assert!(!plan.foreign.concat().contains("secret") && !why.contains("secret"));
            }
        }
        assert!(change(&plan(OURS, Some(OURS))).removed.is_empty());
    }
}
