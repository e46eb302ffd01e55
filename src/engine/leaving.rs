//! Looks whether mail leaves: lists the queue, and folds into the record what is new in the log. Readers of the record fold
//! and never consume: what one has read is in the record for all.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use super::now;
use super::own::Own;
use super::queue::list_within;
use super::route::suspects;
use super::transaction::last_run;
use crate::error::{Error, Result};
use crate::model::causes::{Cause, hop};
use crate::model::desired::Desired;
use crate::model::inspection::queue::Waiting;
use crate::model::leaving::alerts::Alerts;
use crate::model::leaving::record::{Record, Source};
use crate::model::leaving::relay::Relay;
use crate::model::leaving::{InQueue, Leaving, Limits, Taken, Test};
use crate::model::log::line::time_of;
use crate::model::log::stamp::{Calendar, Seconds};
use crate::model::observed::Postfix;
use crate::model::postfix::maincf::MainCf;
use crate::model::postfix::managed::Managed;
use crate::model::postfix::own_names::OwnNames;
use crate::model::postfix::settings::{Settings, value};
use crate::model::state::last_drill::LastDrill;
use crate::model::state::last_probes::RefusedProbe;
use crate::model::text;
use crate::sys::{
    clock, files, host, journal, last_drill, last_probes, log_files, log_news, queue_files, state,
};

/// Time for the look at the queue.
const LISTING: Duration = Duration::from_secs(2);

/// A look that has begun.
#[derive(Debug)]
pub struct Look {
    relay: Relay,
    calendar: Calendar,
    now: Seconds,
    messages: Vec<Waiting>,
    /// The reason why there may be more; `None` if the queue was listed to its end.
    unlisted: Option<String>,
    /// The directory of the queue, of which it was seen that it is empty without asking Postfix.
    empty: Option<String>,
}

impl Look {
    /// Lists the queue. The log is read afterwards, so that it has the end of each message that is not there any more. A queue
    /// without a file needs no listing, which takes as long as all else: postqueue has Postfix start a process for it.
    pub fn begin(desired: &Desired) -> Result<Self> {
        let directory = queue_directory()?;
        if queue_files::is_empty(Path::new(&directory)) {
            let (calendar, now) = (calendar(), now());
            let empty = Some(directory);
            return Ok(Self {
                relay: Relay::of(desired),
                calendar,
                now,
                messages: Vec::new(),
                unlisted: None,
                empty,
            });
        }
        Self::listed(desired)
    }

    /// Lists the queue by Postfix's program.
    fn listed(desired: &Desired) -> Result<Self> {
        let relay = Relay::of(desired);
        let (calendar, now) = (calendar(), now());
        let add = |all: &mut Vec<Waiting>, message: &Waiting| all.push(message.clone());
        let (messages, end) = list_within(LISTING, &calendar, Vec::new, add);
        let unlisted = match end {
            Ok(()) => None,
            Err(error) if error.interruption().is_some() => return Err(error),
            Err(Error::Timeout { .. }) => {
                Some(format!("listing it takes longer than {} s", LISTING.as_secs()))
            }
            Err(error) => Some(error.to_string()),
        };
        Ok(Self { relay, calendar, now, messages, unlisted, empty: None })
    }

