//! Reads a mail log for failures: the host's own, together with the host's answers, its Postfix, and the faults that
//! no log shows; or any file, of whose host nothing is known.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use super::Place;
use super::load;
use super::looks::look;
use super::observe::{observe, postfix_of};
use crate::error::{Error, Result};
use crate::model::causes::{About, Circumstances};
use crate::model::desired::Desired;
use crate::model::ended::{Diagnosed, Told};
use crate::model::inspection;
use crate::model::log::Reader;
use crate::model::log::follow::{Follower, Question};
use crate::model::log::hosts::is_same;
use crate::model::log::line::time_of;
use crate::model::log::report::{Owner, Report};
use crate::model::log::stamp::{Calendar, Seconds, Since};
use crate::model::log::story::Narrator;
use crate::model::message::trail::Author;
use crate::model::observed::{Observed, Postfix};
use crate::model::plan::{Finding, Plan, Remedy, State};
use crate::sys::log_files::{self, Log, Own};
use crate::sys::{clock, dns, host, postfix, signals};

/// The span of the host's own log that is read without `--since`, in seconds.
const DAY: Seconds = 86_400;

/// The command that looks at this host again.
const THIS: &str = "relayhost diagnose";

/// Name of the source that is no file.
const JOURNAL: &str = "the journal";

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
struct Known {
    desired: Option<Desired>,
    observed: Option<Observed>,
    /// Postfix, where there are no answers to observe by.
    postfix: Option<Postfix>,
    names: Vec<String>,
    relay: OnceCell<dns::Identity>,
    /// Findings about facts that could not be had: a main.cf that Postfix cannot read is a failure, and no reason to be
    /// silent.
    amiss: Vec<Finding>,
    trouble: Vec<String>,
}

impl Known {
    fn of_this_host(asked: &Asked) -> Result<Self> {
        let mut known = Self::nothing();
        if asked.answers.is_some() || load::is_answered() {
            match load::load(asked.answers.as_deref().unwrap_or(Path::new(load::DEFAULT))) {
                Ok(desired) => known.desired = Some(desired),
                Err(error) if asked.answers.is_some() => return Err(error),
                Err(error) => known.trouble.push(format!("{error}; so nothing is known of what is wanted")),
            }
        }
        let seen = match &known.desired {
            Some(desired) => observe(desired, Place::Host).map(|observed| known.observed = Some(observed)),
            None if postfix::is_installed() => {
                postfix_of(Place::Host).map(|found| known.postfix = Some(found))
            }
            None => Ok(()),
        };
        if let Err(error) = seen {
            known.amiss.push(finding("setting.unreadable", error.to_string(), Remedy::Say(error.hint(THIS))));
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
            relay: OnceCell::new(),
            amiss: Vec::new(),
            trouble: Vec::new(),
        }
    }

    fn postfix(&self) -> Option<&Postfix> {
        self.observed.as_ref().and_then(|observed| observed.postfix.as_ref()).or(self.postfix.as_ref())
    }

    /// The host's circumstances for one message. They are unknown for a message of another host, or for another relay.
    fn circumstances(&self, about: &About) -> Circumstances {
        let (Some(desired), Some(observed)) = (&self.desired, &self.observed) else {
            return Circumstances::unknown(about);
        };
        let is_ours = about.host.is_empty() || self.names.iter().any(|name| is_same(name, about.host));
        let is_relay = |(name, address, port): (&str, &str, u16)| {
            let relay = self.relay.get_or_init(|| dns::Identity::new(&desired.relay.host));
            port == desired.relay.port && relay.is(name, address)
        };
        if !is_ours || !about.relay.is_none_or(is_relay) {
            return Circumstances::unknown(about);
        }
        let origin = self.postfix().map_or("", |postfix| postfix.setting("myorigin"));
        let alerts = desired.alert_sender(origin);
        let sender = if about.sender.is_empty() { &alerts } else { about.sender };
        Circumstances::new(desired, observed, sender, about.to)
    }

