//! Reads a mail log for failures: the host's own, together with the host's answers, its Postfix, and the faults that
//! no log shows; or any file, of whose host nothing is known.

mod callers;
mod question;
pub mod tail;
mod ways;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::Place;
use super::compare::with_way;
use super::load;
use super::looks::look;
use super::observe::{observe, postfix_of};
use super::reading::{Found, JOURNAL, Reading, THIS};
use super::route::Met;
use super::transaction::last_run;
use crate::error::{Error, Result};
use crate::model::causes::hop::{PREFIX, Suspect, past};
use crate::model::causes::{About, Circumstances};
use crate::model::desired::{Desired, WayOut};
use crate::model::ended::{Diagnosed, FromLog};
use crate::model::inspection;
use crate::model::log::Reader;
use crate::model::log::follow::Follower;
use crate::model::log::hosts::is_same;
use crate::model::log::paste::{Paste, Seen};
use crate::model::log::report::{Failure, Owner, Report};
use crate::model::log::stamp::{Calendar, Seconds, Since};
use crate::model::log::story::Narrator;
use crate::model::message::trail::Author;
use crate::model::observed::{Observed, Postfix, PostfixPart};
use crate::model::plan::{Finding, Plan, Remedy, State};
use crate::model::postfix::managed::Managed;
use crate::model::routes::Route;
use crate::model::text::counted;
use crate::sys::{clock, files, host, postfix, state};
use ways::Ways;

/// The span of the host's own log that is read without `--since`, in seconds.
const DAY: Seconds = 86_400;

/// The question that `diagnose` is asked.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Files to read; none: the host's own log.
    pub files: Vec<PathBuf>,
    /// Time from which on the log is read.
    pub since: Option<Since>,
    /// Queue id of the one message to tell of; `None`: all messages.
    pub queue_id: Option<String>,
    /// The answers, if somebody named them; otherwise the host's, which need not be there.
    pub answers: Option<PathBuf>,
}

/// Facts about this host.
struct HostFacts {
    desired: Option<Desired>,
    observed: Option<Observed>,
    /// Postfix, where there are no answers to observe by.
    postfix: Option<Postfix>,
    names: Vec<String>,
    ways: Ways,
    /// Findings about facts that could not be had: a main.cf that Postfix cannot read is a failure, and no reason to be
    /// silent.
    amiss: Vec<Finding>,
    trouble: Vec<String>,
    /// Whether the host has no answers that could be applied.
    is_unanswered: bool,
}

/// What is wrong with the host beside its log.
#[derive(Default)]
struct Faults {
    findings: Vec<Finding>,
    plan: Option<Plan>,
    /// The ways of the answers on which messages wait, by their numbers.
    waiting: BTreeSet<Option<usize>>,
}

impl HostFacts {
    fn of_this_host(asked: &Asked) -> Result<Self> {
        let mut known = Self::nothing();
        if asked.answers.is_some() || load::is_answered() {
            match load::load(asked.answers.as_deref().unwrap_or(Path::new(load::DEFAULT))) {
                Ok(desired) => known.desired = Some(desired),
                Err(error) if asked.answers.is_some() => return Err(error),
                Err(error) => known.trouble.push(format!("{error}; so nothing is known of what is wanted")),
            }
        }
        known.is_unanswered = asked.answers.is_none() && !load::is_answered();
        let seen = match &known.desired {
            Some(desired) => observe(desired, Place::Host).map(|observed| known.observed = Some(observed)),
            None if postfix::is_installed() => {
                postfix_of(Place::Host).map(|found| known.postfix = Some(found))
            }
            None => Ok(()),
        };
        if let Err(error) = seen {
            known.amiss.push(finding("setting.unreadable", error.to_string(), Remedy::say(error.hint(THIS))));
        }
        if let Some(own) = known.postfix().map(|postfix| postfix.setting("myhostname").to_owned()) {
            known.names.push(own);
        }
        Ok(known)
    }

    fn nothing() -> Self {
        let names = vec![host::hostname()];
        Self {
            desired: None,
            observed: None,
            postfix: None,
            names,
            ways: Ways::default(),
            amiss: Vec::new(),
            trouble: Vec::new(),
            is_unanswered: false,
        }
    }