    /// Reads what is new in the log, and judges.
    pub fn end(self, desired: &Desired, postfix: &Postfix, limits: Limits) -> Result<Leaving> {
        // Another queue was looked at than that of the Postfix that was observed.
        if self.empty.as_ref().is_some_and(|directory| directory != postfix.setting("queue_directory")) {
            return Self::listed(desired)?.end(desired, postfix, limits);
        }
        let (lock, mut unknown) = (state::lock_leaving(), Vec::new());
        // What cannot be read is told elsewhere (`state.damaged`), and stays as it is until a run sets it aside.
        let known = state::leaving();
        let is_usable = known.is_ok();
        let records = known.ok().flatten().unwrap_or_default();
        let before = records.relays.get(&self.relay.key()).cloned().unwrap_or_default();
        let mut queue = InQueue::new(self.unlisted.clone());
        queue.begun = begun(&self.calendar);
        let alerts = Alerts::new(desired, postfix.setting("myorigin"), OwnNames::new(&postfix.settings));
        let own = Own::new(&postfix.settings)?;
        for message in &self.messages {
            queue.add(message, &self.relay, &alerts, |address| own.has(address));
        }
        unknown.extend(own.unknown());
        let record = self.fold(before.clone(), &queue, (postfix, &alerts), &mut unknown)?;
        // A write waits for the disk, and most looks have seen nothing new.
        let is_news = Record { looked: before.looked, ..record.clone() } != before;
        if let (true, Some(lock)) = (is_usable && is_news, &lock)
            && let Err(error) = state::write_leaving(&records.with(&self.relay, record.clone()), lock)
        {
            unknown.push(format!("the next look will not know what this one has seen: {error}"));
        }
        drop(lock);
        let proof = proof(desired, &self.calendar);
        let leaving = Leaving::new(&self.relay, &record, queue, proof, limits, unknown, postfix.has_route);
        // Where the journal has the mail log, no file was read.
        let leaving = leaving.by_ways(desired, &alerts.ways, &record, record.cursor.is_some());
        let mut leaving = leaving.changed_at(record.begun, login_changed(desired));
        leaving = leaving.after_test(tested(&self.calendar).filter(|test| Some(test.time) >= record.begun));
        leaving = leaving.after_drill(drilled(&self.calendar));
        leaving = leaving.after_probes(desired, &refused_probes(&self.calendar));
        leaving.configured = configured().max(record.begun);
        if leaving.is_contradicted {
            leaving = leaving.explained(|cause| explained(desired, postfix, cause));
        }
        Ok(leaving)
    }

    fn fold(
        &self,
        mut record: Record,
        queue: &InQueue,
        (postfix, alerts): (&Postfix, &Alerts),
        unknown: &mut Vec<String>,
    ) -> Result<Record> {
        let names = [host::hostname(), postfix.setting("myhostname").to_owned()];
        // Where Postfix writes its log itself, none of it is in the journal.
        let postlog = postfix.setting("maillog_file");
        let source = |certain| Source {
            relay: &self.relay,
            names: &names,
            calendar: &self.calendar,
            now: self.now,
            certain,
            alerts,
        };
        // A record of an earlier version has counted nothing.
        let has_place = record.cursor.is_some() || record.file.is_some();
        record.counted.since = record.counted.since.or(has_place.then_some(record.looked));
        (record.looked, record.begun) = (self.now, queue.begun);
        record.counted.keep(&alerts.ways, record.begun);
        let from_journal =
            if postlog.is_empty() { self.journal(&mut record, &source(true), unknown)? } else { false };
        let is_read = from_journal || self.file(&mut record, postlog, &source(false), unknown)?;
        // Of messages that have left the queue the log has the end, and this look may not have seen it.
        let ids: Option<&BTreeSet<String>> = (is_read && queue.unlisted.is_none()).then_some(&queue.ids);
        record.compare(ids, &queue.stuck, self.now);
        Ok(record)
    }

    /// Folds in the new entries of the journal. Returns whether it has the mail log.
    fn journal(&self, record: &mut Record, source: &Source, unknown: &mut Vec<String>) -> Result<bool> {
        let (cursor, mut begin) = (record.cursor.clone(), None);
        let read = journal::since(cursor.as_deref(), &mut |entries| {
            let mut block = String::new();
            if cursor.is_none() && begin.is_none() {
                record.counted.begin(entries.iter().find_map(|entry| entry.time));
            }
            for entry in entries {
                begin = begin.or(entry.time);
                block.push_str(&format!("{} {}\n", entry.time.unwrap_or(self.now), entry.line));
            }
            record.fold(block.as_bytes(), source);
        });
        match read {
            Ok(place) => {
                if place.is_behind {
                    unknown.push("the journal has more than one look reads; the next look reads on".into());
                }
                let has_it = place.cursor.is_some();
                record.since = record.since.or(begin);
                record.cursor = place.cursor;
                Ok(has_it)
            }
            Err(error) if error.interruption().is_some() => Err(error),
            Err(error) => {
                // journalctl refuses a cursor that is damaged; then the next look begins anew.
                if !matches!(error, Error::Timeout { .. }) {
                    record.cursor = None;
                }
                unknown.push(format!("the journal cannot be read: {error}"));
                Ok(false)
            }
        }
    }