    /// Domains whose mail is to leave the host: that of the test recipient.
    fn elsewhere(&self) -> Vec<String> {
        let to = self.desired.as_ref().and_then(|desired| desired.verify.to.as_ref());
        let domain = to.and_then(|to| to.rsplit('@').next()).map(str::to_owned);
        let is_own = |domain: &String| self.names.iter().any(|name| name.eq_ignore_ascii_case(domain));
        domain.into_iter().filter(|domain| !is_own(domain)).collect()
    }

    fn findings(&self, calendar: &Calendar, now: Seconds) -> Result<Vec<Finding>> {
        let Some(postfix) = self.postfix() else {
            let missing =
                || vec![finding("package.postfix", "Postfix is not installed".into(), Remedy::Apply)];
            return Ok(if self.amiss.is_empty() { missing() } else { self.amiss.clone() });
        };
        let plan = match (&self.desired, &self.observed) {
            (Some(desired), Some(observed)) => Some(Plan::new(desired, observed)?),
            _ => None,
        };
        let about = About { relay: None, sender: "", to: "", host: "" };
        let sight = look(postfix, calendar, now, &|| self.circumstances(&about))?;
        Ok(inspection::findings(&sight, plan.as_ref(), calendar))
    }
}

fn with_hint(error: &Error) -> String {
    format!("{error}; to mend it: {}", error.hint(THIS))
}

fn finding(id: &str, found: String, remedy: Remedy) -> Finding {
    Finding { id: id.into(), state: State::Differs, found, remedy: Some(remedy) }
}

/// Reads the log, and looks at the host if the log is its own.
pub fn diagnose(asked: &Asked) -> Result<Diagnosed> {
    let now = i64::try_from(clock::unix()).unwrap_or_default();
    let calendar = Calendar::new(clock::zone(), now);
    let own = asked.files.is_empty();
    let known = if own { Known::of_this_host(asked)? } else { Known::nothing() };
    let since = asked.since.map(|since| since.time(&calendar, now)).or(own.then_some(now - DAY));
    let circumstances = |about: &About| known.circumstances(about);
    let question = Question { since, elsewhere: known.elsewhere(), circumstances: &circumstances };
    let reading = Reading { asked, calendar: &calendar, now, since: since.unwrap_or_default() };
    let postlog = known.postfix().map_or("", |postfix| postfix.setting("maillog_file"));
    let (log, sources, trouble) = match &asked.queue_id {
        None => {
            let mut follower = Follower::new(question);
            let (sources, trouble) = reading.read(postlog, &mut follower)?;
            let owner = Owner { names: known.names.clone(), strict: own };
            let report = Report::new(&follower, &owner);
            if !own && !report.has_postfix && report.failures.is_empty() {
                return Err(Error::Log {
                    name: sources.join(", "),
                    problem: "has no line that Postfix wrote".into(),
                    remedy: "name a mail log; its lines have `postfix/DAEMON[PID]:` in them".into(),
                });
            }
            (Told::All(report), sources, trouble)
        }
        Some(queue_id) => {
            let mut narrator = Narrator::new(queue_id, question);
            let (sources, trouble) = reading.read(postlog, &mut narrator)?;
            if own && sources.is_empty() {
                return Err(Error::Log {
                    name: "the mail log of this host".into(),
                    problem: format!("could not be read: {}", trouble.join("; ")),
                    remedy: "mend that, or name the file that has it".into(),
                });
            }
            if narrator.story.steps.is_empty() {
                return Err(Error::Log {
                    name: sources.join(", "),
                    problem: format!("says nothing of {queue_id}"),
                    remedy: "read further back (--since 7d), or name the file that has it".into(),
                });
            }
            (Told::One(narrator.story), sources, trouble)
        }
    };
    let mut trouble = [known.trouble.clone(), trouble].concat();
    let findings = if own && asked.queue_id.is_none() {
        known.findings(&calendar, now).unwrap_or_else(|error| {
            trouble.push(format!("{error}; so the host was not looked at"));
            Vec::new()
        })
    } else {
        Vec::new()
    };
    // Of the journal, only what root and Postfix sent is read.
    let is_journal = own && sources.as_slice() == [JOURNAL];
    let author = if is_journal { Author::Postfix } else { Author::Anybody };
    Ok(Diagnosed { log, sources, trouble, findings, own, author, calendar: calendar.clone() })
}