    fn postfix(&self) -> Option<&Postfix> {
        self.observed.as_ref().and_then(|observed| observed.postfix.as_ref()).or(self.postfix.as_ref())
    }

    /// The host's circumstances for one message. They are unknown for a message of another host, or for another relay.
    fn circumstances(&self, about: &About) -> Circumstances {
        let is_ours = about.host.is_empty() || self.names.iter().any(|name| is_same(name, about.host));
        let Some(postfix) = self.postfix().filter(|_| is_ours) else {
            return Circumstances::unknown(about).unanswered(self.is_unanswered);
        };
        let tried = |desired| about.relay.and_then(|relay| self.ways.tried(desired, relay, about.sender));
        let tried = self.desired.as_ref().and_then(tried);
        let is_first = |_| self.desired.is_none() || tried.is_some_and(|way| way.table.is_none());
        let at_relay = about.relay.map(is_first);
        let Met { mut suspects, user } =
            self.ways.met(self.desired.as_ref(), postfix, about.sender, about.example);
        // Mail that came to the relay has been led there.
        suspects.retain(|suspect| {
            let leads_elsewhere = ["filter", "alias", "transport"].contains(&suspect.hop);
            !leads_elsewhere || at_relay != Some(true) && tried.is_none()
        });
        // The entry and the level of TLS of a fallback relay are its own.
        let mut fallbacks = self.desired.iter().flat_map(|desired| &desired.fallbacks);
        if tried.is_some_and(|way| fallbacks.any(|fallback| fallback.table == way.table)) {
            suspects.retain(|suspect| !["login", "tls"].contains(&suspect.hop));
        }
        let circumstances = match (&self.desired, &self.observed) {
            (Some(desired), Some(observed)) if at_relay != Some(false) => {
                let alerts = desired.alert_sender(postfix.setting("myorigin"));
                let sender = if about.sender.is_empty() { &alerts } else { about.sender };
                Circumstances::new(desired, observed, sender, about.to)
            }
            _ => Circumstances::unknown(about),
        };
        let user = user.filter(|_| at_relay != Some(false));
        let circumstances = circumstances.of(about).relayed_by(postfix.setting("relayhost"));
        let circumstances = circumstances.routed(postfix.has_route).logged_in_as(user).with(suspects);
        let circumstances = match &self.desired {
            Some(desired) if at_relay != Some(true) => at_other(circumstances, desired, tried, about),
            _ => circumstances,
        };
        circumstances.unanswered(self.is_unanswered)
    }

    /// The faults of the host, the plan if there is one, and the ways on which messages wait.
    fn findings(&self, calendar: &Calendar, now: Seconds) -> Result<Faults> {
        let Some(postfix) = self.postfix() else {
            let missing = || {
                let found = match postfix::lacks() {
                    Some(PostfixPart::MainCf) => Error::NoMainCf.to_string(),
                    _ => "Postfix is not installed".into(),
                };
                vec![finding("package.postfix", found, Remedy::Apply)]
            };
            let findings = if self.amiss.is_empty() { missing() } else { self.amiss.clone() };
            return Ok(Faults { findings, ..Faults::default() });
        };
        let plan = match (&self.desired, &self.observed) {
            (Some(desired), Some(observed)) => {
                let answered = self.ways.answered(desired, postfix);
                Some(with_way(desired, observed, answered.map(|answered| &answered.alert))?)
            }
            _ => None,
        };
        let about = About::default();
        let sight = look(postfix, calendar, now, &|| self.circumstances(&about), &self.by_envelope())?;
        let mut findings = inspection::findings(&sight, plan.as_ref(), calendar);
        if plan.is_none() {
            let known = self.ways.met(None, postfix, "", "").suspects;
            findings.extend(known.into_iter().filter(Suspect::is_fault).map(|suspect| {
                let state = if suspect.fault.stops { State::Differs } else { State::Warning };
                let Suspect { hop, fault, .. } = suspect;
                Finding { state, ..finding(&format!("{PREFIX}{hop}"), fault.text, Remedy::say(fault.remedy)) }
            }));
        }
        let waiting = sight.queue.map(|queue| queue.ways).unwrap_or_default();
        Ok(Faults { findings, plan, waiting })
    }