    /// Folds in the new lines of the file. Returns whether it could be read.
    fn file(
        &self,
        record: &mut Record,
        postlog: &str,
        source: &Source,
        unknown: &mut Vec<String>,
    ) -> Result<bool> {
        let path = match log_files::file(postlog) {
            Ok(path) => path,
            Err(error) => {
                unknown.push(format!("what was sent is not known: {error}"));
                return Ok(false);
            }
        };
        let (mark, mut begin, before) = (record.file.clone(), None, record.order);
        let calendar = source.calendar;
        let news = log_news::read(&path, mark.as_ref(), &mut |block| {
            if begin.is_none() {
                let lines = block.split(|byte| *byte == b'\n');
                begin = lines.take(100).find_map(|line| time_of(line, calendar));
                if mark.is_none() {
                    record.counted.begin(begin);
                }
            }
            record.fold(block, source);
        });
        match news {
            Ok(news) => {
                record.since = record.since.or(begin);
                if news.missed || news.is_cut {
                    (record.missed, record.before_missed) = (Some(self.now), before);
                }
                if news.missed {
                    let text = "lines of the log since the last look are missing: it was turned over too often, or has grown by too much";
                    unknown.push(text.into());
                }
                record.file = Some(news.mark);
                Ok(true)
            }
            Err(error) if error.interruption().is_some() => Err(error),
            Err(error) => {
                unknown.push(format!("what was sent is not known: {error}"));
                Ok(false)
            }
        }
    }
}

/// The directory of the queue as main.cf has it, before Postfix was asked.
fn queue_directory() -> Result<String> {
    let main_cf = MainCf::new(files::read_whole(&Managed::MainCf.path())?.unwrap_or_default());
    Ok(main_cf
        .get("queue_directory")
        .unwrap_or_else(|| value(&Settings::new(), "queue_directory").to_owned()))
}

/// The cause of a failure, with the fault of this host that it comes from, if the way of an alert shows one.
fn explained(desired: &Desired, postfix: &Postfix, cause: Cause) -> Cause {
    let sender = desired.alert_sender(postfix.setting("myorigin"));
    let to = desired.verify.to.as_deref().unwrap_or_default();
    hop::explained(cause, &suspects(desired, postfix, &sender, to))
}

/// The last test message of `verify`, if it had no success.
fn tested(calendar: &Calendar) -> Option<Test> {
    let end = state::last_end().filter(|end| end.message)?;
    let (stamp, _) = calendar.read(&end.time)?;
    Some(Test {
        time: stamp.time,
        exit: end.exit,
        cause: text::one_line(&end.text),
        cause_id: end.cause_id,
        remedy: end.remedy.into(),
    })
}

/// The last probes of accounts and routes that were refused, by their tables.
fn refused_probes(calendar: &Calendar) -> BTreeMap<String, (Seconds, RefusedProbe)> {
    let all = last_probes::read().unwrap_or_default().refused.into_iter();
    all.filter_map(|(table, probe)| Some((table, (calendar.read(&probe.time)?.0.time, probe)))).collect()
}

/// The last drill, if it had no success.
fn drilled(calendar: &Calendar) -> Option<(Seconds, LastDrill)> {
    let drill = last_drill::read()?;
    let (stamp, _) = calendar.read(&drill.time)?;
    Some((stamp.time, drill))
}

/// The time of the last change by relayhost that is in force; `None`: it has changed nothing, or that is not known.
fn begun(calendar: &Calendar) -> Option<Seconds> {
    let last = last_run().ok()?;
    calendar.read(&last.time).map(|(stamp, _)| stamp.time)
}

/// The time of the last change of main.cf or master.cf.
fn configured() -> Option<Seconds> {
    let files = [Managed::MainCf.path(), "/etc/postfix/master.cf".into()];
    files.iter().filter_map(|path| files::changed(path)).max()
}

/// The last test message that this relay took.
fn proof(desired: &Desired, calendar: &Calendar) -> Option<Taken> {
    let proof = state::proof().filter(|proof| proof.relay == desired.relayhost())?;
    let (stamp, _) = calendar.read(&proof.time)?;
    Some(Taken { time: stamp.time, to: proof.to, reply: proof.reply, certain: true })
}

/// The time of the last change of the table with the login; `None` where there is no login, or where one is by a token: its
/// renewals are changes too, and prove themselves.
fn login_changed(desired: &Desired) -> Option<Seconds> {
    let has_password = !desired.username().is_empty() && desired.apps().next().is_none();
    has_password.then(|| files::changed(&Managed::SaslPasswd.path())).flatten()
}

/// Whether the login was changed after the last test message that the relay took: what is in order may still be wrong.
pub fn is_login_untried(desired: &Desired) -> bool {
    proof(desired, &calendar()).is_some_and(|proof| Some(proof.time) < login_changed(desired))
}

/// This host's zone, and now.
pub fn calendar() -> Calendar {
    Calendar::new(clock::zone(), now())
}