struct Reading<'a> {
    asked: &'a Asked,
    calendar: &'a Calendar,
    now: Seconds,
    since: Seconds,
}

impl Reading<'_> {
    /// Feeds every source. Returns their names, and what could not be read.
    fn read(&self, postlog: &str, reader: &mut dyn Reader) -> Result<(Vec<String>, Vec<String>)> {
        let paths = if self.asked.files.is_empty() {
            match log_files::own(postlog, self.since) {
                Ok(Own::Files(paths)) => paths,
                // The host can still be looked at.
                Err(error @ (Error::NoLog | Error::Log { .. })) => {
                    return Ok((Vec::new(), vec![with_hint(&error)]));
                }
                Err(error) => return Err(error),
                Ok(Own::Journal) => {
                    reader.source(self.calendar.clone());
                    log_files::journal(self.since, |block| reader.feed(block))?;
                    return Ok((vec![JOURNAL.into()], Vec::new()));
                }
            }
        } else {
            self.asked.files.clone()
        };
        let (mut sources, mut trouble, mut order) = (Vec::new(), Vec::new(), Vec::new());
        for path in paths {
            match self.begin(path) {
                Ok(begun) => order.push(begun),
                // If one of the host's own files is gone or empty, that is no reason to say nothing of the others.
                Err(error) if self.asked.files.is_empty() => trouble.push(with_hint(&error)),
                Err(error) => return Err(error),
            }
        }
        order.sort_by_key(|begun| begun.time);
        for begun in order {
            let log = match begun.log {
                Some(log) => log,
                None => log_files::open(&begun.path, self.asked.files.is_empty())?,
            };
            sources.push(log.name.clone());
            reader.source(begun.calendar);
            if let Err(error) = log.blocks(|block| reader.feed(block)) {
                signals::check()?;
                trouble.push(format!("{error}; what came before that was read"));
            }
        }
        Ok((sources, trouble))
    }

    /// Opens a source to read its first time stamp. A file is closed again: only one at a time is unpacked.
    fn begin(&self, path: PathBuf) -> Result<Begun> {
        let log = log_files::open(&path, self.asked.files.is_empty())?;
        if log.head.is_empty() && !log.is_file && path != Path::new("-") {
            return Err(Error::Log {
                name: log.name,
                problem: "is a FIFO or a pipe, and nothing came out of it".into(),
                remedy: "name a file, or pipe the log into `relayhost diagnose -`".into(),
            });
        }
        if log.head.is_empty() {
            return Err(Error::Log {
                name: log.name,
                problem: "is empty".into(),
                remedy: if self.asked.files.is_empty() {
                    "see that `logger -p mail.info hello` leaves a line in it; if not, `systemctl restart rsyslog`".into()
                } else {
                    "name the file that the mail log was rotated to, such as /var/log/maillog-20261122 or /var/log/maillog.1.gz".into()
                },
            });
        }
        // A line is not younger than its file, whatever the clock says now: it may have been set back since.
        let latest = log.changed.unwrap_or(self.now);
        let calendar = self.calendar.before(latest);
        let time = log.head.split(|c| *c == b'\n').find_map(|line| time_of(line, &calendar));
        let log = (!log.is_file).then_some(log);
        Ok(Begun { time, path, calendar, log })
    }
}

/// A source whose first time stamp was read.
struct Begun {
    time: Option<Seconds>,
    path: PathBuf,
    calendar: Calendar,
    /// The open source, if it cannot be opened twice.
    log: Option<Log>,
}