    /// The faults of the host beside its log: how the last run ended, if it had no success, and then the others. Causes in
    /// the report lose what cannot have been their reason, and their remedies become those that `apply` takes.
    fn beside(
        &self,
        report: &mut Report,
        calendar: &Calendar,
        now: Seconds,
        trouble: &mut Vec<String>,
    ) -> Vec<Finding> {
        let Faults { findings: mut seen, plan, waiting } =
            self.findings(calendar, now).unwrap_or_else(|error| {
                trouble.push(format!("{error}; so the host was not looked at"));
                Faults::default()
            });
        // Any user can write a line that says that a relay took mail, and none can empty the queue.
        if seen.iter().any(|finding| finding.id == inspection::WAITING) {
            report.failures.iter_mut().for_each(|one| one.wait_on(&waiting));
        }
        if let Some(postfix) = self.postfix() {
            let suspects = self.ways.met(self.desired.as_ref(), postfix, "", "").suspects;
            let own = Managed::ALL.iter().filter(|file| !file.is_on_demand());
            let changed = own.map(|file| file.path()).chain([postfix::MASTER_CF.into()]);
            let changed = changed.filter_map(|path| files::modified(&path)).max();
            let is_past = |one: &&mut Failure| one.taken.is_some() && one.tally.waiting == 0;
            for one in report.failures.iter_mut().filter(is_past) {
                one.cause = past(one.cause.clone(), &suspects, one.tally.last < changed);
            }
        }
        callers::name(&mut report.failures, self.desired.as_ref().zip(self.postfix()));
        if let Some(plan) = &plan {
            for finding in &mut seen {
                plan.allow(finding);
            }
            report.failures.iter_mut().for_each(|one| one.cause.remedy = plan.allowed(&one.cause.remedy));
        }
        if self.is_unanswered {
            for finding in &mut seen {
                finding.remedy = finding.remedy.as_ref().map(Remedy::unanswered);
            }
        }
        last_run_that_failed().into_iter().chain(seen).collect()
    }
}

/// The circumstances of an attempt at another relay than the first, or at the server of a route: those of its own table. Of one
/// that came to no server, the recipient's route tells the table.
fn at_other(known: Circumstances, desired: &Desired, tried: Option<&WayOut>, about: &About) -> Circumstances {
    let route = desired.route_of(about.example).map(Route::goal);
    let Some((name, ..)) = about.relay else {
        return route.into_iter().fold(known, |known, goal| known.at(desired, None, &goal));
    };
    let goal = tried.map(WayOut::next_hop).filter(|_| route.is_none()).or(route);
    let host = tried.map_or(name, |way| &way.relay.host);
    goal.into_iter().fold(known, |known, goal| known.at(desired, Some(host), &goal))
}

fn finding(id: &str, found: String, remedy: Remedy) -> Finding {
    Finding { id: id.into(), state: State::Differs, found, remedy: Some(remedy) }
}

/// How the last run ended, if it had no success and nothing came later.
pub fn last_run_that_failed() -> Option<Finding> {
    let (change, proof) = (last_run().unwrap_or_default().time, state::proof());
    let proof = proof.map(|proof| proof.time).unwrap_or_default();
    let changed = files::modified(Path::new(load::DEFAULT)).map(clock::moment).unwrap_or_default();
    state::last_end()?.finding(&[&change, &proof], &changed)
}

/// Reads the log, and looks at the host if the log is its own.
pub fn diagnose(asked: &Asked) -> Result<Diagnosed> {
    let now = i64::try_from(clock::unix()).unwrap_or_default();
    let calendar = Calendar::new(clock::zone(), now);
    let own = asked.files.is_empty();
    let known = if own { HostFacts::of_this_host(asked)? } else { HostFacts::nothing() };
    let since = asked.since.map(|since| since.time(&calendar, now)).or(own.then_some(now - DAY));
    let (circumstances, way) = (known.by_message(), known.by_envelope());
    let question = known.question(since, &circumstances, &way);
    let reading = Reading { files: &asked.files, calendar: &calendar, now, since: since.unwrap_or_default() };
    let postlog = known.postfix().map_or("", |postfix| postfix.setting("maillog_file"));
    let mut seen = Seen::default();
    let mut read = |reader: &mut dyn Reader| {
        if own {
            return reading.read(postlog, reader);
        }
        let mut paste = Paste::new(reader);
        let found = reading.read(postlog, &mut paste)?;
        seen = paste.end();
        Ok(found)
    };
    let (mut log, Found { sources, trouble: read_badly, unopened }) = match &asked.queue_id {
        None => {
            let mut follower = Follower::new(question);
            let found = read(&mut follower)?;
            let owner = Owner { names: known.names.clone(), strict: own };
            let report = Report::new(&follower, &owner);
            // A listing of the queue without a failure says something, too.
            if !own && !report.has_postfix && report.failures.is_empty() && !seen.queue {
                return Err(nothing(&found.sources, &seen));
            }
            (FromLog::All(report), found)
        }
        Some(queue_id) => narrated(Narrator::new(queue_id, question), queue_id, own, &mut read)?,
    };
    // What no other file has may be in the one that could not be opened.
    if let (false, Some(error), FromLog::All(report)) = (own, unopened, &log)
        && report.failures.is_empty()
    {
        return Err(error);
    }
    let mut trouble = [known.trouble.clone(), read_badly].concat();
    let findings = match &mut log {
        FromLog::All(report) if own => known.beside(report, &calendar, now, &mut trouble),
        _ => Vec::new(),
    };
    let notes = named(seen.notes, &sources).chain(waiting(&log, own, &findings)).collect();
    // Of the journal, only what root and Postfix sent is read.
    let author = if own && sources.as_slice() == [JOURNAL] { Author::Postfix } else { Author::Anybody };
    Ok(Diagnosed { log, sources, trouble, notes, findings, own, author, calendar: calendar.clone() })
}

/// Notes, each with the name of its source where there are several.
fn named(notes: Vec<(usize, String)>, sources: &[String]) -> impl Iterator<Item = String> {
    let several = sources.len() > 1;
    notes.into_iter().map(move |(source, note)| match sources.get(source) {
        Some(name) if several => format!("{name}: {note}"),
        _ => note,
    })
}

/// A note about the messages in this host's queue, which Postfix tries again by itself, but late.
fn waiting(log: &FromLog, own: bool, findings: &[Finding]) -> Option<String> {
    let FromLog::All(report) = log else { return None };
    let all = report.failures.iter().filter(|failure| failure.ours).map(|failure| failure.tally.waiting);
    let number: u64 = all.sum();
    let is_said = findings.iter().any(|finding| finding.id == inspection::WAITING);
    (own && number > 0 && !is_said).then(|| {
        format!(
            "{} in the queue: Postfix tries each again within 70 minutes or so (maximal_backoff_time); `postqueue -f` after \
             the remedy tries all at once",
            counted(number, "message")
        )
    })
}

/// Reads all logs into this reader.
type Read<'a> = dyn FnMut(&mut dyn Reader) -> Result<Found> + 'a;

/// The story of one message, with what `read` returned. An error if the logs do not have the message.
fn narrated(mut narrator: Narrator, queue_id: &str, own: bool, read: &mut Read) -> Result<(FromLog, Found)> {
    let found = read(&mut narrator)?;
    if own && found.sources.is_empty() {
        return Err(Error::Log {
            name: "the mail log of this host".into(),
            problem: format!("could not be read: {}", found.trouble.join("; ")),
            remedy: "mend that, or name the file that has it".into(),
        });
    }
    if narrator.story.steps.is_empty() {
        return Err(Error::Log {
            name: found.sources.join(", "),
            problem: format!("says nothing of {queue_id}"),
            remedy: "read further back (--since 7d), or name the file that has it".into(),
        });
    }
    Ok((FromLog::One(narrator.story), found))
}

/// The error for an input that has neither a line of Postfix nor a piece of one.
fn nothing(sources: &[String], seen: &Seen) -> Error {
    let names: Vec<&str> = seen.mailers.iter().map(|mailer| mailer.name()).collect();
    let problem = match names.as_slice() {
        [] => {
            "has no line that Postfix wrote, no relay's reply, no listing of the queue and no bounce".into()
        }
        names => format!(
            "has lines of {}, none of them a failure, and none that Postfix wrote",
            names.join(" and ")
        ),
    };
    Error::Log {
        name: sources.join(", "),
        problem,
        remedy: "name a mail log; its lines have `postfix/DAEMON[PID]:` in them, whatever is in front".into(),
    }
}
